package perform

import (
	"encoding/binary"

	"github.com/stead-project/stead/internal/snapshot"
)

// A message is one of the call's: an address, pieces of data and control messages. Of connect and bind it has only the address.
type message struct {
	name     []byte // what could be read of it
	nameAddr uint64
	nameSize uint64 // as the target says; sign-extended
	pieces   []piece
	vector   uint64 // how many pieces the target says there are
	lost     bool   // they could not be read
	control  span
	absent   bool // the message itself could not be read
	cut      bool // the data goes on after what is copied
	broken   bool // some of it could not be read
	size     int  // bytes of the copied data
	to       bool // of sendto

	sent      int    // bytes
	rewritten []byte // control messages with descriptors of ours
	creds     []byte // the last of them, if it was added to say who sends
	prepared  bool
}

// A piece is a part of a message's data.
type piece struct {
	p    []byte // what could be read
	addr uint64
	size uint64 // as the target says; sign-extended
}

// A span is memory of the target and what could be read of it.
type span struct {
	p     []byte
	addr  uint64
	size  uint64
	known bool // and is all there, or wrong
}

// A byteOrder reads and writes numbers as the target's machine has them.
type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

func (s *socketCall) order() byteOrder {
	if s.big {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// take reads the target's memory, once, and remembers it for the decoder.
func (s *socketCall) take(addr, size uint64) []byte {
	if addr == 0 || size == 0 {
		return nil
	}
	n := int(size) // bounded by every caller
	if len(s.free) < n {
		s.free = make([]byte, max(n, 1024))
	}
	p := s.free[:n:n]
	got, err := s.mem.ReadMem(p, addr)
	if err != nil {
		got = 0
	}
	s.free = s.free[n:]
	s.agree(p[:got], addr)
	s.seen = append(s.seen, snapshot.Piece{Addr: addr, Size: size, P: p[:got], Wanted: n})
	return p[:got]
}

// agree makes memory that is read for the second time what it was at first: arguments may overlap, and the decoder, which sees every
// address once, must see what is performed.
func (s *socketCall) agree(p []byte, addr uint64) {
	for i := range s.seen {
		s.seen[i].Lay(p, addr)
	}
}

// field is a word of a copied structure.
func (s *socketCall) field(b []byte, i int) uint64 {
	b = b[i*s.word:]
	if s.word == 4 {
		return uint64(s.order().Uint32(b))
	}
	return s.order().Uint64(b)
}

// signed widens a size, of which the kernel takes one that is negative for an error.
func (s *socketCall) signed(v uint64) uint64 {
	if s.word == 4 {
		return uint64(int64(int32(v)))
	}
	return v
}

// name copies an address. Of one that is longer than any, nothing is read: the kernel refuses it.
func (s *socketCall) name(m *message, addr uint64, size int32, most int32) {
	m.nameAddr, m.nameSize = addr, uint64(int64(size))
	if size > 0 && size <= most {
		m.name = s.take(addr, uint64(min(size, maxAddress)))
	}
}

// add makes room for one more message.
func (s *socketCall) add() *message {
	s.msgs = append(s.msgs, message{})
	return &s.msgs[len(s.msgs)-1]
}

func copyAddress(o *op) {
	s := o.sock
	s.name(s.add(), s.args[1], int32(s.args[2]), maxAddress)
}

func copySendto(o *op) {
	s := o.sock
	m := s.add()
	m.to, m.vector = true, 1
	m.pieces = []piece{s.piece(m, s.args[1], min(s.args[2], maxRW))}
	s.name(m, s.args[4], int32(s.args[5]), maxAddress)
	if m.nameAddr == 0 {
		m.nameSize = 0
	}
}

// maxRW is MAX_RW_COUNT of include/linux/fs.h, to which import_ubuf() cuts a size.
const maxRW = 1<<31 - 4096

// piece copies data as far as the bound allows. Where that is not far enough the length stays: the kernel judges a datagram by it
// before it looks at the data.
func (s *socketCall) piece(m *message, addr, size uint64) piece {
	c := piece{addr: addr, size: size}
	if m.cut || m.broken || int64(size) <= 0 {
		return c
	}
	n := min(size, uint64(s.data))
	c.p = s.take(addr, n)
	s.data -= int(n)
	m.size += len(c.p)
	m.broken = uint64(len(c.p)) < n
	m.cut = n < size && !m.broken
	return c
}

// sendmsg's header is of words, but for two numbers in the places of words: address, its length, vector, its length, control messages,
// their length, flags (struct user_msghdr of include/linux/socket.h, struct compat_msghdr of include/net/compat.h).
const headerWords = 7

func copySendmsg(o *op) {
	s := o.sock
	s.message(s.add(), s.take(s.args[1], headerWords*uint64(s.word)))
}

// message copies what a header leads to.
func (s *socketCall) message(m *message, header []byte) {
	if m.absent = len(header) < headerWords*s.word; m.absent {
		return
	}
	const most = 1<<31 - 1 // a longer one is cut (copy_msghdr_from_user of net/socket.c)
	s.name(m, s.field(header, 0), int32(s.order().Uint32(header[s.word:])), most)
	m.control = span{addr: s.field(header, 4), size: s.field(header, 5)}
	m.vector = s.field(header, 3)
	if m.vector <= maxVector {
		s.scattered(m, s.field(header, 2))
	}
	m.control.p = s.take(m.control.addr, min(m.control.size, maxControl))
}

// scattered copies the pieces of a message's data.
func (s *socketCall) scattered(m *message, addr uint64) {
	size := 2 * uint64(s.word)
	b := s.take(addr, m.vector*size)
	if m.lost = uint64(len(b)) < m.vector*size; m.lost {
		return
	}
	m.pieces = make([]piece, m.vector)
	s.pieces -= len(m.pieces)
	for i := range m.pieces {
		at := b[i*int(size):]
		m.pieces[i] = s.piece(m, s.field(at, 0), s.signed(s.field(at, 1)))
	}
}

// copySendmmsg copies as many messages as there is room for: at least one.
func copySendmmsg(o *op) {
	s := o.sock
	size := (headerWords + 1) * uint64(s.word)
	count := min(uint64(uint32(s.args[2])), maxVector)
	b := s.take(s.args[1], count*size)
	for i := range int(count) {
		at := b[min(i*int(size), len(b)):]
		m := s.add()
		s.message(m, at)
		if m.absent {
			return
		}
		if i > 0 && (m.cut || s.pieces < 0) {
			s.msgs = s.msgs[:i] // the target asks again for the rest (sendmmsg(2))
			return
		}
	}
}

// carried are the calls of socketRows by socketcall's first argument (include/uapi/linux/net.h).
func carried(n uint64) string {
	switch uint32(n) {
	case 2:
		return "bind"
	case 3:
		return "connect"
	case 11:
		return "sendto"
	case 16:
		return "sendmsg"
	case 20:
		return "sendmmsg"
	}
	return ""
}

// copyCarried copies the arguments that socketcall leads to, and goes on as the call that is meant.
func copyCarried(o *op) {
	s := o.sock
	name := carried(s.args[0])
	words := uint64(3) // of bind, connect and sendmsg; net/socket.c, nargs
	switch name {
	case "":
		return
	case "sendto":
		words = 6
	case "sendmmsg":
		words = 4
	}
	b := s.take(s.args[1], words*uint64(s.word))
	if uint64(len(b)) < words*uint64(s.word) {
		return // the decoder finds that out too: EFAULT
	}
	s.args = [6]uint64{}
	for i := range int(words) {
		s.args[i] = s.field(b, i)
	}
	o.row = o.f.rowOf(name)
	o.row.copy(o)
}
