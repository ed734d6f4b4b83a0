package filter

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
)

// A word's answers are compared with what trying all numbers gives, on words with few open bits.
func FuzzWord(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})
	f.Add([]byte{2, 0xff, 0x80, 2, 0xc0, 0x40, 2, 0xe0, 0x20, 1, 0xff, 0x10})
	f.Fuzz(func(t *testing.T, raw []byte) {
		raw = raw[:min(len(raw), 120)]
		w := anyWord()
		w.assume(fact{mask: 0xffffff00, val: 0x80000000}, true)
		members := make(map[uint32]bool)
		for v := range uint32(256) {
			members[0x80000000|v] = true
		}
		for ; len(raw) >= 3; raw = raw[3:] {
			fc := fact{mask: uint32(raw[1]), val: uint32(raw[2] & raw[1])}
			if raw[0]&2 != 0 {
				fc = fact{above: true, mask: full, val: 0x80000000 | uint32(raw[2])}
			}
			holds := raw[0]&1 != 0
			o := w.decide(fc)
			checkDecided(t, o, fc, members)
			if o != depends {
				continue
			}
			w.assume(fc, holds)
			for v := range members {
				if fc.holdsOf(v) != holds {
					delete(members, v)
				}
			}
		}
		budget := 1 << 12
		v, o := w.solve(&budget)
		if o == always && !members[v] || o == never && len(members) > 0 || o == depends {
			t.Errorf("solve gives %#x, %d; there are %d members", v, o, len(members))
		}
	})
}

func (f fact) holdsOf(v uint32) bool {
	if f.above {
		return v > f.val
	}
	return v&f.mask == f.val
}

func checkDecided(t *testing.T, o outcome, f fact, members map[uint32]bool) {
	t.Helper()
	for v := range members {
		if o == always && !f.holdsOf(v) || o == never && f.holdsOf(v) {
			t.Fatalf("%+v is decided (%d), but not for %#x", f, o, v)
		}
	}
}

// A list's graph says the same as the list.
func TestReferenceIsTheList(t *testing.T) {
	r := newLottery(3)
	for range 20000 {
		abi := []arch.ABI{arch.X86_64, arch.I386, arch.X32}[r.IntN(3)]
		d := Decisions{ABI: abi, Default: r.action(), Calls: map[arch.ID][]Clause{id(t, "mmap"): r.list(2)}}
		nr, _ := abi.Number("mmap")
		ref := newReference(newList(abi, d.Calls[id(t, "mmap")], d.Default))
		for range 10 {
			args := [6]uint64{r.near(d.Calls[id(t, "mmap")]), r.near(d.Calls[id(t, "mmap")])}
			at := ref.start
			for at >= 0 {
				n := &ref.nodes[at]
				half := uint32(args[(n.word-wordArgs)/2] >> (32 * ((n.word - wordArgs) % 2)))
				if at = n.no; n.fact.holdsOf(half) {
					at = n.yes
				}
			}
			if want := (Lists{ABIs: []Decisions{d}}).Decide(arch.Data{ABI: abi, Nr: nr, Args: args}); ref.actions[^at] != want {
				t.Fatalf("%s %v of %#x: graph says %s, list %s", abi, d.Calls, args, ref.actions[^at], want)
			}
		}
	}
}

// A program with one thing changed is either found out, or does the same as before wherever it is tried.
func TestProofFindsMutations(t *testing.T) {
	r := newLottery(11)
	l := on(t, arch.X86_64, Errno(1), "socket", when(Allow, Compare{Op: EQ, Narrow: true, Value: 2}), when(Errno(97), Compare{Op: EQ, Narrow: true, Value: 38}))
	calls := l.ABIs[0].Calls
	calls[id(t, "clone")] = []Clause{when(Log, Compare{Op: MaskedEQ, Mask: 0x7e020000}), when(KillProcess)}
	calls[id(t, "lseek")] = []Clause{when(Allow, Compare{Arg: 1, Op: LT, Value: 1 << 40}, Compare{Arg: 2, Op: EQ, Value: 1 << 33})}
	calls[id(t, "read")], calls[id(t, "open_tree_attr")] = []Clause{when(Allow)}, []Clause{when(Allow)}
	l.ABIs = append(l.ABIs, Decisions{ABI: arch.I386, Default: Errno(1), Calls: map[arch.ID][]Clause{id(t, "ioctl"): {when(Allow, Compare{Arg: 1, Op: GE, Value: 9})}}})
	res, err := BuildLists(l)
	if err != nil {
		t.Fatal(err)
	}
	found, same := 0, 0
	for range 6000 {
		p := r.mutate(res.Program)
		err := Prove(p, l)
		if err == nil {
			same++
			for i := range l.ABIs {
				r.sample(t, p, l, &l.ABIs[i])
			}
			continue
		}
		found++
		r.confirm(t, p, l, err)
	}
	t.Logf("%d changes found, %d change nothing that matters", found, same)
	if found < 4000 {
		t.Error("too few changes are found: the proof is blind to something")
	}
}

// mutate changes a jump, a constant, an offset or an action.
func (r lottery) mutate(p Program) Program {
	q := append(Program(nil), p...)
	ins := &q[r.IntN(len(q))]
	switch r.IntN(5) {
	case 0:
		ins.Jt, ins.Jf = ins.Jf, ins.Jt
	case 1:
		ins.Jt = uint8(r.IntN(12))
	case 2:
		ins.K ^= 1 << r.IntN(32)
	case 3:
		ins.K += []uint32{1, full, 4}[r.IntN(3)]
	case 4:
		*ins = unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: uint32(r.action())}
	}
	return q
}

// confirm runs the call that a fault names.
func (r lottery) confirm(t *testing.T, p Program, l Lists, err error) {
	t.Helper()
	var f *Fault
	if !errors.Is(err, ErrUnproved) || !errors.As(err, &f) {
		t.Fatalf("not a fault: %v", err)
	}
	if !f.Found || !f.Call.ABI.Valid() {
		return
	}
	got, err := p.Run(f.Call.ABI, f.Call.Nr, f.Call.Args)
	if err != nil || Action(got) != f.Got || l.Decide(f.Call) != f.Want || f.Got == f.Want {
		t.Fatalf("%v; but it gives %s, %v, and the lists say %s", f, Action(got), err, l.Decide(f.Call))
	}
}
