package oci

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate/perform"
	"github.com/stead-project/stead/internal/testneed"
	"github.com/stead-project/stead/policy/compiler"
	"github.com/stead-project/stead/policy/lang"
	"github.com/stead-project/stead/unotify"
	"github.com/stead-project/stead/unotify/launch"
	"github.com/stead-project/stead/unotify/unotifytest"
)

// noRuntime skips what needs a container runtime that works here without Stead. They want more of a machine than a test should ask for;
// STEAD_RUNTIMES=1 says that it has it.
func noRuntime(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("STEAD_RUNTIMES") == "1" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		testneed.Missing(t, "needs root, as container runtimes do")
	}
}

// policies of the tests: calls below /forbidden fail with EXDEV, others are performed.
const webPolicy = `version: 1
name: web
default: allow
rules:
  - name: forbidden
    calls: [mkdir, mkdirat]
    when: pathname.under("/forbidden")
    then: {deny: EXDEV}
  - name: performed
    calls: [mkdir, mkdirat, open, openat]
    when: pathname.under("/")
    then: perform
`

func loadTest(file string) (*compiler.Program, error) {
	doc, err := lang.Load(lang.Options{Files: []string{file}})
	if err != nil {
		return nil, err
	}
	return compiler.Compile(doc, compiler.Options{Range: Performs(Families()), Watch: perform.Watch()})
}

// A logBuffer keeps what the agent says.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A rig is an agent in this process with its sockets.
type rig struct {
	t      testing.TB
	dir    string // policies, recs/, agent.sock, lxc.sock
	agent  *Agent
	log    *logBuffer
	cancel context.CancelFunc
	done   chan error
}

func newRig(t testing.TB, change func(*Options)) *rig {
	t.Helper()
	needRoot(t)
	dir, err := os.MkdirTemp("", "stead-oci")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	r := &rig{t: t, dir: dir, log: &logBuffer{}, done: make(chan error, 1)}
	r.write("web", webPolicy)
	o := Options{Policies: dir, Load: loadTest, Records: filepath.Join(dir, "recs") + "/", Patience: time.Second,
		Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Debug, Output: r.log})}
	if change != nil {
		change(&o)
	}
	if r.agent, err = New(o); err != nil {
		t.Fatal(err)
	}
	r.serve()
	return r
}

func (r *rig) serve() {
	var s Sockets
	var err [3]error
	s.OCI, err[0] = ListenStates(filepath.Join(r.dir, "agent.sock"))
	s.LXC, err[1] = ListenLXC(filepath.Join(r.dir, "lxc.sock"))
	control, e := ListenControl(filepath.Join(r.dir, "control.sock"))
	s.Control, err[2] = control, e
	if err := errors.Join(err[:]...); err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() { r.done <- r.agent.Serve(ctx, s) }()
	r.t.Cleanup(func() {
		r.stop()
		if r.t.Failed() {
			r.t.Logf("the agent's log:\n%s", r.log)
		}
	})
}

// stop stops the agent and waits for it.
func (r *rig) stop() {
	r.cancel()
	select {
	case err := <-r.done:
		if err != nil {
			r.t.Errorf("serve: %v", err)
		}
		r.done <- nil
	case <-time.After(20 * time.Second):
		r.t.Error("the agent does not stop")
	}
}

func (r *rig) write(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name+".yaml"), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) dial() *net.UnixConn {
	r.t.Helper()
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: filepath.Join(r.dir, "agent.sock"), Net: "unix"})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return c
}

// hand sends a state with the target's listener, and gives our copy of that up.
func (r *rig) hand(x *target, s State) *net.UnixConn {
	r.t.Helper()
	c := r.dial()
	text, err := json.Marshal(s)
	if err != nil {
		r.t.Fatal(err)
	}
	r.send(c, text, x.Listener.FD())
	x.Listener.Close()
	return c
}

func (r *rig) send(c *net.UnixConn, p []byte, fds ...int) {
	r.t.Helper()
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	if _, _, err := c.WriteMsgUnix(p, oob, nil); err != nil {
		r.t.Fatal(err)
	}
}

// state is what a runtime sends for a container.
func state(id, metadata string) State {
	return State{Version: "1.0.2-dev", FDs: []string{listenerName}, Metadata: metadata,
		Container: Container{Version: "1.0.2-dev", ID: id, Status: "creating"}}
}

// one is the status of the only container of that id; nil: there is none.
func (r *rig) one(id string) *Status {
	r.t.Helper()
	var found *Status
	for _, s := range r.agent.Containers() {
		if s.ID == id && found != nil {
			r.t.Fatalf("two containers %s", id)
		}
		if s.ID == id {
			found = &s
		}
	}
	return found
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

// records are a container's, as text.
func (r *rig) records(id string) string {
	text, _ := os.ReadFile(filepath.Join(r.dir, "recs", id+".jsonl"))
	return string(text)
}

// A target is a program under a filter whose listener nobody serves.
type target struct {
	*launch.Child
	t      testing.TB
	out    *os.File // what it prints
	in     *os.File // its standard input
	waited bool
	status unix.WaitStatus
}

func numbers(names ...string) (list []int) {
	known := map[string]int{"mkdir": unix.SYS_MKDIRAT, "openat": unix.SYS_OPENAT, "execve": unix.SYS_EXECVE, "mount": unix.SYS_MOUNT,
		"umount2": unix.SYS_UMOUNT2}
	for _, n := range names {
		list = append(list, known[n])
	}
	return append(list, legacyMkdir...)
}

// start runs a shell script with mkdir (and more calls) notified.
func start(t testing.TB, script string, calls ...string) *target {
	t.Helper()
	outR, outW, err1 := os.Pipe()
	inR, inW, err2 := os.Pipe()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	defer outW.Close()
	defer inR.Close()
	child, err := launch.Start(launch.Options{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin", "LC_ALL=C"},
		Filter: unotifytest.Notify(numbers(append(calls, "mkdir")...)...), FilterFlags: unotify.FlagWaitKillableRecv,
		Files: []*os.File{inR, outW, outW}, Pdeathsig: 0})
	if err != nil {
		t.Fatal(err)
	}
	x := &target{Child: child, t: t, out: outR, in: inW}
	t.Cleanup(x.end)
	return x
}

// end ends the target, whatever it does.
func (x *target) end() {
	if !x.waited {
		unix.Kill(x.PID, unix.SIGKILL)
		x.wait()
	}
	x.Listener.Close()
	x.out.Close()
	x.in.Close()
}

func (x *target) wait() unix.WaitStatus {
	if x.waited {
		return x.status
	}
	for {
		if _, err := unix.Wait4(x.PID, &x.status, 0, nil); err != unix.EINTR {
			break
		}
	}
	x.waited = true
	x.Release()
	return x.status
}

// line reads one line that the target prints.
func (x *target) line() string {
	x.t.Helper()
	var b []byte
	one := make([]byte, 1)
	x.out.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		n, err := x.out.Read(one)
		if err != nil {
			x.t.Fatalf("the target printed %q, then: %v", b, err)
		}
		if n == 1 && one[0] == '\n' {
			return string(b)
		}
		b = append(b, one[:n]...)
	}
}

// wantLine asks the target to go on, and checks what it prints then.
func (x *target) wantLine(part string) {
	x.t.Helper()
	if got := x.line(); !strings.Contains(got, part) {
		x.t.Errorf("the target printed %q, want %q", got, part)
	}
}

func (x *target) say(text string) { fmt.Fprintln(x.in, text) }

// making is a script that makes every directory that it is told, and says how it went.
const making = `while read d; do mkdir "$d" 2>&1 && echo made; done`
