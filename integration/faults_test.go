package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stead-project/stead/internal/testneed"
)

// A fault is a program that a supervisor must not change: it ends and prints as it does without one.
type fault struct {
	name   string
	source string   // of testdata/faults
	calls  []string // what must be in the trace
}

var faults = []fault{
	{"arguments", "arguments.c", []string{"openat", "mkdir", "connect", "mount", "execve"}},
	{"descriptors", "descriptors.c", []string{"openat", "socketpair"}},
	{"dying", "dying.c", []string{"access", "kill"}},
	{"threads", "threads.c", []string{"mkdir", "rmdir", "access"}},
	{"execs", "execs.c", []string{"execve"}},
	{"signals", "signals.c", []string{"setitimer", "mkdir"}},
	{"stopped", "stopped.c", []string{"access", "kill"}},
	{"int80", "int80.c", []string{"mkdir", "open"}},
}

// everything is the widest trace that may safely be notified.
var everything = []string{"--all"}

// everyCall also asks for what is not notified unless it is asked for.
var everyCall = []string{"--calls", "clone,clone3,fork,vfork,exit_group,close,read,write,execve,mkdir,openat"}

// traced puts a command under stead trace and returns where the trace goes.
func traced(t *testing.T, selection []string, argv ...string) ([]string, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "trace")
	all := append([]string{stead(t), "trace", "-o", file}, selection...)
	return append(append(all, "--"), argv...), file
}

// callsIn counts the trace's lines by call.
func callsIn(t *testing.T, file string) map[string]int {
	t.Helper()
	trace := steadTracer.read(t, file)
	if len(trace.Noise) > 0 {
		t.Errorf("the trace has %d lines that are no calls, such as %q", len(trace.Noise), trace.Noise[0])
	}
	counts := map[string]int{}
	for i := range trace.Calls {
		counts[trace.Calls[i].Name]++
	}
	return counts
}

// same runs a command as it is and under stead, each in a directory of its own, and compares what a shell sees.
func same(t *testing.T, selection []string, argv ...string) map[string]int {
	t.Helper()
	want := command{argv: argv, dir: t.TempDir()}.run(t)
	under, file := traced(t, selection, argv...)
	got := withoutWarnings(t, command{argv: under, dir: t.TempDir()}.run(t))
	if got != want {
		t.Errorf("%v\nnative ends with %d, %d bytes of output, and says %q\nunder stead with %d, %d bytes, and %q\n%s", argv,
			want.code, len(want.stdout), want.stderr, got.code, len(got.stdout), got.stderr, linesApart(want.stdout, got.stdout))
	}
	return callsIn(t, file)
}

// warning is what stead says about itself on its own standard error, which is also the program's.
var warning = regexp.MustCompile(`(?m)^\S+ \[WARN\] +stead: .*\n`)

// withoutWarnings moves stead's warnings to the test's log: on a busy machine it may find a target slow.
func withoutWarnings(t *testing.T, r result) result {
	t.Helper()
	for _, w := range warning.FindAllString(r.stderr, -1) {
		t.Log(strings.TrimSpace(w))
	}
	r.stderr = warning.ReplaceAllString(r.stderr, "")
	return r
}

// linesApart lists the lines that two outputs do not share.
func linesApart(want, got string) string {
	var b strings.Builder
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			b.WriteString("line " + strconv.Itoa(i+1) + ": " + w[i] + " became " + g[i] + "\n")
		}
	}
	return b.String()
}

func TestFaults(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			counts := same(t, everything, compile(t, filepath.Join("faults", f.source)))
			for _, call := range f.calls {
				if counts[call] == 0 {
					t.Errorf("the trace has no %s", call)
				}
			}
		})
	}
}

// Calls that are never notified by default can be asked for by name, and the programs still run.
func TestFaultsWithEveryCall(t *testing.T) {
	for _, name := range []string{"execs", "threads", "dying", "signals"} {
		t.Run(name, func(t *testing.T) {
			counts := same(t, everyCall, compile(t, filepath.Join("faults", name+".c")))
			if counts["exit_group"] == 0 || counts["close"] == 0 || counts["clone"]+counts["clone3"]+counts["vfork"] == 0 {
				t.Errorf("the trace lacks calls that were asked for: %v", counts)
			}
		})
	}
	t.Run("shell", func(t *testing.T) {
		counts := same(t, everyCall, "/bin/sh", "-c", "for i in 1 2 3; do echo $i | cat; done | sort -r")
		if counts["read"] == 0 || counts["write"] == 0 {
			t.Errorf("the trace lacks read or write: %v", counts)
		}
	})
}

func TestExitStatus(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte("no program"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		argv []string
		want int
	}{
		{[]string{"/bin/true"}, 0},
		{[]string{"/bin/false"}, 1},
		{[]string{"true"}, 0},
		{[]string{"/bin/sh", "-c", "exit 42"}, 42},
		{[]string{"/bin/sh", "-c", "exit 125"}, 125},
		{[]string{"/bin/sh", "-c", "exit 255"}, 255},
		{[]string{"/bin/sh", "-c", "kill -TERM $$"}, 128 + 15},
		{[]string{"/bin/sh", "-c", "kill -KILL $$"}, 128 + 9},
		{[]string{"/bin/sh", "-c", "kill -SEGV $$"}, 128 + 11},
		{[]string{"/bin/sh", "-c", "kill -INT $$"}, 128 + 2},
		{[]string{"/nowhere/at/all"}, 127},
		{[]string{"no-such-program-anywhere"}, 127},
		{[]string{dir}, 126},
		{[]string{plain}, 126},
		{[]string{plain + "/under"}, 126}, // ENOTDIR: only ENOENT is "not found", as env(1) has it
	} {
		t.Run(strings.Join(test.argv, " "), func(t *testing.T) {
			argv, _ := traced(t, everything, test.argv...)
			if r := (command{argv: argv, dir: dir}).run(t); r.code != test.want {
				t.Errorf("ended with %d, want %d; stderr %q", r.code, test.want, r.stderr)
			}
		})
	}
}

func TestShortProcessesInARow(t *testing.T) {
	counts := same(t, everything, "/bin/sh", "-c", "i=0; while [ $i -lt 1000 ]; do /bin/true; i=$((i+1)); done; echo $i")
	if counts["execve"] != 1001 {
		t.Errorf("the trace has %d execve, want 1001", counts["execve"])
	}
}

func TestClosedDescriptors(t *testing.T) {
	for _, test := range []struct{ name, redirect, program string }{
		{"stdin", "<&-", "read x; echo status $?"},
		{"stdin empty", "</dev/null", "read x; echo status $?"},
		{"stderr", "2>&-", "echo out"},
	} {
		t.Run(test.name, func(t *testing.T) {
			shell := []string{"/bin/sh", "-c", `exec "$@" ` + test.redirect, "sh"}
			program := []string{"/bin/sh", "-c", test.program}
			want := command{argv: append(shell, program...), dir: t.TempDir()}.run(t)
			under, _ := traced(t, everything, program...)
			got := command{argv: append(shell, under...), dir: t.TempDir()}.run(t)
			if got.code != want.code || got.stdout != want.stdout {
				t.Errorf("native %+v, under stead %+v", want, got)
			}
		})
	}
}

// A set-id program loses its privilege where the filter was loaded under no_new_privs, and only there.
func TestSetID(t *testing.T) {
	if os.Getuid() != 0 {
		testneed.Missing(t, "needs root to give a program another owner")
	}
	text, err := os.ReadFile(compile(t, "faults/setid.c"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "setid")
	if err := os.WriteFile(path, text, 0o755); err != nil {
		t.Fatal(err)
	}
	const nobody = 65534
	if err := os.Chown(path, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o755|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	same(t, everything, path, strconv.Itoa(nobody))
}

// A daemon that the program leaves behind is served until it ends.
func TestOrphan(t *testing.T) {
	dir := t.TempDir()
	argv, _ := traced(t, everything, compile(t, "faults/orphan.c"))
	if r := (command{argv: argv, dir: dir}).run(t); r.code != 0 || r.stdout != "started\n" {
		t.Fatalf("%+v", r)
	}
	var report []byte
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if report, _ = os.ReadFile(filepath.Join(dir, "report")); report != nil {
			break
		}
	}
	if string(report) != "400\n" {
		t.Errorf("the daemon reports %q, want 400 calls that worked", report)
	}
}
