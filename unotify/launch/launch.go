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

// stages are the steps in child.h's order.
var stages = [...]string{
	stageClone:   "start process for",
	stageFDs:     "set up descriptors for",
	stageChild:   "start process for",
	stageSession: "set up session for",
	stageDir:     "change directory for",
	stageNNP:     "set no_new_privs for",
	stageLock:    "restrict with Landlock",
	stageFilter:  "install filter for",
	stageSend:    "receive listener of",
	stageExec:    "execute",
}

// A Child is a started program. Its first notification may be the execve that makes it the program.
type Child struct {
	PID      int
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
	stage, errno := j.start()
	runtime.KeepAlive(o.Files)
	runtime.KeepAlive(o.Landlock)
	c := &Child{PID: j.pid(), path: o.Path, job: j, restricted: o.Landlock != nil}
	if errno != 0 && stage != stageExec {
		c.abandon()
		return nil, startError(stage, o.Path, errno)
	}
	fd, err := receiveListener(ours)
	if err != nil {
		c.abandon()
		return nil, &StartError{Stage: stages[stageSend], Path: o.Path, Err: err}
	}
	if c.Listener, err = unotify.FromFD(fd); err != nil {
		unix.Close(fd)
		c.abandon()
		return nil, err
	}
	c.Listener.SetKillable(o.FilterFlags&unotify.FlagWaitKillableRecv != 0)
	return c, nil
}

func startError(stage int, path string, errno syscall.Errno) error {
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

// receiveListener takes what the carrier sent before it exited; nothing there means that the child died on the way.
func receiveListener(sock int) (int, error) {
	oob := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(sock, make([]byte, 1), oob, unix.MSG_CMSG_CLOEXEC|unix.MSG_DONTWAIT)
	if err != nil {
		return -1, err
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(msgs) != 1 {
		return -1, errors.New("process ended before it was supervised")
	}
	fds, err := unix.ParseUnixRights(&msgs[0])
	if err != nil || len(fds) != 1 {
		return -1, errors.New("no descriptor in the message")
	}
	return fds[0], nil
}

// abandon ends a half-started child.
func (c *Child) abandon() {
	if c.PID > 0 {
		unix.Kill(c.PID, unix.SIGKILL) //nolint:errcheck // it is our unreaped child
		for {
			if _, err := unix.Wait4(c.PID, nil, 0, nil); err != unix.EINTR {
				break
			}
		}
	}
	c.job.free(c.PID > 0)
}

// Executed says whether the child runs the program already (or has ended) and no longer shares the caller's memory.
func (c *Child) Executed() bool { return !c.job.running() }

// ExecError is the reason why the program could not be executed, once the child has ended because of it; nil otherwise.
func (c *Child) ExecError() error {
	stage, errno := c.job.result()
	if errno == 0 {
		return nil
	}
	if stage == stageExec && errno == unix.EACCES && c.restricted {
		return &StartError{Stage: stages[stage], Path: c.path, Err: fmt.Errorf(
			"%w (if the file may be executed: Landlock must allow executing it, and its interpreter or loader)", errno)}
	}
	return startError(stage, c.path, errno)
}

// Release frees what the start needed. Call it when the child has been waited for.
func (c *Child) Release() { c.job.free(true) }
