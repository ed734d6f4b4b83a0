package arch

import "math/bits"

// registerFacts is how an ABI passes numbers in registers.
type registerFacts struct {
	width uint64 // bytes of a register
	addr  uint64 // bits of an address
	pairs bool   // 64-bit numbers take two registers, in memory order
	even  bool   // such a pair begins at an even argument
}

// factsOf: a pair follows the byte order (the kernel's compat_arg_u64 macros) and, where function calls do so, begins at an even
// argument (syscall(2), "Architecture calling conventions"); s390's 31-bit addresses lose their top bit (compat_ptr). Where
// registers are wider than a word (x32, MIPS n32) the kernel uses all of an address in one.
func factsOf(a ABI) registerFacts {
	f := registerFacts{width: 4, addr: 1<<32 - 1, pairs: true}
	switch a {
	case X32, MIPS64N32, MIPSEL64N32:
		return registerFacts{width: 8, addr: 1<<64 - 1}
	case ARM, PPC, MIPS, MIPSEL:
		f.even = true
	case S390:
		f.addr = 1<<31 - 1
	}
	if a.Word() == 8 {
		return registerFacts{width: 8, addr: 1<<64 - 1}
	}
	return f
}

// register is what a register of the ABI holds of raw.
func (f *registerFacts) register(raw uint64) uint64 {
	if f.width == 4 {
		return raw & (1<<32 - 1)
	}
	return raw
}

// Properties of kinds.
const (
	kindPointer = 1 << iota // holds an address that may be followed
	kindSigned
)

// kindFacts is indexed by Kind.
var kindFacts = [...]uint8{
	KindInt:      kindSigned,
	KindFD:       kindSigned,
	KindDirFD:    kindSigned,
	KindPID:      kindSigned,
	KindSignal:   kindSigned,
	KindString:   kindPointer,
	KindPath:     kindPointer,
	KindStrings:  kindPointer,
	KindBytes:    kindPointer,
	KindStruct:   kindPointer,
	KindPtr:      kindPointer,
	KindArray:    kindPointer,
	KindSockaddr: kindPointer,
	KindSigset:   kindPointer,
	KindFDSet:    kindPointer,
}

func (k Kind) has(fact uint8) bool { return int(k) < len(kindFacts) && kindFacts[k]&fact != 0 }

// hidden is the name of padding.
const hidden = "_"

// registers fills f's values with numbers and addresses from the registers, in order.
func (d *Decoder) registers(f *frame, args *[6]uint64) {
	slot := 0
	for i := range f.params {
		p, v := &f.params[i], &f.vals[i]
		raw, ok := d.take(p, args, &slot)
		v.Raw = d.styled(p, narrow(p, raw, d.facts.width))
		if !ok {
			v.State = Unread
		}
		if p.Name != hidden && d.holds(p.When, f) {
			v.Param = p
		}
	}
}

// take returns the register, or pair of registers, of p. ok is false if there are no six registers for it: mips o32 has calls
// whose last arguments are on the stack.
func (d *Decoder) take(p *Param, args *[6]uint64, slot *int) (raw uint64, ok bool) {
	if p.Style == StyleHighFirst {
		first, _ := registerAt(args, *slot)
		second, ok := registerAt(args, *slot+1)
		*slot += 2
		return first<<32 | second&(1<<32-1), ok
	}
	if !d.facts.pairs || p.Width != 8 || p.Kind.has(kindPointer) {
		raw, ok = registerAt(args, *slot)
		*slot++
		return raw, ok
	}
	if d.facts.even {
		*slot += *slot & 1
	}
	first, _ := registerAt(args, *slot)
	second, ok := registerAt(args, *slot+1)
	*slot += 2
	if d.big {
		first, second = second, first
	}
	return second<<32 | first&(1<<32-1), ok
}

func registerAt(args *[6]uint64, i int) (uint64, bool) {
	if i >= len(args) {
		return 0, false
	}
	return args[i], true
}

// narrow cuts raw to p's width, a word being word bytes, and extends the sign of a signed number.
func narrow(p *Param, raw, word uint64) uint64 {
	width := uint64(p.Width)
	if width == 0 || p.Kind.has(kindPointer) && width < word {
		width = word
	}
	if width >= 8 {
		return raw
	}
	shift := 64 - 8*width
	if p.Kind.has(kindSigned) {
		return uint64(int64(raw<<shift) >> shift)
	}
	return raw << shift >> shift
}

// styled is a number as the parameter's style sees it.
func (d *Decoder) styled(p *Param, raw uint64) uint64 {
	switch p.Style {
	case StylePages:
		return raw << 12
	case StyleNetwork:
		if d.big {
			return raw
		}
		return bits.ReverseBytes64(raw) >> (64 - 8*uint(p.Width))
	case StyleBits:
		return raw >> (p.Count >> 8) & (1<<(p.Count&0xff) - 1)
	}
	return raw
}
