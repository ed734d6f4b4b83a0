package arch

// Two old multiplexers, socketcall(2) and ipc(2), carry other calls. The Decoder shows the call that is meant, with its own
// name, ID and signature; Call.Mux names the multiplexer.

// Where an argument of the real call comes from: an index into the multiplexer's own arguments, or one of these.
const (
	fromPointee   = 8  // the word that ptr points to (semctl's union)
	fromKludgeMsg = 9  // the first word of struct ipc_kludge at ptr (msgrcv before version 1)
	fromKludgeTyp = 10 // its second word
)

// Names of ipc's arguments (ipc/syscall.c).
const (
	ipcFirst  = 1
	ipcSecond = 2
	ipcThird  = 3
	ipcPtr    = 4
	ipcFifth  = 5
)

// A muxCall is one call that a multiplexer carries.
type muxCall struct {
	name string
	args string // one byte per argument, as above; of socketcall: only how many
}

// socketCalls is indexed by socketcall's first argument (include/uapi/linux/net.h, net/socket.c).
var socketCalls = [...]muxCall{
	1:  {"socket", "\x00\x01\x02"},
	2:  {"bind", "\x00\x01\x02"},
	3:  {"connect", "\x00\x01\x02"},
	4:  {"listen", "\x00\x01"},
	5:  {"accept", "\x00\x01\x02"},
	6:  {"getsockname", "\x00\x01\x02"},
	7:  {"getpeername", "\x00\x01\x02"},
	8:  {"socketpair", "\x00\x01\x02\x03"},
	9:  {"send", "\x00\x01\x02\x03"},
	10: {"recv", "\x00\x01\x02\x03"},
	11: {"sendto", "\x00\x01\x02\x03\x04\x05"},
	12: {"recvfrom", "\x00\x01\x02\x03\x04\x05"},
	13: {"shutdown", "\x00\x01"},
	14: {"setsockopt", "\x00\x01\x02\x03\x04"},
	15: {"getsockopt", "\x00\x01\x02\x03\x04"},
	16: {"sendmsg", "\x00\x01\x02"},
	17: {"recvmsg", "\x00\x01\x02"},
	18: {"accept4", "\x00\x01\x02\x03"},
	19: {"recvmmsg", "\x00\x01\x02\x03\x04"},
	20: {"sendmmsg", "\x00\x01\x02\x03"},
}

// ipcCalls is indexed by the lower half of ipc's first argument (include/uapi/linux/ipc.h, ipc/syscall.c).
var ipcCalls = [...]muxCall{
	1:  {"semop", "\x01\x04\x02"},
	2:  {"semget", "\x01\x02\x03"},
	3:  {"semctl", "\x01\x02\x03\x08"},
	4:  {"semtimedop", "\x01\x04\x02\x05"},
	11: {"msgsnd", "\x01\x04\x02\x03"},
	12: {"msgrcv", "\x01\x04\x02\x05\x03"},
	13: {"msgget", "\x01\x02"},
	14: {"msgctl", "\x01\x02\x04"},
	21: {"shmat", "\x01\x04\x02"},
	22: {"shmdt", "\x04"},
	23: {"shmget", "\x01\x02\x03"},
	24: {"shmctl", "\x01\x02\x04"},
}

// msgrcvKludge is msgrcv's recipe in version 0, where ptr leads to the buffer and the type.
const msgrcvKludge = "\x01\x09\x02\x0a\x03"

// demux replaces c's identity and args if the call is a multiplexer. It is false if the real call is known but its arguments
// cannot be read; args[0] is then the address of what could not.
func (d *Decoder) demux(args *[6]uint64) bool {
	if d.mem == nil {
		return true
	}
	switch d.call.Name {
	case "socketcall":
		return d.demuxSocket(args)
	case "ipc":
		return d.demuxIPC(args)
	case "mmap", "mmap2", "select":
		if n := oldBlock(d.call.Name, d.call.ABI, uint32(args[0])); n > 0 {
			return d.unpack(args, args[0], n)
		}
	}
	return true
}

// ppcSelect is from where on PowerPC's select takes its first argument for a pointer (arch/powerpc/kernel/syscalls.c).
const ppcSelect = 4096

// oldBlock is how many arguments a call takes from a block of memory that its only argument leads to, 0 for one that takes
// them from registers: sys_old_mmap and sys_old_select (mm/util.c, fs/select.c, arch/s390/kernel/syscall.c,
// arch/x86/kernel/sys_ia32.c); of s390's, mmap2 is the same with an offset in pages.
func oldBlock(name string, abi ABI, first uint32) int {
	switch {
	case name == "select" && (abi == I386 || abi == M68K || abi == PPC && first >= ppcSelect):
		return 5
	case name == "mmap" && (abi == I386 || abi == M68K || abi == S390 || abi == S390X):
		return 6
	case name == "mmap2" && abi == S390:
		return 6
	}
	return 0
}

// InBlock says whether a call takes its arguments from a block of memory on the ABI, or may do so: its registers say nothing then.
func InBlock(abi ABI, id ID) bool { return oldBlock(id.Name(), abi, ppcSelect) > 0 }

// unpack replaces the arguments by those in a block of words.
func (d *Decoder) unpack(args *[6]uint64, block uint64, n int) bool {
	addr := d.address(d.facts.register(block))
	*args = [6]uint64{addr}
	buf, state := d.block(addr, n*int(d.word))
	if state != OK {
		d.call.lost = true
		return false
	}
	for i := range n {
		args[i] = d.wordAt(buf, i)
	}
	return true
}

func (d *Decoder) demuxSocket(args *[6]uint64) bool {
	m, ok := muxAt(socketCalls[:], uint32(args[0]))
	if !ok || !d.become(m) {
		return true
	}
	return d.unpack(args, args[1], len(m.args))
}

func (d *Decoder) demuxIPC(args *[6]uint64) bool {
	m, ok := muxAt(ipcCalls[:], uint32(args[0])&0xffff)
	if !ok || !d.become(m) {
		return true
	}
	recipe := m.args
	d.oldControl = controlCall(m.name) && args[controlOp(m.name)]&ipc64 == 0
	d.call.behind = m.name == "semctl"
	if m.name == "msgrcv" && uint32(args[0])>>16 == 0 {
		recipe = msgrcvKludge
	}
	// arch/s390/kernel/syscall.c: there is no fifth argument, the third is passed on in its place.
	if d.call.ABI == S390 || d.call.ABI == S390X {
		args[ipcFifth] = args[ipcThird]
	}
	d.rearrange(args, recipe)
	return true
}

// ipc64 is IPC_64: without it, the structs are those of before version 2.2 (ipc/util.h), which are not described. Where the
// calls have numbers of their own, these need no flag.
const ipc64 = 0x100

func controlCall(name string) bool { return name == "semctl" || name == "msgctl" || name == "shmctl" }

// controlOp is which of ipc's arguments is the operation.
func controlOp(name string) int {
	if name == "semctl" {
		return ipcThird
	}
	return ipcSecond
}

// rearrange builds the real call's arguments from the multiplexer's by a recipe.
// What is behind ptr and cannot be read is marked in d.missing; in its place is ptr.
func (d *Decoder) rearrange(args *[6]uint64, recipe string) {
	var behind [2]uint64
	n := wordsBehind(recipe)
	readable := d.wordsAt(behind[:n], args[ipcPtr])
	old := *args
	*args = [6]uint64{}
	for i := range len(recipe) {
		args[i] = source(recipe[i], &old, &behind)
		if !readable && recipe[i] >= fromPointee {
			args[i] = old[ipcPtr]
			d.missing |= 1 << i
		}
	}
	d.call.behind = d.call.behind && readable
}

// wordsAt reads words at a pointer.
func (d *Decoder) wordsAt(words []uint64, pointer uint64) bool {
	if len(words) == 0 {
		return true
	}
	buf, state := d.block(d.address(d.facts.register(pointer)), len(words)*int(d.word))
	if state != OK {
		return false
	}
	for i := range words {
		words[i] = d.wordAt(buf, i)
	}
	return true
}

func source(from byte, args *[6]uint64, behind *[2]uint64) uint64 {
	switch from {
	case fromPointee, fromKludgeMsg:
		return behind[0]
	case fromKludgeTyp:
		return behind[1]
	}
	return args[from]
}

// wordsBehind is how many words a recipe takes from behind ptr.
func wordsBehind(recipe string) (n int) {
	for i := range len(recipe) {
		switch recipe[i] {
		case fromPointee, fromKludgeMsg:
			n = max(n, 1)
		case fromKludgeTyp:
			n = 2
		}
	}
	return n
}

func muxAt(table []muxCall, i uint32) (muxCall, bool) {
	if i >= uint32(len(table)) || table[i].name == "" {
		return muxCall{}, false
	}
	return table[i], true
}

// become makes the call the one that is meant. It is false, and nothing changes, if that call is not described.
func (d *Decoder) become(m muxCall) bool {
	id, ok := LookupID(m.name)
	if !ok {
		return false
	}
	c := d.call
	c.Mux, c.ID, c.Name, c.Sig = c.ID, id, m.name, c.ABI.Signature(id)
	return true
}

func (d *Decoder) wordAt(buf []byte, i int) uint64 {
	w := int(d.word)
	return number(buf[i*w:][:w], d.big)
}
