package oci

import (
	"fmt"
	"strconv"
	"testing"
	"time"
)

// BenchmarkCall is what a refused call of a container costs, and how much of that is the agent's CPU time.
func BenchmarkCall(b *testing.B) {
	need(b, "python3")
	r, cmd := process(b)
	x := start(b, `exec python3 -u -c 'import os, sys
for line in sys.stdin:
    for i in range(int(line)):
        try: os.mkdir("/forbidden/x")
        except OSError: pass
    print("done")'`)
	r.hand(x, state("c1", "web"))
	x.say("1000")
	x.wantLine("done")
	before, begun := costOf(b, cmd.Process.Pid).cpu, time.Now()
	x.say(strconv.Itoa(b.N))
	x.out.SetReadDeadline(begun.Add(5 * time.Minute))
	line := make([]byte, 100)
	if n, err := x.out.Read(line); err != nil || n < 4 {
		b.Fatal(fmt.Sprintf("the target printed %q", line[:n]), err)
	}
	b.ReportMetric(float64(time.Since(begun))/float64(b.N), "wall-ns/op")
	b.ReportMetric(float64(costOf(b, cmd.Process.Pid).cpu-before)/float64(b.N), "agent-cpu-ns/op")
}

// BenchmarkLedger is what it costs to note a notification's reception and its answer.
func BenchmarkLedger(b *testing.B) {
	for _, waiting := range []int{0, 1000} {
		b.Run(fmt.Sprint(waiting, " calls wait"), func(b *testing.B) {
			book := newLedger()
			defer book.close()
			for i := range waiting {
				book.took(book.claim(), uint64(i))
			}
			id := uint64(waiting)
			for b.Loop() {
				book.took(book.claim(), id)
				book.end(id)
				id++
			}
		})
	}
}
