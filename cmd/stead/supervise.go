package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"

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
	filter filter.Spec
	decode arch.Decoder
	sink   audit.Sink
	log    hclog.Logger
}

// run runs the program to its end and returns an exitError with its exit status.
func (s *supervision) run() error {
	path, err := findProgram(s.argv[0])
	if err != nil {
		return executeError(err)
	}
	prog, err := filter.Build(s.filter)
	if err != nil {
		return err
	}
	status, err := session.Run(context.Background(), session.Options{
		Path: path, Args: s.argv, Filter: prog, Logger: s.log,
		Server: emulate.Options{Decider: policy.Always(policy.Decision{Verdict: policy.Allow}), Sink: s.sink, Logger: s.log, Decoder: s.decode},
	})
	closeErr := s.sink.Close()
	if err == nil {
		err = status.ExecError
	}
	if err != nil {
		return executeError(err)
	}
	s.report(status, closeErr)
	return exitStatus(status.Wait)
}

// report says what went wrong without changing the program's exit status.
func (s *supervision) report(status session.Status, closeErr error) {
	if closeErr != nil {
		s.log.Error("records are lost", "records", s.sink.Dropped(), "error", closeErr)
	}
	if n := status.Statistics.Failed; n > 0 {
		s.log.Error("calls could not be answered", "calls", n)
	}
	s.log.Debug("supervision ended", "statistics", status.Statistics)
}

// findProgram looks a name up as execvp(3) does.
func findProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	if errors.Is(err, exec.ErrDot) {
		return filepath.Clean(path), nil
	}
	return path, err
}

// executeError gives the exit codes of env(1): 127 for what is not there, 126 for what cannot be executed.
func executeError(err error) error {
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, os.ErrNotExist):
		return &exitError{exitNotFound, err}
	case errors.Is(err, os.ErrPermission), errors.Is(err, unix.ENOEXEC), errors.Is(err, unix.EISDIR), errors.Is(err, unix.ENOTDIR),
		errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENAMETOOLONG), errors.Is(err, unix.E2BIG), errors.Is(err, unix.ETXTBSY):
		return &exitError{exitCannotExecute, err}
	}
	return &exitError{exitFailure, err}
}

// exitStatus is the program's own, 128+n if signal n ended it.
func exitStatus(ws unix.WaitStatus) error {
	switch {
	case ws.Signaled():
		return &exitError{code: 128 + int(ws.Signal())}
	case ws.ExitStatus() != 0:
		return &exitError{code: ws.ExitStatus()}
	}
	return nil
}
