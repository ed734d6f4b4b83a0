package stracecmp

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Unseen lists the calls that stead trace --all does not notify, with restart_syscall, which the kernel puts in by
// itself. It is written out here, so that a call that stead stops showing is a difference.
var Unseen = strings.Fields(`
	clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64 clone clone3 close epoll_pwait epoll_pwait2
	epoll_wait epoll_wait_old exit exit_group fork futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake
	get_robust_list gettimeofday nanosleep _newselect poll ppoll ppoll_time64 pread64 preadv preadv2 pselect6
	pselect6_time64 pwrite64 pwritev pwritev2 read readv restart_syscall rseq rt_sigprocmask rt_sigreturn rt_sigsuspend
	sched_yield select set_robust_list sigprocmask sigreturn sigsuspend time vfork wait4 waitid waitpid write writev`)

// A Replacement masks what differs between two runs of one scenario: a temporary name, a port, a time.
type Replacement struct {
	Pattern *regexp.Regexp
	With    string
}

// Options say how two traces are compared. The zero value compares thread by thread and leaves nothing out.
type Options struct {
	Ignore   []string      // calls that are left out on both sides
	Replace  []Replacement // applied to each argument, in order
	Multiset bool          // compare all lines of the run regardless of thread and order
	Samples  int           // examples per group in a report; 0: 3
	Accept   []Acceptance  // differences that are meant
}

// An Acceptance is a difference that is meant: lines that both runs have, printed differently. They are not counted.
type Acceptance struct {
	Line   *regexp.Regexp // matches the first run's call
	Reason string
}

var (
	// Addresses have six or more digits; a number with a comment is an unknown flag and not an address.
	address = regexp.MustCompile(`\b0x[0-9a-f]{6,16}\b`)
	// What a call changed: "[128 => 16]" and "[0] => [512]".
	changed  = regexp.MustCompile(`\[(-?\d+) => -?\d+\]`)
	procPath = regexp.MustCompile(`/proc/\d+\b`)
	// strace explains a time by its date.
	date     = regexp.MustCompile(` /\* \d{4}-\d\d-\d\dT[^*]*\*/`)
	envCount = regexp.MustCompile(`/\* (\d+) vars? \*/`)
)

// normaliser turns the calls of one thread into comparable text.
type normaliser struct {
	options *Options
	pids    map[string]string // by order of appearance
}

func newNormaliser(o *Options) *normaliser {
	return &normaliser{options: o, pids: map[string]string{}}
}

// args returns the call's arguments without what may differ.
func (n *normaliser) args(c *Call) []string {
	out := outOf(c)
	args := make([]string, len(c.Args))
	for i, a := range c.Args {
		args[i] = n.arg(c, i, a, slices.Contains(out, i))
	}
	return args
}

func (n *normaliser) arg(c *Call, i int, a string, out bool) string {
	switch {
	case out && a != "NULL":
		return "OUT"
	case slices.Contains(pidArgs[c.Name], i):
		return n.pid(a)
	case isEnvironment(c.Name, i):
		return environment(a)
	}
	a = outside(a, unchanged)
	a = outside(a, maskAddresses)
	a = date.ReplaceAllString(a, "")
	a = procPath.ReplaceAllString(a, "/proc/PID")
	for _, r := range n.options.Replace {
		a = r.Pattern.ReplaceAllString(a, r.With)
	}
	return a
}

func outOf(c *Call) []int {
	if out, ok := outArgs[c.Name]; ok {
		return out
	}
	s, ok := outWhen[c.Name]
	if !ok || s.by >= len(c.Args) || !slices.Contains(s.values, c.Args[s.by]) {
		return nil
	}
	return []int{s.out}
}

// pid names a process by the order in which this thread spoke of it. 0, 1 and -1 have meanings of their own.
func (n *normaliser) pid(a string) string {
	number, err := strconv.Atoi(a)
	if err != nil || (number >= -1 && number <= 1) {
		return a
	}
	sign := ""
	if number < 0 {
		sign, a = "-", a[1:]
	}
	if n.pids[a] == "" {
		n.pids[a] = fmt.Sprintf("PID%d", len(n.pids)+1)
	}
	if n.options.Multiset {
		return sign + "PID"
	}
	return sign + n.pids[a]
}

func isEnvironment(name string, i int) bool {
	return name == "execve" && i == 2 || name == "execveat" && i == 3
}

// environment reduces a list of variables to their number: without -v strace prints no more.
func environment(a string) string {
	if m := envCount.FindStringSubmatch(a); m != nil {
		return m[1] + " vars"
	}
	if !strings.HasPrefix(a, "[") {
		return a
	}
	vars, _, _ := splitArgs(a[1:])
	return strconv.Itoa(len(vars)) + " vars"
}

// unchanged takes away what the call made of an argument that is read and written.
func unchanged(s string) string {
	if before, _, ok := strings.Cut(s, "] => ["); ok {
		return before + "]"
	}
	return changed.ReplaceAllString(s, "[$1]")
}

func maskAddresses(s string) string {
	spans := address.FindAllStringIndex(s, -1)
	if spans == nil {
		return s
	}
	var b strings.Builder
	last := 0
	for _, span := range spans {
		b.WriteString(s[last:span[0]])
		if isFlag(s, span[0], span[1]) {
			b.WriteString(s[span[0]:span[1]])
		} else {
			b.WriteString("ADDR")
		}
		last = span[1]
	}
	b.WriteString(s[last:])
	return b.String()
}

// isFlag reports whether the number at s[start:end] is one of several flags or has a comment that says what it is.
func isFlag(s string, start, end int) bool {
	return start > 0 && s[start-1] == '|' || strings.HasPrefix(s[end:], "|") || strings.HasPrefix(s[end:], " /* ")
}
