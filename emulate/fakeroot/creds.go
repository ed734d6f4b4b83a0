package fakeroot

import (
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/unotify"
)

// creds are what one thread is taken for: what struct cred of include/linux/cred.h has of it. Securebits are always 0.
type creds struct {
	uid, gid unotify.IDs
	groups   []uint32 // sorted, and never changed in place
	caps     unotify.CapSets
	keep     bool // SECBIT_KEEP_CAPS
}

// allCaps are the capabilities that there are.
const allCaps = 1<<(unix.CAP_LAST_CAP+1) - 1

// root is what everybody begins as.
func root() creds {
	return creds{groups: []uint32{0}, caps: unotify.CapSets{Permitted: allCaps, Effective: allCaps, Bounding: allCaps}}
}

func (c *creds) can(capability int) bool { return c.caps.Effective>>capability&1 != 0 }

func (c *creds) equal(d *creds) bool {
	return c.uid == d.uid && c.gid == d.gid && c.caps == d.caps && c.keep == d.keep && slices.Equal(c.groups, d.groups)
}

// in says whether the thread is in a group, as in_group_p() of kernel/groups.c does.
func (c *creds) in(gid uint32) bool {
	if gid == c.gid.FS {
		return true
	}
	_, found := slices.BinarySearch(c.groups, gid)
	return found
}

// unchanged is the id that means "leave it".
const unchanged = ^uint32(0)

// A kind of ids, with the capability that it takes to have others.
type kind struct {
	of         func(c *creds) *unotify.IDs
	capability int
	user       bool // which capabilities follow
}

func users() kind {
	return kind{func(c *creds) *unotify.IDs { return &c.uid }, unix.CAP_SETUID, true}
}

func groups() kind {
	return kind{func(c *creds) *unotify.IDs { return &c.gid }, unix.CAP_SETGID, false}
}

// The rules below are those of kernel/sys.c. Each changes c, or fails and leaves it.

// set is setuid(2) and setgid(2).
func (k kind) set(c *creds, id uint32) syscall.Errno {
	ids := k.of(c)
	now := *ids
	switch {
	case id == unchanged:
		return unix.EINVAL
	case c.can(k.capability):
		now.Real, now.Saved = id, id
	case id != ids.Real && id != ids.Saved:
		return unix.EPERM
	}
	now.Effective, now.FS = id, id
	k.commit(c, now)
	return 0
}

// setRE is setreuid(2) and setregid(2).
func (k kind) setRE(c *creds, r, e uint32) syscall.Errno {
	old := *k.of(c)
	now, may := old, c.can(k.capability)
	if r != unchanged {
		if r != old.Real && r != old.Effective && !may {
			return unix.EPERM
		}
		now.Real = r
	}
	if e != unchanged {
		if e != old.Real && e != old.Effective && e != old.Saved && !may {
			return unix.EPERM
		}
		now.Effective = e
	}
	if r != unchanged || e != unchanged && e != old.Real {
		now.Saved = now.Effective
	}
	now.FS = now.Effective
	k.commit(c, now)
	return 0
}

// setRES is setresuid(2) and setresgid(2). What changes nothing leaves the file system's id, too.
func (k kind) setRES(c *creds, r, e, s uint32) syscall.Errno {
	old := *k.of(c)
	if (r == unchanged || r == old.Real) && (e == unchanged || e == old.Effective && e == old.FS) && (s == unchanged || s == old.Saved) {
		return 0
	}
	now, may := old, c.can(k.capability)
	for _, id := range []struct {
		to   *uint32
		want uint32
	}{{&now.Real, r}, {&now.Effective, e}, {&now.Saved, s}} {
		if id.want == unchanged {
			continue
		}
		if id.want != old.Real && id.want != old.Effective && id.want != old.Saved && !may {
			return unix.EPERM
		}
		*id.to = id.want
	}
	now.FS = now.Effective
	k.commit(c, now)
	return 0
}

// setFS is setfsuid(2) and setfsgid(2), which give the old id whether they change it or not.
func (k kind) setFS(c *creds, id uint32) (old uint32) {
	ids := k.of(c)
	old = ids.FS
	if id == unchanged || id != ids.Real && id != ids.Effective && id != ids.Saved && id != ids.FS && !c.can(k.capability) {
		return old
	}
	ids.FS = id
	if k.user {
		c.followFS(old)
	}
	return old
}

func (k kind) commit(c *creds, now unotify.IDs) {
	ids := k.of(c)
	old := *ids
	*ids = now
	if k.user {
		c.follow(old)
	}
}

// follow is cap_emulate_setxuid() of security/commoncap.c: capabilities follow the user ids.
func (c *creds) follow(old unotify.IDs) {
	if hasRoot(old) && !hasRoot(c.uid) {
		if !c.keep {
			c.caps.Permitted, c.caps.Effective = 0, 0
		}
		c.caps.Ambient = 0
	}
	switch {
	case old.Effective == 0 && c.uid.Effective != 0:
		c.caps.Effective = 0
	case old.Effective != 0 && c.uid.Effective == 0:
		c.caps.Effective = c.caps.Permitted
	}
}

func hasRoot(ids unotify.IDs) bool { return ids.Real == 0 || ids.Effective == 0 || ids.Saved == 0 }

// fsCaps is CAP_FS_SET of include/linux/capability.h: what goes with the file system's user id.
const fsCaps = 1<<unix.CAP_CHOWN | 1<<unix.CAP_MKNOD | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH | 1<<unix.CAP_FOWNER |
	1<<unix.CAP_FSETID | 1<<unix.CAP_MAC_OVERRIDE | 1<<unix.CAP_LINUX_IMMUTABLE

// followFS is what cap_task_fix_setuid() does for LSM_SETID_FS.
func (c *creds) followFS(old uint32) {
	switch {
	case old == 0 && c.uid.FS != 0:
		c.caps.Effective &^= fsCaps
	case old != 0 && c.uid.FS == 0:
		c.caps.Effective |= fsCaps & c.caps.Permitted
	}
}

// maxGroups is NGROUPS_MAX of include/uapi/linux/limits.h.
const maxGroups = 65536

// setGroups is setgroups(2) without its copying.
func (c *creds) setGroups(list []uint32) syscall.Errno {
	if slices.Contains(list, unchanged) {
		return unix.EINVAL
	}
	c.groups = slices.Sorted(slices.Values(list))
	return 0
}

// setCaps is cap_capset() of security/commoncap.c.
func (c *creds) setCaps(want unotify.CapSets) syscall.Errno {
	old := &c.caps
	beyond := func(set, of uint64) bool { return set&^of != 0 }
	switch {
	case !c.can(unix.CAP_SETPCAP) && beyond(want.Inheritable, old.Inheritable|old.Permitted),
		beyond(want.Inheritable, old.Inheritable|old.Bounding),
		beyond(want.Permitted, old.Permitted),
		beyond(want.Effective, want.Permitted):
		return unix.EPERM
	}
	old.Inheritable, old.Permitted, old.Effective = want.Inheritable, want.Permitted, want.Effective
	old.Ambient &= old.Permitted & old.Inheritable
	return 0
}
