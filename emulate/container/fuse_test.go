package container

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/testneed"
	"github.com/stead-project/stead/policy"
)

func fuseScenarios() map[string]scenario {
	return map[string]scenario{
		"ext4":    {prepareImage, useExt4},
		"account": {prepareAccount, compareAccounts},
		"fail":    {prepareImage, failToMount},
		"hang":    {prepareImage, hang},
		"direct":  {prepareImage, useDirectly},
		"attack":  {prepareImage, attacked},
	}
}

func needFUSE(t *testing.T) {
	t.Helper()
	needRoot(t)
	for _, program := range []string{"fuse2fs", "squashfuse", "fusermount3", "mkfs.ext4", "mksquashfs"} {
		if _, err := exec.LookPath(program); err != nil {
			testneed.Missing(t, "needs %s: %v", program, err)
		}
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skipf("needs a kernel with FUSE: %v", err)
	}
}

// containers are those that a program is started in.
func containers() map[string]plan {
	return map[string]plan{"root": {}, "user": {User: true}, "pid": {User: true, PID: true}, "chroot": {User: true, PID: true, Chroot: true}}
}

func prepareImage(*container) {
	must("directories", os.MkdirAll("/media/m", 0o755))
	out, err := exec.Command("sh", "-c", `cd /media && mkdir -p tree && echo inside > tree/file &&
truncate -s 8M img && mkfs.ext4 -q -d tree img && mksquashfs tree sq -quiet -no-progress >/dev/null`).CombinedOutput()
	must("image "+string(out), err)
}

// kindAt is the type of the file system at a path, as mountinfo has it, with its options.
func kindAt(dir string) string {
	for _, line := range mountsBelow(dir) {
		f := strings.Fields(line)
		if f[1] == dir {
			return f[4] + " " + f[2]
		}
	}
	return "none"
}

func useExt4(c *container) {
	c.err("mount", unix.Mount("/media/img", "/media/m", "ext4", 0, ""))
	c.say("kind", kindAt("/media/m"))
	text, err := os.ReadFile("/media/m/file")
	c.err("read", err)
	c.say("text", string(text))
	c.err("write", os.WriteFile("/media/m/new", []byte("new"), 0o644))
	c.err("umount", unix.Unmount("/media/m", 0))
	c.say("after", kindAt("/media/m"))
	// fuse2fs writes what it has kept when its mount has gone.
	for i := 0; i < 100 && exec.Command("e2fsck", "-n", "/media/img").Run() != nil; i++ {
		time.Sleep(20 * time.Millisecond)
	}
	c.err("mount ro", unix.Mount("/media/img", "/media/m", "ext4", unix.MS_RDONLY|unix.MS_NOEXEC, ""))
	text, err = os.ReadFile("/media/m/new")
	c.err("read new", err)
	c.say("new", string(text))
	c.err("write ro", os.WriteFile("/media/m/newer", []byte("newer"), 0o644))
	c.say("kind ro", kindAt("/media/m"))
	c.err("umount ro", unix.Unmount("/media/m", 0))
	c.err("squashfs", unix.Mount("/media/sq", "/media/m", "squashfs", 0, ""))
	text, err = os.ReadFile("/media/m/file")
	c.err("read squashfs", err)
	c.say("squashfs text", string(text))
	c.err("umount squashfs", unix.Unmount("/media/m", 0))
	out, err := exec.Command("sh", "-c", "mount -t image -o ro,noatime /media/img /media/m && cat /media/m/file && umount /media/m").CombinedOutput()
	c.err("mount(8)", err)
	c.say("mount(8) says", string(out))
	_, err = unix.Fsopen("ext4", 0)
	c.err("fsopen", err)
}

func withFUSE() supervision {
	return supervision{grant: policy.Grant{FUSE: map[string]string{"ext4": "fuse2fs", "squashfs": "squashfuse", "image": "fuse2fs"}}}
}

// withoutRule is a policy that performs mounts, but none of FUSE.
func (s supervision) withoutRule() supervision {
	grant := s.grant
	grant.As = policy.AsSupervisor
	performed := map[string]bool{}
	for _, c := range Calls() {
		performed[c.Call] = !c.Checked
	}
	s.decide = func(r *policy.Request) policy.Decision {
		if !performed[r.Call.Name] {
			return policy.Decision{Verdict: policy.Allow}
		}
		if r.Call.Name == "mount" && strings.HasPrefix(string(r.Call.Args[2].Bytes), "fuse") {
			return policy.Decision{Errno: unix.EACCES}
		}
		return policy.Decision{Verdict: policy.Perform, Grant: &grant}
	}
	return s
}

func TestFUSE(t *testing.T) {
	needFUSE(t)
	for name, p := range containers() {
		t.Run(name, func(t *testing.T) {
			p.Scenario, p.Drop, p.FUSE = "ext4", true, true
			s := withFUSE().withoutRule()
			within(t, time.Minute, func() {
				want{"mount": "ok", "kind": "fuse.ext4 rw,nosuid,nodev,relatime", "read": "ok", "text": "inside\n", "write": "ok", "umount": "ok",
					"after": "none", "mount ro": "ok", "read new": "ok", "new": "new", "kind ro": "fuse.ext4 ro,nosuid,nodev,noexec,relatime",
					"write ro": "open /media/m/newer: read-only file system", "umount ro": "ok", "squashfs": "ok", "squashfs text": "inside\n",
					"umount squashfs": "ok", "mount(8)": "ok", "mount(8) says": "inside\n", "fsopen": "function not implemented"}.check(t, supervised(t, p, s))
			})
		})
	}
}

// account is a program that says everything about itself that the supervisor has a hand in, and tries what it should not be able to.
const account = `#!/bin/sh
exec 3>"${2%/*}/account.$$"
grep -E '^(Uid|Gid|Groups|Umask|Cap|NoNewPrivs|Seccomp:|Sig(Blk|Cgt))' /proc/self/status >&3
for ns in user mnt pid net ipc uts cgroup; do readlink /proc/self/ns/$ns; done >&3
cat /proc/self/limits /proc/self/cgroup /proc/self/oom_score_adj >&3
cat /proc/self/attr/current 2>/dev/null >&3
pwd >&3
ls -di / | cut -d' ' -f1 >&3
parent=$(grep ^PPid /proc/$$/status | cut -f2)
if [ "$3" = -o ]; then
	echo "$@" >"${2%/*}/arguments"
	ls /proc/self/fd >"${2%/*}/descriptors"
	readlink /proc/self/fd/0 /proc/self/fd/2 >>"${2%/*}/descriptors"
	sed -i 's/:.*//' "${2%/*}/descriptors"
	tr '\0' ' ' </proc/$$/environ >"${2%/*}/environment"
	cut -d' ' -f5,6 /proc/$$/stat | { read group session; [ $group = $$ ] && [ $session = $$ ] && echo leader; } >"${2%/*}/session"
	{
		readlink /proc/$parent/fd/[0-9]* && echo descriptors of the parent
		head -c1 /proc/$parent/mem && echo memory of the parent
		readlink /proc/$parent/exe && echo file of the parent
		dd if=/proc/$parent/maps count=1 && echo map of the parent
		[ "$parent" = 0 ] || ! kill -0 $parent || echo parent
	} 2>/dev/null >"${2%/*}/reach"
fi
mv "${2%/*}/account.$$" "${2%/*}/account"
exit 3
`

// compareAccounts starts one program twice: as the supervisor does for a mount, and itself.
func compareAccounts(c *container) {
	must("program", os.WriteFile("/media/prog", []byte(account), 0o755))
	must("program", os.Chmod("/media/prog", 0o755))
	if c.plan.Args != nil {
		becomeOrdinary()
	}
	c.err("mount", unix.Mount("/media/img", "/media/m", "ext4", unix.MS_NOATIME|unix.MS_DIRSYNC, "errors=remount-ro,fakeroot"))
	theirs, err := os.ReadFile("/media/account")
	must("account", err)
	cmd := exec.Command("/media/prog", "/media/img", "/media/m")
	cmd.Dir = "/"
	cmd.Run() //nolint:errcheck // it exits with 3
	ours, err := os.ReadFile("/media/account")
	must("account", err)
	c.say("same", fmt.Sprint(string(ours) == string(theirs)))
	c.say("theirs", string(theirs))
	c.say("ours", string(ours))
	for _, name := range []string{"arguments", "descriptors", "environment", "session", "reach"} {
		text, _ := os.ReadFile("/media/" + name)
		c.say(name, string(text))
	}
}

// ordinaryUser is nobody else's: one test signals what its user may, and tests of other packages run at the same time.
const ordinaryUser = 7117

// becomeOrdinary makes the thread a user who is not root, with two groups and one capability that outlasts an execve.
func becomeOrdinary() {
	must("place", os.Chmod("/media", 0o777))
	must("groups", unix.Setgroups([]int{5, 6}))
	must("keep", unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0))
	must("gid", unix.Setresgid(8, 8, 8))
	must("uid", unix.Setresuid(ordinaryUser, ordinaryUser, ordinaryUser))
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	const one = 1 << unix.CAP_CHOWN
	data := [2]unix.CapUserData{{Effective: one, Permitted: one, Inheritable: one}}
	must("capability", unix.Capset(&header, &data[0]))
	must("ambient", unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, unix.CAP_CHOWN, 0, 0))
}

func prepareAccount(c *container) {
	prepareImage(c)
	if c.plan.PID {
		must("proc", unix.Mount("proc", "/proc", "proc", 0, ""))
	}
	var l unix.Rlimit
	must("limit", unix.Getrlimit(unix.RLIMIT_CORE, &l))
	l.Cur, l.Max = 4096, 8192
	must("limit", unix.Setrlimit(unix.RLIMIT_CORE, &l))
	must("limit", unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 200, Max: 300}))
	unix.Umask(0o27)
	must("bound", unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_NET_RAW, 0, 0, 0))
	if !c.plan.User {
		must("drop", dropCapabilities(unix.CAP_SYS_PTRACE, unix.CAP_PERFMON)) // with them, the caller itself could reach the supervisor
	}
	must("oom", os.WriteFile("/proc/self/oom_score_adj", []byte("77"), 0))
}

// makeOwnGroups makes a control group in each hierarchy that allows it.
func makeOwnGroups(t *testing.T) (list []string) {
	t.Helper()
	for _, controllers := range []string{"", "pids", "memory"} {
		mount, _, err := hierarchy(controllers)
		if err != nil {
			continue
		}
		dir, err := os.MkdirTemp(mount, "stead-test-")
		if err != nil {
			continue
		}
		if _, err := os.Stat(dir + "/cgroup.procs"); err == nil {
			list = append(list, dir)
		}
		t.Cleanup(func() {
			for i := 0; i < 100 && os.Remove(dir) != nil; i++ {
				time.Sleep(20 * time.Millisecond) // until the last process has gone
			}
		})
	}
	if len(list) == 0 {
		t.Log("without control groups, which cannot be made here")
	}
	return list
}

func TestProgramIsItsCaller(t *testing.T) {
	needFUSE(t)
	list := containers()
	for _, p := range containers() {
		p.Args = []string{"ordinary"}
		list[fmt.Sprint(p.User, p.PID, p.Chroot)] = p
	}
	groups := makeOwnGroups(t)
	for name, p := range list {
		t.Run(name, func(t *testing.T) {
			p.Scenario, p.Drop, p.FUSE, p.Groups = "account", true, true, groups
			s := withFUSE()
			s.grant.FUSE["ext4"] = "/media/prog"
			got, reach := supervised(t, p, s), "parent\n" // it has the caller's ids, so the caller's processes may signal it, and nothing else
			if p.PID {
				reach = ""
			}
			// Descriptor 3 is where it writes, 4 the directory that is listed.
			want{"mount": "invalid argument", "same": "true", "descriptors": "0\n1\n2\n3\n4\npipe\npipe\n",
				"arguments":   "/media/img /media/m -o nosuid,nodev,noatime,errors=remount-ro,fakeroot\n",
				"environment": "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/ LANG=C ",
				"session":     "leader\n", "reach": reach}.check(t, got)
			if t.Failed() {
				for _, r := range got {
					t.Logf("%s: %s", r.Step, r.Result)
				}
			}
		})
	}
}

// A badProgram is a script in the place of a program that mounts, and what a mount by it comes to.
type badProgram struct{ name, script, want string }

func badPrograms() []badProgram {
	return []badProgram{
		{"one", "exit 1", "invalid argument"},
		{"killed", "kill -9 $$", "input/output error"},
		{"idle", "exit 0", "input/output error"},
		{"hangs", "sleep 1000", "connection timed out"},
		{"deaf", "trap '' TERM INT HUP; sleep 1000 & sleep 1000", "connection timed out"},
		{"forks", "sleep 1 & exit 0", "input/output error"},
		{"late", "fuse2fs \"$@\"; exit 4", "invalid argument"},
		{"elsewhere", "fuse2fs \"$1\" /media/n; exit 0", "input/output error"},
		{"option", "fuse2fs \"$@\",no-such-option", "input/output error"},
		{"silent", "fuse2fs -f \"$@\" & while [ $(stat -c %d $2) = $(stat -c %d $2/..) ]; do :; done; kill -STOP $!; sleep 1000", "connection timed out"},
		{"foreground", "exec fuse2fs -f \"$@\"", "ok"},
		{"talks", "yes talk 2>&1 | head -c 300000; exec fuse2fs -f \"$@\"", "ok"},
		{"file", "\x00\x00", "exec format error"},
	}
}

func failToMount(c *container) {
	must("place", os.MkdirAll("/media/n", 0o755))
	for _, b := range badPrograms() {
		text := "#!/bin/sh\n" + b.script + "\n"
		if b.name == "file" {
			text = b.script
		}
		must("program", os.WriteFile("/media/prog", []byte(text), 0o755))
		c.err(b.name, unix.Mount("/media/img", "/media/m", "ext4", 0, ""))
		if kindAt("/media/m") != "none" {
			c.err(b.name+" umount", unix.Unmount("/media/m", 0))
		}
		c.say(b.name+" leaves", kindAt("/media/m")+kindAt("/media/n"))
	}
	must("program", os.Remove("/media/prog"))
	c.err("missing", unix.Mount("/media/img", "/media/m", "ext4", 0, ""))
	must("program", os.Mkdir("/media/prog", 0o755))
	c.err("directory", unix.Mount("/media/img", "/media/m", "ext4", 0, ""))
	c.err("bad image", unix.Mount("/media/img", "/media/m", "squashfs", 0, ""))
	c.err("no image", unix.Mount("/media/none", "/media/m", "squashfs", 0, ""))
	c.err("no place", unix.Mount("/media/sq", "/media/none", "squashfs", 0, ""))
	c.err("no source", unix.Mount("", "/media/m", "squashfs", 0, ""))
	c.err("option for a source", unix.Mount("-h", "/media/m", "sshfs", 0, ""))
	c.err("missing by name", unix.Mount("x", "/media/m", "sshfs", 0, ""))
	c.err("refused option", unix.Mount("/media/sq", "/media/m", "squashfs", 0, "uid=0,allow_other"))
	c.err("bad memory", raw(unix.SYS_MOUNT, str("/media/sq"), str("/media/m"), str("squashfs"), 0, 8))
	c.say("left", strings.Join(mountsBelow("/media/"), "\n"))
}

func TestFUSEFailures(t *testing.T) {
	needFUSE(t)
	for name, p := range containers() {
		t.Run(name, func(t *testing.T) {
			p.Scenario, p.Drop, p.FUSE = "fail", true, true
			s := withFUSE()
			s.grant.FUSE["ext4"], s.grant.FUSE["sshfs"], s.grant.Refuse = "/media/prog", "no-such-program", []string{"allow_other"}
			s.options.Patience = 2 * time.Second
			t.Parallel()
			w := want{"missing": "no such device", "directory": "no such device", "bad image": "invalid argument", "no image": "no such file or directory",
				"no place": "no such file or directory", "no source": "invalid argument", "option for a source": "invalid argument",
				"missing by name": "no such device", "refused option": "operation not permitted", "bad memory": "bad address"}
			for _, b := range badPrograms() {
				w[b.name], w[b.name+" leaves"] = b.want, "nonenone"
				if b.want == "ok" {
					w[b.name+" umount"] = "ok"
				}
			}
			s = s.withoutRule()
			within(t, time.Minute, func() { w.check(t, supervised(t, p, s)) })
		})
	}
}

func hang(c *container) {
	must("program", os.WriteFile("/media/prog", []byte("#!/bin/sh\n(sleep 1000) & sleep 1000\n"), 0o755))
	c.say("about to", "hang")
	c.err("mount", unix.Mount("/media/img", "/media/m", "ext4", 0, ""))
}

// A container that dies while a program is about to mount takes it along, whoever waits.
func TestFUSEContainerDies(t *testing.T) {
	needFUSE(t)
	p := plan{Scenario: "hang", Drop: true, FUSE: true, User: true, PID: true}
	s := withFUSE()
	s.grant.FUSE["ext4"] = "/media/prog"
	s.pid = func(pid int) {
		time.Sleep(time.Second)
		out, err := exec.Command("pgrep", "-P", fmt.Sprint(pid)).Output()
		if err != nil {
			t.Errorf("nothing is in the container: %v", err)
		}
		var first int
		fmt.Sscan(string(out), &first)
		unix.Kill(first, unix.SIGKILL) //nolint:errcheck // the test fails otherwise
	}
	start := time.Now()
	_, err := s.run(t, p)
	if err == nil || time.Since(start) > 10*time.Second {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
}

// useDirectly has the container's own programs mount, without a redirect.
func useDirectly(c *container) {
	sh := func(step, script string) {
		out, err := exec.Command("sh", "-c", script).CombinedOutput()
		c.err(step, err)
		c.say(step+" says", string(out))
	}
	sh("place for a lock", "mkdir -p /etc")
	sh("libfuse3", "squashfuse /media/sq /media/m && cat /media/m/file")
	c.say("kind", kindAt("/media/m"))
	sh("umount", "umount /media/m")
	sh("fusermount3", "squashfuse -o auto_unmount /media/sq /media/m && cat /media/m/file && fusermount3 -u /media/m")
	c.say("after", kindAt("/media/m"))
	sh("libfuse2", "fuse2fs -o ro /media/img /media/m && cat /media/m/file && fusermount3 -u /media/m")
	c.say("after all", kindAt("/media/m"))
}

// Where a policy performs mounts of FUSE, its programs mount by themselves.
func TestFUSEDirectly(t *testing.T) {
	needFUSE(t)
	for name, p := range containers() {
		t.Run(name, func(t *testing.T) {
			p.Scenario, p.Drop, p.FUSE = "direct", true, true
			got := supervised(t, p, supervision{})
			want{"libfuse3": "ok", "libfuse3 says": "inside\n", "umount": "ok", "fusermount3": "ok", "fusermount3 says": "inside\n", "libfuse2": "ok",
				"libfuse2 says": "inside\n", "after": "none", "after all": "none"}.check(t, got)
		})
	}
}

// attack kills or stops whatever the supervisor starts with the caller's ids, again and again.
const attack = `
while :; do
	for dir in /proc/[0-9]*; do
		read name <$dir/comm && [ "$name" = stead-standin ] && kill -$0 ${dir#/proc/}
	done
done 2>/dev/null`

// attacked mounts by a program that says what it is, while another of the container's processes does what it can.
func attacked(c *container) {
	const says = "grep -hE '^(Cap|NoNewPrivs|Seccomp:|Uid)' /proc/$$/status; cat /proc/$$/cgroup /proc/$$/oom_score_adj"
	must("place", os.Chmod("/media", 0o777))
	must("program", os.WriteFile("/media/own", []byte("#!/bin/sh\n"+says), 0o755))
	must("program", os.WriteFile("/media/prog", []byte("#!/bin/sh\n{ "+says+"; } >/media/said\n"), 0o755))
	becomeOrdinary()
	own, err := exec.Command("/media/own").Output()
	must("own", err)
	cmd := exec.Command("sh", "-c", attack, c.plan.Args[0])
	must("attack", cmd.Start())
	ran := 0
	for range 12 {
		os.Remove("/media/said") //nolint:errcheck // it may not be there
		err := unix.Mount("/media/img", "/media/m", "ext4", 0, "")
		if err == nil {
			c.say("mounted", "by a program that does not mount")
		}
		said, _ := os.ReadFile("/media/said")
		if len(said) == 0 {
			continue
		}
		ran++
		if !strings.HasPrefix(string(own), string(said)) { // it may have been killed when it had said half of it
			c.say("a program that is another", string(said))
		}
	}
	must("attack", cmd.Process.Kill())
	cmd.Wait() //nolint:errcheck // it was killed
	c.say("ran", itoa(ran))
}

// Nothing that starts a program can be used by those who may signal it.
func TestFUSEAttacked(t *testing.T) {
	needFUSE(t)
	t.Cleanup(endStopped)
	for _, sig := range []string{"KILL", "STOP", "TERM"} {
		t.Run(sig, func(t *testing.T) {
			t.Parallel()
			s := withFUSE()
			s.grant.FUSE["ext4"], s.options.Patience = "/media/prog", 500*time.Millisecond
			within(t, 2*time.Minute, func() {
				for _, r := range supervised(t, plan{Scenario: "attack", FUSE: true, Drop: true, Args: []string{sig}}, s) {
					if r.Step != "ran" {
						t.Errorf("%s: %s", r.Step, r.Result)
					}
					t.Log(r.Step, r.Result)
				}
			})
		})
	}
}

// endStopped ends what an attack has left stopped of what was started by this process: what its own process could have ended, too.
func endStopped() {
	own, _ := os.Readlink("/proc/self/exe")
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		status, _ := os.ReadFile(dir + "/status")
		exe, _ := os.Readlink(dir + "/exe")
		if exe == own && bytes.Contains(status, []byte("\nState:\tT")) && bytes.Contains(status, fmt.Appendf(nil, "\nUid:\t%d\t", ordinaryUser)) {
			var pid int
			fmt.Sscan(filepath.Base(dir), &pid)
			unix.Kill(pid, unix.SIGKILL) //nolint:errcheck // it may have ended
		}
	}
}
