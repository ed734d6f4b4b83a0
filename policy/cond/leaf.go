package cond

import (
	"bytes"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/stead-project/stead/arch"
)

// A Leaf is one test: *Number, *Path, *Text, *Strings, *Addr or *Program.
type Leaf interface {
	// String is the test in the words of the language.
	String() string
	// Refs are the values that it reads.
	Refs() []*Ref

	eval(c *Context) (bool, error)
	cost() int
}

// Cmp is a comparison.
type Cmp uint8

// The comparisons.
const (
	EQ Cmp = iota
	NE
	LT
	LE
	GT
	GE
)

var cmpFacts = [...]struct {
	name            string
	negate, swapped Cmp
}{
	EQ: {"==", NE, EQ}, NE: {"!=", EQ, NE}, LT: {"<", GE, GT}, LE: {"<=", GT, GE}, GT: {">", LE, LT}, GE: {">=", LT, LE},
}

// String is the operator.
func (c Cmp) String() string { return cmpFacts[c%6].name }

// Negate is the comparison that holds where c does not.
func (c Cmp) Negate() Cmp { return cmpFacts[c%6].negate }

// holds compares; the result is three-way: below 0 if a < b.
func (c Cmp) holds(order int) bool {
	switch c {
	case EQ:
		return order == 0
	case NE:
		return order != 0
	case LT:
		return order < 0
	case LE:
		return order <= 0
	case GT:
		return order > 0
	}
	return order >= 0
}

// A Number holds if value&Mask, of Bits bits, compares so with Value.
type Number struct {
	Ref    *Ref
	Bits   uint8  // of the number; what is above them is not looked at
	Signed bool   // of LT, LE, GT, GE; then Mask has all bits
	Mask   uint64 //
	Cmp    Cmp
	Value  uint64 // of Bits bits
	Name   string // of Value, as in the condition
	writes bool
}

func (n *Number) eval(c *Context) (bool, error) {
	v, err := n.Ref.number(c)
	return err == nil && n.Holds(v), err
}

// Holds compares a value.
func (n *Number) Holds(v uint64) bool {
	v &= n.Mask
	switch {
	case n.Cmp <= NE:
		return (v == n.Value) == (n.Cmp == EQ)
	case n.Signed:
		a, b := signExtend(v, n.Bits), signExtend(n.Value, n.Bits)
		return n.Cmp.holds(order(a < b, a > b))
	}
	return n.Cmp.holds(order(v < n.Value, v > n.Value))
}

func order(less, more bool) int {
	switch {
	case less:
		return -1
	case more:
		return 1
	}
	return 0
}

func signExtend(v uint64, bits uint8) int64 {
	shift := 64 - bits
	return int64(v<<shift) >> shift
}

func (n *Number) cost() int { return refCost(n.Ref) }

// Refs implements Leaf.
func (n *Number) Refs() []*Ref { return []*Ref{n.Ref} }

// String implements Leaf.
func (n *Number) String() string {
	name := n.Name
	if name == "" {
		name = fmt.Sprintf("%#x", n.Value)
	}
	switch {
	case n.writes && n.Cmp == NE:
		return "writes(" + n.Ref.Text + ")"
	case n.writes:
		return "!writes(" + n.Ref.Text + ")"
	case n.Mask != fullMask(n.Bits):
		return fmt.Sprintf("%s & %#x %s %#x", n.Ref.Text, n.Mask, n.Cmp, n.Value)
	}
	return n.Ref.Text + " " + n.Cmp.String() + " " + name
}

// A Path holds if the path is in one of the hierarchies, equal to one of the paths, or matches one of the globs.
type Path struct {
	Ref   *Ref
	Under *PathSet // nil: none
	Equal []string // in order
	Globs []*Glob
}

func (p *Path) eval(c *Context) (bool, error) {
	b, err := p.Ref.path(c)
	if err != nil {
		return false, err
	}
	return p.Holds(b), nil
}

// Holds tests a clean absolute path; "" is none.
func (p *Path) Holds(b []byte) bool {
	if p.Under != nil && p.Under.Under(b) || hasString(p.Equal, b) {
		return true
	}
	for _, g := range p.Globs {
		if g.Match(b) {
			return true
		}
	}
	return false
}

// hasString searches a sorted list without allocating.
func hasString(list []string, b []byte) bool {
	lo, hi := 0, len(list)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if list[mid] < string(b) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo < len(list) && list[lo] == string(b)
}

func (p *Path) cost() int { return 20 + refCost(p.Ref) }

// Refs implements Leaf.
func (p *Path) Refs() []*Ref { return []*Ref{p.Ref} }

// String implements Leaf.
func (p *Path) String() string {
	var tests []string
	if p.Under != nil {
		tests = append(tests, method(p.Ref, "under", p.Under.Paths()))
	}
	if len(p.Equal) > 0 {
		tests = append(tests, equals(p.Ref, p.Equal))
	}
	if len(p.Globs) > 0 {
		tests = append(tests, method(p.Ref, "matches", globTexts(p.Globs)))
	}
	return strings.Join(tests, " || ")
}

func globTexts(globs []*Glob) (list []string) {
	for _, g := range globs {
		list = append(list, g.text)
	}
	return list
}

func method(r *Ref, name string, list []string) string {
	if len(list) == 1 {
		return fmt.Sprintf("%s.%s(%q)", r.Text, name, list[0])
	}
	return fmt.Sprintf("%s.%s(%s)", r.Text, name, quotedList(list))
}

func equals(r *Ref, list []string) string {
	if len(list) == 1 {
		return fmt.Sprintf("%s == %q", r.Text, list[0])
	}
	return r.Text + " in " + quotedList(list)
}

func quotedList(list []string) string {
	return strings.ReplaceAll(fmt.Sprintf("%q", list), `" "`, `", "`)
}

// A Text holds if one of its lists has what the string is, begins or ends with, contains or matches.
type Text struct {
	Ref                              *Ref
	Equal, Prefix, Suffix, Substring []string // Equal in order
	Regexps                          []*regexp.Regexp
	Globs                            []*Glob // of a name
}

func (t *Text) eval(c *Context) (bool, error) {
	b, err := t.read(c)
	if err != nil {
		return false, err
	}
	return t.Holds(b), nil
}

func (t *Text) read(c *Context) ([]byte, error) {
	if t.Ref.isPath {
		return t.Ref.path(c)
	}
	return t.Ref.text(c)
}

// Holds tests a string.
func (t *Text) Holds(b []byte) bool {
	if hasString(t.Equal, b) {
		return true
	}
	for _, s := range t.Prefix {
		if len(b) >= len(s) && string(b[:len(s)]) == s {
			return true
		}
	}
	for _, s := range t.Suffix {
		if len(b) >= len(s) && string(b[len(b)-len(s):]) == s {
			return true
		}
	}
	return t.holdsSlow(b)
}

func (t *Text) holdsSlow(b []byte) bool {
	for _, s := range t.Substring {
		if containsString(b, s) {
			return true
		}
	}
	for _, g := range t.Globs {
		if g.Match(b) {
			return true
		}
	}
	for _, r := range t.Regexps {
		if r.Match(b) {
			return true
		}
	}
	return false
}

// containsString looks for s at each place where its first byte is.
func containsString(b []byte, s string) bool {
	for len(b) >= len(s) {
		if s == "" || string(b[:len(s)]) == s {
			return true
		}
		i := bytes.IndexByte(b[1:], s[0])
		if i < 0 {
			return false
		}
		b = b[1+i:]
	}
	return false
}

func (t *Text) cost() int { return 10 + 20*len(t.Regexps) + refCost(t.Ref) }

// Refs implements Leaf.
func (t *Text) Refs() []*Ref { return []*Ref{t.Ref} }

// String implements Leaf.
func (t *Text) String() string {
	var tests []string
	if len(t.Equal) > 0 {
		tests = append(tests, equals(t.Ref, t.Equal))
	}
	for _, m := range [...]struct {
		name string
		list []string
	}{{"startsWith", t.Prefix}, {"endsWith", t.Suffix}, {"contains", t.Substring}, {"matches", globTexts(t.Globs)}} {
		for _, s := range m.list {
			tests = append(tests, method(t.Ref, m.name, []string{s}))
		}
	}
	for _, r := range t.Regexps {
		tests = append(tests, method(t.Ref, "matches", []string{r.String()}))
	}
	return strings.Join(tests, " || ")
}

// A Strings holds if one of the strings is in an array (argv).
type Strings struct {
	Ref *Ref
	Any []string // in order
}

func (s *Strings) eval(c *Context) (bool, error) {
	v, err := s.Ref.value(c)
	if v == nil || err != nil || v.State == arch.Null {
		return false, s.Ref.wrap(err)
	}
	bad := error(nil)
	if v.State != arch.OK {
		bad = stateError(v.State)
	}
	for i := range v.List {
		switch e := &v.List[i]; {
		case e.State != arch.OK:
			bad = stateError(e.State)
		case hasString(s.Any, e.Bytes):
			return true, nil
		}
	}
	return false, s.Ref.wrap(bad)
}

func (s *Strings) cost() int { return 30 }

// Refs implements Leaf.
func (s *Strings) Refs() []*Ref { return []*Ref{s.Ref} }

// String implements Leaf.
func (s *Strings) String() string { return method(s.Ref, "contains", s.Any) }

// An Addr holds if the address is in one of the prefixes. An IPv4 address within IPv6 (::ffff:10.0.0.1) is the IPv4 address,
// as it is to the kernel.
type Addr struct {
	Ref      *Ref
	Prefixes []netip.Prefix
}

func (a *Addr) eval(c *Context) (bool, error) {
	v, err := a.Ref.value(c)
	if err != nil {
		return false, a.Ref.wrap(err)
	}
	s, err := a.Ref.sockaddr(v)
	return s != nil && a.Holds(s.IP), err
}

// Holds tests an address.
func (a *Addr) Holds(ip netip.Addr) bool {
	ip = ip.Unmap()
	return slices.ContainsFunc(a.Prefixes, func(p netip.Prefix) bool { return p.Contains(ip) })
}

func (a *Addr) cost() int { return 10 }

// Refs implements Leaf.
func (a *Addr) Refs() []*Ref { return []*Ref{a.Ref} }

// String implements Leaf.
func (a *Addr) String() string {
	var list []string
	for _, p := range a.Prefixes {
		list = append(list, p.String())
	}
	if len(list) == 1 {
		return fmt.Sprintf("%s in cidr(%q)", a.Ref.Text, list[0])
	}
	return a.Ref.Text + " in " + quotedList(list)
}

// refCost orders the operands of && and ||: registers, what was decoded, then what somebody has to be asked for.
func refCost(r *Ref) int {
	switch {
	case r.Register():
		return 0
	case r.Caller():
		return 50
	}
	return 1
}
