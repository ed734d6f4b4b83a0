package arch

import "strconv"

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
	start, rest, claimed := len(b), v, uint64(0)
	for i := range s.Consts {
		c := &s.Consts[i]
		value, mask, ok := c.In(abi)
		if !ok || mask == 0 && value == 0 || v&mask != value || mask&claimed != 0 {
			continue
		}
		claimed |= mask
		rest &^= mask
		b = appendJoined(b, start, c.Name)
	}
	return s.appendRest(b, start, rest)
}

// A zero is Set.Zero, or else the member that has the value 0 under a mask (O_RDONLY).
func (s *Set) appendZero(b []byte, abi ABI) []byte {
	if s.Zero != "" {
		return append(b, s.Zero...)
	}
	start := len(b)
	for i := range s.Consts {
		c := &s.Consts[i]
		if value, mask, ok := c.In(abi); ok && value == 0 && mask != 0 {
			b = appendJoined(b, start, c.Name)
		}
	}
	if len(b) == start {
		return append(b, '0')
	}
	return b
}

func (s *Set) appendRest(b []byte, start int, rest uint64) []byte {
	if rest == 0 {
		return b
	}
	if len(b) > start {
		return appendHex(append(b, '|'), rest)
	}
	return s.appendUnknown(appendHex(b, rest))
}

// AppendEnum appends v's name, or the number and what was looked for: "0x7 /* SEEK_??? */".
func (s *Set) AppendEnum(b []byte, v uint64, abi ABI) []byte {
	if name := s.NameOf(v, abi); name != "" {
		return append(b, name...)
	}
	return s.appendUnknown(appendHex(b, v))
}

func (s *Set) appendUnknown(b []byte) []byte {
	if s.Prefix == "" {
		return b
	}
	b = append(b, " /* "...)
	b = append(b, s.Prefix...)
	return append(b, "??? */"...)
}

func appendJoined(b []byte, start int, name string) []byte {
	if len(b) > start {
		b = append(b, '|')
	}
	return append(b, name...)
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

// constRef names one constant: constTable has one per name, sorted by it.
type constRef struct{ set, index uint16 }

func (r constRef) constant() *Const { return &setTable[r.set].Consts[r.index] }
