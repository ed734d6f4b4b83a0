package oci

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

// TestUpgradeLXC: a monitor's connection goes on, also with a call that did not end in time.
func TestUpgradeLXC(t *testing.T) {
	r, cmd, _ := upgraded(t, "--grace", "1s")
	fifo := filepath.Join(r.dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	x := start(t, making)
	wait := r.watch(t, x, "web")
	y := start(t, "echo begun; (: <"+fifo+") 2>&1; "+making, "openat")
	r.watch(t, y, "web")
	x.say("/forbidden")
	x.wantLine("cross-device")
	y.wantLine("begun")
	slow := fmt.Sprint("lxc-", y.PID)
	eventually(t, "the pending call", func() bool { s := r.status(slow); return s != nil && s.Pending == 1 })
	for n := range 3 {
		cmd.Process.Signal(unix.SIGUSR2)
		eventually(t, "the next generation", func() bool { return r.generation() == n+2 })
		x.say("/forbidden")
		x.wantLine("cross-device")
		if n == 0 {
			y.wantLine("not implemented")
		}
		y.say("/forbidden")
		y.wantLine("cross-device")
	}
	if s := r.status(fmt.Sprint("lxc-", x.PID)); s == nil || s.Calls != 4 || s.Denied != 4 || s.Policy != "web" {
		t.Errorf("status %+v", s)
	}
	x.end()
	wait()
	eventually(t, "the container's end", func() bool { return len(r.containers()) == 1 })
}

// steady makes directories as long as there is none that ends it.
const steady = `n=0; while [ ! -e /tmp/end ]; do mkdir /tmp/d 2>&1 && rmdir /tmp/d; mkdir /forbidden/x 2>/dev/null && echo made; n=$((n+1)); done; echo rounds $n`

// TestUpgradeRuntime: containers of real runtimes work on across upgrades, and can be entered afterwards.
func TestUpgradeRuntime(t *testing.T) {
	for _, name := range []string{"runc", "crun"} {
		t.Run(name, func(t *testing.T) {
			need(t, name)
			m := newMachine(t)
			m.usable(name)
			m.steadyScript()
			line := m.runtime(name, "run", "--bundle", m.bundle("steady", m.profile("web"), false, "/bin/steady"), "steady")
			out := &logBuffer{}
			cmd := exec.Command(line[0], line[1:]...)
			cmd.Stdout, cmd.Stderr = out, out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			defer exec.Command("sh", append([]string{"-c", `exec "$0" "$@" >/dev/null 2>&1`}, m.runtime(name, "delete", "-f", "steady")...)...).Run()
			m.upgrades("steady", 3)
			saw(t, m.run(m.runtime(name, "exec", "steady", "/bin/visit")...))
			if text := m.records("steady"); strings.Contains(text, "ENOSYS") {
				t.Errorf("records %s", text)
			}
			m.run(m.runtime(name, "exec", "steady", "/bin/sh", "-c", "echo >/tmp/end")...) // its /tmp is its own
			select {
			case err := <-ended:
				if err != nil {
					t.Errorf("%v: %s", err, out)
				}
			case <-time.After(20 * time.Second):
				cmd.Process.Kill()
				t.Error("the container does not end")
			}
			if text := out.String(); !strings.HasPrefix(text, "rounds ") {
				t.Errorf("the container printed %q", text)
			}
			t.Log(strings.TrimSpace(out.String()))
		})
	}
}

func (m *machine) steadyScript() {
	m.t.Helper()
	os.Symlink("busybox", filepath.Join(m.root, "bin/rmdir"))
	if err := os.WriteFile(filepath.Join(m.root, "bin/steady"), []byte("#!/bin/sh\n"+steady+"\n"), 0o755); err != nil {
		m.t.Fatal(err)
	}
}

// upgrades upgrades the agent while a container works.
func (m *machine) upgrades(id string, times int) {
	m.t.Helper()
	calls := uint64(0)
	for range times {
		eventually(m.t, "calls of "+id, func() bool { s := m.status(id); return s != nil && s.Calls > calls+20 })
		calls = m.status(id).Calls
		m.run(stead(m.t), "agent", "upgrade", "--control", m.dir+"/control.sock")
	}
	eventually(m.t, "calls of "+id, func() bool { return m.status(id).Calls > calls+20 })
}

// TestUpgradeRealLXC is the same with LXC, whose monitor has the listener.
func TestUpgradeRealLXC(t *testing.T) {
	need(t, "lxc-start")
	m := newMachine(t)
	m.steadyScript()
	os.MkdirAll(m.dir+"/lxc/steady", 0o755)
	config := fmt.Sprintf(`lxc.rootfs.path = dir:%s
lxc.uts.name = steady
lxc.net.0.type = none
lxc.pty.max = 0
lxc.mount.auto = proc
lxc.init.cmd = /bin/steady
lxc.seccomp.profile = %[2]s/lxc/seccomp
lxc.seccomp.notify.proxy = unix:%[2]s/lxc.sock
lxc.seccomp.notify.cookie = web
`, m.root, m.dir)
	for name, text := range map[string]string{"seccomp": "2\ndenylist\nmkdir notify\nmkdirat notify\n", "steady/config": config} {
		if err := os.WriteFile(filepath.Join(m.dir, "lxc", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out := &logBuffer{}
	cmd := exec.Command("lxc-start", "-P", m.dir+"/lxc", "-n", "steady", "-F", "-l", "DEBUG", "-o", m.dir+"/lxc/log")
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for begun := time.Now(); m.status("steady") == nil; time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-ended:
			log, _ := os.ReadFile(m.dir + "/lxc/log")
			noRuntime(t, "lxc-start runs no container here: %v: %s\n%s", err, out, log)
		default:
		}
		if time.Since(begun) > 20*time.Second {
			t.Fatal("the container does not begin")
		}
	}
	m.upgrades("steady", 3)
	calls := m.status("steady").Calls
	if err := os.WriteFile(filepath.Join(m.root, "tmp/end"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if text := m.records("steady"); !strings.Contains(text, "EXDEV") || strings.Contains(text, "ENOSYS") || strings.Contains(out.String(), "not implemented") {
		t.Errorf("the container printed %s", out)
	}
	t.Log(calls, "calls")
}
