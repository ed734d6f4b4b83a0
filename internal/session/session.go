// Package session runs one program under supervision, as if it had been started directly: the same exit status, signals and job
// control.
package session

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/filter"
	"github.com/stead-project/stead/unotify"
	"github.com/stead-project/stead/unotify/launch"
)

// Options say what to run and how to supervise it.
type Options struct {
	Path   string   // the file to execute; one that is no program is handed to /bin/sh, as execvp(3) does
	Args   []string // argv
	Env    []string // nil: our own
	Filter filter.Program
	Server emulate.Options // its Targets are set here
	Logger hclog.Logger    // nil: silent

	// Decider makes the Server's decider when it needs to ask about callers; nil: Server.Decider is used as it is.
	Decider func(Asker) policy.Decider
	// Perform says that the Decider may want file-system calls performed.
	Perform bool
	// Landlock restricts the program, and everything that it starts, from before its execve on; nil: nothing.
	Landlock      *os.File
	LandlockFlags uint // of landlock_restrict_self(2)
}

// A Status is how the program ended.
type Status struct {
	Wait       unix.WaitStatus
	ExecError  error // the program could not be executed
	Statistics emulate.Statistics
}

// Run starts the program, supervises it and everything that it starts until the last of them has ended, and says how the
// program itself ended. It takes over the signals and the children of this process: there can be one session at a time.
//
// An error means that there was no supervision (EMFILE: too few descriptors; EBUSY: this process is under another listener), or
// that it broke off: the calls of the targets fail with ENOSYS from then on.
func Run(ctx context.Context, o Options) (Status, error) {
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if err := needDescriptors(); err != nil {
		return Status{}, err
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return Status{}, fmt.Errorf("become reaper of orphaned processes: %w", err)
	}
	targets, err := unotify.NewTargets(unotify.TargetsOptions{})
	if err != nil {
		return Status{}, err
	}
	defer targets.Close()
	j, err := newJobControl(o.Logger)
	if err != nil {
		return Status{}, err
	}
	child, killable, err := start(o)
	if err != nil {
		return Status{}, err
	}
	defer child.Listener.Close()
	o.Server.Killable = killable
	o.Server.Targets = emulate.FromTargets(targets)
	programs := &programs{ctx: ctx, targets: targets}
	if o.Perform {
		families, err := performers(targets, &o, programs)
		defer families.close()
		if err != nil {
			return Status{}, err
		}
		if o.Server.Table, err = emulate.Families(families...); err != nil {
			return Status{}, err
		}
	}
	programs.o = o
	if o.Decider != nil {
		o.Server.Decider = o.Decider(NewAsker(targets, child.Listener))
	}
	o.Server.Decider = notePrivileges(o.Server.Decider, o.Logger)
	return supervise(ctx, o, j, child, programs)
}

func supervise(ctx context.Context, o Options, j *jobControl, child *launch.Child, others *programs) (Status, error) {
	server := emulate.New(emulate.FromListener(child.Listener), o.Server)
	served := make(chan error, 1)
	go func() {
		err := server.Serve(ctx)
		child.Listener.Close() // nobody answers any more: the targets must not wait
		served <- err
	}()
	status := Status{Wait: j.follow(child.PID)}
	err := <-served
	others.wait()
	child.Release()
	status.ExecError, status.Statistics = child.ExecError(), server.Statistics()
	if err != nil && !errors.Is(err, context.Canceled) {
		return status, fmt.Errorf("supervise: %w", err)
	}
	return status, nil
}

// start installs the filter with WAIT_KILLABLE_RECV where the kernel has it.
func start(o Options) (child *launch.Child, killable bool, err error) {
	opts := launch.Options{Path: o.Path, Args: o.Args, Env: o.Env, Shell: true,
		Filter: o.Filter, FilterFlags: unotify.FlagWaitKillableRecv, Landlock: o.Landlock, LandlockFlags: o.LandlockFlags}
	child, err = launch.Start(opts)
	if !errors.Is(err, unix.EINVAL) {
		return child, true, err
	}
	opts.FilterFlags = 0
	if child, err = launch.Start(opts); err == nil {
		o.Logger.Warn("this kernel has no WAIT_KILLABLE_RECV (Linux 5.19): a signal may make a program repeat a call")
	}
	return child, false, err
}

// Exec is Run where the filter notifies nothing, so that there is nobody to supervise: it executes the program in this process's place. It
// returns only if that fails.
func Exec(o Options) (Status, error) {
	err := launch.Exec(launch.Options{Path: o.Path, Args: o.Args, Env: o.Env, Shell: true, Filter: o.Filter, Landlock: o.Landlock,
		LandlockFlags: o.LandlockFlags})
	var start *launch.StartError
	if errors.As(err, &start) && start.Executing() {
		return Status{ExecError: err}, nil
	}
	return Status{}, err
}

// descriptors is how many a session uses at once, beside what it remembers of targets: pipe, poller, socket pair, listener, proc.
const descriptors = 14

// needDescriptors fails with EMFILE or ENFILE where they cannot be had. Go's poller would end the process without a word about why.
func needDescriptors() error {
	list := make([]int, 0, descriptors)
	var err error
	for len(list) < descriptors && err == nil {
		var fd int
		if fd, err = unix.Eventfd(0, unix.EFD_CLOEXEC); err == nil {
			list = append(list, fd)
		}
	}
	for _, fd := range list {
		unix.Close(fd)
	}
	if err != nil {
		return fmt.Errorf("get the %d file descriptors that supervision takes: %w", descriptors, err)
	}
	return nil
}
