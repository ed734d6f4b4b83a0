package container

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/unotify"
)

// The namespaces that mounting depends on: where the mount goes, who owns it, and what proc, sysfs, mqueue and cgroup file systems show.
const (
	nsUser = iota
	nsMount
	nsNet
	nsIPC
	nsCgroup
	nsPID
	numNS
)

func nsNames() [numNS]string { return [numNS]string{"user", "mnt", "net", "ipc", "cgroup", "pid"} }

// A view is what a caller is, and where.
type view struct {
	cred unotify.Credentials
	root place
	ns   [numNS]string // as readlink of /proc/TID/ns says them
}

// A place is a directory: the same one in another mount is another.
type place struct {
	major, minor uint32
	ino, mount   uint64
}

// key tells apart what an actor has to be.
func (v *view) key(k actorKind) string {
	return fmt.Sprint(k, v.cred.UID, v.cred.GID, v.cred.Groups, v.cred.Caps, v.cred.Umask, v.root, v.ns)
}

// read finds out what a thread is. The caller makes sure that it was the right one.
func (f *Family) read(to *view, tid int, credentials func() (unotify.Credentials, error)) error {
	var err error
	if to.cred, err = credentials(); err != nil {
		return err
	}
	if to.root, err = f.rootOf(tid); err != nil {
		return err
	}
	for i, name := range nsNames() {
		if to.ns[i], err = f.targets.Readlink(tid, "ns/"+name); err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	return nil
}

func (f *Family) rootOf(tid int) (place, error) {
	root, err := f.targets.OpenAt(tid, "root", unix.O_PATH)
	if err != nil {
		return place{}, err
	}
	defer unix.Close(root)
	var st unix.Statx_t
	err = unix.Statx(root, "", unix.AT_EMPTY_PATH, unix.STATX_BASIC_STATS|unix.STATX_MNT_ID, &st)
	return placeOf(&st), err
}

func placeOf(st *unix.Statx_t) place {
	return place{major: st.Dev_major, minor: st.Dev_minor, ino: st.Ino, mount: st.Mnt_id}
}

// statOf describes what a descriptor refers to, without asking a file system's server.
func statOf(fd int, mask int) (st unix.Statx_t, ok bool) {
	const flags = unix.AT_EMPTY_PATH | unix.AT_NO_AUTOMOUNT | unix.AT_STATX_DONT_SYNC
	return st, unix.Statx(fd, "", flags, unix.STATX_TYPE|unix.STATX_MODE|unix.STATX_INO|mask, &st) == nil
}

// kindOf is the type of file that a descriptor refers to, 0 if that cannot be told.
func kindOf(fd int) uint16 {
	st, ok := statOf(fd, 0)
	if !ok {
		return 0
	}
	return st.Mode & unix.S_IFMT
}

// look reads what the caller is, once for a call.
func (o *op) look() syscall.Errno {
	if o.viewed {
		return 0
	}
	target, err := o.f.targets.Pin(o.env.Validator(), o.env.ID, o.env.TID)
	if err != nil {
		return targetErrno(err)
	}
	if err := o.f.read(&o.view, o.env.TID, target.Credentials); err != nil {
		return targetErrno(err)
	}
	if o.env.Valid() != nil {
		return unix.EPERM
	}
	o.viewed = true
	o.f.initial.learn(o)
	return 0
}

// foreign says whether the caller is in another namespace of a kind than the supervisor.
func (o *op) foreign(ns int) bool { return o.view.ns[ns] != o.f.own.ns[ns] }

// targetErrno is what the target is told of a failure to reach it.
func targetErrno(err error) syscall.Errno {
	if errors.Is(err, unotify.ErrGone) {
		return unix.EPERM // nobody is there to be told
	}
	return errnoOf(err)
}

func errnoOf(err error) syscall.Errno {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return unix.EIO
}

// owned: rights in the caller's user namespace are to reach nothing but what belongs to it. Natively nobody in a user namespace nested
// in the owner's may mount either.
func (f *Family) owned(target unotify.Target) error {
	mnt, err := target.Namespace(unotify.MountNamespace)
	if err != nil {
		return err
	}
	defer mnt.Close()
	user, err := target.Namespace(unotify.UserNamespace)
	if err != nil {
		return err
	}
	defer user.Close()
	owner, err := unix.IoctlRetInt(int(mnt.Fd()), unix.NS_GET_USERNS)
	if err != nil {
		return fmt.Errorf("find the owner of the caller's mount namespace: %w", err)
	}
	defer unix.Close(owner)
	if !sameFile(owner, int(user.Fd())) {
		return fmt.Errorf("the caller's mount namespace belongs to another user namespace than its own: %w", unix.EPERM)
	}
	return nil
}

func sameFile(a, b int) bool {
	var x, y unix.Stat_t
	return unix.Fstat(a, &x) == nil && unix.Fstat(b, &y) == nil && x.Dev == y.Dev && x.Ino == y.Ino
}

// pin makes a handle on the caller.
func (o *op) pin() (unotify.Target, error) {
	return o.f.targets.Pin(o.env.Validator(), o.env.ID, o.env.TID)
}
