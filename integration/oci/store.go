package oci

import (
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Notify tells a service manager how things are (sd_notify(3)): READY=1, STOPPING=1. Without one it does nothing.
func Notify(state string) error { return notify(os.Getenv("NOTIFY_SOCKET"), state) }

func notify(path, state string, fds ...int) error {
	if path == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	defer conn.Close()
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	const patience = 5 * time.Second
	if err := conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, _, err := conn.WriteMsgUnix([]byte(state), oob, nil); err != nil {
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
