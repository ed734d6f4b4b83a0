package container

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
)

// Where BPF_PROG_ATTACH and BPF_PROG_DETACH have their fields.
const (
	attachTarget  = 0
	attachProg    = 4
	attachKind    = 8
	attachFlags   = 12
	attachReplace = 16
	attachBeside  = 20
)

// Flags of attaching, as include/uapi/linux/bpf.h has them.
const (
	allowOverride = 1 << 0
	allowMulti    = 1 << 1
	replaceOne    = 1 << 2
	relative      = 1<<3 | 1<<4 | 1<<5 | 1<<13 // BEFORE, AFTER, ID, LINK: there is another program's number in the union
)

// A standing says what a control group is to the caller.
type standing uint8

const (
	noGroup standing = iota // none of the second version: the kernel says what is wrong with it
	foreignGroup
	ownGroup // the container's outermost: others may have attached programs there
	innerGroup
)

// attachProgram attaches a program to a control group of the container's. In the kernel a program can only forbid more than those above
// it do, unless one of them was attached with BPF_F_ALLOW_OVERRIDE, which makes it yield to any below it (compute_effective_progs() of
// kernel/bpf/cgroup.c): there nothing is attached. In the container's outermost group whoever made the container has attached programs:
// there a container's may be added, and replace its own.
func attachProgram(o *op, b bpfUnion) emulate.Result {
	flags := b.u32(attachFlags)
	if flags&relative != 0 || b.u32(attachBeside) != 0 {
		return o.refuse("programs are attached in no place among others")
	}
	o.f.loaded.attaching.Lock()
	defer o.f.loaded.attaching.Unlock()
	target := o.bpfDescriptor(b, attachTarget)
	o.bpfDescriptor(b, attachProg)
	replaced := -1
	if flags&replaceOne != 0 {
		replaced = o.bpfDescriptor(b, attachReplace)
	} else {
		b.put32(attachReplace, 0)
	}
	what, why := o.standing(target)
	switch {
	case why != "":
		return o.refuse(why)
	case what == ownGroup && flags&allowMulti == 0:
		return o.refuse("a container's outermost control group takes programs beside others only (BPF_F_ALLOW_MULTI)")
	case what == ownGroup && flags&replaceOne != 0 && !o.f.loaded.has(o, replaced):
		return o.refuse("the program to be replaced is not the container's")
	case what != noGroup && o.overridden(target):
		return o.refuse("a program above would yield to the container's (BPF_F_ALLOW_OVERRIDE)")
	}
	return o.programmed(unix.BPF_PROG_ATTACH, b)
}

// detachProgram takes a program from a control group of the container's; from the outermost one only what the supervisor has loaded for
// the container. Where programs exclude each other, the kernel takes whichever is there (find_detach_entry() of kernel/bpf/cgroup.c).
func detachProgram(o *op, b bpfUnion) emulate.Result {
	o.f.loaded.attaching.Lock()
	defer o.f.loaded.attaching.Unlock()
	target := o.bpfDescriptor(b, attachTarget)
	program := o.bpfDescriptor(b, attachProg)
	what, why := o.standing(target)
	if why != "" {
		return o.refuse(why)
	}
	if what == ownGroup {
		if flags, _, errno := o.attached(target); errno != 0 || flags&allowMulti == 0 || !o.f.loaded.has(o, program) {
			return o.refuse("the program is not the container's")
		}
	}
	return o.programmed(unix.BPF_PROG_DETACH, b)
}

// programmed makes the call for a caller that may load programs.
func (o *op) programmed(cmd uint32, b bpfUnion) emulate.Result {
	a, errno := o.actor(programming)
	if errno != 0 {
		return emulate.Errno(errno)
	}
	return result(a.callBPF(o, cmd, b))
}

// attached says how programs of devices are attached to a group, and how many.
func (o *op) attached(group int) (flags, count uint32, errno syscall.Errno) {
	b := make(bpfUnion, bpfKnown)
	b.put32(queryTarget, uint32(group))
	b.put32(queryKind, unix.BPF_CGROUP_DEVICE)
	_, errno = direct(unix.SYS_BPF, unix.BPF_PROG_QUERY, o.block(b), uintptr(len(b)))
	return b.u32(queryAttachFlags), b.u32(queryCount), errno
}

// overridden says whether a group above has a program that yields to those below. In doubt it has.
func (o *op) overridden(group int) bool {
	path, ok := o.f.groups.path(group)
	if !ok {
		return true
	}
	for path != "/" {
		path = above(path)
		dir, err := o.f.groups.open(path)
		if err != nil {
			return true
		}
		flags, count, errno := o.attached(dir)
		unix.Close(dir)
		if errno != 0 || count > 0 && flags&allowOverride != 0 {
			return true
		}
	}
	return false
}

// Where BPF_PROG_QUERY has its fields.
const (
	queryTarget      = 0
	queryKind        = 4
	queryAttachFlags = 12
	queryIDs         = 16
	queryCount       = 24
	queryFlagList    = 32
	queryRest        = 40 // of links
	queryRevision    = 56
)

// maxQueried bounds the list of programs: a group has 64 at most (BPF_CGROUP_MAX_PROGS of kernel/bpf/cgroup.c), and those above it theirs.
const maxQueried = 4096

// queryPrograms lists what is attached to a control group of the container's.
func queryPrograms(o *op, b bpfUnion) emulate.Result {
	if what, why := o.standing(o.bpfDescriptor(b, queryTarget)); why != "" && what != noGroup {
		return o.refuse(why)
	}
	ids, flags := b.u64(queryIDs), b.u64(queryFlagList)
	count := min(b.u32(queryCount), maxQueried)
	b.put32(queryCount, count)
	lists := [2][]byte{}
	for i, at := range [2]int{queryIDs, queryFlagList} {
		if b.u64(at) != 0 && count > 0 {
			lists[i] = make([]byte, 4*count)
			b.put64(at, o.block(lists[i]))
		}
	}
	for at := queryRest; at < queryRevision; at += 8 {
		if b.u64(at) != 0 {
			b.put64(at, nowhere)
		}
	}
	a, errno := o.actor(programming)
	if errno != 0 {
		return emulate.Errno(errno)
	}
	_, errno = a.callBPF(o, unix.BPF_PROG_QUERY, b)
	res := emulate.Errno(errno)
	if errno != 0 && errno != unix.ENOSPC {
		return res
	}
	got := 4 * min(count, b.u32(queryCount))
	for i, at := range [2]uint64{ids, flags} {
		if lists[i] != nil && got > 0 {
			res = res.Write(at, lists[i][:got])
		}
	}
	return res.Scatter(o.fields(b, [2]int{queryAttachFlags, 4}, [2]int{queryCount, 4}, [2]int{queryRevision, 8}))
}
