package cond

import (
	"bytes"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
)

// A Ref is a value that a condition reads.
type Ref struct {
	Text  string // as in the condition
	Param string // the parameter's name, "" of the caller
	Arg   int    // its position in the signature, -1 of the caller

	caller  uint8 // slotExe, …; callerUID, callerGID
	part    part
	isPath  bool // it is a path, or a part of one
	byValue bool // an argument that is no pointer, whether in a register or not
	signed  bool // CEL is to see it with its sign
	dirs    int  // how often .dir
	slot    slot
	steps   []step
}

// Values of Ref.caller besides the Context's slots.
const (
	callerUID = 100 + iota
	callerGID
)

// A part is what of a value is meant.
type part uint8

const (
	whole   part = iota
	address      // the pointer itself
	base         // a path's last component
	size         // number of strings
	fstype       // of the file system that a path is on
	family       // of a socket address, and so on
	port
	ip
	unixPath
	abstract
)

// A step leads into a struct (a field), an array (an index), or through a pointer to one thing (neither).
type step struct {
	field string
	index int
}

// Register reports whether the value is a number in the registers.
func (r *Ref) Register() bool { return r.Arg >= 0 && len(r.steps) == 0 && r.slot.lo >= 0 }

// Pointer reports whether target memory has to be read for the value.
func (r *Ref) Pointer() bool { return r.Arg >= 0 && !r.Register() && !r.byValue }

// Caller reports whether the value is the caller's.
func (r *Ref) Caller() bool { return r.caller != 0 }

// Dirs is how many last components are taken away (.dir), Base whether only the last one is meant (.base).
func (r *Ref) Dirs() int { return r.dirs }

// Base reports whether only a path's last component is meant.
func (r *Ref) Base() bool { return r.part == base }

// Nested reports whether the value lies within a struct, array or address instead of being an argument.
func (r *Ref) Nested() bool { return len(r.steps) > 0 || r.part >= family }

// value finds the value; nil if it is not there.
func (r *Ref) value(c *Context) (*arch.Value, error) {
	if r.Arg >= len(c.Call.Args) {
		return nil, nil
	}
	v := &c.Call.Args[r.Arg]
	for i := range r.steps {
		if v.Param == nil || v.State == arch.Null {
			return nil, nil
		}
		next, err := r.steps[i].from(v)
		if next == nil || err != nil {
			return nil, err
		}
		v = next
	}
	if v.Param == nil {
		return nil, nil
	}
	return v, nil
}

// from takes the step. nil: there is nothing.
func (s *step) from(v *arch.Value) (*arch.Value, error) {
	if v.State != arch.OK && v.State != arch.Truncated {
		return nil, stateError(v.State)
	}
	if v.Param.Kind == arch.KindPtr && len(v.List) == 1 {
		if v = &v.List[0]; s.field == "" && s.index < 0 || v.Param == nil {
			return v, nil
		}
	}
	var next *arch.Value
	switch {
	case s.field != "":
		next = v.Field(s.field)
	case s.index >= 0 && s.index < len(v.List):
		next = &v.List[s.index]
	}
	if next == nil && v.State != arch.OK {
		return nil, stateError(v.State)
	}
	return next, nil
}

// number reads a number; 0 if it is not there.
func (r *Ref) number(c *Context) (uint64, error) {
	if r.Register() && c.Call.Mux == 0 {
		return r.slot.read(&c.Call.Raw.Args), nil
	}
	if r.caller != 0 {
		return c.id(int(r.caller - callerUID))
	}
	v, err := r.value(c)
	switch {
	case err != nil:
		return 0, valueError(r, err)
	case r.Register():
		return r.muxed(c)
	case v == nil:
		return 0, nil
	case r.part >= family:
		return r.addressNumber(v)
	case r.part == size:
		return r.size(v)
	case v.State != arch.OK && !isPointer(v.Param.Kind):
		return 0, valueError(r, stateError(v.State))
	}
	return v.Raw, nil
}

// muxed reads an argument that socketcall or ipc carries, whose register is another.
func (r *Ref) muxed(c *Context) (uint64, error) {
	if r.Arg >= len(c.Call.Args) {
		return 0, valueError(r, errMultiplex)
	}
	v := &c.Call.Args[r.Arg]
	if v.State != arch.OK && (v.Param == nil || !isPointer(v.Param.Kind)) || v.State == arch.Unreadable && c.Call.MemErr != nil {
		return 0, valueError(r, stateError(v.State))
	}
	return v.Raw, nil
}

func (r *Ref) size(v *arch.Value) (uint64, error) {
	switch v.State {
	case arch.Null:
		return 0, nil
	case arch.OK:
		return uint64(len(v.List)), nil
	}
	return 0, valueError(r, stateError(v.State))
}

// sockaddr returns the address; nil if there is none.
func (r *Ref) sockaddr(v *arch.Value) (*arch.Sockaddr, error) {
	switch {
	case v == nil || v.State == arch.Null:
		return nil, nil
	case v.State != arch.OK:
		return nil, valueError(r, stateError(v.State))
	case v.Addr == nil:
		return nil, valueError(r, errUnread)
	}
	return v.Addr, nil
}

func (r *Ref) addressNumber(v *arch.Value) (uint64, error) {
	a, err := r.sockaddr(v)
	switch {
	case a == nil || err != nil:
		return 0, err
	case r.part == family:
		return uint64(a.Family), nil
	case a.IP.IsValid():
		return uint64(a.Port), nil
	}
	return uint64(a.VSockPort), nil
}

// text reads a string that is no path; "" if it is not there.
func (r *Ref) text(c *Context) ([]byte, error) {
	if r.part == fstype {
		return r.fsType(c)
	}
	if r.caller != 0 {
		b, err := c.load(int(r.caller), fillCaller)
		return b, r.wrap(err)
	}
	v, err := r.value(c)
	if v == nil || err != nil {
		return nil, r.wrap(err)
	}
	if r.part == abstract {
		a, err := r.sockaddr(v)
		if a == nil || err != nil || !a.Abstract {
			return nil, err
		}
		return a.Path, nil
	}
	switch {
	case v.State == arch.OK, v.State == arch.Unterminated && v.Param.Kind == arch.KindChars:
		return v.Bytes, nil
	case v.State == arch.Null:
		return nil, nil
	}
	return nil, valueError(r, stateError(v.State))
}

// fsType asks for the type of the file system that a path is on.
func (r *Ref) fsType(c *Context) ([]byte, error) {
	m, ok := c.Paths.(policy.Mounts)
	if !ok {
		return nil, r.wrap(errNoMounts)
	}
	name, known := m.FSType(r.Arg)
	if !known {
		return nil, r.wrap(errNoPath)
	}
	return []byte(name), nil
}

// OfMount reports whether the value is known for calls that mount and unmount only.
func (r *Ref) OfMount() bool { return r.part == fstype }

// path reads a path; "" if it is not there. It may be in the Context's buffer beyond what that keeps.
func (r *Ref) path(c *Context) ([]byte, error) {
	p, err := r.fullPath(c)
	if err != nil || len(p) == 0 {
		return nil, r.wrap(err)
	}
	for range r.dirs {
		p = p[:max(1, bytes.LastIndexByte(p, '/'))]
	}
	if r.part == base {
		p = p[bytes.LastIndexByte(p, '/')+1:]
	}
	return p, nil
}

func (r *Ref) fullPath(c *Context) ([]byte, error) {
	switch {
	case r.caller != 0:
		return c.load(int(r.caller), fillCaller)
	case len(r.steps) == 0 && r.part != unixPath:
		return c.argPath(r.Arg)
	}
	v, err := r.value(c)
	if v == nil || err != nil {
		return nil, err
	}
	b, err := r.nestedPath(v)
	if err != nil || len(b) == 0 {
		return nil, err
	}
	if r.part == unixPath && c.Paths != nil {
		return c.argPath(r.Arg)
	}
	c.ready(b)
	start := len(c.buf)
	if err := c.appendPath(b, nil); err != nil {
		return nil, err
	}
	p := c.buf[start:]
	c.buf = c.buf[:start]
	return p, nil
}

func (r *Ref) nestedPath(v *arch.Value) ([]byte, error) {
	switch {
	case r.part == unixPath || v.Param.Kind == arch.KindSockaddr:
		a, err := r.sockaddr(v)
		if a == nil || err != nil || a.Abstract {
			return nil, err
		}
		return a.Path, nil
	case v.State == arch.OK:
		return v.Bytes, nil
	case v.State == arch.Null:
		return nil, nil
	}
	return nil, stateError(v.State)
}

func (r *Ref) wrap(err error) error {
	if err == nil {
		return nil
	}
	return valueError(r, err)
}

// read takes the number from the registers, unsigned.
func (s slot) read(args *[6]uint64) uint64 {
	if s.hi >= 0 {
		return args[s.hi]<<32 | args[s.lo]&(1<<32-1)
	}
	return args[s.lo] & fullMask(s.bits)
}

func fullMask(bits uint8) uint64 {
	if bits >= 64 {
		return 1<<64 - 1
	}
	return 1<<bits - 1
}
