package oci

import (
	"encoding/binary"
	"encoding/json"
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

	"github.com/stead-project/stead/unotify"
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

// A forgery is what no agent has stored. l and book are proper ones, to be changed.
type forgery struct {
	name string
	make func(t *testing.T, l, book int) []int
}

func forgeries() []forgery {
	pipe := func() int {
		var p [2]int
		if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
			panic(err)
		}
		unix.Close(p[1])
		return p[0]
	}
	text := func(at int, s string) func(*testing.T, int, int) []int {
		return func(_ *testing.T, l, book int) []int {
			unix.Pwrite(book, []byte(s), int64(at))
			return []int{l, book}
		}
	}
	deeds := func(change func(*deed)) func(*testing.T, int, int) []int {
		return func(t *testing.T, l, book int) []int {
			d := deed{State: state("forged", "web")}
			change(&d)
			p, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			b, err := openLedger(book)
			if err == nil {
				err = b.write(p, deedAt, maxDeed, headDeed)
			}
			if err != nil {
				t.Fatal(err)
			}
			return []int{l, book}
		}
	}
	return []forgery{
		{"only a listener", func(_ *testing.T, l, book int) []int { unix.Close(book); return []int{l} }},
		{"only a ledger", func(_ *testing.T, l, book int) []int { unix.Close(l); return []int{book} }},
		{"two ledgers", func(_ *testing.T, l, book int) []int { unix.Close(l); d, _ := unix.Dup(book); return []int{book, d} }},
		{"three", func(_ *testing.T, l, book int) []int { return []int{l, book, pipe()} }},
		{"no listener", func(_ *testing.T, l, book int) []int { unix.Close(l); return []int{pipe(), book} }},
		{"no ledger", func(_ *testing.T, l, book int) []int { unix.Close(book); return []int{l, pipe()} }},
		{"nothing of either", func(_ *testing.T, l, book int) []int { closeAll([]int{l, book}); return []int{pipe(), pipe()} }},
		{"a ledger that may shrink", func(t *testing.T, l, book int) []int {
			unix.Close(book)
			fd, err := unix.MemfdCreate("x", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
			if err == nil {
				err = unix.Ftruncate(fd, ledgerSize)
			}
			if err != nil {
				t.Fatal(err)
			}
			return []int{l, fd}
		}},
		{"a short ledger", func(t *testing.T, l, book int) []int {
			unix.Close(book)
			fd, err := memfd("x", 100)
			if err != nil {
				t.Fatal(err)
			}
			return []int{l, fd}
		}},
		{"somebody's ledger", func(t *testing.T, l, book int) []int {
			if err := unix.Fchown(book, 1234, 1234); err != nil {
				t.Fatal(err)
			}
			return []int{l, book}
		}},
		{"another version", text(7, "\x02")},
		{"a deed too long", text(headDeed, "\xff\xff\xff\x7f")},
		{"families' memory too long", text(headKept, "\xff\xff\xff\x7f")},
		{"no deed", text(headDeed, "\x00\x00\x00\x00")},
		{"garbage", text(deedAt, "\x00\xff{{{")},
		{"no id", deeds(func(d *deed) { d.State.Container.ID = "" })},
		{"a path for a policy", deeds(func(d *deed) { d.Policy = "../../etc/passwd" })},
		{"a listener for a connection", deeds(func(d *deed) { d.LXC = true })},
	}
}

// TestForgedStore: what is not what an agent stores is closed, harms nobody, and does not stay with the service manager.
func TestForgedStore(t *testing.T) {
	m := newManager(t)
	m.run()
	good := start(t, making)
	m.hand(good, state("good", "web"))
	good.say("/forbidden")
	good.wantLine("cross-device")
	m.kill()
	var all []*target
	for i, f := range forgeries() {
		x := start(t, making)
		all = append(all, x)
		m.put(storeName(uint64(100+i)), f.make(t, dupOf(t, x.Listener.FD()), properLedger(t))...)
		x.Listener.Close()
	}
	odd := []string{"stored", "listener", "listener007", "listener-1", "listener99999999999999999999", "web"}
	for _, name := range odd {
		m.put(name, dupOf(t, int(m.socket.Fd())))
	}
	m.put("agent", dupOf(t, int(m.socket.Fd())))
	m.run()
	good.say("/forbidden")
	good.wantLine("cross-device")
	for i, f := range forgeries() {
		all[i].say("/forbidden")
		if got := all[i].line(); !strings.Contains(got, "not implemented") {
			t.Errorf("%s: the target printed %q", f.name, got)
		}
	}
	if n := strings.Count(m.log.String(), "cannot be used, and was closed"); n != len(forgeries()) {
		t.Errorf("%d refusals, %d wanted", n, len(forgeries()))
	}
	eventually(t, "the store", func() bool { return len(m.names()) == 2 })
	if got := m.status("good"); got == nil || len(m.containers()) != 1 {
		t.Errorf("containers %+v", m.containers())
	}
	if c := costOf(t, m.cmd.Process.Pid); c.fds > 40 {
		t.Errorf("%d descriptors are open", c.fds)
	}
}

func (r *rig) containers() (list []Status) {
	r.t.Helper()
	if err := json.Unmarshal([]byte(get(r.t, httpClient(r), "/containers")), &list); err != nil {
		r.t.Fatal(err)
	}
	return list
}

func dupOf(t testing.TB, fd int) int {
	t.Helper()
	d, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// properLedger is one of a container that could go on.
func properLedger(t testing.TB) int {
	t.Helper()
	book := newLedger()
	defer book.close()
	c := &supervision{origin: state("forged", "web")}
	if err := c.describe(book); err != nil {
		t.Fatal(err)
	}
	fd, err := book.duplicate()
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// TestForgedSlots: a call that nobody has received is not answered for the dead, whatever a ledger says.
func TestForgedSlots(t *testing.T) {
	m := newManager(t)
	x := start(t, making)
	x.say("/forbidden")
	buf := make([]byte, notifSize)
	if errno := receiveInto(x.Listener.FD(), buf); errno != 0 {
		t.Fatal(errno)
	}
	n := parseNotification(buf)
	if err := x.Listener.Respond(n.ID, unotify.Response{Errno: unix.EDOM}); err != nil {
		t.Fatal(err)
	}
	x.wantLine("out of domain")
	at := properLedger(t)
	book, err := openLedger(dupOf(t, at))
	if err != nil {
		t.Fatal(err)
	}
	for i := range maxSlots {
		binary.NativeEndian.PutUint64(book.room(i), n.ID+uint64(i)) // ids are counted (seccomp_do_user_notification in kernel/seccomp.c)
		book.room(i)[20] = byte(i)
	}
	book.put(headHigh, 1<<31)
	book.close()
	x.say("/forbidden")
	eventually(t, "the call", func() bool {
		p := []unix.PollFd{{Fd: int32(x.Listener.FD()), Events: unix.POLLIN}}
		n, err := unix.Poll(p, 0)
		return err == nil && n == 1
	})
	m.put(storeName(1), at, dupOf(t, x.Listener.FD()))
	x.Listener.Close()
	m.run()
	x.wantLine("cross-device")
	if s := m.status("forged"); s == nil || s.Errors != 0 {
		t.Errorf("status %+v", s)
	}
}
