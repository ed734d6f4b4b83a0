package container

import (
	"errors"
	"fmt"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/unotify"
)

// The namespaces that mounting depends on: where the mount goes, who owns it, and what proc, sysfs, mqueue and cgroup file systems show;
// and the one more that a program is in.
const (
	nsUser = iota
	nsMount
	nsNet
	nsIPC
	nsCgroup
	nsPID
	nsUTS
	numNS
)

func nsNames() [numNS]string {
	return [numNS]string{"user", "mnt", "net", "ipc", "cgroup", "pid", "uts"}
}

// A view is what a caller is, and where. Nobody changes it: it may be remembered.
type view struct {
	cred   unotify.Credentials
	root   place
	ns     [numNS]string     // as readlink of /proc/TID/ns says them
	mounts uint64            // what statmount(2) knows the mount namespace by; 0: the kernel does not say
	keys   [numActors]string // tell apart what actors have to be
}

// A place is a directory: the same one in another mount is another.
type place struct {
	major, minor uint32
	ino, mount   uint64
}

// setKeys: pid namespaces are no part of it, since actors join none; nor are the sets of capabilities that only executing makes use of.
func (v *view) setKeys() {
	c := &v.cred
	b := make([]byte, 1, 512)
	for _, ids := range [...]unotify.IDs{c.UID, c.GID} {
		b = appendNumbers(b, uint64(ids.Real), uint64(ids.Effective), uint64(ids.Saved), uint64(ids.FS))
	}
	b = appendNumbers(b, c.Caps.Inheritable, c.Caps.Permitted, c.Caps.Effective, uint64(c.Umask))
	b = appendNumbers(b, uint64(v.root.major), uint64(v.root.minor), v.root.ino, v.root.mount)
	for ns, name := range v.ns {
		if ns != nsPID {
			b = append(append(b, name...), 0)
		}
	}
	for _, id := range c.Groups {
		b = appendNumbers(b, uint64(id))
	}
	for k := range v.keys {
		b[0] = byte(k)
		v.keys[k] = string(b)
	}
}

func appendNumbers(b []byte, list ...uint64) []byte {
	for _, n := range list {
		b = append(strconv.AppendUint(b, n, 36), ' ')
	}
	return b
}

// read finds out what a thread is. The caller makes sure that it was the right one.
func (f *Family) read(tid int, credentials func() (unotify.Credentials, error)) (*view, error) {
	v, err := &view{}, error(nil)
	if v.cred, err = credentials(); err != nil {
		return nil, err
	}
	root, err := f.targets.OpenAt(tid, "root", unix.O_PATH)
	if err != nil {
		return nil, err
	}
	defer unix.Close(root)
	if v.root, err = placeAt(root); err != nil {
		return nil, err
	}
	for i, name := range nsNames() {
		if v.ns[i], err = f.targets.Readlink(tid, "ns/"+name); err != nil && !errors.Is(err, unix.ENOENT) {
			return nil, err
		}
	}
	v.mounts = f.mountsOf(tid, root)
	v.setKeys()
	return v, nil
}

func placeAt(fd int) (place, error) {
	var st unix.Statx_t
	err := unix.Statx(fd, "", unix.AT_EMPTY_PATH|statQuietly, unix.STATX_BASIC_STATS|unix.STATX_MNT_ID, &st)
	return placeOf(&st), err
}

func placeOf(st *unix.Statx_t) place {
	return place{major: st.Dev_major, minor: st.Dev_minor, ino: st.Ino, mount: st.Mnt_id}
}

// statQuietly asks no file system's server, which may not answer (statx(2)).
const statQuietly = unix.AT_NO_AUTOMOUNT | unix.AT_STATX_DONT_SYNC

// statOf describes what a descriptor refers to.
func statOf(fd int, mask int) (st unix.Statx_t, ok bool) {
	st, err := statAt(fd, "", unix.STATX_TYPE|unix.STATX_MODE|unix.STATX_INO|mask)
	return st, err == nil
}

// statAt does so for a name in a directory, too. What FUSE shows to its user only, it describes to others who ask for nothing: the kernel
// then says in which mount it is (fuse_getattr() of fs/fuse/dir.c).
func statAt(dir int, name string, mask int) (st unix.Statx_t, err error) {
	const flags = unix.AT_EMPTY_PATH | unix.AT_SYMLINK_NOFOLLOW | statQuietly
	if err = unix.Statx(dir, name, flags, mask, &st); errors.Is(err, unix.EACCES) {
		err = unix.Statx(dir, name, flags, 0, &st)
	}
	return st, err
}

// kindOf is the type of file that a descriptor refers to, 0 if that cannot be told.
func kindOf(fd int) uint16 {
	st, ok := statOf(fd, 0)
	if !ok {
		return 0
	}
	return st.Mode & unix.S_IFMT
}

// look finds out what the caller is, once for a call. What is known of it counts, since it has been found pending after it was recognized.
func (o *op) look() syscall.Errno {
	switch {
	case o.view != nil:
		return 0
	case o.lost != nil:
		return targetErrno(o.lost)
	case o.f.book == nil:
		return o.lookAgain()
	}
	known, ticket := o.f.book.Recall(o.who)
	if known != nil {
		o.view = known
		return 0
	}
	if errno := o.lookAgain(); errno != 0 {
		return errno
	}
	o.f.book.Keep(o.who, ticket, o.view)
	return 0
}

func (o *op) lookAgain() syscall.Errno {
	target, err := o.pin()
	if err != nil {
		return targetErrno(err)
	}
	v, err := o.f.read(o.env.TID, target.Credentials)
	if err != nil {
		return targetErrno(err)
	}
	if o.env.Valid() != nil {
		return unix.EPERM
	}
	o.view = v
	o.f.initial.learn(o)
	return 0
}

// wrong forgets what is known of the caller: if that has changed, it was by somebody whose calls are not notified, such as a process
// outside that moves its root (pivot_root(2)).
func (o *op) wrong() {
	if o.f.book != nil {
		o.f.book.Forget(o.env.TID)
	}
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
