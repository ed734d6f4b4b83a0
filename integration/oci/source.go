package oci

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
)

// A source is one that knows which of its calls are under way, and that another agent can go on with.
type source interface {
	emulate.Source
	pending() []uint64            // received, and neither answered nor gone
	receiving() bool              // more may come
	duplicate() (fd int, _ error) // what the other agent gets
	close()
}

// duplicate makes another descriptor for a socket.
func duplicate(s syscall.Conn) (fd int, err error) {
	raw, err := s.SyscallConn()
	if err != nil {
		return -1, err
	}
	failed := raw.Control(func(at uintptr) { fd, err = unix.FcntlInt(at, unix.F_DUPFD_CLOEXEC, 3) })
	if failed != nil {
		return -1, failed
	}
	return fd, err
}
