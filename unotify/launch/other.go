package launch

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Runner runs C functions, long (*)(void *), in another process that shares the memory: package standin has such.
type Runner interface {
	Run(function, argument uintptr) (r uintptr, errno syscall.Errno)
}

// startBy has the program started by another process, and admits it in between. An error is Admit's, or of getting so far.
func (c *Child) startBy(o Options, ours, theirs int) (stage int, errno syscall.Errno, err error) {
	if err := unix.SetsockoptInt(ours, unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
		return 0, 0, fmt.Errorf("have a process tell who it is: %w", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		stage, errno = c.job.startBy(o.By)
		unix.Shutdown(theirs, unix.SHUT_WR) //nolint:errcheck // whoever waits for a message gets none
	}()
	pid, missed := c.meet(ours)
	if missed == nil {
		err = c.admit(o, pid, ours)
	}
	if missed != nil || err != nil {
		unix.Shutdown(ours, unix.SHUT_WR) //nolint:errcheck // the process ends for want of an answer
	}
	<-done
	if missed != nil && errno == 0 && err == nil {
		return 0, 0, &StartError{Stage: stages[stageAdmit], Path: o.Path, Err: missed}
	}
	return stage, errno, err
}

// meet takes the process's descriptor from the carrier, and its number from itself.
func (c *Child) meet(sock int) (pid int, err error) {
	for c.Pidfd < 0 || pid == 0 {
		fd, sender, err := receiveDescriptor(sock, 0)
		switch {
		case fd >= 0:
			c.Pidfd = fd
		case sender > 0 && errors.Is(err, errNothing):
			pid = sender
		default:
			return 0, err
		}
	}
	return pid, nil
}

// admit lets the process go on. Its number was its own as long as its descriptor says that it has not been waited for.
func (c *Child) admit(o Options, pid, sock int) error {
	if o.Admit != nil {
		if err := o.Admit(pid); err != nil {
			return fmt.Errorf("%s %q: %w", stages[stageAdmit], o.Path, err)
		}
	}
	if err := unix.PidfdSendSignal(c.Pidfd, 0, nil, 0); err != nil {
		return &StartError{Stage: stages[stageAdmit], Path: o.Path, Err: err}
	}
	_, err := unix.Write(sock, []byte{0})
	return err
}
