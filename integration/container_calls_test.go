package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stead-project/stead/internal/testneed"
)

// callsPolicy has what docs/policy.md shows, and the calls of the programs below.
const callsPolicy = `
version: 1
name: container-calls
default: allow
rules:
  - name: the clock
    calls: [adjtimex, clock_adjtime, clock_settime, settimeofday]
    then: perform
  - name: the container's own affairs
    calls: [sethostname, sched_setscheduler, sysinfo, swapon, swapoff, reboot]
    then: perform
  - name: device programs
    calls: [bpf]
    when: cmd in [BPF_PROG_LOAD, BPF_PROG_ATTACH, BPF_PROG_DETACH, BPF_PROG_QUERY, BPF_OBJ_GET_INFO_BY_FD]
    then: perform
  - name: no other programs
    calls: [bpf]
    then: {deny: EPERM}
  - name: a session keyring of its own
    calls: [keyctl]
    when: op in [KEYCTL_JOIN_SESSION_KEYRING, KEYCTL_GET_KEYRING_ID, KEYCTL_DESCRIBE, KEYCTL_SETPERM]
    then: allow
  - name: no keys
    calls: [keyctl, add_key, request_key]
    then: {deny: ENOSYS}
`

func needContainers(t *testing.T, programs ...string) {
	t.Helper()
	if os.Getuid() != 0 {
		testneed.Missing(t, "needs root, to make containers")
	}
	testneed.Programs(t, programs...)
}

// TestContainerCalls runs programs that take rights in a container without them.
func TestContainerCalls(t *testing.T) {
	needContainers(t, "unshare", "setpriv", "hostname", "chrt", "busybox")
	file := writePolicy(t, callsPolicy)
	const script = `
hostname in-there && hostname
chrt -f 7 chrt -p 0 | sed 's/.*: //'
busybox uptime | sed 's/.*up \([^,]*\),.*/up \1/'
busybox free -b | awk '/^Mem/ { print ($2 > 0 && $4 <= $2) ? "memory" : "none" }'
busybox swapon /dev/null && echo swapped
true
`
	const rights = "-sys_nice,-sys_time,-sys_boot"
	enter := []string{"unshare", "-m", "-u", "-p", "-f", "--propagation", "private", "sh", "-c", `exec setpriv "--bounding-set=$0" "--inh-caps=$0" sh -c "$1"`, rights, script}
	got := (command{argv: append([]string{stead(t), "run", "--policy", file, "--"}, enter...)}).run(t)
	want := "in-there\nSCHED_FIFO\n7\nup 0 min\nmemory\nswapped\n"
	if got.stdout != want {
		t.Errorf("got %q, want %q; standard error %q", got.stdout, want, got.stderr)
	}
	if native := (command{argv: enter}).run(t); strings.Contains(native.stdout, "SCHED_FIFO\n7") || strings.Contains(native.stdout, "swapped") {
		t.Errorf("without stead the same programs may do all of it: %+v", native)
	}
}

// TestClockProgram reads the clock's speed with a program that takes CAP_SYS_TIME to set it, and sets what it has read.
func TestClockProgram(t *testing.T) {
	needContainers(t, "unshare", "setpriv", "busybox")
	file := writePolicy(t, callsPolicy)
	const script = `set -- $(busybox adjtimex | awk '/^-t/ { t = $3 } /^-f/ { f = $3 } END { print t, f }'); busybox adjtimex -q -t $1 -f $2 && echo set $1 $2`
	enter := []string{"unshare", "-m", "setpriv", "--bounding-set=-sys_time", "--inh-caps=-sys_time", "sh", "-c", script}
	got := (command{argv: append([]string{stead(t), "run", "--policy", file, "--"}, enter...)}).run(t)
	if !strings.HasPrefix(got.stdout, "set ") {
		t.Errorf("%+v", got)
	}
	if native := (command{argv: enter}).run(t); strings.Contains(native.stdout, "set ") {
		t.Errorf("without stead the same program may set it: %+v", native)
	}
}

// TestKeys: keyrings are answered by rules.
func TestKeys(t *testing.T) {
	testneed.Programs(t, "keyctl")
	file := writePolicy(t, callsPolicy)
	for _, s := range []struct{ args, stdout, stderr string }{
		{"keyctl session - true", "", "Joined session keyring"},
		{"keyctl add user stead-test x @s", "", "add_key: Function not implemented"},
		{"keyctl request user stead-test", "", "request_key: Function not implemented"},
		{"keyctl revoke @s", "", "Function not implemented"},
	} {
		got := (command{argv: append([]string{stead(t), "run", "--policy", file, "--"}, strings.Fields(s.args)...)}).run(t)
		if got.stdout != s.stdout || !strings.Contains(got.stderr, s.stderr) {
			t.Errorf("%s: %+v, want %q on standard error", s.args, got, s.stderr)
		}
	}
	const answered = "version: 1\nname: keys\ndefault: allow\nrules:\n  - {calls: [add_key], then: {return: 77}}\n"
	got := (command{argv: []string{stead(t), "run", "--policy", writePolicy(t, answered), "--", "keyctl", "add", "user", "stead-test", "x", "@s"}}).run(t)
	if got.stdout != "77\n" {
		t.Errorf("%+v", got)
	}
}

// unified is where the hierarchy of control groups of the second version is mounted.
func unified(t *testing.T) string {
	t.Helper()
	for _, dir := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		if _, err := os.Stat(dir + "/cgroup.controllers"); err == nil {
			return dir
		}
	}
	testneed.Missing(t, "needs a hierarchy of control groups of the second version")
	return ""
}

// lockRule is for crun, which wants more locked memory than the machine's root may have everywhere.
const lockRule = `
  - {calls: [prlimit64], when: resource == RLIMIT_MEMLOCK && new_limit != null, then: {return: 0}}
`

// TestDeviceRuntime runs container runtimes in a container: they load and attach a program of devices.
func TestDeviceRuntime(t *testing.T) {
	needContainers(t, "unshare", "mount", "gcc")
	bare := writePolicy(t, "version: 1\nname: bare\ndefault: allow\nrules:"+lockRule)
	file := writePolicy(t, callsPolicy+lockRule)
	for _, runtime := range []string{"runc", "crun"} {
		t.Run(runtime, func(t *testing.T) {
			if _, err := exec.LookPath(runtime); err != nil {
				noRuntime(t, "needs %s: %v", runtime, err)
			}
			dir, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
			makeBundle(t, runtime, dir)
			if native := runInGroup(t, runtime, dir, "--policy", bare); !strings.Contains(native.stdout, "end 7") {
				noRuntime(t, "needs a machine where %s runs a container by itself: %+v", runtime, native)
			}
			got := runInGroup(t, runtime, dir, "--log", log, "--policy", file)
			if !strings.Contains(got.stdout, "refused: Operation not permitted\nmemory: Success\nend 7\n") {
				t.Errorf("%+v", got)
			}
			text, err := os.ReadFile(log)
			if err != nil || !strings.Contains(string(text), `"cmd":"BPF_PROG_ATTACH"`) {
				t.Errorf("nothing was attached: %v", err)
			}
		})
	}
}

// noRuntime skips what needs a container runtime that works here, unless STEAD_RUNTIMES says that it must (see integration/oci).
func noRuntime(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("STEAD_RUNTIMES") == "1" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// runInGroup runs a bundle in a control group of its own, with its namespace.
func runInGroup(t *testing.T, runtime, dir string, flags ...string) result {
	t.Helper()
	group, err := os.MkdirTemp(unified(t), "stead-test-")
	if err != nil {
		testneed.Missing(t, "needs control groups that can be made: %v", err)
	}
	defer removeGroups(t, group)
	script := fmt.Sprintf("mount --make-rprivate / && umount -R -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && cd %[1]s && "+
		"%[3]s --root %[1]s/state run %[2]s; echo end $?", dir, filepath.Base(group), runtime)
	argv := append(append([]string{stead(t), "run"}, flags...), "--", "sh", "-c", `echo $$ >"$0/cgroup.procs" && exec unshare -m -C sh -c "$1"`, group, script)
	return (command{argv: argv}).run(t)
}

func removeGroups(t *testing.T, top string) {
	t.Helper()
	var err error
	for range 50 {
		inner, _ := filepath.Glob(top + "/*/cgroup.procs")
		for _, file := range inner {
			os.Remove(filepath.Dir(file)) //nolint:errcheck // the one above says it
		}
		if err = os.Remove(top); err == nil {
			return
		}
		time.Sleep(20 * time.Millisecond) // the last process is still on its way out
	}
	t.Errorf("control group: %v", err)
}

// deviceProgram opens two devices: one that the container has, and one that it has not.
const deviceProgram = `
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
int main(void)
{
	mknod("/dev/other", S_IFCHR | 0600, makedev(1, 1));
	errno = 0; open("/dev/other", O_RDONLY); printf("refused: %s\n", strerror(errno));
	errno = 0; open("/dev/null", O_RDONLY); printf("memory: %s\n", strerror(errno));
	return 7;
}
`

// makeBundle makes a bundle with that program.
func makeBundle(t *testing.T, runtime, dir string) {
	t.Helper()
	for _, name := range []string{"proc", "dev", "sys"} {
		if err := os.MkdirAll(filepath.Join(dir, "rootfs", name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	source := filepath.Join(dir, "device.c")
	if err := os.WriteFile(source, []byte(deviceProgram), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-static", "-o", filepath.Join(dir, "rootfs/device"), source).CombinedOutput(); err != nil {
		testneed.Missing(t, "needs gcc: %v: %s", err, out)
	}
	spec := exec.Command(runtime, "spec")
	spec.Dir = dir
	if out, err := spec.CombinedOutput(); err != nil {
		t.Fatalf("%s spec: %v: %s", runtime, err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "config.json"))
	var config map[string]any
	if err == nil {
		err = json.Unmarshal(text, &config)
	}
	if err != nil {
		t.Fatal(err)
	}
	process, linux := config["process"].(map[string]any), config["linux"].(map[string]any)
	process["terminal"], process["args"] = false, []string{"/device"}
	delete(process, "rlimits")
	capabilities := []string{"CAP_MKNOD"}
	process["capabilities"] = map[string]any{"bounding": capabilities, "effective": capabilities, "permitted": capabilities}
	config["root"].(map[string]any)["readonly"] = false
	config["mounts"] = []any{map[string]any{"destination": "/proc", "type": "proc", "source": "proc"},
		map[string]any{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": []string{"mode=755"}}}
	for _, key := range []string{"maskedPaths", "readonlyPaths", "seccomp"} {
		delete(linux, key)
	}
	linux["resources"] = map[string]any{"devices": []any{map[string]any{"allow": false, "access": "rwm"}}}
	if text, err = json.Marshal(config); err == nil {
		err = os.WriteFile(filepath.Join(dir, "config.json"), text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
