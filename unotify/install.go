package unotify

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Install puts a filter on the calling thread, or on every thread of the process with FlagTSYNC, and returns the listener
// if flags has FlagNewListener (nil otherwise). The caller must have locked the thread (runtime.LockOSThread) and set
// no_new_privs or hold CAP_SYS_ADMIN. A filter cannot be taken off again.
//
// Errors: EBUSY when a filter with a listener is already installed, EINVAL for a bad program or a flag that the kernel does
// not know, EACCES without no_new_privs.
func Install(prog []unix.SockFilter, flags uint) (*Listener, error) {
	if len(prog) == 0 || len(prog) > 4096 { // BPF_MAXINSNS
		return nil, errors.New("install filter: a program has 1 to 4096 instructions")
	}
	r, errno := setModeFilter(uintptr(flags), prog)
	if errno != 0 {
		return nil, opError("install filter", 0, errno)
	}
	if flags&FlagNewListener == 0 {
		return nil, nil
	}
	return newListener(int(r))
}
