package arch

// inPlace reports whether a field or element of p's kind lies in the struct itself instead of behind a pointer.
func inPlace(p *Param) bool {
	switch p.Kind {
	case KindStruct, KindChars:
		return true
	case KindBytes:
		return p.Len == "" || p.InPlace
	case KindSigset:
		return p.Len == ""
	case KindSockaddr:
		return p.Count > 0
	case KindArray:
		return p.Len == "" || p.InPlace
	}
	return false
}

// load fills v from buf, where a field or element p begins. It reads no memory: pointers in buf are followed later, because
// the length of what they point to may come after them.
func (d *Decoder) load(v *Value, p *Param, f *frame, buf []byte) {
	v.Param = p
	switch {
	case !inPlace(p):
		v.Raw = d.styled(p, narrow(p, number(buf[:d.scalarSize(p)], d.big), d.word))
	case p.Kind == KindStruct:
		d.loadStruct(v, p.Struct, f, buf)
	case p.Kind == KindArray:
		d.elements(v, p.Elem, f, buf, uint64(p.Count)) // none yet of a flexible array: see flexible
	case p.Kind == KindChars:
		v.Bytes, v.State = untilNUL(buf[:p.Count])
	case p.Kind == KindSockaddr:
		v.Bytes = buf
		d.parseAddr(v)
	default:
		v.Bytes = buf
	}
}

// sizeOf is the size of a field or element.
func (d *Decoder) sizeOf(p *Param) uint64 { return uint64(p.MemSize(d.call.ABI)) }

// scalarSize is how many bytes a number or pointer takes in memory.
func (d *Decoder) scalarSize(p *Param) uint64 {
	switch {
	case p.Width == 0:
		return d.word
	case p.Style == StyleJoined:
		return 4
	}
	return uint64(p.Width)
}

// joinedBy is how far the upper half of a StyleJoined number lies from the lower: struct __user_cap_data_struct.
const joinedBy = 12

// loadStruct loads the fields that lie wholly within buf. A union yields one value, of its first member that applies.
func (d *Decoder) loadStruct(v *Value, s *Struct, f *frame, buf []byte) {
	s = s.For(d.call.ABI)
	if s == nil {
		v.State = Unread
		return
	}
	if s.Overlap {
		d.loadUnion(v, s, f, buf)
		return
	}
	vals := d.newValues(len(s.Fields))
	if vals == nil {
		v.State = Truncated
		return
	}
	v.List = vals
	inner := d.newFrame(s.Fields, vals, f)
	defer d.drop(inner)
	for w := s.Walk(d.call.ABI); w.Next(); {
		end := w.Offset() + w.Size()
		if end > len(buf) {
			break
		}
		field, fv := w.Field(), &vals[w.Index()]
		d.load(fv, field, inner, buf[w.Offset():end])
		if upper := w.Offset() + joinedBy; field.Style == StyleJoined && upper+4 <= len(buf) {
			fv.Raw |= number(buf[upper:upper+4], d.big) << 32
		}
		if field.Name == hidden || !d.holds(field.When, inner) {
			fv.Param = nil
		}
	}
}

func (d *Decoder) loadUnion(v *Value, s *Struct, f *frame, buf []byte) {
	if s.View {
		d.loadViews(v, s, f, buf)
		return
	}
	around := d.newFrame(s.Fields, nil, f)
	defer d.drop(around)
	for w := s.Walk(d.call.ABI); w.Next(); {
		field, size := w.Field(), w.Size()
		if field.Kind == KindStruct {
			size = min(size, len(buf)) // bpf_attr's members are as long as the caller's size
		}
		if size > len(buf) || !d.holds(field.When, around) {
			continue
		}
		if v.List = d.newValues(1); v.List == nil {
			v.State = Truncated
			return
		}
		d.load(&v.List[0], field, around, buf[:size])
		return
	}
}

// loadViews loads every field of a union that shows the same bytes in different ways.
func (d *Decoder) loadViews(v *Value, s *Struct, f *frame, buf []byte) {
	vals := d.newValues(len(s.Fields))
	if vals == nil {
		v.State = Truncated
		return
	}
	v.List = vals
	inner := d.newFrame(s.Fields, vals, f)
	defer d.drop(inner)
	for w := s.Walk(d.call.ABI); w.Next(); {
		if w.Size() <= len(buf) {
			d.load(&vals[w.Index()], w.Field(), inner, buf[:w.Size()])
		}
	}
}

// elements loads up to n elements from buf; the value is Truncated if buf or the Decoder's bounds hold fewer.
func (d *Decoder) elements(v *Value, elem *Param, f *frame, buf []byte, n uint64) {
	size := d.sizeOf(elem)
	if size == 0 {
		return
	}
	fit := min(n, uint64(len(buf))/size, uint64(d.maxItems()))
	v.List = d.newValues(int(fit))
	for i := range v.List {
		d.load(&v.List[i], elem, f, buf[uint64(i)*size:][:size])
	}
	if uint64(len(v.List)) < n {
		v.State = Truncated
	}
}
