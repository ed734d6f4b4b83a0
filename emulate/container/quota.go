package container

import (
	"bytes"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/emulate"
)

// quotaRows are the calls on disk quotas, of a file system that a device or a descriptor names.
func quotaRows() []row {
	const note = "of file systems that are mounted in the container and not in the supervisor's mount namespace"
	only := func(o *op) bool { return o.quotaCommand().path }
	return []row{
		{call: "quotactl", texts: []int{1, 3}, copy: copyQuota(0), do: quotactl, slow: always, note: note,
			paths: []pathArg{{text: 1, dir: none, only: func(o *op) bool { return o.text(1).Addr != 0 }}, {text: 3, dir: none, only: only}}},
		{call: "quotactl_fd", texts: []int{3}, copy: copyQuota(1), do: quotactlFD, slow: always, note: note,
			paths: []pathArg{{text: 3, dir: none, only: only}}},
	}
}

// A quotaCommand is a command of quotactl(2) or, from 0x5800 on, of quotactl for XFS (include/uapi/linux/quota.h, dqblk_xfs.h).
type quotaCommand struct {
	cmd      uint32
	in, out  int // bytes of the structure that the kernel reads and writes, in the supervisor's ABI
	narrow   int // as i386 has it, where that is another size
	path     bool
	id       bool // the third argument is an id
	answered int  // where an id is in what is written, plus 1
}

const (
	blockSize  = 72  // struct if_dqblk, struct if_nextdqblk
	infoBytes  = 24  // struct if_dqinfo
	diskSize   = 112 // struct fs_disk_quota
	statSize   = 80  // struct fs_quota_stat
	statvSize  = 160 // struct fs_quota_statv
	narrowDQ   = 68
	narrowStat = 68
)

func quotaCommands() []quotaCommand {
	return []quotaCommand{
		{cmd: 0x800001}, {cmd: 0x800002, path: true}, {cmd: 0x800003}, // Q_SYNC, Q_QUOTAON, Q_QUOTAOFF
		{cmd: 0x800004, out: 4}, {cmd: 0x800005, out: infoBytes}, {cmd: 0x800006, in: infoBytes}, // Q_GETFMT, Q_GETINFO, Q_SETINFO
		{cmd: 0x800007, out: blockSize, narrow: narrowDQ, id: true}, // Q_GETQUOTA
		{cmd: 0x800008, in: blockSize, narrow: narrowDQ, id: true},  // Q_SETQUOTA
		{cmd: 0x800009, out: blockSize, id: true, answered: 68 + 1}, // Q_GETNEXTQUOTA
		{cmd: 0x5801, in: 4}, {cmd: 0x5802, in: 4}, {cmd: 0x5806, in: 4}, // Q_XQUOTAON, Q_XQUOTAOFF, Q_XQUOTARM
		{cmd: 0x5803, out: diskSize, id: true, answered: 4 + 1}, // Q_XGETQUOTA
		{cmd: 0x5804, in: diskSize, id: true},                   // Q_XSETQLIM
		{cmd: 0x5805, out: statSize, narrow: narrowStat},        // Q_XGETQSTAT
		{cmd: 0x5807},                        // Q_XQUOTASYNC
		{cmd: 0x5808, in: 1, out: statvSize}, // Q_XGETQSTATV
		{cmd: 0x5809, out: diskSize, id: true, answered: 4 + 1}, // Q_XGETNEXTQUOTA
	}
}

// typeBits are those of a command's number that say which quotas it is about: users', groups', projects'.
const typeBits = 8

// quotaNumber is the command as the caller gives it. quotactl_fd has it behind a descriptor and has no path of a device.
func (o *op) quotaNumber() uint32 {
	if len(o.row.texts) == 1 {
		return o.flags(1)
	}
	return o.flags(0)
}

func (o *op) quotaCommand() quotaCommand { return quotaCommandOf(o.quotaNumber()) }

// quotaCommandOf says what is known of a command; an unknown one has no structure.
func quotaCommandOf(number uint32) quotaCommand {
	for _, c := range quotaCommands() {
		if c.cmd == number>>typeBits {
			return c
		}
	}
	return quotaCommand{cmd: number >> typeBits}
}

// copyQuota: the last argument is a path or a structure. Of both readings one counts.
func copyQuota(at int) func(o *op, raw *arch.Data, mem arch.Memory) {
	return func(o *op, raw *arch.Data, mem arch.Memory) {
		c, text := quotaCommandOf(uint32(raw.Args[at])), len(o.row.texts)-1
		if c.path {
			return
		}
		o.pieces[text].P = nil
		s := &o.raws[0]
		s.Addr, s.Size = word(raw, 3), uint64(c.in)
		if c.narrow != 0 && c.in != 0 && isNarrow(raw.ABI) {
			s.Size = uint64(c.narrow)
		}
		s.Read(diskSize, mem)
		o.mem.List = o.pieces[:len(o.row.texts)+1]
	}
}

// isNarrow says whether 64-bit numbers need no room of eight bytes: in i386's structures (compat_need_64bit_alignment_fixup() of
// include/linux/compat.h).
func isNarrow(abi arch.ABI) bool { return abi == arch.I386 }

// quotactl is the caller's own where the kernel lets it: asking is mostly free. What takes rights is done for a file system of the
// container's.
func quotactl(o *op) emulate.Result {
	special, device := uintptr(0), -1
	if o.text(1).Addr != 0 {
		special = o.name(0)
	}
	if p := &o.pins[0]; p.state == held {
		device = p.fd
	}
	return o.quota(unix.SYS_QUOTACTL, uintptr(o.flags(0)), special, func() (mine, mapped bool) { return o.quotaDevice(device) })
}

// quotactlFD is quotactl_fd(2): Linux 5.14.
func quotactlFD(o *op) emulate.Result {
	fd, errno := o.descriptor(o.int(0))
	if errno != 0 {
		return emulate.Errno(errno)
	}
	o.closing(fd)
	return o.quota(unix.SYS_QUOTACTL_FD, uintptr(fd), uintptr(o.flags(1)), func() (mine, mapped bool) { return o.quotaMount(o.mountOf(fd)) })
}

func (o *op) quota(nr, first, second uintptr, owned func() (mine, mapped bool)) emulate.Result {
	c := o.quotaCommand()
	data, out := o.quotaData(&c)
	a, errno := o.actor(asTarget)
	if errno != 0 {
		return emulate.Errno(errno)
	}
	id := uintptr(o.flags(2))
	r, errno := a.call(nr, first, second, id, data)
	if errno != unix.EPERM {
		return o.quotaAnswer(&c, r, o.quotaErrno(errno), out)
	}
	mine, mapped := owned()
	if !mine {
		return emulate.Errno(unix.EPERM)
	}
	ids := o.ids(o.quotaNumber()&(1<<typeBits-1), mapped)
	if c.id {
		there, ok := ids.out(uint32(id))
		if !ok {
			return emulate.Errno(unix.EINVAL) // qid_has_mapping(), which quota_setquota() of fs/quota/quota.c asks
		}
		id = uintptr(there)
	}
	h, errno := o.actor(host)
	if errno != 0 {
		return emulate.Errno(errno)
	}
	r, errno = h.call(nr, first, second, id, data)
	if errno == 0 && c.answered > 0 {
		ids.in(out[c.answered-1:])
	}
	return o.quotaAnswer(&c, r, o.quotaErrno(errno), out)
}

// quotaErrno: the path of the device is looked up first, and what is wrong with the other one counts when that is needed.
func (o *op) quotaErrno(errno syscall.Errno) syscall.Errno {
	if o.pins[0].state == failed {
		return o.or(0, errno)
	}
	return o.or(len(o.row.paths)-1, errno)
}

// quotaData is the last argument: a path, or a structure of the supervisor's.
func (o *op) quotaData(c *quotaCommand) (uintptr, []byte) {
	addr := o.arg(3)
	switch {
	case c.path:
		return o.name(len(o.row.paths) - 1), nil
	case addr == 0:
		return 0, nil
	case c.in == 0 && c.out == 0:
		return nowhere, nil
	}
	in := o.raws[0].Whole()
	if c.in > 0 && in == nil {
		return nowhere, nil
	}
	b := make([]byte, max(c.in, c.out))
	copy(b, in)
	return o.block(b), b
}

// quotaAnswer gives the target what the kernel has written.
func (o *op) quotaAnswer(c *quotaCommand, r uintptr, errno syscall.Errno, out []byte) emulate.Result {
	if errno != 0 || c.out == 0 || out == nil {
		return result(r, errno)
	}
	out = out[:c.out]
	if c.narrow != 0 && isNarrow(o.call.ABI) {
		out = narrowed(c, out)
	}
	return result(r, errno).Write(o.arg(3), out)
}

// narrowed is a structure as i386 has it: struct compat_if_dqblk and struct compat_fs_quota_stat of fs/quota/compat.h.
func narrowed(c *quotaCommand, b []byte) []byte {
	if c.out != statSize {
		return b[:c.narrow]
	}
	const head, file, narrowFile = 8, 24, 20
	list := append(bytes.Clone(b[:head]), b[head:][:narrowFile]...)
	list = append(list, b[head+file:][:narrowFile]...)
	return append(list, b[head+2*file:]...)[:c.narrow]
}
