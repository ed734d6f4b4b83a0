package unotify

import (
	"bytes"
	"encoding/binary"
	"errors"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/procfs"
)

// ErrUnterminated says that a string or an array in a target's memory has no end within the caller's bound.
var ErrUnterminated = errors.New("no terminator within the bound")

// minPage is the smallest page of any architecture: a range that does not cross a multiple of it is readable as a whole or
// not at all.
const minPage = 4096

// memoryAccess remembers, for all threads of one supervisor, that process_vm_readv is not permitted here.
type memoryAccess struct {
	proc *procfs.FS
	file atomic.Bool
}

// A Memory reads and writes the memory of one thread, whose notification the caller has validated before and validates again
// after reading ([Listener.Valid]): in between, the number could pass to another thread. It is a value without resources;
// [Targets.Memory] makes it.
//
// It uses process_vm_readv(2) by thread id, which always means the present address space, also after vfork and execve. Where
// that call is not permitted it opens /proc/TID/mem afresh each time, for the same reason.
//
// The file also shows what the target has mapped without the right to read it; only that differs.
//
// Errors are bare errnos: EFAULT when not even the first byte is there, ESRCH when the thread has ended, EPERM when the
// supervisor lacks the right to trace it.
type Memory struct {
	tid    int
	access *memoryAccess
}

// A Span is a range of target memory and the buffer that it goes to.
type Span struct {
	Addr uint64
	P    []byte
}

// ReadMem fills p from the target's address addr. n < len(p) with a nil error means that the byte after the n-th is not
// readable. It allocates nothing.
func (m Memory) ReadMem(p []byte, addr uint64) (n int, err error) {
	return m.transfer(unix.SYS_PROCESS_VM_READV, p, addr)
}

// WriteMem copies p to the target's address addr, as far as the target itself could write there; n is as for ReadMem.
func (m Memory) WriteMem(p []byte, addr uint64) (n int, err error) {
	return m.transfer(unix.SYS_PROCESS_VM_WRITEV, p, addr)
}

func (m Memory) transfer(call uintptr, p []byte, addr uint64) (int, error) {
	if p = clip(p, addr); len(p) == 0 {
		return 0, nil
	}
	if uint64(uintptr(addr)) != addr {
		return 0, unix.EFAULT // a 32-bit supervisor has no 64-bit targets
	}
	if m.access.file.Load() {
		return m.viaFile(call, p, addr)
	}
	n, errno := vmTransfer(call, m.tid, p, addr)
	// process_vm_readv(2) promises partial transfers only between ranges, so a long one is tried again up to its page's end.
	if first := pageRest(addr); errno == unix.EFAULT && len(p) > first {
		n, errno = vmTransfer(call, m.tid, p[:first], addr)
	}
	switch errno {
	case 0:
		return n, nil
	case unix.EPERM, unix.ENOSYS:
		return m.fallBack(call, p, addr, errno)
	}
	return 0, errno
}

// fallBack tries /proc/TID/mem, and stays with it from now on if it works where the system call does not: then it is a filter
// around the supervisor that refuses the call. A target that may not be traced fails both ways.
func (m Memory) fallBack(call uintptr, p []byte, addr uint64, errno syscall.Errno) (int, error) {
	n, err := m.viaFile(call, p, addr)
	if err == nil {
		m.access.file.Store(true)
		return n, nil
	}
	if errno == unix.ENOSYS || errors.Is(err, unix.EFAULT) {
		return n, err
	}
	return 0, errno
}

// viaFile goes through /proc/TID/mem. The kernel writes there even to what the target has mapped read-only (FOLL_FORCE in
// fs/proc/base.c), so the mapping is looked at first.
func (m Memory) viaFile(call uintptr, p []byte, addr uint64) (int, error) {
	write := call == unix.SYS_PROCESS_VM_WRITEV
	flags := unix.O_RDONLY
	if write {
		flags = unix.O_RDWR
	}
	fd, err := m.access.proc.OpenAt(m.tid, "mem", flags)
	if err != nil {
		return 0, procErr(err)
	}
	defer unix.Close(fd)
	if write {
		if p, err = m.writablePart(p, addr); err != nil {
			return 0, err
		}
	}
	return memFileIO(fd, write, p, addr)
}

// writablePart cuts p before the first page that the target could not write to.
func (m Memory) writablePart(p []byte, addr uint64) ([]byte, error) {
	ok, err := m.access.proc.Writable(m.tid, addr, uint64(len(p)))
	if err != nil {
		return nil, procErr(err)
	}
	n := len(p)
	if !ok {
		if n, err = m.writablePages(p, addr); err != nil {
			return nil, err
		}
	}
	if n == 0 {
		return nil, unix.EFAULT
	}
	return p[:n], nil
}

func (m Memory) writablePages(p []byte, addr uint64) (int, error) {
	done := 0
	for done < len(p) {
		at := addr + uint64(done)
		step := min(pageRest(at), len(p)-done)
		ok, err := m.access.proc.Writable(m.tid, at, uint64(step))
		if err != nil {
			return 0, procErr(err)
		}
		if !ok {
			break
		}
		done += step
	}
	return done, nil
}

// memFileIO seeks instead of using pread(2), which refuses offsets above 1<<63; tagged addresses of arm64 are as large. The
// file takes any offset as unsigned, and lseek's answer, negative then, is not an error (fs/proc/base.c, mem_lseek).
func memFileIO(fd int, write bool, p []byte, addr uint64) (int, error) {
	if _, err := unix.Seek(fd, int64(addr), unix.SEEK_SET); err != nil {
		return 0, unix.EFAULT // only the last page's offsets look like errnos, and no target has it
	}
	done := 0
	for done < len(p) {
		n, err := memFileStep(fd, write, p[done:])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case done > 0 && (err != nil || n == 0):
			return done, nil
		case errors.Is(err, unix.EIO) || (err == nil && n == 0):
			return 0, unix.EFAULT // EIO is how this file says it
		case err != nil:
			return 0, err
		}
		done += n
	}
	return done, nil
}

func memFileStep(fd int, write bool, p []byte) (int, error) {
	if write {
		return unix.Write(fd, p)
	}
	return unix.Read(fd, p)
}

// procErr gives a thread that proc does not know any more the errno that system calls have for it.
func procErr(err error) error {
	if errors.Is(err, unix.ENOENT) {
		return unix.ESRCH
	}
	if errors.Is(err, unix.EACCES) {
		return unix.EPERM
	}
	return err
}

// ReadBatch fills several buffers in as few system calls as can be (one for 16), in order, and stops at the first byte that is
// not readable. n counts the bytes over all of them. The error is nil if n > 0.
func (m Memory) ReadBatch(spans []Span) (n int, err error) {
	for len(spans) > 0 {
		some := spans[:min(batch, len(spans))]
		spans = spans[len(some):]
		got, err := m.readSome(some)
		n += got
		if n > 0 && err != nil {
			return n, nil
		}
		if err != nil || got < total(some) {
			return n, err
		}
	}
	return n, nil
}

func (m Memory) readSome(spans []Span) (int, error) {
	if !m.access.file.Load() && batchable(spans) {
		if n, errno := vmReadBatch(m.tid, spans); errno == 0 && n == total(spans) {
			return n, nil
		}
	}
	done := 0
	for _, s := range spans {
		n, err := m.ReadMem(s.P, s.Addr)
		done += n
		if err != nil || n < len(s.P) {
			return done, err
		}
	}
	return done, nil
}

// batchable says whether no range is empty or wraps around.
func batchable(spans []Span) bool {
	for _, s := range spans {
		if len(s.P) == 0 || len(clip(s.P, s.Addr)) < len(s.P) {
			return false
		}
	}
	return true
}

func total(spans []Span) (n int) {
	for _, s := range spans {
		n += len(s.P)
	}
	return n
}

// CString reads a string that ends in NUL, at most limit bytes with the NUL, in steps that do not cross pages. It returns what
// it read without the NUL; ErrUnterminated if there is none within limit bytes, EFAULT if unreadable memory comes first.
func (m Memory) CString(addr uint64, limit int) (string, error) {
	var step [minPage]byte
	var long []byte
	for done := 0; done < limit; {
		at := addr + uint64(done)
		if at < addr {
			return string(long), unix.EFAULT
		}
		p := step[:min(pageRest(at), limit-done)]
		n, err := m.ReadMem(p, at)
		if end := bytes.IndexByte(p[:n], 0); end >= 0 {
			return string(append(long, p[:end]...)), nil
		}
		long = append(long, p[:n]...)
		done += n
		if err != nil {
			return string(long), err
		}
	}
	return string(long), ErrUnterminated
}

// Strings reads an array of pointers to strings that ends in a null pointer, such as argv. word is the size of a pointer in
// the target's ABI, 4 or 8 bytes. It reads at most maxCount strings and maxBytes bytes of text, terminators included. With an
// error (ErrUnterminated for either bound) it returns the whole strings before it.
func (m Memory) Strings(addr uint64, word, maxCount, maxBytes int) ([]string, error) {
	var list []string
	for i := range maxCount + 1 {
		p, err := m.pointer(addr+uint64(i*word), word)
		if err != nil || p == 0 {
			return list, err
		}
		if i == maxCount {
			break
		}
		s, err := m.CString(p, maxBytes)
		if err != nil {
			return list, err
		}
		list = append(list, s)
		maxBytes -= len(s) + 1
	}
	return list, ErrUnterminated
}

func (m Memory) pointer(addr uint64, word int) (uint64, error) {
	var b [8]byte
	n, err := m.ReadMem(b[:word], addr)
	if err != nil {
		return 0, err
	}
	if n < word {
		return 0, unix.EFAULT
	}
	if word == 4 {
		return uint64(binary.NativeEndian.Uint32(b[:])), nil
	}
	return binary.NativeEndian.Uint64(b[:]), nil
}

// clip shortens p so that addr+len(p) does not wrap around.
func clip(p []byte, addr uint64) []byte {
	if room := -addr; addr != 0 && room < uint64(len(p)) {
		return p[:room]
	}
	return p
}

// pageRest is the number of bytes from addr to the end of its page.
func pageRest(addr uint64) int {
	return minPage - int(addr%minPage)
}
