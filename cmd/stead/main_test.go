package main

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
	"github.com/stead-project/stead/unotify"
)

// work is where programs are built. In it is a link named stead to the test program, which under that name is the command.
var work string

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "stead" {
		main()
	}
	unotify.ProbeChildMain()
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runTests(m *testing.M) (int, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	if work, err = os.MkdirTemp("", "stead-command"); err != nil {
		return 0, err
	}
	defer os.RemoveAll(work)
	if err := os.Symlink(self, steadPath()); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

func steadPath() string { return filepath.Join(work, "stead") }

// A result is what a shell sees of a program.
type result struct {
	code   int // 128+n for a death by signal n
	stdout string
	stderr string
}

// A launch says how to start a program. The zero value starts stead without arguments.
type launch struct {
	args  []string // of stead
	argv  []string // if set: this instead of stead
	dir   string
	env   []string // beside the test's own
	stdin string
}

// run fails the test if the program does not end within half a minute.
func (l launch) run(t *testing.T) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := l.command(ctx)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if ctx.Err() != nil || (err != nil && !errors.As(err, &exit)) {
		t.Fatalf("%v: %v; stdout %q, stderr %q", cmd.Args, err, stdout.String(), stderr.String())
	}
	return result{shellCode(cmd.ProcessState), stdout.String(), stderr.String()}
}

func (l launch) command(ctx context.Context) *exec.Cmd {
	argv := l.argv
	if argv == nil {
		argv = append([]string{steadPath()}, l.args...)
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.WaitDelay = time.Second
	cmd.Dir = l.dir
	if cmd.Dir == "" {
		cmd.Dir = work
	}
	cmd.Env = append(append(os.Environ(), "LC_ALL=C", "PWD="+cmd.Dir), l.env...)
	cmd.Stdin = strings.NewReader(l.stdin)
	return cmd
}

func shellCode(s *os.ProcessState) int {
	if status, ok := s.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return s.ExitCode()
}

// stead runs the command.
func stead(t *testing.T, args ...string) result {
	t.Helper()
	return launch{args: args}.run(t)
}

// shell runs a script, in which $STEAD is the command.
func shell(t *testing.T, script string) result {
	t.Helper()
	return launch{argv: []string{"/bin/sh", "-c", script}, env: []string{"STEAD=" + steadPath()}}.run(t)
}

var compiling sync.Mutex

// compile builds a C program of testdata.
func compile(t *testing.T, name string) string {
	t.Helper()
	compiling.Lock()
	defer compiling.Unlock()
	out := filepath.Join(work, name)
	if _, err := os.Stat(out); err == nil {
		return out
	}
	if _, err := exec.LookPath("gcc"); err != nil {
		testneed.Missing(t, "needs a C compiler: %v", err)
	}
	text, err := exec.Command("gcc", "-O1", "-Wall", "-o", out, filepath.Join("testdata", name+".c")).CombinedOutput()
	if err != nil {
		t.Fatalf("compile %s: %v: %s", name, err, text)
	}
	return out
}

// wantError asks for one line on standard error that has all the pieces, and nothing on standard output.
func wantError(t *testing.T, r result, code int, pieces ...string) {
	t.Helper()
	if r.code != code || r.stdout != "" || strings.Count(r.stderr, "\n") != 1 || !strings.HasPrefix(r.stderr, "stead: ") {
		t.Errorf("%+v, want code %d and one line", r, code)
	}
	for _, p := range pieces {
		if !strings.Contains(r.stderr, p) {
			t.Errorf("%q does not say %q", r.stderr, p)
		}
	}
}
