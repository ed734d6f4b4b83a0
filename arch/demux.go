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
	}
	return true
}

func (d *Decoder) demuxSocket(args *[6]uint64) bool {
	m, ok := muxAt(socketCalls[:], uint32(args[0]))
	if !ok || !d.become(m) {
		return true
	}
	addr := d.address(d.facts.register(args[1]))
	*args = [6]uint64{addr}
	buf, state := d.block(addr, len(m.args)*int(d.word))
	if state != OK {
		return false
	}
	for i := range m.args {
		args[i] = d.wordAt(buf, i)
	}
	return true
}

func (d *Decoder) demuxIPC(args *[6]uint64) bool {
	m, ok := muxAt(ipcCalls[:], uint32(args[0])&0xffff)
	if !ok || !d.become(m) {
		return true
	}
	recipe := m.args
	if m.name == "msgrcv" && uint32(args[0])>>16 == 0 {
		recipe = msgrcvKludge
	}
	// arch/s390/kernel/syscall.c: there is no fifth argument, the third is passed on in its place.
	if d.call.ABI == S390 || d.call.ABI == S390X {
		args[ipcFifth] = args[ipcThird]
	}
	return d.rearrange(args, recipe)
}

// rearrange builds the real call's arguments from the multiplexer's by a recipe.
func (d *Decoder) rearrange(args *[6]uint64, recipe string) bool {
	var behind [2]uint64
	if n := wordsBehind(recipe); n > 0 {
		addr := d.address(d.facts.register(args[ipcPtr]))
		buf, state := d.block(addr, n*int(d.word))
		if state != OK {
			*args = [6]uint64{addr}
			return false
		}
		for i := range n {
			behind[i] = d.wordAt(buf, i)
		}
	}
	old := *args
	*args = [6]uint64{}
	for i := range len(recipe) {
		args[i] = source(recipe[i], &old, &behind)
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
