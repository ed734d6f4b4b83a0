package main

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stead-project/stead/internal/testneed"
)

func milliseconds(ms ...int) []sample {
	var list []sample
	for _, n := range ms {
		list = append(list, sample{time.Duration(n) * time.Millisecond, time.Duration(n) * time.Millisecond / 2})
	}
	return list
}

// A ratio is one of rounds: a machine that gets slower changes none.
func TestRatioIsOfRounds(t *testing.T) {
	r := row{samples: [][]sample{milliseconds(10, 20, 1000), milliseconds(30, 60, 3000), nil}}
	f, ok := figureOf(r, 1)
	if !ok || f.wall != 3 || f.cpu != 3 || f.floor != 3 || f.least != 30*time.Millisecond || f.median != 60*time.Millisecond {
		t.Errorf("figure %+v, %v", f, ok)
	}
	if _, ok := figureOf(r, 2); ok {
		t.Error("a way without samples has a figure")
	}
}

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

// A way that fails, or in which something else is printed, is a fault and no measurement; the others are measured.
func TestWrongRunsAreNoMeasurement(t *testing.T) {
	ways := []way{{"native", nil}, {"same", []string{"env"}}, {"silent", []string{"true"}}, {"failing", []string{"false"}}}
	rows, faults := measure([]workload{{"w", "w", "echo here"}}, ways, 2)
	text := fmt.Sprint(errors.Join(faults...))
	if !strings.HasPrefix(text, "silent: w prints") || !strings.Contains(text, "\nfailing: run false") || strings.Count(text, "\n") != 1 {
		t.Errorf("faults %q", text)
	}
	for j, want := range []int{2, 2, 0, 0} {
		if got := len(rows[0].samples[j]); got != want {
			t.Errorf("%s has %d samples, want %d", ways[j].name, got, want)
		}
	}
}

func TestTableForms(t *testing.T) {
	rows := []row{{workload{"find", "3 files", ""}, [][]sample{milliseconds(10), milliseconds(25), nil}}}
	ways := []way{{"native", nil}, {"a", nil}, {"b", nil}}
	for markdown, want := range map[bool]string{false: "find (3 files)", true: "| find (3 files) | a | 25 ms | 25 ms | 2.50 | 2.50 | 2.50 |"} {
		var out bytes.Buffer
		printTable(&out, rows, ways, options{rounds: 1, markdown: markdown})
		if !strings.Contains(out.String(), want) || !strings.Contains(out.String(), "CPUs, Linux") {
			t.Errorf("table\n%s\nlacks %q", out.String(), want)
		}
		if lines := strings.Count(out.String(), "\n"); lines < 5 {
			t.Errorf("%d lines:\n%s", lines, out.String())
		}
	}
}

func TestReleaseNamesNoMachine(t *testing.T) {
	if got := release("6.18.44-fc-v657"); got != "6.18.44" {
		t.Errorf("release %q", got)
	}
}

// TestWorkloads runs small ones natively: they end well, and print what can be compared.
func TestWorkloads(t *testing.T) {
	for _, p := range []string{"git", "make", "cc", "tar", "find"} {
		if _, err := exec.LookPath(p); err != nil {
			testneed.Missing(t, "needs %s: %v", p, err)
		}
	}
	dir, small := t.TempDir(), size{sources: 2, dirs: 3, files: 4, statuses: 2, runs: 2}
	if err := makeInputs(dir, small); err != nil {
		t.Fatal(err)
	}
	rows, faults := measure(allWorkloads(dir, small), []way{{"native", nil}, {"native again", nil}}, 1)
	if err := errors.Join(faults...); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if _, out, _ := once(r.workload, way{}); strings.TrimSpace(out) == "" {
			t.Errorf("%s prints nothing: a run that does nothing would count as equal", r.name)
		}
		if f, ok := figureOf(r, 1); !ok || f.median <= 0 {
			t.Errorf("%s: figure %+v, %v", r.name, f, ok)
		}
	}
	_, out, _ := once(rows[3].workload, way{})
	if counts := strings.Fields(out); len(counts) != small.runs || len(counts[0]) < 2 {
		t.Errorf("find counts %q, want 12 and the files of .git, twice", out)
	}
}

func TestArguments(t *testing.T) {
	if o, err := parse([]string{"--rounds", "3", "--markdown"}); err != nil || o.rounds != 3 || !o.markdown || o.size != large() {
		t.Errorf("%+v, %v", o, err)
	}
	if _, err := parse([]string{"--rounds", "0"}); err == nil {
		t.Error("no rounds are accepted")
	}
}
