package checks

import (
	"encoding/binary"
	"strings"

	"golang.org/x/sys/unix"
)

func watchChecks() []Check {
	return []Check{
		{Name: "watch/paths", Run: watchPaths},
		{Name: "watch/masks", Run: watchMasks},
		{Name: "watch/bad-descriptors", Run: watchDescriptors},
		{Name: "watch/events", Run: watchEvents},
		{Name: "watch/events-of-stat", Run: watchQuiet},
		{Name: "watch/fanotify", Run: watchFanotify},
	}
}

func (p *P) inotify() int {
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		p.broken("inotify_init1: %v", err)
		return -1
	}
	p.fds = append(p.fds, fd)
	return fd
}

func watchPaths(p *P) {
	in := p.inotify()
	form{"inotify_add_watch", []any{in, pathArg{"f"}, unix.IN_ATTRIB}, pure}.paths(p)
}

func watchMasks(p *P) {
	p.kit("k")
	in := p.inotify()
	for _, mask := range []hex{0, 1, 0xfff, unix.IN_ONLYDIR, unix.IN_ONLYDIR | 1, unix.IN_DONT_FOLLOW | 1, unix.IN_MASK_ADD | 2, unix.IN_MASK_CREATE | 2,
		unix.IN_MASK_ADD | unix.IN_MASK_CREATE | 2, unix.IN_EXCL_UNLINK | 4, unix.IN_ONESHOT | 4, 0x1000, 0x80000000, 0xffffffff} {
		for _, name := range []string{"f", "d", "to_f", "to_d", "secret", "dangling"} {
			p.call("inotify_add_watch", in, name, mask)
		}
	}
	p.call("inotify_rm_watch", in, 1)
	p.call("inotify_add_watch", in, "f", 1)
}

func watchDescriptors(p *P) {
	p.file("f", 0o644, "")
	for _, fd := range []int{-1, 999, p.open("f", unix.O_RDONLY), p.open("f", unix.O_PATH), 0, unix.AT_FDCWD} {
		p.call("inotify_add_watch", fd, "f", 1)
		p.call("inotify_add_watch", fd, "missing", 1)
		p.call("inotify_add_watch", fd, nil, 1)
		p.call("inotify_add_watch", fd, "f", 0)
	}
}

// events prints what has been seen and not been read yet.
func (p *P) events(in int) {
	b := make([]byte, 1<<16)
	n, err := unix.Read(in, b)
	if err != nil {
		p.printf("events: %v", err)
		return
	}
	for b = b[:n]; len(b) >= 16; {
		size := int(binary.LittleEndian.Uint32(b[12:]))
		name := strings.TrimRight(string(b[16:16+size]), "\x00")
		p.printf("event %#x of %d %q", le32(b[4:]), le32(b), name)
		b = b[16+size:]
	}
}

// Others must see each call once: not also what a supervisor does for it.
func watchEvents(p *P) {
	p.mkdir("w", 0o755)
	in := p.inotify()
	p.call("inotify_add_watch", in, "w", 0xfff)
	steps := []struct {
		call string
		args []any
	}{
		{"open", []any{"w/a", unix.O_CREAT | unix.O_WRONLY, oct(0o644)}},
		{"open", []any{"w/a", unix.O_WRONLY | unix.O_TRUNC, 0}},
		{"open", []any{"w/a", unix.O_PATH, 0}},
		{"open", []any{"w/missing", unix.O_RDONLY, 0}},
		{"chmod", []any{"w/a", oct(0o600)}},
		{"chown", []any{"w/a", -1, -1}},
		{"truncate", []any{"w/a", 5}},
		{"utimensat", []any{unix.AT_FDCWD, "w/a", nil, 0}},
		{"setxattr", []any{"w/a", "user.a", data("x"), 1, 0}},
		{"link", []any{"w/a", "w/b"}},
		{"symlink", []any{"a", "w/s"}},
		{"rename", []any{"w/b", "w/c"}},
		{"mkdir", []any{"w/d", oct(0o755)}},
		{"mknod", []any{"w/p", oct(unix.S_IFIFO | 0o600), 0}},
		{"rmdir", []any{"w/d"}},
		{"unlink", []any{"w/c"}},
		{"unlink", []any{"w/a"}},
	}
	for _, s := range steps {
		if s.call == "open" {
			if fd := p.fd(s.call, s.args...); fd >= 0 {
				p.close(fd)
			}
		} else {
			p.call(s.call, s.args...)
		}
		p.events(in)
	}
}

func watchQuiet(p *P) {
	p.kit("k")
	in := p.inotify()
	p.call("inotify_add_watch", in, ".", 0xfff)
	p.call("newfstatat", unix.AT_FDCWD, "f", p.statRoom("newfstatat"), 0)
	p.call("statx", unix.AT_FDCWD, "f", 0, 1, p.statxRoom())
	p.call("access", "f", unix.R_OK)
	p.call("statfs", "f", p.statfsRoom())
	p.call("getxattr", "f", "user.a", p.room(8), 8)
	p.call("listxattr", "f", p.room(64), 64)
	p.events(in)
	p.call("readlink", "to_f", p.textRoom(8), 8)
	p.events(in)
	p.call("chdir", "d")
	p.events(in)
}

// fanotify_mark(2): its mask has 64 bits on every ABI.
func watchFanotify(p *P) {
	p.kit("k")
	r := p.call("fanotify_init", unix.FAN_CLASS_NOTIF|unix.FAN_REPORT_FID|unix.FAN_NONBLOCK, 0)
	fd := r.val
	if r.ok() {
		p.fds = append(p.fds, fd)
	}
	dir := p.open("d", unix.O_RDONLY)
	for _, flags := range []int{unix.FAN_MARK_ADD, unix.FAN_MARK_ADD | unix.FAN_MARK_ONLYDIR, unix.FAN_MARK_ADD | unix.FAN_MARK_DONT_FOLLOW, unix.FAN_MARK_REMOVE,
		unix.FAN_MARK_ADD | unix.FAN_MARK_MOUNT, unix.FAN_MARK_ADD | unix.FAN_MARK_FILESYSTEM, unix.FAN_MARK_FLUSH, 0, -1, 0x10000} {
		for _, name := range []any{"f", "d", "to_d", "dangling", "missing", nil, "", wild(1), "secret/x"} {
			p.call("fanotify_mark", fd, flags, off(unix.FAN_OPEN), unix.AT_FDCWD, name)
		}
		p.call("fanotify_mark", fd, flags, off(unix.FAN_MODIFY), dir, "e")
		p.call("fanotify_mark", fd, flags, off(unix.FAN_MODIFY), dir, nil)
		p.call("fanotify_mark", fd, flags, off(1<<40), dir, "e")
		p.call("fanotify_mark", 0, flags, off(1), unix.AT_FDCWD, "f")
		p.call("fanotify_mark", 999, flags, off(1), unix.AT_FDCWD, "f")
	}
}
