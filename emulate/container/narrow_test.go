package container

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stead-project/stead/internal/testneed"
)

// narrow runs a program and reports what it says.
func narrow(c *container) {
	out, err := exec.Command(c.plan.Args[0], c.plan.Args[1:]...).Output()
	c.err("end", err)
	for line := range strings.Lines(string(out)) {
		step, result, _ := strings.Cut(strings.TrimSpace(line), ": ")
		c.say(step, result)
	}
}

// build32 compiles a program of testdata for i386.
func build32(t *testing.T, name string) string {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		testneed.Missing(t, "needs a kernel that runs i386 programs")
	}
	dir, err := os.MkdirTemp("/tmp", "stead-narrow")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	program := filepath.Join(dir, name)
	if out, err := exec.Command("gcc", "-m32", "-static", "-O1", "-o", program, filepath.Join("testdata", name+".c")).CombinedOutput(); err != nil {
		testneed.Missing(t, "needs gcc for 32-bit programs: %v: %s", err, out)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return program
}

// TestNarrow: a 32-bit program of a container's gets what root's does.
func TestNarrow(t *testing.T) {
	needRoot(t)
	p := plan{Scenario: "narrow", Args: []string{build32(t, "narrow")}}
	list := native(t, p)
	p.Drop = true
	for _, p.User = range []bool{false, true} {
		same(t, list, supervised(t, p, supervision{narrow: true}))
	}
	want{"end": "ok", "adjtimex same": "ok", "load": "ok", "load half": "Invalid argument", "load from nowhere": "Bad address", "sysinfo": "ok",
		"sysinfo says": "64 1 1 1 1", "settime": "Invalid argument", "stime bad": "Bad address"}.check(t, list)
}
