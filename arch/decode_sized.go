package arch

// maxSized is the largest struct whose size the caller gives: copy_struct_from_user's users allow one page.
const maxSized = 4096

// followStruct reads a struct behind a pointer and follows its own pointers.
func (d *Decoder) followStruct(v *Value, f *frame, depth int) {
	s := v.Param.Struct.For(d.call.ABI)
	if s == nil {
		v.State = Unread
		return
	}
	buf, size, state := d.structBytes(s, d.address(v.Raw), f, depth)
	if v.State = state; state != OK {
		return
	}
	d.loadStruct(v, v.Param.Struct, f, buf)
	d.flexible(v, s, f, depth)
	d.tail(v, size, uint64(len(buf)))
	d.descendFields(v, f, depth-1)
}

// structBytes reads as much of a struct as is known here, and returns how large its owner says it is.
func (d *Decoder) structBytes(s *Struct, addr uint64, f *frame, depth int) (buf []byte, size uint64, state State) {
	known := d.knownSize(s)
	size, ok := known, true
	if s.SizedBy != "" {
		if i := s.Index(s.SizedBy); i >= 0 {
			return d.selfSized(s, i, addr, known)
		}
		size, ok = d.sizeFromCall(s.SizedBy)
	}
	if !ok || size == 0 || known == 0 || s.SizedBy != "" && size < d.sizeOf(&s.Fields[0]) {
		return nil, 0, Unread
	}
	buf, state = d.block(addr, int(min(size, known)))
	return buf, size, state
}

// knownSize is how much of a struct is read at once: all but a flexible array at its end.
func (d *Decoder) knownSize(s *Struct) uint64 {
	if i := flexibleField(s); i >= 0 {
		return uint64(s.Offset(i, d.call.ABI))
	}
	return uint64(s.Size(d.call.ABI))
}

func flexibleField(s *Struct) int {
	last := len(s.Fields) - 1
	if last >= 0 && s.Fields[last].InPlace {
		return last
	}
	return -1
}

// flexible reads the array at a struct's end, whose length is among the fields before it.
func (d *Decoder) flexible(v *Value, s *Struct, f *frame, depth int) {
	i := flexibleField(s)
	if i < 0 || i >= len(v.List) || v.List[i].Param == nil {
		return
	}
	inner := d.newFrame(s.Fields, v.List, f)
	defer d.drop(inner)
	field, at := &v.List[i], d.address(v.Raw)+d.knownSize(s)
	if field.Param.Kind == KindBytes {
		d.bytesAt(field, at, inner, depth)
		return
	}
	d.array(field, at, inner, depth)
}

func (d *Decoder) sizeFromCall(name string) (uint64, bool) {
	i := d.call.Sig.Index(name)
	if i < 0 || i >= len(d.call.Args) || d.call.Args[i].Param == nil {
		return 0, false
	}
	v := &d.call.Args[i]
	return v.Raw, v.State == OK && !v.Param.Kind.has(kindPointer)
}

// selfSized reads a struct up to the field that holds its size, then the rest, so that no byte is read twice.
// A size of 0 means the first published one (perf_event_attr, sched_attr); then what is known is shown if it can be read.
func (d *Decoder) selfSized(s *Struct, field int, addr, known uint64) ([]byte, uint64, State) {
	off := uint64(s.Offset(field, d.call.ABI))
	end := off + d.sizeOf(&s.Fields[field])
	head, state := d.block(addr, int(end))
	if state != OK {
		return nil, 0, state
	}
	size := number(head[off:end], d.big)
	want := min(size, known)
	if size == 0 {
		size, want = known, known
	}
	if want <= end {
		return head, end, OK
	}
	if want-end > uint64(d.left) || !d.reachable(addr, want) {
		return head, end, Unreadable
	}
	buf := d.bytes.resize(head, int(want))
	if d.readAt(buf[end:], addr+end) != int(want-end) {
		return nil, 0, Unreadable
	}
	d.left -= int(want - end)
	return buf, size, OK
}

// tail reads what follows the known part of a larger struct. The kernel accepts zeros there; anything else is kept in
// v.Bytes, and the value is Truncated because its meaning is not known.
func (d *Decoder) tail(v *Value, size, known uint64) {
	if size <= known {
		return
	}
	if size > maxSized {
		v.State = Truncated
		return
	}
	rest, state := d.block(d.address(v.Raw)+known, int(size-known))
	if state != OK {
		v.State = state
		return
	}
	for _, b := range rest {
		if b != 0 {
			v.Bytes, v.State = rest, Truncated
			return
		}
	}
}
