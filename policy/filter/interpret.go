package filter

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
)

// errBadProgram is what the kernel would refuse to load.
var errBadProgram = errors.New("not a seccomp filter")

// Run interprets a filter as the kernel does (kernel/seccomp.c, seccomp_check_filter lists the instructions) and returns its
// answer, SECCOMP_RET_* with data. Args of a 32-bit ABI have empty upper halves.
func (p Program) Run(abi arch.ABI, nr int32, args [6]uint64) (uint32, error) {
	m := machine{abi: abi, nr: nr, args: args}
	for pc := 0; pc < len(p); {
		ins := p[pc]
		if ins.Code == unix.BPF_RET|unix.BPF_K {
			return ins.K, nil
		}
		if ins.Code == unix.BPF_RET|unix.BPF_A {
			return m.a, nil
		}
		skip, err := m.step(ins)
		if err != nil {
			return 0, fmt.Errorf("instruction %d: %w", pc, err)
		}
		pc += 1 + skip
	}
	return 0, fmt.Errorf("%w: runs off the end", errBadProgram)
}

type machine struct {
	a, x uint32
	mem  [16]uint32
	abi  arch.ABI
	nr   int32
	args [6]uint64
}

// step runs one instruction and says how many to skip after it.
func (m *machine) step(ins unix.SockFilter) (int, error) {
	switch ins.Code & 0x07 {
	case unix.BPF_LD, unix.BPF_LDX, unix.BPF_ST, unix.BPF_STX, unix.BPF_MISC:
		return 0, m.move(ins)
	case unix.BPF_ALU:
		return 0, m.alu(ins)
	case unix.BPF_JMP:
		return m.jump(ins)
	}
	return 0, errBadProgram
}

func (m *machine) move(ins unix.SockFilter) error {
	if ins.Code&0xe0 == unix.BPF_MEM && ins.K >= uint32(len(m.mem)) && ins.Code&0x07 != unix.BPF_MISC {
		return errBadProgram
	}
	switch ins.Code {
	case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
		return m.load(ins.K)
	case unix.BPF_LD | unix.BPF_IMM:
		m.a = ins.K
	case unix.BPF_LDX | unix.BPF_IMM:
		m.x = ins.K
	case unix.BPF_LD | unix.BPF_MEM:
		m.a = m.mem[ins.K]
	case unix.BPF_LDX | unix.BPF_MEM:
		m.x = m.mem[ins.K]
	case unix.BPF_ST:
		m.mem[ins.K&15] = m.a
	case unix.BPF_STX:
		m.mem[ins.K&15] = m.x
	case unix.BPF_MISC | unix.BPF_TAX:
		m.x = m.a
	case unix.BPF_MISC | unix.BPF_TXA:
		m.a = m.x
	default:
		return errBadProgram
	}
	return nil
}

// load reads a word of struct seccomp_data. The halves of an argument are in the machine's byte order.
func (m *machine) load(off uint32) error {
	switch {
	case off == offNr:
		m.a = uint32(m.nr)
	case off == offArch:
		m.a = m.abi.Audit()
	case off >= offArgs && off < offArgs+48 && off%4 == 0:
		arg, upper := m.args[(off-offArgs)/8], off%8 == 4
		if upper != m.abi.BigEndian() {
			arg >>= 32
		}
		m.a = uint32(arg)
	case off == 8 || off == 12: // instruction pointer: no filter of ours looks at it
		m.a = 0
	default:
		return errBadProgram
	}
	return nil
}

func (m *machine) operand(ins unix.SockFilter) uint32 {
	if ins.Code&unix.BPF_X != 0 {
		return m.x
	}
	return ins.K
}

func (m *machine) alu(ins unix.SockFilter) error {
	v := m.operand(ins)
	switch ins.Code & 0xf0 {
	case unix.BPF_ADD:
		m.a += v
	case unix.BPF_SUB:
		m.a -= v
	case unix.BPF_MUL:
		m.a *= v
	case unix.BPF_AND:
		m.a &= v
	case unix.BPF_OR:
		m.a |= v
	case unix.BPF_XOR:
		m.a ^= v
	case unix.BPF_LSH:
		m.a <<= v & 31
	case unix.BPF_RSH:
		m.a >>= v & 31
	case unix.BPF_NEG:
		m.a = -m.a
	case unix.BPF_DIV:
		if v == 0 {
			return errBadProgram
		}
		m.a /= v
	default:
		return errBadProgram
	}
	return nil
}

func (m *machine) jump(ins unix.SockFilter) (int, error) {
	v := m.operand(ins)
	var taken bool
	switch ins.Code & 0xf0 {
	case unix.BPF_JA:
		return int(ins.K), nil
	case unix.BPF_JEQ:
		taken = m.a == v
	case unix.BPF_JGT:
		taken = m.a > v
	case unix.BPF_JGE:
		taken = m.a >= v
	case unix.BPF_JSET:
		taken = m.a&v != 0
	default:
		return 0, errBadProgram
	}
	if taken {
		return int(ins.Jt), nil
	}
	return int(ins.Jf), nil
}
