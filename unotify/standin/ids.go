package standin

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/procfs"
	"github.com/stead-project/stead/unotify"
)

// wanted are ids in one view of them.
type wanted struct {
	uid, gid   unotify.IDs
	groups     []uint32
	keepGroups bool
}

func (w wanted) check(now procfs.Status) error {
	if got := ids(now.UID); got != w.uid {
		return fmt.Errorf("the task has user ids %v, wanted %v", got, w.uid)
	}
	if got := ids(now.GID); got != w.gid {
		return fmt.Errorf("the task has group ids %v, wanted %v", got, w.gid)
	}
	if !w.keepGroups && !sameGroups(now.Groups, w.groups) {
		return fmt.Errorf("the task has groups %v, wanted %v", now.Groups, w.groups)
	}
	return nil
}

func ids(v [4]uint32) unotify.IDs {
	return unotify.IDs{Real: v[0], Effective: v[1], Saved: v[2], FS: v[3]}
}

// setIDs changes what is not as wanted, groups and group ids first, because changing them takes the rights of the user ids. What is
// right already is left alone: a namespace may forbid setgroups, and an id without a mapping cannot be set.
func (t *Task) setIDs(now procfs.Status, w wanted) error {
	if w.check(now) == nil {
		return nil
	}
	t.keepCaps()
	if !w.keepGroups && !sameGroups(now.Groups, w.groups) {
		if errno := t.setgroups(w.groups); errno != 0 {
			return failure(errno, "take the target's groups", "it needs CAP_SETGID, and a user namespace that does not forbid setgroups")
		}
	}
	if errno := t.setKind(groupCalls(), ids(now.GID), w.gid); errno != 0 {
		return failure(errno, "take the target's group ids", "it needs CAP_SETGID")
	}
	errno := t.setKind(userCalls(), ids(now.UID), w.uid)
	return failure(errno, "take the target's user ids", "it needs CAP_SETUID")
}

// keepCaps makes the kernel leave the capabilities alone when user ids change (capabilities(7)). Without CAP_SETPCAP only the
// permitted ones can be kept, and raise gets the others back.
func (t *Task) keepCaps() {
	const keepCaps, noSetuidFixup = 1 << 4, 1 << 2 // SECBIT_* (linux/securebits.h)
	if t.simple(unix.SYS_PRCTL, unix.PR_SET_SECUREBITS, keepCaps|noSetuidFixup) != 0 {
		t.simple(unix.SYS_PRCTL, unix.PR_SET_KEEPCAPS, 1)
	}
}

// raise makes the permitted capabilities effective.
func (t *Task) raise() {
	if now, err := t.seen(); err == nil && now.CapEff != now.CapPrm {
		t.capset(now.CapPrm, now.CapPrm, now.CapInh)
	}
}

type idCalls struct{ setres, setfs uintptr }

func userCalls() idCalls  { return idCalls{unix.SYS_SETRESUID, unix.SYS_SETFSUID} }
func groupCalls() idCalls { return idCalls{unix.SYS_SETRESGID, unix.SYS_SETFSGID} }

// setKind sets the ids of one kind. Setting the effective one sets that of the file system, too, so that comes last; its call
// tells no error, and verify notices.
func (t *Task) setKind(calls idCalls, now, want unotify.IDs) syscall.Errno {
	if now == want {
		return 0
	}
	defer t.raise()
	errno := t.simple(calls.setres, changed(now.Real, want.Real), changed(now.Effective, want.Effective), changed(now.Saved, want.Saved))
	if errno != 0 {
		return errno
	}
	if want.FS != want.Effective {
		t.raise()
		t.simple(calls.setfs, uintptr(want.FS))
	}
	return 0
}

// changed is an argument of setresuid(2): -1 leaves the id alone.
func changed(now, want uint32) uintptr {
	if now == want {
		return uintptr(^uint32(0))
	}
	return uintptr(want)
}
