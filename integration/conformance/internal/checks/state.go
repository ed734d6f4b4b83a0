package checks

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// when names a time: the time of a run is "now", any other is exact.
func when(sec, nsec int64) string {
	if d := time.Now().Unix() - sec; d > -5 && d < 300 {
		return "now"
	}
	return fmt.Sprintf("%d.%09d", sec, nsec)
}

// state prints what a file is: what lstat and listxattr say and, of a small one that can be read, the content.
func (p *P) state(name string) {
	var s unix.Stat_t
	if err := unix.Fstatat(unix.AT_FDCWD, name, &s, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		p.printf("%s: %s", p.quote(name), unix.ErrnoName(err.(unix.Errno)))
		return
	}
	size := ""
	if s.Mode&unix.S_IFMT == unix.S_IFREG {
		size = fmt.Sprintf(" size=%d", s.Size)
	}
	p.printf("%s: mode=%#o nlink=%d uid=%d gid=%d rdev=%#x%s mtime=%s atime=%s%s", p.quote(name), s.Mode, s.Nlink, s.Uid, s.Gid,
		uint64(s.Rdev), size, when(int64(s.Mtim.Sec), int64(s.Mtim.Nsec)), when(int64(s.Atim.Sec), int64(s.Atim.Nsec)), p.xattrNames(name))
}

func (p *P) xattrNames(name string) string {
	b := make([]byte, 4096)
	n, err := unix.Llistxattr(name, b)
	if err != nil || n == 0 {
		return ""
	}
	return fmt.Sprintf(" xattrs=%q", strings.TrimRight(string(b[:n]), "\x00"))
}

// content prints what is in a file.
func (p *P) content(name string) {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		p.printf("%s: open: %s", p.quote(name), unix.ErrnoName(err.(unix.Errno)))
		return
	}
	defer unix.Close(fd)
	p.printf("%s: content %s", p.quote(name), p.quote(p.readAll(fd)))
}

// A statLayout says where a stat structure has its fields: mode, link count, owner, group (offset and width).
type statLayout struct{ mode, nlink, uid, gid, size [2]int }

// statLayoutOf follows the kernel's asm/stat.h of each ABI.
func statLayoutOf(call string) (statLayout, int) {
	if wordSize == 8 {
		return statLayout{[2]int{24, 4}, [2]int{16, 8}, [2]int{28, 4}, [2]int{32, 4}, [2]int{48, 8}}, 144
	}
	switch call {
	case "oldstat", "oldlstat", "oldfstat":
		return statLayout{[2]int{4, 2}, [2]int{6, 2}, [2]int{8, 2}, [2]int{10, 2}, [2]int{16, 4}}, 32
	case "stat", "lstat", "fstat":
		return statLayout{[2]int{8, 2}, [2]int{10, 2}, [2]int{12, 2}, [2]int{14, 2}, [2]int{20, 4}}, 64
	}
	return statLayout{[2]int{16, 4}, [2]int{20, 4}, [2]int{24, 4}, [2]int{28, 4}, [2]int{44, 8}}, 96
}

func field(b []byte, at [2]int) uint64 {
	var word [8]byte
	copy(word[:], b[at[0]:at[0]+at[1]])
	return binary.LittleEndian.Uint64(word[:])
}

// statRoom is room for what a call of the stat family writes, with some to spare.
func (p *P) statRoom(call string) *buf {
	layout, size := statLayoutOf(call)
	return p.roomFor(size+64, func(_ *P, b []byte) string {
		text := fmt.Sprintf("{mode=%#o nlink=%d uid=%d gid=%d", field(b, layout.mode), field(b, layout.nlink),
			field(b, layout.uid), field(b, layout.gid))
		if field(b, layout.mode)&unix.S_IFMT == unix.S_IFREG {
			text += fmt.Sprintf(" size=%d", field(b, layout.size))
		}
		return text + "}" + beyond(b, size)
	})
}

// beyond says if something was written after the end of what was to be written.
func beyond(b []byte, size int) string {
	if n := (&buf{b: b}).written(); n > size {
		return fmt.Sprintf(" and %d bytes beyond", n-size)
	}
	return ""
}

const statxSize = 256

// statxRoom is room for struct statx. What the mask says is left out: it differs between file systems, not between runs.
func (p *P) statxRoom() *buf {
	return p.roomFor(statxSize+32, func(_ *P, b []byte) string {
		le := binary.LittleEndian
		text := fmt.Sprintf("{mask=%#x attributes=%#x/%#x nlink=%d uid=%d gid=%d mode=%#o", le.Uint32(b), le.Uint64(b[8:]),
			le.Uint64(b[56:]), le.Uint32(b[16:]), le.Uint32(b[20:]), le.Uint32(b[24:]), le.Uint16(b[28:]))
		if le.Uint16(b[28:])&unix.S_IFMT == unix.S_IFREG {
			text += fmt.Sprintf(" size=%d", le.Uint64(b[40:]))
		}
		return text + "}" + beyond(b, statxSize)
	})
}

// statfsRoom is room for struct statfs: the type, the longest name and the mount's flags do not change.
func (p *P) statfsRoom() *buf {
	if wordSize == 4 {
		return p.room(96)
	}
	return p.roomFor(120+32, func(_ *P, b []byte) string {
		le := binary.LittleEndian
		return fmt.Sprintf("{type=%#x bsize=%d namelen=%d flags=%#x}%s", le.Uint64(b), le.Uint64(b[8:]), le.Uint64(b[64:]),
			le.Uint64(b[80:]), beyond(b, 120))
	})
}

// textRoom is room for what readlink or getxattr write.
func (p *P) textRoom(n int) *buf {
	return p.roomFor(n, func(p *P, b []byte) string { return p.quote(string(b[:(&buf{b: b}).written()])) })
}

// entries are the names of a directory's listing, in its order made regular.
func (p *P) entries(b []byte) []string {
	var names []string
	for len(b) >= 19 {
		n := int(binary.LittleEndian.Uint16(b[16:]))
		if n < 19 || n > len(b) {
			break
		}
		names = append(names, string(bytes.SplitN(b[19:n], []byte{0}, 2)[0]))
		b = b[n:]
	}
	return names
}

// handleRoom is room for struct file_handle with n bytes of handle; the size and type are printed, not the inode in it.
func (p *P) handleRoom(n uint32) *buf {
	b := p.roomFor(8+128, func(_ *P, b []byte) string {
		return fmt.Sprintf("{bytes=%d type=%d}", binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:]))
	})
	b.head = binary.LittleEndian.AppendUint32(nil, n)
	return b
}
