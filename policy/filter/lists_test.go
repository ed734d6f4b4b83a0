package filter

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
)

// corners are values at which a comparison may go wrong: ends of ranges, single bits, and halves that are alike.
func corners() []uint64 {
	return []uint64{0, 1, 2, 3, 7, 8, 38, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 0x100000000, 0x100000001, 0x100000026,
		0x7fffffffffffffff, 0x8000000000000000, 0xffffffff00000000, 0xffffffff00000001, 0xfffffffffffffffe, 0xffffffffffffffff}
}

// A lottery draws lists and calls.
type lottery struct{ *rand.Rand }

func newLottery(seed uint64) lottery { return lottery{rand.New(rand.NewPCG(seed, 1))} }

func (r lottery) value() uint64 {
	c := corners()
	return c[r.IntN(len(c))]
}

// near is a value at a constant of the list, or beside it, perhaps with something else in the upper half.
func (r lottery) near(list []Clause) uint64 {
	v := r.value()
	if len(list) > 0 {
		if c := list[r.IntN(len(list))]; len(c.When) > 0 {
			v = c.When[r.IntN(len(c.When))].Value
		}
	}
	return v ^ []uint64{0, 0, 0, 1, 1 << 32, 1 << 63, 1<<64 - 1}[r.IntN(7)] + []uint64{0, 0, 1, 1<<64 - 1}[r.IntN(4)]
}

func (r lottery) action() Action {
	return []Action{Allow, Log, Errno(1), Errno(13), Errno(38), Notify, KillProcess, Trap}[r.IntN(8)]
}

func (r lottery) compare(args int) Compare {
	c := Compare{Arg: r.IntN(args), Op: Op(1 + r.IntN(int(numOps)-1)), Narrow: r.IntN(2) == 0, Value: r.value()}
	if r.IntN(3) > 0 {
		c.Op = []Op{EQ, MaskedEQ, MaskedNE}[r.IntN(3)]
	}
	if c.Op == MaskedEQ || c.Op == MaskedNE {
		c.Mask = []uint64{1, 3, 6, 0x7e020000, 0xffffffff, 0x100000001, r.value()}[r.IntN(7)]
		if r.IntN(8) > 0 {
			c.Value &= c.Mask
		}
	}
	return c
}

func (r lottery) list(args int) (list []Clause) {
	for range r.IntN(5) {
		c := Clause{Then: r.action()}
		for range r.IntN(3) {
			c.When = append(c.When, r.compare(args))
		}
		if len(c.When) > 0 || r.IntN(3) == 0 {
			list = append(list, c)
		}
	}
	return list
}

func id(t testing.TB, name string) arch.ID {
	t.Helper()
	id, ok := arch.LookupID(name)
	if !ok {
		t.Fatalf("no call %s", name)
	}
	return id
}

func (r lottery) decisions(abi arch.ABI, calls int) Decisions {
	d := Decisions{ABI: abi, Default: r.action(), Calls: map[arch.ID][]Clause{}}
	for range calls {
		d.Calls[arch.ID(1+r.IntN(arch.NumIDs-1))] = r.list(1 + r.IntN(3))
	}
	return d
}

// supported are the ABIs that this libseccomp has, by groups that one filter can hold.
func supported(t testing.TB) (groups [][]arch.ABI) {
	for _, g := range [][]arch.ABI{{arch.X86_64, arch.I386}, {arch.X86_64, arch.I386, arch.X32}, {arch.X86_64}, {arch.X32}, {arch.I386},
		{arch.AArch64, arch.ARM}, {arch.RISCV64}, {arch.PPC64LE}, {arch.PPC64}, {arch.S390X, arch.S390}, {arch.MIPS64, arch.MIPS, arch.MIPS64N32},
		{arch.MIPSEL64, arch.MIPSEL, arch.MIPSEL64N32}, {arch.LoongArch64}} {
		_, err := BuildLists(Lists{ABIs: []Decisions{{ABI: g[0], Default: Allow}}, BadABI: KillProcess})
		if err != nil && strings.Contains(err.Error(), "add ABI") {
			t.Logf("libseccomp %s has no %s", LibraryVersion(), g[0])
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		groups = append(groups, g)
	}
	if len(groups) < 12 {
		t.Errorf("only %d groups of ABIs are supported", len(groups))
	}
	return groups
}

// agrees compares a program with the lists, which it may only answer with Notify instead.
func agrees(t *testing.T, p Program, l Lists, d arch.Data) (exact bool) {
	t.Helper()
	got, err := p.Run(d.ABI, d.Nr, d.Args)
	if err != nil {
		t.Fatal(err)
	}
	want := l.Decide(d)
	if Action(got) != want && Action(got) != Notify {
		t.Fatalf("%s %s(%#x) gives %s, want %s; list %v", d.ABI, d.ABI.Name(d.Nr), d.Args, Action(got), want, l.ABIs)
	}
	return Action(got) == want
}

func TestRandomListsEveryABI(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	r := newLottery(7)
	exact, all := 0, 0
	for _, group := range supported(t) {
		for range rounds {
			l := Lists{BadABI: r.action()}
			rest := r.action()
			for _, abi := range group {
				d := r.decisions(abi, 12)
				if r.IntN(4) > 0 {
					d.Default = rest
				}
				l.ABIs = append(l.ABIs, d)
			}
			res, err := BuildLists(l)
			if err != nil {
				t.Fatalf("%v: %v", group, err)
			}
			for i := range l.ABIs {
				e, a := r.sample(t, res.Program, l, &l.ABIs[i])
				exact, all = exact+e, all+a
			}
		}
	}
	t.Logf("%d of %d random calls are decided exactly", exact, all)
	if exact < all*8/10 {
		t.Error("too many calls are left to the supervisor")
	}
}

// sample runs calls of one ABI: those with lists at the corners of their comparisons, and others.
func (r lottery) sample(t *testing.T, p Program, l Lists, d *Decisions) (exact, all int) {
	for nr := range d.ABI.Calls() {
		list, listed := d.clauses(d.ABI.ID(nr))
		n := 1
		if listed {
			n = 60
		}
		for range n {
			var args [6]uint64
			for i := range args {
				args[i] = r.near(list)
			}
			if all++; agrees(t, p, l, arch.Data{ABI: d.ABI, Nr: nr, Args: args}) {
				exact++
			}
		}
	}
	for range 20 {
		nr := d.ABI.NumberBase() | r.Int32N(1<<20)
		agrees(t, p, l, arch.Data{ABI: d.ABI, Nr: nr})
	}
	return exact, all
}

// on is a list for one call.
func on(t testing.TB, abi arch.ABI, rest Action, call string, clauses ...Clause) Lists {
	return Lists{ABIs: []Decisions{{ABI: abi, Default: rest, Calls: map[arch.ID][]Clause{id(t, call): clauses}}}, BadABI: KillProcess}
}

func when(then Action, c ...Compare) Clause { return Clause{When: c, Then: then} }

// Lists that policies are made of have to be decided in the kernel altogether.
func TestDecidedInTheKernel(t *testing.T) {
	narrow := func(arg int, op Op, v uint64) Compare { return Compare{Arg: arg, Op: op, Narrow: true, Value: v} }
	wide := func(arg int, op Op, v uint64) Compare { return Compare{Arg: arg, Op: op, Value: v} }
	mask := func(arg int, m, v uint64) Compare { return Compare{Arg: arg, Op: MaskedEQ, Mask: m, Value: v} }
	for name, l := range map[string]Lists{
		"some domains":     on(t, arch.X86_64, Errno(1), "socket", when(Allow, narrow(0, EQ, 1)), when(Allow, narrow(0, EQ, 2)), when(Allow, narrow(0, EQ, 10))),
		"all but one":      on(t, arch.X86_64, Errno(1), "socket", when(Errno(97), narrow(0, EQ, 38)), when(Allow)),
		"not one":          on(t, arch.X86_64, Errno(1), "socket", when(Allow, narrow(0, NE, 40))),
		"no new namespace": on(t, arch.X86_64, Allow, "clone", when(Allow, mask(0, 0x7e020000, 0)), when(Errno(1))),
		"size":             on(t, arch.X86_64, Errno(1), "getrandom", when(Allow, wide(1, LE, 256))),
		"size between":     on(t, arch.X86_64, Errno(1), "getrandom", when(Allow, wide(1, GE, 16), wide(1, LE, 256))),
		"order":            on(t, arch.X86_64, Errno(1), "ioctl", when(Errno(25), narrow(1, EQ, 0x5412)), when(Allow, mask(1, 0xffffff00, 0x5400)), when(Log)),
		"two arguments": on(t, arch.X86_64, Errno(1), "prctl", when(Allow, narrow(0, EQ, 22), wide(1, EQ, 2)), when(Errno(22), narrow(0, EQ, 22)),
			when(Allow)),
		"i386":      on(t, arch.I386, Errno(1), "ioctl", when(Allow, narrow(1, EQ, 0x5401)), when(Log, wide(1, GT, 0x8000))),
		"high half": on(t, arch.X86_64, Allow, "lseek", when(Errno(22), wide(1, GE, 1<<40))),
	} {
		res, err := BuildLists(l)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, c := range res.Report {
			if c.Engine != Kernel && c.ID.Name() != "socketcall" {
				t.Errorf("%s: %s is decided by %s: %s", name, c.ID, c.Engine, c.Lost)
			}
			t.Logf("%s: %d rules, %d instructions, longest path %d", name, c.Rules, len(res.Program), c.Longest)
		}
	}
}

// What goes to the supervisor is reported, with the reason.
func TestReportsWhatIsLost(t *testing.T) {
	eq := func(arg int, v uint64) Compare { return Compare{Arg: arg, Op: EQ, Value: v} }
	many := make([]Clause, 0, 100)
	for i := range cap(many) {
		many = append(many, when([]Action{Allow, Errno(5)}[i%2], Compare{Arg: i % 6, Op: NE, Narrow: true, Value: uint64(i)},
			Compare{Arg: (i + 1) % 6, Op: GT, Narrow: true, Value: uint64(i) * 77}))
	}
	for name, c := range map[string]struct {
		lists  Lists
		call   string
		engine Engine
		lost   string
	}{
		"too new":      {on(t, arch.X86_64, Errno(1), "open_tree_attr", when(Allow, eq(1, 2))), "open_tree_attr", Kernel, ""},
		"carried":      {on(t, arch.I386, Errno(1), "socket", when(Allow, eq(0, 2))), "socket", Kernel, ""},
		"many":         {on(t, arch.X86_64, Errno(1), "mmap", many[:12]...), "mmap", Kernel, ""},
		"too many":     {on(t, arch.X86_64, Errno(1), "mmap", many...), "mmap", Supervisor, "too many rules"},
		"asked for":    {on(t, arch.X86_64, Errno(1), "mount", when(Notify)), "mount", Supervisor, ""},
		"partly asked": {on(t, arch.X86_64, Errno(1), "mount", when(Notify, eq(3, 2))), "mount", Split, ""},
		"not at all":   {on(t, arch.X86_64, Errno(1), "mount", when(Allow, eq(3, 2))), "mount", Kernel, ""},
	} {
		res, err := BuildLists(c.lists)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, r := range res.Report {
			if r.ID.Name() != c.call {
				continue
			}
			if r.Engine != c.engine || !strings.Contains(r.Lost, c.lost) || (c.lost == "") != (r.Lost == "") {
				t.Errorf("%s: %s, %q; want %s, %q", name, r.Engine, r.Lost, c.engine, c.lost)
			}
		}
	}
}

// The carriers get what they carry.
func TestCarriers(t *testing.T) {
	l := on(t, arch.I386, Allow, "connect", when(Errno(111)))
	l.ABIs[0].Calls[id(t, "socket")] = []Clause{when(Errno(97), Compare{Op: EQ, Narrow: true, Value: 38})}
	l.ABIs[0].Calls[id(t, "semget")] = []Clause{when(Errno(1))}
	res, err := BuildLists(l)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		call string
		arg  uint64
		want Action
	}{{"socketcall", 3, Errno(111)}, {"socketcall", 1, Notify}, {"socketcall", 2, Allow}, {"connect", 0, Errno(111)}, {"socket", 38, Errno(97)},
		{"ipc", 2, Errno(1)}, {"ipc", 0x10002, Errno(1)}, {"ipc", 3, Allow}} {
		nr, _ := arch.I386.Number(c.call)
		if got, err := res.Program.Run(arch.I386, nr, [6]uint64{c.arg}); err != nil || Action(got) != c.want {
			t.Errorf("%s(%#x) gives %s, want %s (%v)", c.call, c.arg, Action(got), c.want, err)
		}
	}
}

func TestRefusesWrongLists(t *testing.T) {
	ok := func() Lists { return on(t, arch.X86_64, Allow, "mkdir", when(Errno(1), Compare{Op: EQ})) }
	for want, spoil := range map[string]func(l *Lists){
		"no ABI":                   func(l *Lists) { l.ABIs = nil },
		"two lists":                func(l *Lists) { l.ABIs = append(l.ABIs, l.ABIs[0]) },
		"does not know the ABI":    func(l *Lists) { l.ABIs[0].ABI = arch.Alpha },
		"unknown action":           func(l *Lists) { l.BadABI = 0x12340000 },
		"unknown default":          func(l *Lists) { l.ABIs[0].Default = 0x50000 | 5000 },
		"no call":                  func(l *Lists) { l.ABIs[0].Calls[9999] = nil },
		"unknown comparison":       func(l *Lists) { l.ABIs[0].Calls[id(t, "mkdir")][0].When[0].Op = 77 },
		"argument 6":               func(l *Lists) { l.ABIs[0].Calls[id(t, "mkdir")][0].When[0].Arg = 6 },
		"argument -1":              func(l *Lists) { l.ABIs[0].Calls[id(t, "mkdir")][0].When[0].Arg = -1 },
		"65 comparisons":           func(l *Lists) { l.ABIs[0].Calls[id(t, "mkdir")][0].When = make([]Compare, 65) },
		"4097 clauses":             func(l *Lists) { l.ABIs[0].Calls[id(t, "mkdir")] = make([]Clause, 4097) },
		"clause 1: unknown action": func(l *Lists) { l.ABIs[0].Calls[id(t, "mkdir")][0].Then = 1 },
	} {
		l := ok()
		spoil(&l)
		if _, err := BuildLists(l); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := BuildLists(ok()); err != nil {
		t.Error(err)
	}
}

// libseccomp 2.5.4 writes a wrong program for two inequalities of one argument: what is 0xffffffff here is below neither 4 nor above
// 1<<63, and gets the second rule's action. Its own comparisons are therefore used only where they are proved.
func TestProofFindsLibraryFault(t *testing.T) {
	l := on(t, arch.X86_64, Allow, "getpriority", when(Errno(4), Compare{Op: LT, Value: 4}), when(Errno(2), Compare{Op: GT, Value: 1 << 63}))
	a := assembly{lists: l, tables: newTables(l)}
	if err := a.plan(); err != nil {
		t.Fatal(err)
	}
	rules := a.gen.entries[0].list.rules(Allow)
	if len(rules) != 2 {
		t.Fatalf("libseccomp has words for these: %v", rules)
	}
	a.gen.entries[0].rules, a.gen.entries[0].front = rules, false
	prog, err := a.gen.program()
	if err != nil {
		t.Fatal(err)
	}
	nr, _ := arch.X86_64.Number("getpriority")
	got, _ := prog.Run(arch.X86_64, nr, [6]uint64{0xffffffff})
	err = Prove(prog, l)
	if Action(got) == Allow {
		t.Skipf("libseccomp %s does it right", LibraryVersion())
	}
	var f *Fault
	if !errors.Is(err, ErrUnproved) || !errors.As(err, &f) || !f.Found {
		t.Errorf("the proof passes it: %v", err)
	}
	res, err := BuildLists(l)
	if err != nil || res.Report[0].Engine != Supervisor || res.Report[0].Lost == "" {
		t.Errorf("not left to the supervisor: %+v, %v", res, err)
	}
}

// bigLists is a policy of n rules: a default denial, many calls allowed, and some with conditions.
func bigLists(t testing.TB, n int, abis ...arch.ABI) Lists {
	l := Lists{BadABI: KillProcess}
	for _, abi := range abis {
		d := Decisions{ABI: abi, Default: Errno(syscall.Errno(unix.EPERM)), Calls: map[arch.ID][]Clause{}}
		left := n
		for _, call := range []string{"ioctl", "prctl", "fcntl", "setsockopt", "clone", "mmap", "personality", "keyctl", "bpf", "madvise"} {
			for i := range n / 50 {
				d.Calls[id(t, call)] = append(d.Calls[id(t, call)], when([]Action{Allow, Errno(22), Log}[i%3],
					Compare{Arg: 1, Op: EQ, Narrow: true, Value: uint64(0x5400 + 7*i)}))
				left--
			}
		}
		for nr := range abi.Calls() {
			if _, ok := d.Calls[abi.ID(nr)]; !ok && left > 0 {
				d.Calls[abi.ID(nr)] = []Clause{when(Allow)}
				left--
			}
		}
		l.ABIs = append(l.ABIs, d)
	}
	return l
}

// A filter of 500 rules must not delay a start. The bound is far above what it takes, for slow and busy machines.
func TestBuildIsFast(t *testing.T) {
	l := bigLists(t, 500, arch.X86_64, arch.I386)
	start := time.Now()
	res, err := BuildLists(l)
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	t.Logf("500 rules for 2 ABIs: %d libseccomp rules, %d instructions, %v", res.Rules, len(res.Program), took)
	if took > 500*time.Millisecond {
		t.Error("too slow")
	}
}

func BenchmarkBuildLists(b *testing.B) {
	for _, n := range []int{100, 500} {
		l := bigLists(b, n, arch.X86_64, arch.I386)
		res, err := BuildLists(l)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("build and prove %d rules", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := BuildLists(l); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("prove %d rules", n), func(b *testing.B) {
			for b.Loop() {
				if err := Prove(res.Program, l); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// One call with very many values is as good as many calls with few.
func TestManyClausesOfOneCall(t *testing.T) {
	l := on(t, arch.X86_64, Errno(1), "ioctl")
	call := id(t, "ioctl")
	for i := range 1000 {
		l.ABIs[0].Calls[call] = append(l.ABIs[0].Calls[call], when([]Action{Allow, Errno(25)}[i%2], Compare{Arg: 1, Op: EQ, Narrow: true, Value: uint64(5 * i)}))
	}
	start := time.Now()
	res, err := BuildLists(l)
	if err != nil || res.Report[0].Engine != Kernel {
		t.Fatalf("%v, %+v", err, res)
	}
	t.Logf("1000 clauses: %d rules, %d instructions, %v", res.Rules, len(res.Program), time.Since(start))
	for i := range 4000 { // beyond the kernel's limit on instructions
		l.ABIs[0].Calls[call] = append(l.ABIs[0].Calls[call][:min(4095, len(l.ABIs[0].Calls[call]))],
			when(Allow, Compare{Arg: 1, Op: EQ, Value: uint64(5*i + 1)}))
	}
	start = time.Now()
	if res, err = BuildLists(l); err != nil || res.Report[0].Engine != Supervisor {
		t.Fatalf("%v, %+v", err, res)
	}
	t.Logf("4096 clauses: %s, %v", res.Report[0].Lost, time.Since(start))
}
