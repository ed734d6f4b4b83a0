package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// badPolicies are policies that must not be enforced, with where the fault is and a part of what is said of it.
var badPolicies = [...]struct{ text, place, says string }{
	// What this version cannot enforce.
	{"rules:\n  - {calls: [mount, open], then: perform}\n", ":4:5: ", "rule of their own"},
	{"rules:\n  - {calls: [ptrace], then: perform}\n", ":4:5: ", "cannot perform ptrace"},
	{"files: {exec: [/usr], deny: ['/usr/**/*.so']}\n", ":3:16: ", "begin the glob"},
	{"network: {connect: ['nowhere.invalid:443']}\n", ":3:21: ", "nowhere.invalid"},
	// What could be raced.
	{"default: allow\nrules:\n  - {calls: [execve], when: pathname.under('/srv'), then: deny}\n", ":5:5: ", "race: accepted"},
	{"rules:\n  - {calls: [execve], when: pathname.under('/srv'), then: log}\n", ":4:5: ", "exec:"},
	// Mistakes.
	{"rules:\n  - {calls: [mkdri], then: allow}\n", ":4:14: ", "did you mean mkdir?"},
	{"rules:\n  - {calls: [mkdir], when: mdoe == 1, then: allow}\n", ":4:28: ", "did you mean mode?"},
	{"rules:\n  - {calls: [socket], when: domain == AF_INTE, then: allow}\n", ":4:39: ", "did you mean AF_INET?"},
	{"rules:\n  - {calls: [mkdir], when: mode == 'x', then: allow}\n", ":4:", ""},
	{"rules:\n  - {calls: [mkdir], when: mode ==, then: allow}\n", ":4:", ""},
	{"rules:\n  - {calls: [mkdir], then: {deny: EPREM}}\n", ":4:35: ", "did you mean EPERM?"},
	{"files: {raed: [/]}\n", ":3:9: ", "did you mean read?"},
	{"files: {read: [usr]}\n", ":3:16: ", "/usr"},
	{"files: {read: ['${nothing}']}\n", ":3:16: ", "undefined variable"},
	{"include: [preset:bsae]\n", ":3:11: ", "base"},
	{"include: [policy.yaml]\n", ":3:11: ", "includes itself"},
	// What is there to exhaust the reader.
	{"a: &a [x, x]\nb: [*a, *a]\n", ":3:4: ", "anchor"},
	{"rules: " + strings.Repeat("[", 3000) + "\n", ":3:", "nested deeper"},
	{"#" + strings.Repeat("x", 2<<20) + "\n", ": ", "larger than"},
	{"rules:\n" + strings.Repeat("  - {calls: [mkdir], then: allow}\n", 25000), ":", "more than"},
	{"rules:\n  - {calls: [mkdir], when: '" + strings.Repeat("(", 2000) + "true" + strings.Repeat(")", 2000) + "', then: allow}\n", ":4:", ""},
	{"rules:\n  - {calls: [mkdir], when: '" + strings.Repeat("[1,2,3,4,5,6,7,8].all(a, ", 8) + "a > mode" + strings.Repeat(")", 8) + "', then: allow}\n", ":4:", ""},
	{"name: \"a\\0b\"\n", ":3:", ""},
	{"name: \x00\n", ":3:", "NUL"},
	{"name: \xff\n", ":3:", "UTF-8"},
	{"name: !!python/object:os.system x\n", ":3:7: ", "tag"},
	{"name: a\n---\nversion: 1\n", ":", "document"},
}

// A policy that cannot be enforced is refused with its place, by run and check alike, and nothing is run.
func TestPolicyErrors(t *testing.T) {
	needLandlock(t)
	d := users(t)[0].desk(t)
	ran := filepath.Join(d.dir, "ran")
	for _, bad := range badPolicies {
		short := bad.text[:min(len(bad.text), 100)]
		r := d.under(t, bad.text, "", "/bin/sh", "-c", ": >ran")
		if r.code != 125 || !strings.Contains(r.stderr, "policy.yaml"+bad.place) || !strings.Contains(r.stderr, bad.says) {
			t.Errorf("%s: want %q and %q: %d %s", short, bad.place, bad.says, r.code, r.stderr[:min(len(r.stderr), 600)])
		}
		if _, err := os.Stat(ran); err == nil {
			t.Fatalf("%s: the program was run", short)
		}
		if c := d.do(t, "policy", "check", filepath.Join(d.dir, "policy.yaml")); c.code != 125 || c.stderr != r.stderr {
			t.Errorf("%s: check says %d %.300s, run %.300s", short, c.code, c.stderr, r.stderr)
		}
		if n := strings.Count(r.stderr, "\n"); n > 21 {
			t.Errorf("%s: %d lines of errors", short, n)
		}
	}
}

// Files that cannot be read as a policy say why.
func TestPolicyUnreadable(t *testing.T) {
	all := users(t)
	d := all[len(all)-1].desk(t)
	closed := d.write(t, "closed.yaml", "version: 1\n")
	if err := os.Chmod(closed, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("loop.yaml", filepath.Join(d.dir, "loop.yaml")); err != nil {
		t.Fatal(err)
	}
	d.write(t, "empty.yaml", "")
	cases := map[string]string{"none.yaml": "no such file", ".": "is a directory", "loop.yaml": "symbolic links", "/dev/zero": "larger than",
		"empty.yaml": "version", "none.yaml\n": "no such file"}
	if d.id != 0 {
		cases["closed.yaml"] = "permission denied"
	}
	for name, says := range cases {
		r := d.do(t, "run", "--policy", name, "--", "/bin/true")
		if r.code != 125 || !strings.Contains(r.stderr, says) {
			t.Errorf("%q: %+v", name, r)
		}
	}
}

// What a variable is set to is data: it cannot become another rule, a glob or another directory.
func TestPolicyHostileValues(t *testing.T) {
	needLandlock(t)
	d := users(t)[0].desk(t)
	const policy = "default: allow\nvars: {dir: /srv, port: 80, word: x}\nfiles: {read: [/], write: ['${dir}'], exec: [/]}\n" +
		"network: {listen: [':${port}']}\nrules:\n  - {calls: [mkdir], when: 'caller.comm == ${word}', then: {deny: EDOM}}\n"
	for _, bad := range []string{"dir=", "dir=srv", "dir=/srv/../etc", "dir=/srv\n", "dir=/srv\x1b", "dir=\xff", "dir=" + strings.Repeat("/x", 5000), "port=80-90", "port=*",
		"port=-1", "port=65536", "port=", "nothing=1", "=1", "dir"} {
		path := d.write(t, "policy.yaml", "version: 1\n"+policy)
		r := d.do(t, "run", "--policy", path, "--set", bad, "--", "/bin/true")
		if r.code != 125 || r.stderr == "" || strings.Contains(r.stderr, "\x1b") || strings.Contains(r.stderr, "\xff") {
			t.Errorf("%q: %d %q", bad, r.code, r.stderr[:min(len(r.stderr), 300)])
		}
	}
	for _, odd := range []string{"dir=/srv/*", "dir=/srv/${port}", "dir=/srv/{a,b}", "dir=/srv', /etc", `word=x" || true || "x`, "word=x') || true", "word='"} {
		path := d.write(t, "policy.yaml", "version: 1\n"+policy)
		r := d.do(t, "run", "--policy", path, "--set", odd, "--", "/bin/sh", "-c", "mkdir made; echo x > "+filepath.Join(d.dir, "there"))
		if _, err := os.Stat(filepath.Join(d.dir, "there")); err == nil || strings.Contains(r.stderr, "out of domain") || r.code == 125 && !strings.Contains(r.stderr, "not in the policy") {
			t.Errorf("%q: %v, %+v", odd, err, r)
		}
		os.RemoveAll(filepath.Join(d.dir, "made"))
	}
}
