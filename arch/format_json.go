package arch

import (
	"bytes"
	"strconv"
)

// AppendJSON appends the call as two members of a JSON object, without the braces around them, so that a record can have
// others: "call":"openat","args":{"dirfd":"AT_FDCWD",…}. docs/json.md describes the form of every kind of value.
// It does not allocate beyond b, and what it appends is UTF-8 whatever the target's strings are.
func (c *Call) AppendJSON(b []byte) []byte {
	b = append(b, `"call":"`...)
	b = append(c.appendName(b), `","args":{`...)
	if c.Sig == nil {
		return append(c.appendJSONRegisters(b), '}')
	}
	start := len(b)
	for i := range c.Args {
		if c.Args[i].Param != nil {
			b = appendKey(b, start, c.Args[i].Param.Name)
			b = appendJSONValue(b, &c.Args[i], c.ABI)
		}
	}
	return append(b, '}')
}

// AppendJSON appends one value on its own.
func (v *Value) AppendJSON(b []byte, abi ABI) []byte {
	if v.Param == nil {
		return append(b, "null"...)
	}
	return appendJSONValue(b, v, abi)
}

// appendKey appends a member's name, after a comma unless it is the first since start.
func appendKey(b []byte, start int, name string) []byte {
	if len(b) > start {
		b = append(b, ',')
	}
	return append(appendJSONName(b, name), ':')
}

// appendJSONName appends a name from the tables, which needs no escapes.
func appendJSONName(b []byte, name string) []byte {
	return append(append(append(b, '"'), name...), '"')
}

func (c *Call) appendJSONRegisters(b []byte) []byte {
	facts := factsOf(c.ABI)
	for i, a := range c.Raw.Args {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `"arg`...)
		b = append(b, byte('1'+i), '"', ':')
		b = appendJSONAddress(b, facts.register(a))
	}
	return b
}

func appendJSONAddress(b []byte, v uint64) []byte {
	return append(appendHex(append(b, '"'), v), '"')
}

// stateNames are what "error" says.
var stateNames = [...]string{
	Unread: "unread", Unreadable: "unreadable", Unterminated: "unterminated", Truncated: "truncated",
}

func appendJSONValue(b []byte, v *Value, abi ABI) []byte {
	pointer := v.Param.Kind.has(kindPointer)
	switch {
	case v.State == Null:
		return append(b, "null"...)
	case v.State == Unread && pointer:
		return appendJSONAddress(b, v.Raw)
	case v.State == Unread:
		return append(b, `{"error":"unread"}`...)
	case v.State == Unreadable:
		b = appendJSONAddress(append(b, `{"addr":`...), v.Raw)
		return append(b, `,"error":"unreadable"}`...)
	case v.Param.Kind == KindChars:
		return appendJSONBytes(b, v.Bytes)
	case !pointer:
		return appendJSONNumber(b, v, abi)
	case v.State == OK:
		return appendJSONPointee(b, v, abi)
	}
	b = append(b, `{"error":"`...)
	b = append(append(b, stateNames[v.State]...), `","value":`...)
	return append(appendJSONPointee(b, v, abi), '}')
}

// maxExact is the largest integer below which every one is exact in a JSON reader's floating-point number.
const maxExact = 1 << 53

func appendJSONInt(b []byte, v int64) []byte {
	if v > maxExact || v < -maxExact {
		return append(strconv.AppendInt(append(b, '"'), v, 10), '"')
	}
	return strconv.AppendInt(b, v, 10)
}

func appendJSONUint(b []byte, v uint64) []byte {
	if v > maxExact {
		return append(strconv.AppendUint(append(b, '"'), v, 10), '"')
	}
	return strconv.AppendUint(b, v, 10)
}

func appendJSONNumber(b []byte, v *Value, abi ABI) []byte {
	switch p := v.Param; p.Kind {
	case KindUint, KindHex:
		return appendJSONUint(b, v.Raw)
	case KindAddr:
		return appendJSONAddress(b, v.Raw)
	case KindDirFD:
		if v.Int() == atFDCWD {
			return append(b, `"AT_FDCWD"`...)
		}
	case KindMode:
		return append(appendOctalMode(append(b, '"'), v.Raw), '"')
	case KindDev:
		return appendJSONDev(b, v.Raw)
	case KindUID:
		return appendJSONInt(b, userID(v))
	case KindSignal:
		return appendJSONSignal(b, v.Int(), abi)
	case KindFlags:
		return appendJSONFlags(b, p.Set, v.Raw, abi)
	case KindEnum:
		if p.Set != nil && p.Set.Base == BaseDecimal {
			return appendJSONEnum(b, p.Set, signed(p, v.Raw), abi)
		}
		return appendJSONEnum(b, p.Set, v.Raw, abi)
	}
	return appendJSONInt(b, v.Int())
}

func appendJSONDev(b []byte, dev uint64) []byte {
	b = strconv.AppendUint(append(b, '"'), devMajor(dev), 10)
	b = strconv.AppendUint(append(b, ':'), devMinor(dev), 10)
	return append(b, '"')
}

func appendJSONSignal(b []byte, n int64, abi ABI) []byte {
	if out, known := appendBareSignal(append(b, `"SIG`...), n, abi); known {
		return append(out, '"')
	}
	return appendJSONInt(b, n)
}

func appendJSONEnum(b []byte, s *Set, v uint64, abi ABI) []byte {
	if s != nil {
		if name := s.NameOf(v, abi); name != "" {
			return appendJSONName(b, name)
		}
		if s.Base == BaseDecimal {
			return appendJSONInt(b, int64(v))
		}
	}
	return appendJSONUint(b, v)
}

// appendJSONFlags appends a list of names, and a number last for bits without one. It takes AppendFlags' text apart, so that
// both agree on what a name covers.
func appendJSONFlags(b []byte, s *Set, v uint64, abi ABI) []byte {
	var scratch [512]byte
	rest := appendFlags(scratch[:0], s, v, abi)
	b = append(b, '[')
	start := len(b)
	for len(rest) > 0 && rest[0] != ' ' {
		n := 0
		for n < len(rest) && rest[n] != '|' && rest[n] != ' ' {
			n++
		}
		b = appendJSONFlag(b, start, rest[:n])
		rest = rest[n:]
		if len(rest) > 0 && rest[0] == '|' {
			rest = rest[1:]
		}
	}
	return append(b, ']')
}

func appendJSONFlag(b []byte, start int, word []byte) []byte {
	if len(word) == 0 || len(bytes.Trim(word, "0")) == 0 {
		return b
	}
	if len(b) > start {
		b = append(b, ',')
	}
	if n, ok := parseNumber(word); ok {
		return appendJSONUint(b, n)
	}
	return append(append(append(b, '"'), word...), '"')
}

// parseNumber is the number that AppendFlags wrote in its set's base; ok is false for what is not only a number.
func parseNumber(word []byte) (v uint64, ok bool) {
	base := uint64(10)
	switch {
	case len(word) > 2 && word[0] == '0' && word[1] == 'x':
		base, word = 16, word[2:]
	case word[0] == '0':
		base = 8
	}
	for _, c := range word {
		digit := uint64(c - '0')
		if c >= 'a' && c <= 'f' {
			digit = uint64(c-'a') + 10
		}
		if digit >= base {
			return 0, false
		}
		v = v*base + digit
	}
	return v, true
}
