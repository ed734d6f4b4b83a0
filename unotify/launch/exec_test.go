package launch

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/unotify/landlock"
)

// execEnv makes the test program execute something in its place.
const execEnv = "STEAD_TEST_EXEC"

// answering is a filter that answers one call with an action, and every other call with another.
func answering(nr int, action, others uint32) []unix.SockFilter {
	return []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: uint32(nr)},
		{Code: unix.BPF_RET | unix.BPF_K, K: action},
		{Code: unix.BPF_RET | unix.BPF_K, K: others},
	}
}

// noUname refuses uname, which shows that the filter is there.
func noUname() []unix.SockFilter {
	return answering(unix.SYS_UNAME, unix.SECCOMP_RET_ERRNO|uint32(unix.EXDEV), unix.SECCOMP_RET_ALLOW)
}

// inPlace are what the test program can be told to become.
func inPlace(file string) map[string]Options {
	shell := []string{"sh", "-c", execProbe}
	onlyExec := answering(unix.SYS_EXECVE, unix.SECCOMP_RET_ALLOW, unix.SECCOMP_RET_KILL_PROCESS)
	return map[string]Options{
		"shell":       {Path: "/bin/sh", Args: shell, Filter: noUname()},
		"environment": {Path: "/bin/sh", Args: shell, Filter: noUname(), Env: []string{"A=b", "PATH=/bin:/usr/bin"}, Dir: "/usr"},
		"limits":      {Path: "/bin/sh", Args: shell, Filter: noUname(), Limits: []unix.Rlimit{{Cur: 7, Max: 9}}},
		"script":      {Path: file, Args: []string{file, "x", "y"}, Filter: noUname(), Shell: true},
		"no script":   {Path: file, Args: []string{file, "x", "y"}, Filter: noUname()},
		"nothing":     {Path: "/no/such/program", Filter: noUname()},
		// The thread that fails cannot make a single call.
		"silenced":  {Path: "/no/such/program", Filter: onlyExec},
		"no execve": {Path: "/bin/true", Filter: answering(unix.SYS_EXECVE, unix.SECCOMP_RET_ERRNO|uint32(unix.ENOTTY), unix.SECCOMP_RET_ALLOW)},
		"filter":    {Path: "/bin/true", Filter: []unix.SockFilter{{Code: 0xffff}}},
		"directory": {Path: "/bin/true", Filter: noUname(), Dir: "/no/such/directory"},
		"landlock":  {Path: file, Filter: noUname()},
		"own group": {Path: "/bin/true", Filter: noUname(), Setpgid: true},
	}
}

// execProbe says what a shell finds. Its own number comes first.
const execProbe = `echo $$; set | grep -E '^(A|HOME|LANG)='; pwd; umask; ulimit -n; ulimit -t; uname; ls -l /proc/self/fd | sed 's/.* //' | wc -l
grep -E 'Sig(Ign|Blk)|NoNewPrivs|Seccomp:|Threads' /proc/self/status`

// become runs the test program, by way of a shell command, and lets it become something.
func become(t *testing.T, name, file, shell string) (out string, pid int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", shell+` exec "$@"`, "sh", self, "-test.run=^TestExec$")
	cmd.Env = append(os.Environ(), execEnv+"="+name, "STEAD_TEST_FILE="+file)
	text, _ := cmd.CombinedOutput() //nolint:errcheck // what it says is what counts
	return string(text), cmd.Process.Pid
}

// TestExec is also what becomes something else.
func TestExec(t *testing.T) {
	if name := os.Getenv(execEnv); name != "" {
		o := inPlace(os.Getenv("STEAD_TEST_FILE"))[name]
		if name == "landlock" {
			o.Landlock = ruleset(t)
		}
		err := Exec(o)
		var start *StartError
		fmt.Printf("%v %v\n", err, errors.As(err, &start) && start.Executing())
		os.Exit(9)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("echo a script: $*\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"script":    "a script: x y\n",
		"no script": "execute \"FILE\": exec format error true\n",
		"nothing":   "execute \"/no/such/program\": no such file or directory true\n",
		"silenced":  "execute \"/no/such/program\": no such file or directory true\n",
		"no execve": "execute \"/bin/true\": inappropriate ioctl for device true\n",
		"filter":    "install filter for \"/bin/true\": invalid argument false\n",
		"directory": "change directory for \"/bin/true\": no such file or directory false\n",
		"landlock": "execute \"FILE\": permission denied (if the file may be executed: Landlock must allow executing and reading it, and its interpreter " +
			"or loader) true\n",
		"own group": "execute program: an option that is for a process of its own false\n",
	} {
		if _, err := landlock.ABI(); err != nil && name == "landlock" {
			continue
		}
		if got, _ := become(t, name, file, ""); strings.ReplaceAll(got, file, "FILE") != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestExecInherits: a program in this process's place finds what it would find if it had been started directly, and the filter.
func TestExecInherits(t *testing.T) {
	for name, shell := range map[string]string{
		"plain":             "",
		"ignored signals":   "trap '' HUP USR1;",
		"no standard input": "exec <&-;",
		"few files":         "ulimit -n 64;",
		"another umask":     "umask 027;",
	} {
		native, err := exec.Command("/bin/sh", "-c", shell+` exec "$@"`, "sh", "/bin/sh", "-c", execProbe).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, native)
		}
		want := lines(string(native))
		got, pid := become(t, "shell", "", shell)
		list := lines(got)
		if len(list) != len(want) || list[0] != fmt.Sprint(pid) {
			t.Fatalf("%s: %q of %d, want %q", name, list, pid, want)
		}
		for i := range list {
			switch line := list[i]; {
			case i == 0:
			case want[i] == "Linux":
				if !strings.Contains(line, "Invalid cross-device link") {
					t.Errorf("%s: uname: %q", name, line)
				}
			case strings.HasPrefix(line, "NoNewPrivs:"), strings.HasPrefix(line, "Seccomp:"):
				if line != map[string]string{"N": "NoNewPrivs:\t1", "S": "Seccomp:\t2"}[line[:1]] {
					t.Errorf("%s: %q", name, line)
				}
			case line != want[i]:
				t.Errorf("%s: %q, want %q", name, line, want[i])
			}
		}
	}
	got, _ := become(t, "environment", "", "")
	if list := lines(got); len(list) < 3 || list[1] != "A='b'" || list[2] != "/usr" {
		t.Errorf("environment: %q", list)
	}
	if got, _ := become(t, "limits", "", ""); !strings.Contains(got, "\n7\n") {
		t.Errorf("limits: %q", got)
	}
}

func lines(text string) []string { return strings.Split(strings.TrimSpace(text), "\n") }
