package integration

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stead-project/stead/internal/testneed"
)

// background runs a program until the test ends.
func background(t *testing.T, argv ...string) {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = environment("/")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended
		time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		cmd.Wait() //nolint:errcheck // ended by the signal
	})
}

// A verbCase is what becomes of mkdir(1) when its call is decided.
type verbCase struct {
	then   string
	code   int
	stderr string
	made   bool
}

var verbCases = [...]verbCase{
	{"allow", 0, "", true},
	{"log", 0, "", true},
	{"deny", 1, "Operation not permitted", false},
	{"{deny: EROFS}", 1, "Read-only file system", false},
	{"{deny: ENOSPC, quiet: true}", 1, "No space left on device", false},
	{"{deny: ENOSYS}", 1, "Function not implemented", false},
	{"{return: 0}", 0, "", false},
	{"ask", 1, "Operation not permitted", false},
}

// Every verb does what it says, with and without a supervisor that records.
func TestPolicyVerbs(t *testing.T) {
	eachUser(t, func(t *testing.T, d *desk) {
		made := filepath.Join(d.dir, "made")
		for _, flags := range []string{"", "--log " + filepath.Join(d.dir, "log")} {
			for i := range verbCases {
				c := &verbCases[i]
				r := d.under(t, "default: allow\nrules:\n  - {calls: [mkdir, mkdirat], then: "+c.then+"}\n", flags, "mkdir", made)
				is := os.Remove(made) == nil
				if r.code != c.code || is != c.made || !strings.Contains(r.stderr, c.stderr) || c.code == 0 && r.stderr != "" {
					t.Errorf("%s %s: made %v, %+v", c.then, flags, is, r)
				}
			}
		}
		r := d.under(t, "default: allow\nrules:\n  - {calls: [mkdir, mkdirat], then: kill}\n", "", "mkdir", made)
		if r.code != 128+int(syscall.SIGSYS) {
			t.Errorf("kill: %+v", r)
		}
		r = d.under(t, "default: allow\nrules:\n  - {calls: [mkdir, mkdirat], then: kill}\n", "--log "+filepath.Join(d.dir, "log"), "mkdir", made)
		if r.code < 128 {
			t.Errorf("kill with a record: %+v", r)
		}
		if _, err := os.Stat(made); err == nil {
			t.Error("killed, and yet the directory is there")
		}
	})
}

// A value that is returned is what the program gets, and the kernel does nothing.
func TestPolicyReturn(t *testing.T) {
	testneed.Programs(t, "python3")
	eachUser(t, func(t *testing.T, d *desk) {
		for _, value := range []string{"4242", "1", "0"} {
			r := d.under(t, "default: allow\nrules:\n  - {calls: [getpid], then: {return: "+value+"}}\n", "", "python3", "-c", "import os; print(os.getpid())")
			if r.stdout != value+"\n" {
				t.Errorf("%s: %+v", value, r)
			}
		}
	})
}

// Conditions on registers and on the caller decide in the kernel and in the supervisor alike.
func TestPolicyConditions(t *testing.T) {
	eachUser(t, func(t *testing.T, d *desk) {
		for when, refused := range map[string]bool{
			"mode == 0700":           true,
			"mode == 0755":           false,
			`caller.comm == "mkdir"`: true,
			`caller.comm == "rmdir"`: false,
			"caller.uid == ${UID}":   true,
			"caller.uid == 4242":     false,
			`caller.exe == "/usr/bin/mkdir" && mode == 0700`: true,
			`caller.cwd == "/" || mode in [01, 02]`:          false,
		} {
			r := d.under(t, "default: allow\nrules:\n  - calls: [mkdir]\n    when: '"+octal(when)+"'\n    then: {deny: EDOM}\n", "", "mkdir", "-m", "700", "made")
			os.Remove(filepath.Join(d.dir, "made"))
			if (r.code == 1 && strings.Contains(r.stderr, "out of domain")) != refused {
				t.Errorf("%s: %+v", when, r)
			}
		}
	})
}

// octal writes C's octal numbers as CEL has numbers.
func octal(s string) string {
	return strings.NewReplacer("0700", "0x1c0", "0755", "0x1ed", "01,", "1,", "02]", "2]").Replace(s)
}

// A program that may not be executed is a failure of its own kind, with the reason.
func TestPolicyExecRefused(t *testing.T) {
	needLandlock(t)
	eachUser(t, func(t *testing.T, d *desk) {
		for policy, reason := range map[string]string{
			"default: allow\nrules:\n  - {calls: [execve], then: deny}\n":           "operation not permitted",
			"default: allow\nrules:\n  - {calls: [execve], then: {deny: ENOENT}}\n": "no such file",
			"default: allow\nfiles: {read: [/]}\n":                                  "Landlock must allow",
			"default: allow\nexec: [/nowhere]\n":                                    "Landlock must allow",
			"default: allow\nfiles: {read: [/], exec: [/usr/bin/true]}\n":           "interpreter or loader",
		} {
			r := d.under(t, policy, "", "/usr/bin/true")
			if r.code != 126 && !(r.code == 127 && reason == "no such file") || !strings.Contains(r.stderr, reason) {
				t.Errorf("%s%+v", policy, r)
			}
		}
	})
}

// A 32-bit program's socketcall(2) has its arguments in memory: it is no way around a condition on socket.
func TestPolicyMultiplexer(t *testing.T) {
	program := compile(t, "policy/socketcall.c", "-m32", "-static")
	eachUser(t, func(t *testing.T, d *desk) {
		text, err := os.ReadFile(program)
		if err != nil {
			t.Fatal(err)
		}
		path := d.write(t, "program", string(text))
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
		r := d.under(t, "default: allow\nrules:\n  - {calls: [socket], when: domain == AF_INET, then: {deny: EAFNOSUPPORT}}\n", "", path)
		if lines := strings.Split(r.stdout, "\n"); r.code != 0 || len(lines) != 4 || lines[0] == "carried made" || lines[1] != "direct refused 97" ||
			lines[2] != "direct unix made" {
			t.Errorf("%+v", r)
		}
		if r := d.under(t, "default: allow\n", "", path); r.stdout != "carried made\ndirect made\ndirect unix made\n" {
			t.Errorf("without a rule: %+v", r)
		}
	})
}

// What is refused is said to the user: the call, the error, the rule, and what would allow it.
func TestPolicyOnDeny(t *testing.T) {
	eachUser(t, func(t *testing.T, d *desk) {
		const rule = "default: allow\nrules:\n  - {name: no directories, calls: [mkdir], then: {deny: EROFS}}\n"
		r := d.under(t, rule, "--on-deny print", "mkdir", "made")
		for _, want := range []string{`refused mkdir("made", 0777) with EROFS, by rule no directories`, "stead: to allow it: ", "calls: [mkdir], then: allow"} {
			if !strings.Contains(r.stderr, want) {
				t.Errorf("no %q: %+v", want, r)
			}
		}
		if r := d.under(t, rule, "", "mkdir", "made"); strings.Contains(r.stderr, "refused") {
			t.Errorf("not asked for: %+v", r)
		}
		quiet := strings.Replace(rule, "EROFS}", "EROFS, quiet: true}", 1)
		if r := d.under(t, quiet, "--on-deny print", "mkdir", "made"); r.code != 1 || strings.Contains(r.stderr, "refused") {
			t.Errorf("quiet: %+v", r)
		}
	})
}

// The record has what was decided, by which rule, under which version.
func TestPolicyLog(t *testing.T) {
	eachUser(t, func(t *testing.T, d *desk) {
		log := filepath.Join(d.dir, "log")
		r := d.under(t, "default: allow\nrules:\n  - {calls: [mkdir], then: {deny: EROFS}}\n  - {name: said, calls: [rmdir], then: log}\n"+
			"  - {name: raced, calls: [execve], when: pathname.base == 'mkdir', then: log, race: accepted}\n"+
			"  - {name: done, calls: [unlinkat], when: pathname.base == 'none', then: log}\n",
			"--log "+log, "/bin/sh", "-c", "mkdir made; rmdir none; rm -f none")
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatalf("%v, %+v", err, r)
		}
		lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		lines = slices.DeleteFunc(lines, func(l string) bool {
			return strings.Contains(l, `"rule":"default"`) || strings.Contains(l, `"rule":"always"`)
		})
		if len(lines) != 4 {
			t.Fatalf("%d records, want 4: %s", len(lines), text)
		}
		for i, want := range []map[string]any{
			{"call": "execve", "verdict": "log", "outcome": "continued", "rule": "raced", "at": "policy.yaml:7", "engine": "accepted race"},
			{"call": "mkdir", "verdict": "deny", "outcome": "answered", "errno": "EROFS", "rule": "policy.yaml:5", "at": "policy.yaml:5", "engine": "supervisor"},
			{"call": "rmdir", "verdict": "log", "outcome": "continued", "rule": "said", "at": "policy.yaml:6", "engine": "supervisor"},
			{"call": "unlinkat", "verdict": "perform", "outcome": "answered", "errno": "ENOENT", "rule": "done", "at": "policy.yaml:8", "engine": "performed"},
		} {
			var got map[string]any
			if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
				t.Fatal(err)
			}
			for k, v := range want {
				if s, _ := got[k].(string); s != v && !((k == "rule" || k == "at") && strings.HasSuffix(s, v.(string))) {
					t.Errorf("%s is %v, want %v: %s", k, got[k], v, lines[i])
				}
			}
			if got["policy_version"] == nil {
				t.Errorf("no version: %s", lines[i])
			}
		}
	})
}

// The shell of the examples works in its directory, and what it starts is recorded.
func TestPolicyShell(t *testing.T) {
	needLandlock(t)
	text, err := os.ReadFile("../examples/policies/shell.yaml")
	if err != nil {
		t.Fatal(err)
	}
	eachUser(t, func(t *testing.T, d *desk) {
		policy, log := d.write(t, "shell.yaml", string(text)), filepath.Join(d.dir, "log")
		r := d.do(t, "run", "--policy", policy, "--log", log, "--", "/bin/sh", "-c", "ls /etc >list && rm list; echo x >../d1/there; cat /proc/self/comm")
		if r.code != 0 || r.stdout != "cat\n" || !strings.Contains(r.stderr, "there: Permission denied") {
			t.Errorf("%+v", r)
		}
		records, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		for _, program := range []string{"sh", "ls", "rm", "cat"} {
			if !strings.Contains(string(records), `"argv":["`+program) && !strings.Contains(string(records), `"argv":["/bin/`+program) {
				t.Errorf("%s is not recorded: %.2000s", program, records)
			}
		}
	})
}
