package perform

import (
	"bytes"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/internal/snapshot"
)

// socketRows are the calls that take a socket address: an address that was judged is the one that is connected to, bound or sent to.
func socketRows() []row {
	const peer = "the peer sees the supervisor's process id (SO_PEERCRED, SO_PEERPIDFD, SCM_CREDENTIALS); families that have descriptors or " +
		"memory of the caller's in their addresses or messages, and netlink messages that may have, are refused with EPERM; AF_UNSPEC is " +
		"no address for an internet socket to be bound or sent to (EAFNOSUPPORT)"
	return []row{
		{call: "connect", note: peer, copy: copyAddress, once: true, do: connect},
		{call: "bind", note: "a port of an AF_UNSPEC address is none of an internet socket's (EAFNOSUPPORT); where the supervisor has no CAP_SYS_ADMIN, and for paths through ..: a UNIX socket's own name is the last component of its path",
			copy: copyAddress, once: true, do: bind},
		{call: "sendto", note: peer + "; of more than 1 MiB for a stream, 1 MiB is sent", copy: copySendto, once: true, do: send},
		{call: "sendmsg", note: peer + "; of more than 1 MiB for a stream, 1 MiB is sent", copy: copySendmsg, once: true, do: send},
		{call: "sendmmsg", note: peer + "; fewer messages are sent at once than 1 MiB holds", copy: copySendmmsg, once: true, do: sendMany},
		{call: "socketcall", note: "what it carries of these calls", copy: copyCarried, do: unread},
	}
}

// A socketCall is what an op holds of a call on a socket: its own copy of everything that the arguments lead to.
type socketCall struct {
	args   [6]uint64 // as wide as the ABI's words
	word   int
	big    bool
	mem    arch.Memory      // during Copy
	seen   []snapshot.Piece // all that was read, for the decoder
	free   []byte           // room for copies
	data   int              // bytes of data that may still be copied
	pieces int              // and pieces of data
	msgs   []message
	next   int // of sendmmsg: the message that is to be sent

	sock   socket
	passed []int // copies of the target's descriptors that go with a message
	wait   bool  // the op may block

	// What the kernel reads: memory that does not move.
	un     [2 + maxUnixPath]byte
	header msgHeader
	vector []ioVec
}

// A socket is a copy of the target's descriptor, and what decides how calls on it go.
type socket struct {
	opened   bool
	fd       int // -1: there is none
	domain   int // -1: it is no socket
	kind     int // SOCK_STREAM and so on
	nonblock bool
}

const (
	maxUnixPath = 108     // sizeof(sun_path)
	maxSend     = 1 << 20 // bytes of data that one call copies
	maxPieces   = 4096    // pieces that they may be in
	maxAddress  = 128     // sizeof(struct sockaddr_storage)
	maxVector   = 1024    // UIO_MAXIOV: pieces of a message, messages of a call
	maxControl  = 1 << 18 // more than net.core.optmem_max lets anybody send
)

// copySocket copies what a call on a socket needs; the call is then decoded from that.
func (o *op) copySocket(raw *arch.Data, mem arch.Memory) arch.Memory {
	if o.sock == nil {
		o.sock = &socketCall{sock: socket{fd: -1}}
	}
	s := o.sock
	s.mem, s.word, s.big = mem, raw.ABI.Word(), raw.ABI.BigEndian()
	s.seen, s.msgs, s.data, s.pieces, s.next = s.seen[:0], s.msgs[:0], maxSend, maxPieces, 0
	for i := range s.args {
		s.args[i] = s.narrow(raw.Args[i])
	}
	o.row.copy(o)
	s.mem = nil
	o.mem = snapshot.Overlay{Under: mem, List: s.seen}
	return &o.mem
}

func (s *socketCall) narrow(v uint64) uint64 {
	if s.word == 4 {
		return uint64(uint32(v))
	}
	return v
}

// end lets go of what the call held, and of rooms that were unusually large.
func (s *socketCall) end() {
	for _, fd := range s.passed {
		unix.Close(fd)
	}
	if s.sock.fd >= 0 {
		unix.Close(s.sock.fd)
	}
	s.sock, s.passed, s.wait = socket{fd: -1}, s.passed[:0], false
	clear(s.seen)
	clear(s.msgs)
	s.seen, s.msgs, s.free = s.seen[:0], s.msgs[:0], nil
	if cap(s.vector) > maxVector {
		s.vector = nil
	}
}

// socket copies the target's socket. Without one the calls are made without one, so that the kernel says what is wrong with them.
func (o *op) socket() (*socket, syscall.Errno) {
	s := &o.sock.sock
	if s.opened {
		return s, o.admitted()
	}
	s.opened, s.domain, s.fd = true, -1, -1
	fd, errno := o.descriptor(int(int32(o.sock.args[0])))
	if errno != 0 {
		if errno == unix.EBADF {
			return s, 0
		}
		return s, errno
	}
	s.fd = fd
	if domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN); err == nil {
		s.domain = domain
		s.kind, _ = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	s.nonblock = err == nil && flags&unix.O_NONBLOCK != 0
	return s, o.admitted()
}

// admitted refuses the families whose addresses or messages hold descriptors or memory addresses, which would be taken for the
// supervisor's (struct sockaddr_xdp, RDS_CMSG_RDMA_ARGS), and those that nobody has looked at for that.
func (o *op) admitted() syscall.Errno {
	if len(o.sock.msgs) > 0 && !o.judged(0) {
		return unix.EPERM
	}
	switch o.sock.sock.domain {
	case -1, unix.AF_UNIX, unix.AF_INET, unix.AF_INET6, unix.AF_PACKET, unix.AF_VSOCK, unix.AF_CAN, unix.AF_BLUETOOTH:
		return 0
	case unix.AF_NETLINK:
		return o.admittedNetlink()
	}
	o.f.log.Warn("a call on a socket is refused: its family is not one that can be performed", "tid", o.env.TID, "call", o.call.Name,
		"family", o.sock.sock.domain)
	return unix.EPERM
}

// timed says whether the socket has a limit for sending: then a signal makes a call fail, where it would begin again else
// (sock_intr_errno of include/net/sock.h).
func (s *socket) timed() bool {
	t, err := unix.GetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO)
	return err == nil && (t.Sec != 0 || t.Usec != 0)
}

// broken is the result of a call that a signal may have ended.
func (s *socket) broken(errno syscall.Errno) emulate.Result {
	r := emulate.Errno(errno)
	if errno == unix.EINTR && s.timed() {
		return r.Final()
	}
	return r
}

// unixPath is the path in an address of a message, nil if it has none (unix(7), "Address format").
func (m *message) unixPath(big bool) []byte {
	b := m.name
	if len(b) < 3 || m.nameSize > 2+maxUnixPath || len(b) < int(m.nameSize) {
		return nil
	}
	family := uint16(b[0]) | uint16(b[1])<<8
	if big {
		family = uint16(b[1]) | uint16(b[0])<<8
	}
	if family != unix.AF_UNIX || b[2] == 0 {
		return nil
	}
	for i, c := range b[2:] {
		if c == 0 {
			return b[2 : 2+i]
		}
	}
	return b[2:]
}

// holdAddress takes hold of what the path in a message's address names; false: it has none.
func (o *op) holdAddress(m *message) bool {
	path, pin := m.unixPath(o.sock.big), &o.pins[0]
	if path == nil {
		return false
	}
	if pin.state != loose {
		return true
	}
	text := append(append(o.bufs[0][:0], path...), 0)
	base := unix.AT_FDCWD
	if text[0] != '/' {
		fd, errno := o.workingDirectory()
		if errno != 0 {
			pin.fail(errno)
			return true
		}
		base, o.base[0] = fd, fd
	}
	k := object
	if o.row.call == "bind" {
		k = name
	}
	o.find(pin, k, base, text)
	return true
}

// dropAddress makes room for the next message's.
func (o *op) dropAddress() {
	o.pins[0].close()
	o.closeBase(0)
}

// judged says whether a message's address is what the decision saw of it. Nothing else is sent to, whatever the reason.
func (o *op) judged(i int) bool {
	m := &o.sock.msgs[i]
	if len(m.name) < 2 || uint64(len(m.name)) < min(m.nameSize, maxAddress) {
		return true // there is none
	}
	v := o.decoded(i)
	return v != nil && v.Addr != nil && bytes.Equal(v.Bytes, m.name)
}

// decoded is a message's address as it was decoded; nil if it was not.
func (o *op) decoded(i int) *arch.Value {
	switch o.row.call {
	case "sendto":
		return &o.call.Args[4]
	case "sendmsg":
		return o.call.Args[1].Field("msg_name")
	case "sendmmsg":
		if i >= len(o.call.Args[1].List) {
			return nil
		}
		if header := o.call.Args[1].List[i].Field("msg_hdr"); header != nil {
			return header.Field("msg_name")
		}
		return nil
	}
	return &o.call.Args[1]
}

// socketPath is the path in the address of the call, for the decision. Which one of several would be meant is not known.
func (o *op) socketPath() (string, bool) {
	if len(o.sock.msgs) != 1 || o.become() != 0 || !o.holdAddress(&o.sock.msgs[0]) {
		return "", false
	}
	pin := &o.pins[0]
	if !pin.judged {
		pin.path, pin.judged = o.pathName(pin), true
	}
	return pin.path, pin.path != ""
}

// socketState is what the path in the address leads to.
func (o *op) socketState() pinState {
	if _, ok := o.socketPath(); !ok {
		return loose
	}
	return o.pins[0].state
}

// unixAddress is an address with a path, which need not end in NUL where there is no room for that.
func (s *socketCall) unixAddress(path []byte) (addr, size uintptr) {
	path = path[:min(len(path), maxUnixPath)]
	b := append(unixFamily(s.un[:0]), path...)
	return address(b), uintptr(len(b))
}

// missing is no descriptor's name.
func missing() []byte { return []byte("x\x00") }

// addressOf is a message's address as the kernel is to have it: the path replaced by what is held.
func (o *op) addressOf(m *message) (addr, size uintptr) {
	if o.sock.sock.domain == unix.AF_UNIX && o.holdAddress(m) {
		pin := &o.pins[0]
		if pin.state == failed {
			return o.sock.unixAddress(missing())
		}
		return o.sock.unixAddress(o.t.held(pin.fd))
	}
	switch {
	case m.nameAddr == 0:
		return 0, uintptr(m.nameSize)
	case uint64(len(m.name)) < min(m.nameSize, maxAddress):
		return absent(m.nameAddr), uintptr(m.nameSize)
	}
	return address(m.name[:len(m.name):len(m.name)]), uintptr(m.nameSize)
}

// unspecified says whether the kernel would take an address without a family for one of the internet's, which the decision has not seen
// in it (udp_sendmsg of net/ipv4/udp.c, __inet_bind of net/ipv4/af_inet.c). A stream that is sent to has its peer, and zeros bind to a port
// of the kernel's choice, as listen(2) does. IPv6 sockets can become IPv4 ones at any moment (IPV6_ADDRFORM of ipv6(7)).
func (o *op) unspecified(m *message) bool {
	const shortest = 16 // sizeof(struct sockaddr_in): of a shorter one the kernel says what it thinks
	s := &o.sock.sock
	if s.domain != unix.AF_INET && s.domain != unix.AF_INET6 || len(m.name) < shortest || m.name[0]|m.name[1] != unix.AF_UNSPEC {
		return false
	}
	if o.row.call == "bind" {
		return m.name[2]|m.name[3] != 0 // the port
	}
	return s.kind != unix.SOCK_STREAM
}

// sought is the errno of a call whose address has a path: where the kernel did not find what stood in its place, it is what it
// said when the path was looked up.
func (o *op) sought(errno syscall.Errno) syscall.Errno {
	if errno == unix.ENOENT && o.pins[0].state == failed {
		return o.pins[0].errno
	}
	return errno
}

// connect connects to what was judged. The socket's own flags say whether that may take long: they are the target's too, and are not
// touched.
func connect(o *op) emulate.Result {
	s, errno := o.socket()
	if errno != 0 {
		return emulate.Errno(errno)
	}
	addr, size := o.addressOf(&o.sock.msgs[0])
	if !o.sock.wait && s.connecting() {
		return emulate.Later()
	}
	_, errno = o.t.call(unix.SYS_CONNECT, uintptr(s.fd), addr, size, 0, 0, 0)
	if errno = o.sought(errno); errno != 0 {
		return s.broken(errno)
	}
	return emulate.Return(0)
}

// connecting says whether connecting may wait: for an answer from far, or for room in a queue.
func (s *socket) connecting() bool {
	return s.domain >= 0 && !s.nonblock && s.kind != unix.SOCK_DGRAM && s.kind != unix.SOCK_RAW
}

// unread is socketcall whose arguments could not be read.
func unread(*op) emulate.Result { return emulate.Errno(unix.EFAULT) }
