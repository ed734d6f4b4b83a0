package stracecmp

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxShown bounds one side of an example in bytes.
const maxShown = 200

// String is the report for a person: the figure, then the differences by call, most frequent first.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d and %d lines match: %.3f %%; %d threads paired, %d and %d alone; %d unread lines\n",
		r.Matched, r.LinesA, r.LinesB, r.Percent(), r.Threads, r.LoneA, r.LoneB, r.Noise)
	groups := map[string][]string{}
	for i := range r.Differences {
		key, example := describe(&r.Differences[i])
		groups[key] = append(groups[key], example)
	}
	for _, key := range byCount(groups) {
		fmt.Fprintf(&b, "%6d  %s\n", len(groups[key]), key)
		for _, example := range groups[key][:min(len(groups[key]), cmp.Or(r.samples, 3))] {
			fmt.Fprintf(&b, "%s\n", example)
		}
	}
	return b.String()
}

func byCount(groups map[string][]string) []string {
	return slices.SortedFunc(maps.Keys(groups), func(x, y string) int {
		return cmp.Or(cmp.Compare(len(groups[y]), len(groups[x])), cmp.Compare(x, y))
	})
}

// describe gives the group of a difference and its text.
func describe(d *Difference) (key, example string) {
	switch {
	case d.B == nil:
		return d.Name() + ": only in the first", "          - " + shorten(d.A.String())
	case d.A == nil:
		return d.Name() + ": only in the second", "          + " + shorten(d.B.String())
	}
	at := firstDifference(d.ArgsA, d.ArgsB)
	key = fmt.Sprintf("%s: argument %d", d.Name(), at+1)
	return key, fmt.Sprintf("          - %s\n          + %s", pick(d.A, d.ArgsA, at), pick(d.B, d.ArgsB, at))
}

func firstDifference(a, b []string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// pick shows the normalised argument that differs, then the whole call.
func pick(c *Call, args []string, at int) string {
	if at >= len(args) {
		return "(none)  in  " + shorten(c.String())
	}
	return shorten(args[at]) + "  in  " + shorten(c.String())
}

func shorten(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return s[:maxShown] + "…"
}
