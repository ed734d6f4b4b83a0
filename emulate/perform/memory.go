package perform

import (
	"encoding/binary"

	"github.com/stead-project/stead/arch"
)

// A snapshot is a piece of the target's memory, read once.
type snapshot struct {
	addr uint64
	size uint64 // what the target says
	p    []byte // what could be read of it
	buf  []byte

	wanted int
}

// take reads what an argument points to.
func (s *snapshot) take(a *rawArg, raw *arch.Data, mem arch.Memory) {
	word := func(i int) uint64 {
		if raw.ABI.Word() == 4 {
			return uint64(uint32(raw.Args[i]))
		}
		return raw.Args[i]
	}
	s.addr, s.size = word(a.ptr), uint64(a.fixed[0])
	switch {
	case a.size != none:
		s.size = word(a.size)
	case raw.ABI.Word() == 4:
		s.size = uint64(a.fixed[1])
	}
	s.read(a.most, mem)
}

// takeInside reads what a copied structure points to.
func (s *snapshot) takeInside(a *rawArg, outer []byte, order binary.ByteOrder, mem arch.Memory) {
	s.addr, s.size, s.p = 0, 0, nil
	if len(outer) >= 12 {
		s.addr, s.size = order.Uint64(outer), uint64(order.Uint32(outer[8:]))
		s.read(a.most, mem)
	}
}

func (s *snapshot) read(most int, mem arch.Memory) {
	s.p = nil
	if s.addr == 0 || s.size == 0 {
		return
	}
	n := int(min(s.size, uint64(most)))
	if cap(s.buf) < n {
		s.buf = make([]byte, n)
	}
	got, err := mem.ReadMem(s.buf[:n], s.addr)
	if err == nil {
		s.p = s.buf[:got]
	}
	s.wanted = n
}

// whole is the piece as the kernel is to read it; nil if the target could not read all of it.
func (s *snapshot) whole() []byte {
	if s.p == nil || len(s.p) < s.wanted {
		return nil
	}
	return s.p
}

// An overlay is the target's memory with what has been read of it before.
type overlay struct {
	under arch.Memory
	list  []snapshot
}

// ReadMem implements arch.Memory.
func (o *overlay) ReadMem(p []byte, addr uint64) (int, error) {
	n, err := o.under.ReadMem(p, addr)
	for i := range o.list {
		s := &o.list[i]
		switch {
		case s.addr >= addr && s.addr-addr < uint64(n):
			copy(p[s.addr-addr:n], s.p)
		case addr > s.addr && addr-s.addr < uint64(len(s.p)):
			copy(p[:n], s.p[addr-s.addr:])
		}
	}
	return n, err
}
