package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/testneed"
)

// A terminal is the master side of a pseudo-terminal with a program on the other side.
type terminal struct {
	master *os.File
	cmd    *exec.Cmd
	mu     sync.Mutex
	seen   strings.Builder
	ended  chan struct{} // closed when the other side has gone
}

// onTerminal starts a program in a session of its own with a new terminal.
func onTerminal(t *testing.T, argv ...string) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		testneed.Missing(t, "needs pseudo-terminals: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	slave, err := openSlave(master)
	if err != nil {
		testneed.Missing(t, "needs pseudo-terminals: %v", err)
	}
	defer slave.Close()
	dir := t.TempDir()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.Dir, cmd.Env = dir, append(environment(dir), "PS1=ready> ", "TERM=dumb", "HISTFILE=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	term := &terminal{master: master, cmd: cmd, ended: make(chan struct{})}
	go term.read()
	return term
}

func openSlave(master *os.File) (*os.File, error) {
	var number uint32
	var failed error
	conn, err := master.SyscallConn()
	if err != nil {
		return nil, err
	}
	err = conn.Control(func(fd uintptr) {
		if failed = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); failed == nil {
			number, failed = unix.IoctlGetUint32(int(fd), unix.TIOCGPTN)
		}
	})
	if err != nil {
		return nil, err
	}
	if failed != nil {
		return nil, failed
	}
	return os.OpenFile(filepath.Join("/dev/pts", strconv.FormatUint(uint64(number), 10)), os.O_RDWR|syscall.O_NOCTTY, 0)
}

func (t *terminal) read() {
	defer close(t.ended)
	buffer := make([]byte, 4096)
	for {
		n, err := t.master.Read(buffer)
		t.mu.Lock()
		t.seen.Write(buffer[:n])
		t.mu.Unlock()
		if err != nil { // EIO: nobody has the other side open
			return
		}
	}
}

func (t *terminal) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen.String()
}

var jobNumber = regexp.MustCompile(`(\[\d+\]) \d+`)

// screen is the text without process ids.
func (t *terminal) screen() string { return jobNumber.ReplaceAllString(t.text(), "$1 PID") }

// A step of a session: what is typed, and what must be on the screen after that.
type step struct {
	typed string
	wait  string        // pattern in what came since
	pause time.Duration // before typing: a program needs a moment to have the terminal
}

var jobSession = []step{
	{"", `ready> $`, 0},
	{"sleep 100\n", `sleep 100\r\n`, 0},
	{"\x1a", `Stopped(.|\n)*ready> $`, 300 * time.Millisecond},
	{"jobs\n", `Stopped +sleep 100\r\n(.|\n)*ready> $`, 0},
	{"fg\n", `fg\r\nsleep 100\r\n`, 0},
	{"\x03", `ready> $`, 300 * time.Millisecond},
	{"echo status $?\n", `status 130\r\n(.|\n)*ready> $`, 0},
	{"sleep 0.2 & wait; echo waited\n", `waited\r\n(.|\n)*ready> $`, 0},
	{"cat | cat\n", `cat \| cat\r\n`, 0},
	{"line\n", `line\r\nline\r\n`, 300 * time.Millisecond},
	{"\x04", `ready> $`, 0},
	{"exit 3\n", `exit\r\n`, 0},
}

// play goes through a session and returns the exit status.
func (t *terminal) play(test *testing.T, session []step) int {
	test.Helper()
	from := 0
	for _, s := range session {
		time.Sleep(s.pause)
		if _, err := t.master.WriteString(s.typed); err != nil {
			test.Fatalf("type %q: %v; seen %q", s.typed, err, t.text())
		}
		if !t.await(regexp.MustCompile(s.wait), from) {
			t.cmd.Process.Kill()
			test.Fatalf("after typing %q there is no %q; since then %q", s.typed, s.wait, t.text()[from:])
		}
		from = len(t.text())
	}
	done := make(chan struct{})
	go func() { t.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.cmd.Process.Kill()
		test.Fatalf("the shell does not end; seen %q", t.text())
	}
	<-t.ended
	return shellCode(t.cmd.ProcessState)
}

func (t *terminal) await(pattern *regexp.Regexp, from int) bool {
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if pattern.MatchString(t.text()[from:]) {
			return true
		}
	}
	return false
}

// TestJobControl stops, lists, continues and interrupts a job of an interactive shell.
func TestJobControl(t *testing.T) {
	testneed.Programs(t, "bash")
	shell := []string{"bash", "--norc", "--noprofile", "-i"}
	native := onTerminal(t, shell...)
	if code := native.play(t, jobSession); code != 3 {
		t.Fatalf("the shell ends with %d without stead; seen %q", code, native.text())
	}
	under, _ := traced(t, everything, shell...)
	traced := onTerminal(t, under...)
	if code := traced.play(t, jobSession); code != 3 {
		t.Errorf("ended with %d, want 3", code)
	}
	if got, want := traced.screen(), native.screen(); got != want {
		t.Errorf("the screen shows\n%q\nwithout stead\n%q", got, want)
	}
}
