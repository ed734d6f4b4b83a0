package checks

import (
	"bytes"
	"fmt"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
)

// P is what a check works with: it makes calls and prints lines.
type P struct {
	out   bytes.Buffer
	mem   *arena
	dir   string   // the check's own directory, its cwd at the beginning; absolute
	fix   string   // what was prepared for all checks; absolute
	names []string // what is printed instead: old, new, old, new
	fds   []int    // to be closed after the check
	kits  int      // made by the matrix
	opt   Options
}

// A result is what a call returned.
type result struct {
	val   int
	errno syscall.Errno
}

func (r result) ok() bool { return r.errno == 0 }

// raw makes a call. A call that this ABI does not have gives ENOSYS, which Linux gives for it too.
func (p *P) raw(name string, args ...any) (result, string) {
	mark := p.mem.used
	defer func() { p.mem.used = mark }()
	var regs []uintptr
	var text bytes.Buffer
	for i, a := range args {
		r, t := p.load(a)
		if i > 0 {
			text.WriteString(", ")
		}
		regs = append(regs, r...)
		text.WriteString(t)
	}
	nr, known := arch.Native().Number(name)
	if !known {
		return result{-1, unix.ENOSYS}, fmt.Sprintf("%s(not a call of this ABI)", name)
	}
	for len(regs) < 6 {
		regs = append(regs, 0)
	}
	return again(name, func() result {
		v, _, errno := syscall.Syscall6(uintptr(nr), regs[0], regs[1], regs[2], regs[3], regs[4], regs[5])
		return result{int(v), errno}
	}), fmt.Sprintf("%s(%s)", name, text.String())
}

// again makes a call once more where a rename or mount anywhere on the machine may have got in the way: openat2(2) says so by EAGAIN, and a
// look-up that the kernel began anew has counted the links that it had followed already (filename_lookup() of fs/namei.c).
func again(name string, make func() result) result {
	for i := range 200 {
		r := make()
		if !(name == "openat2" && r.errno == unix.EAGAIN || r.errno == unix.ELOOP && i < 4) {
			return r
		}
	}
	return make()
}

// call makes a call and prints it with its result and what it wrote.
func (p *P) call(name string, args ...any) result {
	fillAll(args)
	r, text := p.raw(name, args...)
	p.printf("%s = %s%s", text, r, p.wrote(r, args))
	return r
}

// fd makes a call that returns a descriptor, and prints the descriptor's flags too. It is closed after the check.
func (p *P) fd(name string, args ...any) int {
	fillAll(args)
	r, text := p.raw(name, args...)
	if !r.ok() {
		p.printf("%s = %s", text, r)
		return -1
	}
	p.fds = append(p.fds, r.val)
	p.printf("%s = %s%s", text, r, p.wrote(r, args)+p.fdFlags(r.val))
	return r.val
}

func (p *P) fdFlags(fd int) string {
	fl, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	fdFlags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return fmt.Sprintf(" cloexec=%d fl=%#x", fdFlags, fl)
}

func fillAll(args []any) {
	for _, a := range args {
		if b, ok := a.(*buf); ok {
			b.fill()
		}
	}
}

// wrote says what came back in memory. Nothing must, where a call failed.
func (p *P) wrote(r result, args []any) string {
	text := ""
	for _, a := range args {
		b, ok := a.(*buf)
		if !ok {
			continue
		}
		if b.show != nil && r.ok() {
			text += " " + b.show(p, b.b)
			continue
		}
		text += fmt.Sprintf(" wrote %d", b.written())
	}
	return text
}

func (r result) String() string {
	if r.ok() {
		return strconv.Itoa(r.val)
	}
	if name := unix.ErrnoName(r.errno); name != "" {
		return name
	}
	return fmt.Sprintf("errno %d", int(r.errno))
}

func (p *P) printf(format string, args ...any) {
	fmt.Fprintf(&p.out, "  "+format+"\n", args...)
}

// broken says that a check could not be made as it was meant. It fails the suite even where both runs say it.
func (p *P) broken(format string, args ...any) {
	p.printf("BROKEN "+format, args...)
}

// flush writes what was printed: to be called before what may end the process.
func (p *P) flush() {
	for p.out.Len() > 0 {
		n, err := unix.Write(1, p.out.Bytes())
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return
		}
		p.out.Next(n)
	}
}

// most is above all descriptors that a check can have.
const most = 256

// closeAll closes what a check has opened, also what it does not know of: the next one finds the same descriptors free.
func (p *P) closeAll() {
	for fd := 3; fd < most; fd++ {
		if !p.opt.kept[fd] {
			unix.Close(fd)
		}
	}
	p.fds = nil
}

// openNow are the descriptors that are open before the first check.
func openNow() (open [most]bool) {
	for fd := range open {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		open[fd] = err == nil
	}
	return open
}

// close closes a descriptor before the check's end.
func (p *P) close(fd int) {
	unix.Close(fd)
	for i, f := range p.fds {
		if f == fd {
			p.fds = append(p.fds[:i], p.fds[i+1:]...)
			return
		}
	}
}

// room is a buffer of n bytes for a call to write to.
func (p *P) room(n int) *buf { return p.roomFor(n, nil) }

func (p *P) roomFor(n int, show func(*P, []byte) string) *buf {
	b := p.mem.take(n)
	if b == nil {
		p.broken("no memory for %d bytes", n)
		b = p.mem.all[:n]
	}
	return &buf{b: b, show: show}
}
