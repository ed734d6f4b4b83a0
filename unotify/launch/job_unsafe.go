package launch

// #cgo CFLAGS: -O2 -Wall
// #include "child.h"
import "C"

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	_ "github.com/stead-project/stead/unotify/internal/csys" // sys.h
)

// The steps of a start, from child.h.
const (
	stageClone   = C.STAGE_CLONE
	stageFDs     = C.STAGE_FDS
	stageChild   = C.STAGE_CHILD
	stageSession = C.STAGE_SESSION
	stageDir     = C.STAGE_DIR
	stageNNP     = C.STAGE_NNP
	stageLock    = C.STAGE_LANDLOCK
	stageLimits  = C.STAGE_LIMITS
	stageAdmit   = C.STAGE_ADMIT
	stageFilter  = C.STAGE_FILTER
	stageSend    = C.STAGE_SEND
	stageExec    = C.STAGE_EXEC
)

// stackSize is enough for the few frames of child.c and the array of descriptors that it keeps on the carrier's stack.
const stackSize = 32 << 10

// shell is _PATH_BSHELL of the C library's paths.h.
const shell = "/bin/sh"

// maxFiles bounds that array.
const maxFiles = 4096

// A job is a struct stead_job with everything that it points to, in one mapping outside the Go heap: the child reads it while
// Go code runs.
type job struct {
	mem  []byte
	next int // first free byte
	c    *C.struct_stead_job
	kept jobResult // what free keeps
	lost bool      // who has started it ended: somebody may still use the memory
}

type jobResult struct {
	stage int
	errno syscall.Errno
	pid   int
}

func newJob(o Options, sock int) (*job, error) {
	args, env := o.Args, o.Env
	if len(args) == 0 {
		args = []string{o.Path}
	}
	if env == nil {
		env = os.Environ()
	}
	if len(o.Files) > maxFiles {
		return nil, fmt.Errorf("start program: more than %d files", maxFiles)
	}
	if err := noNUL(o.Path, o.Dir, args, env); err != nil {
		return nil, err
	}
	kind := unix.MAP_PRIVATE
	if o.By != nil {
		kind = unix.MAP_SHARED // the child is a copy
	}
	mem, err := unix.Mmap(-1, 0, jobSize(o, args, env), unix.PROT_READ|unix.PROT_WRITE, kind|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("allocate memory for a new process: %w", err)
	}
	j := &job{mem: mem}
	j.fill(o, args, env, sock)
	return j, nil
}

func noNUL(path, dir string, args, env []string) error {
	for _, list := range [][]string{{path, dir}, args, env} {
		for _, s := range list {
			if strings.IndexByte(s, 0) >= 0 {
				return fmt.Errorf("start program: NUL byte in %q", s)
			}
		}
	}
	return nil
}

// jobSize is an upper bound of what fill takes.
func jobSize(o Options, args, env []string) int {
	n := int(unsafe.Sizeof(C.struct_stead_job{})) + 2*stackSize + 8*len(o.Filter) + 16*len(o.Limits) + 4*len(o.Files) + len(o.Path) + len(o.Dir) + 4096
	for _, list := range [][]string{args, args, env} { // args again for the shell
		for _, s := range list {
			n += len(s) + 1 + 8
		}
	}
	return n + len(o.Path)
}

func (j *job) fill(o Options, args, env []string, sock int) {
	j.c = (*C.struct_stead_job)(j.take(int(unsafe.Sizeof(C.struct_stead_job{}))))
	j.c.carrier_stack = (*C.char)(unsafe.Add(j.take(stackSize), stackSize))
	j.c.child_stack = (*C.char)(unsafe.Add(j.take(stackSize), stackSize))
	j.c.path = j.str(o.Path)
	if o.Dir != "" {
		j.c.dir = j.str(o.Dir)
	}
	j.c.argv, j.c.envp = j.strs(args), j.strs(env)
	if o.Shell {
		j.c.shell_argv = j.strs(append([]string{shell, o.Path}, args[1:]...))
	}
	j.fillFiles(o.Files)
	j.fillFilter(o.Filter)
	j.fillLimits(o.Limits)
	j.c.filter_flags = C.uint(o.FilterFlags)
	j.c.flags = flags(o)
	j.c.pgid = C.int(o.Pgid)
	j.c.deathsig = C.int(o.Pdeathsig)
	j.c.sock = C.int(sock)
	j.c.landlock, j.c.landlock_flags = -1, C.uint(o.LandlockFlags)
	if o.Landlock != nil {
		j.c.landlock = C.int(o.Landlock.Fd())
	}
}

func flags(o Options) (f C.int) {
	for _, b := range []struct {
		set  bool
		flag C.int
	}{{o.Setpgid, C.STEAD_SETPGID}, {o.Setsid, C.STEAD_SETSID}, {o.Setctty, C.STEAD_CTTY}, {o.KeepPrivileges, C.STEAD_NEW_PRIVS},
		{o.By != nil, C.STEAD_OTHER}} {
		if b.set {
			f |= b.flag
		}
	}
	return f
}

// take gives the next n bytes, aligned to 16 (the stacks must be).
func (j *job) take(n int) unsafe.Pointer {
	j.next = (j.next + 15) &^ 15
	p := unsafe.Pointer(&j.mem[j.next])
	j.next += n
	return p
}

// str copies a string, packed: strings need no alignment.
func (j *job) str(s string) *C.char {
	p := (*C.char)(unsafe.Pointer(&j.mem[j.next]))
	j.next += copy(j.mem[j.next:], s) + 1
	return p
}

func (j *job) strs(list []string) **C.char {
	p := (**C.char)(j.take(8 * (len(list) + 1)))
	array := unsafe.Slice(p, len(list)+1)
	for i, s := range list {
		array[i] = j.str(s)
	}
	return p
}

func (j *job) fillFiles(files []*os.File) {
	if files == nil {
		return
	}
	j.c.fds = (*C.int)(j.take(4 * max(1, len(files))))
	j.c.nfds = C.int(len(files))
	for i, f := range files {
		fd := -1
		if f != nil {
			fd = int(f.Fd())
		}
		unsafe.Slice(j.c.fds, len(files))[i] = C.int(fd)
	}
}

func (j *job) fillFilter(prog []unix.SockFilter) {
	p := (*unix.SockFilter)(j.take(8 * len(prog)))
	copy(unsafe.Slice(p, len(prog)), prog)
	j.c.prog.len = C.ushort(len(prog))
	j.c.prog.filter = (*C.struct_sock_filter)(unsafe.Pointer(p))
}

func (j *job) fillLimits(limits []unix.Rlimit) {
	if limits == nil {
		return
	}
	p := (*unix.Rlimit)(j.take(16 * len(limits)))
	copy(unsafe.Slice(p, len(limits)), limits)
	j.c.limits, j.c.nlimits = (*C.uint64_t)(unsafe.Pointer(p)), C.int(len(limits))
}

func (j *job) start() (stage int, errno syscall.Errno) {
	errno = syscall.Errno(C.stead_start(j.c))
	return int(j.c.stage), errno
}

// exec does not return.
func (j *job) exec() { C.stead_exec(j.c) }

func (j *job) startBy(by Runner) (stage int, errno syscall.Errno) {
	_, errno = by.Run(uintptr(C.stead_start_here), uintptr(unsafe.Pointer(j.c)))
	j.lost = errno == unix.ESRCH
	return int(j.c.stage), errno
}

func (j *job) pid() int {
	if j.c == nil {
		return j.kept.pid
	}
	return int(j.c.pid)
}

func (j *job) running() bool { return j.c != nil && j.c.running != 0 }

func (j *job) result() (int, syscall.Errno) {
	if j.c == nil {
		return j.kept.stage, j.kept.errno
	}
	return int(j.c.stage), syscall.Errno(j.c.error)
}

// free gives the memory back, once. A child that still shares it keeps it (and the mapping is then left to the process's
// end): that cannot be when the child has been waited for.
func (j *job) free(started bool) {
	if j.c == nil || j.lost || (started && j.running()) {
		return
	}
	stage, errno := j.result()
	j.kept = jobResult{stage: stage, errno: errno, pid: j.pid()}
	j.c = nil
	unix.Munmap(j.mem) //nolint:errcheck // it was mapped by newJob
}
