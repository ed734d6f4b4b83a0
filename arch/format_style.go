package arch

import (
	"net/netip"
	"strconv"
)

// unsigned appends a KindUint in its style.
func (t *text) unsigned(b []byte, v *Value) []byte {
	switch v.Param.Style {
	case StyleNetwork:
		return appendNetwork(b, v.Param, strconv.AppendUint, v.Raw)
	case StyleLimit:
		return t.limitValue(b, v)
	}
	return strconv.AppendUint(b, v.Raw, 10)
}

// appendNetwork appends a number of the reader's order as the function that puts it into network order.
func appendNetwork(b []byte, p *Param, number func([]byte, uint64, int) []byte, v uint64) []byte {
	if p.Width == 2 {
		b = append(b, "htons("...)
	} else {
		b = append(b, "htonl("...)
	}
	return append(number(b, v, 10), ')')
}

// limitValue appends a resource limit: strace writes multiples of 1024 so.
func (t *text) limitValue(b []byte, v *Value) []byte {
	switch {
	case v.Param.Width != 8 && t.abi.Word() == 4 && v.Raw == 1<<32-1:
		return append(b, "RLIM_INFINITY"...)
	case v.Raw == 1<<64-1:
		return append(b, "RLIM64_INFINITY"...)
	case v.Raw > 1024 && v.Raw%1024 == 0:
		return append(strconv.AppendUint(b, v.Raw/1024, 10), "*1024"...)
	}
	return strconv.AppendUint(b, v.Raw, 10)
}

func (t *text) enum(b []byte, v *Value) []byte {
	p := v.Param
	raw := v.Raw
	if p.Set != nil && p.Set.Base == BaseDecimal {
		raw = signed(p, raw)
	}
	if p.Style != StyleNetwork {
		return appendEnum(b, p.Set, raw, t.abi)
	}
	b = append(b, "htons("...)
	return append(appendEnum(b, p.Set, raw, t.abi), ')')
}

// signed extends the sign of a number of the parameter's width.
func signed(p *Param, raw uint64) uint64 {
	if p.Width == 0 || p.Width >= 8 {
		return raw
	}
	shift := 64 - 8*uint(p.Width)
	return uint64(int64(raw<<shift) >> shift)
}

// appendWideHex appends at least six digits.
func appendWideHex(b []byte, v uint64) []byte {
	return appendPadded(append(b, "0x"...), v, 6)
}

// appendPadded appends at least so many hexadecimal digits.
func appendPadded(b []byte, v uint64, digits int) []byte {
	for limit := uint64(1) << (4 * (digits - 1)); limit > max(v, 1); limit >>= 4 {
		b = append(b, '0')
	}
	return strconv.AppendUint(b, v, 16)
}

// appendWords appends a bit set as its words. strace's form fills a word's width with zeros, the prefix included.
func appendWords(b, set []byte, abi ABI) []byte {
	word := abi.Word()
	b = append(b, '[')
	start := len(b)
	for ; len(set) >= word; set = set[word:] {
		b = appendComma(b, start)
		v := number(set[:word], abi.BigEndian())
		if v == 0 {
			b = appendPadded(b, 0, 2*word)
			continue
		}
		b = appendPadded(append(b, "0x"...), v, 2*word-2)
	}
	return append(b, ']')
}

// appendIP appends an address of AF_INET or AF_INET6 as the function that makes it.
func appendIP(b []byte, v *Value) []byte {
	addr, ok := netip.AddrFromSlice(v.Bytes)
	if !ok {
		return appendQuoted(b, v.Bytes)
	}
	if v.Param.Style == StyleIPv6 {
		return append(addr.AppendTo(append(b, `inet_pton(AF_INET6, "`...)), `")`...)
	}
	return append(addr.AppendTo(append(b, `inet_addr("`...)), `")`...)
}

// appendIPv6Field appends a field of AF_INET6, whose name is in the function's arguments.
func appendIPv6Field(b []byte, v *Value) []byte {
	addr, ok := netip.AddrFromSlice(v.Bytes)
	if !ok {
		return appendQuoted(append(append(b, v.Param.Name...), '='), v.Bytes)
	}
	b = addr.AppendTo(append(b, `inet_pton(AF_INET6, "`...))
	b = append(append(b, `", &`...), v.Param.Name...)
	return append(b, ')')
}

// layoutOf is the layout of a struct's value, nil if there is none on the ABI.
func layoutOf(v *Value, abi ABI) *Struct {
	if v.Param == nil || v.Param.Struct == nil {
		return nil
	}
	return v.Param.Struct.For(abi)
}

// aloneName is the name that stands for the whole struct, "" if there is none.
func (s *Struct) aloneName(v *Value, abi ABI) string {
	i := int(s.Alone) - 1
	if i < 0 || i >= len(v.List) || v.List[i].Param == nil || v.List[i].Param.Set == nil {
		return ""
	}
	return v.List[i].Param.Set.NameOf(v.List[i].Raw, abi)
}

// isZero reports whether a field is zero, a null pointer, or empty; of several views of the same bytes the last counts.
func isZero(v *Value) bool {
	switch {
	case v.Param == nil:
		return true
	case v.Param.Kind == KindStruct && len(v.List) > 0:
		return isZero(&v.List[len(v.List)-1])
	case v.Param.Kind == KindBytes && v.State == OK:
		return len(v.Bytes) == 0
	}
	return v.Raw == 0
}

// lost appends what is known of a call whose arguments are in a block of memory that cannot be read.
func (t *text) lost(b []byte, c *Call) []byte {
	if c.Mux != 0 {
		if s := LookupSet("socketcall"); s != nil {
			b = append(s.AppendEnum(b, uint64(uint32(c.Raw.Args[0])), t.abi), ", "...)
		}
	}
	return appendAddress(b, c.Args[0].Raw)
}
