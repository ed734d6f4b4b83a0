package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// types mounts every file system that needs no device.
func types(r *report) {
	machines := map[string]bool{"sysfs": true, "cgroup2": true, "binfmt_misc": true, "mqueue": true} // not remounted: they are the machine's
	for i, m := range []struct {
		kind  string
		flags uintptr
		data  string
	}{
		{"tmpfs", 0, ""}, {"tmpfs", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "size=1m,mode=700,nr_inodes=10"},
		{"tmpfs", unix.MS_RDONLY | unix.MS_NOATIME, "uid=5,gid=6"}, {"tmpfs", unix.MS_STRICTATIME | unix.MS_NOSYMFOLLOW, "size=1m,,mode=711"},
		{"tmpfs", 0, "nonsense=1"}, {"tmpfs", 0, "size=x"}, {"ramfs", 0, "mode=711"},
		{"proc", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, ""}, {"proc", 0, "hidepid=invisible"}, {"proc", 0, "bad"},
		{"sysfs", unix.MS_RDONLY, ""}, {"devpts", 0, "newinstance,ptmxmode=0666,mode=620"}, {"devpts", unix.MS_NOEXEC, "bad"},
		{"mqueue", 0, ""}, {"cgroup2", unix.MS_RDONLY, ""}, {"binfmt_misc", 0, ""}, {"nosuchfs", 0, ""}, {"", 0, ""},
	} {
		step := itoa(i) + " " + m.kind + " " + m.data
		r.dirs("t")
		err := unix.Mount("source", "t", m.kind, m.flags, m.data)
		r.both("mount "+step, err)
		if m.kind != "cgroup2" { // a control group's own directory
			r.stat("stat "+step, "t")
		}
		if err == nil && !machines[m.kind] {
			r.both("remount "+step, unix.Mount("", "t", "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
		}
		if err == nil {
			r.both("umount "+step, unix.Unmount("t", 0))
		}
	}
}

// A step is one call with its name.
type step struct {
	name string
	do   func() error
}

// all makes steps one after the other, with a look at what is mounted after each.
func (r *report) all(steps []step) {
	for _, s := range steps {
		r.both(s.name, s.do())
	}
}

// mount is mount(2) as a step.
func mount(name, source, target, kind string, flags uintptr, data string) step {
	return step{name, func() error { return unix.Mount(source, target, kind, flags, data) }}
}

func tree(r *report) {
	r.dirs("a/sub", "b", "c", "d", "e/x", "e/y", "t")
	r.file("file", "x")
	r.file("a/inner", "x")
	must("link", os.Symlink("b", "link"))
	must("link", os.Symlink("loop", "loop"))
}

// mounts binds, remounts and moves.
func mounts(r *report) {
	tree(r)
	r.all([]step{
		mount("bind", "a", "b", "", unix.MS_BIND, ""),
		mount("bind again", "a", "b", "ignored", unix.MS_BIND, "ignored"),
		mount("bind a file", "file", "b/inner", "", unix.MS_BIND, ""),
		mount("bind a file on a directory", "file", "c", "", unix.MS_BIND, ""),
		mount("bind a directory on a file", "c", "file", "", unix.MS_BIND, ""),
		mount("bind through a link", "link", "c", "", unix.MS_BIND, ""),
		mount("bind what is not there", "none", "c", "", unix.MS_BIND, ""),
		mount("bind to what is not there", "a", "none", "", unix.MS_BIND, ""),
		mount("bind a loop", "loop", "c", "", unix.MS_BIND, ""),
		mount("rbind", "b", "d", "", unix.MS_BIND|unix.MS_REC, ""),
		mount("remount bind", "", "d", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|unix.MS_NOSUID, ""),
		{"write to it", func() error { return unix.Mkdir("d/x", 0o755) }},
		mount("remount bind rw", "", "d", "", unix.MS_REMOUNT|unix.MS_BIND, ""),
		mount("remount what is no mount", "", "e", "", unix.MS_REMOUNT, ""),
		mount("tmpfs", "t", "t", "tmpfs", 0, "size=1m"),
		mount("remount ro", "", "t", "", unix.MS_REMOUNT|unix.MS_RDONLY, ""),
		mount("remount with options", "", "t", "", unix.MS_REMOUNT|unix.MS_NOEXEC, "size=2m"),
		mount("remount with bad options", "", "t", "", unix.MS_REMOUNT, "nonsense"),
		mount("move", "d", "e/y", "", unix.MS_MOVE, ""),
		mount("move what is no mount", "d", "e/x", "", unix.MS_MOVE, ""),
		mount("move into itself", "e/y", "e/y/sub", "", unix.MS_MOVE, ""),
		mount("by descriptors' paths", "/proc/self/cwd/a", "/proc/thread-self/cwd/e/x", "", unix.MS_BIND, ""),
	})
}

func propagation(r *report) {
	tree(r)
	r.all([]step{
		mount("bind", "a", "b", "", unix.MS_BIND, ""),
		mount("shared", "", "b", "", unix.MS_SHARED, ""),
		mount("bind of a shared one", "b", "c", "", unix.MS_BIND, ""),
		mount("slave", "", "c", "", unix.MS_SLAVE, ""),
		mount("below the shared one", "t", "b/sub", "tmpfs", 0, ""),
		mount("slave and shared", "", "c", "", unix.MS_SHARED, ""),
		mount("two at once", "", "b", "", unix.MS_SHARED|unix.MS_PRIVATE, ""),
		mount("with another flag", "", "b", "", unix.MS_PRIVATE|unix.MS_NOSUID, ""),
		mount("private", "none", "b", "x", unix.MS_PRIVATE|unix.MS_REC, "y"),
		mount("unbindable", "", "b", "", unix.MS_UNBINDABLE, ""),
		mount("bind of an unbindable one", "b", "d", "", unix.MS_BIND, ""),
		mount("of no mount", "", "e", "", unix.MS_PRIVATE, ""),
	})
}

func unmount(name, target string, flags int) step {
	return step{name, func() error { return unix.Unmount(target, flags) }}
}

func unmounts(r *report) {
	tree(r)
	mountBoth := func() error {
		if err := unix.Mount("a", "b", "", unix.MS_BIND, ""); err != nil {
			return err
		}
		return unix.Mount("t", "b/sub", "tmpfs", 0, "")
	}
	r.all([]step{
		{"two mounts", mountBoth}, unmount("busy below", "b", 0), unmount("forced", "b/sub", unix.MNT_FORCE),
		unmount("through a link", "link", 0), unmount("what is no mount", "b", 0), {"two mounts again", mountBoth},
		unmount("a link itself", "link", unix.UMOUNT_NOFOLLOW), unmount("detached", "b", unix.MNT_DETACH),
		{"two mounts once more", mountBoth}, unmount("no follow", "b/sub", unix.UMOUNT_NOFOLLOW),
		unmount("expire and force", "b", unix.MNT_EXPIRE|unix.MNT_FORCE), unmount("unknown flag", "b", 0x100),
		{"busy by an open file", func() error {
			f, err := os.Open("b/inner")
			must("open", err)
			defer f.Close()
			return unix.Unmount("b", 0)
		}},
		{"busy by a directory", func() error {
			must("chdir", os.Chdir("b"))
			defer os.Chdir(r.dir)
			return unix.Unmount(r.dir+"/b", 0)
		}},
		unmount("by dots", "b/sub/..", 0), unmount("a file", "file", 0), unmount("none", "none", 0), unmount("a loop", "loop", 0),
		unmount("empty", "", 0),
	})
}
