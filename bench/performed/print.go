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
	for i := range all {
		if s := got[all[i].key]; len(s) > 0 {
			fmt.Fprintf(w, "%.0f\t%.0f\t%.0f\tns\t  %s\n", median(s), slices.Min(s), slices.Max(s), all[i].what)
		}
	}
	// The only error is that of the terminal or file that is written to; there is nowhere left to say so.
	_ = w.Flush()
}

// printRatios returns how many ratios are over their bounds or could not be measured.
func printRatios(out io.Writer, all []bound, got samples) (over int) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\nratio\tat most\t\t")
	for i := range all {
		b := &all[i]
		measured := got.ratio(b)
		verdict, bad := b.verdict(measured)
		if bad {
			over++
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t  %s\n", number(measured), number(b.atMost), verdict, b.what)
	}
	_ = w.Flush() // as above
	return over
}

func (b *bound) verdict(measured float64) (text string, bad bool) {
	switch {
	case b.atMost == 0:
		return "", false
	case measured == 0:
		return "not measured", true
	case measured > b.atMost:
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
