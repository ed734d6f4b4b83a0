package callspec

import (
	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/internal/nearest"
)

// A pool is the written fields of one struct. Nameless structs and unions within it take theirs from the same pool.
type pool struct {
	list []node
	used []bool
}

func newPool(list []node) *pool { return &pool{list, make([]bool, len(list))} }

// take returns the next written field of a name, nil if there is none.
func (q *pool) take(name string) *node {
	for i := range q.list {
		if !q.used[i] && q.list[i].name == name {
			q.used[i] = true
			return &q.list[i]
		}
	}
	return nil
}

// takeFunction finds a nameless function with &name among its arguments.
func (q *pool) takeFunction(function, name string) *node {
	for i := range q.list {
		n := &q.list[i]
		if q.used[i] || n.name != "" || n.kind != nodeExpr || len(n.terms) != 1 || n.terms[0].word != function {
			continue
		}
		if args := n.terms[0].args; len(args) == 3 && args[2].what() == name {
			q.used[i] = true
			return n
		}
	}
	return nil
}

// rest returns a field that nothing took.
func (q *pool) rest() *node {
	for i := range q.list {
		if !q.used[i] {
			return &q.list[i]
		}
	}
	return nil
}

// maxSized is the largest struct whose size the caller gives: one page (copy_struct_from_user's users).
const maxSized = 4096

// structAt lays out a struct behind a pointer, as long as its owner says that it is.
func (e *encoder) structAt(p *arch.Param, n *node, f *frame) (uint64, *Error) {
	s := p.Struct.For(e.abi)
	if s == nil {
		return 0, e.failf(p, n, "struct %s does not exist on %s: name another ABI", p.Struct.Name, e.abi)
	}
	q, err := e.fieldsOf(p, n)
	if err != nil {
		return 0, err
	}
	b := make([]byte, s.Size(e.abi))
	tail, err := e.fields(s, q, f, b)
	if err != nil {
		return 0, err
	}
	if i := flexible(s); i >= 0 {
		b = append(b[:s.Offset(i, e.abi)], tail...)
	}
	if extra := q.take(""); extra != nil && extra.kind == nodeString && s.SizedBy != "" {
		b = append(b, extra.bytes...) // of a newer struct than the one known here
	}
	if err := e.unusedField(p, s, q); err != nil {
		return 0, err
	}
	return e.alloc(e.padded(s, b)), nil
}

// fieldsOf takes a struct's text apart.
func (e *encoder) fieldsOf(p *arch.Param, n *node) (*pool, *Error) {
	switch {
	case n.kind == nodeBroken:
		return nil, e.failf(p, n, "%s", n.bytes)
	case n.kind == nodeExpr && !e.json:
		return e.shortStruct(p, n)
	case n.kind != nodeStruct:
		return nil, e.wrongForm(p, n)
	case n.more && p.Struct.For(e.abi) != nil && p.Struct.For(e.abi).Shown > 0:
		// A trace prints only the fields that matter of some structs.
	case n.more:
		return nil, e.failf(p, n, "only a part of it was recorded: write all the fields that matter, without ...")
	}
	return newPool(n.list), nil
}

// shortStruct is one word for a struct: UTIME_NOW for a time, a macro for an instruction of BPF.
func (e *encoder) shortStruct(p *arch.Param, n *node) (*pool, *Error) {
	s := p.Struct.For(e.abi)
	if s == nil || len(n.terms) != 1 || n.terms[0].word == "" {
		return nil, e.wrongForm(p, n)
	}
	if n.terms[0].function {
		return e.bpf(p, s, n)
	}
	i := int(s.Alone) - 1
	if i < 0 || i >= len(s.Fields) {
		return nil, e.wrongForm(p, n)
	}
	one := *n
	one.name = s.Fields[i].Name
	return newPool([]node{one}), nil
}

func (e *encoder) unusedField(p *arch.Param, s *arch.Struct, q *pool) *Error {
	n := q.rest()
	if n == nil {
		return nil
	}
	names := fieldNames(s, e.abi, 0)
	for _, name := range names {
		if name == n.name {
			return e.failf(p, n, "field %s is not there with these arguments: leave it out", name)
		}
	}
	return e.failf(p, n, "struct %s has no field %q%s", s.Name, shorten(n.name), nearest.DidYouMean(n.name, names))
}

// padded adds what a size beyond the known struct promises: the kernel takes zeros there.
func (e *encoder) padded(s *arch.Struct, b []byte) []byte {
	size := e.declaredSize(s, b)
	if size <= uint64(len(b)) || size > maxSized {
		return b
	}
	return append(b, make([]byte, size-uint64(len(b)))...)
}

// declaredSize is what the struct's own field or the call says about its size; where it says nothing it is the known one.
func (e *encoder) declaredSize(s *arch.Struct, b []byte) uint64 {
	if s.SizedBy == "" {
		return 0
	}
	for w := s.Walk(e.abi); w.Next(); {
		if w.Field().Name == s.SizedBy && w.Offset()+w.Size() <= len(b) {
			return e.get(b[w.Offset():][:w.Size()])
		}
	}
	i := e.argIndex(s.SizedBy)
	if i < 0 {
		return 0
	}
	if v := &e.args.vals[i]; v.n == nil && !v.given {
		v.raw, v.given = uint64(len(b)), true
	}
	return e.args.vals[i].raw
}

func (e *encoder) argIndex(name string) int {
	if e.args == nil {
		return -1
	}
	for i := range e.args.params {
		if e.args.params[i].Name == name {
			return i
		}
	}
	return -1
}

// get reads a number.
func (e *encoder) get(b []byte) (v uint64) {
	for i := range b {
		at := i
		if !e.abi.BigEndian() {
			at = len(b) - 1 - i
		}
		v = v<<8 | uint64(b[at])
	}
	return v
}

// flexible is the array at a struct's end whose length is among the fields before it, -1 if there is none.
func flexible(s *arch.Struct) int {
	last := len(s.Fields) - 1
	if last >= 0 && s.Fields[last].InPlace {
		return last
	}
	return -1
}

// fields writes a struct's fields into b; tail is a flexible array's elements, which follow them.
func (e *encoder) fields(s *arch.Struct, q *pool, outer *frame, b []byte) (tail []byte, err *Error) {
	if s = s.For(e.abi); s == nil {
		return nil, nil
	}
	if s.Overlap {
		return nil, e.union(s, q, outer, b)
	}
	f := &frame{params: s.Fields, vals: make([]field, len(s.Fields)), outer: outer}
	if err := e.present(f, q); err != nil {
		return nil, err
	}
	for w := s.Walk(e.abi); w.Next(); {
		v := &f.vals[w.Index()]
		if !v.here {
			continue
		}
		if v.p.InPlace {
			tail, err = e.flexible(v, f)
		} else {
			err = e.content(v, f, q, b[w.Offset():][:w.Size()])
		}
		if err != nil {
			return nil, err
		}
	}
	e.sizeItself(s, f)
	e.store(s, f, b)
	return tail, nil
}

// present finds which fields apply, in order, and takes their numbers.
func (e *encoder) present(f *frame, q *pool) *Error {
	for i := range f.vals {
		v := &f.vals[i]
		v.p = &f.params[i]
		if v.p.Name == hidden || !e.holds(v.p.When, f) {
			continue
		}
		v.here = true
		if v.p.Name == "" && v.p.Kind == arch.KindStruct {
			continue
		}
		if v.n = q.take(v.p.Name); v.n == nil && v.p.Style == arch.StyleIPv6 && !e.json {
			v.n = q.takeFunction("inet_pton", v.p.Name)
		}
		if v.p.Embedded() {
			continue
		}
		if err := e.scalar(v); err != nil {
			return err
		}
	}
	return nil
}

// content lays out what a pointer field points to, or writes what lies in the struct itself.
func (e *encoder) content(v *field, f *frame, q *pool, b []byte) *Error {
	switch {
	case v.p.Kind == arch.KindStruct && v.p.Name == "":
		_, err := e.fields(v.p.Struct, q, f, b)
		return err
	case v.n == nil:
		return nil
	case v.p.Embedded():
		return e.embed(v.p, v.n, f, b)
	}
	return e.pointer(v, f)
}

// sizeItself fills in a size field that was left out.
func (e *encoder) sizeItself(s *arch.Struct, f *frame) {
	if i := s.Index(s.SizedBy); s.SizedBy != "" && i >= 0 && f.vals[i].n == nil && f.vals[i].here {
		f.vals[i].raw = uint64(s.Size(e.abi))
	}
}

// store writes the numbers, lengths that were found on the way included.
func (e *encoder) store(s *arch.Struct, f *frame, b []byte) {
	for w := s.Walk(e.abi); w.Next(); {
		if v := &f.vals[w.Index()]; v.here && !v.p.Embedded() {
			e.putStyled(v.p, b, w.Offset(), w.Size(), v.raw)
		}
	}
}

// joinedBy is how far the upper half of a StyleJoined number lies from the lower: struct __user_cap_data_struct.
const joinedBy = 12

// putStyled writes a number as its style has it in memory; a bit field leaves the bits around it.
func (e *encoder) putStyled(p *arch.Param, b []byte, at, size int, v uint64) {
	stored := p.Stored(v, e.abi)
	if p.Style == arch.StyleBits {
		stored |= e.get(b[at:][:size])
	}
	e.put(b[at:][:size], stored)
	if upper := at + joinedBy; p.Style == arch.StyleJoined && upper+4 <= len(b) {
		e.put(b[upper:][:4], v>>32)
	}
}

// views writes a union whose fields show the same bytes: those that are written, the last over the others.
func (e *encoder) views(s *arch.Struct, q *pool, outer *frame, b []byte) *Error {
	f := &frame{params: s.Fields, vals: make([]field, len(s.Fields)), outer: outer}
	if err := e.present(f, q); err != nil {
		return err
	}
	for w := s.Walk(e.abi); w.Next(); {
		v := &f.vals[w.Index()]
		if v.n == nil && v.p.Name != "" || w.Size() > len(b) {
			continue
		}
		if err := e.content(v, f, q, b[:w.Size()]); err != nil {
			return err
		}
		if !v.p.Embedded() {
			e.putStyled(v.p, b, 0, w.Size(), v.raw)
		}
	}
	return nil
}

// union writes the member that a Decoder would choose: the first that applies.
func (e *encoder) union(s *arch.Struct, q *pool, outer *frame, b []byte) *Error {
	if s.View {
		return e.views(s, q, outer, b)
	}
	around := &frame{params: s.Fields, outer: outer}
	for w := s.Walk(e.abi); w.Next(); {
		p := w.Field()
		if !e.holds(p.When, around) || w.Size() > len(b) && p.Kind != arch.KindStruct {
			continue
		}
		if p.Kind == arch.KindStruct && p.Name == "" {
			_, err := e.fields(p.Struct, q, around, b[:w.Size()])
			return err
		}
		if n := q.take(p.Name); n != nil {
			return e.place1(p, n, around, b[:w.Size()])
		}
		return nil
	}
	return nil
}

// flexible is what follows a struct: elements, or bytes.
func (e *encoder) flexible(v *field, f *frame) ([]byte, *Error) {
	if v.n == nil {
		return nil, nil
	}
	if v.p.Kind == arch.KindBytes {
		return e.bufferBytes(v.p, v.n, f)
	}
	return e.arrayBytes(v.p, v.n, f)
}

// embed writes what lies in a struct or array itself into b.
func (e *encoder) embed(p *arch.Param, n *node, f *frame, b []byte) *Error {
	switch p.Kind {
	case arch.KindStruct:
		return e.embedStruct(p, n, f, b)
	case arch.KindArray:
		return e.embedArray(p, n, f, b)
	case arch.KindSigset:
		return e.signals(p, n, b)
	case arch.KindSockaddr:
		addr, err := e.sockaddr(p, n)
		if err == nil && len(addr) > len(b) {
			err = e.failf(p, n, "the address does not fit in its %d bytes", len(b))
		}
		copy(b, addr)
		return err
	}
	text, err := e.bytesOf(p, n, len(b))
	if err == nil && len(text) > len(b) {
		err = e.failf(p, n, "%d bytes do not fit in its %d", len(text), len(b))
	}
	copy(b, text)
	return err
}

func (e *encoder) embedStruct(p *arch.Param, n *node, f *frame, b []byte) *Error {
	q, err := e.fieldsOf(p, n)
	if err != nil {
		return err
	}
	if _, err := e.fields(p.Struct, q, f, b); err != nil {
		return err
	}
	return e.unusedField(p, p.Struct, q)
}

func (e *encoder) embedArray(p *arch.Param, n *node, f *frame, b []byte) *Error {
	if err := e.wholeList(p, n); err != nil {
		return err
	}
	if len(n.list) > int(p.Count) {
		return e.failf(p, n, "%d elements do not fit in its %d", len(n.list), p.Count)
	}
	list, err := e.elements(p.Elem, n, f)
	copy(b, list)
	return err
}
