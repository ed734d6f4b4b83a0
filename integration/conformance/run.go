package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// A Suite is what the environments have in common.
type Suite struct {
	dir    string
	memory string
	stead  string // "" compares two native runs
	limit  time.Duration

	wrapper  []string // in place of Stead, where the suite itself is tested
	accepted []Acceptance
	used     used
}

// Options say what is compared.
type Options struct {
	// Dir is a directory for the files of the runs, on the file system to be tested; it must be empty and reachable for every user.
	Dir string
	// Memory is a directory like Dir on a file system in memory, where most environments take a tenth of the time; "" is Dir.
	Memory string
	// Stead is the command under test; "" compares two runs without it, which must be the same too.
	Stead string
	// Limit bounds one run of the probe; 0 is a minute.
	Limit time.Duration
}

// New builds the probe and copies the command to where every user can start it. It needs the Go command.
func New(opt Options) (*Suite, error) {
	s := &Suite{dir: opt.Dir, memory: opt.Memory, limit: opt.Limit, used: used{hits: map[Acceptance]int{}}}
	if s.limit == 0 {
		s.limit = time.Minute
	}
	if s.memory == "" {
		s.memory = s.dir
	}
	for _, arch := range []string{"amd64", "386"} {
		if err := build(filepath.Join(s.dir, "probe-"+arch), arch); err != nil {
			return nil, err
		}
	}
	if opt.Stead == "" {
		return s, nil
	}
	s.accepted = Accepted()
	s.stead = filepath.Join(s.dir, "stead")
	return s, copyFile(opt.Stead, s.stead)
}

func build(out, arch string) error {
	cmd := exec.Command("go", "build", "-o", out, "github.com/stead-project/stead/integration/conformance/internal/probe")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the probe for %s: %w: %s", arch, err, text)
	}
	return os.Chmod(out, 0o755)
}

func (s *Suite) root() bool { return os.Geteuid() == 0 }

// A pair is what the two sides of an environment printed, by check.
type pair struct{ native, performed map[string][]string }

// run makes both runs, beside each other.
func (e Env) run() (pair, error) {
	type answer struct {
		lines map[string][]string
		err   error
	}
	other := make(chan answer, 1)
	go func() {
		lines, err := e.side("n", nil)
		other <- answer{lines, err}
	}()
	performed, err := e.side("p", e.suite.command())
	native := <-other
	return pair{native.lines, performed}, errors.Join(err, native.err)
}

// command is what is put before a performed run.
func (s *Suite) command() []string {
	if s.stead == "" {
		return s.wrapper
	}
	return []string{s.stead, "--log-level", "error", "run", "--preset", "perform", "--"}
}

// side makes one run, and adds to its lines what is in the directories afterwards.
func (e Env) side(name string, command []string) (map[string][]string, error) {
	at := e.place(name)
	if err := e.prepare(at); err != nil {
		return nil, err
	}
	var argv []string
	for _, part := range [][]string{e.outside, command, e.inside, e.probe(at)} {
		for _, word := range part {
			argv = append(argv, strings.ReplaceAll(word, baseArg, at.base))
		}
	}
	out, err := e.suite.start(argv)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Name, err)
	}
	lines := split(out)
	for check := range lines {
		dir := filepath.Join(at.base, "work", strings.ReplaceAll(check, "/", "."))
		lines[check] = append(lines[check], tree(dir)...)
	}
	return lines, nil
}

func (e Env) probe(at place) []string {
	argv := []string{at.probe, "-dir", at.work, "-fix", at.fix}
	if e.thread {
		argv = append(argv, "-thread")
	}
	return argv
}

// goDebug keeps the Go runtime of the probe from signals of its own and from the descriptors of its control group's files.
const goDebug = "GODEBUG=asyncpreemptoff=1,containermaxprocs=0,updatemaxprocs=0"

// start runs a command to its end; it must succeed and say nothing on standard error.
func (s *Suite) start(argv []string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", goDebug}
	// A test that is killed must not leave its runs behind. The signal is for the end of the thread that started them.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		return "", fmt.Errorf("%v did not end within %v: raise the limit, or see which check was the last in: %s", argv, s.limit, ending(stdout.String()))
	}
	if err == nil && stderr.Len() > 0 {
		err = errors.New("it succeeded but complained")
	}
	if err != nil {
		return "", fmt.Errorf("%v: %w; standard error: %s; the last lines: %s", argv, err, ending(stderr.String()), ending(stdout.String()))
	}
	return stdout.String(), nil
}

// ending is the end of a text.
func ending(s string) string { return s[max(0, len(s)-2000):] }

const header = "### "

// split takes a run's output apart by the headers of the checks.
func split(out string) map[string][]string {
	lines := map[string][]string{}
	name := ""
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		if rest, ok := strings.CutPrefix(line, header); ok {
			name = rest
			lines[name] = []string{}
			continue
		}
		lines[name] = append(lines[name], line)
	}
	return lines
}
