package container

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/testneed"
)

// childEnv makes the test binary a program in a container, or what makes the container.
const childEnv = "STEAD_CONTAINER_TEST"

// A plan is what a child does.
type plan struct {
	Scenario string
	User     bool // in a user namespace of its own
	Drop     bool // without CAP_SYS_ADMIN and CAP_MKNOD
	PID      bool // in a pid namespace of its own
	Chroot   bool
	Inside   bool     // it is in its namespaces already
	Group    string   // the control group that it begins in
	Seen     bool     // in the supervisor's control group namespace
	Peers    bool     // its mounts stay what they are when its mount namespace is made
	FUSE     bool     // everybody may use /dev/fuse
	Groups   []string // directories of control groups that it is in
	Args     []string
}

func TestMain(m *testing.M) {
	text := os.Getenv(childEnv)
	if text == "" {
		os.Exit(m.Run())
	}
	var p plan
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(125)
	}
	if !p.Inside {
		os.Exit(p.enter())
	}
	p.run()
}

func (p plan) environ() []string {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	return []string{childEnv + "=" + string(text), "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
}

// enter makes the container's namespaces and runs the plan in them.
func (p plan) enter() int {
	p.Inside = true
	if p.Group != "" {
		must("control group", os.WriteFile(p.Group+"/cgroup.procs", []byte("0"), 0))
	}
	if p.FUSE {
		openFUSE()
	}
	for _, dir := range p.Groups {
		must("control group", os.WriteFile(dir+"/cgroup.procs", []byte("0"), 0))
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env, cmd.Stdout, cmd.Stderr = p.environ(), os.Stdout, os.Stderr
	runtime.LockOSThread() // the signal comes when the thread ends
	attr := &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL, Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS}
	if p.Seen {
		attr.Cloneflags &^= unix.CLONE_NEWCGROUP
	}
	if p.User {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 100000, Size: 65536}}
		if os.Getuid() == 0 {
			attr.UidMappings, attr.GidMappings = ids, ids
			attr.Credential, attr.GidMappingsEnableSetgroups = &syscall.Credential{}, true
		} else {
			attr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
			attr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
		}
	}
	if p.PID {
		attr.Cloneflags |= unix.CLONE_NEWPID
	}
	cmd.SysProcAttr = attr
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "enter:", err)
		return 1
	}
	return 0
}

// openFUSE gives whoever is started from this thread a /dev/fuse that everybody may use.
func openFUSE() {
	runtime.LockOSThread()
	must("unshare", unix.Unshare(unix.CLONE_NEWNS|unix.CLONE_FS))
	must("private mounts", unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	must("work directory", unix.Mount("work", "/media", "tmpfs", 0, "mode=755"))
	unix.Umask(0)
	must("device", unix.Mknod("/media/fuse", unix.S_IFCHR|0o666, int(unix.Mkdev(10, 229))))
	unix.Umask(0o22)
	must("/dev/fuse", unix.Mount("/media/fuse", "/dev/fuse", "", unix.MS_BIND, ""))
}

// run is the program in the container.
func (p plan) run() {
	runtime.LockOSThread()
	if p.Scenario == "outside" {
		inNoContainer(&container{plan: p, out: json.NewEncoder(os.Stdout)})
		os.Exit(0)
	}
	if p.Scenario == "serve" {
		serve()
	}
	if !p.Peers {
		must("private mounts", unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	}
	if !p.Peers || p.Args != nil && p.Args[0] == "work" {
		must("work directory", unix.Mount("work", "/media", "tmpfs", 0, "mode=755"))
	}
	if p.Chroot {
		p.enterChroot()
	}
	s, ok := scenario{}, false
	for _, group := range []map[string]scenario{scenarios(), grantScenarios(), systemScenarios(), holeScenarios(), faultScenarios(), trickScenarios()} {
		if found, there := group[p.Scenario]; there {
			s, ok = found, true
		}
	}
	if !ok {
		s, ok = kernelScenarios()[p.Scenario]
	}
	if !ok {
		s, ok = viewScenarios()[p.Scenario]
	}
	if !ok {
		s, ok = fuseScenarios()[p.Scenario]
	}
	if !ok {
		must("scenario", fmt.Errorf("no %q", p.Scenario))
	}
	c := &container{plan: p, out: json.NewEncoder(os.Stdout)}
	if s.prepare != nil {
		s.prepare(c)
	}
	if p.Drop {
		must("drop", dropCapabilities(lentRights()...))
	}
	s.run(c)
	os.Exit(0)
}

// lentRights are what a plan's program has not, and rules lend.
func lentRights() []int {
	return []int{unix.CAP_SYS_ADMIN, unix.CAP_MKNOD, unix.CAP_BPF, unix.CAP_PERFMON, unix.CAP_SYS_TIME}
}

// enterChroot leaves little but /media and the machine's programs.
func (p plan) enterChroot() {
	for _, dir := range []string{"usr", "proc", "dev", "media", "tmp"} {
		must("chroot", os.MkdirAll("/media/root/"+dir, 0o755))
	}
	for _, dir := range []string{"/usr", "/proc", "/dev"} {
		must("chroot "+dir, unix.Mount(dir, "/media/root"+dir, "", unix.MS_BIND|unix.MS_REC, ""))
	}
	must("chroot media", unix.Mount("work", "/media/root/media", "tmpfs", 0, "mode=755"))
	for _, link := range []string{"bin", "lib", "lib64", "sbin"} {
		must("chroot link", os.Symlink("usr/"+link, "/media/root/"+link))
	}
	must("chroot", unix.Chroot("/media/root"))
	must("chdir", unix.Chdir("/"))
}

func must(what string, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, what+":", err)
		os.Exit(124)
	}
}

// dropCapabilities takes capabilities from the calling thread.
func dropCapabilities(list ...int) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	for _, c := range list {
		bit := uint32(1) << (c % 32)
		data[c/32].Effective &^= bit
		data[c/32].Permitted &^= bit
		data[c/32].Inheritable &^= bit
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0); err != nil {
			return err
		}
	}
	return unix.Capset(&header, &data[0])
}

// A container is what a scenario's functions use. What they report is compared.
type container struct {
	plan plan
	out  *json.Encoder
}

// A report is a step's outcome.
type report struct{ Step, Result string }

func (c *container) say(step string, result string) {
	must("report", c.out.Encode(report{step, result}))
}

// err reports a step's errno.
func (c *container) err(step string, err error) {
	text := "ok"
	if err != nil {
		text = err.Error()
	}
	c.say(step, text)
}

// mounts reports what is mounted below /media.
func (c *container) mounts(step string) { c.say(step, strings.Join(mountsBelow("/media"), "\n")) }

// mountsBelow is mountinfo without what differs from one run to the next: the ids of mounts and devices (proc_pid_mountinfo(5)).
func mountsBelow(dir string) (list []string) {
	text, err := os.ReadFile("/proc/thread-self/mountinfo")
	must("mountinfo", err)
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if !strings.HasPrefix(f[4], dir) {
			continue
		}
		rest := strings.Join(f[6:], " ")
		for _, word := range []string{"shared:", "master:", "propagate_from:"} {
			if i := strings.Index(rest, word); i >= 0 {
				rest = rest[:i] + word + "N" + strings.TrimLeft(rest[i+len(word):], "0123456789")
			}
		}
		list = append(list, strings.Join(f[3:6], " ")+" "+rest)
	}
	return list
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		testneed.Missing(t, "needs root, to make containers")
	}
}

// native runs a plan without a supervisor.
func native(t *testing.T, p plan) []report {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = p.environ()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("natively: %v: %s", err, stderr.String())
	}
	return parseReports(t, out)
}

func parseReports(t *testing.T, out []byte) (list []report) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(out))
	for dec.More() {
		var r report
		if err := dec.Decode(&r); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		list = append(list, r)
	}
	return list
}

// same compares two runs step by step.
func same(t *testing.T, want, got []report) {
	t.Helper()
	if len(want) == 0 {
		t.Error("nothing was done")
	}
	byStep := map[string]string{}
	for _, r := range got {
		byStep[r.Step] = r.Result
	}
	seen := map[string]bool{}
	for _, w := range want {
		if seen[w.Step] {
			t.Errorf("%s: two steps have this name", w.Step)
			continue
		}
		seen[w.Step] = true
		if g, ok := byStep[w.Step]; !ok {
			t.Errorf("%s: not done when performed; natively %s", w.Step, indent(w.Result))
		} else if g != w.Result {
			t.Errorf("%s:\n  natively  %s\n  performed %s", w.Step, indent(w.Result), indent(g))
		}
		delete(byStep, w.Step)
	}
	for step, result := range byStep {
		t.Errorf("%s: done only when performed: %s", step, indent(result))
	}
}

func indent(s string) string { return strings.ReplaceAll(s, "\n", "\n           ") }

// within fails a test that hangs.
func within(t *testing.T, limit time.Duration, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(limit):
		t.Fatalf("not within %v", limit)
	}
}
