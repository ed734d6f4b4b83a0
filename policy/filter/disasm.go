package filter

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
)

// A Line is one instruction, for reading.
type Line struct {
	Index   int
	Code    string // "jeq 0x101, 7, 12": the targets of jumps are indexes
	Comment string // what it means: names of ABIs, calls, arguments and constants
	Longest int    // instructions from here to the end on the longest way; 0 for what runs off the end
}

// Disassemble writes a program for people. It explains what the filters of this package contain and shows the rest as it is.
func Disassemble(p Program) []Line {
	d := disassembly{prog: p, at: make([]knowledge, len(p)+1)}
	if len(p) > 0 {
		d.at[0].reached = true
	}
	lines := make([]Line, len(p))
	for i := range p {
		lines[i] = Line{Index: i, Code: d.code(i), Comment: d.comment(i)}
		d.flow(i)
	}
	for i := len(p) - 1; i >= 0; i-- {
		lines[i].Longest = longest(p, lines, i)
	}
	return lines
}

func longest(p Program, lines []Line, i int) int {
	if p[i].Code&7 == unix.BPF_RET {
		return 1
	}
	most := 0
	for _, next := range targets(p[i], i) {
		if next < len(p) {
			most = max(most, lines[next].Longest)
		}
	}
	if most == 0 {
		return 0
	}
	return most + 1
}

// targets are the indexes that an instruction leads to.
func targets(ins unix.SockFilter, i int) []int {
	switch {
	case ins.Code&7 == unix.BPF_RET:
		return nil
	case ins.Code == unix.BPF_JMP|unix.BPF_JA:
		return []int{i + 1 + int(min(ins.K, unix.BPF_MAXINSNS))}
	case ins.Code&7 == unix.BPF_JMP:
		return []int{i + 1 + int(ins.Jt), i + 1 + int(ins.Jf)}
	}
	return []int{i + 1}
}

// knowledge is what holds on all ways to an instruction. Jumps lead forwards, so it is complete when the instruction is come to.
type knowledge struct {
	reached bool
	acc     known // the offset in struct seccomp_data that the accumulator was loaded from
	masked  bool
	mask    uint32
	token   known
	nr      known // the call's number, where it is one
}

// known is a number that is known or not.
type known struct {
	ok bool
	v  uint32
}

func (k known) meet(o known) known {
	if k != o {
		return known{}
	}
	return k
}

func (k knowledge) meet(o knowledge) knowledge {
	if !k.reached {
		return o
	}
	if k.masked != o.masked || k.mask != o.mask {
		k.acc, k.masked = known{}, false
	}
	k.acc, k.token, k.nr = k.acc.meet(o.acc), k.token.meet(o.token), k.nr.meet(o.nr)
	return k
}

type disassembly struct {
	prog Program
	at   []knowledge
}

// flow hands on what is known after an instruction.
func (d *disassembly) flow(i int) {
	ins, k := d.prog[i], d.at[i]
	if !k.reached {
		return
	}
	switch ins.Code {
	case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
		k.acc, k.masked, k.mask = known{true, ins.K}, false, 0
	case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
		k.masked, k.mask = true, ins.K
	}
	for way, next := range targets(ins, i) {
		if next >= len(d.prog) {
			continue
		}
		n := k
		if way == 0 && ins.Code == unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K && k.acc.ok && !k.masked {
			switch k.acc.v {
			case offArch:
				n.token = known{true, ins.K}
			case offNr:
				n.nr = known{true, ins.K}
			}
		}
		d.at[next] = d.at[next].meet(n)
	}
}

// mnemonics are those of the kernel's documentation (Documentation/networking/filter.rst).
var mnemonics = [...]struct {
	code uint16
	name string
}{
	{unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, "jeq"}, {unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K, "jgt"},
	{unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, "jge"}, {unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, "jset"},
	{unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, "and"}, {unix.BPF_RET | unix.BPF_K, "ret"},
}

func (d *disassembly) code(i int) string {
	ins := d.prog[i]
	switch ins.Code {
	case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
		return fmt.Sprintf("ld [%d]", ins.K)
	case unix.BPF_JMP | unix.BPF_JA:
		return fmt.Sprintf("ja %d", targets(ins, i)[0])
	}
	for _, m := range mnemonics {
		if m.code != ins.Code {
			continue
		}
		if ins.Code&7 == unix.BPF_JMP {
			t := targets(ins, i)
			return fmt.Sprintf("%s %#x, %d, %d", m.name, ins.K, t[0], t[1])
		}
		return fmt.Sprintf("%s %#x", m.name, ins.K)
	}
	return fmt.Sprintf(".code %#x, %d, %d, %#x", ins.Code, ins.Jt, ins.Jf, ins.K)
}

func (d *disassembly) comment(i int) string {
	ins, k := d.prog[i], d.at[i]
	switch {
	case !k.reached:
		return "never reached"
	case ins.Code == unix.BPF_RET|unix.BPF_K:
		return Action(ins.K).String()
	case ins.Code == unix.BPF_LD|unix.BPF_W|unix.BPF_ABS:
		return k.offset(ins.K)
	case ins.Code&7 == unix.BPF_JMP && ins.Code != unix.BPF_JMP|unix.BPF_JA && k.acc.ok:
		return k.constant(ins.K, ins.Code == unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K)
	}
	return ""
}

// abi is the only one that has the token and, where one is given, the number.
func (k knowledge) abi(nr uint32) arch.ABI {
	if !k.token.ok {
		return 0
	}
	a, _ := arch.Identify(k.token.v, int32(nr))
	return a
}

// call is the call that the path is about, if it is known.
func (k knowledge) call() (arch.ABI, *arch.Signature) {
	if !k.nr.ok {
		return k.abi(0), nil
	}
	a := k.abi(k.nr.v)
	return a, a.Signature(a.ID(int32(k.nr.v)))
}

// offset names a word of struct seccomp_data.
func (k knowledge) offset(off uint32) string {
	switch {
	case off == offNr:
		return "nr"
	case off == offArch:
		return "arch"
	case off < offArgs || off >= offArgs+48 || off%4 != 0:
		return ""
	}
	a, sig := k.call()
	arg, half := int(off-offArgs)/8, "lower"
	if (off%8 == 4) != a.BigEndian() {
		half = "upper"
	}
	text := fmt.Sprintf("args[%d], %s half", arg, half)
	if sig != nil && arg < len(sig.Params) {
		text += ": " + sig.Name + "'s " + sig.Params[arg].Name
	}
	return text
}

// constant says what a word is compared with. In a search by halves (exact is false) the number's own name would mislead.
func (k knowledge) constant(v uint32, exact bool) string {
	if !exact {
		return ""
	}
	switch k.acc.v {
	case offArch:
		return tokenName(v)
	case offNr:
		if a := k.abi(v); a.Name(int32(v)) != "" {
			return a.String() + " " + a.Name(int32(v))
		}
		return ""
	}
	a, sig := k.call()
	arg := int(k.acc.v-offArgs) / 8
	if k.acc.v < offArgs || sig == nil || arg >= len(sig.Params) || (k.acc.v%8 == 4) != a.BigEndian() {
		return ""
	}
	p := &sig.Params[arg]
	if p.Set == nil {
		return p.Name
	}
	if p.Kind == arch.KindFlags {
		return p.Name + " " + string(p.Set.AppendFlags(nil, uint64(v), a))
	}
	return p.Name + " " + p.Set.NameOf(uint64(v), a)
}

func tokenName(token uint32) string {
	var names []string
	for _, a := range arch.ABIs() {
		if a.Audit() == token {
			names = append(names, a.String())
		}
	}
	return strings.Join(names, " or ")
}
