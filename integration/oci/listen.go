package oci

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// ListenStates opens the socket for container runtimes. Only its owner may connect to it, and root.
func ListenStates(path string) (*net.UnixListener, error) { return listenUnix("unix", path) }

// ListenLXC opens the socket for LXC's monitors, likewise.
func ListenLXC(path string) (*net.UnixListener, error) { return listenUnix("unixpacket", path) }

// ListenControl opens the socket for `stead agent ps`, likewise.
func ListenControl(path string) (*net.UnixListener, error) { return listenUnix("unix", path) }

// ListenMetrics opens unix:PATH or HOST:PORT. An address that others can reach is an error unless public says that it is meant.
func ListenMetrics(address string, public bool) (net.Listener, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return listenUnix("unix", path)
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("metrics address %q: write HOST:PORT or unix:PATH", address)
	}
	if !public && !loopback(host) {
		return nil, fmt.Errorf("metrics address %q can be reached from other machines, and metrics tell what containers do: use 127.0.0.1, [::1] or unix:PATH, or say --metrics-public", address)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for metrics: %w", err)
	}
	return l, nil
}

// loopback: a name may mean anything, but for this one (RFC 6761).
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// listenUnix replaces what an agent that was killed has left behind, and nothing else.
func listenUnix(network, path string) (*net.UnixListener, error) {
	address := &net.UnixAddr{Name: path, Net: network}
	if err := removeStale(address); err != nil {
		return nil, err
	}
	old := unix.Umask(0o177) // a socket that nobody else ever could connect to
	defer unix.Umask(old)
	l, err := net.ListenUnix(network, address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return l, nil
}

func removeStale(address *net.UnixAddr) error {
	info, err := os.Lstat(address.Name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if info.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("listen on %s: it exists and is no socket; name another path", address.Name)
	}
	conn, err := net.DialUnix(address.Net, nil, address)
	if err == nil {
		conn.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("listen on %s: somebody serves it already; stop the other agent, or name another path", address.Name)
	}
	return os.Remove(address.Name)
}

// maxThreads is for containers whose calls all block: some 130 threads each. The Go runtime would end the process at 10,000.
const maxThreads = 1 << 18

// RaiseLimits lets the process have as many threads as its containers can make it need. What the system allows is another matter.
func RaiseLimits() { debug.SetMaxThreads(maxThreads) }
