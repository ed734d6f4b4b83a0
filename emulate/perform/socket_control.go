package perform

import (
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/procself"
)

// Control messages (cmsg(3)) hold the target's descriptors and process id, which are put into the supervisor's numbers; those of a
// 32-bit program are put into the supervisor's form, as cmsghdr_from_user_compat_to_kern() of net/compat.c does.

// ucredSize is sizeof(struct ucred).
const ucredSize = 12

// maxPassed is SCM_MAX_FD of include/net/scm.h: with more the kernel refuses the message.
const maxPassed = 253

// A cmsg is one control message.
type cmsg struct {
	length      uint64 // with its header
	level, kind uint32
	data        []byte
}

// headerSize is the length of a control message's header: a word and two numbers.
func headerSize(word int) int { return word + 8 }

func align(n, word int) int { return (n + word - 1) &^ (word - 1) }

// nextControl takes the first message of b, the beginning of left bytes. ok is false where the kernel calls the list ill-formed
// (CMSG_OK of include/linux/socket.h).
func nextControl(b []byte, left uint64, word int, order byteOrder) (c cmsg, ok bool) {
	c.length = uint64(order.Uint32(b))
	if word == 8 {
		c.length = order.Uint64(b)
	}
	if c.length < uint64(headerSize(word)) || c.length > left {
		return c, false
	}
	c.level, c.kind = order.Uint32(b[word:]), order.Uint32(b[word+4:])
	c.data = b[headerSize(word):min(c.length, uint64(len(b)))]
	return c, true
}

// putControl appends a message in the supervisor's form.
func putControl(to []byte, c cmsg, order byteOrder) []byte {
	length := headerSize(native) + len(c.data)
	if native == 8 {
		to = order.AppendUint64(to, uint64(length))
	} else {
		to = order.AppendUint32(to, uint32(length))
	}
	to = order.AppendUint32(to, c.level)
	to = order.AppendUint32(to, c.kind)
	to = append(to, c.data...)
	return append(to, make([]byte, align(length, native)-length)...)
}

// prepare rewrites a message's control messages, once.
func (o *op) prepare(m *message) {
	if m.prepared {
		return
	}
	m.prepared = true
	s := o.sock
	list, signed, ok := o.controls(&m.control)
	if !ok {
		return
	}
	m.control.known, m.rewritten = true, list
	if !signed && s.sock.domain == unix.AF_UNIX {
		o.sign(m)
	}
}

// controls rewrites control messages; ok is false if they are not all there. A 32-bit program's are looked at one after the other,
// by its kernel too: the first that is wrong is told before the memory after it.
func (o *op) controls(all *span) (list []byte, signed, ok bool) {
	s, b, left := o.sock, all.p, all.size
	foreign := s.word != native
	if left > 1<<31-1 || !foreign && uint64(len(b)) < left {
		return nil, false, false // ENOBUFS, EFAULT
	}
	for left >= uint64(headerSize(s.word)) && all.addr != 0 {
		if len(b) < headerSize(s.word) {
			return nil, false, false
		}
		c, good := nextControl(b, left, s.word, s.order())
		if !good {
			return append(list, illFormed()...), true, true
		}
		if c.length > uint64(len(b)) {
			return nil, false, false
		}
		signed = signed || c.level == unix.SOL_SOCKET && c.kind == unix.SCM_CREDENTIALS
		o.translate(&c)
		list = putControl(list, c, s.order())
		n := min(uint64(align(int(c.length), s.word)), left)
		b, left = b[min(n, uint64(len(b))):], left-n
	}
	if foreign && len(list) == 0 && all.size > 0 {
		list = illFormed() // cmsghdr_from_user_compat_to_kern
	}
	return list, signed, true
}

// illFormed is a control message of length 0.
func illFormed() []byte { return make([]byte, headerSize(native)) }

// sign adds who sends, where the supervisor may say so: else a receiver that asks (SO_PASSCRED) is told of the supervisor.
func (o *op) sign(m *message) {
	pid, ok := o.realPID()
	if !ok {
		return
	}
	order := o.sock.order()
	b := order.AppendUint32(nil, uint32(pid))
	b = order.AppendUint32(b, o.view.cred.UID.Real)
	b = order.AppendUint32(b, o.view.cred.GID.Real)
	start := len(m.rewritten)
	m.rewritten = putControl(m.rewritten, cmsg{level: unix.SOL_SOCKET, kind: unix.SCM_CREDENTIALS, data: b}, order)
	m.creds = m.rewritten[start:]
}

// realPID is the target's process id for the supervisor; ok: the thread may send in its name.
func (o *op) realPID() (pid int, ok bool) {
	own := &o.f.callers.own
	if o.view.user != own.user || o.view.cred.Caps.Effective&(1<<unix.CAP_SYS_ADMIN) == 0 {
		return 0, false
	}
	who, err := o.f.targets.Identify(o.env.TID)
	return who.TGID, err == nil
}

// translate puts the supervisor's numbers in the place of the target's. Of other families than these, SOL_SOCKET's messages of these
// types are ignored (__sock_cmsg_send of net/core/sock.c).
func (o *op) translate(c *cmsg) {
	if c.level != unix.SOL_SOCKET {
		return
	}
	switch c.kind {
	case unix.SCM_RIGHTS:
		c.data = o.descriptors(c.data)
	case unix.SCM_CREDENTIALS:
		c.data = o.credentials(c.data)
	}
}

// descriptors copies those that go with the message. One that the target does not have is none for the kernel either.
func (o *op) descriptors(b []byte) []byte {
	s := o.sock
	out := append([]byte(nil), b...)
	for i := 0; i+4 <= len(out); i += 4 {
		fd := -1
		if len(s.passed) < maxPassed {
			fd = o.passedCopy(int(int32(s.order().Uint32(out[i:]))))
		}
		s.order().PutUint32(out[i:], uint32(int32(fd)))
	}
	return out
}

func (o *op) passedCopy(n int) int {
	fd, errno := o.descriptor(n)
	if errno != 0 {
		return -1
	}
	o.sock.passed = append(o.sock.passed, fd)
	return fd
}

// credentials: the kernel takes the sender's own process id, which is the supervisor's here, or any if the sender is privileged
// (scm_check_creds of net/core/scm.c).
func (o *op) credentials(b []byte) []byte {
	if len(b) != ucredSize {
		return b
	}
	out, order := append([]byte(nil), b...), o.sock.order()
	if int(int32(order.Uint32(out))) == o.ownPID() {
		pid, ok := o.realPID()
		if !ok {
			pid = o.t.pid()
		}
		order.PutUint32(out, uint32(pid))
	}
	return out
}

// ownPID is the target's process id as it sees it itself.
func (o *op) ownPID() int {
	dir, err := o.f.targets.OpenAt(o.env.TID, "", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return -1
	}
	defer unix.Close(dir)
	status, err := procself.ReadAt(dir, "status")
	ids := procself.StatusIDs(status, "NStgid:")
	if err != nil || len(ids) == 0 {
		return -1
	}
	return ids[len(ids)-1]
}

// pid is the process id that the kernel knows the thread by: a task is a process of its own.
func (t *thread) pid() int {
	if t.task != nil {
		return t.tid
	}
	return t.f.pid
}
