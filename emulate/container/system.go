package container

import (
	"encoding/binary"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/internal/procself"
	"github.com/stead-project/stead/unotify"
)

// systemRows are the calls on the machine as a whole, and on what a container has in its stead.
func systemRows() []row {
	const nothing = "succeeds and does nothing"
	harmless := func(*op) emulate.Result { return emulate.Return(0) }
	return []row{
		{call: "sysinfo", do: sysinfo, note: "memory and swap of the control group, where it has limits; load, threads and age of the pid namespace"},
		{call: "sched_setscheduler", raw: []rawArg{{ptr: 2, size: none, fixed: 4, most: 4}}, do: setScheduler, note: "of the caller's own threads, and of others in a pid namespace of the container's"},
		{call: "sethostname", raw: []rawArg{{ptr: 0, size: 1, most: maxHostname + 1}}, do: setHostname},
		{call: "chown", texts: []int{0}, paths: onlyPath(0), do: chown(1), note: chownNote},
		{call: "lchown", texts: []int{0}, paths: []pathArg{{text: 0, dir: none, absent: 1 << 63}}, do: chown(1), note: chownNote},
		{call: "fchown", do: chown(1), note: chownNote},
		{call: "chown32", texts: []int{0}, paths: onlyPath(0), do: chown(1), note: chownNote},
		{call: "lchown32", texts: []int{0}, paths: []pathArg{{text: 0, dir: none, absent: 1 << 63}}, do: chown(1), note: chownNote},
		{call: "fchown32", do: chown(1), note: chownNote},
		{call: "fchownat", texts: []int{1}, do: chown(2), note: chownNote,
			paths: []pathArg{{text: 1, dir: 0, flags: 4, stay: unix.AT_SYMLINK_NOFOLLOW, empty: unix.AT_EMPTY_PATH}}},
		{call: "swapon", do: harmless, note: nothing},
		{call: "swapoff", do: harmless, note: nothing},
		{call: "reboot", do: harmless, note: nothing},
	}
}

const chownNote = "on sysfs it succeeds and does nothing, so that programs that prepare a machine go on"

// chown is the caller's own, but on sysfs, whose files belong to nobody in a user namespace. owner is its position; the group follows.
func chown(owner int) func(o *op) emulate.Result {
	return func(o *op) emulate.Result {
		path := o.attributed()
		a, errno := o.actor(asTarget)
		if errno != 0 {
			return emulate.Errno(errno)
		}
		flags := uintptr(0)
		if owner == 2 {
			flags = uintptr(o.flags(4))
		}
		if p := &o.pins[0]; p.state == held {
			if magic, ok := a.magic(p.fd); ok && magic == unix.SYSFS_MAGIC && flags&^allAtFlags == 0 && o.grant.lends() {
				return emulate.Return(0)
			}
			r, errno := a.call(unix.SYS_FCHOWNAT, uintptr(p.fd), o.cstring(""), o.id(owner), o.id(owner+1), flags|unix.AT_EMPTY_PATH)
			return result(r, errno)
		}
		r, errno := a.call(unix.SYS_FCHOWNAT, ^uintptr(0), path, o.id(owner), o.id(owner+1), flags)
		return result(r, o.or(0, errno))
	}
}

const allAtFlags = unix.AT_SYMLINK_NOFOLLOW | unix.AT_EMPTY_PATH

// id is a user or group id; of 16 bits, all ones means the same as of 32: leave it.
func (o *op) id(i int) uintptr {
	v := uint32(o.call.Args[i].Raw)
	if o.call.Sig.Params[i].Width == 2 && uint16(v) == 0xffff {
		v = ^uint32(0)
	}
	return uintptr(v)
}

// setScheduler is done by the supervisor, for threads of the container's: a number means one in the caller's pid namespace.
func setScheduler(o *op) emulate.Result {
	tid, errno := o.thread(o.int(0))
	if errno != 0 {
		return emulate.Errno(errno)
	}
	at := o.block(o.raws[0].Whole())
	if o.raws[0].Addr == 0 {
		at = 0
	}
	if o.env.Valid() != nil {
		return emulate.Errno(unix.EPERM)
	}
	return result(direct(unix.SYS_SCHED_SETSCHEDULER, uintptr(tid), uintptr(o.flags(1)), at))
}

// thread finds the thread that the caller calls n; 0 is the one that calls.
func (o *op) thread(n int) (int, syscall.Errno) {
	switch {
	case n == 0:
		return o.env.TID, 0
	case n < 0:
		return -1, 0 // for the kernel to refuse
	}
	target, err := o.pin()
	if err != nil {
		return 0, targetErrno(err)
	}
	for _, tid := range o.f.threads(target.TGID) {
		if ids := o.f.numbers(target.TGID, "task/"+tid+"/"); len(ids) > 0 && ids[len(ids)-1] == n {
			return ids[0], 0
		}
	}
	return o.threadElsewhere(n)
}

// threadElsewhere finds a thread of another process in the caller's pid namespace, if that is the container's.
func (o *op) threadElsewhere(n int) (int, syscall.Errno) {
	if errno := o.look(); errno != 0 {
		return 0, errno
	}
	if !o.foreign(nsPID) {
		return 0, unix.EPERM
	}
	level := len(o.f.numbers(o.env.TID, ""))
	all := o.f.members(o.view.ns[nsPID])
	for pid, m := range all {
		if !m.in(all) {
			continue
		}
		for _, tid := range o.f.threads(pid) {
			if ids := o.f.numbers(pid, "task/"+tid+"/"); level > 0 && len(ids) >= level && ids[level-1] == n {
				return ids[0], 0
			}
		}
	}
	return 0, unix.ESRCH
}

// numbers are what a thread is called in each pid namespace, beginning with the supervisor's.
func (f *Family) numbers(pid int, dir string) []int {
	proc, err := f.targets.OpenAt(pid, "", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return nil
	}
	defer unix.Close(proc)
	status, err := procself.ReadAt(proc, dir+"status")
	if err != nil {
		return nil
	}
	return procself.StatusIDs(status, "NSpid:")
}

// threads are the names of a process's threads in proc.
func (f *Family) threads(pid int) []string {
	fd, err := f.targets.OpenAt(pid, "task", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil
	}
	tasks := os.NewFile(uintptr(fd), "task")
	defer tasks.Close()
	names, err := tasks.Readdirnames(maxThreads)
	if err != nil {
		return nil
	}
	return names
}

// maxThreads bounds where a thread is looked for.
const maxThreads = 1 << 14

// maxHostname is __NEW_UTS_LEN of include/uapi/linux/utsname.h.
const maxHostname = 64

// setHostname names the container, if it has a name of its own.
func setHostname(o *op) emulate.Result {
	if errno := o.look(); errno != 0 {
		return emulate.Errno(errno)
	}
	n := o.int(1)
	if n < 0 || n > maxHostname {
		return emulate.Errno(unix.EINVAL)
	}
	target, err := o.pin()
	if err != nil {
		return emulate.Errno(targetErrno(err))
	}
	uts, err := target.Namespace(unotify.UTSNamespace)
	if err != nil {
		return emulate.Errno(targetErrno(err))
	}
	defer uts.Close()
	own, err := o.f.targets.Readlink(unix.Getpid(), "ns/uts")
	theirs, err2 := o.f.targets.Readlink(o.env.TID, "ns/uts")
	if err != nil || err2 != nil || own == theirs {
		return o.refuse("the caller has the machine's name")
	}
	a, errno := o.actor(granted)
	if errno != 0 {
		return emulate.Errno(errno)
	}
	if _, errno := a.call(unix.SYS_SETNS, uts.Fd(), unix.CLONE_NEWUTS); errno != 0 {
		return emulate.Errno(errno)
	}
	name := o.block(o.raws[0].Whole())
	if n == 0 {
		name = 0
	}
	return result(a.call(unix.SYS_SETHOSTNAME, name, uintptr(n)))
}

// sysinfo tells of the caller's control group what it would tell of the machine (sysinfo(2)).
func sysinfo(o *op) emulate.Result {
	var machine unix.Sysinfo_t
	if err := unix.Sysinfo(&machine); err != nil {
		return emulate.Errno(errnoOf(err))
	}
	info := newInfo(&machine)
	o.f.limit(&info, o.env.TID)
	if o.env.Valid() != nil {
		return emulate.Errno(unix.EPERM)
	}
	return emulate.Return(0).Write(o.arg(0), info.bytes(o.call.ABI.Word(), o.call.ABI.ByteOrder()))
}

// An info is struct sysinfo, with memory in bytes.
type info struct {
	uptime                                  uint64
	loads                                   [3]uint64
	totalRAM, freeRAM, sharedRAM, bufferRAM uint64
	totalSwap, freeSwap                     uint64
	procs                                   uint16
}

func newInfo(m *unix.Sysinfo_t) info {
	unit := uint64(max(m.Unit, 1))
	i := info{uptime: uint64(m.Uptime), totalRAM: uint64(m.Totalram) * unit, freeRAM: uint64(m.Freeram) * unit, //nolint:unconvert // 32 bits on some architectures
		sharedRAM: uint64(m.Sharedram) * unit, bufferRAM: uint64(m.Bufferram) * unit, //nolint:unconvert // the same
		totalSwap: uint64(m.Totalswap) * unit, freeSwap: uint64(m.Freeswap) * unit, procs: m.Procs} //nolint:unconvert // the same
	for n := range i.loads {
		i.loads[n] = uint64(m.Loads[n]) //nolint:unconvert // the same
	}
	return i
}

// bytes is the structure as an ABI has it. Where a word is too narrow, memory is counted in pages, as the kernel does (compat_sysinfo of
// kernel/sys.c). There is no high memory.
func (i *info) bytes(word int, order binary.ByteOrder) []byte {
	size, unit := 112, uint64(1)
	if word == 4 {
		size = 64
		if (i.totalRAM|i.totalSwap)>>32 != 0 {
			unit = uint64(unix.Getpagesize())
		}
	}
	w := longs{b: make([]byte, size), word: word, order: order}
	w.long(i.uptime)
	for _, v := range i.loads {
		w.long(v)
	}
	for _, v := range [...]uint64{i.totalRAM, i.freeRAM, i.sharedRAM, i.bufferRAM, i.totalSwap, i.freeSwap} {
		w.long(v / unit)
	}
	order.PutUint16(w.b[w.at:], i.procs)
	w.at += word // with its padding
	w.at += 2 * word
	order.PutUint32(w.b[w.at:], uint32(unit))
	return w.b
}

// A longs is a structure of longs being written.
type longs struct {
	b     []byte
	at    int
	word  int
	order binary.ByteOrder
}

func (w *longs) long(v uint64) {
	if w.word == 4 {
		w.order.PutUint32(w.b[w.at:], uint32(v))
	} else {
		w.order.PutUint64(w.b[w.at:], v)
	}
	w.at += w.word
}
