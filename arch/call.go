package arch

import "slices"

// A Call is one decoded call. It shares the Decoder's scratch until the next Decode; Clone does not.
type Call struct {
	ABI  ABI
	Nr   int32      // as the kernel reported it, with the ABI's base
	ID   ID         // 0: no call of the tables
	Name string     // "" if the number is not in the tables
	Mux  ID         // the multiplexer (socketcall, ipc) that carried the call; 0: none
	Sig  *Signature // with its variant chosen; nil: not described
	Args []Value    // Args[i] belongs to Sig.Params[i]; its Param is nil where that parameter is absent
	Raw  Data       // the registers; of a multiplexed call, the multiplexer's

	// MemErr is the first error of the Memory, nil if there was none. The values say which of them it hit.
	MemErr error

	lost   bool // the block that the arguments are in could not be read: Args[0].Raw is its address
	behind bool // the last argument was behind the multiplexer's pointer, and prints in brackets
}

// Arg returns the argument of a parameter, nil if the call has none of this name or it is absent.
func (c *Call) Arg(name string) *Value {
	if c.Sig == nil {
		return nil
	}
	i := c.Sig.Index(name)
	if i < 0 || i >= len(c.Args) || c.Args[i].Param == nil {
		return nil
	}
	return &c.Args[i]
}

// Clone returns a copy that nothing else shares, for keeping it beyond the next Decode.
func (c *Call) Clone() *Call {
	n := *c
	n.Args = cloneValues(c.Args)
	return &n
}

func cloneValues(list []Value) []Value {
	if list == nil {
		return nil
	}
	out := make([]Value, len(list))
	for i := range list {
		out[i] = list[i].Clone()
	}
	return out
}

// Clone returns a copy that shares nothing but its Param.
func (v *Value) Clone() Value {
	n := *v
	n.Bytes = slices.Clone(v.Bytes)
	n.List = cloneValues(v.List)
	if v.Addr != nil {
		n.Addr = v.Addr.Clone()
	}
	return n
}

// Clone returns a copy that shares nothing.
func (s *Sockaddr) Clone() *Sockaddr {
	n := *s
	for _, b := range [...]*[]byte{&n.Data, &n.Path, &n.HWAddr, &n.Type, &n.Name} {
		*b = slices.Clone(*b)
	}
	return &n
}

// Present reports whether the value's parameter applies to this call or struct.
func (v *Value) Present() bool { return v.Param != nil }

// Int is the number with its sign.
func (v *Value) Int() int64 { return int64(v.Raw) }

// Elem returns what a pointer to one thing points to, nil if that was not read.
func (v *Value) Elem() *Value {
	if v.Param == nil || v.Param.Kind != KindPtr || len(v.List) != 1 {
		return nil
	}
	return &v.List[0]
}

// Field returns the field of a struct, nil if it has none of this name or it is absent. Fields of unions and of nameless
// structs within are found under their own names.
func (v *Value) Field(name string) *Value {
	for i := range v.List {
		f := &v.List[i]
		switch {
		case f.Param == nil:
		case f.Param.Name == name:
			return f
		case f.Param.Kind == KindStruct && f.Param.Name == "":
			if inner := f.Field(name); inner != nil {
				return inner
			}
		}
	}
	return nil
}

// Complete reports whether all that the call depends on was read: no part of v is Unreadable, Unterminated or Truncated.
// What the kernel only writes, and contents of buffers beyond their first bytes, don't count.
func (v *Value) Complete() bool {
	if v.Param == nil {
		return true
	}
	switch v.State {
	case Unreadable, Unterminated:
		return v.Param.Kind == KindChars
	case Truncated:
		return v.Param.Kind == KindBytes
	}
	for i := range v.List {
		if !v.List[i].Complete() {
			return false
		}
	}
	return true
}
