package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// nodes makes devices and what else mknod makes.
func nodes(r *report) {
	dir, err := unix.Open(".", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must("open", err)
	defer unix.Close(dir)
	r.file("file", "")
	for _, v := range []struct {
		name         string
		major, minor uint32
	}{{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}, {"console", 5, 1}} {
		r.err("mknod "+v.name, unix.Mknod(v.name, unix.S_IFCHR|0o644, int(unix.Mkdev(v.major, v.minor))))
		r.stat("stat "+v.name, v.name)
	}
	r.err("mknodat", unix.Mknodat(dir, "null2", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	r.err("there already", unix.Mknod("null2", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	r.err("below a file", unix.Mknod("file/null", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	r.err("in no directory", unix.Mknod("none/null", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	r.err("read zero", used("zero", func(f *os.File) error { _, err := f.Read(make([]byte, 4)); return err }))
	r.err("write null", used("null2", func(f *os.File) error { _, err := f.Write([]byte("x")); return err }))
	r.err("write full", used("full", func(f *os.File) error { _, err := f.Write([]byte("x")); return err }))
	for name, mode := range map[string]uint32{"fifo": unix.S_IFIFO, "socket": unix.S_IFSOCK, "plain": unix.S_IFREG, "whiteout": unix.S_IFCHR} {
		r.err("mknod "+name, unix.Mknod(name, mode|0o600, 0))
		r.stat("stat "+name, name)
	}
	r.err("directory", unix.Mknod("x", unix.S_IFDIR|0o755, 0))
	r.err("forbidden", unix.Mknod("mem", unix.S_IFCHR|0o600, int(unix.Mkdev(1, 1))))
	r.err("forbidden drive", unix.Mknod("drive", unix.S_IFBLK|0o600, int(unix.Mkdev(8, 0))))
}

func used(path string, use func(*os.File) error) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err == nil {
		defer f.Close()
		err = use(f)
	}
	var at *os.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// xattrs sets what overlay keeps, and what else begins with trusted.
func xattrs(r *report) {
	r.dirs("dir")
	r.file("file", "")
	must("link", os.Symlink("file", "link"))
	f, err := os.Open("file")
	must("open", err)
	defer f.Close()
	buf := make([]byte, 100)
	value := func(n int, err error) string {
		if err != nil {
			return err.Error()
		}
		return strings.ReplaceAll(string(buf[:n]), "\x00", " ")
	}
	r.err("set", unix.Setxattr("dir", opaque, []byte("y"), 0))
	r.err("create again", unix.Setxattr("dir", opaque, []byte("y"), unix.XATTR_CREATE))
	r.err("replace none", unix.Setxattr("file", opaque, []byte("y"), unix.XATTR_REPLACE))
	r.err("descriptor", unix.Fsetxattr(int(f.Fd()), "trusted.overlay.x", nil, 0))
	r.err("link", unix.Lsetxattr("link", "trusted.overlay.origin", []byte("o"), 0))
	r.say("get", value(unix.Getxattr("dir", opaque, buf)))
	r.say("get by a descriptor", value(unix.Fgetxattr(int(f.Fd()), "trusted.overlay.x", buf)))
	r.say("get of a link", value(unix.Lgetxattr("link", "trusted.overlay.origin", buf)))
	r.say("get none", value(unix.Getxattr("link", "trusted.overlay.none", buf)))
	_, err = unix.Getxattr("dir", opaque, nil)
	r.err("size", err)
	r.say("list", value(unix.Listxattr("dir", buf)))
	r.err("remove", unix.Removexattr("dir", opaque))
	r.err("remove again", unix.Removexattr("dir", opaque))
	r.err("user", unix.Setxattr("file", "user.name", []byte("v"), 0))
	r.err("none", unix.Setxattr("none", opaque, nil, 0))
	r.err("unknown", unix.Setxattr("file", "nonsense", nil, 0))
	r.err("other trusted", unix.Setxattr("file", "trusted.other", nil, 0))
}

// system makes the calls on what a container has in the machine's stead.
func system(r *report) {
	r.err("sethostname", unix.Sethostname([]byte("of-the-matrix")))
	var uts unix.Utsname
	must("uname", unix.Uname(&uts))
	r.say("name", unix.ByteSliceToString(uts.Nodename[:]))
	r.err("long name", unix.Sethostname(make([]byte, 65)))
	var info unix.Sysinfo_t
	r.err("sysinfo", unix.Sysinfo(&info))
	r.say("its numbers", fmt.Sprint(info.Totalram > 0, info.Freeram <= info.Totalram, info.Procs > 0))
	r.err("bad sysinfo", raw(unix.SYS_SYSINFO, 8))
	r.err("scheduler", setScheduler(0, unix.SCHED_FIFO, 5))
	r.err("scheduler by number", setScheduler(unix.Gettid(), unix.SCHED_RR, 5))
	r.err("scheduler back", setScheduler(0, unix.SCHED_NORMAL, 0))
	r.err("bad policy", setScheduler(0, 77, 0))
	r.err("negative", setScheduler(-1, unix.SCHED_FIFO, 5))
	r.err("chown", unix.Chown("/sys/kernel", 0, 0))
	r.err("chown none", unix.Chown("/sys/none", 0, 0))
	r.file("file", "")
	r.err("chown file", unix.Chown("file", 3, 4))
	r.stat("owner", "file")
}

// granted are calls that the machine's root must not make for comparison.
func granted(r *report) {
	var s texts
	r.err("swapon", raw(unix.SYS_SWAPON, s.at("/nowhere"), 0))
	r.err("swapoff", raw(unix.SYS_SWAPOFF, s.at("/nowhere")))
	r.err("reboot", unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_OFF))
	r.err("finit_module", unix.FinitModule(99, "", 0))
	r.file("module", "no module")
	f, err := os.Open("module")
	must("open", err)
	defer f.Close()
	r.err("finit_module of a text", unix.FinitModule(int(f.Fd()), "", 0))
	r.err("init_module", unix.InitModule([]byte("no module"), ""))
	r.dirs("new/old")
	r.err("new root", unix.Mount("new", "new", "tmpfs", 0, ""))
	r.dirs("new/old", "new/kept")
	r.err("pivot_root judged", unix.PivotRoot("new", "new/kept"))
	r.err("pivot_root", unix.PivotRoot("new", "new/old"))
}
