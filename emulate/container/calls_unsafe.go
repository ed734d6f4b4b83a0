package container

import (
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sysStatmount has the same number everywhere: Linux 6.8.
const sysStatmount = 457

// nowhere is an address that no process has mapped (vm.mmap_min_addr): what the kernel says of it, it says of a target's bad
// pointer too.
const nowhere = 1

// nativeWord is how wide the supervisor's own words are.
const nativeWord = int(unsafe.Sizeof(uintptr(0)))

// atCwd is AT_FDCWD in a register.
const atCwd = ^uintptr(99)

// A block is memory for the kernel: on the heap, where nothing moves, as long as the op that keeps it.
func (o *op) block(b []byte) uintptr {
	if len(b) == 0 {
		return nowhere
	}
	o.keep = append(o.keep, b)
	return uintptr(unsafe.Pointer(unsafe.SliceData(b)))
}

// cstring is a copy of a string for the kernel.
func (o *op) cstring(s string) uintptr { return o.block(append([]byte(s), 0)) }

// fdName is the path of one of our descriptors, from an actor's working directory.
func (o *op) fdName(fd int) uintptr { return o.cstring(strconv.Itoa(fd)) }

// call makes a system call as the actor. A signal of the Go runtime does not end it; Interrupt does. Arguments that are addresses are of
// blocks, or of memory that the caller keeps.
func (a *actor) call(nr uintptr, args ...uintptr) (uintptr, syscall.Errno) {
	var p [6]uintptr
	copy(p[:], args)
	for {
		r, errno := a.task.Call(nr, p[0], p[1], p[2], p[3], p[4], p[5])
		if errno != unix.EINTR || a.interrupted.Load() {
			return r, errno
		}
	}
}

// openat2 opens as openat2(2): Linux 5.6. What the kernel reads belongs to the actor, which is on the heap.
func (a *actor) openat2(dir int, path string, how *unix.OpenHow) (int, syscall.Errno) {
	a.how, a.text = *how, append(append(a.text[:0], path...), 0)
	text := uintptr(unsafe.Pointer(unsafe.SliceData(a.text)))
	return opened(a.call(unix.SYS_OPENAT2, uintptr(dir), text, uintptr(unsafe.Pointer(&a.how)), unsafe.Sizeof(a.how)))
}

// wait waits for a child of the program's parent: for its end, or for its being stopped.
func (p *program) wait() (pid int, status unix.WaitStatus, errno syscall.Errno) {
	const any = ^uintptr(0)
	r, errno := p.parent.call(unix.SYS_WAIT4, any, uintptr(unsafe.Pointer(&p.waited)), unix.WALL, 0)
	return int(r), p.waited, errno
}

// write writes a short text.
func (a *actor) write(fd int, text string) syscall.Errno {
	a.text = append(a.text[:0], text...)
	_, errno := a.call(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(a.text))), uintptr(len(a.text)))
	return errno
}

// root says where the actor's root is. Only the actor itself may always know (ptrace(2), "Ptrace access mode checking").
func (a *actor) root() (place, syscall.Errno) {
	a.text = append(a.text[:0], '/', 0)
	text := uintptr(unsafe.Pointer(unsafe.SliceData(a.text)))
	_, errno := a.call(unix.SYS_STATX, atCwd, text, statQuietly, unix.STATX_BASIC_STATS|unix.STATX_MNT_ID, uintptr(unsafe.Pointer(&a.stat)))
	return placeOf(&a.stat), errno
}

// A mountRequest is struct mnt_id_req of include/uapi/linux/mount.h.
type mountRequest struct {
	size, spare uint32
	id, mask    uint64
	namespace   uint64 // Linux 6.11
}

// mountRequestOld is the size of a request without a namespace.
const mountRequestOld = 24

// A mountAnswer begins with what struct statmount begins with: size and options, mask, device, magic number, flags, ids, attributes,
// propagation, peer group, and more that nobody asks for.
type mountAnswer [64]uint64

// statmountMask asks for STATMOUNT_SB_BASIC and STATMOUNT_MNT_BASIC.
const statmountMask = 1 | 2

func (r *mountRequest) set(id, namespace uint64) {
	*r = mountRequest{size: uint32(unsafe.Sizeof(*r)), id: id, mask: statmountMask, namespace: namespace}
	if namespace == 0 {
		r.size = mountRequestOld
	}
}

func (m *mountAnswer) facts(errno syscall.Errno) (mountFacts, syscall.Errno) {
	if errno == 0 && m[1]&statmountMask != statmountMask {
		errno = unix.ENOSYS
	}
	if errno != 0 {
		return mountFacts{}, errno
	}
	device, ids := (*[2]uint32)(unsafe.Pointer(&m[2])), (*[2]uint32)(unsafe.Pointer(&m[7]))
	return mountFacts{magic: int64(m[3]), major: device[0], minor: device[1], peers: m[10], id: ids[0], parent: m[6], flags: keepable(m[8])}, 0
}

// A mountQuestion is memory for statmount(2), on the heap.
type mountQuestion struct {
	request mountRequest
	answer  mountAnswer
}

// ask asks, as the supervisor, about a mount of a namespace. ENOENT: there is none with this id, or the supervisor has no CAP_SYS_ADMIN
// over the namespace.
func (q *mountQuestion) ask(id, namespace uint64) (mountFacts, syscall.Errno) {
	q.request.set(id, namespace)
	_, errno := direct(sysStatmount, uintptr(unsafe.Pointer(&q.request)), uintptr(unsafe.Pointer(&q.answer)), unsafe.Sizeof(q.answer), 0)
	return q.answer.facts(errno)
}

// statmount asks about a mount below the actor's root.
func (a *actor) statmount(id uint64) (mountFacts, syscall.Errno) {
	q := &a.question
	q.request.set(id, 0)
	_, errno := a.call(sysStatmount, uintptr(unsafe.Pointer(&q.request)), uintptr(unsafe.Pointer(&q.answer)), unsafe.Sizeof(q.answer), 0)
	return q.answer.facts(errno)
}

// magic is the type of the file system that a descriptor of O_PATH refers to (statfs(2)). statmount(2) asks nobody; else a file system's
// server is asked, which may not answer: the actor can be interrupted.
func (a *actor) magic(fd int) (int64, bool) {
	if id, ok := mountID(fd); ok {
		if m, errno := a.statmount(id); errno == 0 {
			return m.magic, true
		}
	}
	a.fs = unix.Statfs_t{}
	_, errno := a.call(unix.SYS_FSTATFS, uintptr(fd), uintptr(unsafe.Pointer(&a.fs)))
	return int64(a.fs.Type), errno == 0 //nolint:unconvert // 32 bits on some architectures
}

// namespaceID asks a mount namespace for its id; 0: the kernel does not say.
func namespaceID(fd int) (id uint64) {
	_, _, errno := syscall.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.NS_GET_MNTNS_ID, uintptr(unsafe.Pointer(&id)))
	if errno != 0 {
		return 0
	}
	return id
}

// answer asks a file system's server for something. It may never answer.
func (a *actor) answer(fd int) syscall.Errno {
	_, errno := a.call(unix.SYS_FSTATFS, uintptr(fd), uintptr(unsafe.Pointer(&a.fs)))
	return errno
}

// words is memory for an array of 64-bit numbers, as the kernel wants them.
func words(v []uint64) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), 8*len(v))
}

// readFD reads what a small file of procfs says to the actor.
func (a *actor) readFD(fd int) ([]byte, syscall.Errno) {
	const most = 8192
	a.text = make([]byte, most)
	n, errno := a.call(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(a.text))), most)
	if errno != 0 {
		return nil, errno
	}
	return a.text[:n], 0
}
