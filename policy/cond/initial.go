package cond

import (
	"errors"

	"github.com/stead-project/stead/policy"
)

// An Initial holds if a path is on a mount that the container began with.
type Initial struct{ Ref *Ref }

var errNoMounts = errors.New("what is mounted there is known for calls that mount and unmount only")

func (i *Initial) eval(c *Context) (bool, error) {
	m, ok := c.Paths.(policy.Mounts)
	if !ok {
		return false, i.Ref.wrap(errNoMounts)
	}
	is, known := m.Initial(i.Ref.Arg)
	if !known {
		return false, i.Ref.wrap(errNoPath)
	}
	return is, nil
}

func (i *Initial) cost() int { return 100 }

// Refs implements Leaf.
func (i *Initial) Refs() []*Ref { return []*Ref{i.Ref} }

// String implements Leaf.
func (i *Initial) String() string { return i.Ref.Text }
