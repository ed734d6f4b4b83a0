package oci

import (
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/unotify"
)

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
