package integration

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// performing is the prefix of a command whose calls on files are all performed.
func performing(t *testing.T) []string {
	t.Helper()
	return []string{stead(t), "run", "--preset", "perform", "--"}
}

// TestFaultsPerformed runs the programs that a supervisor must not change with their calls performed: bad pointers, descriptors,
// threads that die or are stopped within a call, signals.
func TestFaultsPerformed(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			program := compile(t, filepath.Join("faults", f.source))
			want := command{argv: []string{program}, dir: t.TempDir()}.run(t)
			got := withoutWarnings(t, command{argv: append(performing(t), program), dir: t.TempDir()}.run(t))
			if got.code != want.code || got.stderr != want.stderr || got.stdout != want.stdout {
				t.Errorf("ended with %d, natively with %d\nstandard output:\n%s\nstandard error:\n%s", got.code, want.code,
					apart(want.stdout, got.stdout), apart(want.stderr, got.stderr))
			}
		})
	}
}

// A Go program interrupts its own threads all the time; nothing is lost and nothing done twice.
func TestGoProgramPerformed(t *testing.T) {
	r := withoutWarnings(t, command{argv: append(performing(t), buildGo(t, "faults/gostorm"), t.TempDir()), dir: t.TempDir()}.run(t))
	if want := fmt.Sprintln(100 * 100); r.stdout != want || r.code != 0 {
		t.Errorf("ended with %d and %q, want 0 and %q; stderr %q", r.code, r.stdout, want, r.stderr)
	}
}

// session is a shell that makes calls of every kind as often as it is told.
const session = `umask 027
while read -r n; do
	i=0
	while [ $i -lt "$n" ]; do
		mkdir d && echo x >d/f && ln d/f d/g && ln -s f d/s && chmod 600 d/s && mv d/g d/h && cat d/s /proc/self/stat >d/c && ls -l d >d/l
		touch d/none/f 2>/dev/null; rm -r d; (exit) & i=$((i+1))
	done
	wait
	echo "$n"
done`

// The supervisor is as large after several hundred rounds of calls and thousands of processes as after the first.
func TestPerformingKeepsNothing(t *testing.T) {
	cmd, say, hear := interactive(t, append(performing(t), "sh", "-c", session))
	ask := func(n string) [3]int {
		t.Helper()
		fmt.Fprintln(say, n)
		if line, err := hear.ReadString('\n'); line != n+"\n" {
			t.Fatalf("asked for %s, the program says %q (%v)", n, line, err)
		}
		return sizeOf(t, cmd.Process.Pid)
	}
	ask("20")
	before := ask("20")
	after := ask("200")
	t.Logf("descriptors, threads and memory in KiB: %v, after ten times as much %v", before, after)
	// What is kept for callers is bounded, and some of it is let go of only when there is more.
	for i, slack := range [3]int{300, 8, 32 << 10} {
		if after[i] > before[i]+slack {
			t.Errorf("%v became %v: more than %d more", before, after, slack)
		}
	}
}

// interactive starts a command that is spoken to, and waits for it at the test's end.
func interactive(t *testing.T, argv []string) (*exec.Cmd, io.Writer, *bufio.Reader) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stderr = dir, environment(dir), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	limit := time.AfterFunc(programLimit, func() { cmd.Process.Kill() })
	t.Cleanup(func() {
		in.Close()
		defer limit.Stop()
		if err := cmd.Wait(); err != nil && !t.Failed() {
			t.Errorf("the program ended badly: %v", err)
		}
	})
	return cmd, in, bufio.NewReader(out)
}

// sizeOf is a process's number of descriptors and threads, and its memory.
func sizeOf(t *testing.T, pid int) (size [3]int) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d", pid)
	open, err := os.ReadDir(dir + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		t.Fatal(err)
	}
	size[0] = len(open)
	for line := range strings.Lines(string(status)) {
		fmt.Sscanf(line, "Threads: %d", &size[1])
		fmt.Sscanf(line, "VmRSS: %d kB", &size[2])
	}
	return size
}
