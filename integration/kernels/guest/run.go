package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A check is one thing that must hold. It returns what is worth knowing about a success, or the error.
type check struct {
	name string
	do   func(*machine) (string, error)
}

// skipped is the error of a check that does not apply, with the reason.
type skipped string

// Error is the reason.
func (s skipped) Error() string { return string(s) }

// A machine is where one check is made.
type machine struct {
	kernel version
	root   bool
	dir    string // empty, removed afterwards
}

// limit is how long one program may take under the emulator, which is a hundred times slower than a processor.
const limit = 4 * time.Minute

// checkAll makes the checks of those names, or all, and says with its result whether all held.
func checkAll(names []string) int {
	release, err := kernelVersion()
	if err != nil {
		fmt.Printf("guest: %v\n", err)
		return 1
	}
	m := machine{kernel: release, root: os.Geteuid() == 0}
	failed := 0
	for _, c := range checks() {
		if len(names) > 0 && !slices.Contains(names, c.name) {
			continue
		}
		fmt.Printf("plan|%s|%s\n", m.user(), c.name)
		failed += one(c, m)
	}
	return min(failed, 1)
}

// one makes a check and prints its line: words that scripts/kernels.sh takes apart at the bars.
func one(c check, m machine) int {
	dir, err := os.MkdirTemp("", "check")
	if err != nil {
		fmt.Printf("guest: %v\n", err)
		return 1
	}
	defer os.RemoveAll(dir)
	m.dir = dir
	start := time.Now()
	detail, err := c.do(&m)
	var skip skipped
	word, failed := "ok", 0
	switch {
	case errors.As(err, &skip):
		word, detail = "skip", skip.Error()
	case err != nil:
		word, detail, failed = "FAIL", err.Error(), 1
	}
	fmt.Printf("check|%s|%s|%s|%.1f s|%s\n", m.user(), c.name, word, time.Since(start).Seconds(),
		strings.ReplaceAll(strings.TrimSpace(detail), "\n", " / "))
	return failed
}

func (m *machine) user() string {
	if m.root {
		return "root"
	}
	return "user"
}

// An outcome is what a shell would see of a program.
type outcome struct {
	code   int // 128+n for a death by signal n
	stdout string
	stderr string
	took   time.Duration
}

// stead runs the command under test to its end.
func (m *machine) stead(args ...string) (outcome, error) {
	r, err := m.start(args...)
	if err != nil {
		return outcome{}, err
	}
	return r.wait()
}

// A running is a started command.
type running struct {
	cmd            *exec.Cmd
	ctx            context.Context
	cancel         context.CancelFunc
	stdout, stderr bytes.Buffer
	begun          time.Time
}

// start begins to run the command under test. Its output goes to files' worth of memory; its group is its own, so that what it
// leaves behind when it hangs can be killed.
func (m *machine) start(args ...string) (*running, error) {
	r := &running{begun: time.Now()}
	r.ctx, r.cancel = context.WithTimeout(context.Background(), limit)
	r.cmd = exec.CommandContext(r.ctx, "stead", args...)
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = m.dir, &r.stdout, &r.stderr
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	r.cmd.Cancel = func() error { return syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL) }
	r.cmd.WaitDelay = time.Second
	if err := r.cmd.Start(); err != nil {
		r.cancel()
		return nil, err
	}
	return r, nil
}

func (r *running) wait() (outcome, error) {
	defer r.cancel()
	err := r.cmd.Wait()
	o := outcome{stdout: r.stdout.String(), stderr: r.stderr.String(), took: time.Since(r.begun)}
	if r.ctx.Err() != nil {
		return o, fmt.Errorf("%v did not end within %v; stdout %q, stderr %q", r.cmd.Args, limit, o.stdout, o.stderr)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		return o, fmt.Errorf("run %v: %w", r.cmd.Args, err)
	}
	o.code = shellCode(r.cmd.ProcessState)
	return o, nil
}

func shellCode(s *os.ProcessState) int {
	status, ok := s.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return s.ExitCode()
}

// file is a name in the check's directory.
func (m *machine) file(name string) string { return filepath.Join(m.dir, name) }

// read gives a file that a program left in the check's directory.
func (m *machine) read(name string) (string, error) {
	text, err := os.ReadFile(m.file(name))
	return string(text), err
}

// expect compares what a program did with what it does alone; on standard error only what the kernel makes unavoidable may
// stand, and once.
func (m *machine) expect(o outcome, code int, stdout string) error {
	if o.code != code || o.stdout != stdout {
		return fmt.Errorf("ended with %d and %q, want %d and %q; stderr %q", o.code, o.stdout, code, stdout, o.stderr)
	}
	return m.quiet(o.stderr)
}

// quiet wants no words of Stead's, except one about WAIT_KILLABLE_RECV where the kernel lacks it.
func (m *machine) quiet(stderr string) error {
	const word = "WAIT_KILLABLE_RECV"
	lines := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
	if m.kernel.atLeast(5, 19) {
		if stderr != "" {
			return fmt.Errorf("standard error: %q", stderr)
		}
		return nil
	}
	if len(lines) != 1 || !strings.Contains(lines[0], word) {
		return fmt.Errorf("standard error: %q, want one line about %s", stderr, word)
	}
	return nil
}
