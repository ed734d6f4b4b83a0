package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// output runs stead trace with -o and some flags and gives the lines of the file.
func output(t *testing.T, flags ...string) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "out")
	args := append([]string{"trace", "-o", file}, flags...)
	if r := stead(t, args...); r.code != 0 {
		t.Fatalf("%v: %+v", args, r)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// each wants every line to match, and at least one line.
func each(t *testing.T, lines []string, pattern string) {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for _, l := range lines {
		if !re.MatchString(l) {
			t.Errorf("%q does not match %s", l, pattern)
		}
	}
	if len(lines) == 0 || lines[0] == "" {
		t.Errorf("no line, want some matching %s", pattern)
	}
}

// some wants a line to match.
func some(t *testing.T, lines []string, pattern string) {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for _, l := range lines {
		if re.MatchString(l) {
			return
		}
	}
	t.Errorf("no line matches %s: %q", pattern, lines)
}

func TestTraceText(t *testing.T) {
	r := stead(t, "trace", "--", "/bin/sh", "-c", "echo out; cat /etc/hostname >/dev/null; exit 3")
	if r.code != 3 || r.stdout != "out\n" {
		t.Errorf("%+v", r)
	}
	lines := strings.Split(strings.TrimSuffix(r.stderr, "\n"), "\n")
	each(t, lines, `^(\[pid \d+\] )?\w+\(.*\)$`)
	some(t, lines, `^\[pid \d+\] openat\(AT_FDCWD, "/etc/hostname", O_RDONLY\)`)
	if !strings.HasPrefix(lines[0], `execve("/bin/sh", ["/bin/sh", "-c", "echo out; `) {
		t.Errorf("the trace begins with %q", lines[0])
	}
}

func TestTraceFlags(t *testing.T) {
	each(t, output(t, "cat", "/etc/hostname"), `^\d+ \w+\(.*\)$`)
	each(t, output(t, "--calls", "openat,execve", "cat", "/etc/hostname"), `^\d+ (openat|execve)\(`)
	each(t, output(t, "--calls", "%file,!execve", "cat", "/etc/hostname"), `^\d+ [^e]\w+\(.*"`)
	some(t, output(t, "--calls", "openat,read,write,close", "cat", "/etc/hostname"), `^\d+ close\(3\)`)
	some(t, output(t, "--all", "cat", "/etc/hostname"), `^\d+ brk\(`)
	some(t, output(t, "--all", "--calls", "exit_group,!brk", "cat", "/etc/hostname"), `^\d+ exit_group\(0\)`)
	if lines := output(t, "--all", "--calls", "!brk", "true"); strings.Contains(strings.Join(lines, "\n"), " brk(") {
		t.Error("--all with !brk shows brk")
	}
	if lines := strings.Join(output(t, "--calls", "!brk", "/bin/sh", "-c", "/bin/true; :"), "\n"); strings.Contains(lines, " brk(") ||
		strings.Contains(lines, " close(") || !strings.Contains(lines, " mmap(") {
		t.Errorf("--calls !brk shows %s", lines)
	}
	if lines := output(t, "--calls", "none", "true"); lines[0] != "" {
		t.Errorf("--calls none shows %q", lines)
	}
}

func TestTraceStamps(t *testing.T) {
	each(t, output(t, "-t", "true"), `^\d+ \d\d:\d\d:\d\d\.\d{6} \w+\(`)
	each(t, output(t, "--timestamps=unix", "true"), `^\d+ \d{10}\.\d{6} \w+\(`)
	each(t, output(t, "-t=relative", "true"), `^\d+ \d\.\d{6} \w+\(`)
	each(t, output(t, "-t=none", "true"), `^\d+ \w+\(`)
}

func TestTraceValues(t *testing.T) {
	some(t, output(t, "-y", "--calls", "openat,newfstatat,fstat", "cat", "/etc/hostname"), `\(3<.*>`)
	some(t, output(t, "--calls", "execve", "sh", "-c", ": "+strings.Repeat("x", 100)), `": x{30}"\.\.\.`)
	some(t, output(t, "-s", "8", "--calls", "execve", "sh", "-c", ": "+strings.Repeat("x", 100)), `": x{6}"\.\.\.`)
	some(t, output(t, "-s", "1000", "--calls", "execve", "sh", "-c", ": "+strings.Repeat("x", 100)), `": x{100}"\]`)
	some(t, output(t, "--calls", "execve", "true"), `\], 0x[0-9a-f]+ /\* \d+ vars \*/\)$`)
	some(t, output(t, "-v", "--calls", "execve", "true"), `"LC_ALL=C"`)
	each(t, output(t, "--color=always", "true"), "^\\d+ \x1b\\[36m\\w+\x1b\\[0m\\(")
	each(t, output(t, "--color=never", "true"), `^\d+ \w+\(`)
}

func TestTraceCount(t *testing.T) {
	r := stead(t, "trace", "-c", "/bin/sh", "-c", "cd /; cd /; exit 4")
	lines := strings.Split(strings.TrimSuffix(r.stderr, "\n"), "\n")
	if r.code != 4 || len(lines) < 4 || !strings.HasPrefix(lines[0], "% calls ") {
		t.Fatalf("%+v", r)
	}
	each(t, lines[1:], `^ *\d+\.\d\d +\d+ +\d+ +\d+ +(\w+ +\w+|total)$`)
	some(t, lines, ` 2 +0 +0 x86_64 +chdir$| 2 +0 +0 aarch64 +chdir$`)
	some(t, lines[len(lines)-1:], `^ 100\.00 .* total$`)
	each(t, output(t, "-c", "true")[1:], `^ *\d+\.\d\d`)
}

// records checks lines against the published schema.
func records(t *testing.T, text string) []map[string]any {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	schema, err := c.Compile("../../docs/record.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []map[string]any
	for line := range strings.Lines(text) {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		if err := schema.Validate(v); err != nil {
			t.Errorf("%v: %s", err, line)
		}
		list = append(list, v.(map[string]any))
	}
	return list
}

func TestTraceJSON(t *testing.T) {
	r := stead(t, "trace", "--format", "json", "--", "/bin/sh", "-c", "cat /etc/hostname; exit 3")
	list := records(t, r.stderr)
	if r.code != 3 || len(list) < 10 {
		t.Fatalf("%+v", r)
	}
	names := map[any]int{}
	for _, record := range list {
		names[record["call"]]++
		if record["verdict"] != "allow" || record["outcome"] != "continued" || record["pid"] == nil {
			t.Errorf("%v", record)
		}
	}
	if names["execve"] < 2 || names["openat"] < 2 {
		t.Errorf("calls: %v", names)
	}
	all := stead(t, "trace", "--format", "json", "--all", "--", "ls", "/")
	records(t, all.stderr)
}

func TestRunLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	if r := stead(t, "run", "cat", "/dev/null"); r != (result{}) {
		t.Errorf("without a log: %+v", r)
	}
	var lengths []int
	for range 2 { // the second run appends
		if r := stead(t, "run", "--log", file, "cat", "/dev/null"); r != (result{}) {
			t.Fatalf("%+v", r)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lengths = append(lengths, len(records(t, string(text))))
	}
	if lengths[0] < 3 || lengths[1] != 2*lengths[0] {
		t.Errorf("records after each run: %v", lengths)
	}
	text := filepath.Join(t.TempDir(), "text")
	if r := stead(t, "run", "--log-format", "text", "--log", text, "true"); r != (result{}) {
		t.Fatalf("%+v", r)
	}
	lines, err := os.ReadFile(text)
	if err != nil {
		t.Fatal(err)
	}
	each(t, strings.Split(strings.TrimSuffix(string(lines), "\n"), "\n"), `^\d+ \d{10}\.\d{6} \w+\(.*\)$`)
}

// TestLostOutput keeps the program's exit status and says what is lost.
func TestLostOutput(t *testing.T) {
	for script, said := range map[string]string{
		`$STEAD trace -o /dev/full -- sh -c 'exit 3'`:                                       `records are lost: records=\d+ error=.*no space left`,
		`$STEAD trace --format json -o /dev/full -- sh -c 'exit 3'`:                         `records are lost: records=\d+ error=.*no space left`,
		`$STEAD trace -c -o /dev/full -- sh -c 'exit 3'`:                                    `records are lost: records=[1-9]\d* error=.*no space left`,
		`$STEAD run --log /dev/full -- sh -c 'exit 3'`:                                      `records are lost: records=\d+ error=.*no space left`,
		`$STEAD --log-json run --log /dev/full -- sh -c 'exit 3'`:                           `"@message":"records are lost",.*"error":".*no space left.*","records":\d+`,
		`$STEAD --log-level off run --log /dev/full sh -c 'exit 3'`:                         `^$`,
		`$STEAD trace -- sh -c 'exit 3' 2>/dev/full`:                                        `^$`,
		`$STEAD trace -- sh -c 'exit 3' 2>&-`:                                               `^$`,
		`$STEAD trace -o out -- sh -c 'exit 3' 1>&-`:                                        `^$`,
		`$STEAD trace -o out -- sh -c 'exit 3' <&-`:                                         `^$`,
		`$STEAD run -- sh -c 'exit 3' <&- >&- 2>&-`:                                         `^$`,
		`mkfifo f; (:; exec <f) & $STEAD trace -o f -- sh -c 'exit 3'; c=$?; rm f; exit $c`: `records are lost.*broken pipe|^$`,
	} {
		r := shell(t, "cd "+t.TempDir()+"; "+script)
		if r.code != 3 || r.stdout != "" || !regexp.MustCompile(said).MatchString(r.stderr) {
			t.Errorf("%s: %+v, want code 3 and %s", script, r, said)
		}
	}
	for _, verb := range []string{"syscalls", "syscalls --json", "version", "doctor", "doctor --json"} {
		if r := shell(t, "$STEAD "+verb+" >/dev/full"); r.code != exitFailure || !strings.Contains(r.stderr, "no space left") {
			t.Errorf("%s: %+v, want code %d", verb, r, exitFailure)
		}
	}
}

// The file of a trace stays out of the program's sight, and stead writes nothing to the program's output.
func TestOutputApart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out")
	program := []string{"/bin/sh", "-c", "ls /proc/self/fd; echo err >&2"}
	want := launch{argv: program}.run(t)
	if got := stead(t, append([]string{"trace", "-o", file, "--"}, program...)...); got != want {
		t.Errorf("%+v, without stead %+v", got, want)
	}
	if text, err := os.ReadFile(file); err != nil || !bytes.Contains(text, []byte("execve")) {
		t.Errorf("%q, %v", text, err)
	}
}

func TestVersion(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"--version"}} {
		if r := stead(t, args...); r.code != 0 || r.stderr != "" || !regexp.MustCompile(`^stead .+ \(commit .+, go.+, linux/\w+\)\n$`).MatchString(r.stdout) {
			t.Errorf("%v: %+v", args, r)
		}
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{nil, {"--help"}, {"help", "trace"}, {"trace", "--help"}, {"run", "-h"}, {"doctor", "--help"}, {"completion", "bash"}} {
		if r := stead(t, args...); r.code != 0 || r.stderr != "" || !strings.Contains(r.stdout, "stead") {
			t.Errorf("%v: %+v", args, r)
		}
	}
}

// decode reads JSON that must have no members beside v's.
func decode(t *testing.T, text string, v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}
