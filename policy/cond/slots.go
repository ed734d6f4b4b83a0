package cond

import "github.com/stead-project/stead/arch"

// A slot is where a parameter is in struct seccomp_data.
type slot struct {
	lo, hi int8  // registers; hi is -1 unless a 64-bit number takes a pair; lo is -1 if the parameter is in none
	bits   uint8 // of the number: what a register holds above them is not looked at by the kernel
}

// registerBits is the width of a register: x32 and MIPS n32 have 64 bits although a long has 32.
func registerBits(abi arch.ABI) uint8 {
	switch abi {
	case arch.X32, arch.MIPS64N32, arch.MIPSEL64N32:
		return 64
	}
	return uint8(8 * abi.Word())
}

// evenPairs: a pair begins at an even argument (syscall(2), "Architecture calling conventions").
func evenPairs(abi arch.ABI) bool {
	switch abi {
	case arch.ARM, arch.PPC, arch.MIPS, arch.MIPSEL:
		return true
	}
	return false
}

// slotOf finds a parameter's registers, as the Decoder of package arch does; a test compares the two.
func slotOf(abi arch.ABI, sig *arch.Signature, param int) slot {
	word := registerBits(abi)
	next := int8(0)
	for i := range sig.Params {
		p := &sig.Params[i]
		s := slot{lo: next, hi: -1, bits: bitsOf(p, word)}
		switch {
		case p.Style == arch.StyleHighFirst:
			s.hi, s.lo = next, next+1
			next++
		case word == 32 && p.Width == 8 && !isPointer(p.Kind):
			if evenPairs(abi) {
				next += next & 1
			}
			s.lo, s.hi = next, next+1
			if abi.BigEndian() {
				s.lo, s.hi = s.hi, s.lo
			}
			next++
		}
		next++
		if i == param {
			return s.bounded(p.Style)
		}
	}
	return slot{lo: -1, hi: -1, bits: word}
}

// bounded: mips o32 has calls whose last arguments are on the stack; a number in units or an order of its own is not compared
// in the register.
func (s slot) bounded(style arch.Style) slot {
	converted := style == arch.StylePages || style == arch.StyleNetwork || style == arch.StyleBits
	if converted || s.lo > 5 || s.hi > 5 {
		return slot{lo: -1, hi: -1, bits: 64}
	}
	return s
}

// bitsOf is how many bits of a register a number or address has.
func bitsOf(p *arch.Param, word uint8) uint8 {
	bits := 8 * p.Width
	if bits == 0 || isPointer(p.Kind) && bits < word {
		return word
	}
	return bits
}

func isPointer(k arch.Kind) bool { return k >= arch.KindString && k != arch.KindChars }

// isNumber reports whether a parameter is decided by its value alone.
func isNumber(k arch.Kind) bool { return k > arch.KindNone && k < arch.KindString }

func isSigned(k arch.Kind) bool {
	switch k {
	case arch.KindInt, arch.KindFD, arch.KindDirFD, arch.KindPID, arch.KindSignal:
		return true
	}
	return false
}
