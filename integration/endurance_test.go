package integration

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Sixty-four threads make a hundred thousand notified calls each. Every call is answered, and counted once.
func TestManyThreadsManyCalls(t *testing.T) {
	const threads, calls = 64, 100_000
	program := compile(t, filepath.Join("faults", "many.c"))
	start := time.Now()
	r := command{argv: []string{stead(t), "trace", "-c", "--calls", "getpgid", "--", program, strconv.Itoa(calls)}, dir: t.TempDir(), limit: 10 * time.Minute}.run(t)
	t.Logf("%d calls in %v", threads*calls, time.Since(start).Round(time.Millisecond))
	if want := fmt.Sprintln(threads * calls); r.stdout != want || r.code != 0 {
		t.Errorf("ended with %d and %q, want 0 and %q", r.code, r.stdout, want)
	}
	if counted := regexp.MustCompile(`(?m)(\d+) +0 +0 +\S+ +getpgid$`).FindStringSubmatch(r.stderr); counted == nil || counted[1] != strconv.Itoa(threads*calls) {
		t.Errorf("counted %v, want %d; table:\n%s", counted, threads*calls, r.stderr)
	}
}

// A Go program interrupts its own threads all the time; nothing of what it does is lost or done twice.
func TestGoProgramUnderEveryCall(t *testing.T) {
	const calls = 100 * 100
	argv, file := traced(t, everything, buildGo(t, "faults/gostorm"), t.TempDir())
	r := withoutWarnings(t, command{argv: argv, dir: t.TempDir()}.run(t))
	if want := fmt.Sprintln(calls); r.stdout != want || r.code != 0 {
		t.Errorf("ended with %d and %q, want 0 and %q; stderr %q", r.code, r.stdout, want, r.stderr)
	}
	counts := callsIn(t, file)
	if counts["mkdirat"] != calls {
		t.Errorf("%d calls of mkdirat were recorded, want %d", counts["mkdirat"], calls)
	}
	if counts["rt_sigaction"] == 0 {
		t.Error("the trace lacks the runtime's own calls")
	}
}

// The supervisor is as large after a thousand processes as it was after the first hundred.
func TestSupervisorKeepsNothing(t *testing.T) {
	const script = `
state() { set -- $(ls /proc/$PPID/fd | wc -l) $(grep -E '^(Threads|VmRSS)' /proc/$PPID/status | tr -dc '0-9\n'); echo $1 $2 $3; }
run() { i=0; while [ $i -lt $1 ]; do /bin/true; i=$((i+1)); done; }
run 100; state; run 1000; state`
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) { keepsNothing(t, format, script) })
	}
}

func keepsNothing(t *testing.T, format, script string) {
	argv, _ := traced(t, append([]string{"--format", format}, everything...), "/bin/sh", "-c", script)
	r := withoutWarnings(t, command{argv: argv, dir: t.TempDir()}.run(t))
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	if len(lines) != 2 {
		t.Fatalf("ended with %d: %q %q", r.code, r.stdout, r.stderr)
	}
	before, after := numbers(t, lines[0]), numbers(t, lines[1])
	t.Logf("descriptors, memory in KiB and threads: %v after 100 processes, %v after 1,100", before, after)
	// One descriptor per remembered thread, at most 256 of them; then the number stays. Threads of the runtime come and go.
	for i, slack := range []int{260, 8 << 10, 3} {
		if after[i] > before[i]+slack {
			t.Errorf("%v after 100 processes, %v after 1,100: more than %d more", before, after, slack)
		}
	}
}

func numbers(t *testing.T, line string) (list []int) {
	t.Helper()
	for _, f := range strings.Fields(line) {
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		list = append(list, n)
	}
	if len(list) != 3 {
		t.Fatalf("line %q has not three numbers", line)
	}
	return list
}
