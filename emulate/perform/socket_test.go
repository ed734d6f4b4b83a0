package perform

import (
	"bytes"
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/internal/snapshot"
)

// paged is memory in pieces; what is not there cannot be read.
type paged map[uint64][]byte

func (m paged) ReadMem(p []byte, addr uint64) (int, error) {
	for at, b := range m {
		if addr >= at && addr < at+uint64(len(b)) {
			return copy(p, b[addr-at:]), nil
		}
	}
	return 0, unix.EFAULT
}

func copied(t *testing.T, abi arch.ABI, row string, mem arch.Memory, args ...uint64) *socketCall {
	t.Helper()
	raw := arch.Data{ABI: abi}
	copy(raw.Args[:], args)
	o := newOp(nil)
	for _, r := range socketRows() {
		if r.call == row {
			o.row = &r
		}
	}
	o.copySocket(&raw, mem)
	return o.sock
}

func words64(list ...uint64) (b []byte) {
	for _, v := range list {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

// A datagram of which a part cannot be had is never sent in part: the kernel is told its true length.
func TestRestOfMessage(t *testing.T) {
	data := bytes.Repeat([]byte("x"), 100)
	for name, c := range map[string]struct {
		pieces []uint64 // address, length, ...
		stream bool
		want   []uintptr // lengths
		readOf int       // of them can be read
	}{
		"whole":              {[]uint64{0x1000, 10, 0x1010, 20}, false, []uintptr{10, 20}, 2},
		"none":               {nil, false, nil, 0},
		"unreadable":         {[]uint64{0x1000, 10, 5, 20, 0x1000, 3}, false, []uintptr{10, 23}, 1},
		"partly":             {[]uint64{0x1060, 10, 0x1000, 3}, false, []uintptr{4, 9}, 1},
		"partly, a stream":   {[]uint64{0x1060, 10, 0x1000, 3}, true, []uintptr{4, 9}, 1},
		"negative":           {[]uint64{0x1000, 10, 0x1000, 1 << 63}, true, []uintptr{10, 1 << 63}, 1},
		"negative after bad": {[]uint64{5, 10, 0x1000, 1 << 63}, false, []uintptr{1 << 63}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			header := words64(0, 0, 0x3000, uint64(len(c.pieces)/2), 0, 0, 0)
			s := copied(t, arch.X86_64, "sendmsg", paged{0x1000: data, 0x2000: header, 0x3000: words64(c.pieces...)}, 3, 0x2000)
			var got []uintptr
			readable := 0
			for _, v := range s.msgs[0].rest(nil, c.stream) {
				got = append(got, v.size)
				if v.base != nowhere {
					readable++
				}
			}
			if len(got) != len(c.want) || readable != c.readOf {
				t.Fatalf("%v, %d readable; want %v, %d", got, readable, c.want, c.readOf)
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Errorf("%v, want %v", got, c.want)
				}
			}
		})
	}
}

// What is longer than the bound is cut for a stream, and told in full length for all else.
func TestBoundOfData(t *testing.T) {
	big := make([]byte, maxSend+5)
	s := copied(t, arch.X86_64, "sendto", paged{0x1000: big}, 3, 0x1000, uint64(len(big)))
	m := &s.msgs[0]
	if v := m.rest(nil, true); len(v) != 1 || v[0].size != maxSend {
		t.Errorf("a stream: %v", v)
	}
	if v := m.rest(nil, false); len(v) != 2 || v[1].size != 5 || v[1].base != nowhere {
		t.Errorf("a datagram: %v", v)
	}
	m.sent = 100
	if v := m.rest(nil, true); len(v) != 1 || v[0].size != maxSend-100 {
		t.Errorf("after a part: %v", v)
	}
}

// As many messages are taken as there is room for, at least one.
func TestManyAreBounded(t *testing.T) {
	big := make([]byte, maxSend)
	iov := append(words64(0x1000, maxSend/2), words64(0x1000, maxSend)...)
	header := func(iov uint64) []byte { return words64(0, 0, iov, 1, 0, 0, 0, 0) }
	mem := paged{0x1000: big, 1 << 32: iov,
		2 << 32: bytes.Join([][]byte{header(1 << 32), header(1 << 32), header(1 << 32)}, nil), 3 << 32: header(1<<32 + 16)}
	if n := len(copied(t, arch.X86_64, "sendmmsg", mem, 3, 2<<32, 3).msgs); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
	if n := len(copied(t, arch.X86_64, "sendmmsg", mem, 3, 3<<32, 1<<31).msgs); n != 2 {
		t.Errorf("%d messages, want one and one that cannot be read", n)
	}
}

// flipping is memory that is another one each time it is read.
type flipping struct{ n byte }

func (f *flipping) ReadMem(p []byte, addr uint64) (int, error) {
	f.n++
	for i := range p {
		p[i] = f.n
	}
	return len(p), nil
}

// Memory that two arguments share is read once, and the decoder sees that.
func TestOverlapIsReadOnce(t *testing.T) {
	s := copied(t, arch.X86_64, "sendto", &flipping{}, 3, 0x1000, 64, 0, 0x1008, 16)
	seen := snapshot.Overlay{Under: &flipping{n: 100}, List: s.seen}
	var decoded [16]byte
	seen.ReadMem(decoded[:], 0x1008)
	if m := &s.msgs[0]; !bytes.Equal(m.name, decoded[:]) || !bytes.Equal(m.name, m.pieces[0].p[8:24]) {
		t.Errorf("address %v, decoded %v, data %v", m.name, decoded, m.pieces[0].p)
	}
}

// No number that the target wrote goes to the kernel as a descriptor of the supervisor's.
func TestControlsOfOtherWord(t *testing.T) {
	le := binary.LittleEndian
	narrow := func(length, level, kind uint32, data ...byte) []byte {
		b := le.AppendUint32(le.AppendUint32(le.AppendUint32(nil, length), level), kind)
		return append(b, data...)
	}
	for name, c := range map[string]struct {
		in   []byte
		size uint64
		ok   bool
		want []byte
	}{
		"one":        {narrow(13, 9, 9, 7, 0, 0, 0), 16, true, words64(17, 9|9<<32, 7)},
		"two":        {append(narrow(12, 1, 5), narrow(12, 1, 6)...), 24, true, words64(16, 1|5<<32, 16, 1|6<<32)},
		"too short":  {make([]byte, 11), 11, true, words64(0, 0)},
		"ill-formed": {narrow(11, 1, 1), 12, true, words64(0, 0)},
		"too long":   {narrow(17, 1, 1, 0, 0, 0, 0), 16, true, words64(0, 0)},
		"unreadable": {narrow(16, 9, 9), 16, false, nil},
		"half":       {narrow(12, 9, 9), 24, false, nil},
		"no memory":  {nil, 1 << 31, false, nil},
	} {
		o := newOp(nil)
		o.sock = &socketCall{word: 4}
		got, _, ok := o.controls(&span{p: c.in, addr: 1, size: c.size})
		if ok != c.ok || !bytes.Equal(got, c.want) {
			t.Errorf("%s: %v, %v; want %v, %v", name, got, ok, c.want, c.ok)
		}
	}
}

func TestNetlinkQuestions(t *testing.T) {
	message := func(size uint32, kind uint16) []byte {
		b := make([]byte, 16)
		binary.LittleEndian.PutUint32(b, size)
		binary.LittleEndian.PutUint16(b[4:], kind)
		return b
	}
	link := func(attributes []byte) []byte {
		b := append(message(uint32(32+len(attributes)), unix.RTM_NEWLINK), make([]byte, 16)...)
		return append(b, attributes...)
	}
	for name, c := range map[string]struct {
		data     []byte
		protocol int
		want     bool
	}{
		"nothing":        {nil, unix.NETLINK_ROUTE, true},
		"addresses":      {message(16, unix.RTM_GETADDR), unix.NETLINK_ROUTE, true},
		"a link up":      {link(nil), unix.NETLINK_ROUTE, true},
		"a link's size":  {link([]byte{8, 0, unix.IFLA_MTU, 0, 1, 2, 3, 4}), unix.NETLINK_ROUTE, true},
		"a link moved":   {link([]byte{8, 0, unix.IFLA_MTU, 0, 1, 2, 3, 4, 8, 0, unix.IFLA_NET_NS_FD, 0, 5, 0, 0, 0}), unix.NETLINK_ROUTE, false},
		"a flagged one":  {link([]byte{8, 0, unix.IFLA_NET_NS_PID, 0x80, 5, 0, 0, 0}), unix.NETLINK_ROUTE, false},
		"after another":  {append(message(16, unix.RTM_GETADDR), link([]byte{8, 0, unix.IFLA_XDP, 0x80, 5, 0, 0, 0})...), unix.NETLINK_ROUTE, false},
		"too short":      {message(15, unix.RTM_NEWLINK), unix.NETLINK_ROUTE, true},
		"generic":        {message(16, 30), unix.NETLINK_GENERIC, false},
		"an end":         {message(16, unix.NLMSG_DONE), unix.NETLINK_GENERIC, true},
		"a namespace":    {message(16, unix.RTM_GETNSID), unix.NETLINK_ROUTE, false},
		"a filter":       {message(16, unix.RTM_NEWTFILTER), unix.NETLINK_ROUTE, false},
		"sockets":        {message(16, 20), unix.NETLINK_SOCK_DIAG, true},
		"destroy socket": {message(16, 21), unix.NETLINK_SOCK_DIAG, false},
	} {
		half := len(c.data) / 3
		m := message1(c.data[:half], c.data[half:])
		if got := m.harmless(&socketCall{}, c.protocol); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func message1(list ...[]byte) (m message) {
	for _, p := range list {
		m.pieces = append(m.pieces, piece{p: p, size: uint64(len(p))})
	}
	return m
}

func TestUnixPath(t *testing.T) {
	long := append([]byte{1, 0}, bytes.Repeat([]byte("a"), 110)...)
	for name, c := range map[string]struct {
		in   []byte
		size uint64
		want string
	}{
		"path":     {[]byte("\x01\x00/x\x00/y"), 7, "/x"},
		"no end":   {long[:110], 110, string(long[2:110])},
		"too long": {long, 111, ""},
		"abstract": {[]byte("\x01\x00\x00x"), 4, ""},
		"unnamed":  {[]byte("\x01\x00"), 2, ""},
		"family":   {[]byte("\x02\x00/x"), 4, ""},
		"partly":   {[]byte("\x01\x00/x"), 8, ""},
	} {
		m := message{name: c.in, nameSize: c.size}
		if got := string(m.unixPath(false)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func FuzzSocketCopy(f *testing.F) {
	f.Add([]byte{1, 2, 3}, uint64(0x1000), uint64(3))
	f.Fuzz(func(t *testing.T, b []byte, a1, a2 uint64) {
		for _, abi := range []arch.ABI{arch.X86_64, arch.I386} {
			for _, row := range []string{"connect", "bind", "sendto", "sendmsg", "sendmmsg"} {
				s := copied(t, abi, row, paged{0x1000: b}, 3, a1, a2, a1, a2, a1)
				total := 0
				for i := range s.msgs {
					m := &s.msgs[i]
					m.rest(nil, true)
					o := newOp(nil)
					o.sock = s
					o.controls(&m.control)
					total += m.size
				}
				if total > maxSend {
					t.Errorf("%d bytes", total)
				}
			}
		}
	})
}
