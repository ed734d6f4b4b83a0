package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

func printCases(out io.Writer, all []testCase, got samples) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "median\tlowest\thighest\t\t")
	for _, c := range all {
		s := got[c.name]
		scale, name := 1.0, "ns"
		switch c.unit {
		case perStart:
			scale, name = 1e3, "µs"
		case perRun, perCPU:
			scale, name = 1e6, "ms"
		}
		fmt.Fprintf(w, "%.0f\t%.0f\t%.0f\t%s\t  %s\n", median(s)/scale, slices.Min(s)/scale, slices.Max(s)/scale, name, c.what)
	}
	flush(w)
}

// printRatios returns how many ratios are over their bounds or could not be measured.
func printRatios(out io.Writer, all []bound) int {
	over := 0
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\nratio\tat most\t\t")
	for _, b := range all {
		verdict, bad := b.verdict()
		if bad {
			over++
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t  %s\n", number(b.measured), number(b.atMost), verdict, b.what)
	}
	flush(w)
	return over
}

func (b bound) verdict() (text string, bad bool) {
	switch {
	case b.atMost == 0:
		return "", false
	case b.measured == 0:
		return "not measured", true
	case b.measured > b.atMost:
		return "OVER", true
	}
	return "ok", false
}

func number(n float64) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", n)
}

func flush(w *tabwriter.Writer) {
	// The only error is that of the terminal or file that is written to; there is nowhere left to say so.
	_ = w.Flush()
}
