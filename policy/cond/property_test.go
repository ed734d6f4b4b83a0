package cond

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/stead-project/stead/arch"
)

// flagBits are openat's flags as the oracle knows them: value and mask.
var flagBits = map[string][2]int64{
	"O_RDONLY": {0, 3}, "O_WRONLY": {1, 3}, "O_RDWR": {2, 3}, "O_CREAT": {0o100, 0o100}, "O_EXCL": {0o200, 0o200},
	"O_TRUNC": {0o1000, 0o1000}, "O_CLOEXEC": {0o2000000, 0o2000000}, "O_SYNC": {0o4010000, 0o4010000},
}

// oracle is CEL with the tests of this package as functions, written as simply as can be.
func oracle(t testing.TB) *cel.Env {
	two := func(name string, a, b *cel.Type, f func(a, b ref.Val) bool) cel.EnvOption {
		return cel.Function(name, cel.MemberOverload(name+"_"+a.String(), []*cel.Type{a, b}, cel.BoolType,
			cel.BinaryBinding(func(x, y ref.Val) ref.Val { return types.Bool(f(x, y)) })))
	}
	hasFlag := func(v int64, name string) bool { f := flagBits[name]; return v&f[1] == f[0] }
	count := func(v, names ref.Val) (set, all int) {
		for name := range strings.SplitSeq(string(names.(types.String)), "|") {
			all++
			if hasFlag(int64(v.(types.Int)), name) {
				set++
			}
		}
		return set, all
	}
	opts := []cel.EnvOption{
		cel.Variable("dirfd", cel.IntType), cel.Variable("flags", cel.IntType), cel.Variable("mode", cel.IntType),
		cel.Variable("pathname", cel.StringType), cel.Constant("AT_FDCWD", cel.IntType, types.Int(-100)),
		two("has", cel.IntType, cel.StringType, func(a, b ref.Val) bool { set, all := count(a, b); return set == all }),
		two("any", cel.IntType, cel.StringType, func(a, b ref.Val) bool { set, _ := count(a, b); return set > 0 }),
		two("none", cel.IntType, cel.StringType, func(a, b ref.Val) bool { set, _ := count(a, b); return set == 0 }),
		two("under", cel.StringType, cel.StringType, func(a, b ref.Val) bool {
			p, dir := string(a.(types.String)), strings.TrimSuffix(string(b.(types.String)), "/")
			return strings.HasPrefix(p+"/", dir+"/")
		}),
		cel.Function("writes", cel.Overload("writes_int", []*cel.Type{cel.IntType}, cel.BoolType,
			cel.UnaryBinding(func(v ref.Val) ref.Val {
				f := int64(v.(types.Int))
				return types.Bool(f&3 != 0 || f&0o100 != 0 || f&0o1000 != 0)
			}))),
	}
	for name, f := range flagBits {
		opts = append(opts, cel.Constant(name, cel.IntType, types.Int(f[0])))
	}
	env, err := cel.NewEnv(opts...)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// A grammar makes random conditions about openat.
type grammar struct {
	*rand.Rand
	paths bool
}

func pick[T any](g *grammar, list ...T) T { return list[g.IntN(len(list))] }

func (g *grammar) number(param string) string {
	if param == "dirfd" && g.IntN(4) == 0 {
		return "AT_FDCWD"
	}
	if param == "dirfd" {
		return fmt.Sprint(pick(g, 0, 1, 5, -1, -2, 2147483647, -2147483648, 7))
	}
	return fmt.Sprint(pick(g, 0, 1, 2, 0o100, 4294967295, 0o1000, 0o101, 2147483648))
}

func (g *grammar) flags() string {
	names := make([]string, 1+g.IntN(3))
	for i := range names {
		names[i] = pick(g, "O_WRONLY", "O_RDWR", "O_CREAT", "O_EXCL", "O_TRUNC", "O_CLOEXEC", "O_SYNC")
	}
	return strings.Join(names, "|")
}

func (g *grammar) path() string {
	return pick(g, "/etc", "/etc/ssl", "/", "/home/ann", "/etcetera", "/usr/lib/x.so", "/a")
}

func (g *grammar) test() string {
	if g.paths && g.IntN(2) == 0 {
		p := g.path()
		return pick(g, `pathname.under("`+p+`")`, `pathname == "`+p+`"`, `pathname != "`+p+`"`, `pathname in ["/etc/passwd", "`+p+`"]`,
			`pathname.endsWith(".so")`, `pathname.contains("c")`)
	}
	param := pick(g, "dirfd", "flags", "mode")
	op := pick(g, "==", "!=", "<", "<=", ">", ">=")
	switch g.IntN(5) {
	case 0:
		return `flags.` + pick(g, "has", "any", "none") + `("` + g.flags() + `")`
	case 1:
		return "writes(flags)"
	case 2:
		return param + " in [" + g.number(param) + ", " + g.number(param) + "]"
	case 3:
		return g.number(param) + " " + op + " " + param
	}
	return param + " " + op + " " + g.number(param)
}

func (g *grammar) cond(depth int) string {
	if depth == 0 {
		return g.test()
	}
	switch g.IntN(5) {
	case 0:
		return "!(" + g.cond(depth-1) + ")"
	case 1:
		return "(" + g.cond(depth-1) + " ? " + g.cond(depth-1) + " : " + g.cond(depth-1) + ")"
	case 2:
		return "(" + g.cond(depth-1) + " && " + g.cond(depth-1) + ")"
	case 3:
		return "(" + g.cond(depth-1) + " || " + g.cond(depth-1) + ")"
	}
	return g.test()
}

// randomArgs are registers near the numbers of the grammar, with anything above 32 bits.
func (g *grammar) randomArgs() (raw [3]uint64) {
	for i := range raw {
		v := uint64(pick(g, 0, 1, 2, 5, 6, 7, -1, -2, -100, 0o100, 0o101, 0o1000, 0o300, 0o4010000, 2147483647, -2147483648))
		if g.IntN(4) == 0 {
			v = g.Uint64()
		}
		raw[i] = v&(1<<32-1) | g.Uint64()<<32
	}
	return raw
}

// Whatever this package decides, CEL decides too.
func TestSameAsCEL(t *testing.T) {
	env := oracle(t)
	g := &grammar{Rand: rand.New(rand.NewPCG(3, 4)), paths: true}
	bound, held := 0, 0
	for range 1500 {
		text := g.cond(3)
		e, err := bindText(arch.X86_64, "openat", text)
		if err != nil {
			if !strings.Contains(err.Error(), "can never hold") && !strings.Contains(err.Error(), "excludes") {
				t.Fatalf("%s: %v", text, err)
			}
			continue
		}
		tree, issues := env.Compile(text)
		if issues.Err() != nil {
			t.Fatalf("%s: %v", text, issues.Err())
		}
		prog, err := env.Program(tree)
		if err != nil {
			t.Fatal(err)
		}
		bound++
		for range 20 {
			if sameAsCEL(t, g, text, e, prog) {
				held++
			}
		}
	}
	if bound < 500 || held < 1000 {
		t.Errorf("%d conditions, %d times true: too few to show anything", bound, held)
	}
}

func sameAsCEL(t *testing.T, g *grammar, text string, e *Expr, prog cel.Program) bool {
	t.Helper()
	raw, p := g.randomArgs(), pick(g, g.path(), g.path()+"/x", g.path()+"/y.so", "/etc/passwd")
	if p = strings.ReplaceAll(p, "//", "/"); p != "/" {
		p = strings.TrimSuffix(p, "/")
	}
	call := makeCall(t, arch.X86_64, "openat", raw[0], p, raw[1], raw[2])
	got, err := e.Eval(&Context{Call: call})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	want, _, err := prog.Eval(map[string]any{"dirfd": int64(int32(raw[0])), "pathname": p,
		"flags": int64(uint32(raw[1])), "mode": int64(uint32(raw[2]))})
	if err != nil || bool(want.(types.Bool)) != got {
		t.Fatalf("%s\n(%s)\n%x %s: %v, CEL says %v, %v", text, e, raw, p, got, want, err)
	}
	return got
}

// The alternatives of a condition, those of its negation and EvalRegisters agree with it, on every width.
func TestDNF(t *testing.T) {
	g := &grammar{Rand: rand.New(rand.NewPCG(5, 6))}
	done, held := 0, 0
	for range 2000 {
		text := g.cond(3)
		e, err := bindText(arch.X86_64, "openat", text)
		if err != nil {
			continue
		}
		yes, ok := e.DNF(1024)
		no, okNo := e.Negate().DNF(1024)
		if !ok || !okNo {
			continue
		}
		done++
		for range 30 {
			r := g.randomArgs()
			if checkDNF(t, text, e, yes, no, arch.Data{ABI: arch.X86_64, Args: [6]uint64{r[0], g.Uint64(), r[1], r[2]}}) {
				held++
			}
		}
	}
	if done < 500 || held < 1000 {
		t.Errorf("%d conditions, %d times true", done, held)
	}
}

func checkDNF(t *testing.T, text string, e *Expr, yes, no [][]Compare, d arch.Data) bool {
	t.Helper()
	got, ok := e.EvalRegisters(&d)
	if holdsAny(yes, &d) != got || holdsAny(no, &d) == got || !ok {
		t.Fatalf("%s\n(%s)\n%x: %v %v, alternatives %v %v, negation %v %v", text, e, d.Args, got, ok, holdsAny(yes, &d), yes, holdsAny(no, &d), no)
	}
	return got
}

func holdsAny(alternatives [][]Compare, d *arch.Data) bool {
	return slices.ContainsFunc(alternatives, func(c []Compare) bool {
		return !slices.ContainsFunc(c, func(x Compare) bool { return !x.Holds(&d.Args) })
	})
}

// Pairs of registers, signed and not, of 64 bits in 32-bit ABIs and words.
func TestDNFWidths(t *testing.T) {
	g := &grammar{Rand: rand.New(rand.NewPCG(7, 8))}
	edges := []uint64{0, 1, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<32 + 1, 1<<63 - 1, 1 << 63, 1<<64 - 1, 1<<64 - 2}
	held := 0
	for _, tc := range []struct {
		abi         arch.ABI
		call, param string
	}{
		{arch.I386, "pread64", "offset"}, {arch.ARM, "pread64", "offset"}, {arch.PPC, "pread64", "offset"},
		{arch.X86_64, "pread64", "offset"}, {arch.X86_64, "mmap", "length"}, {arch.I386, "mmap2", "length"}, {arch.X32, "mmap", "length"},
	} {
		for _, v := range edges {
			for _, op := range []string{"==", "!=", "<", "<=", ">", ">="} {
				text := fmt.Sprintf("%s %s %du", tc.param, op, v)
				if int64(v) < 0 && tc.param == "offset" {
					text = fmt.Sprintf("%s %s %d", tc.param, op, int64(v))
				}
				e, err := bindText(tc.abi, tc.call, text)
				if err != nil || e.Op != Test {
					continue
				}
				yes, _ := e.DNF(100)
				no, _ := e.Negate().DNF(100)
				for range 50 {
					d := arch.Data{ABI: tc.abi}
					for i := range d.Args {
						d.Args[i] = pick(g, edges...)
					}
					if checkDNF(t, tc.abi.String()+" "+text, e, yes, no, d) {
						held++
					}
				}
			}
		}
	}
	if held < 1000 {
		t.Errorf("true %d times only", held)
	}
}

// Bounded: what has too many alternatives says so instead of growing.
func TestDNFBound(t *testing.T) {
	part := `(dirfd == %d || flags == %d)`
	var all []string
	for i := range 12 {
		all = append(all, fmt.Sprintf(part, i, i+100))
	}
	e := mustBind(t, arch.X86_64, "openat", `(dirfd > 3 || mode == 1) && (flags < 5 || mode == 2) && (dirfd != 9 || flags == 2)`)
	if _, ok := e.DNF(2); ok {
		t.Error("2 alternatives are enough for 7")
	}
	if list, ok := e.DNF(8); !ok || len(list) == 0 {
		t.Errorf("%v %v", list, ok)
	}
	if _, err := bindText(arch.X86_64, "openat", strings.Join(all, " && ")); err == nil {
		t.Log("not found to be impossible, which is allowed")
	}
	if _, ok := mustBind(t, arch.X86_64, "openat", `pathname == "/x"`).DNF(8); ok {
		t.Error("a path is no register")
	}
}
