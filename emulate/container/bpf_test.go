package container

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/testneed"
)

func kernelScenarios() map[string]scenario {
	return map[string]scenario{
		"bpf":            {nil, devicePrograms},
		"bpf limits":     {nil, deviceLimits},
		"quotas":         {prepareTree, quotas},
		"machine quotas": {nil, machineQuotas},
		"clocks":         {nil, clocks},
		"narrow":         {nil, narrow},
		"loaded":         {nil, loaded},
		"bpf nobody":     {nil, nobodysPrograms},
		"other bpf":      {nil, otherPrograms},
		"odd affairs":    {nil, oddAffairs},
		"huge pages":     {prepareTree, hugePages},
		"interpreters":   {prepareTree, interpreters},
		"limited":        {nil, limited},
	}
}

// code is a program that gives a number: one that allows everything, or nothing.
func code(result byte) []byte {
	return []byte{0xb7, 0, 0, 0, result, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0}
}

// A field is a number in a bpfUnion: of 8 bytes if it is a uintptr, of 4 otherwise.
type field struct {
	at    int
	value any
}

func unionOf(fields ...field) bpfUnion {
	b := make(bpfUnion, bpfKnown)
	for _, f := range fields {
		if v, ok := f.value.(uintptr); ok {
			b.put64(f.at, v)
		} else {
			b.put32(f.at, uint32(f.value.(int)))
		}
	}
	return b
}

func callBPF(cmd int, b bpfUnion, size int) (int, error) {
	return rawFD(unix.SYS_BPF, uintptr(cmd), address(b), uintptr(size))
}

func loadUnion(code []byte, more ...field) bpfUnion {
	return unionOf(append([]field{{loadType, unix.BPF_PROG_TYPE_CGROUP_DEVICE}, {loadCount, len(code) / 8}, {loadCode, address(code)},
		{loadLicense, str("GPL")}}, more...)...)
}

// load loads a program and reports how it went.
func (c *container) load(step string, code []byte, more ...field) int {
	fd, err := callBPF(unix.BPF_PROG_LOAD, loadUnion(code, more...), bpfKnown)
	c.err("load "+step, err)
	return fd
}

func (c *container) attach(step string, cmd, group, program, flags int, more ...field) {
	_, err := callBPF(cmd, unionOf(append([]field{{attachTarget, group}, {attachProg, program}, {attachKind, unix.BPF_CGROUP_DEVICE}, {attachFlags, flags}},
		more...)...), bpfKnown)
	c.err(step, err)
}

// query reports how many programs there are.
func (c *container) query(step string, group, flags, room int) {
	ids := make([]byte, 4*room+4)
	b := unionOf(field{queryTarget, group}, field{queryKind, unix.BPF_CGROUP_DEVICE}, field{8, flags}, field{queryIDs, address(ids)}, field{queryCount, room})
	_, err := callBPF(unix.BPF_PROG_QUERY, b, bpfKnown)
	c.err("query "+step, err)
	known := 0
	for i := range room + 1 {
		if !bytes.Equal(ids[4*i:4*i+4], make([]byte, 4)) {
			known++
		}
	}
	c.say("queried "+step, fmt.Sprint("flags ", b.u32(queryAttachFlags), " programs ", b.u32(queryCount), " ids ", known))
}

// inGroup opens /dev/null in a group.
func (c *container) inGroup(step, group string) {
	out, err := exec.Command("sh", "-c", "echo 0 >"+group+"/cgroup.procs && exec cat /dev/null").CombinedOutput()
	_, said, _ := strings.Cut(string(out), ": ")
	c.say(step, fmt.Sprint(err, " ", said))
}

func openGroup(path string) int {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	must("open "+path, err)
	return fd
}

func devicePrograms(c *container) {
	own := c.plan.Group
	sub := own + "/sub"
	c.err("mkdir", os.Mkdir(sub, 0o755))
	group, base := openGroup(sub), openGroup(own)
	allow, deny := c.load("allow", code(1)), c.load("deny", code(0))
	flags, err := unix.FcntlInt(uintptr(allow), unix.F_GETFD, 0)
	c.err("flags", err)
	c.say("close on exec", itoa(flags))
	c.inGroup("before", sub)
	for _, multi := range []int{allowMulti, 0, allowOverride} {
		name := fmt.Sprint(" with ", multi)
		c.attach("attach"+name, unix.BPF_PROG_ATTACH, group, deny, multi)
		c.query("attached"+name, group, 0, 4)
		c.inGroup("denied"+name, sub)
		c.attach("attach the other"+name, unix.BPF_PROG_ATTACH, group, allow, multi)
		c.query("both"+name, group, 0, 1)
		c.inGroup("with both"+name, sub)
		c.attach("replace"+name, unix.BPF_PROG_ATTACH, group, allow, multi|replaceOne, field{attachReplace, deny})
		c.query("effective"+name, group, 1, 8)
		c.attach("detach"+name, unix.BPF_PROG_DETACH, group, deny, 0)
		c.attach("detach the other"+name, unix.BPF_PROG_DETACH, group, allow, 0)
		c.attach("detach nothing"+name, unix.BPF_PROG_DETACH, group, allow, 0)
		c.query("none"+name, group, 0, 4)
		c.inGroup("after"+name, sub)
	}
	inner := own + "/inner"
	must("mkdir", os.Mkdir(inner, 0o755))
	must("move", os.WriteFile(inner+"/cgroup.procs", []byte("0"), 0))
	c.attach("attach beside the own", unix.BPF_PROG_ATTACH, group, allow, allowMulti)
	c.attach("detach beside the own", unix.BPF_PROG_DETACH, group, allow, 0)
	must("move back", os.WriteFile(own+"/cgroup.procs", []byte("0"), 0))
	must("rmdir", os.Remove(inner))
	c.attach("attach to the outermost", unix.BPF_PROG_ATTACH, base, allow, allowMulti)
	c.query("outermost", base, 0, 8)
	c.attach("replace there", unix.BPF_PROG_ATTACH, base, deny, allowMulti|replaceOne, field{attachReplace, allow})
	c.attach("detach there", unix.BPF_PROG_DETACH, base, deny, 0)
	c.oddPrograms(group, allow)
	must("rmdir", os.Remove(sub))
}

// oddPrograms passes arguments that no program would.
func (c *container) oddPrograms(group, program int) {
	const bad = uintptr(8)
	log := func(step string, code []byte, size int, more ...field) {
		buf := make([]byte, size+8)
		b := loadUnion(code, append([]field{{loadLogLevel, 1}, {loadLogSize, size}, {loadLog, address(buf)}}, more...)...)
		_, err := callBPF(unix.BPF_PROG_LOAD, b, bpfKnown)
		c.err("log "+step, err)
		text, _, _ := strings.Cut(string(buf), "verification time")
		c.say("log says "+step, strings.TrimRight(text, "\x00"))
		if !strings.Contains(step, "time") { // how long that is in digits differs
			c.say("log size "+step, itoa(int(b.u32(loadLogTrue))))
		}
	}
	log("falls off", code(1)[:8], 4096)
	log("is small", code(1)[:8], 130)
	log("is too small", code(1)[:8], 1)
	log("time", code(1), 4096)
	log("nowhere of a good one, a long time", code(1), 4096, field{loadLog, bad})
	log("of no level", code(1), 4096, field{loadLogLevel, 0})
	log("of a bad level", code(1), 4096, field{loadLogLevel, 1 << 10})
	log("nowhere", code(1)[:8], 4096, field{loadLog, bad})
	log("null", code(1), 4096, field{loadLog, uintptr(0)})
	log("huge", code(1), 4096, field{loadLogSize, 1 << 30})
	for _, s := range []struct {
		name   string
		fields []field
	}{
		{"no code", []field{{loadCode, uintptr(0)}}}, {"bad code", []field{{loadCode, bad}}}, {"no instructions", []field{{loadCount, 0}}},
		{"too many instructions", []field{{loadCount, maxCode + 1}}}, {"more than there are", []field{{loadCount, maxCode}}},
		{"no license", []field{{loadLicense, uintptr(0)}}}, {"bad license", []field{{loadLicense, bad}}},
		{"long license", []field{{loadLicense, str(strings.Repeat("x", 300))}}}, {"license at an edge", []field{{loadLicense, edge("GPL")}}},
		{"bad flags", []field{{loadFlags, 1 << 30}}}, {"sleepable", []field{{loadFlags, 1 << 4}}}, {"name", []field{{48, 0x00787878}}},
		{"bad name", []field{{48, 0x00782f78}}}, {"attach type", []field{{loadAttach, unix.BPF_CGROUP_DEVICE}}},
	} {
		c.load(s.name, code(1), s.fields...)
	}
	load := loadUnion(code(1))
	for _, size := range []int{4, 8, 16, 24, 40, 72, 140, 144, 160, bpfKnown} {
		_, err := callBPF(unix.BPF_PROG_LOAD, load, size)
		c.err("size "+itoa(size), err)
	}
	large := append(load, make([]byte, 8192)...)
	for _, size := range []int{4096, 4097, 1 << 31} {
		_, err := callBPF(unix.BPF_PROG_LOAD, large, size)
		c.err("size "+itoa(size), err)
	}
	large[4000] = 1
	_, err := callBPF(unix.BPF_PROG_LOAD, large, 4096)
	c.err("something behind", err)
	c.err("null", raw(unix.SYS_BPF, unix.BPF_PROG_LOAD, 0, 72))
	c.err("bad", raw(unix.SYS_BPF, unix.BPF_PROG_LOAD, bad, 72))
	c.err("upper bits of the size", raw(unix.SYS_BPF, unix.BPF_PROG_LOAD, address(load), 1<<32+72))
	c.err("unknown command", raw(unix.SYS_BPF, 1000, address(load), 72))
	c.err("negative command", raw(unix.SYS_BPF, ^uintptr(0), address(load), 72))
	file, err := unix.Open("/media", unix.O_PATH, 0)
	must("open", err)
	for _, cmd := range []int{unix.BPF_PROG_ATTACH, unix.BPF_PROG_DETACH} {
		name := fmt.Sprint(" ", cmd)
		c.attach("no program"+name, cmd, group, 999, allowMulti)
		c.attach("negative program"+name, cmd, group, -1, allowMulti)
		c.attach("a directory for a program"+name, cmd, group, file, allowMulti)
		c.attach("no group"+name, cmd, 999, program, allowMulti)
		c.attach("another directory"+name, cmd, file, program, allowMulti)
		c.attach("something behind"+name, cmd, group, program, allowMulti, field{100, 1})
	}
	c.attach("bad flags", unix.BPF_PROG_ATTACH, group, program, 1<<20)
	c.attach("both flags", unix.BPF_PROG_ATTACH, group, program, allowMulti|allowOverride)
	c.attach("replace nothing", unix.BPF_PROG_ATTACH, group, program, allowMulti|replaceOne, field{attachReplace, 999})
	c.attach("unknown kind", unix.BPF_PROG_ATTACH, group, program, 0, field{attachKind, 9999})
	c.query("nothing", group, 0, 0)
	c.query("flags", group, 1<<10, 4)
	c.query("no group", 999, 0, 4)
	c.info("program", program)
	c.info("no descriptor", 999)
	c.info("a directory", file)
}

// info asks what a descriptor is.
func (c *container) info(step string, fd int) {
	info := make(bpfUnion, 300)
	b := unionOf(field{infoFD, fd}, field{infoSize, len(info)}, field{infoAt, address(info)})
	_, err := callBPF(unix.BPF_OBJ_GET_INFO_BY_FD, b, 16)
	c.err("info "+step, err)
	c.say("told "+step, fmt.Sprint(info.u32(0), info.u32(4) > 0, b.u32(infoSize)))
}

// otherPrograms makes every command with nothing, and with descriptors that are no good.
func otherPrograms(c *container) {
	file, err := unix.Open("/media", unix.O_PATH, 0)
	must("open", err)
	refused := map[int]bool{unix.BPF_OBJ_PIN: true, unix.BPF_OBJ_GET: true, unix.BPF_LINK_CREATE: true, 38: true}
	for cmd := range 45 {
		if refused[cmd] {
			continue
		}
		for _, fd := range []int{0, -1, 999, file} {
			b := unionOf(field{0, fd}, field{4, fd}, field{12, fd}, field{16, fd}, field{20, fd})
			for _, size := range []int{0, 4, 16, 40, bpfKnown} {
				step := fmt.Sprint("command ", cmd, " descriptor ", fd, " size ", size)
				if fd == file {
					step = fmt.Sprint("command ", cmd, " directory, size ", size)
				}
				_, err := callBPF(cmd, b, size)
				c.err(step, err)
			}
		}
	}
	for _, kind := range []int{0, 1, 2, 5, 9, 18, 25, 27, 100} {
		_, err := callBPF(unix.BPF_PROG_LOAD, loadUnion(code(1), field{loadType, kind}), bpfKnown)
		c.err(fmt.Sprint("load a program of type ", kind), err)
	}
	for kind := range 40 {
		_, err := callBPF(unix.BPF_MAP_CREATE, unionOf(field{0, kind}, field{4, 4}, field{8, 4}, field{12, 1}), bpfKnown)
		c.err(fmt.Sprint("make a map of type ", kind), err)
	}
}

// TestOtherPrograms compares with a program that has no rights: what is not about devices is the caller's own.
func TestOtherPrograms(t *testing.T) {
	needRoot(t)
	for _, p := range []plan{{}, {User: true}} {
		p.Scenario, p.Drop = "other bpf", true
		same(t, native(t, p), supervised(t, p, supervision{}))
	}
}

// makeGroups makes a group for a test, with one in it for the container.
func makeGroups(t *testing.T, owner int) (outer, own string) {
	t.Helper()
	needRoot(t)
	top, ok := groups{}.mount()
	if !ok {
		testneed.Missing(t, "needs a hierarchy of control groups of the second version")
	}
	outer, err := os.MkdirTemp(top, "stead-test-")
	if err != nil {
		testneed.Missing(t, "needs control groups that can be made: %v", err)
	}
	own = outer + "/ct"
	t.Cleanup(func() {
		filepath.WalkDir(own, func(path string, _ os.DirEntry, _ error) error { //nolint:errcheck // what is left is said below
			defer os.Remove(path) // files do not go, directories with others in them neither
			return nil
		})
		for _, dir := range []string{own + "/sub", own, outer} {
			if err := os.Remove(dir); err != nil && !os.IsNotExist(err) {
				t.Errorf("control group: %v", err)
			}
		}
	})
	for _, err := range []error{os.Mkdir(own, 0o755), os.Chmod(outer, 0o755), os.Chown(own, owner, owner), os.Chown(own+"/cgroup.procs", owner, owner)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return outer, own
}

// TestDevicePrograms: programs are loaded and attached as root's are.
func TestDevicePrograms(t *testing.T) {
	outer, own := makeGroups(t, 0)
	p := plan{Scenario: "bpf", Group: own}
	list := native(t, p)
	p.Drop = true
	same(t, list, supervised(t, p, supervision{}))
	want{"load allow": "ok", "denied with 2": "exit status 1 /dev/null: Operation not permitted\n", "log falls off": "invalid argument"}.check(t, list)
	if err := os.Chown(outer, 0, 0); err != nil {
		t.Fatal(err)
	}
}

// TestDeviceProgramsInUserNamespace: the same where root is nobody.
func TestDeviceProgramsInUserNamespace(t *testing.T) {
	_, root := makeGroups(t, 0)
	list := native(t, plan{Scenario: "bpf", Group: root})
	_, own := makeGroups(t, 100000)
	same(t, list, supervised(t, plan{Scenario: "bpf", Group: own, User: true, Drop: true}, supervision{}))
}

// deviceLimits tries what no container may.
func deviceLimits(c *container) {
	own := c.plan.Group
	sub := own + "/sub"
	c.err("mkdir", os.Mkdir(sub, 0o755))
	group, base, outer := openGroup(sub), openGroup(own), openGroup(filepath.Dir(own))
	top := openGroup(filepath.Dir(filepath.Dir(own)))
	allow := c.load("allow", code(1))
	call := func(source byte, number byte) []byte {
		return append([]byte{0x85, source << 4, 0, 0, number, 0, 0, 0}, code(1)...)
	}
	c.load("helper", call(0, 5)) // bpf_ktime_get_ns
	c.load("kernel function", call(2, 1))
	c.load("map", append([]byte{0x18, 0x11, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, code(1)...))
	c.load("may_goto", append([]byte{0xe5, 0, 0, 0, 0, 0, 0, 0}, code(1)...))
	c.load("own function", append(append([]byte{0x85, 1 << 4, 0, 0, 1, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0}, code(1)...), []byte{}...))
	c.load("types", code(1), field{loadRest, 3})
	c.load("for a device", code(1), field{loadDevice, 1})
	c.load("for another place", code(1), field{loadAttach, 1})
	c.load("token", code(1), field{loadFlags, bpfTokenFD})
	c.load("socket filter", code(1), field{loadType, unix.BPF_PROG_TYPE_SOCKET_FILTER})
	c.load("kprobe", code(1), field{loadType, unix.BPF_PROG_TYPE_KPROBE})
	packets := c.load("packet filter", code(1), field{loadType, unix.BPF_PROG_TYPE_CGROUP_SKB})
	_, err := callBPF(unix.BPF_PROG_ATTACH, unionOf(field{attachTarget, group}, field{attachProg, packets}, field{attachKind, unix.BPF_CGROUP_INET_EGRESS}), bpfKnown)
	c.err("attach packet filter", err)
	_, err = callBPF(unix.BPF_PROG_LOAD, unionOf(), 0)
	c.err("no size", err)
	for name, fd := range map[string]int{"above": outer, "the machine": top} {
		c.attach("attach "+name, unix.BPF_PROG_ATTACH, fd, allow, allowMulti)
		c.attach("detach "+name, unix.BPF_PROG_DETACH, fd, allow, 0)
		c.query(name, fd, 0, 4)
	}
	c.attach("detach the maker's", unix.BPF_PROG_DETACH, base, -1, 0)
	c.attach("detach the maker's by another", unix.BPF_PROG_DETACH, base, allow, 0)
	c.attach("exclusive", unix.BPF_PROG_ATTACH, base, allow, 0)
	c.attach("replace the maker's", unix.BPF_PROG_ATTACH, base, allow, allowMulti|replaceOne, field{attachReplace, 999})
	c.attach("below", unix.BPF_PROG_ATTACH, group, c.load("deny", code(0)), allowMulti)
	c.inGroup("denied below", sub)
	c.attach("before", unix.BPF_PROG_ATTACH, group, allow, allowMulti|1<<3)
	c.attach("beside", unix.BPF_PROG_ATTACH, group, allow, allowMulti, field{attachBeside, 3})
	_, err = callBPF(unix.BPF_LINK_CREATE, unionOf(field{0, allow}, field{4, outer}, field{8, unix.BPF_CGROUP_DEVICE}), bpfKnown)
	c.err("link", err)
	_, err = callBPF(unix.BPF_MAP_CREATE, unionOf(field{0, unix.BPF_MAP_TYPE_ARRAY}, field{4, 4}, field{8, 4}, field{12, 1}), bpfKnown)
	c.err("array", err)
	_, err = callBPF(unix.BPF_PROG_GET_NEXT_ID, unionOf(), 8)
	c.err("next", err)
	_, err = callBPF(unix.BPF_MAP_LOOKUP_ELEM, unionOf(field{0, -1}), 32)
	c.err("lookup", err)
	_, err = callBPF(unix.BPF_OBJ_GET, unionOf(field{0, str("/sys/fs/bpf/x")}), 32)
	c.err("pinned", err)
	must("rmdir", os.Remove(sub))
}

// TestDeviceLimits: the container's programs do nothing beyond the container, and nothing that its maker's did is undone.
func TestDeviceLimits(t *testing.T) {
	const denied = "operation not permitted"
	for _, p := range []plan{{}, {User: true}, {Seen: true}} {
		_, own := makeGroups(t, 100000)
		release := hostProgram(t, own, 1, allowMulti)
		p.Scenario, p.Group, p.Drop = "bpf limits", own, true
		w := want{"load allow": "ok", "load packet filter": "ok", "load own function": "ok", "below": "ok", "lookup": "bad file descriptor", "detach the maker's by another": "no such file or directory",
			"denied below": "exit status 1 /dev/null: Operation not permitted\n"}
		for _, step := range []string{"load helper", "load kernel function", "load map", "load may_goto", "no size", "attach packet filter", "load types", "load for a device", "load for another place",
			"load token", "load socket filter", "load kprobe", "attach above", "detach above", "query above", "attach the machine", "detach the machine",
			"query the machine", "detach the maker's", "exclusive", "replace the maker's", "before", "beside", "link",
			"array", "next", "pinned"} {
			w[step] = denied
		}
		w.check(t, supervised(t, p, supervision{}))
		release()
	}
}

// hostProgram attaches a program as the machine's root.
func hostProgram(t *testing.T, group string, result byte, flags int) (release func()) {
	t.Helper()
	program, err := callBPF(unix.BPF_PROG_LOAD, loadUnion(code(result)), bpfKnown)
	if err != nil {
		testneed.Missing(t, "needs the right to load programs: %v", err)
	}
	dir := openGroup(group)
	change := func(cmd int) {
		b := unionOf(field{attachTarget, dir}, field{attachProg, program}, field{attachKind, unix.BPF_CGROUP_DEVICE}, field{attachFlags, flags})
		if cmd == unix.BPF_PROG_DETACH {
			b.put32(attachFlags, 0)
		}
		if _, err := callBPF(cmd, b, bpfKnown); err != nil {
			t.Fatal(err)
		}
	}
	change(unix.BPF_PROG_ATTACH)
	return func() {
		change(unix.BPF_PROG_DETACH)
		unix.Close(program)
		unix.Close(dir)
	}
}

// TestDeviceProgramsOfNobody: who shares a control group with the supervisor is in no container's.
func TestDeviceProgramsOfNobody(t *testing.T) {
	outer, own := makeGroups(t, 0)
	for _, p := range []plan{{}, {Seen: true}} {
		p.Scenario, p.Drop, p.Args = "bpf nobody", true, []string{own, outer}
		want{"load": "ok", "attach": "operation not permitted", "above": "operation not permitted"}.check(t, supervised(t, p, supervision{}))
	}
}

func nobodysPrograms(c *container) {
	allow, err := callBPF(unix.BPF_PROG_LOAD, loadUnion(code(1)), bpfKnown)
	c.err("load", err)
	c.attach("attach", unix.BPF_PROG_ATTACH, openGroup(c.plan.Args[0]), allow, allowMulti)
	c.attach("above", unix.BPF_PROG_ATTACH, openGroup(c.plan.Args[1]), allow, allowMulti)
}

// TestGroupPaths is about what the supervisor sees from a control group namespace.
func TestGroupPaths(t *testing.T) {
	for _, test := range []struct {
		path  string
		depth int
		want  string
		ok    bool
	}{
		{"/a/b/c", 2, "/a/b", true}, {"/a/b/c", 3, "/a/b/c", true}, {"/a", 0, "/", true}, {"/", 0, "/", true}, {"/a", 2, "", false}, {"/a", -1, "", false},
	} {
		if got, ok := cutTo(test.path, test.depth); got != test.want || ok != test.ok {
			t.Errorf("%s, %d: %q, %v", test.path, test.depth, got, ok)
		}
	}
	for _, test := range []struct {
		own, seen string
		want      int
	}{{"/", "/", 0}, {"/", "/../..", 2}, {"/sup", "/../../sup", 2}, {"/a/sup", "/../sup", 2}, {"/a/ct/sub", "/sub", 2}, {"/a", "/..a", 0}, {"/a/ct", "/", 2}} {
		if got := depthOf(test.own, test.seen); got != test.want {
			t.Errorf("%s seen as %s: %d, want %d", test.own, test.seen, got, test.want)
		}
	}
	for _, test := range []struct {
		path, top string
		want      bool
	}{{"/a/b", "/a", true}, {"/a", "/a", true}, {"/ab", "/a", false}, {"/a", "/a/b", false}, {"/a", "/", true}, {"/", "/", true}} {
		if got := isBelow(test.path, test.top); got != test.want {
			t.Errorf("%s below %s: %v", test.path, test.top, got)
		}
	}
}

// TestDeviceProgramYields: what would make another's program yield is not attached.
func TestDeviceProgramYields(t *testing.T) {
	outer, own := makeGroups(t, 0)
	defer hostProgram(t, outer, 1, allowOverride)()
	p := plan{Scenario: "bpf limits", Group: own, Drop: true}
	want{"load allow": "ok", "below": "operation not permitted", "exclusive": "operation not permitted"}.check(t, supervised(t, p, supervision{}))
}
