package integration

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stead-project/stead/integration/stracecmp"
	"github.com/stead-project/stead/internal/testneed"
)

// A scenario is a program whose calls strace and stead should print alike.
type scenario struct {
	name    string
	needs   []string
	command func(t *testing.T) []string
	prepare string // shell script that makes the input in the working directory, not traced
	replace []stracecmp.Replacement
	bag     bool     // not deterministic: compare as a multiset
	ignore  []string // calls whose number depends on the scheduler
	floor   float64  // percent; 0: the default
	notify  string   // calls that stead notifies only if it is asked to
	options []string // of both tools
	accept  []stracecmp.Acceptance
}

// Floors of the matched part, in percent. Two runs under strace itself differ by the second one's complement: a
// signal that comes a call earlier, a child that ends before its parent waits.
const (
	floor     = 99.5
	selfFloor = 99.9
)

func fixed(argv ...string) func(*testing.T) []string {
	return func(*testing.T) []string { return argv }
}

// source runs a script of testdata.
func source(interpreter, script string) func(*testing.T) []string {
	return func(t *testing.T) []string {
		path, err := filepath.Abs(filepath.Join("testdata", script))
		if err != nil {
			t.Fatal(err)
		}
		return []string{interpreter, path}
	}
}

func mask(pattern, with string) stracecmp.Replacement {
	return stracecmp.Replacement{Pattern: regexp.MustCompile(pattern), With: with}
}

const tree = `for i in 1 2 3 4 5 6 7 8 9; do mkdir -p tree/$i/a/b; echo $i >tree/$i/file; echo $i >tree/$i/a/b/deep
	ln -s file tree/$i/link; done`

// The objects' names depend on times and names, so these are fixed.
const repository = `export GIT_AUTHOR_NAME=n GIT_AUTHOR_EMAIL=e@example.org GIT_COMMITTER_NAME=n GIT_COMMITTER_EMAIL=e@example.org
	export GIT_AUTHOR_DATE='1600000000 +0000' GIT_COMMITTER_DATE='1600000000 +0000'
	git init -q -b main source; cd source
	for i in 1 2 3 4 5 6; do echo $i >file$i; git add .; git commit -qm $i; done; git tag v1`

var scenarios = []scenario{
	{name: "shell", needs: []string{"bash"}, command: source("bash", "scenarios/shell.sh")},
	{name: "git", needs: []string{"git"}, prepare: repository, command: fixed("git", "clone", "-q", "source", "copy"),
		replace: []stracecmp.Replacement{
			mask(`(tmp_\w+_|tmp_)[A-Za-z0-9]{6}`, "${1}XXXXXX"),
			mask(`/\.git/t[A-Za-z0-9]{6}"`, `/.git/tXXXXXX"`),
		}},
	{name: "tar", needs: []string{"tar"}, prepare: tree,
		command: fixed("sh", "-c", "tar cf t.tar tree && mkdir out && tar xf t.tar -C out && tar tf t.tar >list"),
		replace: []stracecmp.Replacement{mask(`tv_n?sec=\d+`, "TIME")}},
	{name: "python", needs: []string{"/usr/bin/python3"}, command: source("/usr/bin/python3", "scenarios/script.py"),
		replace: []stracecmp.Replacement{
			mask(`stead[a-z0-9_]{8}\b`, "steadXXXXXXXX"),
			mask(`/python/[a-z0-9_]{8}"`, `/python/XXXXXXXX"`), // the probe for a place that can be written
			mask(`^\{tv_sec=\d{2,}, tv_nsec=\d+\}$`, "{TIME}"), // an absolute time on the monotonic clock
		}},
	{name: "find", needs: []string{"find"}, command: fixed("find", "/etc", "-name", "*.conf", "-newer", "/etc/passwd")},
	{name: "http", needs: []string{"/usr/bin/python3"}, command: source("/usr/bin/python3", "scenarios/exchange.py"),
		replace: []stracecmp.Replacement{mask(`htons\(\d+\)`, "htons(PORT)"), mask(`127\.0\.0\.1:\d+`, "127.0.0.1:PORT")}},
	{name: "i386", command: func(t *testing.T) []string {
		return []string{compile(t, "scenarios/i386.c", "-m32", "-static")}
	}},
	{name: "goroutines", bag: true, floor: 97, command: func(t *testing.T) []string {
		return []string{buildGo(t, "scenarios/goroutines")}
	}, replace: []stracecmp.Replacement{
		mask(`goroutines\d{5,}`, "goroutinesN"),
		mask(`^\d{1,3}$`, "FD"),                       // which goroutine gets which descriptor is chance
		mask(`data=\{u32=\d+, u64=\d+\}`, "data={N}"), // made from an address
	}, ignore: []string{"tgkill", "getpid", "gettid", "sigaltstack", "madvise"}},
	{name: "calls", notify: shapes, accept: accepted(everywhere, native), replace: made, command: func(t *testing.T) []string {
		return []string{compile(t, "calls/calls.c", "-static")}
	}},
	{name: "verbose", notify: shapes, accept: accepted(everywhere, native, verbose), replace: made, options: []string{"-v"},
		command: func(t *testing.T) []string { return []string{compile(t, "calls/calls.c", "-static")} }},
	{name: "calls32", notify: shapes, accept: accepted(everywhere, compat), replace: made, command: func(t *testing.T) []string {
		return []string{compile(t, "calls/calls.c", "-static", "-m32")}
	}},
}

// made masks what the program of calls gets from the kernel and hands back.
var made = []stracecmp.Replacement{mask(`/calls-static(-m32)?"`, `/PROGRAM"`)}

// A tracer runs a command and writes its calls to a file.
type tracer struct {
	command func(t *testing.T, s *scenario, file string) []string
	parse   func(io.Reader) (*stracecmp.Trace, error)
}

var straceTracer = tracer{
	command: func(_ *testing.T, s *scenario, file string) []string {
		return append([]string{"strace", "-f", "-qq", "-s", "4096", "-o", file}, s.options...)
	},
	parse: stracecmp.ParseStrace,
}

var steadTracer = tracer{
	command: func(t *testing.T, s *scenario, file string) []string {
		argv := append([]string{stead(t), "trace", "--all", "--calls", s.notify, "-s", "4096", "-o", file}, s.options...)
		return append(argv, "--")
	},
	parse: stracecmp.ParseStead,
}

func (tr *tracer) read(t *testing.T, file string) *stracecmp.Trace {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	trace, err := tr.parse(f)
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

// inputs makes the scenario's working directory: fresh each time, of the same name in all runs.
func (s *scenario) inputs(t *testing.T) string {
	t.Helper()
	base, err := built()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(base, "scenarios", s.name)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if s.prepare == "" {
		return dir
	}
	cmd := exec.Command("sh", "-ec", s.prepare)
	cmd.Dir, cmd.Env = dir, environment(dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("prepare: %v: %s", err, out)
	}
	return dir
}

// record runs the scenario once under a tracer, without address randomisation.
func (s *scenario) record(t *testing.T, tr *tracer) *stracecmp.Trace {
	t.Helper()
	dir, file := s.inputs(t), filepath.Join(t.TempDir(), "trace")
	argv := append([]string{"setarch", "-R"}, tr.command(t, s, file)...)
	r := command{argv: append(argv, s.command(t)...), dir: dir}.run(t)
	if r.code != 0 {
		t.Fatalf("%s ended with %d; stdout %q, stderr %q", strings.Join(argv, " "), r.code, r.stdout, r.stderr)
	}
	return tr.read(t, file)
}

func (s *scenario) comparison() stracecmp.Options {
	asked := strings.Split(s.notify, ",")
	unseen := slices.DeleteFunc(slices.Clone(stracecmp.Unseen), func(c string) bool { return slices.Contains(asked, c) })
	return stracecmp.Options{Ignore: slices.Concat(unseen, s.ignore), Replace: s.replace, Multiset: s.bag, Accept: s.accept}
}

// attempts is how often a comparison is made before it fails: which call a signal meets is chance, more so on a busy
// machine, and a difference between the tools is there every time.
const attempts = 3

func (s *scenario) compare(t *testing.T, a, b *tracer, least float64) {
	t.Helper()
	testneed.Programs(t, append(s.needs, "strace", "setarch")...)
	if s.floor != 0 {
		least = s.floor
	}
	for range attempts {
		report := stracecmp.Compare(s.record(t, a), s.record(t, b), s.comparison())
		t.Logf("%s: %v", s.name, report)
		if report.Percent() >= least {
			s.checkAccepted(t, b, report)
			return
		}
	}
	t.Errorf("in %d attempts less than %.1f %% of the lines match", attempts, least)
}

// checkAccepted fails for accepted differences that are no more.
func (s *scenario) checkAccepted(t *testing.T, b *tracer, report *stracecmp.Report) {
	t.Helper()
	if b == &steadTracer && len(report.Unused) > 0 {
		t.Errorf("%s: accepted differences that do not occur: %q", s.name, report.Unused)
	}
}

// TestStraceAgainstItself is the floor of noise: what two runs of a scenario differ by under one tracer.
func TestStraceAgainstItself(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) { s.compare(t, &straceTracer, &straceTracer, selfFloor) })
	}
}

// TestTraceAgainstStrace runs each scenario under strace and under stead trace.
func TestTraceAgainstStrace(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) { s.compare(t, &straceTracer, &steadTracer, floor) })
	}
}
