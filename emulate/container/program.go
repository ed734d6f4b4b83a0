package container

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/unotify"
	"github.com/stead-project/stead/unotify/launch"
	"github.com/stead-project/stead/unotify/standin"
)

// A Confinement is what programs are under that the supervisor starts for a container: no less than the container is.
type Confinement struct {
	// Filter is the seccomp filter of the container's policy.
	Filter func() ([]unix.SockFilter, error)
	// Landlock restricts the container; nil: nothing does.
	Landlock      *os.File
	LandlockFlags uint
	// Serve begins to serve a program's listener, as the container's is served but with what around makes of the container's decider, until
	// the last process with the filter has gone; then it closes it, and calls ended.
	Serve func(l *unotify.Listener, around func(policy.Decider) policy.Decider, ended func())
}

// A program is one that was started for a caller as the caller itself would have started it. Its parent is a task that has become what the
// caller is.
type program struct {
	f      *Family
	parent *actor
	child  *launch.Child
	like   likeness
	said   *speech

	ended  chan struct{} // closed after the next three were set
	status unix.WaitStatus
	fault  error // why it was not executed
	lost   bool  // somebody has ended its parent: nothing is known of its end

	mu     sync.Mutex      // guards pid
	pid    int             // 0: it has been waited for
	waited unix.WaitStatus // what the kernel writes
}

// environment is all that a program has of one.
func environment() []string {
	return []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "LANG=C"}
}

// startProgram starts a program as the caller, under the container's filter. Before it becomes the program, it is looked at.
func (o *op) startProgram(path string, args []string, around func(policy.Decider) policy.Decider) (*program, error) {
	c := o.f.o.Programs
	if c == nil || c.Filter == nil || c.Serve == nil {
		return nil, errors.New("this supervisor starts no programs")
	}
	if o.f.serving.Add(1) > maxServing {
		o.f.serving.Add(-1)
		return nil, fmt.Errorf("%d programs serve file systems of this container already: %w", maxServing, unix.EMFILE)
	}
	f := o.f // the op goes on to other calls
	ended := func() { f.serving.Add(-1) }
	p, err := o.newProgram(c, path, args)
	if err != nil {
		ended()
		return nil, err
	}
	c.Serve(p.child.Listener, around, ended)
	go p.watch()
	return p, nil
}

// newProgram starts one whose calls wait for their supervision.
func (o *op) newProgram(c *Confinement, path string, args []string) (*program, error) {
	filter, err := c.Filter()
	if err != nil {
		return nil, err
	}
	p := &program{f: o.f, ended: make(chan struct{})}
	if p.like, err = o.likeness(); err != nil {
		return nil, err
	}
	if p.parent, err = o.startParent(); err != nil {
		return nil, err
	}
	opts := launch.Options{By: p.parent.task, Path: path, Args: args, Env: environment(), Dir: "/", Setsid: true,
		Admit: p.admit, Filter: filter, FilterFlags: unotify.FlagWaitKillableRecv, Landlock: c.Landlock, LandlockFlags: c.LandlockFlags, Limits: p.like.limits}
	stuck := time.AfterFunc(o.f.o.Patience, p.free)
	err = p.launch(opts)
	stuck.Stop()
	if err != nil {
		p.leave()
		return nil, err
	}
	return p, nil
}

// free ends what starts the program: somebody who may signal it has stopped it, or frozen the control group that it is in.
func (p *program) free() {
	tid := strconv.Itoa(p.parent.task.TID())
	text, _ := os.ReadFile("/proc/" + tid + "/task/" + tid + "/children")
	for _, field := range strings.Fields(string(text)) {
		if pid, err := strconv.Atoi(field); err == nil {
			unix.Kill(pid, unix.SIGKILL) //nolint:errcheck // it may have ended
		}
	}
	p.parent.task.Close() //nolint:errcheck // it is gone either way
}

// launch gives the program the end of a pipe for everything that it says, and nothing to read.
func (p *program) launch(opts launch.Options) error {
	nothing, none, err := os.Pipe()
	if err != nil {
		return err
	}
	none.Close()
	defer nothing.Close()
	said, theirs, err := listen()
	if err != nil {
		return err
	}
	defer theirs.Close()
	p.said = said
	opts.Files = []*os.File{nothing, theirs, theirs}
	p.child, err = launch.Start(opts)
	if errors.Is(err, unix.EINVAL) { // before Linux 5.19
		opts.FilterFlags = 0
		p.child, err = launch.Start(opts)
	}
	return err
}

// spaces are the namespaces that a program is in, besides those that every actor joins by becoming its caller.
func spaces() []nsKind {
	return append(joinable(), nsKind{nsUTS, unotify.UTSNamespace, unix.CLONE_NEWUTS}, nsKind{nsPID, unotify.PIDNamespace, unix.CLONE_NEWPID})
}

// The capabilities that a parent needs until it is what its caller is.
const forJoining = capSysAdmin | 1<<unix.CAP_SETPCAP

// startParent makes a task that is what the caller is, with no capability more, and whose children are in the caller's pid namespace.
func (o *op) startParent() (*actor, error) {
	target, err := o.pin()
	if err != nil {
		return nil, err
	}
	id, err := o.f.pool.starter.Identity(target)
	if err != nil {
		return nil, err
	}
	defer id.Close()
	task, err := o.f.parents.Start()
	if err != nil {
		return nil, err
	}
	a := &actor{f: o.f, task: task, fds: -1}
	o.f.pool.tasks.Add(task.TID())
	if err := a.becomeParent(o, target, id); err != nil {
		o.f.pool.end(a)
		return nil, err
	}
	return a, nil
}

func (a *actor) becomeParent(o *op, target unotify.Target, id *standin.Identity) error {
	late, err := a.joinEarly(o, target, spaces())
	if err != nil {
		return err
	}
	defer closeAll(late)
	want := *id
	want.Caps.Effective |= id.Caps.Permitted | forJoining
	want.Caps.Permitted |= forJoining
	if err := a.task.Become(want); err != nil {
		return err
	}
	if err := a.joinLate(late); err != nil {
		return err
	}
	if err := a.sameRoot(o); err != nil {
		return err
	}
	const joinSession = 1 // KEYCTL_JOIN_SESSION_KEYRING: the supervisor's keys are not the program's (keyctl(2))
	if _, errno := a.call(unix.SYS_KEYCTL, joinSession, 0); errno != 0 && errno != unix.ENOSYS {
		return fmt.Errorf("leave the supervisor's keyring: %w", errno)
	}
	if err := a.takeLabel(o.env.TID); err != nil {
		return err
	}
	if err := a.task.Limit(id.Caps); err != nil {
		return err
	}
	return target.Valid()
}

// admit moves to its place what is about to be the program, and lets it go on if it is like its caller.
func (p *program) admit(pid int) error {
	p.mu.Lock()
	p.pid = pid
	p.mu.Unlock()
	return p.like.check(p.f, pid)
}

// watch waits for the program's end.
func (p *program) watch() {
	defer close(p.ended)
	_, status, errno := p.wait()
	for errno == unix.EINTR {
		_, status, errno = p.wait()
	}
	p.mu.Lock()
	p.pid = 0
	p.mu.Unlock()
	p.status, p.lost, p.fault = status, errno != 0, p.child.ExecError()
}

func (p *program) signal(sig syscall.Signal) {
	unix.PidfdSendSignal(p.child.Pidfd, sig, nil, 0) //nolint:errcheck // it may have ended
}

// kill ends the program, and what it has started as far as that is in its process group, and waits a moment for it.
func (p *program) kill() {
	p.mu.Lock()
	if p.pid > 0 {
		unix.Kill(-p.pid, unix.SIGKILL) //nolint:errcheck // it may have ended
	}
	p.mu.Unlock()
	p.signal(unix.SIGKILL)
	select {
	case <-p.ended:
	case <-time.After(time.Second):
	}
}

// leave lets go of the program: it is its container's from now on.
func (p *program) leave() {
	if p.child == nil {
		p.free() // somebody may have stopped what began to be one
	}
	p.f.pool.end(p.parent)
	if p.child != nil {
		<-p.ended
		unix.Close(p.child.Pidfd)
		p.child.Release()
	}
}
