package checks

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

func statChecks() []Check {
	return []Check{
		{Name: "stat/same-as-descriptor", Run: statSame},
		{Name: "stat/bad-buffers", Run: statBuffers},
		{Name: "stat/statx-masks", Run: statxMasks},
		{Name: "stat/statx-same", Run: statxSame},
		{Name: "stat/statx-flags", Run: statxFlags},
		{Name: "stat/empty-path", Run: statEmpty},
		{Name: "stat/statfs", Run: statfsKinds},
		{Name: "stat/handle", Run: handleKinds},
		{Name: "stat/handle-sizes", Run: handleSizes},
	}
}

// statSame compares all the bytes of what a path and a descriptor say, which differ from run to run but not from each other.
func statSame(p *P) {
	p.kit("k")
	pairs := [][2]string{{"stat", "fstat"}, {"lstat", "fstat"}, {"newfstatat", "fstat"}, {"stat64", "fstat64"}, {"lstat64", "fstat64"}, {"fstatat64", "fstat64"},
		{"oldstat", "oldfstat"}, {"oldlstat", "oldfstat"}}
	for _, name := range []string{"f", "d", ".", "/dev/null", "/proc/self/status", "/"} {
		fd := p.fd("open", name, unix.O_RDONLY, 0)
		for _, pair := range pairs {
			by, of := p.statRoom(pair[0]), p.statRoom(pair[0])
			by.fill()
			of.fill()
			args := []any{name, by}
			if pair[0] == "newfstatat" || pair[0] == "fstatat64" {
				args = []any{unix.AT_FDCWD, name, by, 0}
			}
			r, text := p.raw(pair[0], args...)
			s, _ := p.raw(pair[1], fd, of)
			p.printf("%s = %s, as the descriptor: %s %t, %d bytes", text, r, s, bytes.Equal(by.b, of.b), by.written())
		}
	}
}

func statBuffers(p *P) {
	p.file("f", 0o644, "content")
	for _, at := range []any{nil, wild(1), wild(p.mem.hole()), wild(p.mem.hole() - 8), wild(p.mem.hole() - 100), wild(^uintptr(0) - 15)} {
		for _, name := range []any{"f", "missing", wild(1)} {
			p.call("stat", name, at)
			p.call("lstat", name, at)
			p.call("stat64", name, at)
			p.call("newfstatat", unix.AT_FDCWD, name, at, 0)
			p.call("fstatat64", unix.AT_FDCWD, name, at, 0)
			p.call("statx", unix.AT_FDCWD, name, 0, unix.STATX_BASIC_STATS, at)
			p.call("statfs", name, at)
			p.call("statfs64", name, 84, at)
			p.call("getxattr", name, "user.x", at, 16)
			p.call("listxattr", name, at, 16)
		}
	}
}

func statxMasks(p *P) {
	p.file("f", 0o644, "content")
	for bit := range 32 {
		p.call("statx", unix.AT_FDCWD, "f", 0, hex(1)<<bit, p.statxRoom())
	}
	for _, mask := range []hex{0, 0xfff, 0x7ff, 0x7fffffff, 0xffffffff} {
		p.call("statx", unix.AT_FDCWD, "f", 0, mask, p.statxRoom())
	}
}

func statxSame(p *P) {
	p.kit("k")
	for _, name := range []string{"f", "d", ".", "/dev/null", "/proc/self/status", "/"} {
		fd := p.fd("open", name, unix.O_RDONLY, 0)
		var s unix.Statx_t
		if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, 0x7fff, &s); err != nil {
			p.printf("statx of the descriptor: %v", err)
			continue
		}
		b := p.statxRoom()
		r := p.call("statx", unix.AT_FDCWD, name, 0, 0x7fff, b)
		if !r.ok() {
			continue
		}
		le := binary.LittleEndian
		same := le.Uint64(b.b[32:]) == s.Ino && le.Uint64(b.b[48:]) == s.Blocks && le.Uint64(b.b[144:]) == s.Mnt_id && le.Uint32(b.b[136:]) == s.Dev_major &&
			le.Uint32(b.b[140:]) == s.Dev_minor && int64(le.Uint64(b.b[112:])) == s.Mtime.Sec && le.Uint32(b.b[120:]) == s.Mtime.Nsec && le.Uint32(b.b[4:]) == s.Blksize
		p.printf("the same as the descriptor: %t", same)
	}
}

func statxFlags(p *P) {
	p.kit("k")
	for _, flags := range []int{0x2000, 0x4000, 0x6000, unix.AT_SYMLINK_NOFOLLOW, unix.AT_NO_AUTOMOUNT, unix.AT_EMPTY_PATH, 0x200, 0x8000} {
		for _, name := range []any{"f", "to_f", "", nil, "missing"} {
			p.call("statx", unix.AT_FDCWD, name, flags, unix.STATX_TYPE, p.statxRoom())
		}
	}
}

// Linux 6.11 takes a null pointer for the empty path: vfs_fstatat.
func statEmpty(p *P) {
	p.kit("k")
	for _, fd := range []int{p.open("f", unix.O_RDONLY), p.open("f", unix.O_PATH), p.open("to_f", unix.O_PATH|unix.O_NOFOLLOW), p.open("d", unix.O_RDONLY), 0, unix.AT_FDCWD, -1, 999} {
		for _, path := range []any{"", nil, wild(1), tail("")} {
			for _, flags := range []int{unix.AT_EMPTY_PATH, unix.AT_EMPTY_PATH | unix.AT_SYMLINK_NOFOLLOW, unix.AT_EMPTY_PATH | unix.AT_NO_AUTOMOUNT, 0} {
				p.call("newfstatat", fd, path, p.statRoom("newfstatat"), flags)
				p.call("fstatat64", fd, path, p.statRoom("fstatat64"), flags)
				p.call("statx", fd, path, flags, unix.STATX_BASIC_STATS, p.statxRoom())
			}
		}
	}
}

func statfsKinds(p *P) {
	p.kit("k")
	for _, name := range []string{"f", "d", "to_f", "dangling", "/proc", "/dev", "/proc/self/fd/0", "secret", "secret/x", "/sys"} {
		p.call("statfs", name, p.statfsRoom())
		for _, size := range []int{83, 84, 85, 88, 0} {
			p.call("statfs64", name, size, p.room(128))
		}
	}
}

func handleKinds(p *P) {
	p.kit("k")
	fd := p.open("f", unix.O_PATH)
	for _, flags := range []int{0, unix.AT_SYMLINK_FOLLOW, unix.AT_EMPTY_PATH, 0x200, 1, 2, 0x201, unix.AT_SYMLINK_NOFOLLOW} {
		for _, name := range []any{"f", "to_f", "d", "dangling", "", "/proc/self", "/proc/self/cwd", "/dev/null", "secret/x"} {
			p.call("name_to_handle_at", unix.AT_FDCWD, name, p.handleRoom(128), p.room(8), flags)
		}
		p.call("name_to_handle_at", fd, "", p.handleRoom(128), p.room(8), flags)
	}
	a, b := p.handleRoom(128), p.handleRoom(128)
	p.call("name_to_handle_at", unix.AT_FDCWD, "f", a, p.room(4), 0)
	p.call("name_to_handle_at", fd, "", b, p.room(4), unix.AT_EMPTY_PATH)
	p.printf("the same handle: %t", bytes.Equal(a.b, b.b))
	id := p.room(4)
	p.call("name_to_handle_at", unix.AT_FDCWD, "/proc", a, id, 0)
	p.printf("the same mount: %t", p.sameMount("/proc", id.b))
}

func (p *P) sameMount(name string, id []byte) bool {
	var s unix.Statx_t
	return unix.Statx(unix.AT_FDCWD, name, 0, unix.STATX_MNT_ID, &s) == nil && s.Mnt_id == uint64(le32(id))
}

func handleSizes(p *P) {
	p.file("f", 0o644, "")
	for _, size := range []uint32{0, 1, 7, 8, 12, 127, 128, 129, 0xffffffff} {
		b := p.handleRoom(size)
		p.call("name_to_handle_at", unix.AT_FDCWD, "f", b, p.room(4), 0)
		p.printf("size %d", le32(b.b))
	}
	for _, at := range []any{nil, wild(p.mem.hole()), wild(p.mem.hole() - 4)} {
		p.call("name_to_handle_at", unix.AT_FDCWD, "f", at, p.room(4), 0)
		p.call("name_to_handle_at", unix.AT_FDCWD, "f", p.handleRoom(128), at, 0)
		p.call("name_to_handle_at", unix.AT_FDCWD, "missing", at, at, 0)
	}
}

func accessChecks() []Check {
	return []Check{
		{Name: "access/modes", Run: accessModes},
		{Name: "access/flags", Run: accessFlags},
		{Name: "access/real-and-effective", Run: accessReal, Alone: true},
	}
}

func accessModes(p *P) {
	for _, mode := range []uint32{0, 0o100, 0o200, 0o400, 0o444, 0o755, 0o007, 0o070} {
		name := fmt.Sprintf("m%o", mode)
		p.file(name, mode, "")
		for want := range 9 {
			p.call("access", name, want)
			p.call("faccessat", unix.AT_FDCWD, name, want)
		}
		p.call("access", name, -1)
	}
}

func accessFlags(p *P) {
	p.kit("k")
	fd := p.open("f", unix.O_PATH)
	for _, flags := range []int{0, unix.AT_EACCESS, unix.AT_SYMLINK_NOFOLLOW, unix.AT_EMPTY_PATH, unix.AT_EACCESS | unix.AT_SYMLINK_NOFOLLOW, 1, -1} {
		for _, name := range []any{"f", "to_f", "dangling", "", "secret", nil} {
			p.call("faccessat2", unix.AT_FDCWD, name, unix.R_OK, flags)
		}
		p.call("faccessat2", fd, "", unix.X_OK, flags)
		p.call("faccessat2", fd, "", unix.W_OK, flags)
	}
}

// access asks for the real ids and the capabilities that they would have: access(2).
func accessReal(p *P) {
	p.file("mine", 0o600, "")
	p.must("fchmodat", unix.AT_FDCWD, ".", oct(0o755))
	p.printf("setresgid ok=%t", unix.Setresgid(23456, 0, 0) == nil)
	p.printf("setresuid ok=%t", unix.Setresuid(12345, 0, 0) == nil)
	for _, name := range []string{"mine", p.fix + "/private", p.fix + "/readable", p.fix + "/closed/file", p.fix + "/group"} {
		for _, want := range []int{0, unix.R_OK, unix.W_OK, unix.X_OK} {
			p.call("access", name, want)
			p.call("faccessat2", unix.AT_FDCWD, name, want, unix.AT_EACCESS)
			p.call("faccessat2", unix.AT_FDCWD, name, want, 0)
		}
		p.fd("open", name, unix.O_RDONLY, 0)
	}
	p.fd("open", "new", unix.O_CREAT|unix.O_WRONLY, oct(0o600))
	p.state("new")
}
