package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// twins are the program that hands over, alone in a directory, where the whole program can be put beside it.
type twins struct {
	program, beside string
	whole           []byte
}

func newTwins(t *testing.T) twins {
	t.Helper()
	built := stead(t)
	whole, err := os.ReadFile(filepath.Join(filepath.Dir(built), "stead-whole"))
	if err != nil {
		t.Skipf("this stead has no other program beside it, as scripts/build.sh makes one: %v", err)
	}
	text, err := os.ReadFile(built)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	w := twins{filepath.Join(dir, "stead"), filepath.Join(dir, "stead-whole"), whole}
	if err := os.WriteFile(w.program, text, 0o755); err != nil {
		t.Fatal(err)
	}
	return w
}

// put puts something beside the program; nil: nothing.
func (w *twins) put(t *testing.T, text []byte, mode os.FileMode) {
	t.Helper()
	os.Remove(w.beside) //nolint:errcheck // it may not be there
	if text == nil {
		return
	}
	if err := os.WriteFile(w.beside, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(w.beside, mode); err != nil {
		t.Fatal(err)
	}
}

// An agentSeen is what can be seen of a running agent.
type agentSeen struct{ exe, started string }

// seeAgent has a shell start an agent, and looks at it when it serves.
func seeAgent(t *testing.T, shell, program string) agentSeen {
	t.Helper()
	dir := t.TempDir()
	sock := filepath.Join(dir, "s")
	cmd := exec.Command("sh", "-c", shell+` exec "$@"`, "sh", program, "agent", "--listen", sock, "--policies", dir, "--log-level", "error")
	cmd.Env = append(environment(dir), "Z="+strings.Repeat("z", 1000))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait() //nolint:errcheck // what it was is what counts
	defer cmd.Process.Signal(unix.SIGTERM)
	for range 1000 {
		if _, err := os.Stat(sock); err == nil {
			return look(t, cmd.Process.Pid, program, dir)
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s: no agent", program)
	return agentSeen{}
}

func look(t *testing.T, pid int, program, dir string) agentSeen {
	t.Helper()
	proc := fmt.Sprintf("/proc/%d/", pid)
	exe, err := os.Readlink(proc + "exe")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, name := range []string{"status", "limits", "cmdline", "environ"} {
		all, err := os.ReadFile(proc + name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(all)) {
			if name != "status" || strings.HasPrefix(line, "SigIgn") {
				text.WriteString(line)
			}
		}
	}
	for fd := range 3 {
		link, _ := os.Readlink(fmt.Sprintf("%sfd/%d", proc, fd))
		text.WriteString(link + "\n")
	}
	return agentSeen{exe, strings.NewReplacer(program, "STEAD", dir, "DIR").Replace(text.String())}
}

// TestWholeProgram: what is beside the program is executed if it is what is inside, and what is inside otherwise.
func TestWholeProgram(t *testing.T) {
	w := newTwins(t)
	other := []byte(strings.Repeat("#!/bin/false\n", len(w.whole)/13+1)[:len(w.whole)])
	for name, c := range map[string]struct {
		text []byte
		mode os.FileMode
		inFD string // what the program's own file is called
	}{
		"none":                   {nil, 0, "memfd:stead"},
		"the same":               {w.whole, 0o755, w.beside},
		"another":                {other, 0o755, "memfd:stead"},
		"shorter":                {w.whole[:len(w.whole)-1], 0o755, "memfd:stead"},
		"not executable":         {w.whole, 0o644, "memfd:stead"},
		"writable for the group": {w.whole, 0o775, "memfd:stead"},
	} {
		t.Run(name, func(t *testing.T) {
			w.put(t, c.text, c.mode)
			if got := seeAgent(t, "", w.program); !strings.Contains(got.exe, c.inFD) {
				t.Errorf("the program becomes %s, want %s", got.exe, c.inFD)
			}
		})
	}
}

// The whole program takes over with everything that the first one was given, from the file beside it and from memory.
func TestWholeStart(t *testing.T) {
	w := newTwins(t)
	direct := filepath.Join(filepath.Dir(stead(t)), "stead-whole")
	for name, shell := range map[string]string{
		"plain":             "",
		"no standard input": "exec <&-;",
		"no standard error": "exec 2>&-;",
		"ignored signals":   "trap '' HUP USR1;",
		"a small stack":     "ulimit -s 1024;",
		"few files":         "ulimit -Sn 64;",
	} {
		t.Run(name, func(t *testing.T) {
			want := seeAgent(t, shell, direct).started
			for where, text := range map[string][]byte{"beside": w.whole, "memory": nil} {
				w.put(t, text, 0o755)
				if got := seeAgent(t, shell, w.program).started; got != want {
					t.Errorf("%s: %.2000v\nwant %.2000v", where, got, want)
				}
			}
		})
	}
}

// What is handed over are the arguments as they were.
func TestWholeArguments(t *testing.T) {
	w := newTwins(t)
	direct := filepath.Join(filepath.Dir(stead(t)), "stead-whole")
	for name, argv := range map[string][]string{
		"many":            append([]string{"check"}, strings.Fields(strings.Repeat("argument ", 5000))...),
		"a long one":      {"check", strings.Repeat("y", 100_000)},
		"flags of others": {"check", "--policy", "--preset=x", "agent"},
		"an empty one":    {"check", ""},
		"none":            {},
		"help":            {"--help"},
	} {
		argv = append([]string{"policy"}, argv...)
		want := command{argv: append([]string{direct}, argv...)}.run(t)
		for where, text := range map[string][]byte{"beside": w.whole, "memory": nil} {
			w.put(t, text, 0o755)
			if got := (command{argv: append([]string{w.program}, argv...)}).run(t); got != want || want.stdout+want.stderr == "" {
				t.Errorf("%s, %s: %.2000v, want %.2000v", name, where, got, want)
			}
		}
	}
}
