package oci

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/unotify"
)

// A monitor does what LXC's does for one container: it receives, forwards, and carries the answer back, one call at a time.
type monitor struct {
	t      *testing.T
	x      *target
	conn   *net.UnixConn
	cookie string
	late   int // answers that came for calls that had gone
}

func (r *rig) dialLXC() *net.UnixConn {
	r.t.Helper()
	c, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: filepath.Join(r.dir, "lxc.sock"), Net: "unixpacket"})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return c
}

// message is a request as LXC lays it out.
func message(n *unotify.Notification, init int, cookie string) []byte {
	le := binary.NativeEndian
	b := make([]byte, lxcHeader+notifSize+respSize)
	le.PutUint32(b[8:], uint32(os.Getpid()))
	le.PutUint32(b[12:], uint32(init))
	le.PutUint16(b[16:], notifSize)
	le.PutUint16(b[18:], respSize)
	le.PutUint16(b[20:], 64)
	le.PutUint64(b[24:], uint64(len(cookie)))
	p := b[lxcHeader:]
	le.PutUint64(p, n.ID)
	le.PutUint32(p[8:], n.TID)
	le.PutUint32(p[16:], uint32(n.Data.NR))
	le.PutUint32(p[20:], n.Data.Arch)
	le.PutUint64(p[24:], n.Data.IP)
	for i, a := range n.Data.Args {
		le.PutUint64(p[32+8*i:], a)
	}
	return append(b, cookie...)
}

// run forwards until the target ends.
func (m *monitor) run() {
	recv, err := m.x.Listener.NewReceiver()
	if err != nil {
		m.t.Error(err)
		return
	}
	defer recv.Close()
	defer m.conn.Close()
	var n unotify.Notification
	for recv.Receive(&n) == nil {
		if err := m.forward(&n); err != nil {
			m.x.Listener.Respond(n.ID, unotify.Response{Errno: unix.ENOSYS})
		}
	}
}

func (m *monitor) forward(n *unotify.Notification) error {
	dir, err1 := os.Open(fmt.Sprintf("/proc/%d", n.TID))
	mem, err2 := os.Open(fmt.Sprintf("/proc/%d/mem", n.TID))
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	defer dir.Close()
	defer mem.Close()
	rights := unix.UnixRights(int(dir.Fd()), int(mem.Fd()), m.x.Listener.FD())
	if _, _, err := m.conn.WriteMsgUnix(message(n, m.x.PID, m.cookie), rights, nil); err != nil {
		return err
	}
	b := make([]byte, 4096)
	m.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	k, err := m.conn.Read(b)
	if err != nil || k != lxcHeader+notifSize+respSize {
		return fmt.Errorf("answer of %d bytes, %w", k, err)
	}
	le, p := binary.NativeEndian, b[lxcHeader+notifSize:]
	if le.Uint64(p) != n.ID {
		m.t.Errorf("answer for %x, want %x", le.Uint64(p), n.ID)
	}
	err = m.x.Listener.Respond(n.ID, unotify.Response{Value: int64(le.Uint64(p[8:])),
		Errno: syscall.Errno(-int32(le.Uint32(p[16:]))), Continue: le.Uint32(p[20:]) == 1})
	if errors.Is(err, unotify.ErrGone) {
		m.late++
	}
	return nil
}

// watch starts a monitor, and gives the function that waits for its end.
func (r *rig) watch(t *testing.T, x *target, cookie string) func() *monitor {
	m := &monitor{t: t, x: x, conn: r.dialLXC(), cookie: cookie}
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.run()
	}()
	t.Cleanup(func() {
		if !x.waited {
			unix.Kill(x.PID, unix.SIGKILL)
			x.wait()
		}
		<-done
	})
	return func() *monitor { <-done; return m }
}

func TestLXC(t *testing.T) {
	r := newRig(t, nil)
	x := start(t, "cat /proc/self/comm; "+making, "openat")
	wait := r.watch(t, x, "web\x00")
	x.wantLine("cat") // descriptors are injected
	x.say(r.dir + "/made")
	x.wantLine("made")
	x.say("/forbidden")
	x.wantLine("cross-device")
	list := r.agent.Containers()
	if len(list) != 1 || list[0].Policy != "web" || list[0].PID != x.PID || list[0].Denied != 1 || !strings.HasPrefix(list[0].ID, "lxc-") {
		t.Errorf("containers %+v", list)
	}
	unix.Kill(x.PID, unix.SIGKILL)
	x.wait()
	wait()
	eventually(t, "the container's end", func() bool { return len(r.agent.Containers()) == 0 })
}

// TestLXCDeath: a call whose target has died while it was performed is answered nevertheless: the monitor waits for it.
func TestLXCDeath(t *testing.T) {
	r := newRig(t, nil)
	fifo := filepath.Join(r.dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	x := start(t, "echo begun; (sh -c ': <"+fifo+"') & echo $!; read x; kill -9 $!; wait; mkdir /forbidden; echo over", "openat")
	wait := r.watch(t, x, "web")
	x.wantLine("begun")
	x.line()
	eventually(t, "the pending call", func() bool { l := r.agent.Containers(); return len(l) == 1 && l[0].Pending == 1 && l[0].Calls > 5 })
	time.Sleep(200 * time.Millisecond)
	x.say("go on")
	x.wantLine("cross-device")
	x.wantLine("over")
	x.wait()
	wait()
}

// TestLXCReplaced: a leader that is held up is replaced, and the next one receives.
func TestLXCReplaced(t *testing.T) {
	needRoot(t)
	x := start(t, making)
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[1])
	file := os.NewFile(uintptr(fds[0]), "monitor")
	conn, err := net.FileConn(file)
	file.Close()
	if err != nil {
		t.Fatal(err)
	}
	src := newLXCSource(conn.(*net.UnixConn), hclog.NewNullLogger())
	defer src.close()
	first, _ := src.NewReceiver()
	second, _ := src.NewReceiver()
	first.Interrupt()
	var n unotify.Notification
	if err := first.Receive(&n); !errors.Is(err, unotify.ErrInterrupted) {
		t.Errorf("the one that was replaced: %v", err)
	}
	sent := message(&unotify.Notification{ID: 7, TID: 1}, 1, "web")
	if err := unix.Sendmsg(fds[1], sent, unix.UnixRights(0, 0, x.Listener.FD()), nil, 0); err != nil {
		t.Fatal(err)
	}
	if err := second.Receive(&n); err != nil || n.ID != 7 {
		t.Errorf("the next one: %+v, %v", n, err)
	}
}

// TestLXCRefusals: what is no message ends the connection, whose monitor then answers ENOSYS itself; and a missing policy denies.
func TestLXCRefusals(t *testing.T) {
	r := newRig(t, nil)
	good := message(&unotify.Notification{ID: 1}, 1, "web")
	change := func(at int, v byte) []byte {
		b := append([]byte{}, good...)
		b[at] = v
		return b
	}
	x := start(t, making)
	for name, c := range map[string]struct {
		text []byte
		fds  []int
		says string
	}{
		"short":          {good[:20], []int{0, 0, x.Listener.FD()}, "too short"},
		"empty":          {[]byte{0}, nil, "0 descriptors"},
		"wrong sizes":    {change(16, 8), []int{0, 0, x.Listener.FD()}, "not known"},
		"long cookie":    {change(30, 1), []int{0, 0, x.Listener.FD()}, "cookie"},
		"wrong length":   {append(good, 0), []int{0, 0, x.Listener.FD()}, "says that it has"},
		"no descriptors": {good, nil, "0 descriptors"},
		"too many":       {good, []int{0, 0, 0, x.Listener.FD()}, "4 descriptors"},
		"no listener":    {good, []int{0, 0, 0}, "not a seccomp listener"},
		"cut off":        {make([]byte, 2*maxLXC), []int{0, 0, x.Listener.FD()}, "cut off"},
	} {
		logged := len(r.log.String())
		conn := r.dialLXC()
		var oob []byte
		if c.fds != nil {
			oob = unix.UnixRights(c.fds...)
		}
		if _, _, err := conn.WriteMsgUnix(c.text, oob, nil); err != nil {
			t.Fatal(err)
		}
		silence(t, conn, 5*time.Second)
		eventually(t, name+" in the log", func() bool { return strings.Contains(r.log.String()[logged:], c.says) })
	}
	r.watch(t, x, "absent")
	x.say(r.dir + "/made")
	x.wantLine("not permitted")
}

func FuzzLXC(f *testing.F) {
	f.Add(message(&unotify.Notification{ID: 1, TID: 2}, 1, "web"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, p []byte) {
		q, err := parseLXC(p)
		if err != nil {
			return
		}
		b := q.reply(unotify.Response{Errno: 1})
		if len(b) != lxcHeader+len(q.notif)+q.resp || string(b[:lxcHeader+len(q.notif)]) != string(p[:lxcHeader+len(q.notif)]) {
			t.Errorf("reply %x to %x", b, p)
		}
		choose(q.state(), Options{})
	})
}
