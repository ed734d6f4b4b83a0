package foreign

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/cond"
)

func call(t testing.TB, name string) arch.ID {
	t.Helper()
	id, ok := arch.LookupID(name)
	if !ok {
		t.Fatalf("no call %s", name)
	}
	return id
}

func TestText(t *testing.T) {
	for _, c := range []struct {
		abi  arch.ABI
		call string
		cmp  Cmp
		want string
	}{
		{arch.X86_64, "socket", Cmp{0, EQ, 0, 40}, "domain == AF_VSOCK"},
		{arch.X86_64, "socket", Cmp{0, NE, 0, 38}, "domain != AF_ALG"},
		{arch.X86_64, "socket", Cmp{2, EQ, 0, 1<<64 - 1}, "protocol == -1"},
		{arch.X86_64, "socket", Cmp{2, LT, 0, 5}, "protocol >= 0 && protocol <= 4"},
		{arch.X86_64, "socket", Cmp{2, GT, 0, 5}, "protocol >= 6 || protocol < 0"},
		{arch.X86_64, "socket", Cmp{2, GT, 0, 0x7fffffff}, "protocol < 0"},
		{arch.X86_64, "socket", Cmp{2, LT, 0, 0x80000000}, "protocol >= 0"},
		{arch.X86_64, "socket", Cmp{2, GE, 0, 0xfffffffe}, "protocol < 0 && protocol >= -2"},
		{arch.X86_64, "socket", Cmp{2, GT, 0, 0xffffffff}, "false"},
		{arch.X86_64, "socket", Cmp{2, GE, 0, 0}, ""},
		{arch.X86_64, "mmap", Cmp{1, LT, 0, 0}, "false"},
		{arch.X86_64, "mmap", Cmp{1, GE, 0, 1 << 63}, "length >= 9223372036854775808u"},
		{arch.X86_64, "clone", Cmp{0, Masked, 0x10000000, 0}, `!flags.any("CLONE_NEWUSER")`},
		{arch.S390X, "clone", Cmp{1, Masked, 0x30000000, 0x10000000}, `flags.has("CLONE_NEWUSER") && !flags.any("CLONE_NEWPID")`},
		{arch.X86_64, "clone", Cmp{0, Masked, 0xff, 17}, "flags.has(0x11) && flags.only(0xffffffffffffff11u)"},
		{arch.X86_64, "clone", Cmp{0, AnyBit, 0xff, 0}, "!flags.only(0xffffffffffffff00u)"},
		{arch.X86_64, "read", Cmp{1, EQ, 0, 0}, "buf == null"},
		{arch.X86_64, "read", Cmp{1, EQ, 0, 8}, "buf: the parameter is a pointer, of which only null can be told"},
		{arch.X86_64, "socket", Cmp{0, EQ, 0, 1 << 40}, "domain: the number does not fit the parameter: 0x10000000000"},
		{arch.X86_64, "getpid", Cmp{0, EQ, 0, 1}, "the call has no such parameter"},
		{arch.I386, "pread64", Cmp{3, EQ, 0, 1}, "the register is half of a 64-bit parameter"},
		{arch.ARM, "ftruncate64", Cmp{1, EQ, 0, 1}, "the call has no such parameter"},
	} {
		got, err := DNF{{c.cmp}}.Text(c.abi, call(t, c.call))
		if err != nil {
			got = strings.TrimPrefix(err.Error(), "argument ")[3:]
		}
		if got != c.want {
			t.Errorf("%s %s %+v: got %q, want %q", c.abi, c.call, c.cmp, got, c.want)
		}
	}
}

// holds is what a comparison means, for a register of which the parameter's bits are what counts.
func (c Cmp) holds(v uint64) bool {
	switch c.Op {
	case EQ:
		return v == c.Value
	case NE:
		return v != c.Value
	case LT:
		return v < c.Value
	case LE:
		return v <= c.Value
	case GT:
		return v > c.Value
	case GE:
		return v >= c.Value
	case AnyBit:
		return v&c.Mask != 0
	}
	return v&c.Mask == c.Value&c.Mask
}

// TestTextMeans binds what was written, and compares its decisions with those of the comparison.
func TestTextMeans(t *testing.T) {
	values := []uint64{0, 1, 2, 3, 7, 8, 40, 0x11, 0xff, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff, 1 << 32, 1<<32 + 1,
		1 << 62, 1<<63 - 1, 1 << 63, 1<<64 - 2, 1<<64 - 1, 0x7e020000}
	calls := []string{"socket", "mmap", "clone", "ioctl", "fcntl", "personality", "kill", "openat", "lseek", "setuid", "prctl", "read", "futex"}
	r := rand.New(rand.NewPCG(3, 4))
	bound := 0
	for range 20_000 {
		abi := []arch.ABI{arch.X86_64, arch.I386, arch.X32, arch.AArch64, arch.S390X}[r.IntN(5)]
		id := call(t, calls[r.IntN(len(calls))])
		if _, ok := abi.NumberOf(id); !ok {
			continue
		}
		c := Cmp{Arg: r.IntN(4), Op: Op(r.IntN(8)), Mask: values[r.IntN(len(values))], Value: values[r.IntN(len(values))]}
		text, err := DNF{{c}}.Text(abi, id)
		if err != nil {
			continue
		}
		bound++
		checkMeaning(t, c, text, abi, id, values)
	}
	if bound < 8000 {
		t.Errorf("%d comparisons checked, which is too few", bound)
	}
}

func checkMeaning(t *testing.T, c Cmp, text string, abi arch.ABI, id arch.ID, values []uint64) {
	t.Helper()
	p, err := paramAt(abi, id, c.Arg)
	if err != nil {
		t.Fatal(err)
	}
	decide := func(uint64) bool { return text == "" }
	if text != "" && text != never {
		src, err := cond.Parse(policy.Condition{Text: text})
		if err != nil {
			t.Fatal(err)
		}
		e, err := src.Bind(abi, id)
		if err != nil {
			t.Fatalf("%s %s %s: %v", abi, id, text, err)
		}
		if !e.Registers() {
			return // a null pointer
		}
		decide = func(v uint64) bool {
			d := arch.Data{ABI: abi}
			d.Args[c.Arg] = v
			holds, ok := e.EvalRegisters(&d)
			return holds && ok
		}
	}
	bits := width(p, abi)
	for _, v := range values {
		v &= number{bits: bits}.max()
		reg := c
		reg.Value, _ = number{p: p, bits: bits}.fit(c.Value)
		if c.Op == Masked {
			reg.Value = c.Value
		}
		if got, want := decide(v), reg.holds(v); got != want {
			t.Fatalf("%s %s %+v as %q: %#x gives %v, want %v", abi, id, c, text, v, got, want)
		}
	}
}
