package container

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/policy"
)

// race exchanges a directory and a link to a forbidden one while mounts are made on it, from it and taken away.
func race(c *container) {
	must("forbidden", os.Mkdir("/media/forbidden", 0o755))
	must("mark", os.WriteFile("/media/forbidden/mark", nil, 0o644))
	must("swap", os.Mkdir("/media/swap", 0o755))
	must("other", os.Symlink("forbidden", "/media/other"))
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !stop.Load() {
			unix.Renameat2(unix.AT_FDCWD, "/media/swap", unix.AT_FDCWD, "/media/other", unix.RENAME_EXCHANGE) //nolint:errcheck // busy is fine
		}
	}()
	mounted, denied, other := 0, 0, 0
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
		switch err := unix.Mount("x", "/media/swap", "tmpfs", 0, ""); err {
		case nil:
			mounted++
		case unix.EACCES:
			denied++
		default:
			other++
		}
		if err := unix.Mount("/media/swap", "/media/t", "", unix.MS_BIND, ""); err == nil {
			if _, err := os.Stat("/media/t/mark"); err == nil {
				c.say("bound the forbidden directory", "yes")
			}
			unix.Unmount("/media/t", unix.MNT_DETACH) //nolint:errcheck // the test looks at what is left
		}
		if strings.Contains(strings.Join(mountsBelow("/media"), "\n"), "/media/forbidden ") {
			c.say("mounted on the forbidden directory", "yes")
		}
		for _, dir := range []string{"/media/swap", "/media/other"} {
			unix.Unmount(dir, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) //nolint:errcheck // one of them it is
		}
	}
	stop.Store(true)
	<-done
	c.say("raced", fmt.Sprint(mounted > 0 && denied > 0))
	c.say("counts", fmt.Sprint(mounted, denied, other))
}

// TestRaces: what is judged is what is mounted, whatever happens to its name meanwhile.
func TestRaces(t *testing.T) {
	needRoot(t)
	decide := func(r *policy.Request) policy.Decision {
		for i := range 2 {
			if path, ok := r.Paths.Path(i); r.Call.Name == "mount" && ok && strings.Contains(path, "forbidden") {
				return policy.Decision{Verdict: policy.Deny, Errno: unix.EACCES}
			}
		}
		return policy.Decision{Verdict: policy.Perform}
	}
	for _, p := range []plan{{}, {User: true}} {
		p.Scenario, p.Drop = "race", true
		list := supervised(t, p, supervision{decide: decide})
		for _, r := range list {
			t.Log(r.Step, r.Result)
			if strings.Contains(r.Step, "forbidden") {
				t.Error(r.Step)
			}
		}
		want{"raced": "true"}.check(t, list)
	}
}

// selfTricks tries to reach what a task has and its caller has not: the supervisor's descriptors, root and processes.
func selfTricks(c *container) {
	supervisor := itoa(os.Getppid())
	if text, err := os.ReadFile("/proc/" + supervisor + "/status"); err == nil {
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, "PPid:"); ok {
				supervisor = strings.TrimSpace(rest)
			}
		}
	}
	for n := range 64 {
		fd := itoa(n)
		for _, path := range []string{"/proc/self/fd/" + fd, "/proc/thread-self/fd/" + fd, "/proc/" + supervisor + "/fd/" + fd, fd} {
			if _, err := os.Stat(path); err == nil {
				continue // it is our own
			}
			if err := unix.Mount(path, "/media/t", "", unix.MS_BIND, ""); err == nil {
				c.say("bound "+path, "yes")
			}
			for _, data := range []string{"lowerdir=" + path + ":/media/a", "lowerdir=/media/a,upperdir=" + path + ",workdir=/media/b", "pidns=" + path} {
				kind := "overlay"
				if strings.HasPrefix(data, "pidns") {
					kind = "proc"
				}
				if err := unix.Mount("x", "/media/t", kind, 0, data); err == nil {
					c.say("mounted "+data, "yes")
				}
			}
			if err := unix.Mount("x", "/media/t", "fuse", 0, "fd="+fd+",rootmode=40000,user_id=0,group_id=0"); err == nil {
				c.say("mounted fuse "+fd, "yes")
			}
		}
	}
	for _, path := range []string{"/proc/" + supervisor + "/root", "/proc/" + supervisor + "/cwd", "/proc/1/root", "/proc/1/cwd"} {
		own := os.Chdir(path) == nil
		must("chdir", os.Chdir("/"))
		err := unix.Mount(path, "/media/t", "", unix.MS_BIND, "")
		c.say("bind "+path[strings.LastIndex(path, "/"):]+fmt.Sprint(path[6] == '1' && path[7] == '/'), fmt.Sprint(err == nil && !own))
	}
	list, err := os.ReadDir("/proc")
	must("proc", err)
	for _, e := range list {
		comm, _ := os.ReadFile("/proc/" + e.Name() + "/comm")
		if !strings.HasPrefix(string(comm), "stead-standin") {
			continue
		}
		c.say("there are tasks", "yes")
		for _, name := range []string{"root", "cwd", "fd/3", "fd/10"} {
			if err := unix.Mount("/proc/"+e.Name()+"/"+name, "/media/t", "", unix.MS_BIND, ""); err == nil {
				status, _ := os.ReadFile("/proc/" + e.Name() + "/status")
				c.say("bound a task's "+name, strings.Join(mountsBelow("/media/t"), ";")+string(status[:200]))
			}
		}
	}
	c.say("end", "reached")
}

func TestSelfTricks(t *testing.T) {
	needRoot(t)
	for _, p := range []plan{{}, {User: true}, {Chroot: true}} {
		p.Scenario, p.Drop = "self", true
		list := supervised(t, p, supervision{})
		for _, r := range list {
			if strings.HasPrefix(r.Step, "bound") || strings.HasPrefix(r.Step, "mounted") || strings.HasPrefix(r.Step, "bind") && r.Result == "true" {
				t.Errorf("%+v: %s %s", p, r.Step, r.Result)
			}
		}
		want{"end": "reached", "there are tasks": "yes"}.check(t, list)
	}
}

func inNoContainer(c *container) {
	c.err("mount", unix.Mount("x", "/media", "tmpfs", 0, ""))
	c.err("umount", unix.Unmount("/proc", unix.MNT_EXPIRE))
	_, err := unix.Fsopen("tmpfs", 0)
	c.err("fsopen", err)
	_, err = unix.Fsopen("ext4", 0)
	c.err("ext4", err)
}
