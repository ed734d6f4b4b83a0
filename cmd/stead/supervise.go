package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/audit"
	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/internal/session"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/filter"
)

// A supervision is what trace and run have in common.
type supervision struct {
	argv   []string
	filter filter.Spec // which calls are seen; or:
	policy *enforcement
	decode arch.Decoder
	sink   audit.Sink
	log    hclog.Logger
}

// run runs the program to its end and returns an exitError with its exit status.
func (s *supervision) run() error {
	if runtime.GOMAXPROCS(0) == 1 {
		// The runtime takes the processor away from a thread that is in a system call, and gives it back, unless another one is
		// idle (retake of runtime/proc.go): on one CPU that is with every call that is waited for.
		runtime.GOMAXPROCS(2)
	}
	status, err := s.supervise()
	closeErr := s.sink.Close()
	if err != nil {
		return err
	}
	s.report(status, closeErr)
	if status.ExecError != nil {
		return executeError(status.ExecError)
	}
	return exitStatus(status.Wait)
}

func (s *supervision) supervise() (session.Status, error) {
	path, err := findProgram(s.argv[0])
	if err != nil {
		return session.Status{}, executeError(err)
	}
	o := session.Options{Path: path, Args: s.argv, Logger: s.log,
		Server: emulate.Options{Decider: policy.Always(policy.Decision{Verdict: policy.Allow}), Sink: s.sink, Logger: s.log, Decoder: s.decode}}
	if s.policy != nil {
		s.policy.apply(&o)
		if !o.Filter.Notifies() {
			return session.Exec(o)
		}
	} else if o.Filter, err = filter.Build(s.filter); err != nil {
		return session.Status{}, err
	}
	if s.policy == nil && !s.sink.Needs().Args {
		o.Server.Decoder = arch.Decoder{MaxItems: 1} // only paths are looked at; a whole environment costs as much as an execve
	}
	status, err := session.Run(context.Background(), o)
	return status, withRemedy(err)
}

// withRemedy says what a person can do about an error.
func withRemedy(err error) error {
	switch {
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("%w: start stead outside of it (see stead doctor)", err)
	case errors.Is(err, unix.EMFILE):
		return fmt.Errorf("%w: raise the limit (ulimit -n)", err)
	}
	return err
}

// report says what went wrong without changing the program's exit status.
func (s *supervision) report(status session.Status, closeErr error) {
	if closeErr != nil {
		s.log.Error("records are lost", "records", s.sink.Dropped(), "error", closeErr)
	}
	if n := status.Statistics.Failed; n > 0 {
		s.log.Error("calls could not be answered", "calls", n)
	}
	s.log.Debug("supervision ended", "statistics", fmt.Sprintf("%+v", status.Statistics))
}

// openOutput opens the file that records go to.
func openOutput(name string, mode int) (*os.File, error) {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|mode, 0o666)
	if err != nil {
		return nil, fmt.Errorf("write records: %w", err)
	}
	return file, nil
}

// A fileSink closes its file after itself: some file systems report only then that they could not store what was written.
type fileSink struct {
	audit.Sink
	file *os.File
}

func (s fileSink) Close() error { return errors.Join(s.Sink.Close(), s.file.Close()) }
