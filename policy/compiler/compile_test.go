package compiler

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/callspec"
	"github.com/stead-project/stead/policy/filter"
	"github.com/stead-project/stead/policy/lang"
)

const head = "version: 1\nname: test\n"

func load(t testing.TB, text string) *policy.Document {
	t.Helper()
	doc, err := lang.Parse("test.yaml", []byte(head+text), lang.Options{})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return doc
}

var both = Options{ABIs: []arch.ABI{arch.X86_64, arch.I386}, Landlock: 7}

func compiled(t testing.TB, text string, o Options) *Program {
	t.Helper()
	p, err := Compile(load(t, text), o)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return p
}

// verdict decides a call as the supervisor would and as the kernel's filter would, and makes sure that they agree.
func verdict(t *testing.T, p *Program, call string, abi arch.ABI) policy.Decision {
	t.Helper()
	c, err := callspec.Parse(call, abi)
	if err != nil {
		t.Fatal(err)
	}
	d := p.Decider(nil).Decide(&policy.Request{Call: c})
	got := p.Lists.Decide(c.Raw)
	if got == filter.Notify {
		return d
	}
	c2 := compilation{prog: &Program{}}
	if want := c2.kernelAction(0, d); got != want {
		t.Errorf("%s: the filter says %v, the supervisor %v (%v)", call, got, want, d)
	}
	return d
}

func TestVerdicts(t *testing.T) {
	p := compiled(t, `
default: {deny: EPERM}
rules:
  - calls: [getpriority]
    when: which == PRIO_USER
    then: {deny: ESRCH}
  - calls: [getpriority]
    then: allow
  - calls: [socket]
    when: domain == AF_ALG
    then: {deny: EAFNOSUPPORT}
  - calls: [socket]
    when: domain in [AF_INET, AF_INET6]
    then: allow
  - calls: [openat]
    when: pathname.under("/etc/ssl/private")
    then: {deny: ENOENT}
  - calls: [uname]
    then: {return: 5}
  - calls: [getcwd]
    then: log
  - calls: [reboot]
    then: kill
`, both)
	for _, abi := range both.ABIs {
		for call, want := range map[string]policy.Decision{
			"getpriority(PRIO_USER, 0)":                        {Verdict: policy.Deny, Errno: syscall.ESRCH},
			"getpriority(PRIO_PROCESS, 0)":                     {Verdict: policy.Allow},
			"socket(AF_ALG, SOCK_SEQPACKET, 0)":                {Verdict: policy.Deny, Errno: syscall.EAFNOSUPPORT},
			"socket(AF_INET, SOCK_STREAM, 0)":                  {Verdict: policy.Allow},
			"socket(AF_UNIX, SOCK_STREAM, 0)":                  {Verdict: policy.Deny, Errno: syscall.EPERM},
			`openat(AT_FDCWD, "/etc/ssl/private/k", O_RDONLY)`: {Verdict: policy.Deny, Errno: syscall.ENOENT},
			`openat(AT_FDCWD, "/etc/passwd", O_RDONLY)`:        {Verdict: policy.Deny, Errno: syscall.EPERM},
			"uname(NULL)":     {Verdict: policy.Return, Value: 5},
			"getcwd(NULL, 0)": {Verdict: policy.Log},
			"reboot(LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_HALT)": {Verdict: policy.Kill},
			`mkdir("/x", 0755)`: {Verdict: policy.Deny, Errno: syscall.EPERM},
		} {
			got := verdict(t, p, call, abi)
			if got.Verdict != want.Verdict || got.Errno != want.Errno || got.Value != want.Value {
				t.Errorf("%s %s: %+v, want %+v", abi, call, got, want)
			}
		}
	}
	if _, err := filter.BuildLists(p.Lists); err != nil {
		t.Errorf("build the filter: %v", err)
	}
}

// Every rule that could only be enforced by looking at memory and letting the kernel look again is refused, with its place.
func TestRacesAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"allow by path": {"default: {deny: EPERM}\nrules:\n  - calls: [openat]\n    when: pathname.under(\"/srv\")\n    then: allow\n",
			"test.yaml:5"},
		"log by path": {"default: allow\nrules:\n  - calls: [execve]\n    when: pathname.under(\"/opt\")\n    then: log\n",
			"exec:"},
		"deny by path, else allow": {"default: allow\nrules:\n  - calls: [openat]\n    when: pathname.under(\"/srv\")\n    then: deny\n",
			"pathname"},
		"deny by path, later allow": {"default: {deny: EPERM}\nrules:\n  - calls: [openat]\n    when: pathname.under(\"/srv\")\n    then: deny\n  - calls: [openat]\n    then: allow\n",
			"race: accepted"},
		"deny by address, else allow": {"default: allow\nrules:\n  - calls: [connect]\n    when: addr.port == 25\n    then: deny\n",
			"addr"},
		"perform": {"default: allow\nrules:\n  - calls: [mount]\n    then: perform\n", "cannot perform mount"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Compile(load(t, c.text), both)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "test.yaml:") {
				t.Errorf("error %v, want one that contains %q and a place", err, c.want)
			}
		})
	}
}

// The ways out compile.
func TestWaysOut(t *testing.T) {
	perform := both
	perform.Performable, _ = arch.ParseSelection("openat", arch.Selection{})
	for name, c := range map[string]struct {
		text   string
		o      Options
		call   string
		want   policy.Verdict
		engine Engine
	}{
		"accepted": {"default: allow\nrules:\n  - calls: [openat]\n    when: pathname.under(\"/srv\")\n    then: log\n    race: accepted\n",
			both, `openat(AT_FDCWD, "/srv/x", O_RDONLY)`, policy.Log, AcceptedRace},
		"performed": {"default: allow\nrules:\n  - calls: [openat]\n    when: pathname.under(\"/srv\")\n    then: deny\n",
			perform, `openat(AT_FDCWD, "/home/x", O_RDONLY)`, policy.Perform, Performed},
		"refused either way": {"default: {deny: EPERM}\nrules:\n  - calls: [openat]\n    when: pathname.under(\"/srv\")\n    then: {deny: ENOENT}\n",
			both, `openat(AT_FDCWD, "/srv/x", O_RDONLY)`, policy.Deny, Supervisor},
		"Landlock": {"default: {deny: EPERM}\nfiles: {read: [/usr]}\n",
			both, `openat(AT_FDCWD, "/srv/x", O_RDONLY)`, policy.Allow, Landlock},
	} {
		t.Run(name, func(t *testing.T) {
			p := compiled(t, c.text, c.o)
			if got := verdict(t, p, c.call, arch.X86_64); got.Verdict != c.want {
				t.Errorf("%s: %v, want %v", c.call, got.Verdict, c.want)
			}
			found := false
			for _, e := range p.Enforcements {
				found = found || e.Engine == c.engine
			}
			if !found {
				t.Errorf("no enforcement by %v: %+v", c.engine, p.Enforcements)
			}
		})
	}
}

// What would go around a policy is refused unless a rule names it.
func TestGoAround(t *testing.T) {
	p := compiled(t, "default: allow\nrules:\n  - calls: [mount]\n    then: deny\n  - calls: [ptrace]\n    then: allow\n", both)
	for call, want := range map[string]policy.Verdict{
		"io_uring_setup(8, NULL)": policy.Deny, "userfaultfd(0)": policy.Deny, "ptrace(PTRACE_TRACEME)": policy.Allow,
	} {
		if got := verdict(t, p, call, arch.X86_64); got.Verdict != want {
			t.Errorf("%s: %v, want %v", call, got.Verdict, want)
		}
	}
	if d := verdict(t, compiled(t, "default: allow\n", both), "userfaultfd(0)", arch.X86_64); d.Verdict != policy.Allow {
		t.Errorf("a policy that refuses nothing refuses userfaultfd: %+v", d)
	}
}

// notifies says whether a program's lists leave anything to the supervisor.
func notifies(p *Program) bool {
	for _, abi := range p.Lists.ABIs {
		if abi.Default == filter.Notify {
			return true
		}
		for _, clauses := range abi.Calls {
			if slices.ContainsFunc(clauses, func(c filter.Clause) bool { return c.Then == filter.Notify }) {
				return true
			}
		}
	}
	return false
}

// A policy that is only short forms and register rules notifies nothing.
func TestNothingIsNotified(t *testing.T) {
	p := compiled(t, "default: allow\nfiles: {read: [/], write: [/tmp]}\nrules:\n  - calls: [socket]\n    when: domain == AF_ALG\n    then: {deny: EAFNOSUPPORT}\n",
		Options{ABIs: []arch.ABI{arch.X86_64}, Landlock: 7})
	if notifies(p) {
		t.Errorf("something is notified: %+v", p.Enforcements)
	}
	r, err := filter.BuildLists(p.Lists)
	if err != nil {
		t.Fatal(err)
	}
	for _, ins := range r.Program {
		if ins.Code == 6 && filter.Action(ins.K) == filter.Notify {
			t.Error("the filter can notify")
		}
	}
}

func TestUnreachedRulesAreWarnedOf(t *testing.T) {
	p := compiled(t, "default: allow\nrules:\n  - calls: [mount]\n    then: deny\n  - {calls: [mount], then: kill, name: late}\n", both)
	if len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0].String(), "late") {
		t.Errorf("warnings %v", p.Warnings)
	}
}

func TestSelectionsOfThisPackage(t *testing.T) {
	for _, list := range []string{fileCalls, execCalls, networkCalls, goAround} {
		if selectCalls(list).Len() == 0 {
			t.Errorf("%s selects nothing", list)
		}
	}
	files := selectCalls(fileCalls)
	for _, name := range []string{"mount", "execve", "chroot", "pivot_root"} {
		if id, _ := arch.LookupID(name); files.Has(id) {
			t.Errorf("%s counts as file access", name)
		}
	}
}
