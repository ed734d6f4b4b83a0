package oci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// These tests hand the agent containers of real runtimes. The profile is the one that `stead policy export --oci` prints.

func need(t testing.TB, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			noRuntime(t, "needs %s: %v", p, err)
		}
	}
}

// A machine is an agent with what containers are made of.
type machine struct {
	*rig
	root string
}

const firstID = 200000 // of the containers in user namespaces

func newMachine(t *testing.T) *machine {
	t.Helper()
	return newMachineOf(t, stead(t))
}

// newMachineOf has another program for its agent.
func newMachineOf(t *testing.T, program string) *machine {
	t.Helper()
	r, _ := agentOf(t, program)
	m := &machine{r, filepath.Join(r.dir, "rootfs")}
	r.write("web", `version: 1
name: web
default: allow
rules:
  - name: forbidden
    calls: [mkdir, mkdirat]
    when: pathname.under("/forbidden")
    then: {deny: EXDEV}
  - name: performed
    calls: [mkdir, mkdirat]
    then: perform
`)
	makeRoot(t, m.root, "busybox")
	os.Mkdir(filepath.Join(m.root, "forbidden"), 0o755)
	os.Chmod(r.dir, 0o755)
	for _, name := range []string{"sh", "mkdir", "id", "sleep", "stat", "start-stop-daemon"} {
		os.Symlink("busybox", filepath.Join(m.root, "bin", name))
	}
	const users = "root:x:0:0:root:/:/bin/sh\nvisitor:x:1234:1234:visitor:/:/bin/sh\n"
	if err := os.WriteFile(filepath.Join(m.root, "etc/passwd"), []byte(users), 0o644); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\n" + visit + "\n"
	if err := os.WriteFile(filepath.Join(m.root, "bin/visit"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return m
}

// visit is what the containers do.
const visit = `mkdir /tmp/made && echo made $(stat -c %u:%g:%a /tmp/made); mkdir /tmp/made 2>&1; mkdir /forbidden/x 2>&1; mkdir /tmp/none/x 2>&1;
mkdir -m 700 /tmp/mine; start-stop-daemon -S -c visitor -x /bin/mkdir -- /tmp/mine/x 2>&1; start-stop-daemon -S -c visitor -x /bin/mkdir -- /tmp/theirs; stat -c "theirs %u" /tmp/theirs; echo over`

// saw is what they must print.
func saw(t *testing.T, out string) {
	t.Helper()
	for _, want := range []string{"made 0:0:755\n", "File exists\n", "Invalid cross-device link\n", "No such file or directory\n", "Permission denied\n", "theirs 1234\n", "over\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %q", want, out)
		}
	}
}

// run runs a command to its end.
func (m *machine) run(args ...string) string {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.WaitDelay = time.Second
	cmd.Stdin = noInput()
	out, err := cmd.CombinedOutput()
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		m.t.Fatalf("%v: %v: %s", args, err, out)
	}
	return string(out)
}

// noInput is an empty standard input. crun and runc give it to the container's root (fchown), so it must not be the machine's /dev/null.
func noInput() io.Reader { return strings.NewReader("") }

// profile exports the policy of the visits.
func (m *machine) profile(metadata string) json.RawMessage {
	m.t.Helper()
	return m.export("web", metadata)
}

// export is the profile of a policy.
func (m *machine) export(policy, metadata string) json.RawMessage {
	m.t.Helper()
	out, err := exec.Command(stead(m.t), "policy", "export", "--oci", "--listener", m.dir+"/agent.sock", "--metadata", metadata, m.dir+"/"+policy+".yaml").Output()
	if err != nil {
		m.t.Fatalf("export %s: %v", policy, err)
	}
	return out
}

// profileFile is its file.
func (m *machine) profileFile(metadata string) string {
	path := filepath.Join(m.dir, "profile.json")
	if err := os.WriteFile(path, m.profile(metadata), 0o600); err != nil {
		m.t.Fatal(err)
	}
	return path
}

type object = map[string]any

// usualCaps are what runtimes leave a container, but for those that Stead's calls do without.
func usualCaps() []string {
	return []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_SETFCAP", "CAP_SETGID",
		"CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT"}
}

// A job is a program in a container.
type job struct {
	id      string
	root    string          // "": the machine's
	profile json.RawMessage // nil: none
	userns  bool
	user    bool     // of an ordinary user's runtime
	caps    []string // beyond the usual ones
	devices bool     // with /dev/fuse
	args    []string
}

// bundle writes a container's configuration.
func (m *machine) bundle(name string, profile json.RawMessage, userns bool, args ...string) string {
	m.t.Helper()
	return m.bundleOf(job{id: name, profile: profile, userns: userns, args: args})
}

func (m *machine) bundleOf(j job) string {
	m.t.Helper()
	namespaces := []object{{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}, {"type": "network"}, {"type": "cgroup"}}
	linux := object{}
	if j.profile != nil {
		linux["seccomp"] = j.profile
	}
	if j.userns {
		namespaces = append(namespaces, object{"type": "user"})
		linux["uidMappings"], linux["gidMappings"] = mapping(j.user), mapping(j.user)
	}
	if j.devices {
		fuse := object{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o666}
		linux["devices"] = []object{fuse}
		linux["resources"] = object{"devices": []object{{"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rwm"}}}
	}
	linux["namespaces"] = namespaces
	all := append(usualCaps(), j.caps...)
	config := object{"ociVersion": "1.0.2", "linux": linux, "hostname": j.id, "root": object{"path": m.rootOf(j)},
		"process": object{"args": j.args, "cwd": "/", "env": []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"},
			"user": object{"uid": 0, "gid": 0}, "noNewPrivileges": true,
			"capabilities": object{"bounding": all, "effective": all, "permitted": all}},
		"mounts": []object{{"destination": "/proc", "type": "proc", "source": "proc"},
			{"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": []string{"nosuid", "noexec", "nodev", "ro"}},
			{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": []string{"nosuid", "mode=755"}},
			{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": []string{"mode=1777"}}}}
	dir := filepath.Join(m.dir, "bundle-"+j.id)
	text, err := json.Marshal(config)
	if err == nil {
		err = errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "config.json"), text, 0o644))
	}
	if err != nil {
		m.t.Fatal(err)
	}
	return dir
}

func (m *machine) rootOf(j job) string {
	if j.root != "" {
		return j.root
	}
	return m.root
}

// runtime is the command line of a runtime. crun refuses machines with both versions of control groups; there it runs where the
// second is out of sight.
func (m *machine) runtime(name string, args ...string) []string {
	m.t.Helper()
	need(m.t, name)
	line := append([]string{name, "--root", filepath.Join(m.dir, name)}, args...)
	const hybrid = "/sys/fs/cgroup/unified"
	if _, err := os.Stat(hybrid); name == "crun" && err == nil {
		return unshared("umount "+hybrid, line)
	}
	return line
}

// unshared runs a command in a mount namespace of its own, after another that changes it.
func unshared(change string, line []string) []string {
	return append([]string{"unshare", "-m", "--propagation", "private", "sh", "-c", change + ` && exec "$0" "$@"`}, line...)
}

func TestRuntimes(t *testing.T) {
	for _, name := range []string{"runc", "crun"} {
		for _, userns := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/userns=%v", name, userns), func(t *testing.T) {
				need(t, name)
				m := newMachine(t)
				m.usable(name)
				known, err := loadTest(m.dir + "/web.yaml")
				if err != nil {
					t.Fatal(err)
				}
				// With the fingerprint, callers are remembered until a call is seen that changes them.
				for id, metadata := range map[string]string{"visit": "web", "known": Metadata("web", known.Lists)} {
					saw(t, m.run(m.runtime(name, "run", "--bundle", m.bundle(id, m.profile(metadata), userns, "/bin/visit"), id)...))
					m.recorded(id)
				}
				if strings.Contains(m.log.String(), "another version") {
					t.Error("the exported profile and the agent's policy have different fingerprints")
				}
			})
		}
	}
}

// usable skips where the runtime cannot run containers even without a profile.
func (m *machine) usable(name string) {
	m.t.Helper()
	dir := m.bundle("probe", json.RawMessage(`{"defaultAction":"SCMP_ACT_ALLOW"}`), false, "/bin/id")
	line := m.runtime(name, "run", "--bundle", dir, "probe")
	m.works(name, line)
}

// works skips where a command fails that has nothing to do with the agent.
func (m *machine) works(name string, line []string) {
	m.t.Helper()
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Stdin = noInput()
	if out, err := cmd.CombinedOutput(); err != nil {
		noRuntime(m.t, "%s runs no container here: %v: %s", name, err, out)
	}
}

// recorded checks a container's record once it has ended.
func (m *machine) recorded(id string) {
	m.t.Helper()
	eventually(m.t, "the end of "+id, func() bool { return !strings.Contains(m.ps(), id) })
	eventually(m.t, "the record", func() bool { return strings.Contains(m.records(id), `"errno":"EXDEV","rule":"forbidden"`) })
	if text := m.records(id); !strings.Contains(text, `"verdict":"perform","outcome":"answered","errno":"ENOENT"`) || !strings.Contains(text, `"verdict":"perform","outcome":"answered","value":0`) {
		m.t.Errorf("records %s", text)
	}
}

func (m *machine) ps() string {
	m.t.Helper()
	return m.run(stead(m.t), "agent", "ps", "--control", m.dir+"/control.sock")
}

// TestRuntimeExec: what is executed in a container is under its policy.
func TestRuntimeExec(t *testing.T) {
	for _, name := range []string{"runc", "crun"} {
		t.Run(name, func(t *testing.T) {
			need(t, name)
			m := newMachine(t)
			m.usable(name)
			m.run(append([]string{"sh", "-c", `exec "$0" "$@" </dev/null >/dev/null 2>&1`},
				m.runtime(name, "run", "-d", "--bundle", m.bundle("lasting", m.profile("web"), false, "/bin/sleep", "100"), "lasting")...)...)
			defer m.run(m.runtime(name, "delete", "-f", "lasting")...)
			saw(t, m.run(m.runtime(name, "exec", "lasting", "/bin/visit")...))
			m.run(append([]string{"sh", "-c", `exec "$0" "$@" </dev/null >/dev/null 2>&1`}, m.runtime(name, "exec", "-d", "lasting", "/bin/sleep", "100")...)...)
			var list []Status
			if err := json.Unmarshal([]byte(m.run(stead(t), "agent", "ps", "--format", "json", "--control", m.dir+"/control.sock")), &list); err != nil {
				t.Fatal(err)
			}
			if len(list) != 1 || list[0].ID != "lasting" || list[0].Listeners != 2 || list[0].Policy != "web" || list[0].Denied != 1 {
				t.Errorf("containers %+v", list)
			}
		})
	}
}

// TestRuntimeRefusal: a container with a missing policy does not start, and does not hang.
func TestRuntimeRefusal(t *testing.T) {
	m := newMachine(t)
	m.usable("runc")
	line := m.runtime("runc", "run", "--bundle", m.bundle("refused", m.profile("absent"), false, "/bin/visit"), "refused")
	begun := time.Now()
	out, err := exec.Command(line[0], line[1:]...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "operation not permitted") || time.Since(begun) > 5*time.Second {
		t.Errorf("%v after %v: %s", err, time.Since(begun), out)
	}
	eventually(t, "the reason", func() bool { return strings.Contains(m.records("refused"), "absent.yaml") })
}

func TestPodman(t *testing.T) {
	need(t, "podman", "runc", "tar")
	m := newMachine(t)
	podman := func(args ...string) []string {
		return append([]string{"podman", "--root", m.dir + "/storage", "--runroot", m.dir + "/run", "--storage-driver", "vfs",
			"--cgroup-manager", "cgroupfs", "--events-backend", "file", "--runtime", "runc"}, args...)
	}
	m.run("tar", "-C", m.root, "-cf", m.dir+"/image.tar", ".")
	m.works("podman", podman("import", m.dir+"/image.tar", "visitor:1"))
	// The limits are the machine's, where even root may not raise them.
	run := podman("run", "--rm", "--network", "none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")
	m.works("podman", append(run, "--security-opt", "seccomp=unconfined", "visitor:1", "/bin/id"))
	saw(t, m.run(append(run, "--security-opt", "seccomp="+m.profileFile("web"), "visitor:1", "/bin/visit")...))
	files, _ := filepath.Glob(m.dir + "/recs/*.jsonl")
	if len(files) != 1 {
		t.Fatalf("files of records %v", files)
	}
	m.recorded(strings.TrimSuffix(filepath.Base(files[0]), ".jsonl"))

	m.write("annotated", "version: 1\nrules: [{calls: [mkdir, mkdirat], then: {deny: EMLINK}}]\ndefault: allow\n")
	out := m.run(append(run, "--annotation", AnnotationPolicy+"=annotated", "--security-opt", "seccomp="+m.profileFile(""), "visitor:1", "/bin/visit")...)
	if strings.Count(out, "Too many links") < 4 || strings.Contains(out, "made 0") {
		t.Errorf("under the annotated policy: %s", out)
	}
}

func TestContainerd(t *testing.T) {
	need(t, "containerd", "ctr", "runc")
	m := newMachine(t)
	config := fmt.Sprintf("version = 2\nroot = %q\nstate = %q\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\n  address = %q\n",
		m.dir+"/ctd/root", m.dir+"/ctd/state", m.dir+"/ctd.sock")
	if err := os.WriteFile(m.dir+"/ctd.toml", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	log := &logBuffer{}
	daemon := exec.Command("containerd", "--config", m.dir+"/ctd.toml")
	daemon.Stdout, daemon.Stderr = log, log
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	defer daemon.Wait()
	defer daemon.Process.Signal(unix.SIGTERM)
	eventually(t, "containerd", func() bool {
		return exec.Command("ctr", "--address", m.dir+"/ctd.sock", "version").Run() == nil
	})
	m.works("ctr", []string{"ctr", "--address", m.dir + "/ctd.sock", "run", "--rm", "--rootfs", m.root, "probe", "/bin/id"})
	out := m.run("ctr", "--address", m.dir+"/ctd.sock", "run", "--rm", "--seccomp", "--seccomp-profile", m.profileFile("web"), "--rootfs", m.root,
		"ctrvisit", "/bin/visit")
	saw(t, out)
	m.recorded("ctrvisit")
}

func TestRealLXC(t *testing.T) {
	need(t, "lxc-start")
	m := newMachine(t)
	os.MkdirAll(m.dir+"/lxc/visit", 0o755)
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(m.dir, "lxc", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("seccomp", "2\ndenylist\nmkdir notify\nmkdirat notify\n")
	write("visit/config", fmt.Sprintf(`lxc.rootfs.path = dir:%s
lxc.uts.name = visit
lxc.net.0.type = none
lxc.pty.max = 0
lxc.mount.auto = proc
lxc.init.cmd = /bin/visit
lxc.seccomp.profile = %[2]s/lxc/seccomp
lxc.seccomp.notify.proxy = unix:%[2]s/lxc.sock
lxc.seccomp.notify.cookie = web
`, m.root, m.dir))
	out, err := exec.Command("lxc-start", "-P", m.dir+"/lxc", "-n", "visit", "-F", "-l", "DEBUG", "-o", m.dir+"/lxc/log").CombinedOutput()
	if log, _ := os.ReadFile(m.dir + "/lxc/log"); err != nil && !strings.Contains(string(log), "seccomp_notify") {
		noRuntime(t, "lxc-start runs no container here: %v: %s\n%s", err, out, log)
	}
	if _, err := os.Stat(m.root + "/tmp/made"); err != nil {
		t.Error(err)
	}
	m.recorded("visit")
}
