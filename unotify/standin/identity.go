package standin

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/procfs"
	"github.com/stead-project/stead/unotify"
)

// Identity reads who a target is, in the target's own user namespace, for [Task.Become]. Namespaces and a root that are the
// supervisor's own are left nil. The caller closes the result. ErrGone (of unotify) when the notification is no longer pending.
func (s *Starter) Identity(target unotify.Target) (*Identity, error) {
	s.mu.Lock()
	err := s.open()
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	credentials, err := target.Credentials()
	if err != nil {
		return nil, err
	}
	id := &Identity{UID: credentials.UID, GID: credentials.GID, Groups: credentials.Groups, Caps: credentials.Caps,
		Umask: credentials.Umask}
	if err := s.complete(id, target, credentials); err != nil {
		id.Close()
		return nil, err
	}
	return id, nil
}

func (s *Starter) complete(id *Identity, target unotify.Target, seen unotify.Credentials) error {
	if err := s.handles(id, target); err != nil || id.UserNS == nil {
		return err
	}
	id.Outside = &seen
	inside, err := s.inside(id.UserNS, target)
	if err != nil {
		return err
	}
	id.UID, id.GID, id.Groups = ids(inside.UID), ids(inside.GID), inside.Groups
	return nil
}

func (s *Starter) handles(id *Identity, target unotify.Target) (err error) {
	if id.UserNS, err = s.foreign(target, unotify.UserNamespace); err != nil {
		return err
	}
	if id.MountNS, err = s.foreign(target, unotify.MountNamespace); err != nil {
		return err
	}
	if id.Root, err = target.Root(); err != nil {
		return err
	}
	if id.MountNS == nil && isRoot(id.Root) {
		id.Root, err = nil, id.Root.Close()
	}
	return err
}

// foreign opens the target's namespace of a kind, nil if it is the supervisor's.
func (s *Starter) foreign(target unotify.Target, kind unotify.NamespaceKind) (*os.File, error) {
	f, err := target.Namespace(kind)
	if err != nil {
		return nil, err
	}
	var theirs unix.Stat_t
	own, err := s.proc.Stat(os.Getpid(), "ns/"+kind.String())
	if err == nil {
		err = unix.Fstat(int(f.Fd()), &theirs)
	}
	if err == nil && (own.Dev != theirs.Dev || own.Ino != theirs.Ino) {
		return f, nil
	}
	f.Close()
	return nil, err
}

// isRoot says whether a directory is the supervisor's root: the same one in the same mount. Linux 5.8; no before.
func isRoot(f *os.File) bool {
	const want = unix.STATX_INO | unix.STATX_MNT_ID
	var own, theirs unix.Statx_t
	if unix.Statx(unix.AT_FDCWD, "/", 0, want, &own) != nil || unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH, want, &theirs) != nil {
		return false
	}
	return own.Mask&theirs.Mask&want == want && own.Mnt_id == theirs.Mnt_id && own.Ino == theirs.Ino
}

// inside reads the target's status by a task that has joined the target's user namespace.
func (s *Starter) inside(user *os.File, target unotify.Target) (procfs.Status, error) {
	t, err := s.Start()
	if err != nil {
		return procfs.Status{}, err
	}
	defer t.Close()
	status, err := t.statusFrom(user, target.TID)
	if gone := target.Valid(); gone != nil {
		return procfs.Status{}, gone
	}
	return status, err
}

func (t *Task) statusFrom(user *os.File, tid int) (procfs.Status, error) {
	t.calls.Lock()
	defer t.calls.Unlock()
	if err := errors.Join(t.hide(), t.join(user)); err != nil {
		return procfs.Status{}, err
	}
	return t.status(tid)
}

// own is the task's status in its own view.
func (t *Task) own() (procfs.Status, error) { return t.status(t.pid) }

// seen is the task's status as the supervisor sees it.
func (t *Task) seen() (procfs.Status, error) { return t.starter.proc.Status(t.pid) }

// maxStatus bounds the text of a status file: the longest part is 65,536 groups (NGROUPS_MAX) of at most 11 bytes.
const maxStatus = 1 << 20

// status reads a thread's status through a descriptor that the task has opened: the file speaks of the ids of its opener's
// user namespace (fs/proc/array.c).
func (t *Task) status(tid int) (procfs.Status, error) {
	dir, err := t.starter.proc.OpenAt(tid, "", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return procfs.Status{}, fmt.Errorf("read status of thread %d: %w", tid, err)
	}
	defer unix.Close(dir)
	fd, errno := t.openat(dir, "status", unix.O_RDONLY|unix.O_CLOEXEC)
	if errno != 0 {
		return procfs.Status{}, fmt.Errorf("read status of thread %d by a stand-in task: %w", tid, errno)
	}
	f := os.NewFile(uintptr(fd), "status")
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxStatus))
	if err != nil {
		return procfs.Status{}, fmt.Errorf("read status of thread %d: %w", tid, err)
	}
	return procfs.ParseStatus(text)
}
