package session

import (
	"fmt"
	"io"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/emulate/container"
	"github.com/stead-project/stead/emulate/fakeroot"
	"github.com/stead-project/stead/emulate/perform"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/unotify"
)

// families are what performs calls, as long as the session lasts.
type families []emulate.Family

func (f families) close() {
	for _, one := range f {
		one.(io.Closer).Close() //nolint:errcheck,forcetypeassert // every one that add takes is a Closer, and nothing is lost
	}
}

// add takes a family that was made.
func add[F interface {
	emulate.Family
	io.Closer
}](to families, f F, err error) (families, error) {
	if err != nil {
		return to, err
	}
	return append(to, f), nil
}

// performers makes what performs calls. The supervisor's memory, which tasks with a target's rights share, is closed to others
// (ptrace(2), "Ptrace access mode checking"). What was made before an error is returned with it.
func performers(targets *unotify.Targets, o *Options, p *programs) (list families, err error) {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("protect the supervisor's memory: %w", err)
	}
	files, err := perform.New(perform.Options{Targets: targets, Watched: true, Logger: o.Logger})
	if list, err = add(list, files, err); err != nil {
		return list, err
	}
	containers, err := container.New(container.Options{Targets: targets, Watched: true, Logger: o.Logger, Programs: p.confinement(o)})
	if list, err = add(list, containers, err); err != nil || !pretendsRoot(o.Server.As) {
		return list, err
	}
	pretender, err := fakeroot.New(fakeroot.Options{Targets: targets, Files: files})
	return add(list, pretender, err)
}

// pretendsRoot says whether some call is answered as root's.
func pretendsRoot(as func(arch.ID) policy.As) bool {
	return as != nil && slices.ContainsFunc(fakeroot.Calls(), func(s emulate.Support) bool {
		id, ok := arch.LookupID(s.Call)
		return ok && as(id) == policy.AsFakeRoot
	})
}
