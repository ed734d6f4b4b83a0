package cond

import (
	"math/rand/v2"
	"testing"

	"github.com/stead-project/stead/arch"
)

func TestImplies(t *testing.T) {
	for _, tc := range []struct {
		call, a, b string
		want       bool
	}{
		{"openat", `pathname.under("/opt/x")`, `pathname.under("/opt")`, true},
		{"openat", `pathname.under("/opt")`, `pathname.under("/opt/x")`, false},
		{"openat", `pathname.under("/optional")`, `pathname.under("/opt")`, false},
		{"openat", `pathname == "/opt/x"`, `pathname.under(["/srv", "/opt"])`, true},
		{"openat", `pathname.under("/opt/x") && writes(flags)`, `pathname.under("/opt")`, true},
		{"openat", `pathname.under("/opt")`, `pathname.under("/opt") && writes(flags)`, false},
		{"openat", `pathname.under("/a") || pathname.under("/b/c")`, `pathname.under("/b") || pathname.under("/a")`, true},
		{"openat", `pathname.matches("/h/*/.ssh")`, `pathname.matches("/h/*/.ssh") || dirfd == 3`, true},
		{"openat", `!pathname.under("/opt")`, `!pathname.under("/opt/x")`, true},
		{"openat", `dirfd == 3`, `dirfd in [1, 3]`, true},
		{"openat", `dirfd in [1, 3]`, `dirfd == 3`, false},
		{"openat", `flags.has("O_CREAT|O_EXCL")`, `flags.has("O_CREAT")`, true},
		{"openat", `flags == O_WRONLY`, `writes(flags)`, true},
		{"openat", `mode > 5 && mode < 9`, `mode >= 6`, true},
		{"openat", `caller.comm == "a"`, `caller.comm in ["a", "b"]`, true},
		{"openat", `caller.comm.startsWith("a")`, `caller.comm in ["a", "b"]`, false},
		{"connect", `addr.ip in cidr("10.1.0.0/16")`, `addr.ip in cidr("10.0.0.0/8")`, true},
		{"connect", `addr.ip in cidr("10.0.0.0/8")`, `addr.ip in cidr("10.1.0.0/16")`, false},
	} {
		a, b := mustBind(t, arch.X86_64, tc.call, tc.a), mustBind(t, arch.X86_64, tc.call, tc.b)
		if got := a.Implies(b); got != tc.want {
			t.Errorf("%s implies %s: %v, want %v", tc.a, tc.b, got, tc.want)
		}
	}
}

// What is implied holds of every call.
func TestImpliesHolds(t *testing.T) {
	g := &grammar{Rand: rand.New(rand.NewPCG(9, 10)), paths: true}
	implied, held := 0, 0
	for range 20_000 {
		a, err := bindText(arch.X86_64, "openat", g.cond(g.IntN(2)))
		if err != nil {
			continue
		}
		b, err := bindText(arch.X86_64, "openat", g.cond(g.IntN(3)))
		if err != nil || !a.Implies(b) {
			continue
		}
		implied++
		for range 30 {
			r := g.randomArgs()
			c := &Context{Call: makeCall(t, arch.X86_64, "openat", r[0], pick(g, g.path(), "/etc/ssl/x", "/home/ann/b.so"), r[1], r[2])}
			if outcome(a, c) != "true" {
				continue
			}
			if held++; outcome(b, c) != "true" {
				t.Fatalf("%s is said to imply %s, but %x %s: %s", a, b, r, c.Call.Arg("pathname").Bytes, outcome(b, c))
			}
		}
	}
	if implied < 300 || held < 1000 {
		t.Errorf("%d pairs, %d times true: too few to show anything", implied, held)
	}
}
