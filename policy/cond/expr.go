package cond

import (
	"errors"
	"slices"
	"strings"

	"github.com/stead-project/stead/arch"
)

// Op says what an Expr is.
type Op uint8

// The operations. The zero value never holds.
const (
	False Op = iota
	True
	And
	Or
	Not // has one kid
	Test
)

// An Expr is a condition about one call of one ABI. It is read-only and may be used by several goroutines.
type Expr struct {
	Op   Op
	Kids []*Expr
	Leaf Leaf // of Test
}

func constant(v bool) *Expr {
	if v {
		return &Expr{Op: True}
	}
	return &Expr{Op: False}
}

func leaf(l Leaf) *Expr { return &Expr{Op: Test, Leaf: l} }

// String is the condition in the language's words, as far as they have survived.
func (e *Expr) String() string {
	switch e.Op {
	case True:
		return "true"
	case False:
		return "false"
	case Test:
		return e.Leaf.String()
	case Not:
		return "!(" + e.Kids[0].String() + ")"
	}
	sep := " && "
	if e.Op == Or {
		sep = " || "
	}
	list := make([]string, len(e.Kids))
	for i, k := range e.Kids {
		if list[i] = k.String(); k.Op == Or || k.Op == And || strings.Contains(list[i], "||") {
			list[i] = "(" + list[i] + ")"
		}
	}
	return strings.Join(list, sep)
}

// Leaves calls f for each test.
func (e *Expr) Leaves(f func(Leaf)) {
	if e.Op == Test {
		f(e.Leaf)
	}
	for _, k := range e.Kids {
		k.Leaves(f)
	}
}

func (e *Expr) anyRef(f func(*Ref) bool) (found bool) {
	e.Leaves(func(l Leaf) { found = found || slices.ContainsFunc(l.Refs(), f) })
	return found
}

// Registers reports whether the registers alone decide the condition, without CEL.
func (e *Expr) Registers() bool {
	only := true
	e.Leaves(func(l Leaf) {
		n, ok := l.(*Number)
		only = only && ok && n.Ref.Register()
	})
	return only
}

// Pointers returns the names of the parameters whose memory is read, in order.
func (e *Expr) Pointers() (names []string) {
	e.Leaves(func(l Leaf) {
		for _, r := range l.Refs() {
			if r.Pointer() {
				names = append(names, r.Param)
			}
		}
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// NeedsCaller reports whether the condition asks who makes the call. A relative path needs Cwd besides, unless Context.Paths
// resolves it.
func (e *Expr) NeedsCaller() bool { return e.anyRef((*Ref).Caller) }

// Eval decides the condition. An error means that it cannot be decided: the call must be denied. It does not allocate, unless
// a Program is asked or there is an error, once the Context's buffer has grown.
func (e *Expr) Eval(c *Context) (bool, error) {
	switch e.Op {
	case True, False:
		return e.Op == True, nil
	case Test:
		return e.Leaf.eval(c)
	case Not:
		v, err := e.Kids[0].Eval(c)
		return !v && err == nil, err
	}
	decisive := e.Op == Or
	var failed error
	for _, k := range e.Kids {
		v, err := k.Eval(c)
		if err == nil && v == decisive {
			return decisive, nil
		}
		if failed == nil {
			failed = err
		}
	}
	return !decisive && failed == nil, failed
}

// EvalRegisters decides the condition by the registers; ok false if they don't.
func (e *Expr) EvalRegisters(d *arch.Data) (holds, ok bool) {
	switch e.Op {
	case True, False:
		return e.Op == True, true
	case Test:
		n, ok := e.Leaf.(*Number)
		if !ok || !n.Ref.Register() {
			return false, false
		}
		return n.Holds(n.Ref.slot.read(&d.Args)), true
	case Not:
		v, ok := e.Kids[0].EvalRegisters(d)
		return !v && ok, ok
	}
	decisive, all := e.Op == Or, true
	for _, k := range e.Kids {
		v, ok := k.EvalRegisters(d)
		if ok && v == decisive {
			return decisive, true
		}
		all = all && ok
	}
	return !decisive && all, all
}

// Negate returns the condition that holds where e does not, without a Not above anything but a test.
func (e *Expr) Negate() *Expr {
	switch e.Op {
	case True, False:
		return constant(e.Op == False)
	case Not:
		return e.Kids[0]
	case Test:
		if n, ok := e.Leaf.(*Number); ok {
			return leaf(n.negated())
		}
		return &Expr{Op: Not, Kids: []*Expr{e}}
	}
	kids := make([]*Expr, len(e.Kids))
	for i, k := range e.Kids {
		kids[i] = k.Negate()
	}
	if e.Op == And {
		return &Expr{Op: Or, Kids: kids}
	}
	return &Expr{Op: And, Kids: kids}
}

func (n *Number) negated() *Number {
	m := *n
	m.Cmp = n.Cmp.Negate()
	return &m
}

// errImpossible is about a condition that no call fulfils.
var errImpossible = errors.New("the condition can never hold")

// join makes an And or Or: constants are folded, kids of the same operation lifted, tests of one value merged, and what is
// cheap comes first, which changes nothing because errors of operands that don't matter don't count.
func join(op Op, kids ...*Expr) *Expr {
	decisive := constant(op == Or).Op
	flat := make([]*Expr, 0, len(kids))
	for _, k := range kids {
		switch k.Op {
		case decisive:
			return constant(op == Or)
		case True, False:
		case op:
			flat = append(flat, k.Kids...)
		default:
			flat = append(flat, k)
		}
	}
	if op == Or {
		flat = mergeTests(flat)
	} else if exclusive(flat) {
		return constant(false)
	}
	switch len(flat) {
	case 0:
		return constant(op == And)
	case 1:
		return flat[0]
	}
	slices.SortStableFunc(flat, func(a, b *Expr) int { return a.cost() - b.cost() })
	return &Expr{Op: op, Kids: flat}
}

func (e *Expr) cost() (n int) {
	e.Leaves(func(l Leaf) { n += l.cost() })
	return n
}

// mergeTests joins what an Or says of one path or string into one test.
func mergeTests(kids []*Expr) []*Expr {
	out := kids[:0:0]
	for _, k := range kids {
		if k.Op != Test || !slices.ContainsFunc(out, func(o *Expr) bool { return mergeInto(o, k.Leaf) }) {
			out = append(out, k)
		}
	}
	return out
}

// mergeInto puts another test of the same value into o.
func mergeInto(o *Expr, other Leaf) bool {
	if o.Op != Test || len(o.Leaf.Refs()) != 1 || len(other.Refs()) != 1 || o.Leaf.Refs()[0].Text != other.Refs()[0].Text {
		return false
	}
	switch a := o.Leaf.(type) {
	case *Path:
		if b, ok := other.(*Path); ok {
			o.Leaf = a.merged(b)
			return true
		}
	case *Text:
		if b, ok := other.(*Text); ok {
			o.Leaf = a.merged(b)
			return true
		}
	case *Addr:
		if b, ok := other.(*Addr); ok {
			o.Leaf = &Addr{Ref: a.Ref, Prefixes: slices.Concat(a.Prefixes, b.Prefixes)}
			return true
		}
	}
	return false
}

func (p *Path) merged(q *Path) *Path {
	m := &Path{Ref: p.Ref, Under: p.Under, Equal: sorted(slices.Concat(p.Equal, q.Equal)), Globs: slices.Concat(p.Globs, q.Globs)}
	switch {
	case p.Under == nil:
		m.Under = q.Under
	case q.Under != nil:
		m.Under = NewPathSet(slices.Concat(p.Under.paths, q.Under.paths))
	}
	return m
}

func (t *Text) merged(u *Text) *Text {
	return &Text{
		Ref:       t.Ref,
		Equal:     sorted(slices.Concat(t.Equal, u.Equal)),
		Prefix:    slices.Concat(t.Prefix, u.Prefix),
		Suffix:    slices.Concat(t.Suffix, u.Suffix),
		Substring: slices.Concat(t.Substring, u.Substring),
		Regexps:   slices.Concat(t.Regexps, u.Regexps),
		Globs:     slices.Concat(t.Globs, u.Globs),
	}
}

func sorted(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// exclusive reports whether an And wants one string to be two.
func exclusive(kids []*Expr) bool {
	for i, k := range kids {
		for _, other := range kids[:i] {
			a, refA := equalOnly(k)
			b, refB := equalOnly(other)
			if refA != "" && refA == refB && !slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) }) {
				return true
			}
		}
	}
	return false
}

// equalOnly returns the strings of a test that is nothing but equality with one of them.
func equalOnly(e *Expr) (list []string, ref string) {
	switch l := e.Leaf.(type) {
	case *Text:
		if len(l.Prefix)+len(l.Suffix)+len(l.Substring)+len(l.Regexps)+len(l.Globs) == 0 {
			return l.Equal, l.Ref.Text
		}
	case *Path:
		if l.Under == nil && len(l.Globs) == 0 {
			return l.Equal, l.Ref.Text
		}
	}
	return nil, ""
}
