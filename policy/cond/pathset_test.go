package cond

import (
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stead-project/stead/arch"
)

func TestPathSet(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	name := func() string { return string("ab-/"[random.IntN(3)]) }
	make := func() string {
		p := ""
		for range random.IntN(5) {
			p += "/" + name()
			if random.IntN(3) == 0 {
				p += name()
			}
		}
		return path.Clean("/" + p)
	}
	hits := 0
	for range 3000 {
		var set []string
		for range random.IntN(4) {
			if p := make(); p != "/" || random.IntN(10) == 0 {
				set = append(set, p)
			}
		}
		s := NewPathSet(set)
		for range 5 {
			p := make()
			want := slices.ContainsFunc(set, func(dir string) bool {
				return strings.HasPrefix(p+"/", strings.TrimSuffix(dir, "/")+"/")
			})
			if got := s.Under([]byte(p)); got != want {
				t.Fatalf("%q under %q: %v", p, set, got)
			} else if got {
				hits++
			}
		}
		if again := NewPathSet(s.Paths()); !slices.Equal(again.Paths(), s.Paths()) {
			t.Fatalf("%q: %q, then %q", set, s.Paths(), again.Paths())
		}
	}
	if hits < 1000 {
		t.Errorf("%d hits", hits)
	}
	s := NewPathSet([]string{"/etc/x", "/etc", "/etc-a", "/usr/lib", "/etc"})
	if got := s.Paths(); !slices.Equal(got, []string{"/etc", "/etc-a", "/usr/lib"}) || s.Under(nil) || s.Under([]byte("etc")) {
		t.Errorf("%q", got)
	}
}

func TestGlob(t *testing.T) {
	for _, tc := range []struct {
		glob, path string
		want       bool
	}{
		{"/home/*/.ssh/**", "/home/ann/.ssh/id", true}, {"/home/*/.ssh/**", "/home/ann/.ssh/a/b", true},
		{"/home/*/.ssh/**", "/home/ann/.ssh", false}, {"/home/*/.ssh/**", "/home/a/b/.ssh/x", false},
		{"/**/x", "/x", true}, {"/**/x", "/a/b/x", true}, {"/**/x", "/a/b/xx", false}, {"**/x", "/a/x", true}, {"/**", "/", false}, {"/**", "/a", true},
		{"/a/**/b/**/c", "/a/b/c", true}, {"/a/**/b/**/c", "/a/1/b/2/3/c", true}, {"/a/**/b/**/c", "/a/1/c", false},
		{"/a/**/b*/c", "/a/b1/x/b2/c", true}, {"/**/**/x", "/x", true},
		{"/lib*.so", "/libc.so", true}, {"/lib*.so", "/lib/x.so", false}, {"/?", "/a", true}, {"/?", "/ab", false}, {"/?", "/", false},
		{"/[a-c]x", "/bx", true}, {"/[a-c]x", "/dx", false}, {"/[!a-c]x", "/dx", true}, {"/[!a-c]x", "/ax", false}, {"/[]x]", "/]", true},
		{"/[a-]", "/-", true}, {`/\*`, "/*", true}, {`/\*`, "/a", false}, {`/\\`, `/\`, true}, {"/*a*b*c", "/xaybzc", true}, {"/*a*b*c", "/xaybz", false},
		{"/\xff*", "/\xff\xfe", true}, {"/*/*", "/a", false}, {"/a*", "/a", true},
	} {
		g, err := CompileGlob(tc.glob)
		if err != nil {
			t.Errorf("%s: %v", tc.glob, err)
		} else if got := g.Match([]byte(tc.path)); got != tc.want {
			t.Errorf("%s %s: %v", tc.glob, tc.path, got)
		}
	}
	for _, bad := range []string{"", "x", "/a//b", "/a/", "/./a", "/a/..", "/[", "/[a", "/[b-a]", `/\`, "/a**", "/{a}", "/\x00", "/" + strings.Repeat("a", 2000)} {
		if _, err := CompileGlob(bad); err == nil {
			t.Errorf("%q compiles", bad)
		}
	}
}

// The worst patterns take no longer than a product of lengths.
func TestGlobTime(t *testing.T) {
	start := time.Now()
	for _, tc := range [][2]string{
		{"/" + strings.Repeat("a*", 400) + "b", "/" + strings.Repeat("a", 4000)},
		{strings.Repeat("/**/a", 150) + "/b", strings.Repeat("/a", 2000)},
		{strings.Repeat("/**/*a*a*a*", 80) + "/b", strings.Repeat("/aaaa", 800)},
	} {
		g, err := CompileGlob(tc[0])
		if err != nil || g.Match([]byte(tc[1])) {
			t.Errorf("%.20s: %v", tc[0], err)
		}
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

// A decision of registers allocates nothing, one of paths at most twice.
func TestAllocs(t *testing.T) {
	for _, tc := range []struct {
		when string
		most float64
	}{
		{`flags.has("O_CREAT") && dirfd == AT_FDCWD && !(mode in [1, 2, 3])`, 0},
		{`pathname.under("/etc") || pathname.matches("/home/*/.ssh/**") || pathname == "/x"`, 0},
		{`pathname.base.matches("*.so") && pathname.dir.under("/usr/lib")`, 0},
		{`caller.uid == 5 || caller.exe.under("/usr/local")`, 0},
	} {
		e := mustBind(t, arch.X86_64, "openat", tc.when)
		for _, p := range []string{"/home/ann/.ssh/id", "src/x.c"} {
			call, who := makeCall(t, arch.X86_64, "openat", atCWD, p, 0o100, 0), CallerInfo(somebody())
			c := &Context{}
			got := testing.AllocsPerRun(100, func() {
				c.Reset(call, who)
				if _, err := e.Eval(c); err != nil {
					t.Fatal(err)
				}
			})
			if got > tc.most {
				t.Errorf("%s: %v allocations", tc.when, got)
			}
			if fresh := testing.AllocsPerRun(100, func() { _, _ = e.Eval(&Context{Call: call, Caller: who}) }); fresh > 2 {
				t.Errorf("%s: %v allocations with a new Context", tc.when, fresh)
			}
		}
		d := &arch.Data{ABI: arch.X86_64}
		if got := testing.AllocsPerRun(100, func() { e.EvalRegisters(d) }); got > 0 {
			t.Errorf("%s: %v allocations for the registers", tc.when, got)
		}
	}
}

func BenchmarkRegisters(b *testing.B) {
	e := mustBind(b, arch.X86_64, "openat", `flags.has("O_CREAT") && dirfd == AT_FDCWD && !(mode in [1, 2, 3])`)
	c := &Context{Call: makeCall(b, arch.X86_64, "openat", atCWD, "/x", 0o100, 0)}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = e.Eval(c)
	}
}

func BenchmarkUnder(b *testing.B) {
	for _, deep := range []int{10, 29} {
		for _, n := range []int{1, 10, 100, 1000} {
			b.Run(fmt.Sprintf("deep=%d/hierarchies=%d", deep, n), func(b *testing.B) { benchmarkUnder(b, deep, n) })
		}
	}
}

func benchmarkUnder(b *testing.B, deep, n int) {
	top := strings.Repeat("/directory", deep-1)
	var set []string
	for i := range n {
		set = append(set, fmt.Sprintf("%s/sub%d", top, i))
	}
	e := leaf(&Path{Ref: &Ref{Text: "pathname", Arg: 1, isPath: true, slot: slot{lo: -1, hi: -1}}, Under: NewPathSet(set)})
	call := makeCall(b, arch.X86_64, "openat", atCWD, top+fmt.Sprintf("/sub%d/file", n/2), 0, 0)
	c := &Context{}
	b.ReportAllocs()
	for b.Loop() {
		c.Reset(call, nil)
		if v, err := e.Eval(c); !v || err != nil {
			b.Fatal(v, err)
		}
	}
}

func BenchmarkBind(b *testing.B) {
	for _, when := range []string{`op in [TCGETS, TIOCGWINSZ, FIONREAD]`, `argv.exists(a, a == "x")`} {
		b.Run(when, func(b *testing.B) {
			lang := new(Language)
			call := "ioctl"
			if strings.Contains(when, "argv") {
				call = "execve"
			}
			id, _ := arch.LookupID(call)
			for b.Loop() {
				s, err := lang.Parse(mustParse(b, when).cond)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := s.Bind(arch.X86_64, id); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
