package arch

// A frame is one list of parameters or fields with their values, and the list around it.
type frame struct {
	params []Param
	vals   []Value
	outer  *frame
}

// newFrame takes a frame from the scratch: frames call each other in a circle, so the compiler would allocate each.
func (d *Decoder) newFrame(params []Param, vals []Value, outer *frame) *frame {
	f := &d.frames.take(1)[0]
	*f = frame{params, vals, outer}
	return f
}

// drop gives the frame that was taken last back.
func (d *Decoder) drop(f *frame) {
	if a := &d.frames; a.used > 0 && &a.chunk[a.used-1] == f {
		a.used--
	}
}

// sibling finds the value that a Len or a Cond names.
func (d *Decoder) sibling(ref Ref, name string, f *frame) *Value {
	if ref.Up == CallLevel {
		f = &frame{params: d.call.Sig.Params, vals: d.call.Args}
	} else {
		for range ref.Up {
			if f = f.outer; f == nil {
				return nil
			}
		}
	}
	i := int(ref.Idx)
	if i < 0 {
		i = indexParam(f.params, name)
	}
	if i < 0 || i >= len(f.vals) {
		return nil
	}
	return &f.vals[i]
}

// holds reports whether a condition is true. One about a sibling that is absent or unreadable is not.
func (d *Decoder) holds(c *Cond, f *frame) bool {
	for ; c != nil; c = c.And {
		v := d.sibling(c.Ref, c.Param, f)
		if v == nil || v.Param == nil || v.State == Unreadable || !c.Holds(v.Raw, d.call.ABI) {
			return false
		}
	}
	return true
}

// length is the number that p.Len or p.Count gives; ok is false where it is not known or negative.
func (d *Decoder) length(p *Param, f *frame, depth int) (n uint64, ok bool) {
	if p.Len == "" {
		return uint64(p.Count), true
	}
	v := d.sibling(p.LenRef, p.Len, f)
	if v == nil || v.Param == nil {
		return 0, false
	}
	if p.LenRef.Deref {
		v = d.pointee(v, f, depth)
	}
	if v == nil || v.State != OK || v.Param.Kind == KindInt && int64(v.Raw) < 0 {
		return 0, false
	}
	return v.Raw, true
}

// pointee follows a pointer to a number if that has not been done yet.
func (d *Decoder) pointee(v *Value, f *frame, depth int) *Value {
	if v.Param.Kind != KindPtr {
		return nil
	}
	if v.State == OK && len(v.List) == 0 {
		d.followPointer(v, f, depth)
	}
	if len(v.List) != 1 {
		return nil
	}
	return &v.List[0]
}
