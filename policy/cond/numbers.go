package cond

import (
	"strings"

	"cel.dev/cel-go/common/ast"

	"github.com/stead-project/stead/arch"
)

// numberOf is the reference, width and sign of a number.
func (b *binder) numberOf(o operand) (r *Ref, bits uint8, signed bool) {
	signed = isSigned(o.param.Kind)
	switch {
	case o.ref.Register():
		return o.ref, o.ref.slot.bits, signed
	case o.ref.byValue:
		return o.ref, 64, signed
	case o.param.Width != 0:
		return o.ref, 8 * o.param.Width, signed
	}
	return o.ref, uint8(8 * b.abi.Word()), signed
}

// compareNumber compares a value with a constant.
func (b *binder) compareNumber(e ast.Expr, cmp Cmp, l, r operand) (*Expr, error) {
	if err := b.readable(e, l); err != nil {
		return nil, err
	}
	switch {
	case r.typ == typText && l.isFlags() && cmp <= NE:
		return b.flagsEqual(e, cmp, l, r)
	case r.typ == typText:
		return nil, b.quotedConstant(e, l, r)
	case r.typ != typNumber:
		return nil, b.mismatch(e, l, r)
	case r.num.header:
		if err := b.ownConstant(e, cmp, l, &r); err != nil || r.num.absent {
			return constant(cmp == NE), err
		}
	}
	ref, bits, signed := b.numberOf(l)
	value, where := fit(r.num, bits, signed, l.param.Kind)
	if where != 0 {
		return b.outOfRange(e, cmp, l, r, where)
	}
	if !signed && value == 0 && (cmp == LT || cmp == GE) {
		return b.outOfRange(e, cmp, l, r, -1)
	}
	return leaf(&Number{Ref: ref, Bits: bits, Signed: signed && cmp > NE, Mask: fullMask(bits), Cmp: cmp, Value: value,
		Name: r.name}), nil
}

func (b *binder) quotedConstant(e ast.Expr, l, r operand) error {
	if _, ok := lookup(r.text, l.param.Set, b.abi); ok {
		return b.failf(e, "write "+r.text+" without quotes", "%s is a number, %q is a string", l.ref.Text, r.text)
	}
	return b.mismatch(e, l, r)
}

// ownConstant makes sure that a constant is one of the parameter's. What has no set, or a set that lacks a name that no other
// set has either, is taken as it is.
func (b *binder) ownConstant(e ast.Expr, cmp Cmp, l operand, r *operand) error {
	set := l.param.Set
	b.abiDependent = b.abiDependent || r.num.absent
	if r.num.absent && cmp > NE {
		return b.failf(e, "test for equality, or add caller.abi", "%s does not exist on %s", r.name, b.abi)
	}
	if set == nil || r.num.absent {
		return nil
	}
	if v, ok := set.Value(r.name, b.abi); ok {
		r.num.v = v
		return nil
	}
	if set.NameOf(r.num.v, b.abi) != "" {
		return nil
	}
	return b.failf(e, meantOr(nearest(r.name, constNames(set)), "its values", someOf(constNames(set))),
		"%s is no value of %s", r.name, l.ref.Text)
}

// fit finds the bits of a constant in a number's width. where is below 0 if it is less than all numbers of that width, above 0
// if it is greater.
func fit(n number, bits uint8, signed bool, kind arch.Kind) (value uint64, where int) {
	all := fullMask(bits)
	minus := n.minus
	if n.header && n.v > all && int64(n.v) < 0 { // AT_FDCWD and its like
		minus, kind = true, arch.KindUID
	}
	switch {
	case minus && (signed || kind == arch.KindUID) && int64(n.v) >= -1<<(bits-1):
		return n.v & all, 0
	case minus:
		return 0, -1
	case n.v > all, signed && !n.header && n.v > all>>1:
		return 0, 1
	}
	return n.v, 0
}

// outOfRange is a comparison with what the number can't be. In a word of a 32-bit ABI it is the ABI's doing.
func (b *binder) outOfRange(e ast.Expr, cmp Cmp, l, r operand, where int) (*Expr, error) {
	holds := cmp.holds(-where)
	if cmp == LT || cmp == GE { // also 0 and an unsigned number
		holds = (cmp == LT) == (where > 0)
	}
	if where > 0 && l.param.Width == 0 && b.abi.Word() == 4 {
		b.abiDependent = true
		return constant(holds), nil
	}
	if holds {
		return constant(true), nil
	}
	_, bits, signed := b.numberOf(l)
	kind := "unsigned"
	if signed {
		kind = "signed"
	}
	return nil, b.failf(e, "correct the number, or remove the test", "%s %s %s can never hold: %s has %d bits and is %s",
		l.ref.Text, cmp, r.name, l.ref.Text, bits, kind)
}

// A flag is a name of a set of flags.
type flag struct {
	name        string
	value, mask uint64
}

// flagsOf looks up A|B|C. absent: one of them does not exist on this ABI.
func (b *binder) flagsOf(e ast.Expr, o operand, text string) (list []flag, absent bool, err error) {
	for name := range strings.SplitSeq(text, "|") {
		name = strings.TrimSpace(name)
		f, ok := b.flagNamed(o.param.Set, name)
		switch {
		case ok:
			list = append(list, f)
		case name != "" && existsElsewhere(name, o.param.Set) && inSet(o.param.Set, name):
			b.abiDependent, absent = true, true
		default:
			names := constNames(o.param.Set)
			return nil, false, b.failf(e, meantOr(nearest(name, names), "its flags", someOf(names)),
				"%s has no flag %q", o.ref.Text, name)
		}
	}
	return list, absent, nil
}

func inSet(s *arch.Set, name string) bool {
	for i := range s.Consts {
		if s.Consts[i].Name == name {
			return true
		}
	}
	return false
}

func (b *binder) flagNamed(s *arch.Set, name string) (flag, bool) {
	for i := range s.Consts {
		if c := &s.Consts[i]; c.Name == name {
			if v, m, ok := c.In(b.abi); ok {
				return flag{name, v, m}, true
			}
		}
	}
	return flag{}, false
}

// flagsEqual compares all flags.
func (b *binder) flagsEqual(e ast.Expr, cmp Cmp, l, r operand) (*Expr, error) {
	list, absent, err := b.flagsOf(r.expr, l, r.text)
	if err != nil || absent {
		return constant(cmp == NE), err
	}
	_, value, err := b.allOf(e, l, list)
	if err != nil {
		return nil, err
	}
	ref, bits, _ := b.numberOf(l)
	return leaf(&Number{Ref: ref, Bits: bits, Mask: fullMask(bits), Cmp: cmp, Value: value, Name: r.text}), nil
}

// allOf is the mask and value of flags that are all set.
func (b *binder) allOf(e ast.Expr, o operand, list []flag) (mask, value uint64, err error) {
	_, bits, _ := b.numberOf(o)
	for _, f := range list {
		if (value^f.value)&mask&f.mask != 0 {
			return 0, 0, b.failf(e, "write any instead of has, or name one of them", "%s excludes another of these flags", f.name)
		}
		if f.mask&^fullMask(bits) != 0 {
			return 0, 0, b.failf(e, "remove it", "%s has %d bits, and %s is not one of them", o.ref.Text, bits, f.name)
		}
		mask, value = mask|f.mask, value|f.value
	}
	return mask, value, nil
}

// flagTest binds has, any, none and only.
func (b *binder) flagTest(e ast.Expr, o operand, name string, arg operand) (*Expr, error) {
	list, absent, err := b.flagArgument(e, o, arg)
	if err != nil {
		return nil, err
	}
	switch {
	case name == "has" && absent:
		return constant(false), nil
	case name == "has":
		return b.hasAll(e, o, list)
	case name == "only":
		return b.hasOnly(o, list), nil
	}
	kids := make([]*Expr, 0, len(list))
	for _, f := range list {
		k, err := b.hasAll(e, o, []flag{f})
		if err != nil {
			return nil, err
		}
		kids = append(kids, k)
	}
	return maybeNot(name == "none", join(Or, b.oneMask(o, kids)...), nil)
}

// flagArgument is a text of names, a constant's name or a number.
func (b *binder) flagArgument(e ast.Expr, o operand, arg operand) (list []flag, absent bool, err error) {
	switch {
	case o.param.Set == nil && arg.typ == typText:
		return nil, false, b.failf(e, "write its bits as a number", "nothing is known of the flags in %s", o.ref.Text)
	case arg.typ == typText:
		return b.flagsOf(arg.expr, o, arg.text)
	case arg.typ != typNumber || !arg.constant():
		return nil, false, b.failf(e, o.usage(), "flags are named in a string")
	case arg.num.header && o.param.Set != nil:
		return b.flagsOf(arg.expr, o, arg.name)
	}
	return []flag{{arg.name, arg.num.v, arg.num.v}}, arg.num.absent, nil
}

func (b *binder) hasAll(e ast.Expr, o operand, list []flag) (*Expr, error) {
	mask, value, err := b.allOf(e, o, list)
	switch {
	case err != nil:
		return nil, err
	case mask == 0 && len(list) > 0:
		return nil, b.failf(e, "compare with == "+list[0].name, "%s is 0, which every value has", list[0].name)
	}
	ref, bits, _ := b.numberOf(o)
	return leaf(&Number{Ref: ref, Bits: bits, Mask: mask, Cmp: EQ, Value: value}), nil
}

func (b *binder) hasOnly(o operand, list []flag) *Expr {
	ref, bits, _ := b.numberOf(o)
	mask := fullMask(bits)
	for _, f := range list {
		mask &^= f.mask
	}
	return leaf(&Number{Ref: ref, Bits: bits, Mask: mask, Cmp: EQ})
}

// oneMask joins tests of single bits.
func (b *binder) oneMask(o operand, kids []*Expr) []*Expr {
	ref, bits, _ := b.numberOf(o)
	any := &Number{Ref: ref, Bits: bits, Cmp: NE}
	out := kids[:0:0]
	for _, k := range kids {
		if n := k.Leaf.(*Number); n.Mask&(n.Mask-1) == 0 && n.Value == n.Mask {
			any.Mask |= n.Mask
		} else {
			out = append(out, k)
		}
	}
	if any.Mask != 0 {
		out = append(out, leaf(any))
	}
	return out
}

// writes binds writes(flags): open(2) with these flags may change the file. O_PATH is not looked at, so that the answer is yes
// where in doubt.
func (b *binder) writes(e, arg ast.Expr) (*Expr, error) {
	o, ok, err := b.operand(arg)
	if err != nil {
		return nil, err
	}
	if !ok || !o.isFlags() {
		return nil, b.fail(e, "writes takes the flags of an open", "write writes(flags), or writes(how.flags) of openat2")
	}
	any := uint64(0)
	for _, name := range [...]string{"O_ACCMODE", "O_CREAT", "O_TRUNC"} {
		f, ok := b.flagNamed(o.param.Set, name)
		if !ok {
			return nil, b.failf(arg, "write "+o.ref.Text+".has(…)", "%s are not the flags of an open", o.ref.Text)
		}
		any |= f.mask
	}
	if err := b.readable(e, o); err != nil {
		return nil, err
	}
	ref, bits, _ := b.numberOf(o)
	return leaf(&Number{Ref: ref, Bits: bits, Mask: any, Cmp: NE, writes: true}), nil
}
