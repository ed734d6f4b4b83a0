package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stead-project/stead/internal/testneed"
)

// built is where TestMain lets the tests put what they build.
var built = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "stead-integration") })

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := built(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// steadPath is the command under test.
var steadPath = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("STEAD"); path != "" {
		return filepath.Abs(path)
	}
	dir, err := built()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "stead")
	out, err := exec.Command("go", "build", "-o", path, "../cmd/stead").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build stead: %w: %s", err, out)
	}
	return path, nil
})

// stead returns the path of the command. One that does not build is a failure, not a skip.
func stead(t *testing.T) string {
	t.Helper()
	path, err := steadPath()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// compile builds a C source of testdata and returns the program's path.
func compile(t *testing.T, source string, flags ...string) string {
	t.Helper()
	testneed.Programs(t, "gcc")
	dir, err := built()
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimSuffix(filepath.Base(source), ".c") + strings.Join(flags, "")
	out := filepath.Join(dir, name)
	if _, err := os.Stat(out); err == nil {
		return out
	}
	args := append([]string{"-O1", "-pthread", "-Wall", "-Wno-unused-result", "-o", out, filepath.Join("testdata", source)}, flags...)
	if text, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
		if len(flags) > 0 {
			testneed.Missing(t, "gcc %v: %v: %s", flags, err, text)
		}
		t.Fatalf("compile %s: %v: %s", source, err, text)
	}
	return out
}

// buildGo builds a Go program of testdata without cgo.
func buildGo(t *testing.T, pkg string) string {
	t.Helper()
	testneed.Programs(t, "go")
	dir, err := built()
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, filepath.Base(pkg))
	cmd := exec.Command("go", "build", "-o", out, "./"+filepath.Join("testdata", pkg))
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v: %s", pkg, err, text)
	}
	return out
}

// fixedPath is the search path of every program run here: the same under each tracer.
const fixedPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environment is all a program run here sees.
func environment(home string) []string {
	return []string{"PATH=" + fixedPath, "PWD=" + home, "LC_ALL=C", "HOME=" + home, "TMPDIR=" + home, "GIT_CONFIG_NOSYSTEM=1"}
}

// A result is what a shell would see of a program.
type result struct {
	code   int // 128+n for a death by signal n, as shells say it
	stdout string
	stderr string
}

// A command is a program run for its result.
type command struct {
	argv  []string
	dir   string
	stdin *os.File      // nil: /dev/null
	limit time.Duration // 0: a minute
}

// run fails the test if the program does not end in time.
func (c command) run(t *testing.T) result {
	t.Helper()
	if c.limit == 0 {
		c.limit = time.Minute
	}
	ctx, cancel := context.WithTimeout(t.Context(), c.limit)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, c.argv[0], c.argv[1:]...)
	cmd.Dir, cmd.Env = c.dir, environment(c.dir)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second
	if c.stdin != nil {
		cmd.Stdin = c.stdin
	}
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("%v did not end within %v; stdout %q, stderr %q", c.argv, c.limit, stdout.String(), stderr.String())
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		t.Fatalf("run %v: %v", c.argv, err)
	}
	return result{shellCode(cmd.ProcessState), stdout.String(), stderr.String()}
}

// shellCode is the exit status as a shell's $? has it.
func shellCode(s *os.ProcessState) int {
	status, ok := s.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return s.ExitCode()
}
