package filter

import (
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
)

// maxWritten bounds the instructions that one call's list may take in front of libseccomp's program. A filter has room for 4096 in all, and the
// proof walks through every one.
const maxWritten = 512

// A target is where a jump within a test leads to.
type target int8

const (
	onward target = iota // the next instruction
	held                 // behind the test: it holds
	failed               // the test's end, where it is left
)

// A step is an instruction of a test. Its jumps are resolved when the test is complete.
type step struct {
	ins  unix.SockFilter
	t, f target
}

// write gives the call's decisions as they are listed, in BPF, for what libseccomp has no words for: inequalities of single bits, and
// conditions on calls that a multiplexer may bring too.
func (l *list) write(abi arch.ABI) (prog Program) {
	for i := range l.clauses {
		prog = append(prog, l.clauses[i].write(abi.BigEndian())...)
	}
	return append(prog, retIns(l.rest))
}

// write tests one condition after the other. Where one fails, what follows the clause decides.
func (c *clause) write(big bool) (prog Program) {
	var leave []int
	for i := range c.when {
		prog = append(prog, c.when[i].write(big)...)
		leave = append(leave, len(prog))
		prog = append(prog, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JA})
	}
	prog = append(prog, retIns(c.then))
	for _, at := range leave {
		prog[at].K = uint32(len(prog) - at - 1)
	}
	return prog
}

// write gives a test that ends with the instruction that it falls through to where it fails, and skips where it holds.
func (t *test) write(big bool) Program {
	if t.op == below || t.op == notBelow {
		return assemble(t.compare(big))
	}
	return assemble(t.match(big))
}

func assemble(steps []step) Program {
	prog := make(Program, len(steps))
	for i, s := range steps {
		far := [...]uint8{onward: 0, held: uint8(len(steps) - i), failed: uint8(len(steps) - i - 1)}
		prog[i] = s.ins
		if s.ins.Code&0x07 == unix.BPF_JMP {
			prog[i].Jt, prog[i].Jf = far[s.t], far[s.f]
		}
	}
	return prog
}

// match compares the bits under the mask, of the upper half first.
func (t *test) match(big bool) (steps []step) {
	hold, fail := held, failed
	if t.op == differ {
		hold, fail = failed, held
	}
	upper := uint32(t.mask >> 32)
	if upper != 0 {
		steps = append(t.load(upper, true, big), jump(unix.BPF_JEQ, uint32(t.val>>32), onward, fail))
	}
	if lower := uint32(t.mask); lower != 0 {
		return append(append(steps, t.load(lower, false, big)...), jump(unix.BPF_JEQ, uint32(t.val), hold, fail))
	}
	steps[len(steps)-1].t = hold
	return steps
}

// compare looks at the lower half only if the upper halves are equal.
func (t *test) compare(big bool) (steps []step) {
	less, more := held, failed
	if t.op == notBelow {
		less, more = failed, held
	}
	if t.wide {
		upper := uint32(t.val >> 32)
		steps = append(t.load(full, true, big), jump(unix.BPF_JGT, upper, more, onward), jump(unix.BPF_JEQ, upper, onward, less))
	}
	return append(append(steps, t.load(full, false, big)...), jump(unix.BPF_JGE, uint32(t.val), more, less))
}

// load takes the bits of one half of the register.
func (t *test) load(mask uint32, upper, big bool) []step {
	off := offArgs + 8*uint32(t.arg)
	if upper != big {
		off += 4
	}
	steps := []step{{ins: unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: off}}}
	if mask != full {
		steps = append(steps, step{ins: unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: mask}})
	}
	return steps
}

func jump(op uint16, k uint32, t, f target) step {
	return step{unix.SockFilter{Code: unix.BPF_JMP | op | unix.BPF_K, K: k}, t, f}
}

func retIns(a Action) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: uint32(a)}
}

// written is the part of the front for the calls of one ABI that have code of their own. It falls through to what follows it.
//
//	ld arch; jne ABI, end; ld nr; jeq n1, code1; jeq n2, code2; …; ja end; code1: …; code2: …; end:
func written(abi arch.ABI, entries []*entry) Program {
	if len(entries) == 0 {
		return nil
	}
	prog := Program{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offArch},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 1, K: abi.Audit()},
		{Code: unix.BPF_JMP | unix.BPF_JA},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offNr},
	}
	start := len(prog) + 2*len(entries) + 1 // of the next call's code: conditional jumps would not reach it
	for _, e := range entries {
		prog = append(prog, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: uint32(e.nr)},
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JA, K: uint32(start - len(prog) - 2)})
		start += len(e.code)
	}
	prog[2].K = uint32(start - 3)
	prog = append(prog, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JA, K: uint32(start - len(prog) - 1)})
	for _, e := range entries {
		prog = append(prog, e.code...)
	}
	return prog
}
