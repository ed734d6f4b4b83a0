package arch

import "strconv"

// TextOptions controls AppendText. The zero value prints as strace does by default.
type TextOptions struct {
	Verbose bool // print envp and all elements of arrays
	// FDPath says what a descriptor refers to, "" if nobody knows; nil: descriptors print as numbers.
	FDPath      func(fd int64) string
	StringLimit int // bytes of a string or buffer, and elements of an array; 0: 32, negative: no limit. Paths have none
}

const defaultLimit = 32

// text prints one call.
type text struct {
	abi     ABI
	verbose bool
	limit   int
	items   int
	fdPath  func(fd int64) string
}

func newText(abi ABI, o *TextOptions) text {
	t := text{abi: abi, limit: defaultLimit, items: defaultLimit}
	if o == nil {
		return t
	}
	t.fdPath = o.FDPath
	switch {
	case o.StringLimit < 0:
		t.limit, t.items = maxInt, maxInt
	case o.StringLimit > 0:
		t.limit, t.items = o.StringLimit, o.StringLimit
	}
	if t.verbose = o.Verbose; t.verbose {
		t.items = maxInt
	}
	return t
}

const maxInt = int(^uint(0) >> 1)

// AppendText appends the call in the form of strace(1), without its result: openat(AT_FDCWD, "/etc/passwd", O_RDONLY).
// It does not allocate beyond b. A nil o is the zero TextOptions.
func (c *Call) AppendText(b []byte, o *TextOptions) []byte {
	if c.lost && c.Mux != 0 {
		b = append(b, c.Mux.Name()...)
	} else {
		b = c.appendName(b)
	}
	b = append(b, '(')
	if c.Sig == nil {
		return append(c.appendRegisters(b), ')')
	}
	t := newText(c.ABI, o)
	if c.lost {
		return append(t.lost(b, c), ')')
	}
	first := true
	for i := range c.Args {
		v := &c.Args[i]
		if v.Param == nil {
			continue
		}
		if !first {
			b = append(b, ", "...)
		}
		first = false
		if c.behind && i == len(c.Args)-1 {
			b = append(t.value(append(b, '['), v), ']')
			continue
		}
		b = t.value(b, v)
	}
	return append(b, ')')
}

// String is AppendText with the default options.
func (c *Call) String() string { return string(c.AppendText(nil, nil)) }

func (c *Call) appendName(b []byte) []byte {
	if c.Name != "" {
		return append(b, c.Name...)
	}
	return strconv.AppendUint(append(b, "syscall_0x"...), uint64(uint32(c.Nr)), 16)
}

func (c *Call) appendRegisters(b []byte) []byte {
	facts := factsOf(c.ABI)
	for i, a := range c.Raw.Args {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendNumberHex(b, facts.register(a))
	}
	return b
}

// appendNumberHex appends 0 as it is and other numbers with 0x.
func appendNumberHex(b []byte, v uint64) []byte {
	if v == 0 {
		return append(b, '0')
	}
	return appendHex(b, v)
}

func appendAddress(b []byte, v uint64) []byte {
	if v == 0 {
		return append(b, "NULL"...)
	}
	return appendHex(b, v)
}

// value appends one argument, field or element.
func (t *text) value(b []byte, v *Value) []byte {
	switch {
	case v.Param == nil:
		return append(b, '?')
	case v.State == Null:
		return append(b, "NULL"...)
	case v.State == Unreadable, v.Param.Brief && !t.verbose:
		return appendAddress(b, v.Raw)
	case v.State == Unread && v.Param.Kind.has(kindPointer):
		return appendAddress(b, v.Raw)
	case v.State == Unread:
		return append(b, '?')
	case v.Param.Kind.has(kindPointer) || v.Param.Kind == KindChars:
		return t.pointee(b, v)
	}
	return t.number(b, v)
}

func (t *text) number(b []byte, v *Value) []byte {
	switch p := v.Param; p.Kind {
	case KindUint:
		return t.unsigned(b, v)
	case KindHex:
		if p.Style == StyleWide {
			return appendWideHex(b, v.Raw)
		}
		return appendNumberHex(b, v.Raw)
	case KindAddr:
		return appendAddress(b, v.Raw)
	case KindDirFD:
		return t.withPath(appendDirFD(b, v.Int()), v.Int())
	case KindFD:
		return t.withPath(strconv.AppendInt(b, v.Int(), 10), v.Int())
	case KindMode:
		if p.Style == StyleFileType {
			return appendFileMode(b, v.Raw)
		}
		return appendOctalMode(b, v.Raw)
	case KindDev:
		return appendDev(b, v.Raw)
	case KindUID:
		return strconv.AppendInt(b, userID(v), 10)
	case KindSignal:
		return appendSignal(b, v.Int(), t.abi)
	case KindFlags:
		if p.Set != nil && p.Set.Call != "" {
			return appendComposed(b, p.Set, v.Raw, t.abi)
		}
		return appendFlags(b, p.Set, v.Raw, t.abi)
	case KindEnum:
		return t.enum(b, v)
	}
	return strconv.AppendInt(b, v.Int(), 10)
}

func (t *text) withPath(b []byte, fd int64) []byte {
	if t.fdPath == nil {
		return b
	}
	if path := t.fdPath(fd); path != "" {
		b = append(append(append(b, '<'), path...), '>')
	}
	return b
}

func (t *text) pointee(b []byte, v *Value) []byte {
	switch v.Param.Kind {
	case KindPath, KindChars:
		// A path without its NUL is one byte too long for the kernel; what could be a path is shown.
		return appendMore(appendQuoted(b, v.Bytes[:min(len(v.Bytes), MaxPath-1)]), v.State != OK)
	case KindString, KindBytes:
		return t.quoted(b, v)
	case KindStrings:
		return t.strings(b, v)
	case KindStruct:
		return t.structure(b, v)
	case KindPtr:
		return t.ptr(b, v)
	case KindArray:
		return t.list(b, v)
	case KindSockaddr:
		if v.Addr != nil { // else the call's bound left no room for it
			return t.sockaddr(b, v.Addr)
		}
	case KindSigset:
		return appendSigset(b, v.Bytes, t.abi)
	case KindFDSet:
		if v.Param.Style == StyleWords {
			return appendWords(b, v.Bytes, t.abi)
		}
		return appendFDSet(b, v.Bytes, t.abi)
	}
	return appendAddress(b, v.Raw)
}

// appendMore marks a prefix.
func appendMore(b []byte, more bool) []byte {
	if more {
		return append(b, "..."...)
	}
	return b
}

func (t *text) quoted(b []byte, v *Value) []byte {
	s := v.Bytes
	switch v.Param.Style {
	case StyleIPv4, StyleIPv6:
		return appendIP(b, v)
	case StyleMAC:
		return appendMAC(b, s)
	case StyleControl:
		return t.control(b, v)
	}
	if inPlace(v.Param) && v.Param.Len == "" {
		return appendBytes(b, v.Param, s)
	}
	limit := t.limit
	if v.Param.Kind == KindString && v.Param.Count > 0 {
		limit = min(limit, int(v.Param.Count)-1)
	}
	if len(s) > limit {
		s = s[:limit]
	}
	return appendMore(appendBytes(b, v.Param, s), len(s) < len(v.Bytes) || v.State != OK)
}

func appendBytes(b []byte, p *Param, s []byte) []byte {
	if p.Style == StyleHexBytes {
		return appendHexQuoted(b, s)
	}
	return appendQuoted(b, s)
}

// strings prints argv as a list and, unless everything is wanted, envp as an address and a count.
func (t *text) strings(b []byte, v *Value) []byte {
	if v.Param.Name != "envp" || t.verbose {
		return t.list(b, v)
	}
	b = append(appendAddress(b, v.Raw), " /* "...)
	b = strconv.AppendInt(b, int64(len(v.List)), 10)
	b = append(b, " vars"...)
	if len(v.List) == 1 {
		b = b[:len(b)-1]
	}
	if v.State != OK {
		b = append(b, ", unterminated"...)
	}
	return append(b, " */"...)
}

func (t *text) list(b []byte, v *Value) []byte {
	b = append(b, '[')
	for i := range v.List {
		if i > 0 {
			b = append(b, ", "...)
		}
		if i >= t.items {
			return append(b, "...]"...)
		}
		b = t.value(b, &v.List[i])
	}
	if v.State != OK {
		if len(v.List) > 0 {
			b = append(b, ", "...)
		}
		b = append(b, "..."...)
	}
	return append(b, ']')
}

// ptr prints a struct or array as itself and a number in brackets.
func (t *text) ptr(b []byte, v *Value) []byte {
	e := v.Elem()
	switch {
	case e == nil:
		return appendAddress(b, v.Raw)
	case e.Param != nil && (inPlace(e.Param) || e.Param.Kind == KindArray):
		return t.value(b, e)
	}
	return append(t.value(append(b, '['), e), ']')
}

func (t *text) structure(b []byte, v *Value) []byte {
	if s := layoutOf(v, t.abi); s != nil {
		if name := s.aloneName(v, t.abi); name != "" {
			return append(b, name...)
		}
		if insn, seccomp := s.instruction(); insn && len(v.List) == bpfFields {
			return t.bpf(b, v, seccomp)
		}
	}
	b = append(b, '{')
	start := len(b)
	b = t.fields(b, start, v)
	if v.State == Truncated {
		b = t.unknownTail(b, start, v)
	}
	return append(b, '}')
}

// fields appends a struct's fields in the order of printing, and dots for those that only a verbose form has.
func (t *text) fields(b []byte, start int, v *Value) []byte {
	s := layoutOf(v, t.abi)
	shown := len(v.List)
	if s != nil && s.Shown != 0 && !t.verbose {
		shown = min(shown, int(s.Shown))
	}
	for i := range shown {
		f := &v.List[i]
		if s != nil && s.Order != nil && len(v.List) == len(s.Order) {
			f = &v.List[s.Order[i]]
		}
		b = t.field(b, start, f)
	}
	if shown < len(v.List) {
		b = append(appendComma(b, start), "..."...)
	}
	return b
}

func (t *text) field(b []byte, start int, f *Value) []byte {
	switch {
	case f.Param == nil || f.Param.Sparse && isZero(f):
		return b
	case f.Param.Kind == KindStruct && f.Param.Name == "":
		return t.fields(b, start, f)
	case f.Param.Style == StyleIPv6 && f.Param.Kind == KindBytes:
		return appendIPv6Field(appendComma(b, start), f)
	case f.Param.Name != "":
		b = append(append(appendComma(b, start), f.Param.Name...), '=')
	default:
		b = appendComma(b, start)
	}
	return t.value(b, f)
}

func appendComma(b []byte, start int) []byte {
	if len(b) > start {
		return append(b, ", "...)
	}
	return b
}

// unknownTail shows the bytes of a struct that is larger than the one known here.
func (t *text) unknownTail(b []byte, start int, v *Value) []byte {
	b = appendComma(b, start)
	if len(v.Bytes) == 0 {
		return append(b, "..."...)
	}
	known := int64(v.Param.Struct.Size(t.abi))
	b = strconv.AppendInt(append(b, "/* bytes "...), known, 10)
	b = strconv.AppendInt(append(b, ".."...), known+int64(len(v.Bytes))-1, 10)
	return appendHexQuoted(append(b, " */ "...), v.Bytes)
}
