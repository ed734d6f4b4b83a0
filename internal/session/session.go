// Package session runs one program under supervision, as if it had been started directly: the same exit status, signals and job
// control.
package session

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/policy/filter"
	"github.com/stead-project/stead/unotify"
	"github.com/stead-project/stead/unotify/launch"
)

// Options say what to run and how to supervise it.
type Options struct {
	Path   string   // the file to execute
	Args   []string // argv
	Env    []string // nil: our own
	Filter filter.Program
	Server emulate.Options
	Logger hclog.Logger
}

// A Status is how the program ended.
type Status struct {
	Wait       unix.WaitStatus
	ExecError  error // the program could not be executed
	Statistics emulate.Statistics
}

// Run starts the program, supervises it and everything that it starts until the last of them has ended, and says how the
// program itself ended.
func Run(ctx context.Context, o Options) (Status, error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return Status{}, fmt.Errorf("become reaper of orphaned processes: %w", err)
	}
	j, err := newJobControl(o.Logger)
	if err != nil {
		return Status{}, err
	}
	child, err := start(o)
	if err != nil {
		return Status{}, err
	}
	defer child.Listener.Close()
	targets, err := unotify.NewTargets(unotify.TargetsOptions{})
	if err != nil {
		return Status{}, err
	}
	defer targets.Close()
	o.Server.Targets = emulate.FromTargets(targets)
	server := emulate.New(emulate.FromListener(child.Listener), o.Server)
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx) }()
	status := Status{Wait: j.follow(child.PID)}
	err = <-served
	child.Release()
	status.ExecError, status.Statistics = child.ExecError(), server.Statistics()
	if err != nil && !errors.Is(err, context.Canceled) {
		return status, fmt.Errorf("supervise: %w", err)
	}
	return status, nil
}

// start installs the filter with WAIT_KILLABLE_RECV where the kernel has it.
func start(o Options) (*launch.Child, error) {
	opts := launch.Options{Path: o.Path, Args: o.Args, Env: o.Env, Filter: o.Filter, FilterFlags: unotify.FlagWaitKillableRecv}
	child, err := launch.Start(opts)
	if !errors.Is(err, unix.EINVAL) {
		return child, err
	}
	opts.FilterFlags = 0
	if child, err = launch.Start(opts); err == nil {
		o.Logger.Warn("this kernel has no WAIT_KILLABLE_RECV (Linux 5.19): a signal may make a program repeat a call")
	}
	return child, err
}
