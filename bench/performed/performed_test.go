package main

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestBoundsNameCases(t *testing.T) {
	var known []key
	mounts, err := mountCases(options{dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range append(cases(options{}), mounts...) {
		if slices.Contains(known, c.key) {
			t.Errorf("case %+v appears twice", c.key)
		}
		known = append(known, c.key)
	}
	for _, b := range append(bounds(), mountBounds()...) {
		if !slices.Contains(known, b.over) || !slices.Contains(known, b.under) {
			t.Errorf("bound %q compares unknown cases", b.what)
		}
	}
}

func TestRatioIsOfRounds(t *testing.T) {
	a, b := key{call: "a"}, key{call: "b"}
	got := samples{a: {10, 200, 30}, b: {10, 100, 10}} // 1, 2 and 3; the ratio of the medians would be 3
	if r := got.ratio(&bound{over: a, under: b}); r != 2 {
		t.Errorf("ratio %v, want 2", r)
	}
	if r := got.ratio(&bound{over: a, under: key{call: "c"}}); r != 0 {
		t.Errorf("ratio to nothing %v, want 0", r)
	}
}

func TestStrictCountsMissingAndOver(t *testing.T) {
	a, b := key{call: "a"}, key{call: "b"}
	got := samples{a: {13.1}, b: {10}}
	all := []bound{{over: a, under: b, atMost: 1.3}, {over: b, under: a, atMost: 1}, {over: a, under: b}, {over: key{}, under: a, atMost: 9}}
	if over := printRatios(io.Discard, all, got); over != 2 {
		t.Errorf("%d ratios count against --strict, want 2: one that is over, one not measured", over)
	}
}

// A pinned case runs on one CPU, and the next one on all again.
func TestPinned(t *testing.T) {
	if runtime.NumCPU() < 2 {
		t.Skip("one CPU only")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	script := filepath.Join(t.TempDir(), "count")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nnproc\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		pinned bool
		cpus   float64
	}{{true, 1}, {false, float64(allowed(t))}} {
		c := testCase{key: key{pinned: want.pinned}, argv: []string{script}}
		if got, err := c.measure(); err != nil || got != want.cpus {
			t.Errorf("pinned %v: %v CPUs, %v; want %v", want.pinned, got, err, want.cpus)
		}
	}
}

func allowed(t *testing.T) int {
	t.Helper()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	return set.Count()
}

func TestAnswerMustBeANumber(t *testing.T) {
	c := testCase{argv: []string{"echo", "nonsense"}}
	if _, err := c.measure(); err == nil || !strings.Contains(err.Error(), "answer") {
		t.Errorf("a target that prints no number: %v", err)
	}
}
