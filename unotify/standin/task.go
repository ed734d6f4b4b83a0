package standin

import (
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Task makes system calls for the supervisor. Its methods may be called from any goroutine; Calls wait for one another.
type Task struct {
	starter *Starter
	box     *mailbox

	calls sync.Mutex // held during a call

	life    sync.Mutex // guards what follows, never held during a call
	pid     int        // 0 after the task was waited for
	calling bool
	late    bool // an Interrupt may not have arrived when its call ended
	closing bool
}

// stopCheck is how often a waiting Call looks whether somebody has stopped the task.
const stopCheck = 250 * time.Millisecond

// Call makes the task carry out system call nr and waits for its end. The arguments are raw; pointers may lead into Go memory,
// which must be reachable from the heap (not from the stack, which moves) and live until Call returns. A pointer converted to
// uintptr in the call's own argument list satisfies both, as with [syscall.Syscall].
//
// Errors are the kernel's. ESRCH is also given when the task has ended, by Close, by a failed Become or from outside, before or
// during the call; whether the call had its effect is then not known, and what it may have opened is lost: see [ErrKilled]. A task that
// somebody has stopped (SIGSTOP) during a call is continued and, if that does not help, killed, so that Call waits no longer than the
// system call itself does.
//
//go:uintptrescapes
func (t *Task) Call(nr, a0, a1, a2, a3, a4, a5 uintptr) (r uintptr, errno syscall.Errno) {
	t.calls.Lock()
	defer t.calls.Unlock()
	if !t.begin() {
		return ^uintptr(0), unix.ESRCH
	}
	defer t.end()
	return t.call(nr, a0, a1, a2, a3, a4, a5)
}

// killed says whether the task has ended, and not by Close.
func (t *Task) killed() bool {
	t.life.Lock()
	defer t.life.Unlock()
	return !t.closing && t.box.gone()
}

// Run makes the task run a C function, long (*)(void *), which uses nothing of the thread-local storage and gives -errno if it fails. The
// function and what it is given are not Go's memory.
func (t *Task) Run(function, argument uintptr) (r uintptr, errno syscall.Errno) {
	return t.Call(runFunction, function, argument, 0, 0, 0, 0)
}

// runFunction is STANDIN_RUN of task.h.
const runFunction = ^uintptr(0)

// begin allows interrupts. One that was sent during the call before may still be on its way: the kernel delivers what is pending
// before it lets a system call return, so after one more call none is left that could come into this one.
func (t *Task) begin() bool {
	t.life.Lock()
	defer t.life.Unlock()
	if t.pid == 0 {
		return false
	}
	if t.late {
		t.late = false
		t.life.Unlock()
		t.call(unix.SYS_GETPPID, 0, 0, 0, 0, 0, 0)
		t.life.Lock()
	}
	t.calling = true
	return true
}

func (t *Task) end() {
	t.life.Lock()
	t.calling = false
	t.life.Unlock()
}

// call needs the lock of calls.
//
//go:uintptrescapes
func (t *Task) call(nr, a0, a1, a2, a3, a4, a5 uintptr) (uintptr, syscall.Errno) {
	if !t.box.post(nr, a0, a1, a2, a3, a4, a5) {
		return ^uintptr(0), unix.ESRCH
	}
	if t.wait(); t.killed() {
		t.starter.killed.Add(1)
	}
	return t.box.result()
}

// wait returns when the task is idle or has ended. The target may be allowed to signal a task that has its ids, so it can stop it;
// one that is seen stopped is continued, because it may have to say what it has opened, and killed if it is stopped the next time, too.
func (t *Task) wait() {
	for sig := unix.SIGCONT; !t.box.await(stopCheck); {
		if !t.stopped() {
			sig = unix.SIGCONT
			continue
		}
		t.signal(sig) //nolint:errcheck // next time round, if it must be
		sig = unix.SIGKILL
	}
}

// stopped asks without taking the state away from anybody. It does not reap.
func (t *Task) stopped() bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, t.pid, &info, unix.WSTOPPED|unix.WNOHANG|unix.WNOWAIT|unix.WALL, nil)
	return err == nil && info.Signo == int32(unix.SIGCHLD)
}

// Interrupt makes the system call that the task is blocked in fail with EINTR. It affects no later call, and does nothing when
// there is none. One that comes before the task has entered the system call is lost: repeat it until Call has returned. A
// supervisor without CAP_KILL cannot interrupt a task with other ids.
func (t *Task) Interrupt() {
	t.life.Lock()
	defer t.life.Unlock()
	if t.pid == 0 || !t.calling {
		return
	}
	t.late = true
	unix.Tgkill(t.pid, t.pid, unix.SIGURG) //nolint:errcheck // a task that has ended makes Call return by itself
}

// TID is the task's thread and process id, 0 after Close.
func (t *Task) TID() int {
	t.life.Lock()
	defer t.life.Unlock()
	return t.pid
}

// Ready says whether the task waits for a call: it has neither ended nor been stopped. One that is just being killed may seem to.
func (t *Task) Ready() bool {
	t.life.Lock()
	defer t.life.Unlock()
	return t.pid != 0 && !t.box.gone() && !t.stopped() // the box is freed after pid was cleared
}

func (t *Task) signal(sig syscall.Signal) error {
	t.life.Lock()
	defer t.life.Unlock()
	if t.pid == 0 {
		return nil
	}
	return unix.Kill(t.pid, sig)
}

// Close ends the task, also during a call, which then returns ESRCH, and waits for it. A call that not even SIGKILL ends (a
// server of files that does not answer) delays it. EPERM: a task with other ids is in a call, and the supervisor has no CAP_KILL.
func (t *Task) Close() error {
	t.life.Lock()
	t.closing = true
	t.life.Unlock()
	killed := t.signal(unix.SIGKILL)
	if killed == nil {
		t.calls.Lock()
	} else if !t.calls.TryLock() {
		return fmt.Errorf("end a stand-in task during a call: %w (the supervisor needs CAP_KILL)", killed)
	}
	defer t.calls.Unlock()
	if t.TID() == 0 {
		return nil
	}
	// A supervisor without CAP_KILL may have no right to signal a task with other ids; an idle one ends when asked to.
	if killed != nil && !t.box.quit() {
		return fmt.Errorf("end stand-in task %d: %w", t.pid, killed)
	}
	t.starter.forget(t)
	return t.reap()
}

// reap waits for a task that is about to end. __WALL, because it has no exit signal (wait(2)).
func (t *Task) reap() error {
	pid := t.pid
	for {
		_, err := unix.Wait4(pid, nil, unix.WALL, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		t.life.Lock()
		t.pid = 0
		t.life.Unlock()
		if err != nil && !errors.Is(err, unix.ECHILD) {
			return fmt.Errorf("wait for stand-in task %d: %w", pid, err)
		}
		t.box.free()
		return nil
	}
}
