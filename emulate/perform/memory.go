package perform

import (
	"encoding/binary"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/internal/snapshot"
)

// take reads what an argument points to.
func take(s *snapshot.Piece, a *rawArg, raw *arch.Data, mem arch.Memory) {
	word := func(i int) uint64 {
		if raw.ABI.Word() == 4 {
			return uint64(uint32(raw.Args[i]))
		}
		return raw.Args[i]
	}
	s.Addr, s.Size = word(a.ptr), uint64(a.fixed[0])
	switch {
	case a.size != none:
		s.Size = word(a.size)
	case raw.ABI.Word() == 4:
		s.Size = uint64(a.fixed[1])
	}
	s.Read(a.most, mem)
}

// takeInside reads what a copied structure points to.
func takeInside(s *snapshot.Piece, a *rawArg, outer []byte, order binary.ByteOrder, mem arch.Memory) {
	s.Addr, s.Size, s.P = 0, 0, nil
	if len(outer) >= 12 {
		s.Addr, s.Size = order.Uint64(outer), uint64(order.Uint32(outer[8:]))
		s.Read(a.most, mem)
	}
}
