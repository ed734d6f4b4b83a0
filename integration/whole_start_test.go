package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stead-project/stead/internal/testneed"
)

// startProbe prints what a program can tell of how it was started, as far as it may not depend on the supervisor.
const startProbe = `import os, resource, sys
print(len(sys.argv), sum(map(len, sys.argv)), sys.argv[1], sys.argv[-1], len(os.environ), os.environ["A"], len(os.environ["Z"]))
print([l for l in open("/proc/self/status") if l.startswith(("SigBlk", "SigIgn", "SigCgt", "Umask"))])
print(sorted(os.listdir("/proc/self/fd")), resource.getrlimit(resource.RLIMIT_STACK), os.getcwd())
`

// The whole program takes over with everything that the first one was given, from the file beside it and from memory.
func TestWholeStart(t *testing.T) {
	testneed.Programs(t, "python3")
	built := stead(t)
	alone := filepath.Join(t.TempDir(), "stead")
	text, err := os.ReadFile(built)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(alone, text, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		shell string // with the command as "$@"
		argv  []string
	}{
		{"plain", `exec "$@"`, []string{"x"}},
		{"no standard input", `exec "$@" <&-`, []string{"x"}},
		{"no standard error", `exec "$@" 2>&-`, []string{"x"}},
		{"ignored signals", `trap '' HUP USR1; exec "$@"`, []string{"x"}},
		{"a small stack", `ulimit -s 1024; exec "$@"`, []string{"x"}},
		{"many arguments", `exec "$@"`, strings.Fields(strings.Repeat("argument ", 5000))},
		{"a long one", `exec "$@"`, []string{strings.Repeat("y", 100_000)}},
		{"flags of Stead's", `exec "$@"`, []string{"policy", "--policy", "--preset=x", "agent"}},
		{"an empty one", `exec "$@"`, []string{""}},
	} {
		dir := t.TempDir()
		run := func(argv ...string) result {
			head := []string{"env", "A=1", "Z=" + strings.Repeat("z", 1000), "sh", "-c", c.shell, "sh"}
			return command{argv: append(append(append(head, argv...), "python3", "-c", startProbe), c.argv...), dir: dir}.run(t)
		}
		want := run()
		for name, bin := range map[string]string{"beside": built, "memory": alone} {
			t.Run(fmt.Sprintf("%s, %s", c.name, name), func(t *testing.T) {
				if got := run(bin, "run", "--preset", "base", "--"); got != want || want.code != 0 || want.stdout == "" {
					t.Errorf("%.2000v, want %.2000v", got, want)
				}
			})
		}
	}
}
