package container

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/internal/testneed"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/unotify"
	"github.com/stead-project/stead/unotify/launch"
	"github.com/stead-project/stead/unotify/unotifytest"
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

// A supervision is how a plan is run under a supervisor.
type supervision struct {
	options  Options
	grant    policy.Grant                            // as a rule says it
	decide   func(r *policy.Request) policy.Decision // nil: everything is performed
	pid      func(pid int)                           // told of the program
	narrow   bool                                    // every call of another ABI is notified, too
	finder   mountFinder                             // the best that is used
	byChild  bool                                    // proc as before Linux 6.17
	old      bool                                    // overlay as before Linux 6.7
	signals  bool                                    // any signal ends the program's waiting for an answer
	deadline time.Duration
	notify   []unix.SockFilter                   // nil: of the native calls
	source   func(emulate.Source) emulate.Source // nil: the listener itself
}

var hideOnce sync.Once

// supervised runs a plan with the family's calls performed.
func supervised(t *testing.T, p plan, s supervision) []report {
	t.Helper()
	list, err := s.run(t, p)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func (s supervision) run(t testing.TB, p plan) ([]report, error) {
	t.Helper()
	hideOnce.Do(func() { must("dumpable", unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)) })
	targets, err := unotify.NewTargets(unotify.TargetsOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer targets.Close()
	s.options.Targets = targets
	s.options.Logger = hclog.New(&hclog.LoggerOptions{Output: testWriter{t}, Level: hclog.Debug})
	var programs served
	defer programs.wait(t)
	var family *Family
	s.options.Programs = &Confinement{Filter: func() ([]unix.SockFilter, error) { return s.filter(family), nil }, Serve: programs.serve}
	family, err = New(s.options)
	if err != nil {
		t.Fatal(err)
	}
	defer family.Close()
	family.finder = max(family.finder, s.finder)
	family.procByChild, family.overlayOld = s.byChild, s.old
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	flags := uint(unotify.FlagWaitKillableRecv)
	if s.signals {
		flags = 0
	}
	if s.notify == nil {
		s.notify = s.filter(family)
	}
	child, err := launch.Start(launch.Options{Path: "/proc/self/exe", Env: p.environ(), Filter: s.notify,
		FilterFlags: flags, Files: []*os.File{nil, w, os.Stderr}})
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer child.Listener.Close()
	table, err := emulate.Families(family)
	if err != nil {
		t.Fatal(err)
	}
	decide := s.decide
	if decide == nil {
		s.grant.As = policy.AsSupervisor
		decide = func(r *policy.Request) policy.Decision { return s.everything(family, r) }
	}
	source := emulate.FromListener(child.Listener)
	if s.source != nil {
		source = s.source(source)
	}
	programs.options = emulate.Options{Decider: decider(decide), Table: table, Targets: emulate.FromTargets(targets), Logger: s.options.Logger,
		Deadline: s.deadline}
	server := emulate.New(source, programs.options)
	served := make(chan error, 1)
	go func() { served <- server.Serve(context.Background()) }()
	if s.pid != nil {
		go s.pid(child.PID)
	}
	var out bytes.Buffer
	if _, err := out.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	var status unix.WaitStatus
	if _, err := unix.Wait4(child.PID, &status, 0, nil); err != nil {
		t.Fatal(err)
	}
	if err := <-served; err != nil {
		t.Errorf("server: %v", err)
	}
	child.Release()
	if n := server.Statistics(); n.Failed+n.Panics > 0 {
		t.Errorf("statistics %+v", n)
	}
	if status != 0 {
		return nil, fmt.Errorf("the program ended with %v; exec error %v; it said %s", status, child.ExecError(), out.String())
	}
	return parseReports(t.(*testing.T), out.Bytes()), nil
}

// everything that can be performed is.
func (s *supervision) everything(f *Family, r *policy.Request) policy.Decision {
	if row := f.rows[r.Call.ID]; row == nil || row.checked {
		return policy.Decision{Verdict: policy.Allow} // it is only watched
	}
	return policy.Decision{Verdict: policy.Perform, Grant: &s.grant}
}

func (s supervision) filter(f *Family) []unix.SockFilter {
	filter := unotifytest.Notify(numbers(f.Watch())...)
	if !s.narrow {
		return filter
	}
	return append([]unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 4},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 1, K: arch.Native().Audit()},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF}}, filter...)
}

// served are the listeners of programs that the supervisor has started.
type served struct {
	options emulate.Options
	all     sync.WaitGroup
	faults  atomic.Int64
}

func (s *served) serve(l *unotify.Listener, around func(policy.Decider) policy.Decider, ended func()) {
	o := s.options
	o.Decider = around(o.Decider)
	s.all.Go(func() {
		defer ended()
		s.serveOne(l, o)
	})
}

func (s *served) serveOne(l *unotify.Listener, o emulate.Options) {
	defer l.Close()
	server := emulate.New(emulate.FromListener(l), o)
	if err := server.Serve(context.Background()); err != nil {
		s.faults.Add(1)
	}
	if n := server.Statistics(); n.Failed+n.Panics > 0 {
		s.faults.Add(1)
	}
}

// wait waits until all of them have ended: nothing outlives its container.
func (s *served) wait(t testing.TB) {
	t.Helper()
	s.all.Wait()
	if n := s.faults.Load(); n > 0 {
		t.Errorf("%d servers of programs failed", n)
	}
}

type decider func(r *policy.Request) policy.Decision

func (d decider) Decide(r *policy.Request) policy.Decision { return d(r) }

// numbers are the native numbers of the family's calls, but for those that are only judged, and of those that are watched.
func numbers(watch arch.Selection) (list []int) {
	for _, s := range Calls() {
		if id, ok := arch.LookupID(s.Call); ok && !s.Checked {
			watch.Add(id)
		}
	}
	for _, id := range watch.IDs() {
		if nr, ok := arch.Native().Number(id.Name()); ok {
			list = append(list, int(nr))
		}
	}
	return list
}

// A testWriter puts the log into a test's.
type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
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
