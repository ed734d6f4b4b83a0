package arch

// A Layout walks a struct's fields in order and carries the offset along, so that nothing is kept or allocated. The rules
// are the C compilers': a field lies at the next multiple of its alignment, the whole is padded to the largest one.
//
//	for w := s.Walk(abi); w.Next(); {
//		use(w.Field(), w.Offset())
//	}
type Layout struct {
	s      *Struct
	abi    ABI
	next   int // index of the field after the current one
	offset int // of the current field
	end    int // after the current field
	size   int // of what there is so far, without padding
	align  int
}

// Walk returns a walk before the first field of the struct as the ABI has it.
func (s *Struct) Walk(abi ABI) Layout {
	return Layout{s: s.For(abi), abi: abi, align: 1}
}

// Next goes to the next field; false when there is none.
func (w *Layout) Next() bool {
	if w.s == nil || w.next >= len(w.s.Fields) {
		return false
	}
	size, align := w.s.Fields[w.next].inMemory(w.abi)
	if w.s.Packed {
		align = 1
	}
	w.offset = roundUp(w.end, align)
	if w.s.Overlap {
		w.offset = 0
	}
	w.end = w.offset + size
	w.size = max(w.size, w.end)
	w.align = max(w.align, align)
	w.next++
	return true
}

// Index returns the current field's position in the struct's Fields.
func (w *Layout) Index() int { return w.next - 1 }

// Field returns the current field.
func (w *Layout) Field() *Param { return &w.s.Fields[w.next-1] }

// Offset returns the current field's offset in bytes from the start of the struct.
func (w *Layout) Offset() int { return w.offset }

// Size returns the current field's size in bytes; a flexible array at the end has none.
func (w *Layout) Size() int { return w.end - w.offset }

// Layout returns the struct's size and alignment in bytes on an ABI; 0 and 1 where the ABI does not have it.
func (s *Struct) Layout(abi ABI) (size, align int) {
	w := s.Walk(abi)
	for w.Next() {
	}
	return roundUp(w.size, w.align), w.align
}

// Size returns the struct's size in bytes on an ABI, padding at its end included, a flexible array not.
func (s *Struct) Size(abi ABI) int {
	size, _ := s.Layout(abi)
	return size
}

// Offset returns the offset in bytes of the field at a position in the Fields of s.For(abi), -1 if there is none.
func (s *Struct) Offset(index int, abi ABI) int {
	for w := s.Walk(abi); w.Next(); {
		if w.Index() == index {
			return w.Offset()
		}
	}
	return -1
}

// MemSize returns how many bytes a field or element takes in memory on an ABI. A parameter of a call, which is a register,
// has no such size.
func (p *Param) MemSize(abi ABI) int {
	size, _ := p.inMemory(abi)
	return size
}

// inMemory is the size and alignment of a field or element.
func (p *Param) inMemory(abi ABI) (size, align int) {
	if p.Style == StyleJoined {
		return 4, 4
	}
	if p.Width == 8 { // a 64-bit number, or a pointer that is said to take 8 bytes
		return 8, abi.Int64Align()
	}
	switch p.Kind {
	case KindStruct:
		return p.Struct.Layout(abi)
	case KindArray:
		return p.arrayInMemory(abi)
	case KindBytes, KindChars:
		if p.Count > 0 || p.InPlace {
			return int(p.Count), 1
		}
	case KindSockaddr:
		if p.Count > 0 { // struct __kernel_sockaddr_storage is aligned like a pointer (include/uapi/linux/socket.h)
			return int(p.Count), wordAlign(abi)
		}
	case KindSigset:
		if p.Len == "" && p.Count > 0 {
			return int(p.Count), wordAlign(abi)
		}
		if p.Len == "" {
			return sigsetSize(abi), wordAlign(abi)
		}
	}
	return p.numberInMemory(abi)
}

func (p *Param) arrayInMemory(abi ABI) (size, align int) {
	if p.Count == 0 && !p.InPlace {
		return p.numberInMemory(abi)
	}
	size, align = p.Elem.inMemory(abi)
	return size * int(p.Count), align
}

// numberInMemory is for numbers and pointers.
func (p *Param) numberInMemory(abi ABI) (size, align int) {
	size = int(p.Width)
	if size == 0 {
		size = abi.Word()
	}
	if size == 8 {
		return 8, abi.Int64Align()
	}
	if abi == M68K && size == 4 { // m68k aligns nothing to more than 2 bytes
		return 4, 2
	}
	return size, size
}

func wordAlign(abi ABI) int {
	if abi == M68K {
		return 2
	}
	return abi.Word()
}

// sigsetSize follows _NSIG: 64 signals, on MIPS 128 (arch/mips/include/uapi/asm/signal.h).
func sigsetSize(abi ABI) int {
	switch abi {
	case MIPS, MIPSEL, MIPS64, MIPSEL64, MIPS64N32, MIPSEL64N32:
		return 16
	}
	return 8
}

func roundUp(n, align int) int { return (n + align - 1) / align * align }
