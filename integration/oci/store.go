package oci

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Notify tells a service manager how things are (sd_notify(3)): READY=1, STOPPING=1. Without one it does nothing.
func Notify(state string) error { return notify(os.Getenv("NOTIFY_SOCKET"), state) }

func notify(path, state string, fds ...int) error {
	if path == "" {
		return nil
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	defer unix.Close(fd)
	const patience = 5 // seconds
	err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Sec: patience})
	if err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	if err := unix.Sendmsg(fd, []byte(state), oob, &unix.SockaddrUnix{Name: path}, 0); err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	return nil
}

// A store is the service manager's, for descriptors that outlive a service (FDSTORE=1 of sd_notify(3)). "" is none. What is put into it
// under a name comes back under it when the service is started again.
type store string

func serviceStore() store { return store(os.Getenv("NOTIFY_SOCKET")) }

// storeName is of a container's listener with its ledger. There are many, and all their names go into one environment variable, which
// may have 128 KiB (execve(2)).
func storeName(key uint64) string { return fmt.Sprintf("%s%d", storePrefix, key) }

const storePrefix = "listener"

func (s store) put(key uint64, fds ...int) error {
	return notify(string(s), "FDSTORE=1\nFDNAME="+storeName(key), fds...)
}

func (s store) remove(name string) error {
	return notify(string(s), "FDSTOREREMOVE=1\nFDNAME="+name)
}
