package oci

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A State is what a runtime sends with a listener: ContainerProcessState of the runtime specification.
type State struct {
	Version   string    `json:"ociVersion"`
	FDs       []string  `json:"fds"` // the descriptors' names, in their order
	PID       int       `json:"pid"` // of the process under the filter; crun sends 0 for an exec
	Metadata  string    `json:"metadata"`
	Container Container `json:"state"`
}

// A Container is the specification's state of a container.
type Container struct {
	Version     string            `json:"ociVersion"`
	ID          string            `json:"id"`
	Status      string            `json:"status"`
	PID         int               `json:"pid"` // of its first process
	Bundle      string            `json:"bundle"`
	Annotations map[string]string `json:"annotations"`
}

// listenerName is the specification's name of the descriptor that is the listener.
const listenerName = "seccompFd"

// Bounds of a state. Kubernetes' annotations alone may have 256 KiB.
const (
	maxState    = 1 << 20
	maxFDs      = 16
	maxID       = 1024
	maxMetadata = 4096
)

// check finds what no runtime sends.
func (s *State) check() error {
	switch {
	case !knownVersion(s.Version):
		return fmt.Errorf("version %.20q of the runtime specification is not known: it is 0.x or 1.x", s.Version)
	case s.Container.ID == "":
		return errors.New("the state has no container id")
	case len(s.Container.ID) > maxID:
		return fmt.Errorf("the container id has %d bytes, at most %d", len(s.Container.ID), maxID)
	case len(s.Metadata) > maxMetadata:
		return fmt.Errorf("the metadata have %d bytes, at most %d", len(s.Metadata), maxMetadata)
	}
	return nil
}

// knownVersion: crun says 0.2.0, whatever it implements; the fields are those of 1.0.2 and later.
func knownVersion(v string) bool {
	major, _, ok := strings.Cut(v, ".")
	return ok && (major == "0" || major == "1")
}

// listener is the position of the listener among n descriptors that came along.
func (s *State) listener(n int) (int, error) {
	if len(s.FDs) != n {
		return 0, fmt.Errorf("%d descriptors came, and the state names %d", n, len(s.FDs))
	}
	i := slices.Index(s.FDs, listenerName)
	if i < 0 {
		return 0, fmt.Errorf("none of the descriptors is named %s", listenerName)
	}
	if slices.Contains(s.FDs[i+1:], listenerName) {
		return 0, fmt.Errorf("several descriptors are named %s: send a state for each", listenerName)
	}
	return i, nil
}
