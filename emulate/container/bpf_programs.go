package container

import (
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// What the supervisor loads counts as its own memory, so that there is a limit to it.
const (
	maxPrograms     = 512
	maxInstructions = 4 * maxCode
)

// A programList has the device programs that the supervisor has loaded for the container.
type programList struct {
	mu        sync.Mutex
	list      []loadedProgram
	attaching sync.Mutex // held between a look at what is attached and a change of it
}

// A loadedProgram is known by its id: the kernel gives all others first.
type loadedProgram struct {
	id    uint32
	count int // of its instructions
}

// room says whether another program may be loaded. Those that nobody has any more make room.
func (p *programList) room(o *op, count int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fits(count) {
		return true
	}
	p.list = slices.DeleteFunc(p.list, func(l loadedProgram) bool { return programGone(o, l.id) })
	return p.fits(count)
}

func (p *programList) fits(count int) bool {
	for _, l := range p.list {
		count += l.count
	}
	return len(p.list) < maxPrograms && count <= maxInstructions
}

func (p *programList) add(o *op, fd, count int) syscall.Errno {
	id, errno := programID(o, fd)
	if errno != 0 {
		return errno
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = append(p.list, loadedProgram{id, count})
	return 0
}

// has says whether a descriptor is of a program that was loaded for the container.
func (p *programList) has(o *op, fd int) bool {
	if fd < 0 {
		return false
	}
	id, errno := programID(o, fd)
	if errno != 0 {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.list, func(l loadedProgram) bool { return l.id == id })
}

// programID is what the kernel calls a program: struct bpf_prog_info begins with its type and its id.
func programID(o *op, fd int) (uint32, syscall.Errno) {
	info, b := make(bpfUnion, 8), make(bpfUnion, bpfKnown)
	b.put32(0, uint32(fd))
	b.put32(4, uint32(len(info)))
	b.put64(8, o.block(info))
	_, errno := direct(unix.SYS_BPF, unix.BPF_OBJ_GET_INFO_BY_FD, o.block(b), uintptr(len(b)))
	return info.u32(4), errno
}

// programGone says whether the kernel has a program no more. In doubt it has.
func programGone(o *op, id uint32) bool {
	b := make(bpfUnion, bpfKnown)
	b.put32(0, id)
	fd, errno := direct(unix.SYS_BPF, unix.BPF_PROG_GET_FD_BY_ID, o.block(b), uintptr(len(b)))
	if errno == 0 {
		unix.Close(int(fd))
	}
	return errno == unix.ENOENT
}
