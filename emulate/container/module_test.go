package container

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/testneed"
	"github.com/stead-project/stead/policy"
)

func modules(c *container) {
	for _, name := range c.plan.Args {
		f, err := os.Open(name)
		must("open", err)
		text, err := os.ReadFile(name)
		must("read", err)
		base := filepath.Base(name)
		c.err("finit "+base, unix.FinitModule(int(f.Fd()), "", 0))
		c.err("finit parameters "+base, unix.FinitModule(int(f.Fd()), "x=1", 0))
		c.err("finit flags "+base, unix.FinitModule(int(f.Fd()), "", 1))
		c.err("init "+base, unix.InitModule(text, ""))
		f.Close()
	}
	c.err("closed", unix.FinitModule(999, "", 0))
	c.err("nothing", raw(unix.SYS_INIT_MODULE, 8, 1<<40, str("")))
}

// TestModules: a module is the machine's own of that name, and only of those names that are given.
func TestModules(t *testing.T) {
	needRoot(t)
	if _, err := exec.LookPath("gcc"); err != nil {
		testneed.Missing(t, "needs gcc: %v", err)
	}
	dir, err := os.MkdirTemp("/tmp", "stead-modules")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	p := plan{Scenario: "modules", Drop: true}
	for _, name := range []string{"good", "bad"} {
		source, object := filepath.Join(dir, name+".s"), filepath.Join(dir, name)
		text := ".section .modinfo,\"a\"\n.asciz \"license=x\"\n.asciz \"name=stead_" + name + "\"\n"
		if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("gcc", "-c", "-o", object, source).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		p.Args = append(p.Args, object)
	}
	garbage := filepath.Join(dir, "garbage")
	loaded, modprobe := filepath.Join(dir, "loaded"), filepath.Join(dir, "modprobe")
	for _, err := range []error{os.WriteFile(garbage, []byte("\x7fELF\x02\x01\x01garbage"), 0o644),
		os.WriteFile(modprobe, []byte("#!/bin/sh\necho \"$@\" >>"+loaded+"\n"), 0o755)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	p.Args = append(p.Args, garbage)
	const denied = "operation not permitted"
	want{"finit good": "ok", "init good": "ok", "finit parameters good": denied, "finit flags good": denied, "finit bad": denied, "init bad": denied,
		"finit garbage": denied, "init garbage": denied, "closed": "bad file descriptor", "nothing": denied}.check(t,
		supervised(t, p, supervision{grant: policy.Grant{Modules: []string{"stead_good"}}, options: Options{Modprobe: modprobe}}))
	text, err := os.ReadFile(loaded)
	if want := strings.Repeat("-b -- stead_good\n", 2); err != nil || string(text) != want {
		t.Errorf("loaded %q (%v), want %q", text, err, want)
	}
}
