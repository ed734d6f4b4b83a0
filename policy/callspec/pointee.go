package callspec

import (
	"bytes"

	"github.com/stead-project/stead/arch"
)

// pointee lays out what a pointer p points to and returns its address.
func (e *encoder) pointee(p *arch.Param, n *node, f *frame) (uint64, *Error) {
	if n.kind == nodeBroken {
		return 0, e.failf(p, n, "%s", n.bytes)
	}
	switch p.Kind {
	case arch.KindPath, arch.KindString:
		return e.text(p, n)
	case arch.KindStrings:
		return e.strings(p, n)
	case arch.KindBytes:
		return e.buffer(p, n, f)
	case arch.KindStruct:
		return e.structAt(p, n, f)
	case arch.KindPtr:
		return e.element(p, n, f)
	case arch.KindArray:
		return e.array(p, n, f)
	case arch.KindSockaddr:
		return e.sockaddrAt(p, n, f)
	case arch.KindSigset:
		return e.sigset(p, n, f)
	case arch.KindFDSet:
		return e.fdset(p, n, f)
	}
	return 0, e.wrongForm(p, n)
}

// length is the sibling that holds the length of what p points to, and the number if it was written; nil if there is none.
func (e *encoder) length(p *arch.Param, f *frame) (sibling *field, n uint64, given bool) {
	if p.Len == "" {
		return nil, uint64(p.Count), true
	}
	s := e.sibling(p.LenRef, p.Len, f)
	switch {
	case s == nil || !s.here:
		return nil, 0, false
	case !p.LenRef.Deref:
		return s, e.narrow(s.p, s.raw), s.given
	case s.n == nil:
		return s, 0, false
	}
	n, ok := e.behind(s)
	return s, n, ok
}

// behind is the number that a written pointer points to.
func (e *encoder) behind(s *field) (uint64, bool) {
	n := s.n
	if !e.json {
		if n.kind != nodeList || len(n.list) != 1 {
			return 0, false
		}
		n = &n.list[0]
	}
	if s.p.Elem == nil {
		return 0, false
	}
	v, err := e.numberOf(s.p.Elem, n)
	return v, err == nil
}

// measured notes the length of what was written where none was.
func (e *encoder) measured(p *arch.Param, s *field, n int) {
	switch {
	case s == nil || s.n != nil || s.given:
		return
	case !p.LenRef.Deref:
		s.raw = uint64(n)
	case s.p.Elem != nil:
		b := make([]byte, s.p.Elem.MemSize(e.abi))
		e.put(b, uint64(n))
		s.raw = e.alloc(b)
	}
	s.given = true
}

// text is a string with its NUL.
func (e *encoder) text(p *arch.Param, n *node) (uint64, *Error) {
	switch {
	case n.kind != nodeString || n.abstract:
		return 0, e.wrongForm(p, n)
	case n.more:
		return 0, e.failf(p, n, "only its beginning was recorded: write the whole string, or record with a larger --string-limit")
	case bytes.IndexByte(n.bytes, 0) >= 0:
		return 0, e.failf(p, n, `a string ends at its first NUL: leave \0 and what follows it out`)
	}
	e.long = max(e.long, len(n.bytes))
	return e.alloc(append(bytes.Clone(n.bytes), 0)), nil
}

var stringElem = arch.Param{Name: "string", Kind: arch.KindString}

// strings is an array of strings and its null pointer.
func (e *encoder) strings(p *arch.Param, n *node) (uint64, *Error) {
	if err := e.wholeList(p, n); err != nil {
		return 0, err
	}
	words := make([]uint64, 0, len(n.list)+1)
	for i := range n.list {
		s := field{p: &stringElem, n: &n.list[i], here: true}
		if err := e.scalar(&s); err != nil {
			return 0, err
		}
		if err := e.pointer(&s, nil); err != nil {
			return 0, err
		}
		words = append(words, s.raw)
	}
	return e.alloc(e.words(append(words, 0))), nil
}

// wholeList refuses what is no list, and lists that were printed in part.
func (e *encoder) wholeList(p *arch.Param, n *node) *Error {
	switch {
	case n.kind != nodeList || n.not:
		return e.wrongForm(p, n)
	case n.more:
		return e.failf(p, n, "only a part of it was recorded: write all of it, or trace with --verbose")
	}
	e.items = max(e.items, len(n.list)+1)
	return nil
}

// buffer is bytes whose length stands beside them. Of a long one only the beginning was printed, and matters: the decoder reads
// as much again.
func (e *encoder) buffer(p *arch.Param, n *node, f *frame) (uint64, *Error) {
	_, size, given := e.length(p, f)
	if addr, ok := jsonAddress(n); ok && e.json && (!given || size != uint64(len(n.bytes))) {
		return addr, nil
	}
	b, err := e.bufferBytes(p, n, f)
	return e.alloc(b), err
}

func (e *encoder) bufferBytes(p *arch.Param, n *node, f *frame) ([]byte, *Error) {
	s, size, given := e.length(p, f)
	b, err := e.bytesOf(p, n, int(min(size, maxSized)))
	if err != nil {
		return nil, err
	}
	more := n.more && n.kind == nodeString
	if given && !more && size > uint64(len(b)) {
		return nil, e.tooShort(p, n, s, size, len(b), "bytes")
	}
	e.measured(p, s, len(b))
	e.long = max(e.long, len(b))
	if more && p.Len != "" && p.Style != arch.StyleControl {
		if !e.split || len(b) < e.short {
			e.short = len(b)
		}
		e.split = true
	}
	return append(bytes.Clone(b), 0), nil
}

// bytesOf takes bytes in the form of their style. size is their length, as far as it is known.
func (e *encoder) bytesOf(p *arch.Param, n *node, size int) ([]byte, *Error) {
	switch p.Style {
	case arch.StyleIPv4, arch.StyleIPv6:
		if n.kind == nodeExpr || n.kind == nodeString && (e.json || len(n.bytes) != size) {
			b := make([]byte, p.Count)
			return b, e.ip(p, n, b)
		}
	case arch.StyleMAC:
		if n.kind == nodeMAC {
			return n.bytes, nil
		}
		if hw, ok := parseMAC(string(n.bytes)); ok && n.kind == nodeString {
			return hw, nil
		}
	case arch.StyleControl:
		if n.kind == nodeList {
			return e.control(p, n)
		}
	}
	if n.kind != nodeString || n.abstract {
		return nil, e.wrongForm(p, n)
	}
	return n.bytes, nil
}

func (e *encoder) tooShort(p *arch.Param, n *node, s *field, size uint64, have int, unit string) *Error {
	name := "its length"
	if s != nil {
		name = s.p.Name
	}
	return e.failf(p, n, "%s says %d, but %d %s are written: correct one of them, or leave %s out", name, size, have, unit, name)
}

// array is a list of elements whose number stands beside it.
func (e *encoder) array(p *arch.Param, n *node, f *frame) (uint64, *Error) {
	b, err := e.arrayBytes(p, n, f)
	return e.alloc(b), err
}

func (e *encoder) arrayBytes(p *arch.Param, n *node, f *frame) ([]byte, *Error) {
	s, count, given := e.length(p, f)
	if err := e.wholeList(p, n); err != nil {
		return nil, err
	}
	if given && count > uint64(len(n.list)) {
		return nil, e.tooShort(p, n, s, count, len(n.list), "elements")
	}
	e.measured(p, s, len(n.list))
	return e.elements(p.Elem, n, f)
}

// elements are a list's values one after the other.
func (e *encoder) elements(elem *arch.Param, n *node, f *frame) ([]byte, *Error) {
	size := elem.MemSize(e.abi)
	b := make([]byte, size*len(n.list))
	for i := range n.list {
		if err := e.place1(elem, &n.list[i], f, b[i*size:][:size]); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// place1 writes one element or union member into all of b.
func (e *encoder) place1(p *arch.Param, n *node, f *frame, b []byte) *Error {
	if p.Embedded() {
		return e.embed(p, n, f, b)
	}
	v := field{p: p, n: n, here: true}
	if err := e.scalar(&v); err != nil {
		return err
	}
	if err := e.pointer(&v, f); err != nil {
		return err
	}
	e.putStyled(p, b, 0, len(b), v.raw)
	return nil
}

// element is the one thing that a KindPtr points to. A struct, array, set or buffer is printed as itself, other things in
// brackets; records have no brackets.
func (e *encoder) element(p *arch.Param, n *node, f *frame) (uint64, *Error) {
	elem := p.Elem
	if elem.Kind.Pointer() && (elem.Embedded() || elem.Kind == arch.KindArray) {
		return e.pointee(elem, n, f)
	}
	if !e.json {
		if n.kind != nodeList || len(n.list) != 1 || n.not {
			return 0, e.wrongForm(p, n)
		}
		n = &n.list[0]
	}
	b := make([]byte, elem.MemSize(e.abi))
	if err := e.place1(elem, n, f, b); err != nil {
		return 0, err
	}
	return e.alloc(b), nil
}

// sigset is a set of signals of the kernel's size, of which the call may say that it is smaller.
func (e *encoder) sigset(p *arch.Param, n *node, f *frame) (uint64, *Error) {
	most := (&arch.Param{Kind: arch.KindSigset, Count: p.Count}).MemSize(e.abi)
	s, size, given := e.length(p, f)
	if !given || p.Len == "" || size > uint64(most) {
		size = uint64(most)
	}
	e.measured(p, s, most)
	b := make([]byte, most)
	if err := e.signals(p, n, b[:size]); err != nil {
		return 0, err
	}
	return e.alloc(b), nil
}

// signals sets the bits of a list of signals.
func (e *encoder) signals(p *arch.Param, n *node, b []byte) *Error {
	if n.kind != nodeList || n.more {
		return e.wrongForm(p, n)
	}
	one := arch.Param{Name: p.Name, Kind: arch.KindSignal, Width: 4}
	for i := range n.list {
		v, err := e.numberOf(&one, &n.list[i])
		if err != nil {
			return err
		}
		if v == 0 || v > uint64(8*len(b)) {
			return e.failf(p, &n.list[i], "%d is no signal of a set of %d", v, 8*len(b))
		}
		e.setBit(b, int(v-1))
	}
	for i := range b {
		if n.not {
			b[i] = ^b[i]
		}
	}
	return nil
}

// setBit sets a bit of an array of longs.
func (e *encoder) setBit(b []byte, i int) {
	at := i / 8
	if e.abi.BigEndian() {
		word := e.abi.Word()
		at = at/word*word + word - 1 - at%word
	}
	if at < len(b) {
		b[at] |= 1 << (i % 8)
	}
}

// maxFDs bounds an fd_set, as the Decoder does.
const maxFDs = 1 << 16

// fdset is whole longs.
func (e *encoder) fdset(p *arch.Param, n *node, f *frame) (uint64, *Error) {
	if err := e.wholeList(p, n); err != nil {
		return 0, err
	}
	if p.Style == arch.StyleWords && !e.json {
		b, err := e.elements(&arch.Param{Name: p.Name, Kind: arch.KindHex}, n, f)
		return e.alloc(b), err
	}
	fds, top, err := e.descriptors(p, n)
	if err != nil {
		return 0, err
	}
	word := e.abi.Word()
	s, size, given := e.length(p, f)
	bytesLong := p.Style == arch.StyleByteLen
	if given && bytesLong {
		size *= 8
	}
	if given && size <= 8*maxFDs {
		top = max(top, int(size))
	}
	b := make([]byte, (top+8*word-1)/(8*word)*word)
	if bytesLong {
		top = len(b)
	}
	e.measured(p, s, top)
	for _, fd := range fds {
		e.setBit(b, fd)
	}
	return e.alloc(b), nil
}

func (e *encoder) descriptors(p *arch.Param, n *node) (fds []int, top int, err *Error) {
	one := arch.Param{Name: p.Name, Kind: arch.KindUint, Width: 4}
	for i := range n.list {
		v, err := e.numberOf(&one, &n.list[i])
		if err != nil {
			return nil, 0, err
		}
		if v >= 8*maxFDs {
			return nil, 0, e.failf(p, &n.list[i], "%d is more than any member of a set", v)
		}
		fds, top = append(fds, int(v)), max(top, int(v)+1)
	}
	return fds, top, nil
}
