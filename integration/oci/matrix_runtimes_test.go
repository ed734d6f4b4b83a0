package oci

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A site is where the matrix's programs run: a runtime, and whether in a user namespace.
type site struct {
	runtime string
	userns  bool
	line    func(m *machine, j job) []string // the command that runs a job
	needs   []string                         // programs
	user    bool                             // the runtime and the agent are an ordinary user's
}

func (s site) name() string { return s.runtime + "/" + s.kind() }

func (s site) kind() string {
	switch {
	case s.user:
		return "rootless"
	case s.userns:
		return "userns"
	}
	return "rootful"
}

func sites() (list []site) {
	for _, userns := range []bool{false, true} {
		list = append(list,
			site{"runc", userns, (*machine).runcLine, []string{"runc"}, false},
			site{"crun", userns, (*machine).crunLine, []string{"crun"}, false},
			site{"ctr", userns, (*machine).ctrLine, []string{"containerd", "ctr", "runc"}, false},
			site{"podman", userns, (*machine).podmanLine, []string{"podman", "runc"}, false},
			site{"lxc", userns, (*machine).lxcLine, []string{"lxc-start"}, false})
	}
	plain := func(runtime string) func(m *machine, j job) []string {
		return func(m *machine, j job) []string {
			return []string{runtime, "--root", filepath.Join(m.dir, "containers"), "run", "--bundle", m.bundleOf(j), j.id}
		}
	}
	return append(list, site{"runc", true, plain("runc"), []string{"runc", "newuidmap", "setpriv", "bash"}, true},
		site{"crun", true, plain("crun"), []string{"crun", "newuidmap", "setpriv", "bash"}, true},
		site{"podman", true, (*machine).podmanLine, []string{"podman", "runc", "newuidmap", "setpriv", "bash"}, true})
}

// ordinary is the user whose containers need no root.
const ordinary = 23456

func setpriv() string {
	return fmt.Sprintf("setpriv --reuid %d --regid %[1]d --clear-groups", ordinary)
}

// ordinaryAgent is a program that runs an agent as that user: its arguments are agentOf's.
func ordinaryAgent(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agent")
	script := fmt.Sprintf("#!/bin/sh\nset -e\ncp %s $5/stead\nchmod 755 $5\nchmod 644 $5/*.yaml\nchown %d $5\nexec %s $5/stead \"$@\"\n", stead(t),
		ordinary, setpriv())
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// asOrdinary runs a command as that user, who has the ids of the containers in user namespaces (subuid(5)). The runtime wants to give
// away its standard input and output, which therefore are the user's own.
func (m *machine) asOrdinary(line []string) []string {
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil {
		m.t.Fatal(err)
	}
	files := map[string]string{"passwd": fmt.Sprintf("%sordinary:x:%d:%[2]d::/:/bin/sh\n", passwd, ordinary)}
	files["subuid"] = fmt.Sprintf("ordinary:%d:65536\n", firstID)
	files["subgid"] = files["subuid"]
	change := "true"
	for name, text := range files {
		m.file(filepath.Join(m.dir, name), text)
		change += fmt.Sprintf(" && mount --bind %s/%s /etc/%[2]s", m.dir, name)
	}
	if hybrid := "/sys/fs/cgroup/unified"; exists(hybrid) {
		change += " && umount " + hybrid
	}
	shell := []string{"env", "HOME=" + m.dir, "XDG_RUNTIME_DIR=" + m.dir, "bash", "-c", `set -o pipefail; : | "$0" "$@" 2>&1 | cat`}
	return unshared(change, append(append(strings.Fields(setpriv()), shell...), line...))
}

// with is the machine for a subtest.
func (m *machine) with(t *testing.T) *machine {
	r := *m.rig
	r.t = t
	return &machine{&r, m.root}
}

func (m *machine) runcLine(j job) []string {
	return m.runtime("runc", "run", "--bundle", m.bundleOf(j), j.id)
}

func (m *machine) crunLine(j job) []string {
	return m.runtime("crun", "run", "--bundle", m.bundleOf(j), j.id)
}

// podmanLine names the limits, which podman would raise: that takes CAP_SYS_RESOURCE, which root has not everywhere.
func (m *machine) podmanLine(j job) []string {
	line := append(m.podman("run", "--rm", "--name", j.id, "--network", "none", "--log-driver", "none",
		"--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"), m.podmanProfile(j)...)
	for _, c := range j.caps {
		line = append(line, "--cap-add", c)
	}
	if j.devices {
		line = append(line, "--device", "/dev/fuse")
	}
	if j.userns {
		line = append(line, "--cgroupns", "private")
	}
	if j.userns && !j.user {
		ids := fmt.Sprintf("0:%d:65536", firstID)
		line = append(line, "--uidmap", ids, "--gidmap", ids)
	}
	return append(append(line, "--rootfs", m.rootOf(j)), j.args...)
}

func (m *machine) podmanProfile(j job) []string {
	if j.profile == nil {
		return []string{"--security-opt", "seccomp=unconfined"}
	}
	path := filepath.Join(m.dir, j.id+".json")
	m.file(path, string(j.profile))
	return []string{"--security-opt", "seccomp=" + path}
}

// podman is a command line of podman with a storage of its own.
func (m *machine) podman(args ...string) []string {
	return append([]string{"podman", "--root", m.dir + "/storage", "--runroot", m.dir + "/run", "--storage-driver", "vfs",
		"--cgroup-manager", "cgroupfs", "--events-backend", "file", "--runtime", "runc"}, args...)
}

func (m *machine) file(path, text string) {
	m.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) ctrLine(j job) []string {
	config := filepath.Join(m.bundleOf(j), "config.json")
	return []string{"ctr", "--address", m.dir + "/ctd.sock", "run", "--rm", "--config", config, j.id}
}

// containerd starts a daemon of the test's own.
func (m *machine) containerd() {
	m.t.Helper()
	m.file(m.dir+"/ctd.toml", fmt.Sprintf("version = 2\nroot = %q\nstate = %q\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\n  address = %q\n",
		m.dir+"/ctd/root", m.dir+"/ctd/state", m.dir+"/ctd.sock"))
	line := m.withFuse([]string{"containerd", "--config", m.dir + "/ctd.toml"})
	daemon := exec.Command(line[0], line[1:]...)
	daemon.Stdout, daemon.Stderr = &logBuffer{}, &logBuffer{}
	if err := daemon.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		daemon.Process.Signal(unix.SIGTERM)
		daemon.Wait()
	})
	eventually(m.t, "containerd", func() bool {
		return exec.Command("ctr", "--address", m.dir+"/ctd.sock", "version").Run() == nil
	})
}

// lxcLine writes a container's configuration. Its program's output goes through a file: lxc-start may put a terminal in between.
func (m *machine) lxcLine(j job) []string {
	dir := filepath.Join(m.dir, "lxc", j.id)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		m.t.Fatal(err)
	}
	out := m.lxcOutput(j)
	text := fmt.Sprintf("lxc.rootfs.path = dir:%s\nlxc.uts.name = %s\nlxc.net.0.type = empty\nlxc.pty.max = 0\nlxc.mount.auto = proc:rw sys:ro\n"+
		"lxc.autodev = 1\nlxc.cap.keep = %s\nlxc.init.cmd = /bin/sh /job-%[2]s\n", m.rootOf(j), j.id, lxcCaps(j))
	if j.userns {
		text += fmt.Sprintf("lxc.idmap = u 0 %d 65536\nlxc.idmap = g 0 %[1]d 65536\n", firstID)
	}
	if j.devices {
		text += "lxc.mount.entry = /dev/fuse dev/fuse none bind,create=file 0 0\n"
	}
	if j.profile != nil {
		m.file(filepath.Join(dir, "seccomp"), m.run(stead(m.t), "policy", "export", "--lxc", filepath.Join(m.dir, cookieOf(m.t, j.profile)+".yaml")))
		text += fmt.Sprintf("lxc.seccomp.profile = %s/seccomp\nlxc.seccomp.notify.proxy = unix:%s/lxc.sock\nlxc.seccomp.notify.cookie = %s\n",
			dir, m.dir, cookieOf(m.t, j.profile))
	}
	m.file(filepath.Join(dir, "config"), text)
	m.file(out, "")
	os.Chmod(out, 0o666)
	m.file(filepath.Join(m.rootOf(j), "job-"+j.id), "export PATH=/usr/sbin:/usr/bin LC_ALL=C\nexec "+shellWords(j.args)+" >/out-"+j.id+" 2>&1 </dev/null\n")
	line := []string{"lxc-start", "-P", m.dir + "/lxc", "-n", j.id, "-F", "-l", "INFO", "-o", m.dir + "/lxc/" + j.id + ".log"}
	if !j.userns {
		return line
	}
	ids := filepath.Join(m.dir, "subids")
	m.file(ids, fmt.Sprintf("root:%d:65536\n", firstID))
	return unshared("mount --bind "+ids+" /etc/subuid && mount --bind "+ids+" /etc/subgid", line)
}

func (m *machine) lxcOutput(j job) string { return filepath.Join(m.rootOf(j), "out-"+j.id) }

func lxcCaps(j job) string {
	var names []string
	for _, c := range append(usualCaps(), j.caps...) {
		names = append(names, strings.ToLower(strings.TrimPrefix(c, "CAP_")))
	}
	return strings.Join(names, " ")
}

func shellWords(args []string) string {
	var list []string
	for _, a := range args {
		list = append(list, "'"+strings.ReplaceAll(a, "'", `'\''`)+"'")
	}
	return strings.Join(list, " ")
}

// profileText is what the tests read of an exported profile.
type profileText struct {
	Metadata string `json:"listenerMetadata"`
	Syscalls []struct {
		Names  []string
		Action string
	}
}

func parseProfile(t testing.TB, profile json.RawMessage) (p profileText) {
	t.Helper()
	if err := json.Unmarshal(profile, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func cookieOf(t testing.TB, profile json.RawMessage) string { return parseProfile(t, profile).Metadata }

// withFuse runs a command where everybody may use /dev/fuse, as udev has it: the runtimes bind it into user namespaces as it is.
func (m *machine) withFuse(line []string) []string {
	node := filepath.Join(m.dir, "fuse")
	change := fmt.Sprintf("if [ -e /dev/fuse ]; then { [ -e %[1]s ] || mknod -m 666 %[1]s c 10 229; } && mount --bind %[1]s /dev/fuse; fi", node)
	return unshared(change, line)
}

// do runs a job, and gives what its program printed.
func (s site) do(m *machine, j job) (string, error) {
	ctx, cancel := context.WithTimeout(m.t.Context(), time.Minute)
	defer cancel()
	line := s.line(m, j)
	if s.user {
		line = m.asOrdinary(line)
	}
	if j.devices {
		line = m.withFuse(line)
	}
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.WaitDelay = time.Second
	cmd.Stdin = noInput()
	out, err := cmd.CombinedOutput()
	if s.runtime != "lxc" {
		return string(out), err
	}
	text, err2 := os.ReadFile(m.lxcOutput(j))
	if err2 != nil || len(text) == 0 {
		log, _ := os.ReadFile(m.dir + "/lxc/" + j.id + ".log")
		return string(text) + string(out) + string(log), err
	}
	return string(text), err
}
