package unotify

import (
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// What makes a program the throw-away child of Probe: its name and this variable.
const (
	probeEnv      = "STEAD_PROBE"
	probeArg0     = "stead-probe"
	probeSocket   = 3 // the child's end of the socket
	probeCall     = unix.SYS_GETSID
	probePattern  = "stead probe: what the child wrote"
	probeWritten  = "stead probe: written from outside"
	probeEndDelay = 30 * time.Millisecond
)

// probeRequest is what the parent asks the child to do.
type probeRequest struct {
	Op    string
	Flags uint `json:",omitempty"`
}

// probeReply is its answer; a listener goes beside it.
type probeReply struct {
	Errno      unix.Errno // of the operation
	Value      int64      // what the notified call returned
	Inode      uint64     // of descriptor Value
	PID, TID   int
	Addr       uint64 // of probePattern
	Text       string // what is there now
	NoNewPrivs bool
}

// ProbeChildMain is to be called first thing in main by a program that calls [Probe]. It returns at once unless the process is
// the throw-away child that Probe starts the program again as; then it does that child's work and ends the process.
func ProbeChildMain() {
	mode := os.Getenv(probeEnv)
	if mode == "" || len(os.Args) == 0 || os.Args[0] != probeArg0 {
		return
	}
	if mode == "child" {
		serveProbe()
	}
	unix.Exit(0) // at once, whereas os.Exit of a race-detecting program takes a second
}

type probeChild struct {
	worker   *probeWorker
	listener int // the child's duplicate of the worker's, or -1
	text     []byte
}

// serveProbe answers requests until the parent goes away.
func serveProbe() {
	c := &probeChild{listener: -1, text: []byte(probePattern), worker: newProbeWorker()}
	hello := probeReply{PID: os.Getpid(), Addr: bytesAddr(c.text), Inode: inode(probeSocket)}
	c.worker.do(func() { hello.TID = unix.Gettid() })
	c.reply(hello, -1)
	ops := map[string]func(probeRequest) probeReply{
		"install": c.install, "call": c.call, "end": c.end, "tsync": c.tsync, "text": c.tellText,
	}
	buf := make([]byte, 1024)
	for {
		n, err := unix.Read(probeSocket, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		var r probeRequest
		if err != nil || n <= 0 || json.Unmarshal(buf[:n], &r) != nil || ops[r.Op] == nil {
			return
		}
		answer := ops[r.Op](r)
		fd := -1
		if r.Op == "install" {
			fd = c.listener
		}
		c.reply(answer, fd)
	}
}

func (c *probeChild) reply(r probeReply, fd int) {
	var rights []byte
	if fd >= 0 {
		rights = unix.UnixRights(fd)
	}
	b, _ := json.Marshal(r)
	if err := unix.Sendmsg(probeSocket, b, rights, nil, 0); err != nil {
		unix.Exit(1)
	}
}

func inode(fd int) uint64 {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return 0
	}
	return st.Ino
}

// install replaces the worker by one with a filter.
func (c *probeChild) install(r probeRequest) probeReply {
	c.dropWorker()
	var answer probeReply
	c.worker = newProbeWorker()
	c.worker.do(func() { answer = c.installHere(r.Flags) })
	return answer
}

func (c *probeChild) dropWorker() {
	if c.worker != nil {
		close(c.worker.work)
		c.worker = nil
	}
	if c.listener >= 0 {
		unix.Close(c.listener)
		c.listener = -1
	}
}

func (c *probeChild) installHere(flags uint) probeReply {
	answer := probeReply{TID: unix.Gettid()}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err == nil {
		set, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
		answer.NoNewPrivs = err == nil && set == 1
	}
	action := uint32(unix.SECCOMP_RET_ALLOW)
	if flags&FlagNewListener != 0 {
		action = unix.SECCOMP_RET_USER_NOTIF
	}
	l, err := Install(probeFilter(action), flags)
	answer.Errno = errnoOf(err)
	if l != nil {
		c.listener = l.FD()
	}
	return answer
}

// probeFilter answers probeCall, which the Go runtime never makes, with an action, and allows the rest. The ABI does not matter:
// only the child's own code runs under it.
func probeFilter(action uint32) []unix.SockFilter {
	return []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: probeCall},
		{Code: unix.BPF_RET | unix.BPF_K, K: action},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
}

func errnoOf(err error) unix.Errno {
	var errno unix.Errno
	if err != nil && !errors.As(err, &errno) {
		return unix.EINVAL
	}
	return errno
}

// call makes the notified call and looks at what it returned as at a descriptor.
func (c *probeChild) call(probeRequest) (answer probeReply) {
	c.worker.do(func() {
		r, _, errno := unix.Syscall(probeCall, 0, 0, 0)
		answer = probeReply{Value: int64(r), Errno: errno}
		if errno == 0 {
			answer.Inode = inode(int(r))
		}
	})
	return answer
}

// end lets the only user of the filter end and says what a waiting RECV returns then; no errno: it goes on waiting.
func (c *probeChild) end(probeRequest) probeReply {
	listener := c.listener
	c.listener = -1
	result := make(chan unix.Errno, 1)
	go func() { result <- probeWaitForEnd(listener) }()
	c.dropWorker()
	select {
	case errno := <-result:
		return probeReply{Errno: errno}
	case <-time.After(probeEndDelay):
		return probeReply{}
	}
}

// probeWaitForEnd receives until something else than a signal ends it.
func probeWaitForEnd(listener int) unix.Errno {
	l, err := newListener(listener)
	if err != nil {
		return errnoOf(err)
	}
	var n Notification
	for {
		if errno := receive(l.FD(), &n, receiveBuffer(l)); errno != unix.EINTR {
			return errno
		}
	}
}

// receiveBuffer is what receive needs beside the notification.
func receiveBuffer(l *Listener) []byte {
	if l.big == 0 {
		return nil
	}
	return make([]byte, l.big)
}

// tsync tries to give a filter to all threads while one of them, the worker, has one that the others lack.
func (c *probeChild) tsync(probeRequest) (answer probeReply) {
	other := newProbeWorker()
	defer close(other.work)
	other.do(func() {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			answer.Errno = errnoOf(err)
			return
		}
		_, err := Install(probeFilter(unix.SECCOMP_RET_ALLOW), FlagTSYNC|FlagTSYNCESRCH)
		answer.Errno = errnoOf(err)
	})
	return answer
}

func (c *probeChild) tellText(probeRequest) probeReply { return probeReply{Text: string(c.text)} }

// A probeWorker is a thread that can be given a filter of its own: it ends when work is closed, and Go starts no thread from it.
type probeWorker struct {
	work chan func()
	done chan struct{}
}

// newProbeWorker never takes the process's first thread, which does not end before the process.
func newProbeWorker() *probeWorker {
	made := make(chan *probeWorker)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == os.Getpid() {
			made <- newProbeWorker()
			runtime.UnlockOSThread()
			return
		}
		w := &probeWorker{work: make(chan func()), done: make(chan struct{})}
		made <- w
		for f := range w.work {
			f()
			w.done <- struct{}{}
		}
	}()
	return <-made
}

func (w *probeWorker) do(f func()) {
	w.work <- f
	<-w.done
}
