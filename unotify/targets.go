package unotify

import (
	"container/list"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/procfs"
)

// An Identity names a thread and its process for good, where the bare numbers would be used again.
type Identity struct {
	TID  int
	TGID int // the process
	// StartTime is the process's, in clock ticks after boot (proc_pid_stat(5)). A process keeps it across execve, whichever of
	// its threads executes.
	StartTime uint64
}

// TargetsOptions are the options of NewTargets.
type TargetsOptions struct {
	Proc string // where the proc file system of the supervisor's pid namespace is mounted; "" is /proc
	Max  int    // threads remembered, one descriptor each; 0 is 256
}

// Targets gives handles on the threads whose calls are pending, and remembers who they are. Its methods may be called from any
// goroutine.
//
// What is remembered counts only while a descriptor on the thread itself says that it is alive: a descriptor never passes to a
// thread that gets the number later, nor to the thread that an execve leaves over.
type Targets struct {
	proc   *procfs.FS
	access memoryAccess
	max    int
	kinds  []handleKind // to try in this order

	mu      sync.Mutex
	entries map[int]*list.Element
	recent  *list.List // of *targetEntry, the latest first
	serial  uint64     // of the latest entry
}

type targetEntry struct {
	Identity
	handle
	serial uint64
}

const defaultTargets = 256

// ErrInvisible says that a target has no id in the supervisor's pid namespace (the notification's thread id is 0).
var ErrInvisible = errors.New("target is not visible in this pid namespace")

// NewTargets opens the proc file system and finds out which handles on threads the kernel offers. Close frees them.
func NewTargets(o TargetsOptions) (*Targets, error) {
	proc, err := procfs.Open(o.Proc)
	if err != nil {
		return nil, err
	}
	if o.Max <= 0 {
		o.Max = defaultTargets
	}
	t := &Targets{proc: proc, max: o.Max, kinds: usableHandles(), entries: map[int]*list.Element{}, recent: list.New()}
	t.access.proc = proc
	return t, nil
}

// Close forgets all threads and closes the descriptors. Targets made before lose their handles on proc.
func (t *Targets) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.recent.Len() > 0 {
		t.drop(t.recent.Back())
	}
	return t.proc.Close()
}

// Memory is the memory of thread tid.
func (t *Targets) Memory(tid int) Memory {
	return Memory{tid: tid, access: &t.access}
}

// Identify says which process thread tid belongs to. The second time it costs one system call, well below a microsecond, and
// allocates nothing. It is true for the notification that named tid only if the notification is still valid afterwards; Pin
// checks that as well. Errors: ESRCH for a thread that does not exist, ErrInvisible for thread 0.
func (t *Targets) Identify(tid int) (Identity, error) {
	who, _, err := t.Recognize(tid)
	return who, err
}

// Recognize is Identify with a number that is another one whenever the thread may be: also for a thread that has got the id of another of
// its process, which an Identity does not tell apart. A thread that had been forgotten has a new one, too.
func (t *Targets) Recognize(tid int) (who Identity, serial uint64, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.entries[tid]; e != nil {
		if entry := e.Value.(*targetEntry); entry.alive() {
			t.recent.MoveToFront(e)
			return entry.Identity, entry.serial, nil
		}
		t.drop(e)
	}
	return t.learn(tid)
}

// learn opens a handle, reads, and then asks the handle whether what was read could have been another thread's.
func (t *Targets) learn(tid int) (Identity, uint64, error) {
	if tid <= 0 {
		return Identity{}, 0, &OpError{Op: "identify target", Err: ErrInvisible}
	}
	entry, err := t.newEntry(tid)
	if err != nil {
		return Identity{}, 0, &OpError{Op: fmt.Sprintf("identify thread %d", tid), Err: procErr(err)}
	}
	t.serial++
	entry.serial = t.serial
	if t.recent.Len() >= t.max {
		t.drop(t.recent.Back())
	}
	t.entries[tid] = t.recent.PushFront(entry)
	return entry.Identity, entry.serial, nil
}

func (t *Targets) newEntry(tid int) (*targetEntry, error) {
	h, err := t.openHandle(tid)
	if err != nil {
		return nil, err
	}
	entry := &targetEntry{handle: h}
	if entry.Identity, err = t.readIdentity(tid, h); err == nil && !h.alive() {
		err = unix.ESRCH
	}
	if err != nil {
		unix.Close(h.fd)
		return nil, err
	}
	return entry, nil
}

// readIdentity reads the leader's start time: as long as the thread lives, its leader's number cannot pass on.
func (t *Targets) readIdentity(tid int, h handle) (Identity, error) {
	tgid, ok := 0, false
	if h.kind != handleProcDir {
		tgid, ok = pidfdTGID(h.fd)
	}
	if !ok {
		status, err := t.proc.Status(tid)
		if err != nil {
			return Identity{}, err
		}
		tgid = status.TGID
	}
	start, err := t.proc.StartTime(tgid)
	return Identity{TID: tid, TGID: tgid, StartTime: start}, err
}

// OpenAt opens the file called name of thread tid in proc, as [Target] does for its handles; the caller validates, and closes the
// descriptor, which is above 2. Errors are bare errnos: ENOENT, or ESRCH, for a thread that has ended.
func (t *Targets) OpenAt(tid int, name string, flags int) (int, error) {
	return t.proc.OpenAt(tid, name, flags)
}

// Readlink reads a link of thread tid in proc; the caller validates.
func (t *Targets) Readlink(tid int, name string) (string, error) { return t.proc.Readlink(tid, name) }

// CredentialsOf reads the rights of a thread that need not be a target, the supervisor's own say.
func (t *Targets) CredentialsOf(tid int) (Credentials, error) {
	s, err := t.proc.Status(tid)
	return credentials(&s), err
}

// Forget drops what is remembered of a thread.
func (t *Targets) Forget(tid int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.entries[tid]; e != nil {
		t.drop(e)
	}
}

func (t *Targets) drop(e *list.Element) {
	entry := t.recent.Remove(e).(*targetEntry)
	delete(t.entries, entry.TID)
	unix.Close(entry.fd)
}

// handleKind is a way of telling that a thread is still the one it was.
type handleKind uint8

const (
	handleThread  handleKind = iota // pidfd of any thread, PIDFD_THREAD: Linux 6.9
	handleLeader                    // pidfd, which only leaders have before that: Linux 5.3
	handleProcDir                   // descriptor of the thread's directory in proc
)

// A handle is a descriptor on one thread that never comes to mean another one.
type handle struct {
	fd   int
	kind handleKind
}

// pidfdThread is PIDFD_THREAD of include/uapi/linux/pidfd.h, which x/sys lacks.
const pidfdThread = unix.O_EXCL

// usableHandles tries pidfds on the supervisor itself. A filter around the supervisor that answers EPERM for system calls it
// does not know would make every dead thread look alive, so pidfds are used only if signal 0 to oneself succeeds.
func usableHandles() []handleKind {
	var kinds []handleKind
	if selfHandleWorks(pidfdThread) {
		kinds = append(kinds, handleThread)
	}
	if selfHandleWorks(0) {
		kinds = append(kinds, handleLeader)
	}
	return append(kinds, handleProcDir)
}

func selfHandleWorks(flags int) bool {
	fd, err := unix.PidfdOpen(unix.Getpid(), flags)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return signalNothing(fd) == 0
}

// openHandle tries what the kernel has, the best first. The plain pidfd is refused for a thread that is not a leader.
func (t *Targets) openHandle(tid int) (h handle, err error) {
	for _, kind := range t.kinds {
		fd := -1
		switch kind {
		case handleThread:
			fd, err = unix.PidfdOpen(tid, pidfdThread)
		case handleLeader:
			fd, err = unix.PidfdOpen(tid, 0)
		case handleProcDir:
			fd, err = t.proc.OpenAt(tid, "", unix.O_PATH|unix.O_DIRECTORY)
		}
		if err == nil {
			fd, err = procfs.AboveStdio(fd)
			return handle{fd: fd, kind: kind}, err
		}
		if errors.Is(err, unix.ESRCH) {
			break
		}
	}
	return handle{fd: -1}, err
}

// alive says whether the task behind the handle still exists. A thread that the supervisor may not signal (EPERM) does exist:
// the kernel looks for the task first (kernel/signal.c, kill_pid_info). In proc, a name below a dead thread's directory is
// not found any more (fs/proc/base.c, pid_revalidate).
func (h handle) alive() bool {
	if h.kind == handleProcDir {
		return commExists(h.fd)
	}
	errno := signalNothing(h.fd)
	return errno == 0 || errno == unix.EPERM
}
