package container

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/testneed"
	"github.com/stead-project/stead/policy"
)

// A hungCall is one that asks a server that does not answer.
type hungCall struct {
	name string
	do   func() error
}

func hungCalls() []hungCall {
	return []hungCall{
		{"target", func() error { return unix.Mount("x", "/media/t/hang/x", "tmpfs", 0, "") }},
		{"source", func() error { return unix.Mount("/media/t/hang", "/media/c", "", unix.MS_BIND, "") }},
		{"umount", func() error { return unix.Unmount("/media/t/hang", 0) }},
		{"layer", func() error { return unix.Mount("x", "/media/c", "overlay", 0, "lowerdir=/media/t/hang:/media/a") }},
		{"node", func() error { return unix.Mknod("/media/t/hang/null", unix.S_IFCHR|0o666, 0x103) }},
		{"attribute", func() error { return unix.Setxattr("/media/t/hang", "trusted.overlay.x", nil, 0) }},
		{"pick", func() error { _, err := unix.Fspick(unix.AT_FDCWD, "/media/t/hang", 0); return err }},
		{"tree", func() error {
			_, err := unix.OpenTree(unix.AT_FDCWD, "/media/t/hang", unix.OPEN_TREE_CLONE)
			return err
		}},
		{"attributes", func() error {
			return unix.MountSetattr(unix.AT_FDCWD, "/media/t/hang", 0, &unix.MountAttr{Attr_set: 1})
		}},
		{"image", func() error { return unix.Mount("/media/t/filehang", "/media/d", "ext4", unix.MS_RDONLY, "") }},
		{"image on it", func() error { return unix.Mount("/media/t/file", "/media/d", "ext4", unix.MS_RDONLY, "") }},
		{"owner", func() error { return unix.Chown("/media/t/hang", 0, 0) }},
	}
}

// serveAt has a server's files mounted.
func serveAt(c *container, dir, options string) *exec.Cmd {
	dev, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	must("open /dev/fuse", err)
	server := startServer(dev)
	data := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0%s", dev, options)
	c.err("mount "+dir+options, unix.Mount("served", dir, "fuse", 0, data))
	unix.Close(dev)
	return server
}

// hung makes calls that hang, others meanwhile, and ends the server.
func hung(c *container) {
	server := serveAt(c, "/media/t", "")
	_, err := os.Stat("/media/t/dir")
	c.err("it serves", err)
	c.err("bind of it", unix.Mount("/media/t/dir", "/media/b", "", unix.MS_BIND, ""))
	c.err("umount of that", unix.Unmount("/media/b", 0))
	type answer struct {
		name string
		err  error
		took time.Duration
	}
	answers := make(chan answer, 2*len(hungCalls()))
	var asking sync.WaitGroup
	for _, h := range hungCalls() {
		asking.Add(1)
		go func() {
			runtime.LockOSThread()
			must("drop", dropCapabilities(lentRights()...))
			start := time.Now()
			asking.Done()
			answers <- answer{h.name, h.do(), time.Since(start)}
		}()
	}
	asking.Wait()
	time.Sleep(300 * time.Millisecond)
	start := time.Now()
	c.err("others go on", unix.Mount("x", "/media/b", "tmpfs", 0, ""))
	fs, err := unix.Fsopen("tmpfs", 0)
	c.err("fsopen", err)
	c.err("create", unix.FsconfigCreate(fs))
	c.err("umount", unix.Unmount("/media/b", 0))
	c.say("at once", fmt.Sprint(time.Since(start) < time.Second))
	got := map[string]answer{}
	for over := time.After(4 * time.Second); len(got) < len(hungCalls()); {
		select {
		case a := <-answers:
			got[a.name] = a
			continue
		case <-over:
		}
		break
	}
	for _, h := range hungCalls() {
		if a, ok := got[h.name]; ok {
			c.err("hung "+h.name, a.err)
		} else {
			c.say("hung "+h.name, "hangs")
		}
	}
	must("kill", server.Process.Kill())
	server.Wait() //nolint:errcheck // it was killed
	start = time.Now()
	for len(got) < len(hungCalls()) {
		select {
		case a := <-answers:
			got[a.name] = a
			c.err("afterwards "+a.name, a.err)
		case <-time.After(5 * time.Second):
			c.say("still hangs", fmt.Sprint(len(got)))
			return
		}
	}
	c.say("freed at once", fmt.Sprint(time.Since(start) < 2*time.Second))
	c.err("umount dead", unix.Unmount("/media/t", 0))
	c.mounts("left")
}

// stopped has a server that is stopped: what needs no answer goes on as if nothing were.
func stopped(c *container) {
	for _, options := range []string{"", ",default_permissions", ",allow_other,default_permissions"} {
		server := serveAt(c, "/media/t", options)
		_, err := os.Stat("/media/t/dir")
		c.err("it serves"+options, err)
		must("stop", server.Process.Signal(unix.SIGSTOP))
		start := time.Now()
		c.err("remount"+options, unix.Mount("", "/media/t", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_NOEXEC, ""))
		c.err("bind"+options, unix.Mount("/media/t", "/media/b", "", unix.MS_BIND, ""))
		c.err("attributes"+options, unix.MountSetattr(unix.AT_FDCWD, "/media/b", 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}))
		c.err("private"+options, unix.Mount("", "/media/b", "", unix.MS_PRIVATE, ""))
		c.err("umount bind"+options, unix.Unmount("/media/b", 0))
		c.err("move"+options, unix.Mount("/media/t", "/media/c", "", unix.MS_MOVE, ""))
		c.err("umount"+options, unix.Unmount("/media/c", 0))
		c.say("at once"+options, fmt.Sprint(time.Since(start) < time.Second))
		must("kill", server.Process.Kill())
		server.Wait() //nolint:errcheck // it was killed
	}
	c.mounts("left")
}

// hungRoot goes into a directory of a server that does not answer, and mounts elsewhere by a descriptor.
func hungRoot(c *container) {
	server := serveAt(c, "/media/t", "")
	fd, err := unix.Open("/media/b", unix.O_PATH|unix.O_DIRECTORY, 0)
	must("open", err)
	must("chroot", unix.Chroot("/media/t"))
	must("stop", server.Process.Signal(unix.SIGSTOP))
	time.Sleep(50 * time.Millisecond)
	must("fchdir", unix.Fchdir(fd))
	start := time.Now()
	c.err("mount", unix.Mount("x", ".", "tmpfs", 0, ""))
	c.say("at once", fmt.Sprint(time.Since(start) < time.Second))
	must("kill", server.Process.Kill())
}

// needFuse says whether the program of a plan may serve files.
func needFuse(t *testing.T) {
	t.Helper()
	needRoot(t)
	if _, err := os.Stat("/dev/fuse"); err != nil {
		testneed.Missing(t, "needs /dev/fuse: %v", err)
	}
}

// TestHungServer: a call that asks a server which does not answer fails when its deadline passes, or waits as its caller asked to; others
// of its container and of other containers go on; when the server dies all is let go.
func TestHungServer(t *testing.T) {
	asMachine(t, testHungServer)
}

func testHungServer(t *testing.T) {
	needFuse(t)
	before := whatIsLeft(t, "")
	within(t, time.Minute, func() {
		p := plan{Scenario: "hung", Drop: true}
		var wg sync.WaitGroup
		wg.Go(func() {
			time.Sleep(time.Second)
			start := time.Now()
			supervised(t, plan{Scenario: "many", Drop: true}, supervision{})
			t.Logf("another container meanwhile: %v", time.Since(start))
		})
		list := supervised(t, p, supervision{grant: policy.Grant{Sources: under("")}, deadline: 1500 * time.Millisecond})
		wg.Wait()
		w := want{"mount /media/t": "ok", "it serves": "ok", "others go on": "ok", "fsopen": "ok", "create": "ok", "umount": "ok", "at once": "true",
			"freed at once": "true", "umount dead": "ok"}
		for _, h := range hungCalls() {
			w["hung "+h.name] = "operation not permitted"
		}
		for _, slow := range []string{"layer", "image", "image on it"} {
			w["hung "+slow] = "hangs" // as natively
		}
		w.check(t, list)
	})
	nothingMore(t, "", before, "after the server's death")
}

// TestStoppedServer: what natively asks no server asks none when it is performed.
func TestStoppedServer(t *testing.T) {
	needFuse(t)
	within(t, time.Minute, func() {
		p := plan{Scenario: "stopped"}
		list := native(t, p)
		for i := range list {
			if list[i].Step == "at once" && list[i].Result != "true" {
				t.Errorf("natively it takes long")
			}
		}
		p.Drop = true
		same(t, list, supervised(t, p, supervision{}))
		want{"mount": "ok", "at once": "true"}.check(t, supervised(t, plan{Scenario: "hung root", Drop: true}, supervision{}))
	})
}

// servedDevices are nodes that a server of files makes up.
func servedDevices(c *container) {
	server := serveAt(c, "/media/t", "")
	c.err("device", readByte("/media/t/zero"))
	c.err("remount", unix.Mount("", "/media/t", "", unix.MS_REMOUNT|unix.MS_BIND, ""))
	c.err("device, remounted", readByte("/media/t/zero"))
	must("kill", server.Process.Kill())
}

// TestServedDevices: who serves files has no devices by it.
func TestServedDevices(t *testing.T) {
	needFuse(t)
	within(t, time.Minute, func() {
		const closed = "permission denied"
		p := plan{Scenario: "served devices"}
		want{"device": "ok"}.check(t, native(t, p))
		p.Drop = true
		want{"mount /media/t": "ok", "device": closed, "remount": "ok", "device, remounted": closed}.check(t, supervised(t, p, supervision{}))
	})
}
