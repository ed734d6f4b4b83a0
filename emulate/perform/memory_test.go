package perform

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/internal/snapshot"
)

// A restless memory is other bytes at every read.
type restless struct {
	start, end uint64 // what can be read
	reads      byte
}

func (m *restless) ReadMem(p []byte, addr uint64) (int, error) {
	if addr < m.start || addr >= m.end {
		return 0, unix.EFAULT
	}
	m.reads++
	n := int(min(uint64(len(p)), m.end-addr))
	for i := range n {
		p[i] = m.reads*37 + byte(addr) + byte(i)
	}
	return n, nil
}

// FuzzOverlay: whatever changes between two reads, what is decoded are the bytes that are acted on.
func FuzzOverlay(f *testing.F) {
	f.Add(uint64(0x1000), uint64(24), uint64(0x1000), uint16(24))
	f.Add(uint64(0x1000), uint64(4096), uint64(0xff0), uint16(300))
	f.Add(uint64(0x1ff8), uint64(64), uint64(0x1ff0), uint16(64))
	f.Add(uint64(0), uint64(64), ^uint64(7), uint16(64))
	f.Add(^uint64(7), uint64(64), ^uint64(15), uint16(64))
	f.Add(uint64(0x1010), ^uint64(0), uint64(0x1011), uint16(1))
	f.Fuzz(func(t *testing.T, at, size, from uint64, length uint16) {
		mem := &restless{start: 0x1000, end: 0x2000}
		raw := arch.Data{ABI: arch.X86_64, Args: [6]uint64{at, size}}
		o := snapshot.Overlay{Under: mem, List: make([]snapshot.Piece, 1)}
		s := &o.List[0]
		take(s, &rawArg{ptr: 0, size: 1, most: 512}, &raw, mem)
		acted := bytes.Clone(s.P)
		if len(acted) > 512 {
			t.Fatalf("%d bytes were read", len(acted))
		}
		p := make([]byte, length)
		n, err := o.ReadMem(p, from)
		if n < 0 || n > len(p) || errors.Is(err, unix.EFAULT) && n != 0 {
			t.Fatalf("%d bytes of %d, %v", n, len(p), err)
		}
		for i := range n {
			if off := from + uint64(i) - at; off < uint64(len(acted)) && p[i] != acted[off] {
				t.Fatalf("byte %d: decoded %#x, acted on %#x", off, p[i], acted[off])
			}
		}
		if !bytes.Equal(acted, s.P) {
			t.Fatal("decoding changed what is acted on")
		}
	})
}

func TestSnapshotWhole(t *testing.T) {
	mem := &restless{start: 0x1000, end: 0x2000}
	for _, test := range []struct {
		addr, size uint64
		abi        arch.ABI
		want       int // -1: not readable
	}{
		{0x1000, 24, arch.X86_64, 24}, {0x1ff8, 8, arch.X86_64, 8}, {0x1ff8, 9, arch.X86_64, -1}, {0, 8, arch.X86_64, -1}, {0x3000, 8, arch.X86_64, -1},
		{0x1000, 0, arch.X86_64, -1}, {0x1000, ^uint64(0), arch.X86_64, 64}, {0x1_0000_1000, 1<<32 | 8, arch.I386, 8}, {0x1_0000_1000, 8, arch.X86_64, -1},
	} {
		var s snapshot.Piece
		raw := arch.Data{ABI: test.abi, Args: [6]uint64{test.addr, test.size}}
		take(&s, &rawArg{ptr: 0, size: 1, most: 64}, &raw, mem)
		got := -1
		if p := s.Whole(); p != nil {
			got = len(p)
		}
		if got != test.want {
			t.Errorf("%#x, %d on %v: %d bytes, want %d", test.addr, test.size, test.abi, got, test.want)
		}
	}
}

// TestInside reads what struct xattr_args points to, in the target's byte order.
func TestInside(t *testing.T) {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		outer := make([]byte, 16)
		order.PutUint64(outer, 0x1800)
		order.PutUint32(outer[8:], 40)
		var s snapshot.Piece
		takeInside(&s, &rawArg{inside: true, most: 64}, outer, order, &restless{start: 0x1000, end: 0x2000})
		if s.Addr != 0x1800 || s.Size != 40 || len(s.Whole()) != 40 {
			t.Errorf("%v: %#x %d, %d bytes", order, s.Addr, s.Size, len(s.P))
		}
		takeInside(&s, &rawArg{inside: true, most: 64}, outer[:11], order, &restless{start: 0x1000, end: 0x2000})
		if s.Addr != 0 || s.Size != 0 || s.Whole() != nil {
			t.Errorf("%v: a short structure gave %#x %d", order, s.Addr, s.Size)
		}
	}
}
