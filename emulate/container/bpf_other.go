package container

import (
	"bytes"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
)

// An otherCommand is a command of bpf(2) that is the caller's own: with its own rights and descriptors, and without its memory, which the
// kernel does not look at before it has refused a caller without rights.
type otherCommand struct {
	cmd      uint32
	fds      []int // where the union has descriptors
	maybe    []int // the same, where 0 is none
	pointers []int
	gives    bool // a descriptor
}

func otherCommands() (list []otherCommand) {
	for _, cmd := range []uint32{unix.BPF_MAP_LOOKUP_ELEM, unix.BPF_MAP_UPDATE_ELEM, unix.BPF_MAP_DELETE_ELEM, unix.BPF_MAP_GET_NEXT_KEY,
		unix.BPF_MAP_LOOKUP_AND_DELETE_ELEM} {
		list = append(list, otherCommand{cmd: cmd, fds: []int{0}, pointers: []int{8, 16}})
	}
	for _, cmd := range []uint32{unix.BPF_MAP_LOOKUP_BATCH, unix.BPF_MAP_LOOKUP_AND_DELETE_BATCH, unix.BPF_MAP_UPDATE_BATCH, unix.BPF_MAP_DELETE_BATCH} {
		list = append(list, otherCommand{cmd: cmd, fds: []int{36}, pointers: []int{0, 8, 16, 24}})
	}
	for _, cmd := range []uint32{unix.BPF_PROG_GET_NEXT_ID, unix.BPF_MAP_GET_NEXT_ID, unix.BPF_BTF_GET_NEXT_ID, unix.BPF_LINK_GET_NEXT_ID} {
		list = append(list, otherCommand{cmd: cmd})
	}
	for _, cmd := range []uint32{unix.BPF_PROG_GET_FD_BY_ID, unix.BPF_MAP_GET_FD_BY_ID, unix.BPF_BTF_GET_FD_BY_ID, unix.BPF_LINK_GET_FD_BY_ID} {
		list = append(list, otherCommand{cmd: cmd, maybe: []int{12}, gives: true})
	}
	const programs, tokens, stream = 35, 36, 37
	return append(list,
		otherCommand{cmd: unix.BPF_MAP_CREATE, maybe: []int{20, 48, 72, 76}, pointers: []int{80}, gives: true},
		otherCommand{cmd: unix.BPF_PROG_LOAD, maybe: []int{72, 112, 144}, pointers: []int{8, 16, 32, 80, 96, 120, 128, 152}, gives: true},
		otherCommand{cmd: unix.BPF_PROG_ATTACH, fds: []int{0, 4}, maybe: []int{16, 20}},
		otherCommand{cmd: unix.BPF_PROG_DETACH, fds: []int{0, 4}, maybe: []int{16, 20}},
		otherCommand{cmd: unix.BPF_PROG_QUERY, fds: []int{0}, pointers: []int{16, 32, 40, 48}},
		otherCommand{cmd: unix.BPF_PROG_TEST_RUN, fds: []int{0}, pointers: []int{16, 24, 48, 56}},
		otherCommand{cmd: unix.BPF_RAW_TRACEPOINT_OPEN, fds: []int{8}, pointers: []int{0}, gives: true},
		otherCommand{cmd: unix.BPF_BTF_LOAD, maybe: []int{36}, pointers: []int{0, 8}, gives: true},
		otherCommand{cmd: unix.BPF_TASK_FD_QUERY, pointers: []int{16}},
		otherCommand{cmd: unix.BPF_MAP_FREEZE, fds: []int{0}},
		otherCommand{cmd: unix.BPF_LINK_UPDATE, fds: []int{0, 4}, maybe: []int{12}},
		otherCommand{cmd: unix.BPF_LINK_DETACH, fds: []int{0}},
		otherCommand{cmd: unix.BPF_ENABLE_STATS, gives: true},
		otherCommand{cmd: unix.BPF_ITER_CREATE, fds: []int{0}, gives: true},
		otherCommand{cmd: programs, fds: []int{0, 4}},
		otherCommand{cmd: tokens, fds: []int{4}, gives: true},
		otherCommand{cmd: stream, fds: []int{16}, pointers: []int{0}})
}

// otherBPF makes the call as the caller. Of what is not known, and of what would attach a program without a look at where (whoever has a
// program may attach it: bpf_prog_attach_check_attach_type() of kernel/bpf/syscall.c) or take a path, there is no more than a refusal.
func (o *op) otherBPF(b bpfUnion, cmd uint32) emulate.Result {
	if cmd == unix.BPF_OBJ_GET_INFO_BY_FD {
		return o.informed(b)
	}
	for _, c := range otherCommands() {
		if c.cmd == cmd {
			return o.asCaller(b, &c)
		}
	}
	const lastKnown = 38
	if cmd > lastKnown {
		return emulate.Errno(unix.EINVAL)
	}
	return o.refuse("the command of bpf is not performed")
}

// attachKinds is more than any kernel has of them so far (enum bpf_attach_type).
const attachKinds = 256

func (o *op) asCaller(b bpfUnion, c *otherCommand) emulate.Result {
	a, errno := o.actor(asTarget)
	if errno != 0 {
		return emulate.Errno(errno)
	}
	if c.cmd == unix.BPF_PROG_ATTACH && b.u32(attachKind) < attachKinds && o.f.loaded.has(o, o.bpfDescriptor(bytes.Clone(b), attachProg)) {
		return o.refuse("what the supervisor has loaded is attached as a program of devices or not at all")
	}
	for _, at := range c.fds {
		o.bpfDescriptor(b, at)
	}
	for _, at := range c.maybe {
		if b.u32(at) != 0 {
			o.bpfDescriptor(b, at)
		}
	}
	for _, at := range c.pointers {
		if b.u64(at) != 0 {
			b.put64(at, nowhere)
		}
	}
	r, errno := a.callBPF(o, c.cmd, b)
	if errno == 0 && c.gives {
		return installed(r)
	}
	return result(r, errno)
}

func installed(r uintptr) emulate.Result {
	fd, errno := opened(r, 0)
	if errno != 0 {
		return emulate.Errno(errno)
	}
	return emulate.Install(fd, true)
}

// Where BPF_OBJ_GET_INFO_BY_FD has its fields.
const (
	infoFD   = 0
	infoSize = 4
	infoAt   = 8
	maxAbout = 4096
)

// informed tells what a descriptor is, but for lists that the caller has room for elsewhere: a program of devices has none.
func (o *op) informed(b bpfUnion) emulate.Result {
	a, errno := o.actor(asTarget)
	if errno != 0 {
		return emulate.Errno(errno)
	}
	o.bpfDescriptor(b, infoFD)
	at, size := b.u64(infoAt), b.u32(infoSize)
	info := make([]byte, min(size, maxAbout))
	b.put64(infoAt, o.block(info))
	if _, errno := a.callBPF(o, unix.BPF_OBJ_GET_INFO_BY_FD, b); errno != 0 {
		return emulate.Errno(errno)
	}
	res := emulate.Return(0)
	if n := min(int(b.u32(infoSize)), len(info)); n > 0 {
		res = res.Write(at, info[:n])
	}
	return res.Scatter(o.fields(b, [2]int{infoSize, 4}))
}
