package callspec

import (
	"slices"
	"strings"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/internal/nearest"
)

// A field is one parameter or struct field with what was written for it.
type field struct {
	p     *arch.Param
	n     *node // nil: nothing was written
	raw   uint64
	here  bool // the parameter applies
	given bool // raw is what was written, or follows from something that was
}

// A frame is one list of parameters or fields, and the list around it, as arch.Decoder has them.
type frame struct {
	params []arch.Param
	vals   []field
	outer  *frame
}

func (f *frame) raws() []uint64 {
	vals := make([]uint64, len(f.vals))
	for i := range vals {
		vals[i] = f.vals[i].raw
	}
	return vals
}

// sibling finds what a length or a condition refers to: arch.Ref.
func (e *encoder) sibling(ref arch.Ref, name string, f *frame) *field {
	if ref.Up == arch.CallLevel {
		f = e.args
	} else {
		for range ref.Up {
			if f = f.outer; f == nil {
				return nil
			}
		}
	}
	if f == nil {
		return nil
	}
	i := int(ref.Idx)
	for k := 0; i < 0 && k < len(f.params); k++ {
		if f.params[k].Name == name {
			i = k
		}
	}
	if i < 0 || i >= len(f.vals) {
		return nil
	}
	return &f.vals[i]
}

// holds reports whether a parameter applies.
func (e *encoder) holds(c *arch.Cond, f *frame) bool {
	for ; c != nil; c = c.And {
		v := e.sibling(c.Ref, c.Param, f)
		if v == nil || !v.here || !c.Holds(e.narrow(v.p, v.raw), e.abi) {
			return false
		}
	}
	return true
}

// narrow is the number as a Decoder has it.
func (e *encoder) narrow(p *arch.Param, v uint64) uint64 {
	width := e.widthOf(p)
	if width >= 8 {
		return v
	}
	shift := 64 - 8*width
	if isSigned(p.Kind) {
		return uint64(int64(v<<shift) >> shift)
	}
	return v << shift >> shift
}

// widthOf is how many bytes a number or an address has.
func (e *encoder) widthOf(p *arch.Param) int {
	switch {
	case p.Width != 0:
		return int(p.Width)
	case e.isArgument(p):
		return e.abi.RegisterWidth()
	}
	return e.abi.Word()
}

func (e *encoder) isArgument(p *arch.Param) bool {
	if e.args == nil {
		return false
	}
	for i := range e.args.params {
		if &e.args.params[i] == p {
			return true
		}
	}
	return false
}

func isSigned(k arch.Kind) bool {
	switch k {
	case arch.KindInt, arch.KindFD, arch.KindDirFD, arch.KindPID, arch.KindSignal:
		return true
	}
	return false
}

// maxVariants is how often a variant may have variants of its own.
const maxVariants = 4

// registers encodes the arguments of a described call.
func (e *encoder) registers(sig *arch.Signature) (regs [6]uint64, err *Error) {
	for range maxVariants {
		e.assign(sig)
		v := e.variant(sig)
		if v == nil || e.single {
			break
		}
		sig = v
	}
	if e.assign(sig); e.used < len(e.nodes) {
		return regs, e.surplus(sig)
	}
	if err := e.fillArgs(); err != nil {
		return regs, err
	}
	regs, ok := e.abi.Registers(sig.Params, e.args.raws())
	if !ok {
		return regs, failf(0, "%s passes the last arguments of %s on the stack: leave them out", e.abi, sig.Name)
	}
	return regs, nil
}

func (e *encoder) variant(sig *arch.Signature) *arch.Signature {
	for i := range sig.Variants {
		if e.holds(sig.Variants[i].When, e.args) {
			return &sig.Variants[i]
		}
	}
	return nil
}

// assign gives each parameter what was written for it. Values for parameters that do not apply are taken only where all are
// written: open("/x", O_RDONLY, 0) is usual.
func (e *encoder) assign(sig *arch.Signature) {
	e.assignTo(sig, false)
	if e.used < len(e.nodes) {
		e.assignTo(sig, true)
	}
}

// assignTo leaves numbers that cannot be read for fillArgs to report, when the variant that they belong to is known.
func (e *encoder) assignTo(sig *arch.Signature, all bool) {
	f := &frame{params: sig.Params, vals: make([]field, len(sig.Params))}
	e.args, e.used = f, 0
	for i := range f.vals {
		v := &f.vals[i]
		v.p = &sig.Params[i]
		if v.p.Name == hidden {
			continue
		}
		v.here = e.holds(v.p.When, f)
		if v.here || all {
			v.n = e.argument(v.p.Name)
		}
		if v.n != nil && !v.p.Kind.Pointer() {
			v.raw, _ = e.numberOf(v.p, v.n)
		}
	}
}

// argument returns what was written for a parameter: the next value, or the one of its name.
func (e *encoder) argument(name string) *node {
	if len(e.nodes) > 0 && e.nodes[0].name == "" {
		if e.used >= len(e.nodes) {
			return nil
		}
		e.used++
		return &e.nodes[e.used-1]
	}
	for i := range e.nodes {
		if e.nodes[i].name == name {
			e.used++
			return &e.nodes[i]
		}
	}
	return nil
}

// surplus is the error for an argument that no parameter takes.
func (e *encoder) surplus(sig *arch.Signature) *Error {
	var names []string
	for i := range e.args.vals {
		if v := &e.args.vals[i]; v.here {
			names = append(names, v.p.Name)
		}
	}
	if e.nodes[0].name == "" {
		return e.place(failf(e.nodes[e.used].at, "%s takes %s (%s), this is one more", sig.Name,
			counted(len(names), "argument"), strings.Join(names, ", ")))
	}
	for i := range e.nodes {
		if n := &e.nodes[i]; !slices.Contains(names, n.name) || n.name == "" {
			return e.place(failf(n.at, "%s has no argument %q%s", sig.Name, shorten(n.name), nearest.DidYouMean(n.name, names)))
		}
	}
	return e.place(failf(e.nodes[0].at, "an argument is written twice: the arguments are %s", strings.Join(names, ", ")))
}

// fillArgs finds every argument's number, the contents of memory included.
func (e *encoder) fillArgs() *Error {
	for i := range e.args.vals {
		v := &e.args.vals[i]
		if err := e.scalar(v); err != nil {
			return e.about(err, v)
		}
	}
	for i := range e.args.vals {
		v := &e.args.vals[i]
		if err := e.pointer(v, e.args); err != nil {
			return e.about(err, v)
		}
	}
	return nil
}

// scalar takes a number, or an address that is written as one.
func (e *encoder) scalar(v *field) (err *Error) {
	switch {
	case v.n == nil:
		return nil
	case !v.p.Kind.Pointer():
		v.raw, err = e.numberOf(v.p, v.n)
		v.given = err == nil
		return err
	case v.n.kind == nodeNull:
		v.given = true
	default:
		v.raw, v.given = e.addressOf(v.p, v.n)
	}
	return nil
}

// pointer lays out what a pointer points to and takes its address.
func (e *encoder) pointer(v *field, f *frame) (err *Error) {
	if v.n == nil || v.given || !v.p.Kind.Pointer() {
		return nil
	}
	v.given = true
	if v.p.Dir == arch.Out || !v.here {
		v.raw = e.alloc(nil) // what the kernel writes is no part of the call
		return nil
	}
	v.raw, err = e.pointee(v.p, v.n, f)
	return err
}

// addressOf is the address that stands for contents, if one does.
func (e *encoder) addressOf(p *arch.Param, n *node) (uint64, bool) {
	if !e.json {
		return n.literal()
	}
	addr, ok := jsonAddress(n)
	if !ok || p.Dir == arch.Out {
		return addr, ok
	}
	switch p.Kind {
	case arch.KindPath, arch.KindString, arch.KindBytes:
		return 0, false // a string that looks like an address
	case arch.KindPtr:
		return addr, p.Elem.Kind != arch.KindAddr && p.Elem.Kind != arch.KindBytes
	}
	return addr, true
}
