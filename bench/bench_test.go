package main

import (
	"io"
	"strings"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		in   []float64
		want float64
	}{{nil, 0}, {[]float64{5}, 5}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 2, 100}, 3}} {
		if got := median(tt.in); got != tt.want {
			t.Errorf("median(%v) = %v, want %v", tt.in, got, tt.want)
		}
	}
}

func TestBoundsNameCases(t *testing.T) {
	known := map[string]bool{}
	for _, c := range cases(options{tools: tools{work: "work"}}) {
		if known[c.name] {
			t.Errorf("case %q appears twice", c.name)
		}
		known[c.name] = true
	}
	for _, b := range bounds() {
		if !known[b.over] || !known[b.under] && b.under != "" {
			t.Errorf("bound %q compares unknown cases %q and %q", b.what, b.over, b.under)
		}
		if b.without != "" && (!known[b.without] || !known[b.but]) {
			t.Errorf("bound %q takes off unknown cases %q and %q", b.what, b.without, b.but)
		}
	}
}

func TestStrictCountsMissingAndOver(t *testing.T) {
	got := samples{
		"mkdir plain": {130, 126}, "mkdir floor errno": {100, 100}, // 1.28: over 1.25
		"mkdir trace": {150}, "mkdir floor continue": {100}, // 1.5: within 2
	}
	// Over: one; not measured: the two of calls that are not notified, the start, and all of policies.
	want := 4
	for _, b := range policyBounds() {
		if b.atMost > 0 {
			want++
		}
	}
	if over := printRatios(io.Discard, judge(got)); over != want {
		t.Errorf("%d ratios count against --strict, want %d", over, want)
	}
}

// A bound without a case under it is of milliseconds.
func TestAbsoluteBound(t *testing.T) {
	for _, b := range judge(samples{"compile 500": {40e6, 60e6, 70e6}}) {
		if b.over == "compile 500" && (b.measured != 60 || b.atMost != 50) {
			t.Errorf("%+v", b)
		}
	}
}

// A start is taken off in the round in which it was measured.
func TestWithoutStart(t *testing.T) {
	got := samples{"git policy": {130, 260}, "git native": {100, 200}, "start policy": {12, 24}, "start native": {2, 4}}
	for _, b := range judge(got) {
		if b.over == "git policy" && b.without != "" && b.measured != 1.2 {
			t.Errorf("%+v, want 1.2", b)
		}
	}
}

func TestRunIsTimed(t *testing.T) {
	got, err := measure([]testCase{
		{name: "a", unit: perRun, argv: []string{"/bin/sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 0.05"}},
		{name: "a cpu", unit: perCPU},
	}, 2)
	if err != nil || len(got["a"]) != 2 || len(got["a cpu"]) != 2 {
		t.Fatalf("%v, %v", got, err)
	}
	if wall, cpu := got["a"][0], got["a cpu"][0]; wall < 50e6 || cpu <= 0 || cpu >= wall {
		t.Errorf("wall %v, cpu %v", wall, cpu)
	}
}

func TestTargetAnswer(t *testing.T) {
	ns, err := measureOne(testCase{argv: []string{"echo", "12.5"}})
	if err != nil || ns != 12.5 {
		t.Errorf("measured %v, %v; want 12.5", ns, err)
	}
	if _, err := measureOne(testCase{argv: []string{"echo", "nonsense"}}); err == nil {
		t.Error("a target that prints no number is measured without an error")
	}
}

func TestPrintCasesShowsUnit(t *testing.T) {
	var out strings.Builder
	all := []testCase{{name: "a", what: "the start", unit: perStart}}
	printCases(&out, all, samples{"a": {3_000_000}})
	if !strings.Contains(out.String(), "3000") || !strings.Contains(out.String(), "µs") {
		t.Errorf("a start of 3 ms prints as %q", out.String())
	}
}
