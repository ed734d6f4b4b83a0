package perform

import (
	"bytes"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/emulate"
)

// listingRows are the calls that list a directory. They are performed to leave out what a policy hides.
func listingRows() []row {
	return []row{
		{call: "getdents64", do: getdents(packDirent64)},
		{call: "getdents", note: "on 32-bit ABIs EOVERFLOW where a file system's positions have 64 bits", do: getdents(packDirent)},
	}
}

// A dirent is an entry of a directory: struct linux_dirent64 of include/linux/dirent.h.
type dirent struct {
	ino  uint64
	off  uint64
	kind byte
	name []byte
}

const direntHead = 19 // bytes before d_name: d_ino, d_off, d_reclen, d_type

// next takes the first entry off a buffer of the kernel's.
func nextDirent(b []byte, abi arch.ABI) (d dirent, size int, ok bool) {
	order := abi.ByteOrder()
	if len(b) < direntHead {
		return d, 0, false
	}
	size = int(order.Uint16(b[16:]))
	if size < direntHead || size > len(b) {
		return d, 0, false
	}
	name, _, _ := bytes.Cut(b[direntHead:size], []byte{0})
	return dirent{ino: order.Uint64(b), off: order.Uint64(b[8:]), kind: b[18], name: name}, size, true
}

// getdents reads on from the target's own position, which its descriptor and our copy share.
func getdents(pack func(to []byte, d *dirent, abi arch.ABI) (int, bool)) func(o *op) emulate.Result {
	return func(o *op) emulate.Result {
		fd, errno := o.descriptor(o.int(0))
		if errno != 0 {
			return emulate.Errno(errno)
		}
		defer unix.Close(fd)
		count := min(int(uint32(o.arg(2))), maxListing)
		for {
			out, n, errno := o.list(fd, count, pack)
			if errno != 0 || n == 0 {
				return result(0, errno)
			}
			if len(out) > 0 {
				return emulate.Return(int64(len(out))).Write(o.pointer(1), out)
			}
		}
	}
}

// maxListing bounds a buffer; C libraries use 32 KiB to 1 MiB.
const maxListing = 1 << 20

// list reads once and packs what is not hidden. n is how much there was. The positions that entries carry are the kernel's own, so that
// reading on from any of them goes on with the next.
func (o *op) list(fd, count int, pack func(to []byte, d *dirent, abi arch.ABI) (int, bool)) (out []byte, n int, errno syscall.Errno) {
	buf := o.buffer(2 * count)
	in, out := buf[:count], buf[count:count]
	r, errno := o.t.call(unix.SYS_GETDENTS64, uintptr(fd), address(in), uintptr(count), 0, 0, 0)
	if errno != 0 {
		return nil, 0, errno
	}
	dir, errno := o.own.pathOf(fd)
	if errno != 0 {
		return nil, 0, errno
	}
	path := append(bytes.TrimSuffix(bytes.Clone(dir), []byte("/")), '/')
	prefix := len(path)
	for rest := in[:r]; len(rest) > 0; {
		d, size, ok := nextDirent(rest, o.f.native)
		if !ok {
			return nil, 0, unix.EIO
		}
		rest = rest[size:]
		path = append(path[:prefix], d.name...)
		if o.hide != nil && o.hide.Hidden(path) {
			continue
		}
		size, ok = pack(out[len(out):cap(out)], &d, o.call.ABI)
		if !ok {
			return nil, 0, unix.EOVERFLOW
		}
		out = out[:len(out)+size]
	}
	return out, int(r), 0
}

// packDirent64 is struct linux_dirent64, the same on every ABI.
func packDirent64(to []byte, d *dirent, abi arch.ABI) (int, bool) {
	size := (direntHead + len(d.name) + 1 + 7) &^ 7
	if size > len(to) {
		return 0, false
	}
	to = to[:size]
	clear(to)
	order := abi.ByteOrder()
	order.PutUint64(to, d.ino)
	order.PutUint64(to[8:], d.off)
	order.PutUint16(to[16:], uint16(size))
	to[18] = d.kind
	copy(to[direntHead:], d.name)
	return size, true
}

// packDirent is struct linux_dirent of fs/readdir.c, whose type is in the last byte.
func packDirent(to []byte, d *dirent, abi arch.ABI) (int, bool) {
	word := abi.Word()
	head := 2*word + 2
	size := (head + len(d.name) + 2 + word - 1) &^ (word - 1)
	if size > len(to) || word == 4 && (d.ino>>32 != 0 || d.off>>32 != 0) {
		return 0, false
	}
	to = to[:size]
	clear(to)
	put(to[:word], d.ino, abi)
	put(to[word:2*word], d.off, abi)
	abi.ByteOrder().PutUint16(to[2*word:], uint16(size))
	copy(to[head:], d.name)
	to[size-1] = d.kind
	return size, true
}
