package container

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/testneed"
)

func systemScenarios() map[string]scenario {
	return map[string]scenario{
		"system":  {nil, system},
		"fuse":    {prepareTree, fuse},
		"modules": {nil, modules},
	}
}

// owners changes what files' owners are, in every way.
func owners(c *container) {
	show := func(step, path string) {
		var st unix.Stat_t
		c.err("stat "+step, unix.Lstat(path, &st))
		c.say("owner "+step, ownerAndMode(&st))
	}
	fd, err := unix.Open("/media/file", unix.O_RDONLY, 0)
	must("open", err)
	place, err := unix.Open("/media/file", unix.O_PATH, 0)
	must("open", err)
	for _, s := range []struct {
		name string
		err  error
	}{
		{"chown", unix.Chown("/media/file", 3, 4)}, {"chown link", unix.Chown("/media/link", 5, -1)}, {"lchown", unix.Lchown("/media/link", -1, 6)},
		{"fchown", unix.Fchown(fd, 7, 8)}, {"fchown place", unix.Fchown(place, 7, 8)}, {"fchown closed", unix.Fchown(999, 7, 8)},
		{"fchownat", unix.Fchownat(unix.AT_FDCWD, "/media/link", 9, 9, unix.AT_SYMLINK_NOFOLLOW)},
		{"fchownat empty", unix.Fchownat(place, "", 10, 10, unix.AT_EMPTY_PATH)}, {"fchownat flags", unix.Fchownat(unix.AT_FDCWD, "/media/a", 9, 9, 0x8000)},
		{"none", unix.Chown("/media/none", 1, 1)}, {"under a file", unix.Chown("/media/file/x", 1, 1)}, {"unmapped", unix.Chown("/media/file", 1<<30, 1)},
	} {
		c.err(s.name, s.err)
		show(s.name, "/media/file")
		show(s.name+", link", "/media/link")
	}
	c.err("bad", raw(unix.SYS_CHOWN, 8, 1, 1))
	c.err("empty", raw(unix.SYS_CHOWN, str(""), 1, 1))
}

func system(c *container) {
	must("mkdir", os.MkdirAll("/media/sys", 0o755))
	c.err("sysfs", unix.Mount("s", "/media/sys", "sysfs", 0, ""))
	c.err("chown sysfs", unix.Chown("/media/sys/kernel", 0, 0))
	c.err("chown sysfs none", unix.Chown("/media/sys/none", 0, 0))
	c.err("hostname", unix.Sethostname([]byte("in-there")))
	var uts unix.Utsname
	must("uname", unix.Uname(&uts))
	c.say("name", unix.ByteSliceToString(uts.Nodename[:]))
	c.err("long hostname", unix.Sethostname(bytes.Repeat([]byte("x"), 65)))
	c.err("empty hostname", unix.Sethostname(nil))
	var info unix.Sysinfo_t
	c.err("sysinfo", unix.Sysinfo(&info))
	c.say("plausible", fmt.Sprint(info.Totalram > 0, info.Freeram <= info.Totalram, info.Unit, info.Procs > 0))
	c.say("uptime", itoa(int(info.Uptime)))
	c.err("bad sysinfo", raw(unix.SYS_SYSINFO, 8))
	prio := make([]byte, 4)
	binary.NativeEndian.PutUint32(prio, 5)
	c.err("own scheduler", scheduler(0, unix.SCHED_FIFO, prio))
	c.err("by number", scheduler(unix.Gettid(), unix.SCHED_RR, prio))
	c.err("back", scheduler(0, unix.SCHED_NORMAL, make([]byte, 4)))
	c.err("another's", scheduler(os.Getppid()+100000, unix.SCHED_FIFO, prio))
	child := exec.Command("sleep", "60")
	must("child", child.Start())
	c.err("a child's", scheduler(child.Process.Pid, unix.SCHED_FIFO, prio))
	policy, _, _ := unix.Syscall(unix.SYS_SCHED_GETSCHEDULER, uintptr(child.Process.Pid), 0, 0)
	c.say("the child", itoa(int(policy)))
	must("kill", child.Process.Kill())
	child.Wait() //nolint:errcheck // it was killed
	outside, err := strconv.Atoi(c.plan.Args[0])
	must("number", err)
	c.err("a supervisor's", scheduler(outside, unix.SCHED_FIFO, prio))
	c.err("negative", scheduler(-1, unix.SCHED_FIFO, prio))
	c.err("bad policy", scheduler(0, 77, prio))
	c.err("no priority", scheduler(0, unix.SCHED_FIFO, nil))
}

// oddAffairs passes arguments that no program would.
func oddAffairs(c *container) {
	const bad = uintptr(8)
	param := func(n uint32) uintptr { return address(binary.NativeEndian.AppendUint32(nil, n)) }
	high := uintptr(1) << 32
	for _, s := range []struct {
		name string
		nr   uintptr
		args []uintptr
	}{
		{"policy", unix.SYS_SCHED_SETSCHEDULER, []uintptr{0, 77, param(1)}}, {"negative policy", unix.SYS_SCHED_SETSCHEDULER, []uintptr{0, ^uintptr(0), param(1)}},
		{"priority", unix.SYS_SCHED_SETSCHEDULER, []uintptr{0, unix.SCHED_FIFO, param(100)}}, {"no priority", unix.SYS_SCHED_SETSCHEDULER, []uintptr{0, unix.SCHED_FIFO, param(0)}},
		{"negative priority", unix.SYS_SCHED_SETSCHEDULER, []uintptr{0, unix.SCHED_RR, param(1 << 31)}},
		{"null", unix.SYS_SCHED_SETSCHEDULER, []uintptr{0, unix.SCHED_FIFO, 0}}, {"bad", unix.SYS_SCHED_SETSCHEDULER, []uintptr{0, unix.SCHED_FIFO, bad}},
		{"negative thread", unix.SYS_SCHED_SETSCHEDULER, []uintptr{^uintptr(0), unix.SCHED_FIFO, param(1)}},
		{"normal with priority", unix.SYS_SCHED_SETSCHEDULER, []uintptr{0, unix.SCHED_NORMAL, param(1)}},
		{"deadline", unix.SYS_SCHED_SETSCHEDULER, []uintptr{0, unix.SCHED_DEADLINE, param(0)}},
		{"upper bits", unix.SYS_SCHED_SETSCHEDULER, []uintptr{high, high | unix.SCHED_BATCH, param(0)}},
		{"reset on fork", unix.SYS_SCHED_SETSCHEDULER, []uintptr{0, unix.SCHED_IDLE | 0x40000000, param(0)}}, {"back", unix.SYS_SCHED_SETSCHEDULER, []uintptr{0, 0, param(0)}},
		{"name at null", unix.SYS_SETHOSTNAME, []uintptr{0, 5}}, {"bad name", unix.SYS_SETHOSTNAME, []uintptr{bad, 5}}, {"no name", unix.SYS_SETHOSTNAME, []uintptr{bad, 0}},
		{"long name", unix.SYS_SETHOSTNAME, []uintptr{str(strings.Repeat("x", 65)), 65}}, {"longest name", unix.SYS_SETHOSTNAME, []uintptr{str(strings.Repeat("x", 64)), 64}},
		{"negative name", unix.SYS_SETHOSTNAME, []uintptr{str("x"), ^uintptr(0)}}, {"name with upper bits", unix.SYS_SETHOSTNAME, []uintptr{str("yz"), high | 1}},
		{"name at an edge", unix.SYS_SETHOSTNAME, []uintptr{edge("abc"), 4}},
		{"bad info", unix.SYS_SYSINFO, []uintptr{bad}}, {"null info", unix.SYS_SYSINFO, []uintptr{0}},
		{"bad owner's path", unix.SYS_CHOWN, []uintptr{bad, 0, 0}}, {"owner of nothing", unix.SYS_CHOWN, []uintptr{str(""), 0, 0}},
		{"owner of no directory", unix.SYS_CHOWN, []uintptr{str("/proc/version/x"), 0, 0}}, {"owner by flags", unix.SYS_FCHOWNAT, []uintptr{atCwd, str("/media"), 0, 0, 0x4000}},
		{"owner of a closed file", unix.SYS_FCHOWN, []uintptr{999, 0, 0}}, {"owner of none", unix.SYS_FCHOWNAT, []uintptr{999, str("x"), 0, 0, 0}},
	} {
		c.err(s.name, raw(s.nr, s.args...))
		var uts unix.Utsname
		must("uname", unix.Uname(&uts))
		policy, _, _ := unix.Syscall(unix.SYS_SCHED_GETSCHEDULER, 0, 0, 0)
		c.say("after "+s.name, unix.ByteSliceToString(uts.Nodename[:])+" "+itoa(int(policy)))
	}
}

// TestOddAffairs compares with the machine's root.
func TestOddAffairs(t *testing.T) {
	needRoot(t)
	p := plan{Scenario: "odd affairs", PID: true}
	list := native(t, p)
	p.Drop = true
	same(t, list, supervised(t, p, supervision{}))
	want{"after longest name": strings.Repeat("x", 64) + " 0", "priority": "invalid argument", "bad": "bad address"}.check(t, list)
}

func TestSystem(t *testing.T) {
	needRoot(t)
	for _, p := range []plan{{PID: true}, {PID: true, User: true}} {
		p.Scenario, p.Drop, p.Args = "system", true, []string{itoa(os.Getpid())}
		w := want{"sysfs": "ok", "chown sysfs": "ok", "chown sysfs none": "no such file or directory", "hostname": "ok", "name": "in-there",
			"long hostname": "invalid argument", "sysinfo": "ok", "plausible": "true true 1 true", "uptime": "0", "bad sysinfo": "bad address",
			"another's": "no such process", "a child's": "ok", "the child": "1", "a supervisor's": "no such process", "negative": "invalid argument", "bad policy": "invalid argument", "no priority": "invalid argument",
			"own scheduler": "ok", "by number": "ok", "back": "ok"}
		w.check(t, supervised(t, p, supervision{}))
	}
}

// fuse mounts by the caller's own descriptor of /dev/fuse, and leaves it without an answer.
func fuse(c *container) {
	dev, err := unix.Open("/dev/fuse", unix.O_RDWR, 0)
	must("open /dev/fuse", err)
	data := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", dev)
	c.err("mount", unix.Mount("served", "/media/t", "fuse.test", unix.MS_NOSUID|unix.MS_NODEV, data))
	c.mounts("mounted")
	c.err("mount again", unix.Mount("served", "/media/a", "fuse", unix.MS_NODEV, data))
	c.err("other descriptor", unix.Mount("served", "/media/a", "fuse", 0, "fd=0,rootmode=40000,user_id=0,group_id=0"))
	c.err("closed descriptor", unix.Mount("served", "/media/a", "fuse", 0, "fd=999,rootmode=40000,user_id=0,group_id=0"))
	c.err("no descriptor", unix.Mount("served", "/media/a", "fuse", 0, "rootmode=40000,user_id=0,group_id=0"))
	c.err("word", unix.Mount("served", "/media/a", "fuse", 0, "fd=x,rootmode=40000,user_id=0,group_id=0"))
	go unix.Mount("x", "/media/t/below", "tmpfs", 0, "") //nolint:errcheck // nobody answers: it hangs until the server goes
	time.Sleep(300 * time.Millisecond)
	start := time.Now()
	c.err("others go on", unix.Mount("x", "/media/b", "tmpfs", 0, ""))
	c.say("at once", fmt.Sprint(time.Since(start) < time.Second))
	c.err("umount", unix.Unmount("/media/t", unix.MNT_DETACH))
	unix.Close(dev)
	c.mounts("after")
}

// A server of files that does not answer holds up nobody but those that ask it.
func TestFuse(t *testing.T) {
	needRoot(t)
	if _, err := os.Stat("/dev/fuse"); err != nil {
		testneed.Missing(t, "needs /dev/fuse: %v", err)
	}
	within(t, time.Minute, func() {
		for _, p := range []plan{{}, {User: true}} {
			if st, err := os.Stat("/dev/fuse"); p.User && (err != nil || st.Mode()&0o006 != 0o006) {
				continue // nobody but root may use it here
			}
			p.Scenario = "fuse"
			list := native(t, p)
			p.Drop = true
			same(t, list, supervised(t, p, supervision{}))
			want{"mount": "ok", "others go on": "ok", "at once": "true"}.check(t, list)
		}
	})
}

// rootless says that the tests run as the owner of the user namespace and not as root.
const rootless = "STEAD_CONTAINER_ROOTLESS"

// TestRootless: an ordinary user supervises a container in a user namespace of its own.
func TestRootless(t *testing.T) {
	if os.Getenv(rootless) == "" {
		asUser(t)
		return
	}
	for _, name := range []string{"types", "binds", "odd", "api", "overlay", "attributes"} {
		t.Run(name, func(t *testing.T) {
			p := plan{Scenario: name, User: true}
			list := native(t, p)
			p.Drop = true
			same(t, list, supervised(t, p, supervision{}))
		})
	}
	p := plan{Scenario: "proc", User: true, PID: true}
	list := native(t, p)
	p.Drop = true
	same(t, list, supervised(t, p, supervision{}))
}

// asUser runs this test once more, without any right.
func asUser(t *testing.T) {
	t.Helper()
	needRoot(t)
	if _, err := exec.LookPath("setpriv"); err != nil {
		testneed.Missing(t, "needs setpriv: %v", err)
	}
	dir, err := os.MkdirTemp("/tmp", "stead-rootless")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "test")
	text, err := os.ReadFile("/proc/self/exe")
	for _, err := range []error{err, os.Chmod(dir, 0o755), os.WriteFile(binary, text, 0o755)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("setpriv", "--reuid=23456", "--regid=23456", "--clear-groups", "--", binary, "-test.run=^TestRootless$", "-test.v")
	cmd.Env = append(os.Environ(), rootless+"=1")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if strings.Count(string(out), "--- PASS") < 7 {
		t.Errorf("not all was done: %s", out)
	}
}
