package attack

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/testneed"
)

// An attack is one line of the program's list: TRICK/CALL, and what it is like.
type attack struct {
	name string
	like []string
}

func (k attack) is(word string) bool { return slices.Contains(k.like, word) }

// attacks lists those that this user can make.
func attacks(t *testing.T, program string, most limits) (all []attack) {
	t.Helper()
	out, err := exec.Command(program, "list").Output()
	check(t, err)
	total := 0
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		k := attack{words[0], words[1:]}
		total++
		if most.only.MatchString(k.name) {
			all = append(all, k)
		}
	}
	if total < 400 {
		t.Fatalf("the program lists %d attacks, which cannot be all", total)
	}
	return all
}

// A tally is what came of the attempts of an attack.
type tally struct {
	attempts, won, allowed, denied int
	others                         []string // errno numbers that are neither, with how often
}

func (y tally) String() string {
	return fmt.Sprintf("%d attempts: %d won, %d allowed, %d denied, %s", y.attempts, y.won, y.allowed, y.denied, strings.Join(y.others, " "))
}

func parseTally(line string) (name string, y tally, err error) {
	fields := strings.Fields(line)
	if len(fields) < 5 {
		return "", y, fmt.Errorf("the program said %q, not what came of an attack", line)
	}
	for i, to := range []*int{&y.attempts, &y.won, &y.allowed, &y.denied} {
		_, number, _ := strings.Cut(fields[1+i], "=")
		if *to, err = strconv.Atoi(number); err != nil {
			return "", y, fmt.Errorf("the program said %q: %w", line, err)
		}
	}
	y.others = fields[5:]
	return fields[0], y, nil
}

// An arena is where attacks are made.
type arena struct {
	stead    string // empty: nobody supervises
	program  string
	race     string
	attempts int  // of each attack
	stop     bool // at its first success
	user     int  // 0: who runs the test
}

// fight makes attacks that share what they have outside, one after the other in one tree, each for a time.
func (a *arena) fight(t *testing.T, limit time.Duration, group ...attack) map[string]tally {
	t.Helper()
	x := newTree(t, filepath.Join(t.TempDir(), "tree"))
	if a.user != 0 {
		x.give(t, a.user)
	}
	before := x.snapshot(t)
	rules := filepath.Join(filepath.Dir(x.root), "policy.yaml")
	check(t, os.WriteFile(rules, []byte(policy(x.root, a.race)), 0o644))
	if group[0].is("peer") {
		defer a.peer(t, group[0], x)()
	}
	all := a.target(t, group, x, rules, limit)
	won := 0
	for _, y := range all {
		won += y.won
	}
	if after := x.snapshot(t); after != before && won == 0 {
		t.Errorf("%s: the forbidden tree has changed, and the program did not see it:\n%s\nwas\n%s", group[0].name, after, before)
	}
	return all
}

// names joins the names of attacks.
func names(group []attack) string {
	var all []string
	for _, k := range group {
		all = append(all, k.name)
	}
	return strings.Join(all, ",")
}

// target runs the supervised side.
func (a *arena) target(t *testing.T, group []attack, x *tree, rules string, limit time.Duration) map[string]tally {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(len(group))*(limit+time.Second)+20*time.Second)
	defer cancel()
	stop := map[bool]string{false: "0", true: "1"}[a.stop]
	argv := []string{a.stead, "run", "--policy", rules, "--"}
	if a.stead == "" {
		argv = []string{"/bin/sh", "-c", `"$@"; exit $?`, "sh"} // stands where the supervisor would
	}
	argv = append(argv, a.program, "run", names(group), x.root, strconv.Itoa(a.attempts), strconv.FormatInt(limit.Milliseconds(), 10), stop)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = x.root, &stdout, &stderr, x.witnesses(t)
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = a.identity()
	err := cmd.Run()
	for _, f := range cmd.ExtraFiles {
		f.Close()
	}
	if cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == 5 {
		testneed.Missing(t, "%s", stderr.String())
	}
	if err != nil {
		t.Fatalf("%s: %v: %s%s", names(group), err, stdout.String(), stderr.String())
	}
	return tallies(t, stdout.String(), len(group))
}

func tallies(t *testing.T, text string, want int) map[string]tally {
	t.Helper()
	all := map[string]tally{}
	for line := range strings.Lines(text) {
		name, y, err := parseTally(line)
		check(t, err)
		all[name] = y
	}
	if len(all) != want {
		t.Fatalf("%d attacks of %d said what came of them: %s", len(all), want, text)
	}
	return all
}

// identity is who attacks.
func (a *arena) identity() *syscall.SysProcAttr {
	if a.user == 0 {
		return nil
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(a.user), Gid: uint32(a.user)}}
}

// peer starts the side that is not supervised, and returns what ends it.
func (a *arena) peer(t *testing.T, k attack, x *tree) (end func()) {
	t.Helper()
	cmd := exec.Command(a.program, "peer", k.name, x.root)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.SysProcAttr = a.identity()
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	end = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = unix.Unmount(x.at("fuse"), unix.MNT_DETACH) // of one trick only
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	if line == "ready\n" {
		return end
	}
	end()
	if strings.HasPrefix(line, "unsupported") {
		testneed.Missing(t, "%s", line)
	}
	t.Fatalf("%s: the peer did not begin: %s", k.name, stderr.String())
	return nil
}
