package container

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// overlays mounts layers that are named in every way.
func overlays(c *container) {
	for _, dir := range []string{"l1", "l2", "l:3", "l,4", "up", "work", "m", "m2"} {
		must("mkdir", os.MkdirAll("/media/"+dir, 0o755))
	}
	for i, dir := range []string{"l1", "l2", "l:3", "l,4"} {
		must("file", os.WriteFile("/media/"+dir+"/f"+itoa(i), []byte(dir), 0o644))
		must("file", os.WriteFile("/media/"+dir+"/same", []byte(dir), 0o644))
	}
	must("chdir", os.Chdir("/media"))
	for _, data := range []string{
		"lowerdir=/media/l1,upperdir=/media/up,workdir=/media/work", "lowerdir=/media/l1:/media/l2", `lowerdir=/media/l\:3:l2:l1`,
		`lowerdir=l\,4:l1,upperdir=up,workdir=work`, "lowerdir=/media/l1", "lowerdir=/media/none:/media/l1", "lowerdir=/media/file:/media/l1", "",
		"lowerdir=", "lowerdir=:", "lowerdir=/media/l1:,upperdir=/media/up,workdir=/media/work", "upperdir=/media/up,workdir=/media/work",
		"lowerdir=/media/l1,upperdir=/media/up", "lowerdir=/media/l1,upperdir=/media/up,workdir=/media/up/x", "lowerdir=/media/l1:/media/l2,nope=1",
		"lowerdir=/media/l1:/media/l2,userxattr", "lowerdir=/media/l1,upperdir=/media/up,workdir=/media/work,userxattr,xino=off,volatile",
		"lowerdir=/media/l1:/media/l2,redirect_dir=off,index=off,metacopy=off", "lowerdir+=/media/l1", "lowerdir", "lowerdir=/media/l1::/media/l2,metacopy=on",
	} {
		err := unix.Mount("ov", "/media/m", "overlay", unix.MS_NODEV, data)
		c.err("overlay "+data, err)
		c.say("mounted "+data, oneLowerdir(strings.Join(mountsBelow("/media/m"), "\n")))
		if err != nil {
			continue
		}
		entries, err := os.ReadDir("/media/m")
		c.err("list "+data, err)
		for _, e := range entries {
			text, err := os.ReadFile("/media/m/" + e.Name())
			c.err("read "+data+" "+e.Name()+" "+string(text), err)
		}
		c.err("write "+data, os.WriteFile("/media/m/new", nil, 0o600))
		c.err("remove "+data, os.Remove("/media/m/same"))
		c.err("remount "+data, unix.Mount("ov", "/media/m", "", unix.MS_REMOUNT|unix.MS_RDONLY, data))
		c.say("remounted "+data, oneLowerdir(strings.Join(mountsBelow("/media/m"), "\n")))
		c.err("umount "+data, unix.Unmount("/media/m", 0))
		for _, dir := range []string{"up", "work"} {
			must("clean", os.RemoveAll("/media/"+dir))
			must("clean", os.MkdirAll("/media/"+dir, 0o755))
		}
	}
}

// oneLowerdir writes layers that were given one by one as those that were given together, and relative ones as absolute ones.
func oneLowerdir(s string) string {
	s = strings.ReplaceAll(s, `\134\054`, "COMMA")
	s = strings.ReplaceAll(s, `\,`, "COMMA")
	s = strings.ReplaceAll(s, `\054`, "COMMA")
	var out []string
	first := true
	for _, part := range strings.Split(s, ",") {
		layer, more := strings.CutPrefix(part, "lowerdir+=")
		if !more {
			layer, more = strings.CutPrefix(part, "datadir+=")
			layer = ":" + layer
			if !more {
				layer = part
			}
		}
		switch {
		case more && first:
			out = append(out, "lowerdir="+layer)
			first = false
		case more:
			out[len(out)-1] += ":" + layer
		default:
			out = append(out, part)
		}
	}
	s = strings.Join(out, ",")
	for _, dir := range []string{"l2", "l1", "up", "work", `l\134:3`, `lCOMMA4`} {
		for _, before := range []string{":", "="} {
			s = strings.ReplaceAll(s, before+dir, before+"/media/"+dir)
		}
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, `\134:`, ":"), "COMMA", ",")
}

// nodes makes what has no device, and devices that nobody is granted.
func nodes(c *container) {
	for _, s := range []struct {
		name string
		mode uint32
		dev  uint64
	}{
		{"fifo", unix.S_IFIFO | 0o640, 0}, {"regular", 0o604, 0}, {"regular2", unix.S_IFREG | 0o604, 0}, {"socket", unix.S_IFSOCK | 0o700, 0},
		{"whiteout", unix.S_IFCHR, 0}, {"whiteout2", unix.S_IFCHR | 0o777, 0}, {"directory", unix.S_IFDIR, 0}, {"symbolic", unix.S_IFLNK, 0}, {"bits", 0o170000, 0},
		{"none/x", unix.S_IFIFO, 0}, {"file/x", unix.S_IFIFO, 0}, {"a/..", unix.S_IFIFO, 0}, {"new/", unix.S_IFIFO, 0}, {"file", unix.S_IFIFO, 0}, {"", unix.S_IFIFO, 0},
		{strings.Repeat("x", 300), unix.S_IFIFO, 0}, {"link", unix.S_IFCHR, 0x103},
	} {
		path := "/media/" + s.name
		c.err("mknod "+s.name, unix.Mknod(path, s.mode, int(s.dev)))
		var st unix.Stat_t
		err := unix.Lstat(path, &st)
		c.err("stat "+s.name, err)
		c.say("node "+s.name, ownerAndMode(&st)+" "+itoa(int(st.Rdev)))
	}
	c.err("mknod null", raw(unix.SYS_MKNOD, 0, unix.S_IFIFO, 0))
	c.err("mknodat closed", raw(unix.SYS_MKNODAT, 999, str("x"), unix.S_IFIFO, 0))
	fd, err := unix.Open("/media/a", unix.O_PATH, 0)
	must("open", err)
	c.err("mknodat", unix.Mknodat(fd, "fifo", unix.S_IFIFO, 0))
	c.err("mknodat there", unix.Mknodat(fd, "fifo", unix.S_IFIFO, 0))
}

// attributes are those that everybody may have.
func attributes(c *container) {
	get := func(step, path, name string, size int) {
		buf := make([]byte, size)
		n, err := unix.Getxattr(path, name, buf)
		c.err("get "+step, err)
		c.say("value "+step, string(buf[:max(0, min(n, len(buf)))])+" "+itoa(n))
	}
	for _, path := range []string{"/media/file", "/media/a", "/media/link", "/media/none", "/media/file/x"} {
		for _, name := range []string{"user.x", "user.", "nothing", "", strings.Repeat("n", 300)} {
			step := path + " " + name
			c.err("set "+step, unix.Setxattr(path, name, []byte("value"), 0))
			c.err("create "+step, unix.Setxattr(path, name, []byte("value"), unix.XATTR_CREATE))
			c.err("lset "+step, unix.Lsetxattr(path, name, []byte("v2"), unix.XATTR_REPLACE))
			get(step, path, name, 100)
			get(step+" size", path, name, 0)
			get(step+" small", path, name, 1)
		}
		n, err := unix.Listxattr(path, nil)
		c.err("list size "+path, err)
		c.say("size "+path, itoa(n))
		buf := make([]byte, 300)
		n, err = unix.Listxattr(path, buf)
		c.err("list "+path, err)
		c.say("names "+path, string(buf[:max(n, 0)]))
		_, err = unix.Llistxattr(path, buf[:1])
		c.err("list small "+path, err)
		c.err("remove "+path, unix.Removexattr(path, "user.x"))
		c.err("remove again "+path, unix.Lremovexattr(path, "user.x"))
	}
	f, err := os.Open("/media/file")
	must("open", err)
	c.err("fset", unix.Fsetxattr(int(f.Fd()), "user.f", nil, 0))
	n, err := unix.Fgetxattr(int(f.Fd()), "user.f", nil)
	c.err("fget", err)
	c.say("fget size", itoa(n))
	c.err("fremove", unix.Fremovexattr(int(f.Fd()), "user.f"))
	c.err("fset closed", unix.Fsetxattr(999, "user.f", nil, 0))
	c.err("set bad value", raw(unix.SYS_SETXATTR, str("/media/file"), str("user.x"), 8, 4, 0))
	c.err("set bad flags", raw(unix.SYS_SETXATTR, str("/media/file"), str("user.x"), str("v"), 1, 99))
	c.err("set huge", raw(unix.SYS_SETXATTR, str("/media/file"), str("user.x"), str("v"), 1<<20, 0))
	c.err("set bad name", raw(unix.SYS_SETXATTR, str("/media/file"), 8, str("v"), 1, 0))
}
