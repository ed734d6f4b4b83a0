package container

import (
	"bytes"
	"encoding/binary"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/emulate"
)

const bpfNote = "programs of devices, on control groups of the container's own; another command is the caller's own"

func bpfRows() []row {
	return []row{{call: "bpf", copy: copyBPF, do: bpf, large: true, slow: func(o *op) bool { return o.flags(0) == unix.BPF_PROG_LOAD }, note: bpfNote}}
}

// What is copied of a bpf call, by position in an op's pieces.
const (
	bpfAttr = iota
	bpfCode
	bpfLicense
	bpfPieces
)

const (
	bpfPage = 4096 // the most that bpf_check_uarg_tail_zero() of kernel/bpf/syscall.c takes, with pages of that size

	// bpfKnown is as much of union bpf_attr as has a meaning here. What a caller gives behind it must be zero, as for a kernel that
	// knows no more of it.
	bpfKnown = 168

	// maxCode is BPF_COMPLEXITY_LIMIT_INSNS of include/linux/bpf.h: how many instructions whoever has CAP_BPF may load.
	maxCode     = 1_000_000
	instruction = 8
	maxLicense  = 127 // bpf_prog_load() of kernel/bpf/syscall.c
)

// A bpfUnion is union bpf_attr of include/uapi/linux/bpf.h. It has the same layout in every ABI.
type bpfUnion []byte

func (b bpfUnion) u32(at int) uint32       { return binary.NativeEndian.Uint32(b[at:]) }
func (b bpfUnion) u64(at int) uint64       { return binary.NativeEndian.Uint64(b[at:]) }
func (b bpfUnion) put32(at int, v uint32)  { binary.NativeEndian.PutUint32(b[at:], v) }
func (b bpfUnion) put64(at int, v uintptr) { binary.NativeEndian.PutUint64(b[at:], uint64(v)) }

// bpfUnionOf is what was copied, with room for all that is known.
func (o *op) bpfUnionOf() bpfUnion {
	b := make(bpfUnion, max(bpfKnown, len(o.pieces[bpfAttr].P)))
	copy(b, o.pieces[bpfAttr].P)
	return b
}

// Where BPF_PROG_LOAD has its fields.
const (
	loadType     = 0
	loadCount    = 4
	loadCode     = 8
	loadLicense  = 16
	loadLogLevel = 24
	loadLogSize  = 28
	loadLog      = 32
	loadFlags    = 44
	loadDevice   = 64
	loadAttach   = 68
	loadRest     = 72 // types of its own, functions, other programs
	loadLogTrue  = 140
)

// copyBPF takes the union once and, of a program, its instructions and its licence.
func copyBPF(o *op, raw *arch.Data, mem arch.Memory) {
	clear(o.pieces[:bpfPieces])
	attr := &o.pieces[bpfAttr]
	attr.Addr, attr.Size = word(raw, 1), uint64(uint32(raw.Args[2]))
	attr.Read(bpfPage, mem)
	o.mem.List = o.pieces[:bpfPieces]
	b := o.bpfUnionOf()
	if kind := b.u32(loadType); uint32(raw.Args[0]) != unix.BPF_PROG_LOAD || kind != unix.BPF_PROG_TYPE_CGROUP_DEVICE && kind != unix.BPF_PROG_TYPE_CGROUP_SKB {
		return
	}
	code := &o.pieces[bpfCode]
	code.Addr = b.u64(loadCode)
	if n := b.u32(loadCount); n <= maxCode {
		code.Size = uint64(n) * instruction
	}
	code.Read(maxCode*instruction, mem)
	o.pieces[bpfLicense].ReadText(b.u64(loadLicense), maxLicense, mem)
}

// bpf performs what is about programs of devices.
func bpf(o *op) emulate.Result {
	b, cmd := o.bpfUnionOf(), o.flags(0)
	s := &o.pieces[bpfAttr]
	switch {
	case s.Size > bpfPage:
		return emulate.Errno(unix.E2BIG)
	case s.Size > 0 && s.Whole() == nil:
		return emulate.Errno(unix.EFAULT)
	case bytes.Count(b[bpfKnown:], []byte{0}) < len(b)-bpfKnown:
		return emulate.Errno(unix.E2BIG)
	}
	for _, c := range deviceCommands() {
		if c.cmd == cmd && b.u32(c.kind) == c.wanted {
			return c.do(o, b)
		}
	}
	return o.otherBPF(b, cmd)
}

// A deviceCommand is a command of bpf(2) that is performed where a field says that it is about devices.
type deviceCommand struct {
	cmd    uint32
	kind   int
	wanted uint32
	do     func(o *op, b bpfUnion) emulate.Result
}

func deviceCommands() []deviceCommand {
	return []deviceCommand{
		{unix.BPF_PROG_LOAD, loadType, unix.BPF_PROG_TYPE_CGROUP_DEVICE, loadProgram},
		{unix.BPF_PROG_LOAD, loadType, unix.BPF_PROG_TYPE_CGROUP_SKB, loadProgram}, // runc finds out so whether programs can be attached
		{unix.BPF_PROG_ATTACH, attachKind, unix.BPF_CGROUP_DEVICE, attachProgram},
		{unix.BPF_PROG_DETACH, attachKind, unix.BPF_CGROUP_DEVICE, detachProgram},
		{unix.BPF_PROG_QUERY, queryKind, unix.BPF_CGROUP_DEVICE, queryPrograms},
	}
}

// callBPF makes the call. All of the union is given: a field that the caller has left out is zero, and a descriptor among them is the
// caller's descriptor 0, not the supervisor's.
func (a *actor) callBPF(o *op, cmd uint32, b bpfUnion) (uintptr, syscall.Errno) {
	return a.call(unix.SYS_BPF, uintptr(cmd), o.block(b), uintptr(len(b)))
}

// bpfDescriptor puts a copy of the caller's descriptor in the place of its number, and gives the copy; -1 for none.
func (o *op) bpfDescriptor(b bpfUnion, at int) int {
	fd, errno := o.descriptor(int(int32(b.u32(at))))
	if errno != 0 {
		b.put32(at, 1<<30) // nobody has so many
		return -1
	}
	b.put32(at, uint32(o.closing(fd)))
	return fd
}

// loadProgram has the kernel verify and load a program, for a caller with the right to load programs and with no other: neither may it
// read the kernel's memory (CAP_PERFMON) nor name what belongs to others (CAP_SYS_ADMIN).
func loadProgram(o *op, b bpfUnion) emulate.Result {
	code := o.pieces[bpfCode].Whole()
	if why := strangeProgram(b, code); why != "" {
		return o.refuse(why)
	}
	count := int(b.u32(loadCount))
	if count <= maxCode && !o.f.loaded.room(o, count) {
		o.f.log.Warn("a container has more device programs than it may", "tid", o.env.TID)
		return emulate.Errno(unix.ENOMEM)
	}
	a, errno := o.actor(programming)
	if errno != 0 {
		return emulate.Errno(errno)
	}
	b.put64(loadCode, o.block(code))
	b.put64(loadLicense, o.license())
	at, log := b.u64(loadLog), o.programLog(b)
	r, errno := a.callBPF(o, unix.BPF_PROG_LOAD, b)
	fd, errno := opened(r, errno)
	if errno == 0 {
		errno = o.f.loaded.add(o, fd, count)
	}
	res := emulate.Errno(errno)
	if errno == 0 {
		res = emulate.Install(fd, true)
	} else if fd >= 0 {
		unix.Close(fd)
	}
	list := o.fields(b, [2]int{loadLogTrue, 4})
	if end := bytes.IndexByte(log, 0); end > 0 {
		list = append(list, emulate.Out{Addr: at, P: log[:end+1]})
	}
	return res.Scatter(list)
}

// fields are what the kernel fills of the union, by offset and size, as far as the target has room for it.
func (o *op) fields(b bpfUnion, fields ...[2]int) (list []emulate.Out) {
	s := &o.pieces[bpfAttr]
	for _, f := range fields {
		if end := f[0] + f[1]; uint64(end) <= s.Size {
			list = append(list, emulate.Out{Addr: s.Addr + uint64(f[0]), P: b[f[0]:end]})
		}
	}
	return list
}

// license is the copied licence: the kernel takes what it gets of one that has no end.
func (o *op) license() uintptr {
	s := &o.pieces[bpfLicense]
	if !s.Ended() && len(s.P) < maxLicense {
		return nowhere
	}
	return o.cstring(string(bytes.TrimRight(s.P, "\x00")))
}

// maxLog bounds what the verifier says to a container: as much as libbpf asks for.
const maxLog = 1 << 24

// programLog puts a buffer of the supervisor's in the place of the caller's. One that the kernel refuses (bpf_verifier_log_attr_valid()
// of kernel/bpf/log.c) is no buffer here either.
func (o *op) programLog(b bpfUnion) []byte {
	size := b.u32(loadLogSize)
	if b.u64(loadLog) == 0 {
		return nil
	}
	b.put64(loadLog, nowhere)
	if size == 0 || size > 1<<30-1 || b.u32(loadLogLevel) == 0 {
		return nil
	}
	size = min(size, maxLog)
	log := make([]byte, size)
	b.put32(loadLogSize, size)
	b.put64(loadLog, o.block(log))
	return log
}

// strangeProgram says why a program is not loaded: because it names what it would name among the supervisor's descriptors, or because it
// could run for ever. Helpers are such a thing (bpf_loop() within bpf_loop()), and no program of devices of a container runtime or of
// systemd needs any.
func strangeProgram(b bpfUnion, code []byte) string {
	rest := bytes.Clone(b[loadRest:])
	clear(rest[loadLogTrue-loadRest:][:4])
	kind := b.u32(loadAttach)
	switch {
	case b.u32(loadFlags)&bpfTokenFD != 0 || bytes.Count(rest, []byte{0}) < len(rest):
		return "a device program has no types, functions, tokens or signatures of its own"
	case b.u32(loadDevice) != 0 || kind != 0 && kind != unix.BPF_CGROUP_DEVICE:
		return "a device program is for control groups"
	}
	for ; len(code) >= instruction; code = code[instruction:] {
		if !plainInstruction(code) {
			return "a device program calls no helper, names no map and counts no loops"
		}
	}
	return ""
}

// bpfTokenFD is BPF_F_TOKEN_FD of include/uapi/linux/bpf.h.
const bpfTokenFD = 1 << 16

// plainInstruction says whether an instruction only computes, compares, looks at the request, or calls a function of the program itself
// (Documentation/bpf/standardization/instruction-set.rst).
func plainInstruction(code []byte) bool {
	const (
		wide = unix.BPF_LD | unix.BPF_IMM | 0x18 // 64 bits, with a kind of what they mean in the source register
		call = unix.BPF_JMP | 0x80
		far  = 0x06 | 0x80 // a call of the class of 32-bit jumps, which is none
		may  = unix.BPF_JMP | 0xe0
	)
	source := code[1] >> 4
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		source = code[1] & 0xf // bit fields begin at the other end
	}
	switch code[0] {
	case wide:
		return source == 0
	case call, call | unix.BPF_X:
		return source == unix.BPF_PSEUDO_CALL
	case far, far | unix.BPF_X, may, may | unix.BPF_X:
		return false
	}
	return true
}
