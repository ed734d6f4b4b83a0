package filter

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
)

// ErrUnproved is the error of a program that is not shown to do what its lists say. It must not be loaded.
var ErrUnproved = errors.New("filter is not proved")

// Bounds of a proof. They are far above what a real policy needs; a program beyond them is refused.
const (
	maxSteps  = 1 << 20 // instructions and nodes, per call
	maxSplits = 1 << 14 // of sets of words, per call
	maxFaults = 10      // that an error lists
)

// A Fault is a set of calls that a program treats in another way than the lists.
type Fault struct {
	Call    arch.Data // one of them; meaningless without Found
	Found   bool      // that the program was shown to be wrong; otherwise only the proof was too hard
	Got     Action
	Want    Action
	Problem string // why there is no proof
}

// Permissive says whether the program lets through what the lists do not.
func (f *Fault) Permissive() bool { return f.Found && f.Got.MorePermissive(f.Want) }

// Error implements error.
func (f *Fault) Error() string {
	name := f.Call.ABI.Name(f.Call.Nr)
	if name == "" {
		name = fmt.Sprintf("number %#x", uint32(f.Call.Nr))
	}
	if !f.Found {
		return fmt.Sprintf("%s %s: %s", f.Call.ABI, name, f.Problem)
	}
	a := f.Call.Args
	return fmt.Sprintf("%s %s(%#x, %#x, %#x, %#x, %#x, %#x) gives %s where the policy says %s", f.Call.ABI, name,
		a[0], a[1], a[2], a[3], a[4], a[5], f.Got, f.Want)
}

// Unwrap makes every fault an ErrUnproved.
func (f *Fault) Unwrap() error { return ErrUnproved }

// Prove follows every path of a program and compares its end with the lists, for all numbers, ABIs and registers. It is nil if the
// program gives every call the action of the lists, or Notify, after which the supervisor decides by the same lists. The error
// is made of Faults and is an ErrUnproved.
func Prove(p Program, l Lists) error {
	if err := l.validate(); err != nil {
		return err
	}
	_, faults := prove(p, newTables(l), l.BadABI)
	return unproved(faults)
}

func unproved(faults []Fault) error {
	if len(faults) == 0 {
		return nil
	}
	if len(faults) > maxFaults {
		faults = faults[:maxFaults]
	}
	errs := make([]error, len(faults))
	for i := range faults {
		errs[i] = &faults[i]
	}
	return fmt.Errorf("%w: %w", ErrUnproved, errors.Join(errs...))
}

// A state is what a path knows of a call.
type state [numWords]word

func newState() (s state) {
	for i := range s {
		s[i] = anyWord()
	}
	return s
}

// A prover follows one program for one call, or for one set of calls without a list.
type prover struct {
	prog Program
	big  bool // upper halves come first
	ref  *reference

	outside []uint32 // numbers, sorted, that are not in the set
	steps   int
	splits  int // that are left
	proof   proof
	fault   *Fault
}

// A proof is what was found out about a call.
type proof struct {
	kernel  bool // some calls end in another action than Notify
	asks    bool // some end in Notify
	demoted bool // some end in Notify where the list has another action
	longest int  // instructions on the longest path
}

// A register is a word under a mask; the accumulator holds one.
type register struct {
	word int
	mask uint32
}

const noWord = -1

// run follows the program from pc. It calls itself for one side of a branch and goes on with the other.
func (p *prover) run(s state, pc int, acc register, depth int) {
	for p.fault == nil {
		depth++
		if !p.step() {
			return
		}
		if pc >= len(p.prog) {
			p.fail("runs off the end")
			return
		}
		ins := p.prog[pc]
		switch ins.Code & 0x07 {
		case unix.BPF_RET:
			p.end(&s, ins, depth)
			return
		case unix.BPF_JMP:
			next, other, f := p.branch(&s, ins, acc)
			if other >= 0 {
				t := s
				t[acc.word].assume(f, true)
				p.run(t, pc+1+other, acc, depth)
				s[acc.word].assume(f, false)
			}
			pc += next
		default:
			acc = p.load(ins, acc)
		}
		pc++
	}
}

// step counts towards the bound.
func (p *prover) step() bool {
	p.steps++
	if p.steps > maxSteps {
		p.fail("too many paths")
	}
	return p.fault == nil
}

func (p *prover) fail(problem string) {
	if p.fault == nil {
		p.fault = &Fault{Problem: problem}
	}
}

// load does the instructions that libseccomp writes besides jumps; no other one is followed.
func (p *prover) load(ins unix.SockFilter, acc register) register {
	switch ins.Code {
	case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
		if w := p.wordAt(ins.K); w != noWord {
			return register{w, full}
		}
		p.fail(fmt.Sprintf("loads offset %d", ins.K))
	case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
		return register{acc.word, acc.mask & ins.K}
	default:
		p.fail(fmt.Sprintf("instruction %#x", ins.Code))
	}
	return acc
}

func (p *prover) wordAt(off uint32) int {
	switch {
	case off == offNr:
		return wordNr
	case off == offArch:
		return wordArch
	case off < offArgs || off >= offArgs+48 || off%4 != 0:
		return noWord
	}
	w := int(off-offArgs) / 4
	if p.big {
		w ^= 1
	}
	return wordArgs + w
}

// branch gives the way of a jump. If both are possible, other is the way of the members of which the fact holds, and next that of
// the others.
func (p *prover) branch(s *state, ins unix.SockFilter, acc register) (next, other int, f fact) {
	if ins.Code == unix.BPF_JMP|unix.BPF_JA {
		if ins.K > unix.BPF_MAXINSNS {
			p.fail("jumps too far")
			return 0, -1, f
		}
		return int(ins.K), -1, f
	}
	f, yes, no, ok := factOf(ins, acc)
	if !ok || acc.word == noWord {
		p.fail(fmt.Sprintf("jump %#x of a word under mask %#x", ins.Code, acc.mask))
		return 0, -1, f
	}
	switch p.decide(s, acc.word, f) {
	case always:
		return yes, -1, f
	case never:
		return no, -1, f
	}
	return no, yes, f
}

// factOf is what a conditional jump asks.
func factOf(ins unix.SockFilter, acc register) (f fact, yes, no int, ok bool) {
	yes, no = int(ins.Jt), int(ins.Jf)
	switch ins.Code {
	case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
		return fact{mask: acc.mask, val: ins.K}, yes, no, true
	case unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K:
		return fact{mask: acc.mask & ins.K}, no, yes, true
	case unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K:
		return fact{above: true, mask: full, val: ins.K}, yes, no, acc.mask == full
	case unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
		if ins.K == 0 { // always true
			return fact{}, yes, no, true
		}
		return fact{above: true, mask: full, val: ins.K - 1}, yes, no, acc.mask == full
	}
	return f, 0, 0, false
}

func (p *prover) decide(s *state, w int, f fact) outcome {
	if w == wordNr && !f.above && f.mask == full {
		if _, out := slices.BinarySearch(p.outside, f.val); out {
			return never
		}
	}
	return s[w].decide(f)
}

// end compares one path's action with what the list says for it, which may still depend on words that the program has not looked
// at.
func (p *prover) end(s *state, ins unix.SockFilter, depth int) {
	if ins.Code != unix.BPF_RET|unix.BPF_K {
		p.fail("returns what it has computed")
		return
	}
	p.proof.longest = max(p.proof.longest, depth)
	p.follow(*s, p.ref.start, Action(ins.K))
}

func (p *prover) follow(s state, at int32, got Action) {
	for at >= 0 {
		if !p.step() || got == Notify && p.proof.asks && p.proof.demoted { // nothing new would follow from it
			return
		}
		n := &p.ref.nodes[at]
		switch p.decide(&s, n.word, n.fact) {
		case always:
			at = n.yes
		case never:
			at = n.no
		default:
			t := s
			t[n.word].assume(n.fact, true)
			p.follow(t, n.yes, got)
			s[n.word].assume(n.fact, false)
			at = n.no
		}
	}
	p.compare(&s, got, p.ref.actions[^at])
}

// compare takes note of an end. Whether the set of calls is empty matters only where something new would follow from it.
func (p *prover) compare(s *state, got, want Action) {
	ask := got == Notify
	if got == want && (ask && p.proof.asks || !ask && p.proof.kernel) || ask && got != want && p.proof.demoted {
		return
	}
	member, o := p.member(s)
	if o == never {
		return
	}
	p.proof.kernel = p.proof.kernel || !ask
	p.proof.asks = p.proof.asks || ask
	p.proof.demoted = p.proof.demoted || ask && got != want
	if ask || got == want {
		return
	}
	p.fault = &Fault{Call: member, Found: o == always, Got: got, Want: want, Problem: "too hard to tell whether a path is taken"}
}
