package arch

// Signature returns the description of a call on an ABI, or nil if the call is not described there.
// The result is shared and read-only.
func (a ABI) Signature(id ID) *Signature {
	if int(id) >= len(signatureFirst)-1 {
		return nil
	}
	for i := signatureFirst[id]; i < signatureFirst[id+1]; i++ {
		if only := signatureABIs[i]; only == 0 || only.Has(a) {
			return &signatureTable[i]
		}
	}
	return nil
}

// Index returns the position of a parameter, or -1.
func (s *Signature) Index(name string) int { return indexParam(s.Params, name) }

// Index returns the position of a field of the struct, or -1.
func (s *Struct) Index(name string) int { return indexParam(s.Fields, name) }

func indexParam(list []Param, name string) int {
	for i := range list {
		if list[i].Name == name {
			return i
		}
	}
	return -1
}

// For returns the layout that the struct has on an ABI, or nil if it has none there.
func (s *Struct) For(abi ABI) *Struct {
	for s != nil && s.ABIs != 0 && !s.ABIs.Has(abi) {
		s = s.Alt
	}
	return s
}

// Holds reports whether the sibling's value v satisfies the condition on an ABI.
func (c *Cond) Holds(v uint64, abi ABI) bool {
	mask, values := c.In(abi)
	if c.Any {
		return v&mask != 0
	}
	if mask != 0 {
		v &= mask
	}
	for _, want := range values {
		if sameNumber(want, v) {
			return true
		}
	}
	return false
}

// In returns the condition's mask and values on an ABI.
func (c *Cond) In(abi ABI) (mask uint64, values []uint64) {
	for i := range c.PerABI {
		if p := &c.PerABI[i]; p.ABIs.Has(abi) {
			return p.Mask, p.Values
		}
	}
	return c.Mask, c.Values
}
