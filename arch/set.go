package arch

import (
	"iter"
	"math/bits"
	"slices"
	"strconv"
)

// An ABISet is a set of ABIs, one bit each.
type ABISet uint64

// Has reports whether the set contains abi.
func (s ABISet) Has(abi ABI) bool { return s>>abi&1 != 0 }

// In returns the constant's value and mask on an ABI; ok is false where the name does not exist.
// The mask is never zero unless the value is.
func (c *Const) In(abi ABI) (value, mask uint64, ok bool) {
	value, mask, ok = c.Value, c.Mask, true
	for i := range c.PerABI {
		if p := &c.PerABI[i]; p.ABIs.Has(abi) {
			value, mask, ok = p.Value, p.Mask, !p.Absent
			break
		}
	}
	if mask == 0 {
		mask = value
	}
	return value, mask, ok
}

// Value returns what a name of the set stands for on an ABI.
func (s *Set) Value(name string, abi ABI) (uint64, bool) {
	for i := range s.Consts {
		c := &s.Consts[i]
		if c.Name != name {
			continue
		}
		if v, _, ok := c.In(abi); ok {
			return v, true
		}
	}
	return 0, false
}

// NameOf returns the first name of exactly v in the set, or "".
// A negative constant (AT_FDCWD) is found by its 32-bit form too, which is what a register often holds.
func (s *Set) NameOf(v uint64, abi ABI) string {
	for i := range s.Consts {
		if c, _, ok := s.Consts[i].In(abi); ok && sameNumber(c, v) {
			return s.Consts[i].Name
		}
	}
	return ""
}

func sameNumber(constant, v uint64) bool {
	if constant == v {
		return true
	}
	negative := int64(constant) < 0 && int64(constant) >= -1<<31
	return negative && v == uint64(uint32(constant))
}

// AppendFlags appends v as the names of its bits joined by "|". Bits without a name follow in hexadecimal; a value
// without any named bit gets a comment that says which names were looked for: "0x40 /* O_??? */".
func (s *Set) AppendFlags(b []byte, v uint64, abi ABI) []byte {
	if v == 0 {
		return s.appendZero(b, abi)
	}
	start, rest, claimed, named := len(b), v, uint64(0), false
	for i := range s.Consts {
		c := &s.Consts[i]
		if c.Bits != 0 && v&c.Bits == 0 {
			continue
		}
		value, mask, ok := c.In(abi)
		if c.Digits != NoDigits {
			value = v & mask
			ok = ok && (value != 0 || c.Digits == HexDigits)
		}
		if !ok || mask == 0 && value == 0 || v&mask != value || mask&claimed != 0 {
			continue
		}
		claimed |= mask
		rest &^= mask
		named = named || mask == value
		b = c.appendFlag(appendBar(b, start), value, mask)
	}
	return s.appendRest(b, start, rest, named)
}

func (c *Const) appendFlag(b []byte, value, mask uint64) []byte {
	switch shift := bits.TrailingZeros64(mask); c.Digits {
	case NonzeroDigits:
		b = strconv.AppendUint(b, value>>shift, 10)
	case HexDigits:
		b = appendNumberHex(b, value>>shift)
	}
	return append(b, c.Name...)
}

// A zero is Set.Zero, or else the member that has the value 0 under a mask (O_RDONLY).
func (s *Set) appendZero(b []byte, abi ABI) []byte {
	switch {
	case s.Zero != "":
		return append(b, s.Zero...)
	case s.Base == BaseOctal:
		return appendOctalMode(b, 0)
	}
	start := len(b)
	for i := range s.Consts {
		c := &s.Consts[i]
		if value, mask, ok := c.In(abi); ok && value == 0 && mask != 0 && c.Digits != NonzeroDigits {
			b = c.appendFlag(appendBar(b, start), 0, mask)
		}
	}
	if len(b) == start {
		return append(b, '0')
	}
	return b
}

// appendRest appends the bits without a name; named says whether one of the names was of bits and not of a value under a mask.
func (s *Set) appendRest(b []byte, start int, rest uint64, named bool) []byte {
	switch {
	case s.Base == BaseOctal:
		return appendOctalMode(appendBar(b, start), rest)
	case rest == 0:
		return b
	}
	comment := len(b) == start || s.Separate && !named
	b = appendBar(b, start)
	if s.Base != BaseHex {
		return strconv.AppendUint(b, rest, 10)
	}
	if b = appendHex(b, rest); comment {
		b = s.appendUnknown(b)
	}
	return b
}

// AppendEnum appends v's name, or the number and what was looked for: "0x7 /* SEEK_??? */".
func (s *Set) AppendEnum(b []byte, v uint64, abi ABI) []byte {
	name := s.NameOf(v, abi)
	switch {
	case s.Remark && name != "":
		b = append(s.appendNumber(b, v), " /* "...)
		return append(append(b, name...), " */"...)
	case s.Requests && name != "":
		return s.appendNames(b, v, abi)
	case name != "":
		return append(b, name...)
	}
	return s.appendUnknown(s.appendNumber(b, v))
}

func (s *Set) appendNumber(b []byte, v uint64) []byte {
	switch s.Base {
	case BaseDecimal:
		return strconv.AppendInt(b, int64(v), 10)
	case BaseUnsigned:
		return strconv.AppendUint(b, v, 10)
	}
	return appendNumberHex(b, v)
}

// appendNames appends all names of v, in the order of the alphabet.
func (s *Set) appendNames(b []byte, v uint64, abi ABI) []byte {
	var names [8]string
	n := 0
	for i := range s.Consts {
		if c, _, ok := s.Consts[i].In(abi); ok && sameNumber(c, v) && n < len(names) {
			names[n] = s.Consts[i].Name
			n++
		}
	}
	slices.Sort(names[:n])
	for i, name := range names[:n] {
		if i > 0 {
			b = append(b, " or "...)
		}
		b = append(b, name...)
	}
	return b
}

func (s *Set) appendUnknown(b []byte) []byte {
	switch {
	case s.Unknown != "":
		b = append(append(b, " /* "...), s.Unknown...)
	case s.Prefix != "":
		b = append(append(append(b, " /* "...), s.Prefix...), "???"...)
	default:
		return b
	}
	return append(b, " */"...)
}

// appendBar appends the bar between two names.
func appendBar(b []byte, start int) []byte {
	if len(b) > start {
		return append(b, '|')
	}
	return b
}

func appendHex(b []byte, v uint64) []byte {
	return strconv.AppendUint(append(b, "0x"...), v, 16)
}

// LookupSet returns a set by the name that it has in the data files, or nil.
func LookupSet(name string) *Set {
	lo, hi := 0, len(setTable)
	for lo < hi {
		mid := (lo + hi) / 2
		if setTable[mid].Name < name {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(setTable) && setTable[lo].Name == name {
		return setTable[lo]
	}
	return nil
}

// LookupConst returns the value of a constant of any set by its header's name; ok is false where the ABI has none.
func LookupConst(name string, abi ABI) (value uint64, ok bool) {
	lo, hi := 0, len(constTable)
	for lo < hi {
		mid := (lo + hi) / 2
		if constTable[mid].constant().Name < name {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == len(constTable) || constTable[lo].constant().Name != name {
		return 0, false
	}
	value, _, ok = constTable[lo].constant().In(abi)
	return value, ok
}

// ConstNames gives the names of all constants, sorted.
func ConstNames() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, r := range constTable {
			if !yield(r.constant().Name) {
				return
			}
		}
	}
}

// constRef names one constant: constTable has one per name, sorted by it.
type constRef struct{ set, index uint16 }

func (r constRef) constant() *Const { return &setTable[r.set].Consts[r.index] }
