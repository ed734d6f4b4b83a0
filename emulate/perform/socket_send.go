package perform

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
)

// msgCompat is MSG_CMSG_COMPAT of include/linux/socket.h: of 32-bit programs it says nothing, of others it is an error.
const msgCompat = 0x80000000

// sendFlags are the target's.
func (o *op) sendFlags() uintptr {
	i := 2
	switch o.row.call {
	case "sendto", "sendmmsg":
		i = 3
	}
	flags := uintptr(uint32(o.sock.args[i]))
	if o.sock.word != native {
		flags &^= msgCompat
	}
	return flags
}

func send(o *op) emulate.Result {
	s, errno := o.socket()
	if errno != 0 {
		return emulate.Errno(errno)
	}
	m := &o.sock.msgs[0]
	if later := o.sendMessage(m, s); later.wait {
		return emulate.Later()
	} else if later.errno != 0 {
		return o.unsent(s, later.errno)
	}
	return emulate.Return(int64(m.sent))
}

// An outcome is what became of a message.
type outcome struct {
	errno syscall.Errno
	wait  bool // it has to be waited for
}

// sendMessage sends a message, or as much of it as a stream takes. A first attempt never waits.
func (o *op) sendMessage(m *message, s *socket) outcome {
	if o.unspecified(m) {
		return outcome{errno: unix.EAFNOSUPPORT}
	}
	flags := o.sendFlags()
	if flags&unix.MSG_ZEROCOPY != 0 && s.zeroCopies() {
		return outcome{errno: unix.ENOBUFS} // as where there is no memory for it: the program is to send without (Documentation/networking/msg_zerocopy.rst)
	}
	flags = flags&^unix.MSG_ZEROCOPY | unix.MSG_NOSIGNAL // SIGPIPE is for the target
	blocks := s.domain >= 0 && !s.nonblock && flags&unix.MSG_DONTWAIT == 0
	if !o.sock.wait && blocks {
		if flags&(unix.MSG_OOB|unix.MSG_FASTOPEN) != 0 {
			return outcome{wait: true}
		}
		flags |= unix.MSG_DONTWAIT
	}
	if m.sent > 0 && s.failing() {
		return outcome{} // the next call is told
	}
	n, errno := o.sendOnce(m, s, flags)
	if errno == 0 {
		m.sent += n
	}
	switch {
	case blocks && !o.sock.wait && errno == unix.EAGAIN:
		return outcome{wait: true}
	case errno != 0 && m.sent > 0:
		return outcome{}
	case errno != 0:
		return outcome{errno: o.sought(errno)}
	case blocks && s.kind == unix.SOCK_STREAM && n > 0 && m.sent < m.size && !o.t.interrupted.Load() && !m.broken:
		return o.rest(m, s)
	}
	return outcome{}
}

// rest goes on with a stream that has taken a part.
func (o *op) rest(m *message, s *socket) outcome {
	if !o.sock.wait {
		return outcome{wait: true}
	}
	return o.sendMessage(m, s)
}

// zeroCopies says whether MSG_ZEROCOPY means anything: without the option the kernel ignores it.
func (s *socket) zeroCopies() bool {
	on, err := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_ZEROCOPY)
	return err == nil && on != 0
}

// failing says whether a stream has ended, or an error waits to be told: the call that has sent something succeeds, and the error is
// the next one's.
func (s *socket) failing() bool {
	fds := []unix.PollFd{{Fd: int32(s.fd)}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0 && fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
}

// sendOnce makes the call. What the target gets wrong, the kernel is given to judge.
func (o *op) sendOnce(m *message, s *socket, flags uintptr) (int, syscall.Errno) {
	if m.absent {
		r, errno := o.t.call(unix.SYS_SENDMSG, uintptr(s.fd), nowhere, flags, 0, 0, 0)
		return int(r), errno
	}
	o.prepare(m)
	addr, size := o.addressOf(m)
	if m.to && m.sent == 0 && m.whole() && len(m.creds) == 0 {
		data := m.pieces[0]
		at := address(data.p)
		if data.size == 0 {
			at = absent(data.addr)
		}
		r, errno := o.t.call(unix.SYS_SENDTO, uintptr(s.fd), at, uintptr(data.size), flags, addr, size)
		return int(r), errno
	}
	o.fill(m, s.kind == unix.SOCK_STREAM)
	h := &o.sock.header
	h.name, h.nameLen = addr, uint32(size)
	r, errno := o.t.call(unix.SYS_SENDMSG, uintptr(s.fd), h.address(), flags, 0, 0, 0)
	return int(r), errno
}

func (m *message) whole() bool { return !m.cut && !m.broken }

// fill makes the header for what is left of a message.
func (o *op) fill(m *message, stream bool) {
	s := o.sock
	s.header = msgHeader{}
	s.vector = m.rest(s.vector[:0], stream)
	s.header.iov, s.header.iovLen = vectorAddress(s.vector), uintptr(len(s.vector))
	if m.lost || m.vector > maxVector {
		s.header.iov, s.header.iovLen = nowhere, uintptr(m.vector)
	}
	control := m.rewritten
	switch {
	case m.sent > 0:
		control = m.creds // descriptors have gone with the first part
	case !m.control.known:
		s.header.control, s.header.ctlLen = absent(m.control.addr), uintptr(m.control.size)
		return
	}
	if len(control) > 0 {
		s.header.control, s.header.ctlLen = address(control), uintptr(len(control))
	}
}

// rest lists what is left to be sent. A stream's ends where the copy does; of anything else the kernel is told how long it is, and
// finds that what was not copied cannot be read.
func (m *message) rest(to []ioVec, stream bool) []ioVec {
	skip := m.sent
	for i := range m.pieces {
		p := m.pieces[i].p
		n := min(skip, len(p))
		skip -= n
		if len(p) > n {
			to = append(to, ioVec{address(p[n:]), uintptr(len(p) - n)})
		}
		if uint64(len(p)) == m.pieces[i].size {
			continue
		}
		if m.cut && stream && int64(m.missing(i)) > 0 {
			return to
		}
		return append(to[:min(len(to), maxVector-1)], ioVec{absent(m.pieces[i].addr), m.missing(i)})
	}
	return to
}

// missing is how much of the data from piece i on was not copied; a length that no piece may have, if there is one.
func (m *message) missing(i int) uintptr {
	var sum uint64
	for _, p := range m.pieces[i:] {
		if int64(p.size) < 0 {
			return uintptr(p.size)
		}
		sum = min(sum+p.size-uint64(len(p.p)), maxRW)
	}
	return uintptr(sum)
}

// absent is an address of the target's that could not be read, for the kernel to say so. One that no program can have is left as it
// is, because the kernel looks at that first.
func absent(addr uint64) uintptr {
	if int64(addr) < 0 {
		return uintptr(addr)
	}
	return nowhere
}

// unsent is the result of a failure, of which the target is told by a signal too.
func (o *op) unsent(s *socket, errno syscall.Errno) emulate.Result {
	if errno == unix.EPIPE && o.sendFlags()&unix.MSG_NOSIGNAL == 0 && s.signals() {
		o.signal(unix.SIGPIPE)
	}
	return s.broken(errno)
}

// signals says whether the kernel sends SIGPIPE for this socket: streams do (sk_stream_error of net/core/stream.c,
// unix_stream_sendmsg), and SCTP's one-to-many sockets.
func (s *socket) signals() bool {
	return s.kind == unix.SOCK_STREAM || s.kind == unix.SOCK_SEQPACKET && s.domain != unix.AF_UNIX
}

// signal signals the thread that waits for the call's end.
func (o *op) signal(sig syscall.Signal) {
	who, err := o.f.targets.Identify(o.env.TID)
	if err != nil || o.env.Valid() != nil {
		return
	}
	unix.Tgkill(who.TGID, who.TID, sig) //nolint:errcheck // a target that ends needs none
}

// sendMany sends messages until one fails, is sent in part, or would have to be waited for by a call that does not wait
// (__sys_sendmmsg of net/socket.c).
func sendMany(o *op) emulate.Result {
	s, errno := o.socket()
	if errno != 0 {
		return emulate.Errno(errno)
	}
	c := o.sock
	if len(c.msgs) == 0 {
		return result(o.t.call(unix.SYS_SENDMMSG, uintptr(s.fd), nowhere, 0, o.sendFlags(), 0, 0))
	}
	for ; c.next < len(c.msgs); c.next++ {
		if c.next > 0 && !o.judged(c.next) {
			break // there are more than the decision looks at
		}
		m := &c.msgs[c.next]
		r := o.sendMessage(m, s)
		switch {
		case r.wait:
			return emulate.Later()
		case r.errno != 0 && c.next == 0:
			return o.unsent(s, r.errno)
		case r.errno != 0:
			if r.errno == unix.EPIPE {
				o.unsent(s, r.errno)
			}
			return o.many(c.next)
		case m.sent < m.size || m.cut:
			return o.many(c.next + 1)
		}
		o.dropAddress()
	}
	return o.many(c.next)
}

// many is the number of messages, and in each the number of its bytes.
func (o *op) many(n int) emulate.Result {
	s := o.sock
	out := make([]emulate.Out, n)
	for i := range out {
		at := s.args[1] + uint64(i*(headerWords+1)*s.word+headerWords*s.word)
		out[i] = emulate.Out{Addr: s.narrow(at), P: s.order().AppendUint32(nil, uint32(s.msgs[i].sent))}
	}
	return emulate.Return(int64(n)).Scatter(out)
}
