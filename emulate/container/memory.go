package container

import (
	"bytes"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
)

// A snapshot is a piece of the target's memory, read once.
type snapshot struct {
	addr   uint64
	size   uint64 // what the target says
	wanted int
	p      []byte // what could be read of it
	buf    []byte
	text   bool // ended by a NUL
}

// maxText is what the kernel reads of any string here: PATH_MAX, and a page of mount options (copy_mount_options of fs/namespace.c).
const maxText = unix.PathMax

// takeText reads a string up to its NUL, or maxText bytes.
func (s *snapshot) takeText(addr uint64, mem arch.Memory) {
	s.addr, s.size, s.text = addr, maxText, true
	s.read(maxText, mem)
	if i := bytes.IndexByte(s.p, 0); i >= 0 {
		s.p = s.p[:i+1]
	}
}

func (s *snapshot) read(most int, mem arch.Memory) {
	s.p, s.wanted = nil, most
	if s.addr == 0 || most == 0 {
		return
	}
	if cap(s.buf) < most {
		s.buf = make([]byte, most)
	}
	if got, err := mem.ReadMem(s.buf[:most], s.addr); err == nil {
		s.p = s.buf[:got]
	}
}

// ended says whether a text was read to its NUL.
func (s *snapshot) ended() bool { return len(s.p) > 0 && s.p[len(s.p)-1] == 0 }

// value is a text without its NUL, "" for one that could not be read.
func (s *snapshot) value() string {
	if !s.ended() {
		return ""
	}
	return string(s.p[:len(s.p)-1])
}

// whole is the piece as the kernel is to read it; nil if the target could not read all of it.
func (s *snapshot) whole() []byte {
	if s.p == nil || len(s.p) < s.wanted {
		return nil
	}
	return s.p
}

// An overlay is the target's memory with what has been read of it before, so that what is decided on and what is performed are the same
// bytes.
type overlay struct {
	under arch.Memory
	list  [6]*snapshot
	n     int
}

// ReadMem implements arch.Memory.
func (o *overlay) ReadMem(p []byte, addr uint64) (int, error) {
	n, err := o.under.ReadMem(p, addr)
	for _, s := range o.list[:o.n] {
		switch {
		case s.addr >= addr && s.addr-addr < uint64(n):
			copy(p[s.addr-addr:n], s.p)
		case addr > s.addr && addr-s.addr < uint64(len(s.p)):
			copy(p[:n], s.p[addr-s.addr:])
		}
	}
	return n, err
}
