package snapshot

import (
	"bytes"
	"syscall"
	"testing"
)

// A page is memory at 0x1000, and nothing else.
type page []byte

func (m page) ReadMem(p []byte, addr uint64) (int, error) {
	if addr < 0x1000 || addr-0x1000 >= uint64(len(m)) {
		return 0, syscall.EFAULT
	}
	return copy(p, m[addr-0x1000:]), nil
}

func TestReadText(t *testing.T) {
	mem := page("one\x00two")
	for _, test := range []struct {
		addr  uint64
		most  int
		p     string
		ended bool
		text  string
	}{
		{0x1000, 100, "one\x00", true, "one"},
		{0x1000, 4, "one\x00", true, "one"},
		{0x1000, 3, "one", false, ""},
		{0x1003, 100, "\x00", true, ""},
		{0x1004, 100, "two", false, ""}, // runs into memory that is not there
		{0x1000, 0, "", false, ""},
		{0x1000, -1, "", false, ""},
		{0, 100, "", false, ""},
		{0x2000, 100, "", false, ""},
	} {
		s := Piece{P: []byte("before")}
		s.ReadText(test.addr, test.most, mem)
		if string(s.P) != test.p || s.Ended() != test.ended || s.Text() != test.text {
			t.Errorf("%#x, %d: %q, ended %v, %q", test.addr, test.most, s.P, s.Ended(), s.Text())
		}
	}
}

func TestWhole(t *testing.T) {
	mem := page("0123456789")
	s := Piece{}
	for _, test := range []struct {
		addr, size uint64
		most       int
		want       string
	}{
		{0x1000, 10, 20, "0123456789"}, {0x1002, 3, 20, "234"}, {0x1000, ^uint64(0), 4, "0123"}, {0x1000, 11, 20, ""}, {0x1000, 0, 20, ""},
		{0, 4, 20, ""}, {0x1000, 4, -1, ""},
	} {
		s.Addr, s.Size = test.addr, test.size
		s.Read(test.most, mem)
		if got := s.Whole(); string(got) != test.want || test.want == "" && got != nil {
			t.Errorf("%#x, %d of at most %d: %q, want %q", test.addr, test.size, test.most, got, test.want)
		}
	}
}

// TestOverlay reads memory that has become other than it was when pieces of it were taken.
func TestOverlay(t *testing.T) {
	was, is := page("abcdefghij"), page("ABCDEFGHIJ")
	o := Overlay{Under: is, List: make([]Piece, 2)}
	for i, at := range []uint64{0x1002, 0x1006} {
		o.List[i].Addr, o.List[i].Size = at, 2
		o.List[i].Read(2, was)
	}
	for addr, want := range map[uint64]string{0x1000: "ABcdEFghIJ", 0x1003: "dEFghIJ", 0x1004: "EFghIJ", 0x1007: "hIJ", 0x1008: "IJ"} {
		p := make([]byte, 10)
		if n, err := o.ReadMem(p, addr); err != nil || string(p[:n]) != want {
			t.Errorf("%#x: %q, %v, want %q", addr, p[:n], err, want)
		}
	}
	short := []byte("...")
	if n, err := o.ReadMem(short[:2], 0x1002); n != 2 || err != nil || !bytes.Equal(short, []byte("cd.")) {
		t.Errorf("%q, %v", short, err)
	}
	if n, err := o.ReadMem(short, 0x0fff); n != 0 || err == nil {
		t.Errorf("%d bytes of memory that is not there", n)
	}
	text := Piece{}
	text.ReadText(0x1000, 6, page("ab\x00cdef"))
	once := Overlay{Under: page(nil), List: []Piece{text}}
	p := []byte("......")
	if n, err := once.ReadMem(p, 0x1000); n != 6 || err != nil || string(p) != "ab\x00cde" {
		t.Errorf("%d bytes %q, %v: what was read is read again", n, p, err)
	}
	if n, err := once.ReadMem(p[:2], 0x1004); n != 2 || err != nil || string(p[:2]) != "de" {
		t.Errorf("%d bytes %q, %v: what was read is read again", n, p[:2], err)
	}
	if n, err := once.ReadMem(p[:3], 0x1004); n != 0 || err == nil {
		t.Errorf("%d bytes, of which one was not read", n)
	}
	last := Overlay{Under: is, List: []Piece{{Addr: ^uint64(0), P: []byte("xyz")}}}
	if n, err := last.ReadMem(short, 0x1000); err != nil || string(short[:n]) != "ABC" {
		t.Errorf("a piece at the end of the addresses: %q, %v", short, err)
	}
}
