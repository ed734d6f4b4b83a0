package fakeroot

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/internal/procself"
	"github.com/stead-project/stead/unotify"
)

// capRows are the calls on capabilities.
func capRows() []idRow {
	const prctlNote = "its options on capabilities; every other one is EINVAL, so a rule has to name them"
	return []idRow{
		{call: "capget", copy: copyHeader, do: capget},
		{call: "capset", copy: copyCaps, do: capset},
		{call: "prctl", do: prctl, note: prctlNote},
	}
}

// headerSize is sizeof(struct __user_cap_header_struct), dataSize that of __user_cap_data_struct (include/uapi/linux/capability.h).
const (
	headerSize = 8
	dataSize   = 12
)

func copyHeader(w *work, raw *arch.Data, mem arch.Memory) { w.take(0, word(raw, 0), headerSize, mem) }

func copyCaps(w *work, raw *arch.Data, mem arch.Memory) {
	copyHeader(w, raw, mem)
	if header := w.pieces[0].Whole(); header != nil {
		w.take(1, word(raw, 1), dataSize*capHalves(raw.ABI.ByteOrder().Uint32(header)), mem)
	}
}

// capHalves is how many structs a version has; 0: there is no such version.
func capHalves(version uint32) int {
	switch version {
	case unix.LINUX_CAPABILITY_VERSION_1:
		return 1
	case unix.LINUX_CAPABILITY_VERSION_2, unix.LINUX_CAPABILITY_VERSION_3:
		return 2
	}
	return 0
}

// header reads what both calls begin with: cap_validate_magic() of kernel/capability.c, which tells of its own version.
func (w *work) header() (halves int, pid int, bad emulate.Result, ok bool) {
	h := w.pieces[0].Whole()
	if h == nil {
		return 0, 0, emulate.Errno(unix.EFAULT), false
	}
	halves = capHalves(w.order().Uint32(h))
	if halves == 0 {
		version := make([]byte, 4)
		w.order().PutUint32(version, unix.LINUX_CAPABILITY_VERSION_3)
		return 0, 0, emulate.Errno(unix.EINVAL).Write(w.pointer(0), version), false
	}
	return halves, int(int32(w.order().Uint32(h[4:]))), bad, true
}

func capget(w *work) emulate.Result {
	halves, pid, bad, ok := w.header()
	data := w.pointer(1)
	switch errno, _ := bad.Failed(); {
	case !ok && data == 0 && errno == unix.EINVAL:
		version := make([]byte, 4)
		w.order().PutUint32(version, unix.LINUX_CAPABILITY_VERSION_3)
		return emulate.Return(0).Write(w.pointer(0), version)
	case !ok:
		return bad
	case data == 0:
		return emulate.Return(0)
	case pid < 0:
		return emulate.Errno(unix.EINVAL)
	}
	who, errno := w.named(pid)
	if errno != 0 {
		return emulate.Errno(errno)
	}
	now := w.f.crowd.of(who)
	out := make([]byte, dataSize*halves)
	for i := range halves {
		for j, set := range [...]uint64{now.caps.Effective, now.caps.Permitted, now.caps.Inheritable} {
			w.order().PutUint32(out[dataSize*i+4*j:], uint32(set>>(32*i)))
		}
	}
	return emulate.Return(0).Write(data, out)
}

// named is the thread that a caller means by a number: itself by 0 and by its own, and another by the number that the supervisor knows
// it by.
func (w *work) named(pid int) (unotify.Identity, syscall.Errno) {
	if pid == 0 || w.isSelf(pid) {
		return w.who, 0
	}
	who, err := w.f.targets.Identify(pid)
	if err != nil {
		return who, unix.ESRCH
	}
	return who, 0
}

// isSelf compares a number with the caller's own in its pid namespace.
func (w *work) isSelf(pid int) bool {
	dir, err := w.f.targets.OpenAt(w.who.TID, "", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return false
	}
	defer unix.Close(dir)
	status, err := procself.ReadAt(dir, "status")
	ids := procself.StatusIDs(status, "NSpid:")
	return err == nil && len(ids) > 0 && ids[len(ids)-1] == pid
}

func capset(w *work) emulate.Result {
	halves, pid, bad, ok := w.header()
	switch {
	case !ok:
		return bad
	case pid != 0 && !w.isSelf(pid):
		return emulate.Errno(unix.EPERM)
	}
	raw := w.pieces[1].Whole()
	if raw == nil {
		return emulate.Errno(unix.EFAULT)
	}
	var sets [3]uint64
	for i := range halves {
		for j := range sets {
			sets[j] |= uint64(w.order().Uint32(raw[dataSize*i+4*j:])) << (32 * i) & allCaps
		}
	}
	return w.change(func(now *creds) syscall.Errno {
		return now.setCaps(unotify.CapSets{Effective: sets[0], Permitted: sets[1], Inheritable: sets[2]})
	})
}

// prctl answers the options of security/commoncap.c, cap_task_prctl().
func prctl(w *work) emulate.Result {
	arg := w.pointer(1)
	switch int32(w.register(0)) {
	case unix.PR_GET_KEEPCAPS:
		now := w.now()
		return emulate.Return(truth(now.keep))
	case unix.PR_SET_KEEPCAPS:
		if arg > 1 {
			return emulate.Errno(unix.EINVAL)
		}
		return w.change(func(now *creds) syscall.Errno { now.keep = arg == 1; return 0 })
	case unix.PR_CAPBSET_READ:
		now := w.now()
		return bit(now.caps.Bounding, arg)
	case unix.PR_CAPBSET_DROP:
		return w.change(func(now *creds) syscall.Errno { return now.bound(arg) })
	case unix.PR_CAP_AMBIENT:
		return w.ambient(arg)
	}
	return emulate.Errno(unix.EINVAL)
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// bit says whether a set has a capability.
func bit(set, capability uint64) emulate.Result {
	if capability > unix.CAP_LAST_CAP {
		return emulate.Errno(unix.EINVAL)
	}
	return emulate.Return(int64(set >> capability & 1))
}

func (c *creds) bound(capability uint64) syscall.Errno {
	switch {
	case !c.can(unix.CAP_SETPCAP):
		return unix.EPERM
	case capability > unix.CAP_LAST_CAP:
		return unix.EINVAL
	}
	c.caps.Bounding &^= 1 << capability
	return 0
}

// ambient is PR_CAP_AMBIENT.
func (w *work) ambient(op uint64) emulate.Result {
	which, rest := w.pointer(2), w.pointer(3)|w.pointer(4)
	if op == unix.PR_CAP_AMBIENT_CLEAR_ALL && which|rest == 0 {
		return w.change(func(now *creds) syscall.Errno { now.caps.Ambient = 0; return 0 })
	}
	if rest != 0 || which > unix.CAP_LAST_CAP {
		return emulate.Errno(unix.EINVAL)
	}
	mask := uint64(1) << which
	switch op {
	case unix.PR_CAP_AMBIENT_IS_SET:
		now := w.now()
		return bit(now.caps.Ambient, which)
	case unix.PR_CAP_AMBIENT_LOWER:
		return w.change(func(now *creds) syscall.Errno { now.caps.Ambient &^= mask; return 0 })
	case unix.PR_CAP_AMBIENT_RAISE:
		return w.change(func(now *creds) syscall.Errno {
			if now.caps.Permitted&now.caps.Inheritable&mask == 0 {
				return unix.EPERM
			}
			now.caps.Ambient |= mask
			return 0
		})
	}
	return emulate.Errno(unix.EINVAL)
}
