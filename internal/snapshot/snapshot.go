// Package snapshot keeps pieces of a target's memory that were read once, so that what is decided on and what is performed are the same
// bytes.
package snapshot

import (
	"bytes"

	"github.com/stead-project/stead/arch"
)

// A Piece is a part of the target's memory, read once.
type Piece struct {
	Addr   uint64
	Size   uint64 // what the target says
	Wanted int    // bytes that were to be read
	P      []byte // what could be read of them
	all    []byte // what was read: of a text, also what is behind its end
	buf    []byte
}

// Read takes the piece that Addr and Size name, of at most most bytes. P is nil where there is nothing to read or nothing can be read.
func (s *Piece) Read(most int, mem arch.Memory) {
	s.P, s.all = nil, nil
	s.Wanted = int(min(s.Size, uint64(max(most, 0))))
	if s.Addr == 0 || s.Wanted == 0 {
		return
	}
	if cap(s.buf) < s.Wanted {
		s.buf = make([]byte, s.Wanted)
	}
	if got, err := mem.ReadMem(s.buf[:s.Wanted], s.Addr); err == nil {
		s.P = s.buf[:got]
		s.all = s.P
	}
}

// ReadText takes a string up to its NUL, or most bytes of it.
func (s *Piece) ReadText(addr uint64, most int, mem arch.Memory) {
	s.Addr, s.Size = addr, uint64(max(most, 0))
	s.Read(most, mem)
	if i := bytes.IndexByte(s.P, 0); i >= 0 {
		s.P = s.P[:i+1]
	}
}

// Ended says whether a text was read to its NUL.
func (s *Piece) Ended() bool { return len(s.P) > 0 && s.P[len(s.P)-1] == 0 }

// Text is a text without its NUL, "" for one that was not read to its end.
func (s *Piece) Text() string {
	if !s.Ended() {
		return ""
	}
	return string(s.P[:len(s.P)-1])
}

// Whole is the piece as the kernel is to read it; nil if the target could not read all of it.
func (s *Piece) Whole() []byte {
	if s.P == nil || len(s.P) < s.Wanted {
		return nil
	}
	return s.P
}

// An Overlay is the target's memory with what has been read of it before.
type Overlay struct {
	Under arch.Memory
	List  []Piece
}

// ReadMem implements arch.Memory. What has been read is not read again.
func (o *Overlay) ReadMem(p []byte, addr uint64) (n int, err error) {
	if have := o.have(addr); len(have) >= len(p) {
		n = copy(p, have)
	} else {
		n, err = o.Under.ReadMem(p, addr)
	}
	for i := range o.List {
		o.List[i].Lay(p[:n], addr)
	}
	return n, err
}

// have is the most that has been read from an address on.
func (o *Overlay) have(addr uint64) (most []byte) {
	for i := range o.List {
		s := &o.List[i]
		if past := addr - s.Addr; addr >= s.Addr && past < uint64(len(s.all)) && len(s.all)-int(past) > len(most) {
			most = s.all[past:]
		}
	}
	return most
}

// Lay copies the piece over bytes that were read at addr, as far as the two share addresses.
func (s *Piece) Lay(p []byte, addr uint64) {
	switch {
	case s.Addr >= addr && s.Addr-addr < uint64(len(p)):
		copy(p[s.Addr-addr:], s.P)
	case addr > s.Addr && addr-s.Addr < uint64(len(s.P)):
		copy(p, s.P[addr-s.Addr:])
	}
}
