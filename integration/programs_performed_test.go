package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stead-project/stead/internal/testneed"
)

// A performedProgram is a real program whose every call on files is performed by the supervisor. Its scripts are in
// testdata/programs/SCRIPT: setup.sh makes the start state, which is the same for every run, and run.sh is compared.
type performedProgram struct {
	name    string
	script  string   // directory; empty: the name
	needs   []string // programs
	root    bool     // only root can
	user    bool     // as an ordinary user, which only root can become
	ignored ignored
	masks   []mapping
}

// An ignored is what differs between any two runs in a tree.
type ignored struct {
	content []string // patterns of paths
	time    string   // part of paths; empty: none
}

// A mapping takes what differs between any two runs out of the output.
type mapping struct{ pattern, with string }

// performedPrograms lists the programs. What all of them need (bash, awk, cp, python3) is in need's call.
func performedPrograms() []performedProgram {
	// Inode numbers and ctimes are in an index. Whether git finds an object's file anew, and touches it, depends on whether the
	// index was written within the same tick of the clock as the file.
	indexes := ignored{[]string{"*/.git/index", "*/.git/worktrees/*/index", "*/.git/modules/*/index"}, "/objects/"}
	fetched := mapping{`(?m)^Fetched .*$`, "Fetched"} // in so many seconds
	future := mapping{`\d+(\.\d+)? s in the future`, "N s in the future"}
	levels := ignored{content: []string{"snap", "level?.tar"}} // inode numbers and ctimes
	return []performedProgram{
		{name: "tar", needs: []string{"tar", "gzip"}, root: true, ignored: levels, masks: []mapping{future}},
		{name: "tar as a user", script: "tar", needs: []string{"tar", "gzip"}, user: true, ignored: levels, masks: []mapping{future}},
		{name: "rsync", needs: []string{"rsync"}, root: true},
		{name: "rsync as a user", script: "rsync", needs: []string{"rsync"}, user: true},
		{name: "git", needs: []string{"git"}, ignored: indexes},
		{name: "git as a user", script: "git", needs: []string{"git"}, user: true, ignored: indexes},
		{name: "cp", needs: []string{"cp", "install", "fallocate"}, root: true},
		{name: "cp as a user", script: "cp", needs: []string{"cp", "install", "fallocate"}, user: true},
		{name: "find", needs: []string{"find", "xargs"}},
		{name: "make", needs: []string{"make", "gcc", "ar"}, masks: []mapping{future}},
		{name: "apt-get", script: "apt", needs: []string{"apt-get", "dpkg", "dpkg-deb"}, root: true, masks: []mapping{fetched},
			ignored: ignored{content: []string{"root/var/log/*", "root/var/log/apt/*"}}},
		{name: "python3 -m compileall", script: "compileall"},
		{name: "sqlite3", script: "sqlite", needs: []string{"sqlite3"}},
		{name: "dpkg in a chroot", script: "dpkg", needs: []string{"dpkg", "dpkg-deb", "busybox", "chroot", "diff"}, root: true,
			ignored: ignored{content: []string{"root/var/log/dpkg.log"}}},
		{name: "bash", needs: []string{"tac", "timeout"}},
		{name: "bash as a user", script: "bash", needs: []string{"tac", "timeout"}, user: true},
	}
}

// TestProgramsAgainstThemselves shows that two runs without Stead are equal, so that what differs under it is Stead's.
func TestProgramsAgainstThemselves(t *testing.T) {
	for _, p := range performedPrograms() {
		t.Run(p.name, func(t *testing.T) {
			s := p.start(t)
			s.differences(t, s.run(t), s.run(t))
		})
	}
}

// TestProgramsPerformed compares real programs with all their calls on files performed, and without Stead: output, exit
// status, and the tree that they leave. The record shows that they were performed.
func TestProgramsPerformed(t *testing.T) {
	for _, p := range performedPrograms() {
		t.Run(p.name, func(t *testing.T) {
			s := p.start(t)
			native, record := s.run(t), filepath.Join(t.TempDir(), "record")
			s.differences(t, native, s.run(t, stead(t), "run", "--preset", "perform", "--log", record, "--"))
			checkRecord(t, record)
		})
	}
}

// A start is the state that every run of a program begins in.
type start struct {
	program performedProgram
	scripts string // copies that every user can read
	state   string
	work    string // where runs are: the same name for all, since programs print it
}

func (p performedProgram) start(t *testing.T) *start {
	t.Helper()
	p.require(t)
	base, err := built()
	if err != nil {
		t.Fatal(err)
	}
	if p.script == "" {
		p.script = p.name
	}
	dir := filepath.Join(base, "programs", strings.ReplaceAll(p.name, " ", "-"))
	s := &start{p, filepath.Join(dir, "scripts"), filepath.Join(dir, "state"), filepath.Join(dir, "work")}
	s.prepare(t, base, dir)
	return s
}

func (p performedProgram) require(t *testing.T) {
	t.Helper()
	if (p.root || p.user) && os.Getuid() != 0 {
		testneed.Missing(t, "needs root, to have files of other owners or to become another user")
	}
	testneed.Programs(t, append([]string{"bash", "awk", "cp", "setpriv", "truncate", "/usr/bin/python3"}, p.needs...)...)
}

// owner is who runs a program that runs as an ordinary user; one supplementary group shows that groups are the target's.
const owner, ownerGroup = 12345, 54321

// argv runs a script, as the program's user.
func (s *start) argv(script string) []string {
	return s.as("bash", "--norc", "--noprofile", filepath.Join(s.scripts, s.program.script, script))
}

func (s *start) as(argv ...string) []string {
	if !s.program.user {
		return argv
	}
	return append([]string{"setpriv", fmt.Sprint("--reuid=", owner), fmt.Sprint("--regid=", owner), fmt.Sprint("--groups=", ownerGroup)}, argv...)
}

// prepare makes the start state where runs will be, and puts it aside.
func (s *start) prepare(t *testing.T, base, dir string) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(os.RemoveAll(dir))
	check(os.MkdirAll(s.work, 0o755))
	check(os.CopyFS(s.scripts, os.DirFS(filepath.Join("testdata", "programs"))))
	for d := dir; d != filepath.Dir(base); d = filepath.Dir(d) {
		check(os.Chmod(d, 0o755)) // an ordinary user has to come through
	}
	if s.program.user {
		check(os.Chown(s.work, owner, owner))
	}
	if r := (command{argv: s.as("test", "-w", s.work), dir: "/"}).run(t); r.code != 0 {
		testneed.Missing(t, "needs a directory for temporary files that user %d can reach, in TMPDIR: %s is not%s", owner, dir, r.stderr)
	}
	began := time.Now()
	argv := s.argv("setup.sh")
	i := len(argv) - 1
	argv = append(argv[:i:i], "-eu", argv[i])
	if r := (command{argv: argv, dir: s.work, limit: programLimit}).run(t); r.code != 0 {
		t.Fatalf("the set-up ended with %d: %s%s", r.code, r.stdout, r.stderr)
	}
	check(settle(s.work, began))
	check(os.Rename(s.work, s.state))
}

// programLimit is for a loaded machine; the slowest takes seconds.
const programLimit = 4 * time.Minute

// An outcome is all that is compared.
type outcome struct {
	result
	tree map[string]string
}

// run runs the program once from the start state, under what prefix says.
func (s *start) run(t *testing.T, prefix ...string) outcome {
	t.Helper()
	if err := os.RemoveAll(s.work); err != nil {
		t.Fatal(err)
	}
	if text, err := exec.Command("cp", "-a", s.state, s.work).CombinedOutput(); err != nil {
		t.Fatalf("copy the start state: %v: %s", err, text)
	}
	if err := settle(s.work, time.Now()); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	r := command{argv: append(prefix, s.argv("run.sh")...), dir: s.work, limit: programLimit}.run(t)
	t.Logf("%v", time.Since(began).Round(time.Millisecond))
	tree, err := treeOf(s.work, began, s.program.ignored)
	if err != nil {
		t.Fatal(err)
	}
	if len(prefix) > 0 {
		r = withoutWarnings(t, r)
	}
	r.stdout, r.stderr = s.masked(r.stdout), s.masked(r.stderr)
	return outcome{r, tree}
}

func (s *start) masked(text string) string {
	for _, m := range s.program.masks {
		text = regexp.MustCompile(m.pattern).ReplaceAllString(text, m.with)
	}
	return text
}

// differences fails for whatever differs between two runs.
func (s *start) differences(t *testing.T, native, other outcome) {
	t.Helper()
	if native.code != other.code {
		t.Errorf("ended with %d, natively with %d", other.code, native.code)
	}
	if native.stdout != other.stdout {
		t.Errorf("standard output:\n%s", apart(native.stdout, other.stdout))
	}
	if native.stderr != other.stderr {
		t.Errorf("standard error:\n%s", apart(native.stderr, other.stderr))
	}
	if len(native.tree) < 2 || native.stdout == "" {
		t.Errorf("the program printed %q and left %d files: nothing is compared", native.stdout, len(native.tree))
	}
	if text := treesApart(native.tree, other.tree); text != "" {
		t.Errorf("the tree:\n%s", text)
	}
}
