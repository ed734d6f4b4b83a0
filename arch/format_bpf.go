package arch

import "strconv"

// Classes and parts of a classic BPF instruction's code: include/uapi/linux/bpf_common.h. Tables are indexed by the part.
var (
	bpfClasses = [8]string{"BPF_LD", "BPF_LDX", "BPF_ST", "BPF_STX", "BPF_ALU", "BPF_JMP", "BPF_RET", "BPF_MISC"}
	bpfSizes   = [4]string{"BPF_W", "BPF_H", "BPF_B", "0x18 /* BPF_??? */"}
	bpfModes   = [8]string{"BPF_IMM", "BPF_ABS", "BPF_IND", "BPF_MEM", "BPF_LEN", "BPF_MSH"}
	bpfALU     = [16]string{"BPF_ADD", "BPF_SUB", "BPF_MUL", "BPF_DIV", "BPF_OR", "BPF_AND", "BPF_LSH", "BPF_RSH", "BPF_NEG",
		"BPF_MOD", "BPF_XOR"}
	bpfJumps   = [16]string{"BPF_JA", "BPF_JEQ", "BPF_JGT", "BPF_JGE", "BPF_JSET"}
	bpfSources = [2]string{"BPF_K", "BPF_X"}
	bpfReturns = [4]string{"BPF_K", "BPF_X", "BPF_A"}
	bpfMisc    = [256]string{0: "BPF_TAX", 0x80: "BPF_TXA"}
)

const (
	bpfClassST   = 2
	bpfClassSTX  = 3
	bpfClassALU  = 4
	bpfClassJump = 5
	bpfClassRet  = 6
	bpfClassMisc = 7
)

// bpfFields are the fields of struct sock_filter.
const bpfFields = 4

// bpf appends a struct sock_filter as the macro that makes it. Where the program is seccomp's, what it returns is an action.
func (t *text) bpf(b []byte, v *Value, seccomp bool) []byte {
	code, jt, jf, k := v.List[0].Raw, v.List[1].Raw, v.List[2].Raw, v.List[3].Raw
	jump := jt != 0 || jf != 0
	if jump {
		b = append(b, "BPF_JUMP("...)
	} else {
		b = append(b, "BPF_STMT("...)
	}
	b = append(appendBPFCode(b, code), ", "...)
	if seccomp && code&7 == bpfClassRet {
		b = t.action(b, k)
	} else {
		b = appendNumberHex(b, k)
	}
	if jump {
		b = appendNumberHex(append(b, ", "...), jt)
		b = appendNumberHex(append(b, ", "...), jf)
	}
	return append(b, ')')
}

// instruction reports whether the struct is one of classic BPF, and of a program of seccomp.
func (s *Struct) instruction() (ok, seccomp bool) {
	seccomp = s.Name == "seccomp_filter"
	return seccomp || s.Name == "sock_filter", seccomp
}

// action appends what a seccomp filter returns: an action, and its data in the lower half.
func (t *text) action(b []byte, k uint64) []byte {
	b = t.constant(b, "seccomp_action", k&^0xffff)
	if k&0xffff != 0 {
		b = appendHex(append(b, '|'), k&0xffff)
	}
	return b
}

// appendBPFCode appends the parts of a code, and what none of them covers as a number.
func appendBPFCode(b []byte, code uint64) []byte {
	rest, parts := code&^0xff, code&0xf8
	b = append(b, bpfClasses[code&7]...)
	switch class := code & 7; class {
	case bpfClassALU:
		b = appendBPFPart(b, bpfSources[code>>3&1], 0)
		b = appendBPFPart(b, bpfALU[code>>4&15], code&0xf0)
	case bpfClassJump:
		b = appendBPFPart(b, bpfSources[code>>3&1], 0)
		b = appendBPFPart(b, bpfJumps[code>>4&15], code&0xf0)
	case bpfClassRet:
		b = appendBPFPart(b, bpfReturns[code>>3&3], code&0x18)
		rest |= code & 0xe0
	case bpfClassMisc:
		b = appendBPFPart(b, bpfMisc[parts], parts)
	case bpfClassST, bpfClassSTX:
		if parts != 0 {
			b = appendBPFPart(b, "", parts)
		}
	default:
		b = appendBPFPart(b, bpfSizes[code>>3&3], 0)
		b = appendBPFPart(b, bpfModes[code>>5&7], code&0xe0)
	}
	if rest != 0 {
		b = appendBPFPart(b, "", rest)
	}
	return b
}

func appendBPFPart(b []byte, name string, bits uint64) []byte {
	b = append(b, '|')
	if name == "" {
		return append(strconv.AppendUint(append(b, "0x"...), bits, 16), " /* BPF_??? */"...)
	}
	return append(b, name...)
}
