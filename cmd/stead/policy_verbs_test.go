package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// policyFile writes a policy and returns its path.
func policyFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

const registers = `version: 1
name: registers
default: allow
rules:
  - name: no packets
    calls: [socket]
    when: domain == AF_PACKET
    then: {deny: EAFNOSUPPORT}
  - {calls: [reboot], then: kill}
`

// Every verb explains itself, and takes no flag that it does not have.
func TestPolicyHelp(t *testing.T) {
	r := stead(t, "policy", "--help")
	for _, verb := range []string{"check", "explain", "test", "show", "import", "export", "schema", "presets"} {
		if !regexp.MustCompile(`(?m)^  ` + verb + ` `).MatchString(r.stdout) {
			t.Errorf("policy --help does not name %s: %s", verb, r.stdout)
		}
		h := stead(t, "policy", verb, "--help")
		if h.code != 0 || h.stderr != "" || !strings.Contains(h.stdout, "stead policy "+verb) {
			t.Errorf("%s: %+v", verb, h)
		}
		if b := stead(t, "policy", verb, "--no-such-flag"); b.code != 125 || b.stdout != "" || !strings.Contains(b.stderr, "stead policy "+verb+" --help") {
			t.Errorf("%s with an unknown flag: %+v", verb, b)
		}
	}
}

// Verbs without a policy, or with one that is not there, fail and print nothing.
func TestPolicyMissing(t *testing.T) {
	good := policyFile(t, "p.yaml", registers)
	for _, args := range [][]string{
		{"check"}, {"check", "none.yaml"}, {"check", "--preset", "none"}, {"check", "--set", "x", good}, {"check", "--set", "x=y", good},
		{"explain"}, {"explain", "none.yaml"}, {"explain", good, "opnat(1)"}, {"explain", "--abi", "none", good, "getpid()"}, {"explain", good, good, good},
		{"test"}, {"test", good}, {"test", good, "none.yaml"}, {"test", good, "none.jsonl"},
		{"show"}, {"show", "none.yaml"}, {"export", good}, {"export", "--oci"}, {"export", "--oci", "none.yaml"},
		{"import"}, {"import", "none"}, {"import", "--from", "none", good}, {"import", good, good}, {"schema", "x"}, {"presets", "none"}, {"presets", "a", "b"},
	} {
		r := stead(t, append([]string{"policy"}, args...)...)
		if r.code != 125 || r.stdout != "" || !strings.HasPrefix(r.stderr, "stead: ") {
			t.Errorf("%v: %+v", args, r)
		}
	}
}

func TestPolicyCheck(t *testing.T) {
	good := policyFile(t, "p.yaml", registers)
	ok := regexp.MustCompile(`(?m)^ok: 2 rules, [01] warnings, a filter of \d+ instructions, at most \d+ for a call$`)
	if r := stead(t, "policy", "check", good); r.code != 0 || !ok.MatchString(r.stdout) { // of i386's multiplexer
		t.Errorf("%+v", r)
	}
	shadowed := policyFile(t, "s.yaml", registers+"  - {name: late, calls: [reboot], then: allow}\n")
	if r := stead(t, "policy", "check", shadowed); r.code != 0 || !strings.Contains(r.stderr, ":10:5: warning: no call reaches rule late") {
		t.Errorf("a rule that nothing reaches: %+v", r)
	}
	bad := policyFile(t, "b.yaml", strings.Replace(registers, "AF_PACKET", "AF_PAKET", 1))
	if r := stead(t, "policy", "check", bad); r.code != 125 || r.stdout != "" || !strings.Contains(r.stderr, "b.yaml:7:21: ") || !strings.Contains(r.stderr, "AF_PACKET") {
		t.Errorf("%+v", r)
	}
	both := stead(t, "policy", "check", good, bad)
	if both.code != 125 || !strings.Contains(both.stderr, "b.yaml:7:21: ") {
		t.Errorf("two files: %+v", both)
	}
	for _, name := range strings.Fields(stead(t, "policy", "presets").stdout) {
		if r := stead(t, "policy", "check", "--preset", name); r.code != 0 {
			t.Errorf("preset %s: %+v", name, r)
		}
	}
}

func TestPolicyExplain(t *testing.T) {
	good := policyFile(t, "p.yaml", registers)
	r := stead(t, "policy", "explain", good)
	for _, row := range []string{`no packets +x86_64 +kernel filter +socket`, `p\.yaml:9 +x86_64 +kernel filter +reboot`, `always +x86_64 +kernel filter +io_uring_setup`} {
		if r.code != 0 || !regexp.MustCompile(row).MatchString(r.stdout) {
			t.Errorf("no row %s: %+v", row, r)
		}
	}
	for call, want := range map[string][]string{
		"socket(AF_PACKET, SOCK_RAW, 0)":  {"deny EAFNOSUPPORT", "no packets", "p.yaml:5:5", "kernel filter"},
		"socket(AF_INET, SOCK_STREAM, 0)": {"verdict: allow", "default"},
		"reboot(1, 2, 3)":                 {"verdict: kill", "p.yaml:9:5", "kernel filter"},
		"io_uring_setup(1, NULL)":         {"deny EPERM", "always", "go around"},
	} {
		r := stead(t, "policy", "explain", good, call)
		for _, part := range want {
			if r.code != 0 || !strings.Contains(r.stdout, part) {
				t.Errorf("%s: no %q: %+v", call, part, r)
			}
		}
	}
	if r := stead(t, "policy", "explain", "--abi", "i386", good, "socket(AF_PACKET, SOCK_RAW, 0)"); !strings.Contains(r.stdout, "deny EAFNOSUPPORT") {
		t.Errorf("i386: %+v", r)
	}
}

// The status of a test says whether all is as it should be.
func TestPolicyTestStatus(t *testing.T) {
	good := policyFile(t, "p.yaml", registers)
	for _, c := range []struct {
		name, text string
		code       int
		says       string
	}{
		{"t.yaml", "- {call: 'socket(AF_PACKET, SOCK_RAW, 0)', want: {deny: EAFNOSUPPORT}, rule: no packets, engine: kernel filter}\n", 0, "1 of 1"},
		{"t.yaml", "- {call: 'reboot(1, 2, 3)', want: kill}\n- {call: 'getpid()', want: allow, rule: default}\n", 0, "2 of 2"},
		{"t.yaml", "- {call: 'getpid()', want: deny}\n- {call: 'getppid()', want: allow}\n", 1, "want deny, got allow"},
		{"t.yaml", "- {call: 'getpid()', want: allow, rule: no packets}\n", 1, "want it from rule no packets"},
		{"t.yaml", "- {call: 'getpid()', want: allow, engine: Landlock}\n", 1, "want engine Landlock"},
		{"t.yaml", "- {call: 'getpidd()', want: allow}\n", 125, "t.yaml:1:"},
		{"t.yaml", "- {call: 'getpid()', wnat: allow}\n", 125, "did you mean want?"},
		{"t.yaml", "- {call: &a 'getpid()', want: allow}\n", 125, "t.yaml:1:"},
		{"t.jsonl", "not a record\n", 125, "no line of it is a record"},
	} {
		r := stead(t, "policy", "test", good, policyFile(t, c.name, c.text))
		if r.code != c.code || !strings.Contains(r.stdout+r.stderr, c.says) || (c.code == 125) != (r.stdout == "") {
			t.Errorf("%s: %+v", c.text, r)
		}
	}
}

// A trace is replayed: what was recorded without a policy shows what the policy would change.
func TestPolicyReplay(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "t.jsonl")
	if r := stead(t, "trace", "--format", "json", "--calls", "mkdir,uname,openat", "-o", trace, "--", "/bin/sh", "-c", "mkdir -p none/none 2>/dev/null; rmdir none/none none; uname >/dev/null"); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	same := policyFile(t, "same.yaml", "version: 1\ndefault: allow\n")
	if r := stead(t, "policy", "test", same, trace); r.code != 0 || !strings.Contains(r.stdout, " 0 changed, 0 not replayed") {
		t.Errorf("%+v", r)
	}
	other := policyFile(t, "other.yaml", "version: 1\ndefault: allow\nrules:\n  - {name: still, calls: [uname], then: {deny: EROFS}}\n")
	if r := stead(t, "policy", "test", other, trace); r.code != 1 || !strings.Contains(r.stdout, "1 uname: deny EROFS by still, was allow") || !strings.Contains(r.stdout, " 1 changed") {
		t.Errorf("%+v", r)
	}
}

func TestPolicyShow(t *testing.T) {
	good := policyFile(t, "p.yaml", registers)
	r := stead(t, "policy", "show", "--filter", good)
	for _, part := range []string{"# filter: ", "ld [4]", "; arch", "errno EAFNOSUPPORT", "socket", "allow"} {
		if r.code != 0 || !strings.Contains(r.stdout, part) {
			t.Errorf("no %q: %+v", part, r)
		}
	}
	if r := stead(t, "policy", "show", "--landlock", good); r.code != 0 || !strings.Contains(r.stdout, "nothing is restricted") {
		t.Errorf("%+v", r)
	}
	if r := stead(t, "policy", "show", "--landlock", "--preset", "read-only"); r.code == 0 && !regexp.MustCompile(`(?m)^/: execute,read_file,read_dir`).MatchString(r.stdout) {
		t.Errorf("%+v", r)
	}
	if r := stead(t, "policy", "show", good); !strings.Contains(r.stdout, "# filter: ") || !strings.Contains(r.stdout, "# Landlock: ") {
		t.Errorf("both: %+v", r)
	}
}

// What was imported and is exported gives the same filter when it is imported again.
func TestPolicyImportExport(t *testing.T) {
	imported := stead(t, "policy", "import", "--cap", "CAP_NET_ADMIN", absolute(t, "../../policy/oci/testdata/docker-default.json"))
	if imported.code != 0 || !strings.HasPrefix(imported.stdout, "version: 1\n") {
		t.Fatalf("%+v", imported)
	}
	first := policyFile(t, "p.yaml", imported.stdout)
	exported := stead(t, "policy", "export", "--oci", first)
	if exported.code != 0 || !json.Valid([]byte(exported.stdout)) {
		t.Fatalf("%+v", exported)
	}
	again := stead(t, "policy", "import", policyFile(t, "p.json", exported.stdout))
	if again.code != 0 {
		t.Fatalf("%+v", again)
	}
	a := stead(t, "policy", "show", "--filter", first)
	b := stead(t, "policy", "show", "--filter", policyFile(t, "p.yaml", again.stdout))
	if a.code != 0 || a.stdout != b.stdout || len(a.stdout) < 1000 {
		t.Errorf("the filters differ: %d and %d bytes", len(a.stdout), len(b.stdout))
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

// A minijail policy is told from JSON by its first character, and compiles.
func TestPolicyImportMinijail(t *testing.T) {
	r := stead(t, "policy", "import", policyFile(t, "server.policy", "read: 1\nwrite: 1\nopenat: return ENOENT\nioctl: arg1 == 0x5401\n"))
	if r.code != 0 || !strings.Contains(r.stdout, "{deny: ENOENT}") {
		t.Fatalf("%+v", r)
	}
	if c := stead(t, "policy", "check", policyFile(t, "p.yaml", r.stdout)); c.code != 0 {
		t.Errorf("%+v\n%s", c, r.stdout)
	}
	bad := policyFile(t, "server.policy", "read: 1\nopenat: perhaps\n")
	if r := stead(t, "policy", "import", bad); r.code != 125 || !strings.Contains(r.stderr, "server.policy:2:") {
		t.Errorf("%+v", r)
	}
}

// An export says what it cannot say.
func TestPolicyExport(t *testing.T) {
	asked := policyFile(t, "p.yaml", "version: 1\ndefault: allow\nrules:\n  - {calls: [mkdir], then: log}\n  - {calls: [uname], then: {return: 5}}\n")
	r := stead(t, "policy", "export", "--oci", "--listener", "/run/agent.sock", "--metadata", "m", asked)
	for _, part := range []string{"SCMP_ACT_NOTIFY", `"listenerPath": "/run/agent.sock"`, `"listenerMetadata": "m"`, `"mkdir"`, `"uname"`} {
		if r.code != 0 || !strings.Contains(r.stdout, part) {
			t.Errorf("no %s: %+v", part, r)
		}
	}
	if r := stead(t, "policy", "export", "--oci", "--preset", "read-only"); r.code != 0 || !strings.Contains(r.stderr, "Landlock") {
		t.Errorf("nothing is said of Landlock: %+v", r)
	}
}

// The schema that is printed is the one that is published.
func TestPolicySchema(t *testing.T) {
	published, err := os.ReadFile("../../docs/stead.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if r := stead(t, "policy", "schema"); r.code != 0 || r.stdout != string(published) {
		t.Errorf("%d bytes printed, %d published, status %d", len(r.stdout), len(published), r.code)
	}
}

func TestPolicyPresets(t *testing.T) {
	names := strings.Fields(stead(t, "policy", "presets").stdout)
	if strings.Join(names, " ") != "base build container-mount docker-default fake-root network-client perform read-only system-container web-server" {
		t.Errorf("%v", names)
	}
	for _, name := range names {
		want, err := os.ReadFile("../../policy/presets/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if r := stead(t, "policy", "presets", name); r.code != 0 || r.stdout != string(want) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// What stead run is told of policies, and cannot use, stops it before the program.
func TestRunPolicyFlags(t *testing.T) {
	good := policyFile(t, "p.yaml", registers)
	for _, args := range [][]string{
		{"--policy", "none.yaml"}, {"--preset", "none"}, {"--policy", good, "--set", "a=b"}, {"--policy", good, "--on-deny", "loudly"},
		{"--policy", good, "--log-format", "xml"}, {"--policy", good, "--log", "/nowhere/log"}, {"--policy"},
	} {
		r := stead(t, append(append([]string{"run"}, args...), "--", "/bin/echo", "ran")...)
		if r.code != 125 || r.stdout != "" || !strings.HasPrefix(r.stderr, "stead: ") {
			t.Errorf("%v: %+v", args, r)
		}
	}
	if r := stead(t, "run", "--policy", good, "--preset", "docker-default", "--", "/bin/echo", "ran"); r.code != 0 || r.stdout != "ran\n" {
		t.Errorf("%+v", r)
	}
}
