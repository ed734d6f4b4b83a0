package container

import (
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// A registry keeps mounts that are attached nowhere, for the callers that have stand-ins for them: the reading ends of pipes. A pipe's
// inode number names it for as long as it is open at either end, and nothing that a caller can make has the same one.
type registry struct {
	mu      sync.Mutex
	closed  bool // a call that was held up may come back afterwards
	entries map[fileID]standIn
}

// A fileID tells files apart.
type fileID struct{ dev, ino uint64 }

type standIn struct {
	real  int // O_PATH descriptor of the mount
	other int // the pipe's writing end
}

// maxGiven bounds the mounts that wait to be attached.
const maxGiven = 1024

func idOf(fd int) (fileID, bool) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		return fileID{}, false
	}
	return fileID{uint64(st.Dev), st.Ino}, true //nolint:unconvert // 32 bits on some architectures
}

// give makes a stand-in for a mount, which is the registry's from then on, whatever happens.
func (r *registry) give(real int) (int, syscall.Errno) {
	r.sweep()
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		unix.Close(real)
		return -1, errnoOf(err)
	}
	id, ok := idOf(p[0])
	r.mu.Lock()
	defer r.mu.Unlock()
	if !ok || r.closed || len(r.entries) >= maxGiven {
		for _, fd := range [...]int{real, p[0], p[1]} {
			unix.Close(fd)
		}
		return -1, unix.ENFILE
	}
	if r.entries == nil {
		r.entries = map[fileID]standIn{}
	}
	r.entries[id] = standIn{real: real, other: p[1]}
	return p[0], 0
}

// redeem says which mount a descriptor stands for. It stays the registry's.
func (r *registry) redeem(fd int) (int, bool) {
	id, ok := idOf(fd)
	if !ok {
		return -1, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.entries[id]
	return s.real, ok
}

// has says whether a mount is one of them.
func (r *registry) has(mount uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.entries {
		if id, _ := mountAt(s.real, ""); id == mount {
			return true
		}
	}
	return false
}

// sweep lets mounts go that nobody has a stand-in for any more, and says how many are left.
func (r *registry) sweep() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, s := range r.entries {
		set := []unix.PollFd{{Fd: int32(s.other)}}
		if n, err := unix.Poll(set, 0); err == nil && n == 1 && set[0].Revents&unix.POLLERR != 0 {
			s.close()
			delete(r.entries, id)
		}
	}
	return len(r.entries)
}

func (s standIn) close() {
	unix.Close(s.real)
	unix.Close(s.other)
}

func (r *registry) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.entries {
		s.close()
	}
	r.entries, r.closed = nil, true
}

// contexts are the file systems that callers are configuring: their descriptors are the callers' own, and what is known of them is
// found by comparing open files (kcmp(2)).
type contexts struct {
	mu     sync.Mutex
	closed bool
	list   []fsContext // the oldest first
}

// An fsContext is a file system being configured.
type fsContext struct {
	fd       int
	kind     *fsType // nil: one that is mounted already
	dev      string  // of the file system, once a mount of it was made
	grant    lending // of the rule that let it be opened
	tgid     int
	loop     int  // a loop device that is to stay as long; -1: none
	readOnly bool // the caller cannot write to the device
	born     uint64
}

// refuses says whether an option would reach beyond the caller.
func (x *fsContext) refuses(v option) bool {
	if x.kind == nil {
		return slices.Contains(remountRefused(), v.key)
	}
	return x.kind.refuses(v) && (x.kind.made != device || v.key != "source")
}

// maxContexts bounds them: the oldest is forgotten, and can be configured no further.
const maxContexts = 256

// add remembers a context; fd stays the caller's.
func (c *contexts) add(o *op, fd int, kind *fsType) syscall.Errno {
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return errnoOf(err)
	}
	who, err := o.f.targets.Identify(o.env.TID)
	if err != nil {
		unix.Close(dup)
		return targetErrno(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		unix.Close(dup)
		return unix.EPERM
	}
	if len(c.list) >= maxContexts {
		c.list[0].close()
		c.list = c.list[1:]
	}
	c.list = append(c.list, fsContext{fd: dup, kind: kind, grant: o.grant, loop: -1, tgid: who.TGID, born: who.StartTime})
	return 0
}

// source remembers what a context's device takes.
func (c *contexts) source(fd, loop int, readOnly bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.list {
		if x := &c.list[i]; x.fd == fd {
			x.closeLoop()
			x.loop, x.readOnly = loop, readOnly
			return
		}
	}
	if loop >= 0 {
		unix.Close(loop) // it was forgotten meanwhile
	}
}

func (x *fsContext) close() {
	unix.Close(x.fd)
	x.closeLoop()
}

func (x *fsContext) closeLoop() {
	if x.loop >= 0 {
		unix.Close(x.loop)
	}
}

// forget drops the contexts of processes that have ended, and says how many are left.
func (c *contexts) forget(f *Family) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := c.list[:0]
	for _, x := range c.list {
		if who, err := f.targets.Identify(x.tgid); err == nil && who.StartTime == x.born {
			kept = append(kept, x)
			continue
		}
		x.close()
	}
	c.list = kept
	return len(kept)
}

// find says what is known of a context.
func (c *contexts) find(fd int) (fsContext, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if x := c.of(fd); x != nil {
		return *x, true
	}
	return fsContext{}, false
}

// of needs the lock.
func (c *contexts) of(fd int) *fsContext {
	const kcmpFile = 0
	pid := uintptr(unix.Getpid())
	for i := range c.list {
		if r, errno := direct(unix.SYS_KCMP, pid, pid, kcmpFile, uintptr(c.list[i].fd), uintptr(fd)); errno == 0 && r == 0 {
			return &c.list[i]
		}
	}
	return nil
}

// made remembers which file system a context has made.
func (c *contexts) made(fd int, dev string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if x := c.of(fd); x != nil {
		x.dev = dev
	}
}

func (c *contexts) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, x := range c.list {
		x.close()
	}
	c.list, c.closed = nil, true
}
