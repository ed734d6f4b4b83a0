package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// becomes says what a program has executed by the time that the one it supervises runs.
func becomes(t *testing.T, program string) string {
	t.Helper()
	cmd := exec.Command(program, "run", "--preset", "build", "--", "sh", "-c", "echo ready; read line")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait() //nolint:errcheck // what it became is what counts
	defer in.Close()
	if n, err := out.Read(make([]byte, 8)); n == 0 {
		t.Fatalf("it said nothing: %v", err)
	}
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

// TestWholeProgram: what is beside the program is executed if it is what is inside, and what is inside otherwise.
func TestWholeProgram(t *testing.T) {
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
	program, beside := filepath.Join(dir, "stead"), filepath.Join(dir, "stead-whole")
	if err := os.WriteFile(program, text, 0o755); err != nil {
		t.Fatal(err)
	}
	other := []byte(strings.Repeat("#!/bin/false\n", len(whole)/13+1)[:len(whole)])
	for name, c := range map[string]struct {
		text []byte
		mode os.FileMode
		inFD string // what the program's own file is called
	}{
		"none":                   {nil, 0, "memfd:stead"},
		"the same":               {whole, 0o755, beside},
		"another":                {other, 0o755, "memfd:stead"},
		"shorter":                {whole[:len(whole)-1], 0o755, "memfd:stead"},
		"not executable":         {whole, 0o644, "memfd:stead"},
		"writable for the group": {whole, 0o775, "memfd:stead"},
	} {
		t.Run(name, func(t *testing.T) {
			os.Remove(beside)
			if c.text != nil {
				if err := os.WriteFile(beside, c.text, 0o600); err != nil {
					t.Fatal(err)
				}
				os.Chmod(beside, c.mode)
			}
			if got := becomes(t, program); !strings.Contains(got, c.inFD) {
				t.Errorf("the program becomes %s, want %s", got, c.inFD)
			}
		})
	}
}
