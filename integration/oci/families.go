package oci

import (
	"errors"

	"github.com/hashicorp/go-hclog"

	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/emulate/container"
	"github.com/stead-project/stead/emulate/fakeroot"
	"github.com/stead-project/stead/emulate/perform"
	"github.com/stead-project/stead/internal/procself"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/unotify"
)

// A Room is what a container's families are made with.
type Room struct {
	Targets *unotify.Targets
	Watched bool           // every call of perform.Watch is notified
	Proc    *procself.Proc // of all of the agent's containers
	Logger  hclog.Logger

	Kept []byte       // what the families of another agent have learnt of the container
	Keep func([]byte) // keeps it for the next agent's
	// Programs is what programs are under that are started for the container; nil: none is.
	Programs *container.Confinement

	files *perform.Family // the one that was made before
}

// A ClosableFamily is a family of calls that holds something until the container has ended.
type ClosableFamily interface {
	emulate.Family
	Close() error
}

// A Maker makes one family for one container, and says what such families perform.
type Maker struct {
	Calls func() []emulate.Support
	Make  func(Room) (ClosableFamily, error)
}

// Families are the families that the agent's containers have. A policy's rules say which of them performs a call that both can
// (policy.As).
func Families() []Maker {
	return []Maker{
		{perform.Calls, func(r Room) (ClosableFamily, error) {
			return closable(perform.New(perform.Options{Targets: r.Targets, Proc: r.Proc, Watched: r.Watched, Logger: r.Logger}))
		}},
		{container.Calls, func(r Room) (ClosableFamily, error) {
			return closable(container.New(container.Options{Targets: r.Targets, Proc: r.Proc, Watched: r.Watched, Logger: r.Logger, Kept: r.Kept, Keep: r.Keep, Programs: r.Programs}))
		}},
		{fakeroot.Calls, func(r Room) (ClosableFamily, error) {
			return closable(fakeroot.New(fakeroot.Options{Targets: r.Targets, Files: r.files}))
		}},
	}
}

// closable keeps a nil pointer from becoming an interface that is not nil.
func closable[F ClosableFamily](f F, err error) (ClosableFamily, error) {
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Performs lists what the families perform, for the compiler.
func Performs(makers []Maker) policy.Range {
	var lists [][]emulate.Support
	for _, m := range makers {
		lists = append(lists, m.Calls())
	}
	return emulate.RangeOf(lists...)
}

// family is a container's families and their table.
type families struct {
	list  []ClosableFamily
	table *emulate.Table
}

func makeFamilies(makers []Maker, r Room) (*families, error) {
	f := &families{}
	var plain []emulate.Family
	for _, m := range makers {
		made, err := m.Make(r)
		if err != nil {
			f.close()
			return nil, err
		}
		if files, ok := made.(*perform.Family); ok {
			r.files = files
		}
		f.list = append(f.list, made)
		plain = append(plain, made)
	}
	var err error
	if f.table, err = emulate.Families(plain...); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

func (f *families) close() error {
	var errs []error
	for _, one := range f.list {
		errs = append(errs, one.Close())
	}
	return errors.Join(errs...)
}
