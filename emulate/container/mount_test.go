package container

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A scenario is a program in a container.
type scenario struct {
	prepare func(c *container) // with all rights
	run     func(c *container)
}

func scenarios() map[string]scenario {
	return map[string]scenario{
		"types":      {nil, mountTypes},
		"binds":      {prepareTree, mountBinds},
		"odd":        {prepareTree, mountOdd},
		"api":        {prepareTree, mountAPI},
		"overlay":    {prepareTree, overlays},
		"nodes":      {prepareTree, nodes},
		"attributes": {prepareTree, attributes},
		"owners":     {prepareTree, owners},
	}
}

func prepareTree(*container) {
	for _, dir := range []string{"a/sub", "b", "c", "d", "e/x", "e/y", "t"} {
		must("tree", os.MkdirAll(filepath.Join("/media", dir), 0o755))
	}
	must("file", os.WriteFile("/media/file", []byte("x"), 0o644))
	must("file", os.WriteFile("/media/a/inner", []byte("x"), 0o644))
	must("link", os.Symlink("b", "/media/link"))
	must("link", os.Symlink("/media/file/nowhere", "/media/notdir"))
	must("link", os.Symlink("loop", "/media/loop"))
}

func mountTypes(c *container) {
	shared := map[string]bool{"cgroup2": true, "binfmt_misc": true, "sysfs": true, "mqueue": true} // the machine's own
	for i, m := range []struct {
		kind  string
		flags uintptr
		data  string
	}{
		{"tmpfs", 0, ""}, {"tmpfs", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "size=1m,mode=700,nr_inodes=10"},
		{"tmpfs", unix.MS_RDONLY | unix.MS_NOATIME, "uid=5,gid=6"}, {"tmpfs", unix.MS_STRICTATIME, "size=1m,,mode=711"},
		{"tmpfs", unix.MS_NODIRATIME | unix.MS_LAZYTIME | unix.MS_SYNCHRONOUS, ""},
		{"tmpfs", 0, "nonsense=1"}, {"tmpfs", 0, "size"}, {"tmpfs", 0, "size=x"}, {"tmpfs", unix.MS_MGC_VAL, ""},
		{"tmpfs", unix.MS_NOSYMFOLLOW, ""}, {"tmpfs", unix.MS_SILENT | unix.MS_POSIXACL | 1<<28, ""},
		{"ramfs", 0, "mode=711"}, {"proc", unix.MS_NOSUID, ""}, {"proc", 0, "hidepid=2"}, {"proc", 0, "hidepid=invisible,gid=4"},
		{"proc", 0, "bad"}, {"sysfs", 0, ""}, {"sysfs", unix.MS_RDONLY, ""},
		{"devpts", 0, "newinstance,ptmxmode=0666,mode=620"}, {"devpts", unix.MS_NOEXEC, "gid=5"}, {"mqueue", 0, ""},
		{"cgroup2", 0, ""}, {"cgroup2", 0, "nsdelegate"}, {"binfmt_misc", 0, ""}, {"bpf", 0, ""}, {"nosuchfs", 0, ""}, {"", 0, ""},
		{"fuse.x", 0, ""},
	} {
		dir := "/media/types"
		must("mkdir", os.MkdirAll(dir, 0o755))
		step := itoa(i) + " " + m.kind + " " + m.data
		err := unix.Mount("source", dir, m.kind, m.flags, m.data)
		c.err("mount "+step, err)
		c.mounts("mounted " + step)
		var st unix.Stat_t
		c.err("stat "+step, unix.Stat(dir, &st))
		c.say("owner "+step, ownerAndMode(&st))
		if !shared[m.kind] {
			c.err("remount "+step, unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
			c.mounts("remounted " + step)
		}
		if err == nil {
			c.err("umount "+step, unix.Unmount(dir, 0))
		}
		c.mounts("unmounted " + step)
	}
}

func mountBinds(c *container) {
	steps := []struct {
		name string
		do   func() error
	}{
		{"bind", func() error { return unix.Mount("/media/a", "/media/b", "", unix.MS_BIND, "") }},
		{"bind again", func() error { return unix.Mount("/media/a", "/media/b", "ignored", unix.MS_BIND, "ignored") }},
		{"bind file", func() error { return unix.Mount("/media/file", "/media/b/inner", "", unix.MS_BIND, "") }},
		{"bind file on directory", func() error { return unix.Mount("/media/file", "/media/c", "", unix.MS_BIND, "") }},
		{"bind directory on file", func() error { return unix.Mount("/media/c", "/media/file", "", unix.MS_BIND, "") }},
		{"bind through a link", func() error { return unix.Mount("/media/link", "/media/c", "", unix.MS_BIND, "") }},
		{"rbind", func() error { return unix.Mount("/media/b", "/media/d", "", unix.MS_BIND|unix.MS_REC, "") }},
		{"remount bind", func() error {
			return unix.Mount("", "/media/d", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|unix.MS_NOSUID, "")
		}},
		{"remount bind rw", func() error { return unix.Mount("", "/media/d", "", unix.MS_REMOUNT|unix.MS_BIND, "") }},
		{"remount what is no mount", func() error { return unix.Mount("", "/media/e", "", unix.MS_REMOUNT, "") }},
		{"shared", func() error { return unix.Mount("", "/media/b", "", unix.MS_SHARED, "") }},
		{"rslave", func() error { return unix.Mount("", "/media/b", "", unix.MS_SLAVE|unix.MS_REC, "") }},
		{"shared again", func() error { return unix.Mount("none", "/media/b", "x", unix.MS_SHARED|unix.MS_REC, "y") }},
		{"two propagations", func() error { return unix.Mount("", "/media/b", "", unix.MS_SHARED|unix.MS_PRIVATE, "") }},
		{"private", func() error { return unix.Mount("", "/media/b", "", unix.MS_PRIVATE|unix.MS_REC, "") }},
		{"unbindable", func() error { return unix.Mount("", "/media/c", "", unix.MS_UNBINDABLE, "") }},
		{"bind of unbindable", func() error { return unix.Mount("/media/c", "/media/e/x", "", unix.MS_BIND, "") }},
		{"propagation of no mount", func() error { return unix.Mount("", "/media/e", "", unix.MS_PRIVATE, "") }},
		{"move", func() error { return unix.Mount("/media/d", "/media/e/y", "", unix.MS_MOVE, "") }},
		{"move no mount", func() error { return unix.Mount("/media/d", "/media/e/x", "", unix.MS_MOVE, "") }},
		{"move into itself", func() error { return unix.Mount("/media/e/y", "/media/e/y/sub", "", unix.MS_MOVE, "") }},
		{"umount busy below", func() error { return unix.Unmount("/media/b", 0) }},
		{"umount file", func() error { return unix.Unmount("/media/b/inner", 0) }},
		{"umount", func() error { return unix.Unmount("/media/b", 0) }},
		{"umount the lower", func() error { return unix.Unmount("/media/b", 0) }},
		{"umount no mount", func() error { return unix.Unmount("/media/b", 0) }},
		{"umount through a link", func() error { return unix.Unmount("/media/link", 0) }},
		{"umount link itself", func() error { return unix.Unmount("/media/link", unix.UMOUNT_NOFOLLOW) }},
		{"umount detach", func() error { return unix.Unmount("/media/e/y", unix.MNT_DETACH) }},
		{"umount force", func() error { return unix.Unmount("/media/c", unix.MNT_FORCE) }},
		{"umount dot", func() error { return bindAndUnmount("/media/c/.") }},
		{"umount dotdot", func() error { return bindAndUnmount("/media/c/sub/..") }},
		{"umount slash", func() error { return bindAndUnmount("/media/c///") }},
		{"umount relative", func() error {
			must("chdir", unix.Chdir("/media/e"))
			defer unix.Chdir("/") //nolint:errcheck // there is always a root
			return bindAndUnmount("../c")
		}},
		{"umount cwd", func() error {
			must("bind", unix.Mount("/media/a", "/media/c", "", unix.MS_BIND, ""))
			must("chdir", unix.Chdir("/media/c"))
			err := unix.Unmount("/media/c", 0)
			must("chdir", unix.Chdir("/"))
			must("umount", unix.Unmount("/media/c", 0))
			return err
		}},
		{"mount by descriptor", func() error {
			fd, err := unix.Open("/media/a", unix.O_PATH|unix.O_DIRECTORY, 0)
			must("open", err)
			defer unix.Close(fd)
			return unix.Mount("/proc/self/fd/"+itoa(fd), "/proc/thread-self/cwd/media/t", "", unix.MS_BIND, "")
		}},
		{"umount proc path", func() error { return unix.Unmount("/proc/self/cwd/media/t", 0) }},
		{"open file busy", func() error {
			must("tmpfs", unix.Mount("x", "/media/t", "tmpfs", 0, ""))
			must("write", os.WriteFile("/media/t/f", nil, 0o600))
			f, err := os.Open("/media/t/f")
			must("open", err)
			busy := unix.Unmount("/media/t", 0)
			f.Close()
			must("umount", unix.Unmount("/media/t", 0))
			return busy
		}},
	}
	for _, s := range steps {
		c.err(s.name, s.do())
		c.mounts("after " + s.name)
	}
}

func bindAndUnmount(path string) error {
	if err := unix.Mount("/media/a", "/media/c", "", unix.MS_BIND, ""); err != nil {
		return err
	}
	return unix.Unmount(path, 0)
}

func ownerAndMode(st *unix.Stat_t) string {
	return itoa(int(st.Uid)) + ":" + itoa(int(st.Gid)) + " " + itoa(int(st.Mode))
}

// environments are where the calls are made.
func environments() map[string]plan {
	return map[string]plan{
		"user namespace":   {User: true},
		"rootful":          {},
		"chroot":           {Chroot: true},
		"chroot in a user": {User: true, Chroot: true},
	}
}

// TestAgainstRoot compares what root does in a container, and what is performed for a program there that has no right to do it.
func TestAgainstRoot(t *testing.T) {
	needRoot(t)
	for env, p := range environments() {
		for name := range scenarios() {
			t.Run(env+"/"+name, func(t *testing.T) {
				p := p
				p.Scenario = name
				want := native(t, p)
				p.Drop = true
				same(t, want, supervised(t, p, supervision{}))
			})
		}
	}
}
