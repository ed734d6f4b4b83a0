package container

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/internal/testneed"
	"github.com/stead-project/stead/policy"
)

// quotas asks for and sets the quotas of a file system in an image. What the kernel has no quotas for, it says so of.
func quotas(c *container) {
	must("mkdir", os.MkdirAll("/media/q/a", 0o755))
	if c.plan.Drop {
		must("mount", unix.Mount(c.plan.Args[0], "/media/q", "ext4", 0, ""))
	} else {
		out, err := exec.Command("mount", "-o", "loop", c.plan.Args[0], "/media/q").CombinedOutput()
		must("mount "+string(out), err)
	}
	mount := mountFrom("/proc/self/mountinfo", deviceOf("/media/q"))
	device := string(mount[len(mount)-2])
	fd, err := unix.Open("/media/q", unix.O_PATH, 0)
	must("open", err)
	file, err := unix.Open("/media", unix.O_PATH, 0)
	must("open", err)
	must("work file", os.WriteFile("/media/aquota", nil, 0o644))
	const bad = 8
	room := func(text string) uintptr { return address(append([]byte(text), make([]byte, 256)...)) }
	for _, cmd := range quotaCommands() {
		for kind := range uintptr(4) {
			op := uintptr(cmd.cmd)<<typeBits | kind
			for _, data := range []struct {
				name string
				at   uintptr
			}{{"room", address(make([]byte, 256))}, {"nothing", 0}, {"bad", bad}, {"path", room("/media/aquota")}, {"no path", room("/media/none/x")}} {
				step := fmt.Sprintf("%#x %s", op, data.name)
				c.err(step, raw(unix.SYS_QUOTACTL, op, str(device), 77, data.at))
				c.err(step+" by descriptor", raw(unix.SYS_QUOTACTL_FD, uintptr(fd), op, 77, data.at))
			}
			step, room := fmt.Sprintf("%#x", op), room("")
			for name, special := range map[string]uintptr{"null": 0, "bad": bad, "none": str("/media/none"), "directory": str("/media"),
				"character device": str("/dev/null"), "long": str("/" + strings.Repeat("x", 5000)), "empty": str("")} {
				c.err(step+" special "+name, raw(unix.SYS_QUOTACTL, op, special, 0, room))
			}
			c.err(step+" closed", raw(unix.SYS_QUOTACTL_FD, 999, op, 0, room))
			c.err(step+" elsewhere", raw(unix.SYS_QUOTACTL_FD, uintptr(file), op, 0, room))
		}
	}
	for _, op := range []uintptr{0, 0x80000f00, 0x580a00, 1 << 31, 0xffffffff} {
		c.err(fmt.Sprintf("unknown %#x", op), raw(unix.SYS_QUOTACTL, op, str(device), 0, address(make([]byte, 256))))
	}
	c.err("unmapped id", raw(unix.SYS_QUOTACTL, 0x80000700, str(device), 1<<20, address(make([]byte, 256))))
	unix.Close(fd)
	c.err("umount", unix.Unmount("/media/q", 0))
}

func deviceOf(path string) []byte {
	var st unix.Stat_t
	must("stat", unix.Stat(path, &st))
	return fmt.Appendf(nil, "%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))
}

// TestQuotas compares with the machine's root.
func TestQuotas(t *testing.T) {
	needRoot(t)
	for _, program := range []string{"mkfs.ext4", "debugfs"} {
		if _, err := exec.LookPath(program); err != nil {
			testneed.Missing(t, "needs %s: %v", program, err)
		}
	}
	p := plan{Scenario: "quotas", Args: []string{makeImage(t)}}
	list := native(t, p)
	w := want{"0x80000700 room": kernelSays(list, "0x80000700 room"), "0x80000300 room": kernelSays(list, "0x80000300 room"), "umount": "ok"}
	for step, said := range w {
		if said == "operation not permitted" {
			t.Errorf("natively %s: %s, which shows nothing", step, said)
		}
	}
	p.Drop = true
	s := supervision{grant: policy.Grant{Sources: under("")}}
	same(t, list, supervised(t, p, s))
	p.User = true
	w["unmapped id"] = kernelSays(list, "unmapped id")
	if w["unmapped id"] != "function not implemented" {
		w["unmapped id"] = "invalid argument"
	}
	w.check(t, supervised(t, p, s))
}

func kernelSays(list []report, step string) string {
	for _, r := range list {
		if r.Step == step {
			return r.Result
		}
	}
	return ""
}

// machineQuotas is about a file system that the machine has mounted.
func machineQuotas(c *container) {
	fd, err := unix.Open(c.plan.Args[0], unix.O_PATH, 0)
	must("open", err)
	c.err("another's", raw(unix.SYS_QUOTACTL_FD, uintptr(fd), 0x80000700, 4321, address(make([]byte, 256))))
	c.err("format", raw(unix.SYS_QUOTACTL_FD, uintptr(fd), 0x80000400, 0, address(make([]byte, 256))))
}

// TestMachineQuotas: the machine's file systems are what they were.
func TestMachineQuotas(t *testing.T) {
	needRoot(t)
	p := plan{Scenario: "machine quotas", Args: []string{"/"}}
	list := native(t, p)
	if said := kernelSays(list, "another's"); said == "function not implemented" || said == "operation not permitted" {
		testneed.Missing(t, "needs a file system at / with quota operations: %s", said)
	}
	p.Drop = true
	want{"another's": "operation not permitted", "format": kernelSays(list, "format")}.check(t, supervised(t, p, supervision{}))
}

func TestQuotaIDs(t *testing.T) {
	ranges := parseRanges([]byte("         0     100000      65536\n 70000 5 10\nx\n"))
	for _, test := range []struct {
		ids         idMap
		inside, out uint32
		ok          bool
	}{
		{idMap{all: true}, 7, 7, true}, {idMap{}, 0, 0, false}, {idMap{ranges: ranges}, 0, 100000, true}, {idMap{ranges: ranges}, 65535, 165535, true},
		{idMap{ranges: ranges}, 65536, 65536, false}, {idMap{ranges: ranges}, 70009, 14, true}, {idMap{ranges: ranges}, 70010, 70010, false},
	} {
		out, ok := test.ids.out(test.inside)
		if ok != test.ok || ok && out != test.out {
			t.Errorf("%v: %d is %d (%v), want %d (%v)", test.ids, test.inside, out, ok, test.out, test.ok)
		}
		back := make(bpfUnion, 4)
		back.put32(0, test.out)
		test.ids.in(back)
		if ok && back.u32(0) != test.inside {
			t.Errorf("%v: %d comes back as %d", test.ids, test.inside, back.u32(0))
		}
	}
	nobody := make(bpfUnion, 4)
	nobody.put32(0, 99999)
	ids := idMap{ranges: ranges}
	if ids.in(nobody); nobody.u32(0) != ^uint32(0) {
		t.Errorf("an id without a mapping is %d", nobody.u32(0))
	}
}

// TestNarrowQuota: what i386 gets is what the kernel would write there.
func TestNarrowQuota(t *testing.T) {
	b := make([]byte, statSize)
	for i := range b {
		b[i] = byte(i)
	}
	c := quotaCommandOf(0x580500)
	got := narrowed(&c, b)
	want := bytes.Join([][]byte{b[:8], b[8:28], b[32:52], b[56:76]}, nil)
	if !bytes.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if isNarrow(arch.X86_64) || !isNarrow(arch.I386) {
		t.Error("it is i386 whose structures are narrow")
	}
	if c = quotaCommandOf(0x80000700); len(narrowed(&c, b)) != narrowDQ {
		t.Errorf("%d bytes", len(narrowed(&c, b)))
	}
}
