package arch

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
)

// image is a target's memory: pieces at addresses, nothing in between. reads counts how often each address was read.
type image struct {
	pieces map[uint64][]byte
	reads  map[uint64]int
	calls  int
}

var errFault = errors.New("read target memory: bad address")

func (m *image) ReadMem(p []byte, addr uint64) (int, error) {
	m.calls++
	n := 0
	for n < len(p) {
		got := m.some(p[n:], addr+uint64(n))
		if got == 0 {
			return n, errFault
		}
		n += got
	}
	return n, nil
}

func (m *image) some(p []byte, addr uint64) int {
	for base, b := range m.pieces {
		if addr < base || addr-base >= uint64(len(b)) {
			continue
		}
		n := copy(p, b[addr-base:])
		for i := range n {
			if m.reads != nil {
				m.reads[addr+uint64(i)]++
			}
		}
		return n
	}
	return 0
}

func memory(pieces map[uint64][]byte) *image {
	return &image{pieces: pieces, reads: map[uint64]int{}}
}

// le is the little-endian bytes of numbers: uint16, uint32, uint64, or byte slices as they are.
func le(parts ...any) (out []byte) { return pack(binary.LittleEndian, parts) }

func be(parts ...any) (out []byte) { return pack(binary.BigEndian, parts) }

func pack(order binary.ByteOrder, parts []any) (out []byte) {
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			out = append(out, p...)
		default:
			out, _ = binary.Append(out, order, p)
		}
	}
	return out
}

// num finds a call's number.
func num(t testing.TB, abi ABI, name string) int32 {
	t.Helper()
	nr, ok := abi.Number(name)
	if !ok {
		t.Fatalf("%s has no call %s", abi, name)
	}
	return nr
}

func decode(t testing.TB, abi ABI, name string, mem *image, args ...uint64) *Call {
	t.Helper()
	var d Decoder
	var c Call
	raw := Data{ABI: abi, Nr: num(t, abi, name)}
	copy(raw.Args[:], args)
	if mem == nil {
		d.Decode(&c, raw, nil)
		return &c
	}
	d.Decode(&c, raw, mem)
	return &c
}

// readOnce checks that no byte of memory was read twice.
func readOnce(t *testing.T, mem *image) {
	t.Helper()
	for addr, n := range mem.reads {
		if n > 1 {
			t.Errorf("byte at %#x was read %d times", addr, n)
		}
	}
}

func wantText(t *testing.T, c *Call, want string) {
	t.Helper()
	if got := c.String(); got != want {
		t.Errorf("text:\n got %s\nwant %s", got, want)
	}
}

const (
	noFD   = 0xffffff9c // AT_FDCWD as a 32-bit register holds it
	at     = uint64(0x10000)
	page   = uint64(4096)
	absent = uint64(0x666000)
)

func TestDecodePath(t *testing.T) {
	mem := memory(map[uint64][]byte{at: []byte("/etc/passwd\x00rest")})
	for _, dirfd := range []uint64{noFD, ^uint64(99), 0x1234_ffffff9c} {
		mem.reads = map[uint64]int{}
		c := decode(t, X86_64, "openat", mem, dirfd, at, 0o2000000)
		wantText(t, c, `openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC)`)
		readOnce(t, mem)
		if v := c.Arg("dirfd"); v.Int() != -100 {
			t.Errorf("dirfd = %d", v.Int())
		}
		if c.Arg("mode") != nil {
			t.Error("mode is present without O_CREAT")
		}
	}
}

func TestDecodeWithoutMemory(t *testing.T) {
	c := decode(t, X86_64, "openat", nil, 3, at, 0o102, 0o644)
	wantText(t, c, `openat(3, 0x10000, O_RDWR|O_CREAT, 0644)`)
	if v := c.Arg("pathname"); v.State != Unread || v.Raw != at {
		t.Errorf("pathname: state %d, raw %#x", v.State, v.Raw)
	}
}

func TestDecodeUnknown(t *testing.T) {
	var d Decoder
	var c Call
	d.Decode(&c, Data{ABI: I386, Nr: 9999, Args: [6]uint64{1, 0, 0xffffffffffffffff}}, nil)
	wantText(t, &c, `syscall_0x270f(0x1, 0, 0xffffffff, 0, 0, 0)`)
	if got, want := string(c.AppendJSON(nil)), `"call":"syscall_0x270f","args":{"arg1":"0x1",`; !strings.HasPrefix(got, want) {
		t.Errorf("JSON = %s", got)
	}
}

func TestRegisterPairs(t *testing.T) {
	sig := &Signature{Name: "pread64", Params: []Param{
		{Name: "fd", Kind: KindFD, Width: 4},
		{Name: "buf", Kind: KindBytes, Len: "count", LenRef: Ref{Idx: 2}, Dir: Out},
		{Name: "count", Kind: KindUint},
		{Name: "offset", Kind: KindInt, Width: 8},
	}}
	tests := []struct {
		abi  ABI
		args [6]uint64
		want uint64
	}{
		{I386, [6]uint64{3, at, 8, 0x55, 0x66, 0x77}, 0x66_0000_0055},
		{ARM, [6]uint64{3, at, 8, 0x55, 0x66, 0x77}, 0x77_0000_0066},
		{MIPSEL, [6]uint64{3, at, 8, 0x55, 0x66, 0x77}, 0x77_0000_0066},
		{MIPS, [6]uint64{3, at, 8, 0x55, 0x66, 0x77}, 0x66_0000_0077},
		{PPC, [6]uint64{3, at, 8, 0x55, 0x66, 0x77}, 0x66_0000_0077},
		{S390, [6]uint64{3, at, 8, 0x55, 0x66, 0x77}, 0x55_0000_0066},
		{X32, [6]uint64{3, at, 8, 0x55_0000_0066, 0x77, 0}, 0x55_0000_0066},
		{MIPS64N32, [6]uint64{3, at, 8, 0x55_0000_0066, 0x77, 0}, 0x55_0000_0066},
		{X86_64, [6]uint64{3, at, 8, 0x55_0000_0066, 0x77, 0}, 0x55_0000_0066},
	}
	for _, tt := range tests {
		var d Decoder
		var c Call
		d.DecodeAs(&c, sig, Data{ABI: tt.abi, Args: tt.args}, nil)
		if got := c.Args[3].Raw; got != tt.want {
			t.Errorf("%s: offset = %#x, want %#x", tt.abi, got, tt.want)
		}
	}
}

// mips o32 passes the seventh and eighth register of such a call on the stack.
func TestArgumentsBeyondRegisters(t *testing.T) {
	sig := &Signature{Name: "sync_file_range", Params: []Param{
		{Name: "fd", Kind: KindFD, Width: 4},
		{Name: "offset", Kind: KindInt, Width: 8},
		{Name: "nbytes", Kind: KindInt, Width: 8},
		{Name: "flags", Kind: KindUint, Width: 4},
	}}
	var d Decoder
	var c Call
	d.DecodeAs(&c, sig, Data{ABI: MIPS, Args: [6]uint64{3, 9, 0, 1, 0, 2}}, nil)
	wantText(t, &c, `sync_file_range(3, 1, 2, ?)`)
}

func TestNarrow(t *testing.T) {
	tests := []struct {
		p    Param
		word uint64
		want int64
	}{
		{Param{Kind: KindInt, Width: 4}, 8, -2},
		{Param{Kind: KindUint, Width: 4}, 8, 0xfffffffe},
		{Param{Kind: KindInt}, 4, -2},
		{Param{Kind: KindUint}, 4, 0xfffffffe},
		{Param{Kind: KindUint, Width: 2}, 8, 0xfffe},
		{Param{Kind: KindInt, Width: 1}, 8, -2},
		{Param{Kind: KindPath}, 4, 0xfffffffe},
		{Param{Kind: KindPath}, 8, -2},
		{Param{Kind: KindInt, Width: 8}, 4, -2},
	}
	for _, tt := range tests {
		if got := int64(narrow(&tt.p, ^uint64(1), tt.word)); got != tt.want {
			t.Errorf("narrow(%+v, word %d) = %#x, want %#x", tt.p, tt.word, got, tt.want)
		}
	}
}

func TestPointersOf32BitABIs(t *testing.T) {
	mem := memory(map[uint64][]byte{at: []byte("/x\x00")})
	wantText(t, decode(t, I386, "chdir", mem, 0xdead_0000_0000|at), `chdir("/x")`)
	mem = memory(map[uint64][]byte{at: []byte("/x\x00")})
	wantText(t, decode(t, S390, "chdir", mem, 0x8000_0000|at), `chdir("/x")`)
	// A pointer in a register of x32 is used whole.
	mem = memory(map[uint64][]byte{at: []byte("/x\x00")})
	wantText(t, decode(t, X32, "chdir", mem, 0xdead_0000_0000|at), `chdir(0xdead00010000)`)
}

func TestNothingWrapsAround(t *testing.T) {
	mem := memory(map[uint64][]byte{0: make([]byte, 64), 1<<32 - 64: []byte(strings.Repeat("a", 64)), 1 << 32: []byte("b\x00")})
	c := decode(t, I386, "chdir", mem, 1<<32-64)
	if v := c.Arg("path"); v.State != Unreadable {
		t.Errorf("state %d, %q", v.State, v.Bytes)
	}
	mem = memory(map[uint64][]byte{0: make([]byte, 64), 1<<64 - 64: []byte(strings.Repeat("a", 64))})
	c = decode(t, X86_64, "chdir", mem, 1<<64-64)
	if v := c.Arg("path"); v.State != Unreadable {
		t.Errorf("state %d, %q", v.State, v.Bytes)
	}
}

func TestBytesBounded(t *testing.T) {
	data := strings.Repeat("x", 100)
	for _, n := range []uint64{0, 5, 32, 33, 100, 1 << 40, 1<<64 - 1} {
		mem := memory(map[uint64][]byte{at: []byte(data)})
		c := decode(t, X86_64, "write", mem, 1, at, n)
		v := c.Arg("buf")
		want := int(min(n, 32))
		if len(v.Bytes) != want || (v.State == Truncated) != (n > 32) {
			t.Errorf("count %d: %d bytes, state %d", n, len(v.Bytes), v.State)
		}
	}
}

func TestArrayBounded(t *testing.T) {
	iov := le(at+page, uint64(3), uint64(0), uint64(0), absent, uint64(4))
	mem := memory(map[uint64][]byte{at: iov, at + page: []byte("abc")})
	c := decode(t, X86_64, "writev", mem, 1, at, 3)
	wantText(t, c, `writev(1, [{iov_base="abc", iov_len=3}, {iov_base=NULL, iov_len=0}, {iov_base=0x666000, iov_len=4}], 3)`)
	mem = memory(map[uint64][]byte{at: iov})
	wantText(t, decode(t, X86_64, "writev", mem, 1, at, 4), `writev(1, 0x10000, 4)`)
	mem = memory(map[uint64][]byte{at: iov})
	wantText(t, decode(t, X86_64, "writev", mem, 1, at, 0), `writev(1, [], 0)`)
	mem = memory(map[uint64][]byte{at: make([]byte, 16*2000)})
	v := decode(t, X86_64, "writev", mem, 1, at, 1<<30).Arg("iov")
	if len(v.List) != DefaultMaxItems || v.State != Truncated {
		t.Errorf("%d elements, state %d", len(v.List), v.State)
	}
}

func TestBytesOfCallBounded(t *testing.T) {
	mem := memory(map[uint64][]byte{at: make([]byte, 1<<16)})
	d := Decoder{MaxBytes: 100}
	var c Call
	d.Decode(&c, Data{ABI: X86_64, Nr: num(t, X86_64, "writev"), Args: [6]uint64{1, at, 100}}, mem)
	if v := c.Arg("iov"); v.State != Truncated || len(v.List) != 0 {
		t.Errorf("iov: state %d, %d elements", v.State, len(v.List))
	}
	d.Decode(&c, Data{ABI: X86_64, Nr: num(t, X86_64, "chdir"), Args: [6]uint64{at}}, memory(map[uint64][]byte{
		at: []byte(strings.Repeat("a", 500) + "\x00")}))
	if v := c.Arg("path"); v.State != Truncated || len(v.Bytes) != 100 {
		t.Errorf("path: state %d, %d bytes", v.State, len(v.Bytes))
	}
}

func TestSizedStruct(t *testing.T) {
	how := le(uint64(0o2), uint64(0o600), uint64(8))
	tests := []struct {
		mem  []byte
		size uint64
		want string
	}{
		{how, 24, `{flags=O_RDWR, resolve=RESOLVE_BENEATH}, 24)`},
		{how[:16], 16, `{flags=O_RDWR}, 16)`},
		{how[:16], 12, `{flags=O_RDWR}, 12)`},
		{how, 0, `0x10000, 0)`},
		{how[:20], 24, `0x10000, 24)`},
		{le(string(how), uint64(0)), 32, `{flags=O_RDWR, resolve=RESOLVE_BENEATH}, 32)`},
		{le(string(how), uint64(5)), 32, `{flags=O_RDWR, resolve=RESOLVE_BENEATH, /* bytes 24..31 */ ` +
			`"\x05\x00\x00\x00\x00\x00\x00\x00"}, 32)`},
		{how, 1 << 50, `{flags=O_RDWR, resolve=RESOLVE_BENEATH, ...}, 1125899906842624)`},
	}
	for _, tt := range tests {
		mem := memory(map[uint64][]byte{at: tt.mem, at + page: []byte("/x\x00")})
		c := decode(t, X86_64, "openat2", mem, noFD, at+page, at, tt.size)
		wantText(t, c, `openat2(AT_FDCWD, "/x", `+tt.want)
		readOnce(t, mem)
	}
}

func TestStructOf32BitABI(t *testing.T) {
	mem := memory(map[uint64][]byte{at: le(uint32(1), uint32(2))})
	wantText(t, decode(t, I386, "nanosleep", mem, at, 0), `nanosleep({tv_sec=1, tv_nsec=2}, NULL)`)
	mem = memory(map[uint64][]byte{at: be(uint64(1), uint64(2))})
	wantText(t, decode(t, S390X, "nanosleep", mem, at, 0), `nanosleep({tv_sec=1, tv_nsec=2}, NULL)`)
}

// The contents of a Call are the Decoder's until the next call; those of a Clone are not.
func TestClone(t *testing.T) {
	var d Decoder
	var c Call
	mem := memory(map[uint64][]byte{at: []byte("/first\x00"), at + page: []byte("/other\x00")})
	nr := num(t, X86_64, "chdir")
	d.Decode(&c, Data{ABI: X86_64, Nr: nr, Args: [6]uint64{at}}, mem)
	kept := c.Clone()
	d.Decode(&c, Data{ABI: X86_64, Nr: nr, Args: [6]uint64{at + page}}, mem)
	wantText(t, kept, `chdir("/first")`)
	wantText(t, &c, `chdir("/other")`)
}

func TestMemErr(t *testing.T) {
	c := decode(t, X86_64, "chdir", memory(nil), at)
	if !errors.Is(c.MemErr, errFault) {
		t.Errorf("MemErr = %v", c.MemErr)
	}
	wantText(t, c, `chdir(0x10000)`)
	if v := c.Arg("path"); v.Complete() {
		t.Error("an unreadable path counts as complete")
	}
}

func TestKindFactsCoverAllKinds(t *testing.T) {
	pointers := []Kind{KindString, KindPath, KindStrings, KindBytes, KindStruct, KindPtr, KindArray, KindSockaddr, KindSigset, KindFDSet}
	for k := KindNone; k <= KindFDSet; k++ {
		if k.has(kindPointer) != slices.Contains(pointers, k) {
			t.Errorf("kind %d: pointer = %v", k, k.has(kindPointer))
		}
	}
}
