package lang

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/stead-project/stead/policy"
)

// An Error is one thing that is wrong with a policy.
type Error struct {
	Pos policy.Pos
	Err error
}

// Error is the place and the fault, as compilers print them.
func (e *Error) Error() string {
	if e.Pos == (policy.Pos{}) {
		return e.Err.Error()
	}
	return e.Pos.String() + ": " + e.Err.Error()
}

// Unwrap returns the fault without its place.
func (e *Error) Unwrap() error { return e.Err }

// faults collects what is wrong, so that one run shows all of it, or much. Reading ends once it is full.
type faults struct {
	list []*Error
}

func (f *faults) full() bool { return len(f.list) > maxErrors }

func (f *faults) add(pos policy.Pos, err error) {
	if !f.full() {
		f.list = append(f.list, &Error{Pos: pos, Err: err})
	}
}

func (f *faults) addf(pos policy.Pos, format string, args ...any) {
	f.add(pos, fmt.Errorf(format, args...))
}

// err joins the faults: those of one file in the order of its lines.
func (f *faults) err() error {
	if len(f.list) == 0 {
		return nil
	}
	order := map[string]int{}
	for _, e := range f.list {
		if _, ok := order[e.Pos.File]; !ok {
			order[e.Pos.File] = len(order)
		}
	}
	slices.SortStableFunc(f.list, func(a, b *Error) int {
		x, y := a.Pos, b.Pos
		return cmp.Or(order[x.File]-order[y.File], x.Line-y.Line, x.Column-y.Column)
	})
	var all []error
	for _, e := range f.list[:min(len(f.list), maxErrors)] {
		all = append(all, e)
	}
	if f.full() {
		all = append(all, errors.New("and more errors, which are not shown"))
	}
	return errors.Join(all...)
}
