package unotify

import "golang.org/x/sys/unix"

// Kill ends the target's whole process with SIGKILL. Errors: ErrGone when the call was over before the process was pinned;
// EPERM when the supervisor may not signal it. Linux 5.3.
func (t Target) Kill() error {
	const op = "kill target"
	pidfd, err := unix.PidfdOpen(t.TGID, 0)
	if failed := t.check(op, err); failed != nil {
		if err == nil {
			unix.Close(pidfd)
		}
		return failed
	}
	defer unix.Close(pidfd)
	if err := unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0); err != nil {
		return &OpError{Op: op, Err: err}
	}
	return nil
}
