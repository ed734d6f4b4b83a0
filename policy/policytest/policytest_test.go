package policytest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
)

const cases = `
- name: secrets
  call: 'openat(AT_FDCWD, "/etc/shadow", O_RDONLY)'
  want: {deny: ENOENT}
  rule: secrets
- calls:
    - 'openat(AT_FDCWD, "/etc/passwd", O_RDONLY)'
    - 'open("/etc/passwd", O_RDONLY)'
  abi: x86_64
  want: allow
- {call: 'getuid()', want: {return: 7}, engine: supervisor}
- {call: 'setuid(0)', want: deny, caller: {uid: 1000, exe: /bin/x}}
- {call: 'connect(3, unix:/run/x)', abi: i386, want: deny}
`

// decider denies /etc/shadow and setuid by uid 1000.
func decider(callers func(policy.Caller) *Caller) func(*policy.Request) policy.Decision {
	return func(r *policy.Request) policy.Decision {
		path := r.Call.Arg("pathname")
		uid, err := callers(r.Caller).UID()
		switch {
		case path != nil && string(path.Bytes) == "/etc/shadow":
			return policy.Decision{Errno: syscall.ENOENT, Rule: "secrets"}
		case r.Call.Name == "getuid":
			return policy.Decision{Verdict: policy.Return, Value: 7}
		case r.Call.Name == "setuid" && err == nil && uid == 1000:
			return policy.Denial(0, "no")
		}
		return policy.Decision{Verdict: policy.Allow}
	}
}

func TestRun(t *testing.T) {
	list, err := Load("tests.yaml", []byte(cases))
	if err != nil || len(list) != 5 {
		t.Fatal(len(list), err)
	}
	engine := func(*policy.Request, policy.Decision) string { return "supervisor" }
	rep := Run(list, decider(Callers(list)), Options{Engine: engine})
	if len(rep.Results) != 6 || rep.Failed != 1 {
		t.Fatalf("%s", rep.String())
	}
	want := "tests.yaml:13:10: connect(3, unix:/run/x)\n    want deny, got allow\n5 of 6 calls as wanted\n"
	if got := rep.String(); got != want {
		t.Errorf("report\n%s want\n%s", got, want)
	}
	if c := rep.Results[5].Call.Call; c.ABI != arch.I386 {
		t.Errorf("ABI %s", c.ABI)
	}
	if rep = Run(list, decider(Callers(list)), Options{}); rep.Failed != 2 || !strings.Contains(rep.String(), "not known here") {
		t.Errorf("without engines: %s", rep.String())
	}
}

// The manual's example is a file of cases.
func TestManualExample(t *testing.T) {
	manual, err := os.ReadFile("../../docs/policy-tests.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(manual), "```yaml\n")
	example, _, found := strings.Cut(rest, "```")
	list, err := Load("manual", []byte(example))
	if !found || err != nil || len(list) != 3 || list[1].Want.Verdict != policy.Allow || *list[2].Caller.cwd != "/etc" {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestMismatches(t *testing.T) {
	for _, tt := range []struct {
		want string
		got  policy.Decision
		why  string
	}{
		{"deny", policy.Decision{Errno: syscall.ENOENT}, ""},
		{"{deny: EPERM}", policy.Decision{}, ""},
		{"{deny: ENOENT}", policy.Decision{}, "want deny ENOENT, got deny EPERM"},
		{"{return: 1}", policy.Decision{Verdict: policy.Return}, "want return 1, got return 0"},
		{"log", policy.Decision{Verdict: policy.Allow, Rule: "r"}, "want log, got allow by r"},
		{"allow, rule: x", policy.Decision{Verdict: policy.Allow}, "want it from rule x, got it from default"},
		{"allow, rule: default", policy.Decision{Verdict: policy.Allow}, ""},
	} {
		list, err := Load("t", []byte("- {call: getuid(), want: "+tt.want+"}"))
		if err != nil {
			t.Errorf("%s: %v", tt.want, err)
			continue
		}
		rep := Run(list, policy.Always(tt.got).Decide, Options{})
		if got := rep.Results[0].Why; got != tt.why {
			t.Errorf("%s: %q, want %q", tt.want, got, tt.why)
		}
	}
}

func TestLoadErrors(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", "t: no tests in it"},
		{"call: x", "t:1:1: a file of tests is a list"},
		{"- {call: getuid(), wnat: allow}", `t:1:20: unknown key "wnat": did you mean want?`},
		{"- {call: getuid(), want: alow}", `t:1:26: unknown verdict "alow": did you mean allow?`},
		{"- {call: getuid(), want: {deny: ENOET}}", `t:1:33: unknown errno "ENOET": did you mean ENOENT?`},
		{"- {call: getuid(), want: return}", "return needs its value"},
		{"- {call: getuid(), want: {deny: EPERM, return: 1}}", "want is one verdict"},
		{"- {call: getuid(), call: getuid(), want: allow}", "t:1:20: key call is there twice"},
		{"- {call: getuid()}", "t:1:3: the test does not say what it wants"},
		{"- {want: allow}", "t:1:3: the test has no call"},
		{"- {call: getuid(), want: allow, abi: z80}", "t:1:38: find ABI"},
		{"- {call: getuid(), want: allow, caller: {uid: root}}", `"root" is not an id`},
		{"- &a {call: getuid(), want: allow}\n- *a", "t:2:3: "},
		{"- {call: &a getuid(), want: allow}", "anchors and aliases are not taken"},
		{"-\tx: [", "t:1:"},
		{"- call: 'openat(AT_FDCWD, \"/x\", O_RDONYL)'\n  want: allow", `t:1:33: column 24: argument 3 (flags): "O_RDONYL"`},
		{"- calls: getuid()\n  want: allow", "t:1:10: calls is a list"},
		{strings.Repeat("[", 100), "nested deeper than 16"},
		{"\xff", "not UTF-8"},
	} {
		_, err := Load("t", []byte(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q gave %v, want %s", tt.text, err, tt.want)
		}
	}
	many := strings.Repeat("- {call: getuid(), want: x}\n", 1000)
	_, err := Load("t", []byte(many))
	if n := strings.Count(err.Error(), "\n"); n >= maxErrors {
		t.Errorf("%d faults are reported", n)
	}
	if _, err := Load("t", []byte(strings.Repeat(" ", MaxFile+1))); err == nil {
		t.Error("a large file is read")
	}
}

func TestCallerFactsAreNotGuessed(t *testing.T) {
	var c Caller
	for _, f := range []func() error{
		func() error { _, err := c.UID(); return err }, func() error { _, err := c.GID(); return err },
		func() error { _, err := c.Exe(); return err }, func() error { _, err := c.Comm(); return err },
		func() error { _, err := c.Cwd(); return err },
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), "add caller:") {
			t.Error(err)
		}
	}
}

func record(call, args, rest string) string {
	return fmt.Sprintf(`{"pid":1,"tid":1,"abi":"x86_64","call":%q,"args":{%s},"verdict":%s}`, call, args, rest)
}

func TestRunTrace(t *testing.T) {
	lines := []string{
		record("openat", `"dirfd":"AT_FDCWD","pathname":"/etc/shadow","flags":["O_RDONLY"]`, `"allow"`),
		record("openat", `"dirfd":"AT_FDCWD","pathname":"/etc/passwd","flags":["O_RDONLY"]`, `"allow"`),
		"",
		"not a record",
		record("openat", `"dirfd":"AT_FDCWD","pathname":"/etc/shadow","flags":["O_WRONLY"]`, `"allow"`),
		record("openat", `"dirfd":"AT_FDCWD","pathname":{"addr":"0x1","error":"unreadable"}`, `"allow"`),
		record("openat", `"dirfd":"AT_FDCWD","pathname":"/etc/shadow","flags":[]`, `"deny","errno":"ENOENT"`),
		record("openat", `"dirfd":"AT_FDCWD","pathname":"/etc/shadow","flags":[]`, `"deny","errno":"EACCES","rule":"old"`),
	}
	rep, err := RunTrace(strings.NewReader(strings.Join(lines, "\n")), decider(Callers(nil)), TraceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := `     2 openat: deny ENOENT by secrets, was allow
       line 1: openat(AT_FDCWD, "/etc/shadow", O_RDONLY)
       line 5: openat(AT_FDCWD, "/etc/shadow", O_WRONLY)
     1 openat: deny ENOENT by secrets, was deny EACCES by old
       line 8: openat(AT_FDCWD, "/etc/shadow", O_RDONLY)
     1 openat: not replayed: argument 2 (pathname): it was recorded as unreadable
       line 6: openat
7 calls: 2 as before, 3 changed, 1 not replayed, 1 lines are no records (the first: line 4: `
	if got := rep.String(); !strings.HasPrefix(got, want) {
		t.Errorf("report\n%s\nwant\n%s", got, want)
	}
}

func TestRunTraceOfAnotherFormat(t *testing.T) {
	if _, err := RunTrace(strings.NewReader("openat(…)\nclose(3)\n"), policy.Always{}.Decide, TraceOptions{}); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Error(err)
	}
	broken := io.MultiReader(strings.NewReader("{}\n"), errReader{})
	if _, err := RunTrace(broken, policy.Always{}.Decide, TraceOptions{}); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, os.ErrClosed }

// endless gives n records that are all different, and then one line that never ends.
type endless struct {
	n, at int
	left  string
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left == "" {
		if e.at == e.n {
			return 0, io.EOF
		}
		e.at++
		name := fmt.Sprintf("/%d%s", e.at, strings.Repeat("x", 300))
		e.left = record("openat", `"pathname":"`+name+`"`, fmt.Sprintf(`"deny","rule":"%s"`, name)) + "\n"
	}
	n := copy(p, e.left)
	e.left = e.left[n:]
	return n, nil
}

func TestRunTraceIsBounded(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n := 20_000
	rep, err := RunTrace(&endless{n: n}, policy.Always{Verdict: policy.Allow}.Decide, TraceOptions{Groups: 10, Examples: 1})
	runtime.GC()
	runtime.ReadMemStats(&after)
	if err != nil || rep.Changed != n || len(rep.Changes) != 10 || rep.Beyond != n-10 {
		t.Fatalf("%d changed, %d groups, %d beyond, %v", rep.Changed, len(rep.Changes), rep.Beyond, err)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("%d bytes are kept", grown)
	}
	long := io.MultiReader(strings.NewReader(strings.Repeat("x", 5<<20)+"\n"), &endless{n: 1})
	if rep, err = RunTrace(long, policy.Always{Verdict: policy.Allow}.Decide, TraceOptions{}); err != nil || rep.Bad != 1 || rep.Changed != 1 {
		t.Errorf("%+v, %v", rep, err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(cases))
	f.Add([]byte("- {call: 'openat(3', want: {deny: ENOENT}}"))
	f.Add([]byte("- &a [*a]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := Load("t", text)
		if err != nil {
			if len(err.Error()) > 1<<16 {
				t.Fatalf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		Run(list, policy.Always{}.Decide, Options{})
	})
}

func BenchmarkRunTrace(b *testing.B) {
	line := record("openat", `"dirfd":"AT_FDCWD","pathname":"/etc/passwd","flags":["O_RDONLY","O_CLOEXEC"]`, `"allow"`) + "\n"
	text := strings.Repeat(line, 1000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := RunTrace(strings.NewReader(text), policy.Always{}.Decide, TraceOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}
