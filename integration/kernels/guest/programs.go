package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// checks is every check, in the order of the report.
func checks() []check {
	return []check{
		{"doctor", doctor},
		{"trace a shell", traceShell},
		{"run --log", runLog},
		{"exit codes", exitCodes},
		{"ends by itself", endsByItself},
		{"killed", killed},
		{"killed in a call", killedInCall},
		{"orphan", orphan},
		{"200 processes", processes},
		{"64 threads, -c", threads},
		{"Go program", goProgram},
		{"32-bit program", compatProgram},
		{"int 0x80", int80},
		{"kernel rules", kernelRules},
		{"path rules", pathRules},
		{"files, strict", filesStrict},
		{"files, best effort", filesBestEffort},
		{"preset build", presetBuild},
		{"mounts in a container", containerMounts},
	}
}

// traceShell wants a shell's exit status, output and calls.
func traceShell(m *machine) (string, error) {
	const script = "mkdir d && rmdir d && cat /etc/passwd >/dev/null; echo done; exit 7"
	o, err := m.stead("trace", "--all", "-o", m.file("trace"), "--", "sh", "-c", script)
	if err != nil {
		return "", err
	}
	if err = m.expect(o, 7, "done\n"); err != nil {
		return "", err
	}
	text, err := m.read("trace")
	if err != nil {
		return "", err
	}
	for _, want := range []string{
		`mkdir(at)?\(.*"d", 0777\)`, `(rmdir\(|unlinkat\(.*)"d"`, `open(at)?\(.*"/etc/passwd"`, `execve\(".*sh", \["sh", "-c",`,
	} {
		if !regexp.MustCompile(want).MatchString(text) {
			return "", fmt.Errorf("no line %s in the trace:\n%s", want, text)
		}
	}
	return fmt.Sprintf("%d lines", strings.Count(text, "\n")), nil
}

// A record is what is looked at in one line of JSON.
type record struct {
	ABI  string
	Call string
}

// records counts the calls of a log, by ABI and name.
func (m *machine) records(name string) (map[record]int, error) {
	text, err := m.read(name)
	if err != nil {
		return nil, err
	}
	counts := map[record]int{}
	for line := range strings.Lines(text) {
		var r record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			return nil, fmt.Errorf("line %q: %w", line, err)
		}
		counts[r]++
	}
	return counts, nil
}

// nativeABI is Stead's name of the machine's first ABI.
func nativeABI() string {
	if runtime.GOARCH == "arm64" {
		return "aarch64"
	}
	return "x86_64"
}

func runLog(m *machine) (string, error) {
	o, err := m.stead("run", "--log", m.file("log"), "--", "sh", "-c", "/bin/cat /etc/passwd >/dev/null; exit 3")
	if err != nil {
		return "", err
	}
	if err = m.expect(o, 3, ""); err != nil {
		return "", err
	}
	counts, err := m.records("log")
	if err != nil {
		return "", err
	}
	if n := counts[record{nativeABI(), "execve"}]; n != 2 {
		return "", fmt.Errorf("%d calls of execve recorded, want 2: %v", n, counts)
	}
	return "", nil
}

func exitCodes(m *machine) (string, error) {
	if err := os.WriteFile(m.file("data"), []byte("\x00\x01"), 0o644); err != nil {
		return "", err
	}
	cases := []struct {
		code int
		argv []string
	}{
		{0, []string{"true"}}, {1, []string{"false"}}, {255, []string{"sh", "-c", "exit 255"}},
		{143, []string{"sh", "-c", "kill -TERM $$"}}, {137, []string{"sh", "-c", "kill -KILL $$"}},
	}
	for _, c := range cases {
		o, err := m.stead(append([]string{"trace", "-o", "/dev/null", "--"}, c.argv...)...)
		if err != nil {
			return "", err
		}
		if err := m.expect(o, c.code, ""); err != nil {
			return "", fmt.Errorf("%v %w", c.argv, err)
		}
	}
	for program, code := range map[string]int{"nowhere": 127, "./data": 126} {
		o, err := m.stead("trace", "-o", "/dev/null", "--", program)
		if err != nil || o.code != code {
			return "", fmt.Errorf("%s ended with %d, want %d: %q, %w", program, o.code, code, o.stderr, err)
		}
	}
	return "", nil
}

// prompt is how much longer than its program Stead may take, which a hang-up that nobody notices would exceed.
const prompt = 20 * time.Second

// endsByItself runs short programs one after another: before Linux 6.11 a thread in RECV is not woken by the end of the last
// target, and a supervisor that waited for it would hang now and then.
func endsByItself(m *machine) (string, error) {
	var longest time.Duration
	for range 50 {
		o, err := m.stead("trace", "-o", "/dev/null", "--", "true")
		if err != nil {
			return "", err
		}
		if err = m.expect(o, 0, ""); err != nil {
			return "", err
		}
		longest = max(longest, o.took)
	}
	if longest > prompt {
		return "", fmt.Errorf("the longest of 50 runs took %v", longest)
	}
	return fmt.Sprintf("longest of 50: %d ms", longest.Milliseconds()), nil
}

// killed kills a program from outside while it sleeps.
func killed(m *machine) (string, error) {
	return m.kill(0, "exec sleep 300")
}

// killedInCall kills one all of whose threads are in calls.
func killedInCall(m *machine) (string, error) {
	return m.kill(2*time.Second, "exec many 100000000")
}

// kill kills a program some time after it has started.
func (m *machine) kill(after time.Duration, script string) (string, error) {
	r, err := m.start("trace", "-c", "--calls", "getpgid,%process", "-o", "/dev/null", "--", "sh", "-c",
		"echo $$ >pid.new; mv pid.new pid; "+script)
	if err != nil {
		return "", err
	}
	pid, err := m.pid()
	if err != nil {
		r.cancel()
		r.cmd.Wait() //nolint:errcheck // killed
		return "", err
	}
	time.Sleep(after)
	at := time.Now()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return "", err
	}
	o, err := r.wait()
	if err != nil {
		return "", err
	}
	if late := time.Since(at); late > prompt {
		return "", fmt.Errorf("it took %v after the kill", late)
	}
	return fmt.Sprintf("%d ms after the kill", time.Since(at).Milliseconds()), m.expect(o, 128+int(syscall.SIGKILL), "")
}

// pid waits for the number that the program writes.
func (m *machine) pid() (int, error) {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if text, err := m.read("pid"); err == nil {
			return strconv.Atoi(strings.TrimSpace(text))
		}
	}
	return 0, fmt.Errorf("the program did not start within a minute")
}

// orphan runs a program that leaves a daemon behind, whose calls go on being answered.
func orphan(m *machine) (string, error) {
	o, err := m.stead("trace", "-c", "-o", "/dev/null", "--", "orphan")
	if err != nil {
		return "", err
	}
	if err = m.expect(o, 0, "started\n"); err != nil {
		return "", err
	}
	report, err := m.read("report")
	if err != nil || report != "400\n" {
		return "", fmt.Errorf("the daemon reported %q, want 400: %w", report, err)
	}
	return "", nil
}

func processes(m *machine) (string, error) {
	const script = "i=0; while [ $i -lt 200 ]; do /bin/true || exit 9; i=$((i+1)); done; echo $i"
	o, err := m.stead("trace", "--all", "--format", "json", "-o", m.file("log"), "--", "sh", "-c", script)
	if err != nil {
		return "", err
	}
	if err = m.expect(o, 0, "200\n"); err != nil {
		return "", err
	}
	counts, err := m.records("log")
	if err != nil {
		return "", err
	}
	if n := counts[record{nativeABI(), "execve"}]; n != 201 {
		return "", fmt.Errorf("%d calls of execve recorded, want 201", n)
	}
	return "", nil
}

// threads makes calls from 64 threads; each is answered rightly, and counted once where a signal cannot repeat it.
func threads(m *machine) (string, error) {
	const calls = 2000
	total := 64 * calls
	o, err := m.stead("trace", "-c", "-o", m.file("table"), "--calls", "getpgid", "--", "many", strconv.Itoa(calls))
	if err != nil {
		return "", err
	}
	if err = m.expect(o, 0, fmt.Sprintln(total)); err != nil {
		return "", err
	}
	table, err := m.read("table")
	if err != nil {
		return "", err
	}
	if !regexp.MustCompile(`(?m)\b` + strconv.Itoa(total) + `\b.*getpgid$`).MatchString(table) {
		return "", fmt.Errorf("%d calls of getpgid are not in the table:\n%s", total, table)
	}
	return fmt.Sprintf("%.0f µs a call", o.took.Seconds()*1e6/float64(total)), nil
}

func goProgram(m *machine) (string, error) { return m.storm("gostorm", nativeABI()) }

func compatProgram(m *machine) (string, error) {
	if _, err := os.Stat("/bin/gostorm32"); err != nil {
		return "", skipped("no 32-bit program in the archive")
	}
	return m.storm("gostorm32", map[string]string{"x86_64": "i386", "aarch64": "arm"}[nativeABI()])
}

// storm runs a program whose runtime signals its own threads all the time. It sees itself whether a call was lost or made
// twice. Where signals cannot repeat a notified call, it is recorded once.
func (m *machine) storm(program, abi string) (string, error) {
	const made = 100 * 100
	o, err := m.stead("trace", "--all", "--format", "json", "-o", m.file("log"), "--", program, m.dir)
	if err != nil {
		return "", err
	}
	if err = m.expect(o, 0, fmt.Sprintln(made)); err != nil {
		return "", err
	}
	counts, err := m.records("log")
	if err != nil {
		return "", err
	}
	n := counts[record{abi, "mkdirat"}]
	if n < made || n > made && m.kernel.atLeast(5, 19) {
		return "", fmt.Errorf("%d calls of mkdirat recorded, want %d; %v", n, made, counts)
	}
	return fmt.Sprintf("%d of %d calls repeated", n-made, made), nil
}

// int80 makes 32-bit calls from a 64-bit program.
func int80(m *machine) (string, error) {
	if runtime.GOARCH != "amd64" {
		return "", skipped("x86 only")
	}
	o, err := m.stead("trace", "--all", "--format", "json", "-o", m.file("log"), "--", "int80")
	if err != nil {
		return "", err
	}
	const want = "getpid 1\nmkdir: ok\nmkdir again: EEXIST\nstat by the 64-bit gate: ok\nopen: ok\nrmdir: ok\n" +
		"rmdir again: ENOENT\nopen unmapped: EFAULT\nno such number: ENOSYS\n"
	if err = m.expect(o, 0, want); err != nil {
		return "", err
	}
	counts, err := m.records("log")
	if err != nil {
		return "", err
	}
	if n := counts[record{"i386", "mkdir"}]; n != 2 {
		return "", fmt.Errorf("%d calls of i386's mkdir recorded, want 2: %v", n, counts)
	}
	return "", nil
}
