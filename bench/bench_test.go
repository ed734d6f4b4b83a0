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
	for _, c := range cases(options{}) {
		if known[c.name] {
			t.Errorf("case %q appears twice", c.name)
		}
		known[c.name] = true
	}
	for _, b := range bounds() {
		if !known[b.over] || !known[b.under] {
			t.Errorf("bound %q compares unknown cases %q and %q", b.what, b.over, b.under)
		}
	}
}

func TestStrictCountsMissingAndOver(t *testing.T) {
	got := samples{
		"mkdir plain": {130, 126}, "mkdir floor errno": {100, 100}, // 1.28: over 1.25
		"mkdir trace": {150}, "mkdir floor continue": {100}, // 1.5: within 2
	}
	// Over: one; not measured: the two of calls that are not notified, and the start.
	if over := printRatios(io.Discard, judge(got)); over != 4 {
		t.Errorf("%d ratios count against --strict, want 4", over)
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
