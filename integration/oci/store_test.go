package oci

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A manager does for an agent what systemd does: it has the socket, keeps what it is told to keep, and starts the program again with it.
type manager struct {
	*rig
	socket *os.File
	told   int // where the agent speaks
	args   []string
	cmd    *exec.Cmd

	mu     sync.Mutex
	stored []storedFile
	ready  int
}

type storedFile struct {
	name string
	file *os.File
}

func newManager(t *testing.T, args ...string) *manager {
	t.Helper()
	needRoot(t)
	dir, err := os.MkdirTemp("", "stead-oci")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	m := &manager{rig: &rig{t: t, dir: dir, log: &logBuffer{}}, args: args}
	m.write("web", webPolicy)
	l, err := ListenStates(dir + "/agent.sock")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.SetUnlinkOnClose(false)
	if m.socket, err = l.File(); err != nil {
		t.Fatal(err)
	}
	if m.told, err = unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(m.told, &unix.SockaddrUnix{Name: dir + "/notify"}); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for m.listen() {
		}
	}()
	t.Cleanup(func() {
		m.kill()
		notify(dir+"/notify", "END=1")
		<-done
		unix.Close(m.told)
		m.socket.Close()
		for _, s := range m.stored {
			s.file.Close()
		}
		if t.Failed() {
			t.Logf("the agents' log:\n%s", m.log)
		}
	})
	return m
}

// listen takes one message; false: it was the last.
func (m *manager) listen() bool {
	buf, oob := make([]byte, 4096), make([]byte, 4096)
	n, oobn, _, _, err := unix.Recvmsg(m.told, buf, oob, unix.MSG_CMSG_CLOEXEC)
	if err == unix.EINTR {
		return true
	}
	if err != nil || string(buf[:n]) == "END=1" {
		return false
	}
	fds, _ := descriptors(oob[:oobn])
	fields := map[string]string{}
	for line := range strings.Lines(string(buf[:n])) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		fields[name] = value
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	name := fields["FDNAME"]
	switch {
	case fields["FDSTORE"] == "1":
		for _, fd := range fds {
			m.stored = append(m.stored, storedFile{name, os.NewFile(uintptr(fd), name)})
		}
	case fields["FDSTOREREMOVE"] == "1":
		m.stored = slices.DeleteFunc(m.stored, func(s storedFile) bool {
			if s.name == name {
				s.file.Close()
			}
			return s.name == name
		})
	case fields["READY"] == "1":
		m.ready++
	}
	return true
}

// put is for what the agent did not store itself. The manager has it then.
func (m *manager) put(name string, fds ...int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, fd := range fds {
		m.stored = append(m.stored, storedFile{name, os.NewFile(uintptr(fd), name)})
	}
}

func (m *manager) names() (list []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.stored {
		list = append(list, s.name)
	}
	return list
}

// run starts the program with what there is, and waits until it is ready.
func (m *manager) run() {
	m.t.Helper()
	m.mu.Lock()
	before := m.ready
	names, files := []string{"agent"}, []*os.File{m.socket}
	for _, s := range slices.Backward(m.stored) { // systemd gives the last first
		names, files = append(names, s.name), append(files, s.file)
	}
	m.cmd = exec.Command("sh", append([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`, stead(m.t), "agent", "--log-level", "info", "--policies", m.dir,
		"--control", m.dir + "/control.sock", "--records", m.dir + "/recs/"}, m.args...)...)
	m.cmd.Env = append(os.Environ(), fmt.Sprint("LISTEN_FDS=", len(names)), "LISTEN_FDNAMES="+strings.Join(names, ":"), "NOTIFY_SOCKET="+m.dir+"/notify")
	m.cmd.ExtraFiles, m.cmd.Stderr = files, m.log
	err := m.cmd.Start()
	m.mu.Unlock()
	if err != nil {
		m.t.Fatal(err)
	}
	eventually(m.t, "the agent's readiness", func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.ready > before
	})
}

func (m *manager) kill() {
	if m.cmd != nil {
		m.cmd.Process.Kill()
		m.cmd.Wait()
		m.cmd = nil
	}
}

// TestCrash: containers survive the agent's death. Who calls meanwhile waits; who was being answered is told that it went wrong.
func TestCrash(t *testing.T) {
	m := newManager(t)
	fifo := filepath.Join(m.dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	m.run()
	x, ended := start(t, making), start(t, making)
	slow := start(t, "echo begun; (: <"+fifo+") 2>&1; echo over; read x; exec cat "+m.dir+"/web.yaml", "openat")
	s := state("c1", "web")
	s.Container.PID, s.Container.Annotations = x.PID, map[string]string{"some": "thing"}
	m.hand(x, s)
	m.hand(slow, state("slow", "web"))
	m.hand(ended, state("ended", "web"))
	x.say("/forbidden")
	x.wantLine("cross-device")
	slow.wantLine("begun")
	eventually(t, "the pending call", func() bool { return m.status("slow").Pending == 1 })
	time.Sleep(1100 * time.Millisecond) // counts are noted every second
	since := m.status("c1").Since
	if names := m.names(); len(names) != 6 {
		t.Errorf("stored: %v", names)
	}
	m.kill()
	ended.end()
	x.say(m.dir + "/waiting")
	time.Sleep(100 * time.Millisecond)
	if _, err := os.Stat(m.dir + "/waiting"); err == nil {
		t.Error("a call ran although nobody answers")
	}
	m.run()
	x.wantLine("made")
	slow.wantLine("not implemented")
	slow.wantLine("over")
	if got := m.status("c1"); got == nil || got.Policy != "web" || got.PID != x.PID || !got.Since.Equal(since) || got.Denied != 1 || got.Filter != FilterAssumed {
		t.Errorf("status %+v", got)
	}
	if got := m.status("ended"); got != nil || !strings.Contains(m.log.String(), "a container ended while no agent was there") {
		t.Errorf("status %+v", got)
	}
	eventually(t, "the reason in the record", func() bool { return strings.Contains(m.records("slow"), lostReason) })
	eventually(t, "the store", func() bool { return len(m.names()) == 4 })
	if got := m.status("slow"); got.Errors != 1 || got.Denied != 1 || got.Pending != 0 {
		t.Errorf("status %+v", got)
	}
	m.kill() // once more, with the same ledgers
	slow.say("")
	m.run()
	x.say("/forbidden")
	x.wantLine("cross-device")
	slow.wantLine("version: 1")
	x.end()
	slow.end()
	eventually(t, "an empty store", func() bool { return len(m.names()) == 0 })
}

// TestCrashPolicies: a container keeps its policy's name; what that means is read again.
func TestCrashPolicies(t *testing.T) {
	m := newManager(t)
	m.write("kept", webPolicy)
	m.run()
	x, y := start(t, making), start(t, making)
	known, err := loadTest(m.dir + "/kept.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m.hand(x, state("broken", "web"))
	m.hand(y, state("changed", Metadata("kept", known.Lists)))
	for _, one := range []*target{x, y} {
		one.say("/forbidden")
		one.wantLine("cross-device")
	}
	m.kill()
	m.write("web", "version: 7\n")
	m.write("kept", strings.Replace(webPolicy, "EXDEV", "EROFS", 1)+"  - {calls: [sethostname], then: deny}\n")
	m.run()
	x.say(m.dir + "/x")
	x.wantLine("not permitted")
	y.say("/forbidden")
	y.wantLine("Read-only")
	if s := m.status("broken"); s == nil || s.Error == "" || s.Policy != "web" {
		t.Errorf("status %+v", s)
	}
	if s := m.status("changed"); s == nil || s.Filter != FilterOlder {
		t.Errorf("status %+v", s)
	}
	eventually(t, "the reason in the record", func() bool { return strings.Contains(m.records("broken"), `"reason":"policy web`) })
	m.write("web", webPolicy)
	eventually(t, "the repaired policy", func() bool { return m.status("broken").Error == "" })
	x.say(m.dir + "/x")
	x.wantLine("made")
}

// TestServiceRestart: SIGTERM under a service manager, an upgrade, and a crash after it.
func TestServiceRestart(t *testing.T) {
	m := newManager(t)
	m.run()
	x := start(t, making)
	m.hand(x, state("c1", "web"))
	x.say("/forbidden")
	x.wantLine("cross-device")
	m.cmd.Process.Signal(unix.SIGTERM)
	if err := m.cmd.Wait(); err != nil {
		t.Error(err)
	}
	m.cmd = nil
	x.say(m.dir + "/a")
	m.run()
	x.wantLine("made")
	if s := m.status("c1"); s.Calls != 2 || s.Denied != 1 {
		t.Errorf("status %+v", s)
	}
	if out, err := upgradeCommand(t, m.rig); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	y := start(t, making)
	m.hand(y, state("c2", "web")) // under a name that is free
	y.say("/forbidden")
	y.wantLine("cross-device")
	names := m.names()
	slices.Sort(names)
	if len(names) != 4 || len(slices.Compact(names)) != 2 {
		t.Errorf("stored: %v", m.names())
	}
	m.kill()
	x.say("/forbidden")
	m.run()
	x.wantLine("cross-device")
	y.say("/forbidden")
	y.wantLine("cross-device")
}

// TestCrashUnderLoad: at whatever moment the agent dies, no call waits for ever, and none but those under way goes wrong.
func TestCrashUnderLoad(t *testing.T) {
	const deaths, targets = 12, 3
	need(t, "python3")
	m := newManager(t)
	m.run()
	end := filepath.Join(m.dir, "end")
	var all []*target
	for i := range targets {
		x := m.startBusy(i, end)
		m.hand(x, state(fmt.Sprint("busy", i), "web"))
		eventually(t, "the container", func() bool { return m.status(fmt.Sprint("busy", i)) != nil && len(m.names()) == 2*i+2 })
		all = append(all, x)
	}
	for n := range deaths {
		time.Sleep(time.Duration(20+7*n) * time.Millisecond)
		m.kill()
		m.run()
	}
	if err := os.WriteFile(end, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for i, x := range all {
		said := x.line()
		lost := strings.Count(m.records(fmt.Sprint("busy", i)), lostReason)
		t.Log(said, lost, "calls under way")
		var calls, wrong int
		n, _ := fmt.Sscanf(strings.Replace(said, "'ENOSYS'", "", 1), "%d {: %d}", &calls, &wrong)
		if n < 1 || n == 1 && !strings.HasSuffix(said, "{}") || calls < 100 || wrong > deaths || lost > wrong {
			t.Errorf("target %d printed %s; %d calls were under way", i, said, lost)
		}
	}
}
