package oci

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
)

// An Estate is what one agent leaves to the next: its sockets, and the listeners of its containers.
type Estate struct {
	generation int // of the agent that left it; 0: a service manager did
	sockets    map[string]socket
	heirs      []heir
	ended      map[string]emulate.Statistics
}

// A socket is the service manager's, or the agent's own, to be removed in the end.
type socket struct {
	fd  int
	own bool
}

// An heir is a container's listener, or the connection of its LXC monitor, with its ledger, in any order.
type heir struct {
	key uint64
	fds []int
}

// A deed is what a ledger says of the container. Every listener of a container has the same.
type deed struct {
	State  State     `json:"state"` // that the container began with
	UID    uint32    `json:"uid"`
	LXC    bool      `json:"lxc,omitempty"`
	Since  time.Time `json:"since"`
	Policy string    `json:"policy,omitempty"`
	Print  string    `json:"print,omitempty"` // of the container's filter
	Began  string    `json:"began,omitempty"` // of the policy when the container began
}

// A will is the estate as it is written for the program that is executed next.
type will struct {
	Format     int                           `json:"format"`
	PID        int                           `json:"pid"`
	Generation int                           `json:"generation"`
	Sockets    []willSocket                  `json:"sockets"`
	Heirs      []willHeir                    `json:"heirs"`
	Ended      map[string]emulate.Statistics `json:"ended"`
}

type willSocket struct {
	Name string `json:"name"`
	FD   int    `json:"fd"`
	Own  bool   `json:"own"`
}

type willHeir struct {
	Key uint64 `json:"key"`
	FDs []int  `json:"fds"`
}

const (
	willVariable = "STEAD_AGENT_ESTATE" // number of the will's descriptor
	willFormat   = 1
	maxWill      = 16 << 20
)

// HandoverFormat is what a program has to understand to go on with the containers of this one.
func HandoverFormat() string {
	return strconv.Itoa(willFormat) + "." + strconv.Itoa(int(ledgerMagic[len(ledgerMagic)-1]))
}

// Names of sockets in an estate, which are those that a service manager hands over by (FileDescriptorName= of systemd.socket(5)).
const (
	SocketOCI     = "agent"
	SocketLXC     = "lxc"
	SocketControl = "control"
	SocketMetrics = "metrics"
)

// Listener makes a listener of a socket in the estate; nil: there is none of that name.
func (e *Estate) Listener(name string) (net.Listener, error) {
	s, ok := e.sockets[name]
	if !ok {
		return nil, nil
	}
	f := os.NewFile(uintptr(s.fd), name)
	delete(e.sockets, name)
	l, err := net.FileListener(f)
	f.Close()
	if err != nil {
		return nil, fmt.Errorf("socket %s: %w", name, err)
	}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(s.own)
	}
	return l, nil
}

// UnixListener is Listener for what can only be a unix socket.
func (e *Estate) UnixListener(name string) (*net.UnixListener, error) {
	l, err := e.Listener(name)
	if l == nil || err != nil {
		return nil, err
	}
	u, ok := l.(*net.UnixListener)
	if !ok {
		l.Close()
		return nil, fmt.Errorf("socket %s is no unix socket", name)
	}
	return u, nil
}

// Given says which sockets are the service manager's.
func (e *Estate) Given() map[string]bool {
	given := map[string]bool{}
	for name, s := range e.sockets {
		given[name] = !s.own
	}
	return given
}

// A Program is what is executed in the agent's place.
type Program struct {
	Path string
	Args []string // with the program's name
}

// Execute executes a program in the place of this one, which gets the estate. It returns only if that fails; then the estate is as it was.
func (e *Estate) Execute(p Program) error {
	fd, err := e.write()
	if err != nil {
		return fmt.Errorf("write down what is handed over: %w", err)
	}
	defer unix.Close(fd)
	all := append(e.descriptors(), fd)
	syscall.ForkLock.Lock() // nobody else gets them
	defer syscall.ForkLock.Unlock()
	if err := closeOnExec(all, 0); err != nil {
		return err
	}
	defer closeOnExec(all, unix.FD_CLOEXEC) //nolint:errcheck // they are open
	err = unix.Exec(p.Path, p.Args, append(environment(), willVariable+"="+strconv.Itoa(fd)))
	return fmt.Errorf("execute %s: %w", p.Path, err)
}

func (e *Estate) write() (int, error) {
	w := will{Format: willFormat, PID: os.Getpid(), Generation: e.generation, Ended: e.ended}
	for name, s := range e.sockets {
		w.Sockets = append(w.Sockets, willSocket{name, s.fd, s.own})
	}
	for _, h := range e.heirs {
		w.Heirs = append(w.Heirs, willHeir{h.key, h.fds})
	}
	text, err := json.Marshal(w)
	if err != nil || len(text) > maxWill {
		return -1, errors.Join(err, fmt.Errorf("it would have %d bytes, at most %d", len(text), maxWill))
	}
	fd, err := memfd("stead estate", int64(len(text)))
	if err != nil {
		return -1, err
	}
	if _, err := unix.Pwrite(fd, text, 0); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (e *Estate) descriptors() (list []int) {
	for _, s := range e.sockets {
		list = append(list, s.fd)
	}
	for _, h := range e.heirs {
		list = append(list, h.fds...)
	}
	return list
}

func closeOnExec(fds []int, flag int) error {
	for _, fd := range fds {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, flag); err != nil {
			return fmt.Errorf("hand descriptor %d over: %w", fd, err)
		}
	}
	return nil
}

// environment is what the next program gets: the process keeps its number, so what a service manager said of descriptors would seem to
// hold still.
func environment() (list []string) {
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); !strings.HasPrefix(name, "LISTEN_") && name != willVariable {
			list = append(list, v)
		}
	}
	return list
}

// discard closes what is left. Sockets of the agent's own are removed, as when it ends.
func (e *Estate) discard() {
	for _, h := range e.heirs {
		closeAll(h.fds)
	}
	for name := range e.sockets {
		if l, err := e.Listener(name); err == nil {
			l.Close()
		}
	}
}
