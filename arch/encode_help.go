package arch

import "math/bits"

// What an encoder needs to know: the inverse of the Decoder's steps. Package callspec builds calls with it.

// Pointer reports whether a parameter of the kind holds an address that may be followed.
func (k Kind) Pointer() bool { return k.has(kindPointer) }

// Embedded reports whether a field or element lies in the struct or array itself instead of behind a pointer.
func (p *Param) Embedded() bool { return inPlace(p) }

// RegisterWidth returns how many bytes of a register count: more than a word on x32 and MIPS n32.
func (a ABI) RegisterWidth() int {
	facts := factsOf(a)
	return int(facts.width)
}

// Registers returns the registers that pass the numbers vals on the ABI; vals[i] belongs to params[i]. A number for which
// there is no register (mips o32 has calls whose last arguments are on the stack) is left out, and ok is false.
func (a ABI) Registers(params []Param, vals []uint64) (args [6]uint64, ok bool) {
	facts, slot := factsOf(a), 0
	ok = true
	for i := range min(len(params), len(vals)) {
		p, v := &params[i], narrowUnsigned(&params[i], params[i].Stored(vals[i], a), facts.width)
		if p.Style == StyleHighFirst {
			ok = putRegister(&args, slot, v>>32) && putRegister(&args, slot+1, v&(1<<32-1)) && ok
			slot += 2
			continue
		}
		if !facts.pairs || p.Width != 8 || p.Kind.has(kindPointer) {
			ok = putRegister(&args, slot, facts.register(v)) && ok
			slot++
			continue
		}
		if facts.even {
			slot += slot & 1
		}
		first, second := v&(1<<32-1), v>>32
		if a.BigEndian() {
			first, second = second, first
		}
		ok = putRegister(&args, slot, first) && ok
		ok = putRegister(&args, slot+1, second) && ok
		slot += 2
	}
	return args, ok
}

// Stored returns the number that memory or a register holds of a value, where its Style sees it otherwise. A bit field is where
// its bits are, with zeros around it.
func (p *Param) Stored(v uint64, abi ABI) uint64 {
	switch p.Style {
	case StylePages:
		return v >> 12
	case StyleNetwork:
		if !abi.BigEndian() && p.Width > 0 && p.Width <= 8 {
			return bits.ReverseBytes64(v) >> (64 - 8*uint(p.Width))
		}
	case StyleBits:
		return v & (1<<(p.Count&0xff) - 1) << (p.Count >> 8)
	}
	return v
}

// ArgumentBlock returns how many words of memory a call takes its arguments from, the address of which is then its only register;
// 0 for a call that takes them from registers. first is its first argument.
func (a ABI) ArgumentBlock(id ID, first uint64) int { return oldBlock(id.Name(), a, uint32(first)) }

// OldControl reports whether a call is ipc's form of semctl, msgctl or shmctl without IPC_64, of which no variants are described.
func (m *Multiplexed) OldControl(id ID) bool {
	name := id.Name()
	return m.Slot == ipcPtr && controlCall(name) && m.Args[controlOp(name)]&ipc64 == 0
}

func putRegister(args *[6]uint64, slot int, v uint64) bool {
	if slot >= len(args) {
		return v == 0
	}
	args[slot] = v
	return true
}

// narrowUnsigned cuts a number to its parameter's width as a compiler that loads a 32-bit register does: the upper half is 0.
func narrowUnsigned(p *Param, v, word uint64) uint64 {
	plain := Param{Width: p.Width, Kind: KindUint}
	if p.Kind.has(kindPointer) {
		plain.Width = 0
	}
	return narrow(&plain, v, word)
}

// A Multiplexed call is one that an ABI has only through socketcall(2) or ipc(2), or that came that way.
type Multiplexed struct {
	Nr    int32     // the multiplexer's number
	Args  [6]uint64 // its registers
	Words []uint64  // words of the ABI that have to be in memory
	Slot  int       // the register that has to hold their address, if there are any
}

// Multiplex returns the form that a call has through its multiplexer; false if the ABI has none for it. args are the call's own
// registers.
func (a ABI) Multiplex(id ID, args [6]uint64) (m Multiplexed, ok bool) {
	name := id.Name()
	if op, ok := muxIndex(socketCalls[:], name); ok {
		m.Nr, ok = a.Number("socketcall")
		m.Args[0], m.Slot = uint64(op), 1
		m.Words = append(m.Words, args[:len(socketCalls[op].args)]...)
		return m, ok
	}
	op, ok := muxIndex(ipcCalls[:], name)
	if !ok {
		return m, false
	}
	m.Nr, ok = a.Number("ipc")
	m.Args[0], m.Slot = uint64(op), ipcPtr
	m.scatter(a, name, ipcCalls[op].args, &args)
	return m, ok
}

// scatter puts the call's arguments where demuxIPC finds them.
func (m *Multiplexed) scatter(a ABI, name, recipe string, args *[6]uint64) {
	noFifth := a == S390 || a == S390X
	switch {
	case name == "msgrcv" && noFifth:
		recipe = msgrcvKludge
	case name == "msgrcv":
		m.Args[0] |= 1 << 16 // version 1: msgtyp is an argument of its own
	}
	for i := range len(recipe) {
		switch to := recipe[i]; {
		case to == fromPointee || to == fromKludgeMsg || to == fromKludgeTyp:
			m.Words = append(m.Words, args[i])
		case to == ipcFifth && noFifth:
			m.Args[ipcThird] = args[i]
		default:
			m.Args[to] = args[i]
		}
	}
}

func muxIndex(table []muxCall, name string) (int, bool) {
	for i := range table {
		if name != "" && table[i].name == name {
			return i, true
		}
	}
	return 0, false
}

// IoctlDir returns the bits that a direction's name (_IOC_NONE, _IOC_READ, _IOC_WRITE) stands for in an ioctl request of the ABI,
// and how far the direction is shifted in it.
func (a ABI) IoctlDir(name string) (bits uint64, shift uint, ok bool) {
	dirs := &iocDirs
	shift = 30
	if threeDirBits(a) {
		dirs, shift = &ioc3Dirs, 29
	}
	for i, n := range dirs {
		if n == name && n != "" {
			return uint64(i), shift, true
		}
	}
	return 0, shift, false
}
