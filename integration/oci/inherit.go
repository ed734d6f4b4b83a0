package oci

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"
)

// Inherited is what this process was started with: what the agent before it in this process has left (Estate.Execute), or what a service
// manager hands over (sd_listen_fds(3)): sockets, and what an agent that has ended had in its store.
func Inherited(log hclog.Logger) (*Estate, error) {
	if number := os.Getenv(willVariable); number != "" {
		os.Unsetenv(willVariable) // children have none
		return readWill(number)
	}
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return &Estate{}, nil
	}
	n, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	names := strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
	const most = 1 << 16
	if err != nil || n < 0 || n > most || n != len(names) {
		return nil, errors.New("the service manager hands over sockets without saying how many and which: set FileDescriptorName= for each")
	}
	return activated(names, serviceStore(), log), nil
}

// firstActivated is SD_LISTEN_FDS_START of sd_listen_fds(3).
const firstActivated = 3

// activated sorts descriptors by their names. They are not handed on to children.
func activated(names []string, from store, log hclog.Logger) *Estate {
	e := &Estate{sockets: map[string]socket{}}
	at := map[uint64]int{} // of e.heirs
	for i, name := range names {
		fd := firstActivated + i
		unix.CloseOnExec(fd)
		if key, ok := storeKey(name); ok {
			if _, known := at[key]; !known {
				at[key] = len(e.heirs)
				e.heirs = append(e.heirs, heir{key: key})
			}
			h := &e.heirs[at[key]]
			h.fds = append(h.fds, fd)
			continue
		}
		if _, twice := e.sockets[name]; !knownSocket(name) || twice {
			log.Warn("a descriptor of the service manager's is not used", "name", name)
			unix.Close(fd)
			if err := from.remove(name); err != nil {
				log.Warn("it stays with the service manager", "error", err)
			}
			continue
		}
		e.sockets[name] = socket{fd: fd}
	}
	return e
}

func knownSocket(name string) bool {
	return name == SocketOCI || name == SocketLXC || name == SocketControl || name == SocketMetrics
}

func storeKey(name string) (uint64, bool) {
	digits, ok := strings.CutPrefix(name, storePrefix)
	key, err := strconv.ParseUint(digits, 10, 64)
	return key, ok && err == nil && storeName(key) == name
}

// readWill reads what Execute has written. Nobody else can have: it is checked to find mistakes.
func readWill(number string) (*Estate, error) {
	fd, err := strconv.Atoi(number)
	if err != nil || fd < firstActivated {
		return nil, fmt.Errorf("%s=%q: it is set by an agent for the program that it executes in its place", willVariable, number)
	}
	if err := checkMemfd(fd, -1); err != nil {
		return nil, fmt.Errorf("what is handed over: %w", err)
	}
	f := os.NewFile(uintptr(fd), "estate")
	defer f.Close()
	var w will
	info, err := f.Stat()
	if err != nil || info.Size() > maxWill {
		return nil, fmt.Errorf("what is handed over: it is too large (%v)", err)
	}
	text := make([]byte, info.Size())
	if _, err := f.ReadAt(text, 0); err != nil {
		return nil, fmt.Errorf("what is handed over: %w", err)
	}
	if err := json.Unmarshal(text, &w); err != nil {
		return nil, fmt.Errorf("what is handed over: %w", err)
	}
	return w.estate()
}

func (w *will) estate() (*Estate, error) {
	if w.Format != willFormat || w.PID != os.Getpid() {
		return nil, fmt.Errorf("what is handed over has format %d and is for process %d", w.Format, w.PID)
	}
	e := &Estate{generation: w.Generation, sockets: map[string]socket{}, ended: w.Ended}
	for _, s := range w.Sockets {
		e.sockets[s.Name] = socket{s.FD, s.Own}
	}
	for _, h := range w.Heirs {
		e.heirs = append(e.heirs, heir{h.Key, h.FDs})
	}
	return e, closeOnExec(e.descriptors(), unix.FD_CLOEXEC)
}
