// Package launch starts a program under a seccomp filter and gives its parent the listener.
//
// The started program behaves as if it had been started directly: it keeps the descriptors, process group, controlling
// terminal, working directory, umask, ignored signals, signal mask and limits that the calling process was started with, and it
// is the calling process's own child. Between the installation of the filter and execve(2) it makes no system call, so a
// filter may notify any call at all without a deadlock; the first one it can notify is that execve.
package launch

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/unotify"
)

// Options say what to start. Only Path and Filter are needed.
type Options struct {
	Path string   // the file to execute; not searched for (see [LookPath])
	Args []string // argv with argv[0]; nil: just Path
	Env  []string // nil: the calling process's
	Dir  string   // working directory; "": the calling process's

	// Shell hands a file that the kernel does not know how to execute (ENOEXEC: a script without #!) to /bin/sh, as execvp(3) does.
	Shell bool

	Filter      []unix.SockFilter
	FilterFlags uint // unotify.FlagLog, FlagSpecAllow, FlagWaitKillableRecv; FlagNewListener is implied

	// Landlock is a ruleset (see package landlock) that restricts the program from before its execve on, which it thus must
	// allow, with the program's interpreter and loader. It does not reach the program as a descriptor.
	Landlock      *os.File
	LandlockFlags uint // of landlock_restrict_self(2)

	// By makes another process start the program and be its parent: one that shares this process's memory, and has become what the program
	// is to be. The program then has no descriptors but Files and starts with no signal blocked or ignored. Linux 5.11.
	By Runner
	// Admit, with By, is told of the process when it is all that it will be but for the filter and the program. It does not go on before
	// Admit has come back, and not at all after an error.
	Admit func(pid int) error
	// Limits are the program's resource limits, by the numbers of getrlimit(2); nil: those that this process was started with (with By,
	// those of that process).
	Limits []unix.Rlimit

	Files []*os.File // Files[i] becomes descriptor i, nil closes it; a nil slice leaves all inheritable descriptors as they are

	Setsid    bool           // start a session
	Setctty   bool           // with Setsid: make descriptor 0 its controlling terminal
	Setpgid   bool           // join process group Pgid, or start one (0)
	Pgid      int            //
	Pdeathsig syscall.Signal // sent to the program when the thread that started it ends; 0: none

	// KeepPrivileges leaves no_new_privs off, so that set-id programs gain their privileges. The caller needs CAP_SYS_ADMIN.
	KeepPrivileges bool
}

// A StartError says which step of a start failed. It unwraps to the errno.
type StartError struct {
	Stage string
	Path  string
	Err   error
}

// Error names the step.
func (e *StartError) Error() string { return fmt.Sprintf("%s %q: %v", e.Stage, e.Path, e.Err) }

// Unwrap gives the errno.
func (e *StartError) Unwrap() error { return e.Err }

// Executing says whether everything was ready, and the program could not be executed.
func (e *StartError) Executing() bool { return e.Stage == stages[stageExec] }

// stages are the steps in child.h's order.
var stages = [...]string{
	stageClone:   "start process for",
	stageFDs:     "set up descriptors for",
	stageChild:   "start process for",
	stageSession: "set up session for",
	stageDir:     "change directory for",
	stageNNP:     "set no_new_privs for",
	stageLock:    "restrict with Landlock",
	stageLimits:  "set limits for",
	stageAdmit:   "be let execute",
	stageFilter:  "install filter for",
	stageSend:    "receive listener of",
	stageExec:    "execute",
}

// A Child is a started program. Its first notification may be the execve that makes it the program.
type Child struct {
	PID      int // with By: not known, see Pidfd
	Pidfd    int // with By: a descriptor of the process, the caller's to close
	Listener *unotify.Listener
	path     string
	job      *job

	restricted bool // by Landlock
}

// Start starts a program. An error is a *StartError, or says what is wrong with the options. That the program cannot be executed
// is usually known only later, when its execve has been answered: see [Child.ExecError].
func Start(o Options) (*Child, error) {
	if err := check(o); err != nil {
		return nil, err
	}
	ours, theirs, err := socketpair()
	if err != nil {
		return nil, err
	}
	defer unix.Close(ours)
	defer unix.Close(theirs)
	j, err := newJob(o, theirs)
	if err != nil {
		return nil, err
	}
	c := &Child{Pidfd: -1, path: o.Path, job: j, restricted: o.Landlock != nil}
	var stage int
	var errno syscall.Errno
	if o.By == nil {
		stage, errno = j.start()
		c.PID = j.pid()
	} else if stage, errno, err = c.startBy(o, ours, theirs); err != nil {
		c.abandon()
		return nil, err
	}
	runtime.KeepAlive(o.Files)
	runtime.KeepAlive(o.Landlock)
	if errno != 0 && stage != stageExec {
		c.abandon()
		return nil, startError(stage, o.Path, errno)
	}
	if err := c.receive(ours); err != nil {
		c.abandon()
		return nil, &StartError{Stage: stages[stageSend], Path: o.Path, Err: err}
	}
	c.Listener.SetKillable(o.FilterFlags&unotify.FlagWaitKillableRecv != 0)
	return c, nil
}

func startError(stage int, path string, errno syscall.Errno) error {
	if stage == 0 { // whoever was to start it has ended
		stage = stageClone
	}
	if stage == stageFilter && errno == unix.EBUSY {
		return &StartError{Stage: stages[stage], Path: path, Err: fmt.Errorf(
			"another seccomp listener supervises this process already, and the kernel allows one: %w", errno)}
	}
	return &StartError{Stage: stages[stage], Path: path, Err: errno}
}

func check(o Options) error {
	switch {
	case o.Path == "":
		return errors.New("start program: no path")
	case len(o.Filter) == 0 || len(o.Filter) > 4096: // BPF_MAXINSNS
		return errors.New("start program: a filter has 1 to 4096 instructions")
	case o.FilterFlags&unotify.FlagTSYNC != 0:
		return errors.New("start program: FlagTSYNC makes no sense for a new process")
	}
	return nil
}

func socketpair() (int, int, error) {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, -1, fmt.Errorf("create socket pair: %w", err)
	}
	return p[0], p[1], nil
}

// receive takes what the carrier sent before it exited; nothing there means that the child died on the way.
func (c *Child) receive(sock int) error {
	fd, _, err := receiveDescriptor(sock, unix.MSG_DONTWAIT)
	if err != nil {
		return err
	}
	if c.Listener, err = unotify.FromFD(fd); err != nil {
		unix.Close(fd)
	}
	return err
}

var errNothing = errors.New("process ended before it was supervised")

// receiveDescriptor takes a message with one descriptor. pid is its sender's, where the socket tells, also of a message without one.
func receiveDescriptor(sock, flags int) (fd, pid int, err error) {
	oob := make([]byte, unix.CmsgSpace(4)+unix.CmsgSpace(unix.SizeofUcred))
	got, n, _, _, err := unix.Recvmsg(sock, make([]byte, 1), oob, unix.MSG_CMSG_CLOEXEC|flags)
	for errors.Is(err, unix.EINTR) {
		got, n, _, _, err = unix.Recvmsg(sock, make([]byte, 1), oob, unix.MSG_CMSG_CLOEXEC|flags)
	}
	if err != nil {
		return -1, 0, err
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil {
		return -1, 0, err
	}
	fd = -1
	for i := range msgs {
		if fds, err := unix.ParseUnixRights(&msgs[i]); err == nil && len(fds) == 1 {
			fd = fds[0]
		} else if who, err := unix.ParseUnixCredentials(&msgs[i]); err == nil {
			pid = int(who.Pid)
		}
	}
	switch {
	case fd >= 0:
		return fd, pid, nil
	case got == 0:
		pid = 0 // nobody sends any more
	}
	return -1, pid, errNothing
}

// abandon ends a half-started child. With By it is that process's to wait for: it makes no call that anybody could hold up before it
// ends, or is killed here.
func (c *Child) abandon() {
	if c.Pidfd >= 0 {
		unix.PidfdSendSignal(c.Pidfd, unix.SIGKILL, nil, 0) //nolint:errcheck // it may have ended
		unix.Close(c.Pidfd)
		c.Pidfd = -1
	}
	if c.PID > 0 {
		unix.Kill(c.PID, unix.SIGKILL) //nolint:errcheck // it is our unreaped child
		for {
			if _, err := unix.Wait4(c.PID, nil, 0, nil); err != unix.EINTR {
				break
			}
		}
	}
	c.job.free(c.job.pid() > 0)
}

// Executed says whether the child runs the program already (or has ended) and no longer shares the caller's memory.
func (c *Child) Executed() bool { return !c.job.running() }

// ExecError is the reason why the program could not be executed, once the child has ended because of it; nil otherwise.
func (c *Child) ExecError() error { return c.job.failure(c.path, c.restricted) }

// failure is what has gone wrong, if something has.
func (j *job) failure(path string, restricted bool) error {
	stage, errno := j.result()
	if errno == 0 {
		return nil
	}
	if stage == stageExec && errno == unix.EACCES && restricted {
		return &StartError{Stage: stages[stage], Path: path, Err: fmt.Errorf(
			"%w (if the file may be executed: Landlock must allow executing and reading it, and its interpreter or loader)", errno)}
	}
	return startError(stage, path, errno)
}

// Release frees what the start needed. Call it when the child has been waited for.
func (c *Child) Release() { c.job.free(true) }
