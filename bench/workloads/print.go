package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// A figure is a way's cell of a row.
type figure struct {
	least, median time.Duration
	floor         float64 // the ratio of the shortest runs: what is left of a busy machine's noise
	wall, cpu     float64 // ratios to native: the medians of the rounds' ratios
}

// figureOf is not there for a way without samples.
func figureOf(r row, j int) (figure, bool) {
	native, own := r.samples[0], r.samples[j]
	if len(native) == 0 || len(own) == 0 {
		return figure{}, false
	}
	var walls, natives []time.Duration
	var wall, cpu []float64
	for i := range min(len(native), len(own)) {
		walls, natives = append(walls, own[i].wall), append(natives, native[i].wall)
		wall = append(wall, float64(own[i].wall)/float64(native[i].wall))
		cpu = append(cpu, float64(own[i].cpu)/float64(native[i].cpu))
	}
	least := slices.Min(walls)
	return figure{least, time.Duration(median(walls)), float64(least) / float64(slices.Min(natives)), median(wall), median(cpu)}, true
}

// median of an odd or even number of values; 0 of none.
func median[T time.Duration | float64](values []T) float64 {
	if len(values) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(values))
	return (float64(s[(len(s)-1)/2]) + float64(s[len(s)/2])) / 2
}

// A layout is how cells are put into lines.
type layout struct{ before, between, after, rule string }

func printTable(out io.Writer, rows []row, ways []way, o options) {
	fmt.Fprintln(out, machine(o.rounds))
	form := layout{between: "\t", after: "\t"}
	if o.markdown {
		form = layout{"| ", " | ", " |", "---"}
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	head := []string{"workload", "by", "least", "median", "least, to native", "median, to native", "user+sys, to native"}
	form.line(w, head)
	if form.rule != "" {
		form.line(w, slices.Repeat([]string{form.rule}, len(head)))
	}
	for _, r := range rows {
		for j := range ways {
			form.line(w, append([]string{r.name + " (" + r.what + ")", ways[j].name}, cells(r, j)...))
		}
	}
	// The only error is that of the terminal or file that is written to; there is nowhere left to say so.
	_ = w.Flush()
}

func (l layout) line(out io.Writer, cells []string) {
	fmt.Fprintln(out, l.before+strings.Join(cells, l.between)+l.after)
}

func cells(r row, j int) []string {
	f, ok := figureOf(r, j)
	if !ok {
		return []string{"-", "-", "-", "-", "-"}
	}
	return []string{fmt.Sprintf("%d ms", f.least.Milliseconds()), fmt.Sprintf("%d ms", f.median.Milliseconds()),
		fmt.Sprintf("%.2f", f.floor), fmt.Sprintf("%.2f", f.wall), fmt.Sprintf("%.2f", f.cpu)}
}

// machine is the shape of the machine, without which the numbers say nothing.
func machine(rounds int) string {
	kernel := "an unknown kernel"
	var u unix.Utsname
	if err := unix.Uname(&u); err == nil {
		kernel = "Linux " + release(unix.ByteSliceToString(u.Release[:]))
	}
	return fmt.Sprintf("%d CPUs, %s, %d rounds", runtime.NumCPU(), kernel, rounds)
}

// release leaves out what a distributor or a machine's owner appends.
func release(r string) string {
	r, _, _ = strings.Cut(r, "-")
	return r
}
