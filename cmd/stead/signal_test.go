package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestDeaths compares the exit status with what a shell makes of the same death.
func TestDeaths(t *testing.T) {
	dir := t.TempDir() // for cores
	for _, sig := range []unix.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGILL, unix.SIGTRAP, unix.SIGABRT, unix.SIGBUS,
		unix.SIGFPE, unix.SIGKILL, unix.SIGUSR1, unix.SIGSEGV, unix.SIGUSR2, unix.SIGPIPE, unix.SIGALRM, unix.SIGTERM, unix.SIGXCPU,
		unix.SIGXFSZ, unix.SIGVTALRM, unix.SIGPROF, unix.SIGIO, unix.SIGPWR, unix.SIGSYS, 34, 42, 64} {
		script := fmt.Sprintf("ulimit -c 0; kill -%d $$", sig)
		want := launch{argv: []string{"/bin/sh", "-c", script}, dir: dir}.run(t)
		for _, verb := range []string{"run", "trace"} {
			got := launch{args: []string{verb, "--", "/bin/sh", "-c", script}, dir: dir}.run(t)
			if got.code != want.code || want.code != 128+int(sig) {
				t.Errorf("signal %d under stead %s: ended with %d, without stead %d", sig, verb, got.code, want.code)
			}
		}
	}
}

// A running stead with its program's lines.
type running struct {
	t      *testing.T
	cmd    *exec.Cmd
	lines  chan string
	waited chan struct{}
}

// start starts stead run with a program and waits for the line "ready", which it returns.
func start(t *testing.T, argv ...string) (*running, string) {
	t.Helper()
	cmd := exec.Command(steadPath(), append([]string{"run", "--log", os.DevNull, "--"}, argv...)...)
	cmd.Dir, cmd.Stderr = t.TempDir(), os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := &running{t: t, cmd: cmd, lines: make(chan string), waited: make(chan struct{})}
	go r.read(out)
	t.Cleanup(func() { cmd.Process.Kill() })
	first := r.line()
	if !strings.HasPrefix(first, "ready") {
		t.Fatalf("the program says %q", first)
	}
	return r, first
}

func (r *running) read(out io.Reader) {
	for s := bufio.NewScanner(out); s.Scan(); {
		r.lines <- s.Text()
	}
	close(r.lines)
}

// line is the program's next line, "" at the end.
func (r *running) line() string {
	r.t.Helper()
	select {
	case l := <-r.lines:
		return l
	case <-time.After(10 * time.Second):
		r.t.Fatal("the program says nothing")
	}
	return ""
}

func (r *running) signal(sig unix.Signal) {
	r.t.Helper()
	if err := unix.Kill(r.cmd.Process.Pid, sig); err != nil {
		r.t.Fatal(err)
	}
}

// end waits for stead and returns its exit code.
func (r *running) end() int {
	r.t.Helper()
	go func() { r.cmd.Wait(); close(r.waited) }()
	select {
	case <-r.waited:
	case <-time.After(10 * time.Second):
		r.t.Fatal("stead does not end")
	}
	return shellCode(r.cmd.ProcessState)
}

// TestSignalsPassOn sends signals to the supervisor: the program gets each once, and in between no other.
func TestSignalsPassOn(t *testing.T) {
	r, _ := start(t, compile(t, "signals"))
	for range 3 {
		for _, sig := range []unix.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGALRM, unix.SIGWINCH} {
			r.signal(sig)
			if got, want := r.line(), fmt.Sprintf("got %d", sig); got != want {
				t.Fatalf("the program says %q, want %q", got, want)
			}
		}
	}
	time.Sleep(50 * time.Millisecond) // for one too many
	r.signal(unix.SIGUSR2)
	if l := r.line(); l != "" {
		t.Errorf("the program says %q in the end", l)
	}
	if code := r.end(); code != 9 {
		t.Errorf("ended with %d, want 9", code)
	}
}

// TestEarlySignal sends a signal at any moment of the start: whether stead or the program gets it, it is not lost.
func TestEarlySignal(t *testing.T) {
	for i := range 40 {
		cmd := exec.Command(steadPath(), "run", "--", "sleep", "5")
		begin := time.Now()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(i) * 250 * time.Microsecond)
		unix.Kill(cmd.Process.Pid, unix.SIGTERM)
		cmd.Wait()
		if code := shellCode(cmd.ProcessState); code != 128+int(unix.SIGTERM) || time.Since(begin) > 4*time.Second {
			t.Errorf("step %d: ended with %d after %v", i, code, time.Since(begin))
		}
	}
}

// TestStopAndContinue: the supervisor stops with its program, and who continues it continues the program.
func TestStopAndContinue(t *testing.T) {
	r, first := start(t, compile(t, "signals"))
	program, err := strconv.Atoi(strings.TrimPrefix(first, "ready "))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := unix.Kill(program, unix.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		r.awaitStop(unix.SIGSTOP)
		r.signal(unix.SIGCONT)
		r.signal(unix.SIGUSR1)
		if l := r.line(); l != "got 10" && l != fmt.Sprintf("got %d", unix.SIGUSR1) {
			t.Fatalf("the program says %q", l)
		}
	}
	r.signal(unix.SIGUSR2)
	if code := r.end(); code != 9 {
		t.Errorf("ended with %d, want 9", code)
	}
}

// awaitStop waits until stead reports to its parent that it has stopped.
func (r *running) awaitStop(sig unix.Signal) {
	r.t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		var status unix.WaitStatus
		pid, err := unix.Wait4(r.cmd.Process.Pid, &status, unix.WUNTRACED|unix.WNOHANG, nil)
		if err != nil || (pid != 0 && (!status.Stopped() || status.StopSignal() != sig)) {
			r.t.Fatalf("stead reports %#x, %v", status, err)
		}
		if pid != 0 {
			return
		}
	}
	r.t.Fatal("stead does not stop with its program")
}

// TestSupervisorKilled: nothing hangs; the kernel answers the program's calls with ENOSYS.
func TestSupervisorKilled(t *testing.T) {
	r, _ := start(t, compile(t, "enosys"))
	r.signal(unix.SIGKILL)
	if l := r.line(); l != "ENOSYS" {
		t.Errorf("the program says %q", l)
	}
	if l := r.line(); l != "" {
		t.Errorf("and then %q", l)
	}
	if code := r.end(); code != 128+9 {
		t.Errorf("ended with %d", code)
	}
}

// TestLeftBehind: what the program leaves behind is supervised until it ends, and the program's status is kept.
func TestLeftBehind(t *testing.T) {
	dir := t.TempDir()
	script := `(setsid sh -c 'trap "" HUP; sleep 0.3; mkdir made' >/dev/null 2>&1 </dev/null &); exit 6`
	if r := (launch{args: []string{"run", "--", "/bin/sh", "-c", script}, dir: dir}).run(t); r != (result{code: 6}) {
		t.Errorf("%+v, want code 6", r)
	}
	if _, err := os.Stat(filepath.Join(dir, "made")); err != nil {
		t.Errorf("stead has not waited: %v", err)
	}
}

// TestSignalForThoseLeftBehind: without its program, stead passes a signal on to the processes that the program left behind.
func TestSignalForThoseLeftBehind(t *testing.T) {
	r, _ := start(t, "/bin/sh", "-c", `(setsid sh -c 'trap "echo got; exit" TERM; echo ready; while :; do sleep 0.1; done' &); exit 5`)
	time.Sleep(100 * time.Millisecond) // the program itself ends
	r.signal(unix.SIGTERM)
	if l := r.line(); l != "got" {
		t.Errorf("the process left behind says %q", l)
	}
	if code := r.end(); code != 5 {
		t.Errorf("ended with %d, want 5", code)
	}
}
