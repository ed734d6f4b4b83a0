package oci

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
)

func importText(t testing.TB, text string, o Options) *Profile {
	t.Helper()
	if o.Arch == 0 {
		o.Arch = arch.X86_64
	}
	p, err := ImportProfile(strings.NewReader(text), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// brief is a document's default and rules, one a line.
func brief(d *policy.Document) string {
	var b strings.Builder
	act := func(a policy.Action) string { return fmt.Sprintf("%s %d %d", a.Verdict, a.Errno, a.Value) }
	fmt.Fprintln(&b, act(d.Default))
	for _, r := range d.Rules {
		calls := r.Calls.String()
		if len(calls) > 60 {
			calls = "many"
		}
		fmt.Fprintf(&b, "%d: %s [%s] %s\n", r.Pos.Line, calls, r.When.Text, act(r.Then))
	}
	return b.String()
}

const allABIs = `"architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X86","SCMP_ARCH_X32"],`

func TestImport(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"actions": {`{"defaultAction":"SCMP_ACT_KILL_PROCESS",` + allABIs + `"syscalls":[
{"names":["read"],"action":"SCMP_ACT_ALLOW"},
{"names":["open"],"action":"SCMP_ACT_LOG"},
{"names":["mkdir"],"action":"SCMP_ACT_ERRNO","errnoRet":2},
{"names":["chmod"],"action":"SCMP_ACT_ERRNO"},
{"names":["chown"],"action":"SCMP_ACT_ERRNO","errnoRet":0},
{"names":["mknod"],"action":"SCMP_ACT_ERRNO","errnoRet":5000},
{"name":"lchown","action":"SCMP_ACT_ERRNO","errno":"ENOTSUP","errnoRet":1},
{"names":["ptrace"],"action":"SCMP_ACT_TRACE"},
{"names":["bpf"],"action":"SCMP_ACT_TRAP"},
{"names":["mount"],"action":"SCMP_ACT_NOTIFY"}]}`,
			"kill 0 0\n2: read [] allow 0 0\n3: open [] log 0 0\n4: mkdir [] deny 2 0\n5: chmod [] deny 0 0\n6: chown [] return 0 0\n" +
				"7: mknod [] deny 4095 0\n8: lchown [] deny 95 0\n9: ptrace [] deny 38 0\n10: bpf [] kill 0 0\n11: mount [] ask 0 0\n"},
		"all of a list, or one of those for one argument": {`{"defaultAction":"SCMP_ACT_ERRNO",` + allABIs + `"syscalls":[
{"names":["socket"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":1,"op":"SCMP_CMP_EQ"},{"index":2,"value":6,"op":"SCMP_CMP_NE"}]},
{"names":["personality"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":0,"op":"SCMP_CMP_EQ"},{"index":0,"value":8,"op":"SCMP_CMP_EQ"}]},
{"names":["umask"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":7,"valueTwo":5,"op":"SCMP_CMP_MASKED_EQ"}]}]}`,
			"deny 0 0\n2: socket [domain == AF_UNIX && protocol != 6] allow 0 0\n3: personality [persona == 0 || persona == 8] allow 0 0\n" +
				"4: umask [mask.has(0x5) && mask.only(0xfffffffd)] allow 0 0\n"},
		"a rule without conditions prevails, the first of them, and the default's is none": {`{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":1,` + allABIs + `"syscalls":[
{"names":["getpid"],"action":"SCMP_ACT_ERRNO"},
{"names":["kill","tkill"],"action":"SCMP_ACT_ERRNO","errnoRet":3,"args":[{"index":1,"value":9,"op":"SCMP_CMP_EQ"}]},
{"names":["kill"],"action":"SCMP_ACT_ALLOW"},
{"names":["getpid","kill"],"action":"SCMP_ACT_KILL_PROCESS"}]}`,
			"deny 1 0\n4: kill [] allow 0 0\n5: getpid [] kill 0 0\n3: tkill [sig == 9] deny 3 0\n"},
		"overlapping conditions: the strictest first": {`{"defaultAction":"SCMP_ACT_ERRNO",` + allABIs + `"syscalls":[
{"names":["lseek"],"action":"SCMP_ACT_ALLOW","args":[{"index":2,"value":2,"op":"SCMP_CMP_LE"}]},
{"names":["lseek"],"action":"SCMP_ACT_KILL","args":[{"index":0,"value":0,"op":"SCMP_CMP_EQ"}]}]}`,
			"deny 0 0\n3: lseek [fd == 0] kill 0 0\n2: lseek [whence <= 2] allow 0 0\n"},
		"not of this ABI": {`{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X86"],"syscalls":[]}`,
			"allow 0 0\n1: all [caller.abi == \"x32\"] kill 0 0\n"},
		"what has no words allows nothing, and forbids all": {`{"defaultAction":"SCMP_ACT_ERRNO",` + allABIs + `"syscalls":[
{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":1,"value":4096,"op":"SCMP_CMP_GT"}]},
{"names":["write"],"action":"SCMP_ACT_KILL_PROCESS","args":[{"index":1,"value":4096,"op":"SCMP_CMP_GT"}]}]}`,
			"deny 0 0\n3: write [] kill 0 0\n"},
		"config.json": {`{"ociVersion":"1.0","process":{"capabilities":{"bounding":["CAP_SYS_PTRACE"]}},"linux":{"namespaces":[],"seccomp":{
"defaultAction":"SCMP_ACT_ERRNO",` + allABIs + `"syscalls":[
{"names":["ptrace"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_SYS_PTRACE"]}},
{"names":["bpf"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_BPF"]}}]}}}`,
			"deny 0 0\n3: ptrace [] allow 0 0\n"},
	} {
		if got := brief(importText(t, c.text, Options{}).Document); got != c.want {
			t.Errorf("%s: got\n%swant\n%s", name, got, c.want)
		}
	}
}

func TestImportWarnings(t *testing.T) {
	p := importText(t, `{"defaultAction":"SCMP_ACT_KILL","listenerPath":"/s","listenerMetadata":"m","colour":1,
"flags":["SECCOMP_FILTER_FLAG_LOG","SECCOMP_FILTER_FLAG_TSYNC","X"],"syscalls":[
{"names":["opem","opem"],"action":"SCMP_ACT_ALLOW"},
{"names":["kill"],"action":"SCMP_ACT_ALLOW"},
{"names":["kill"],"action":"SCMP_ACT_LOG","args":[{"index":1,"value":9,"op":"SCMP_CMP_EQ"}]},
{"names":["read"],"action":"SCMP_ACT_LOG","args":[{"index":0,"value":9,"op":"SCMP_CMP_EQ"}]},
{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":2,"value":9,"op":"SCMP_CMP_LT"}]}]}`, Options{Name: "p.json"})
	var got []string
	for _, w := range p.Warnings {
		got = append(got, w.String())
	}
	want := []string{
		`p.json:1:77: "colour" means nothing here and is ignored; known are defaultAction,`,
		`p.json:1:18: SCMP_ACT_KILL: the whole process is killed`,
		`p.json:1:1: ABIs that the profile does not list`,
		`p.json:3:11: unknown call "opem": did you mean open?; it is left out`,
		`p.json:5:1: kill: these conditions have no effect`,
		`p.json:7:1: read: the rule overlaps that of line 6`,
		`p.json:1:1: listenerPath "/s" is not part of a policy`,
		`p.json:1:1: listenerMetadata is not part of a policy`,
		`p.json:1:1: SECCOMP_FILTER_FLAG_LOG is not part of a policy: record with the verb log`,
		`p.json:1:1: unknown flag "X"`,
	}
	if len(got) != len(want) {
		t.Fatalf("%d warnings, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("got  %s\nwant %s", got[i], want[i])
		}
	}
	if p.ListenerPath != "/s" || p.ListenerMetadata != "m" || len(p.Flags) != 3 || fmt.Sprint(p.Unknown) != "[opem]" {
		t.Errorf("profile is %+v", p)
	}
}

func TestImportErrors(t *testing.T) {
	rule := func(s string) string {
		return `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[` + "\n" + `{"names":["read"],"action":"SCMP_ACT_ALLOW"` + s + `}]}`
	}
	for text, want := range map[string]string{
		"":                          "profile:1:1: the profile ends too early",
		"[]":                        "profile:1:1: the profile is a list, it must be an object",
		"{}":                        "profile:1:1: no defaultAction: give one of SCMP_ACT_ALLOW,",
		"{} x":                      "profile:1:4: text after the end",
		"{\n\"a\" 1}":               "profile:2:5: not JSON: invalid character '1' after object key",
		"\xff":                      "read profile: not UTF-8",
		`{"linux":{}}`:              "profile:1:10: no linux.seccomp",
		`{"a":1,"A":2}`:             `profile:1:8: "A" is there twice`,
		`{"defaultAction":1}`:       "profile:1:18: defaultAction is a number, it must be a string",
		`{"defaultAction":"ALLOW"}`: `profile:1:18: unknown defaultAction "ALLOW", known are SCMP_ACT_ALLOW,`,
		strings.Repeat("[", 100):    "profile:1:34: nested more than 32 deep",
		strings.Repeat(" ", 5<<20):  "read profile: more than 4194304 bytes",
		rule(`,"args":{}`):          "profile:2:52: args is an object, it must be a list",
		rule(`,"args":[1]`):         "profile:2:53: an element of args is a number, it must be an object",
		rule(`,"name":"open"`):      "profile:2:52: both name and names",
		rule(`,"errnoRet":1.5`):     "profile:2:56: errnoRet is 1.5, it must be a whole number",
		rule(`,"errnoRet":-1`):      "profile:2:56: errnoRet is -1, it must be a whole number",
		rule(`,"errnoRet":70000`):   "profile:2:1: error number 70000: the kernel takes 16 bits",
		rule(`,"errno":"EFOO"`):     `profile:2:53: unknown error "EFOO"`,
		rule(`,"args":[{"index":6,"op":"SCMP_CMP_EQ"}]`): "profile:2:53: index is 6, calls have arguments 0 to 5",
		rule(`,"args":[{"index":0,"op":"=="}]`):          `profile:2:53: unknown op "=="`,
		rule(`,"includes":{"minKernel":"five"}`):         `profile:2:69: minKernel is "five"`,
		rule(`,"args":[` + strings.Repeat(`{"index":0,"op":"SCMP_CMP_EQ"},`, 128) + `{"index":0,"op":"SCMP_CMP_EQ"}]`): "profile:2:1: 129 comparisons in one rule",
		`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"action":"SCMP_ACT_ALLOW"}]}`:                                  "profile:1:47: a rule for no call",
		`{"defaultAction":"SCMP_ACT_ALLOW","architectures":["X"],"archMap":[{}]}`:                                      "profile:1:1: both architectures and archMap",
	} {
		_, _, err := Import(strings.NewReader(text), Options{Arch: arch.X86_64})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.60q: got %v, want %s", text, err, want)
		}
	}
	if _, _, err := Import(strings.NewReader("{}"), Options{Kernel: "x"}); err == nil || !strings.Contains(err.Error(), `kernel version "x"`) {
		t.Errorf("bad kernel version: %v", err)
	}
}

func TestConditionsOfTheMachine(t *testing.T) {
	text := `{"defaultAction":"SCMP_ACT_ERRNO","archMap":[{"architecture":"SCMP_ARCH_AARCH64","subArchitectures":["SCMP_ARCH_ARM"]}],"syscalls":[
{"names":["ptrace"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"4.8"}},
{"names":["bpf"],"action":"SCMP_ACT_ALLOW","excludes":{"minKernel":"6.1"}},
{"names":["kcmp"],"action":"SCMP_ACT_ALLOW","includes":{"arches":["amd64","x32"]}},
{"names":["acct"],"action":"SCMP_ACT_ALLOW","excludes":{"arches":["arm64"]}},
{"names":["reboot"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_A","CAP_B"]}},
{"names":["setns"],"action":"SCMP_ACT_ALLOW","excludes":{"caps":["CAP_A","CAP_B"]}}]}`
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Arch: arch.AArch64}, "ptrace setns"},
		{Options{Arch: arch.AArch64, Kernel: "4.7.9"}, "bpf setns"},
		{Options{Arch: arch.AArch64, Kernel: "5.10.0-1-arm64"}, "ptrace bpf setns"},
		{Options{Arch: arch.AArch64, Kernel: "6.1", Caps: []string{"CAP_A"}}, "ptrace"},
		{Options{Arch: arch.AArch64, Kernel: "6.0", Caps: []string{"CAP_A", "CAP_B"}}, "ptrace bpf reboot"},
		{Options{Arch: arch.X86_64}, "all ptrace kcmp acct setns"},
	} {
		var names []string
		for _, r := range importText(t, text, c.o).Document.Rules {
			names = append(names, r.Calls.String())
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%+v: got %s, want %s", c.o, got, c.want)
		}
	}
}

func TestNewerCalls(t *testing.T) {
	text := `{"defaultAction":"SCMP_ACT_ERRNO",` + allABIs + `"syscalls":[{"names":["openat2"],"action":"SCMP_ACT_ALLOW"}]}`
	p := importText(t, text, Options{ENOSYS: true})
	var newer arch.Selection
	for _, r := range p.Document.Rules {
		if r.When.Text == `caller.abi == "x86_64"` && r.Then.Errno == 38 {
			newer = r.Calls
		}
	}
	if !newer.Has(id(t, "mseal")) || !newer.Has(id(t, "faccessat2")) || newer.Has(id(t, "openat2")) || newer.Has(id(t, "clone3")) {
		t.Errorf("newer calls are %s", newer)
	}
}

// TestHostile: the largest inputs take no longer than they should.
func TestHostile(t *testing.T) {
	var names, unknown strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&unknown, `"x%d",`, i)
	}
	for _, id := range arch.AllCalls().IDs() {
		fmt.Fprintf(&names, `%q,`, id.Name())
	}
	one := `{"names":[` + names.String() + `"read"],"action":"SCMP_ACT_ALLOW","args":[` +
		strings.Repeat(`{"index":0,"value":4294967296,"op":"SCMP_CMP_NE"},`, 100) + `{"index":1,"value":3,"op":"SCMP_CMP_EQ"}]},`
	for name, body := range map[string]string{
		"unknown":  `{"names":[` + unknown.String() + `"read"],"action":"SCMP_ACT_ALLOW"}`,
		"rules":    strings.Repeat(one, 100) + `{"names":["read"],"action":"SCMP_ACT_LOG"}`,
		"overlaps": strings.Repeat(`{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"op":"SCMP_CMP_NE"}]},`, 10_000) + `{"names":["read"],"action":"SCMP_ACT_LOG","args":[{"index":0,"op":"SCMP_CMP_NE"}]}`,
	} {
		start := time.Now()
		p := importText(t, `{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[`+body+`]}`, Options{})
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("%s: %v", name, d)
		} else {
			t.Logf("%s: %v, %d rules, %d warnings", name, d, len(p.Document.Rules), len(p.Warnings))
		}
		if len(p.Warnings) > 501 {
			t.Errorf("%s: %d warnings", name, len(p.Warnings))
		}
	}
}

// FuzzImport: nothing panics, and what is imported can be said in the language.
func FuzzImport(f *testing.F) {
	for _, name := range []string{"docker-default", "containers-common"} {
		text, err := os.ReadFile("testdata/" + name + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["clone"],"action":"SCMP_ACT_ALLOW","args":[` +
		`{"index":0,"value":2114060288,"valueTwo":1,"op":"SCMP_CMP_MASKED_EQ"},{"index":1,"value":18446744073709551615,"op":"SCMP_CMP_GT"}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ImportProfile(strings.NewReader(string(text)), Options{Arch: arch.X86_64, ENOSYS: true})
		if err != nil || len(p.Document.Rules) > 50 {
			return
		}
		for _, r := range p.Document.Rules {
			if r.When.Text == "" || len(r.When.Text) > 4096 || r.Calls.Len() > 20 {
				continue
			}
			for _, id := range r.Calls.IDs() {
				for _, abi := range p.ABIs {
					if _, ok := abi.NumberOf(id); ok {
						bind(t, r.When, abi, id)
					}
				}
			}
		}
	})
}
