package landlock

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestABI(t *testing.T) {
	abi := kernelABI(t)
	if f := FactsOf(abi); abi < 1 || f.FS == 0 || f.Kernel == "" {
		t.Errorf("ABI %d, facts %+v", abi, f)
	}
	if abi >= 7 && Errata()&1 == 0 {
		t.Errorf("errata %#b: the first was fixed before ABI 7", Errata())
	}
}

// TestOlderABIs: what is compiled for an older ABI is enforced on this kernel too.
func TestOlderABIs(t *testing.T) {
	have := min(kernelABI(t), 7)
	for abi := 1; abi <= have; abi++ {
		f := FactsOf(abi)
		r := Ruleset{HandledFS: f.FS, HandledNet: f.Net, Scopes: f.Scopes, Paths: []Path{{Path: "/usr", Allow: f.FS &^ ReadFile}}}
		ops := []op{{Name: "open", A: "/usr", N: unix.O_DIRECTORY}, {Name: "open", A: "/usr/bin/env"}, {Name: "open", A: "/etc", N: unix.O_DIRECTORY}}
		got := try(t, &r, helpJob{Dir: "/", Ops: ops}, 0)
		if got[0] != "ok" || got[1] != "EACCES" || got[2] != "EACCES" {
			t.Errorf("ABI %d: %v", abi, got)
		}
	}
}

// TestNewerABI: a plan for a newer kernel fails, instead of restricting less.
func TestNewerABI(t *testing.T) {
	if kernelABI(t) >= 10 {
		t.Skip("this kernel has all words")
	}
	f := FactsOf(10)
	for _, r := range []Ruleset{{HandledNet: f.Net}, {HandledFS: ReadFile, QuietFS: ReadFile}, {HandledFS: ReadFile, Paths: []Path{{Path: "/", Quiet: true}}}} {
		p, _, err := Compile(r, 10, Strict)
		if err != nil {
			t.Fatal(err)
		}
		if f, _, err := Open(p); err == nil {
			f.Close()
			t.Errorf("%+v: no error", r)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	kernelABI(t)
	if _, _, err := Open(Plan{}); !errors.Is(err, ErrEmpty) {
		t.Errorf("empty plan: %v", err)
	}
	pipe, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	defer w.Close()
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path Path
		want unix.Errno
		text string
	}{
		{Path{Path: "/nonexistent/x", Origin: "p.yaml:2:9"}, unix.ENOENT, "p.yaml:2:9: allow read_file on /nonexistent/x: no such file"},
		{Path{Path: plain + "/x"}, unix.ENOTDIR, "not a directory"},
		{Path{Path: "/proc/self/fd/" + strconv.Itoa(int(pipe.Fd()))}, unix.EBADFD, "leave it out"},
	} {
		c.path.Allow = ReadFile
		_, _, err := Open(Plan{ABI: 1, HandledFS: ReadFile, Paths: []Path{c.path}})
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: error %v, want %v", c.path.Path, err, c.want)
		}
	}
	_, _, err = Open(Plan{ABI: 4, HandledNet: BindTCP, Ports: []Ports{{From: 1, To: 1, Allow: ConnectTCP, Origin: "o"}}})
	if !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOSYS) {
		t.Errorf("port right that is not handled: %v", err)
	}
}

func TestMissing(t *testing.T) {
	kernelABI(t)
	plan := Plan{ABI: 1, HandledFS: ReadFile, Paths: []Path{{Path: "/nonexistent", Allow: ReadFile, Optional: true},
		{Path: "/etc", Allow: ReadFile, Optional: true}, {Path: "/dev/null/x", Allow: ReadFile, Optional: true}}}
	f, missing, err := Open(plan)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if len(missing) != 2 || missing[0].Path != "/nonexistent" || missing[1].Path != "/dev/null/x" {
		t.Errorf("missing %v", missing)
	}
}

func BenchmarkOpen(b *testing.B) {
	plan := Plan{ABI: 4, HandledFS: ReadFile, HandledNet: BindTCP}
	for _, p := range []string{"/usr", "/etc", "/dev", "/tmp", "/proc"} {
		plan.Paths = append(plan.Paths, Path{Path: p, Allow: ReadFile})
	}
	for i := range 1000 {
		plan.Ports = append(plan.Ports, Ports{From: uint16(i), To: uint16(i), Allow: BindTCP})
	}
	for b.Loop() {
		f, _, err := Open(plan)
		if err != nil {
			b.Skip(err)
		}
		f.Close()
	}
}
