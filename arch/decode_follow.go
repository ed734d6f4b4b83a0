package arch

// follow reads what the pointers of a list point to.
func (d *Decoder) follow(f *frame, depth int) {
	for i := range f.vals {
		if f.vals[i].Param != nil {
			d.followPointer(&f.vals[i], f, depth)
		}
	}
}

// descend follows the pointers within a field or element that was loaded from memory.
func (d *Decoder) descend(v *Value, f *frame, depth int) {
	p := v.Param
	switch {
	case p == nil:
	case !inPlace(p):
		d.followPointer(v, f, depth)
	case p.Kind == KindStruct:
		d.descendFields(v, f, depth)
	case p.Kind == KindArray:
		for i := range v.List {
			d.descend(&v.List[i], f, depth)
		}
	}
}

// descendFields follows the pointers of a loaded struct's fields. f is the list around the struct.
func (d *Decoder) descendFields(v *Value, f *frame, depth int) {
	var fields []Param
	if s := v.Param.Struct.For(d.call.ABI); s != nil {
		fields = s.Fields
	}
	inner := d.newFrame(fields, v.List, f)
	defer d.drop(inner)
	for i := range v.List {
		d.descend(&v.List[i], inner, depth)
	}
}

// followPointer reads what v, a pointer that has not been followed, points to.
func (d *Decoder) followPointer(v *Value, f *frame, depth int) {
	p := v.Param
	if !p.Kind.has(kindPointer) || v.State != OK || len(v.List) > 0 {
		return
	}
	switch {
	case v.Raw&d.facts.addr == 0:
		v.State = Null
	case p.Dir == Out || d.mem == nil:
		v.State = Unread
	case depth <= 0:
		v.State = Truncated
	default:
		d.followKind(v, f, depth)
	}
}

func (d *Decoder) followKind(v *Value, f *frame, depth int) {
	p, addr := v.Param, d.address(v.Raw)
	switch p.Kind {
	case KindPath:
		v.Bytes, v.State = d.readString(addr, MaxPath, Unterminated)
	case KindString:
		limit := d.maxString()
		if p.Count > 0 {
			limit = min(limit, int(p.Count))
		}
		v.Bytes, v.State = d.readString(addr, limit, Truncated)
	case KindStrings:
		d.followStrings(v, addr)
	case KindBytes:
		d.followBytes(v, f, depth)
	case KindStruct:
		d.followStruct(v, f, depth)
	case KindPtr:
		d.followElem(v, f, depth)
	case KindArray:
		d.array(v, d.address(v.Raw), f, depth)
	case KindSockaddr:
		d.followSockaddr(v, f, depth)
	case KindSigset:
		d.followSigset(v, f, depth)
	case KindFDSet:
		d.followFDSet(v, f, depth)
	}
}

// address is where the kernel looks for what a 32-bit ABI's pointer points to. An address of too many bits in a pointer of
// 64 bits (ptr64) is left alone: it cannot be read.
func (d *Decoder) address(raw uint64) uint64 {
	if d.facts.width == 4 && raw < 1<<32 {
		return raw & d.facts.addr
	}
	return raw
}

// followBytes reads a buffer's first bytes; all of one whose length is fixed.
func (d *Decoder) followBytes(v *Value, f *frame, depth int) {
	d.bytesAt(v, d.address(v.Raw), f, depth)
}

// maxControl bounds control messages, which are read whole.
const maxControl = 4096

func (d *Decoder) bytesAt(v *Value, addr uint64, f *frame, depth int) {
	n, ok := d.length(v.Param, f, depth)
	most := uint64(d.maxData())
	switch {
	case v.Param.Style == StyleControl:
		most = maxControl
	case v.Param.Len == "":
		most = n
	}
	switch {
	case !ok || n > 0 && most == 0:
		v.State = Unread
	case n == 0:
		v.Bytes = d.bytes.take(0)
	default:
		v.Bytes, v.State = d.block(addr, int(min(n, most)))
		if v.State == OK && n > most {
			v.State = Truncated
		}
	}
}

// array reads as many elements as the bounds allow and follows their pointers.
func (d *Decoder) array(v *Value, addr uint64, f *frame, depth int) {
	n, ok := d.length(v.Param, f, depth)
	size := d.sizeOf(v.Param.Elem)
	if !ok || size == 0 {
		v.State = Unread
		return
	}
	if n == 0 {
		return
	}
	var buf []byte
	buf, v.State = d.block(addr, int(min(n, uint64(d.maxItems()))*size))
	if v.State != OK {
		return
	}
	d.elements(v, v.Param.Elem, f, buf, n)
	for i := range v.List {
		d.descend(&v.List[i], f, depth-1)
	}
}

// followElem reads what a KindPtr points to. A struct, array, set of signals or buffer that it points to is read as if it
// were a parameter of that kind.
func (d *Decoder) followElem(v *Value, f *frame, depth int) {
	elem := v.Param.Elem
	one := d.newValues(1)
	if one == nil {
		v.State = Truncated
		return
	}
	e := &one[0]
	if elem.Kind.has(kindPointer) && (inPlace(elem) || elem.Kind == KindArray) {
		e.Param, e.Raw = elem, v.Raw
		d.followKind(e, f, depth)
	} else {
		var buf []byte
		buf, e.State = d.block(d.address(v.Raw), int(d.sizeOf(elem)))
		if e.State == OK {
			d.load(e, elem, f, buf)
			d.descend(e, f, depth-1)
		}
	}
	if e.State == Unreadable && e.Param == nil || e.State == Unreadable && e.Raw == v.Raw {
		v.State = Unreadable
		return
	}
	v.List = one
}

// followSigset reads a signal set; the kernel takes none that is larger than its own.
func (d *Decoder) followSigset(v *Value, f *frame, depth int) {
	most := uint64(sigsetSize(d.call.ABI))
	n, ok := d.length(v.Param, f, depth)
	if n == 0 && v.Param.Len == "" {
		n = most
	}
	if !ok || n == 0 || n > most || n < d.word && v.Param.Len != "" {
		v.State = Unread
		return
	}
	v.Bytes, v.State = d.block(d.address(v.Raw), int(n))
}

// maxFDs bounds an fd_set. Beyond it the value is Truncated.
const maxFDs = 1 << 16

// followFDSet reads an fd_set of whole words, as the kernel does (fs/select.c).
func (d *Decoder) followFDSet(v *Value, f *frame, depth int) {
	n, ok := d.length(v.Param, f, depth)
	switch {
	case !ok || n == 0 && v.Param.Style != StyleByteLen:
		v.State = Unread
		return
	case n == 0:
		v.Bytes = d.bytes.take(0)
		return
	case v.Param.Style == StyleByteLen:
		n = min(n, maxFDs) * 8
	}
	bits := 8 * d.word
	words := (min(n, maxFDs) + bits - 1) / bits
	v.Bytes, v.State = d.block(d.address(v.Raw), int(words*d.word))
	if v.State == OK && n > maxFDs {
		v.State = Truncated
	}
}
