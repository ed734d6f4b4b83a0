package container

import (
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/unotify"
)

// A new proc file system shows the pid namespace of who opens its context (proc_init_fs_context() of fs/proc/root.c), or since Linux 6.17 the one
// that an option names. Before, a child of the task that mounts opens it, in the caller's pid namespace.

// takesPIDNamespace finds out whether proc has the option.
func takesPIDNamespace() bool {
	fs, err := unix.Fsopen("proc", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return false
	}
	defer unix.Close(fs)
	space, err := unix.Open("/proc/self/ns/pid", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(space)
	return unix.FsconfigSetFd(fs, "pidns", space) == nil
}

// procOption says how the family makes proc file systems of other pid namespaces.
func (f *Family) procOption() bool {
	f.procOnce.Do(func() { f.procByOption = f.procByOption || takesPIDNamespace() })
	return f.procByOption && !f.procByChild
}

// procSpace is what a family knows of proc.
type procSpace struct {
	procOnce     sync.Once
	procByOption bool
	procByChild  bool // in any case
}

// inCallersPIDs makes the call that opens a context as a child of the actor in the caller's pid namespace, and others as the actor.
func (o *op) inCallersPIDs(a *actor) caller {
	return func(nr uintptr, args ...uintptr) (uintptr, syscall.Errno) {
		if nr != unix.SYS_FSOPEN {
			return a.call(nr, args...)
		}
		space, errno := o.namespace(unotify.PIDNamespace)
		if errno != 0 {
			return 0, errno
		}
		if _, errno := a.call(unix.SYS_SETNS, uintptr(space), unix.CLONE_NEWPID); errno != 0 {
			return 0, errno
		}
		return a.task.CallInChild(nr, args...)
	}
}

// mountProc mounts proc for a caller in another pid namespace, where the option is not known.
func (o *op) mountProc(flags uint64, options []option) emulate.Result {
	a, errno := o.actor(granted)
	if errno != 0 {
		return emulate.Errno(errno)
	}
	tree, errno := o.build(o.inCallersPIDs(a), "proc", o.text(0).Text(), flags, settings(options))
	if errno == 0 {
		errno = o.attach(a, tree)
	}
	return result(0, errno)
}
