package compiler

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/cond"
	"github.com/stead-project/stead/policy/filter"
)

// deep is a path that many directories are above.
func deep(dirs int) string { return strings.Repeat("/directory", dirs) + "/file" }

// hierarchies are rules on openat over that many directories, and a decision that none of them gives.
func hierarchies(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%q", "/"+strconv.FormatInt(int64(100+i), 36)) // short: a condition has 8192 bytes at most
	}
	return "default: deny\nrules:\n  - {calls: [openat], when: 'pathname.under([" + strings.Join(list, ",") + "])', then: {deny: ENOENT}}\n"
}

func decoded(t testing.TB, abi arch.ABI, name, path string, args ...uint64) *arch.Call {
	t.Helper()
	c := new(arch.Call)
	new(arch.Decoder).Decode(c, raw(t, abi, name, args...), &scene{path: path})
	return c
}

// A decision by registers allocates nothing, whoever could be asked; one by a path at most twice, what is asked of the caller included.
func TestAllocations(t *testing.T) {
	registers := compiled(t, "default: log\nrules:\n  - {calls: [socket], when: domain == AF_ALG || protocol > 3, then: {return: 7}}\n", both)
	paths := compiled(t, hierarchies(1000), both)
	who := func(policy.Caller) cond.CallerInfo { return &someone{uid: 1} }
	for name, c := range map[string]struct {
		prog   *Program
		call   *arch.Call
		atMost float64
	}{
		"registers":   {registers, decoded(t, arch.X86_64, "socket", "", 38), 0},
		"the default": {registers, decoded(t, arch.X86_64, "getppid", ""), 0},
		"path":        {paths, decoded(t, arch.X86_64, "openat", deep(29), 0xffffff9c, pathAddr), 2},
		"relative":    {paths, decoded(t, arch.X86_64, "openat", "a/b", 0xffffff9c, pathAddr), 2},
	} {
		d, r := c.prog.Decider(who), &policy.Request{Call: c.call}
		if got := d.Decide(r); got.Reason != "" {
			t.Errorf("%s: %+v", name, got)
		}
		if got := testing.AllocsPerRun(1000, func() { d.Decide(r) }); got > c.atMost {
			t.Errorf("%s: %v allocations, at most %v", name, got, c.atMost)
		}
	}
}

// many is a policy of n rules, each about its own numbers of a few calls.
func many(n int) string {
	calls := []string{"fcntl, fd", "lseek, whence", "getpriority, who", "prctl, op", "socket, protocol", "ioctl, op", "kill, sig", "dup2, newfd",
		"setsockopt, level", "flock, op", "shmget, size", "mlock, size", "personality, persona", "sched_setscheduler, policy", "umask, mask"}
	var b strings.Builder
	b.WriteString("default: allow\nrules:\n")
	for i := range n {
		call, param, _ := strings.Cut(calls[i%len(calls)], ", ")
		fmt.Fprintf(&b, "  - {calls: [%s], when: %s == %d, then: {deny: ENOENT}}\n", call, param, 100+i)
	}
	return b.String()
}

// Bounds are far above what is measured (see make bench), so that a slow machine does not break them.
func TestCompileIsQuick(t *testing.T) {
	started := time.Now()
	p := compiled(t, many(500), Options{})
	lists := time.Since(started)
	if _, err := filter.BuildLists(p.Lists); err != nil {
		t.Fatal(err)
	}
	t.Logf("500 rules: %v, with the filter and its proof %v", lists, time.Since(started))
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

func BenchmarkCompile500(b *testing.B) {
	doc := load(b, many(500))
	for b.Loop() {
		if _, err := Compile(doc, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBuild500(b *testing.B) {
	p := compiled(b, many(500), Options{})
	for b.Loop() {
		if _, err := filter.BuildLists(p.Lists); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecidePath(b *testing.B) {
	for _, dirs := range []int{10, 29} {
		for _, n := range []int{1, 1000} {
			b.Run(fmt.Sprintf("%d deep, %d hierarchies", dirs, n), func(b *testing.B) {
				d := compiled(b, hierarchies(n), both).Decider(nil)
				r := &policy.Request{Call: decoded(b, arch.X86_64, "openat", deep(dirs), 0xffffff9c, pathAddr)}
				for b.Loop() {
					d.Decide(r)
				}
			})
		}
	}
}
