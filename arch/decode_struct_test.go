package arch

import (
	"bytes"
	"strconv"
	"testing"
)

func TestMsghdr(t *testing.T) {
	for _, abi := range []ABI{X86_64, I386} {
		word := func(v uint64) []byte {
			if abi.Word() == 4 {
				return le(uint32(v))
			}
			return le(v)
		}
		const name, iov, data, control = at + 1*page, at + 2*page, at + 3*page, at + 4*page
		message := append(word(uint64(abi.Word()+12)), le(uint32(1), uint32(1), uint32(5))...)
		size := strconv.Itoa(len(message))
		hdr := bytes.Join([][]byte{word(name), word(16), word(iov), word(1), word(control), word(uint64(len(message))), word(0)}, nil)
		mem := memory(map[uint64][]byte{
			at: hdr, name: inet, iov: append(word(data), word(5)...), data: []byte("hello"), control: message,
		})
		c := decode(t, abi, "sendmsg", mem, 3, at, 0)
		wantText(t, c, `sendmsg(3, {msg_name={sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, `+
			`msg_namelen=16, msg_iov=[{iov_base="hello", iov_len=5}], msg_iovlen=1, msg_control=[{cmsg_len=`+size+`, cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[5]}], `+
			`msg_controllen=`+size+`, `+
			`msg_flags=0}, 0)`)
		readOnce(t, mem)
		if v := c.Arg("msg").Field("msg_name"); v == nil || v.Addr == nil || v.Addr.Port != 80 {
			t.Errorf("%s: msg_name = %+v", abi, v)
		}
	}
}

// The length of what a parameter points to may itself be behind a pointer that comes later.
func TestLengthBehindPointer(t *testing.T) {
	sig := &Signature{Name: "f", Params: []Param{
		{Name: "buf", Kind: KindBytes, Len: "*n", LenRef: Ref{Idx: 1, Deref: true}},
		{Name: "n", Kind: KindPtr, Elem: &Param{Kind: KindInt, Width: 4}},
	}}
	tests := []struct {
		n    []byte
		want string
	}{
		{le(uint32(3)), `f("abc", [3])`},
		{le(int32(-1)), `f(0x10000, [-1])`},
		{nil, `f(0x10000, 0x11000)`},
	}
	for _, tt := range tests {
		mem := memory(map[uint64][]byte{at: []byte("abcdef"), at + page: tt.n})
		var d Decoder
		var c Call
		d.DecodeAs(&c, sig, Data{ABI: X86_64, Args: [6]uint64{at, at + page}}, mem)
		wantText(t, &c, tt.want)
		readOnce(t, mem)
	}
}

// A struct whose own field says how large it is.
func TestSelfSized(t *testing.T) {
	s := &Struct{Name: "s", SizedBy: "size", Fields: []Param{
		{Name: "a", Kind: KindUint, Width: 4},
		{Name: "size", Kind: KindUint, Width: 4},
		{Name: "b", Kind: KindUint, Width: 8},
		{Name: "c", Kind: KindUint, Width: 8},
	}}
	tests := []struct {
		size uint32
		mem  []byte
		want string
	}{
		{24, le(uint64(1), uint64(2)), `f({a=7, size=24, b=1, c=2})`},
		{16, le(uint64(1)), `f({a=7, size=16, b=1})`},
		{20, le(uint64(1), uint32(2)), `f({a=7, size=20, b=1})`},
		{8, nil, `f({a=7, size=8})`},
		{1, nil, `f({a=7, size=1})`},
		{0, le(uint64(1), uint64(2)), `f({a=7, size=0, b=1, c=2})`},
		{24, le(uint64(1)), `f(0x10000)`},
		{32, le(uint64(1), uint64(2), uint64(0)), `f({a=7, size=32, b=1, c=2})`},
		{32, le(uint64(1), uint64(2), uint64(9)), `f({a=7, size=32, b=1, c=2, /* bytes 24..31 */ "\x09\x00\x00\x00\x00\x00\x00\x00"})`},
		{1 << 31, le(uint64(1), uint64(2), uint64(0)), `f({a=7, size=2147483648, b=1, c=2, ...})`},
	}
	for _, tt := range tests {
		mem := memory(map[uint64][]byte{at: append(le(uint32(7), tt.size), tt.mem...)})
		wantText(t, valueOf(Param{Kind: KindStruct, Struct: s}, X86_64, at, mem), tt.want)
		readOnce(t, mem)
	}
}

func TestFlexibleArray(t *testing.T) {
	s := &Struct{Name: "s", Fields: []Param{
		{Name: "n", Kind: KindUint, Width: 2},
		{Name: "list", Kind: KindArray, Len: "n", InPlace: true, Elem: &Param{Kind: KindUint, Width: 2}},
	}}
	mem := memory(map[uint64][]byte{at: le(uint16(3), uint16(10), uint16(11), uint16(12), uint16(13))})
	wantText(t, valueOf(Param{Kind: KindStruct, Struct: s}, X86_64, at, mem), `f({n=3, list=[10, 11, 12]})`)
	readOnce(t, mem)
	mem = memory(map[uint64][]byte{at: le(uint16(3), uint16(10))})
	c := valueOf(Param{Kind: KindStruct, Struct: s}, X86_64, at, mem)
	if c.Args[0].Complete() {
		t.Errorf("a list beyond the mapped page counts as complete: %s", c)
	}
}

// A list that leads to itself ends.
func TestDepthBounded(t *testing.T) {
	s := &Struct{Name: "node"}
	s.Fields = []Param{{Name: "next", Kind: KindPtr, Elem: &Param{Kind: KindStruct, Struct: s}}}
	d := Decoder{MaxDepth: 3}
	var c Call
	sig := &Signature{Name: "f", Params: []Param{{Name: "arg", Kind: KindStruct, Struct: s}}}
	d.DecodeAs(&c, sig, Data{ABI: X86_64, Args: [6]uint64{at}}, memory(map[uint64][]byte{at: le(at)}))
	wantText(t, &c, `f({next={next={next=0x10000}}})`)
	if c.Args[0].Complete() {
		t.Error("a cut list counts as complete")
	}
}

func TestFieldsOfX32AreWords(t *testing.T) {
	s := &Struct{Name: "s", Fields: []Param{
		{Name: "path", Kind: KindPath},
		{Name: "wide", Kind: KindPath, Width: 8},
		{Name: "n", Kind: KindInt},
	}}
	mem := memory(map[uint64][]byte{
		at:        le(uint32(at+page), uint32(0), at+page, int32(-1), uint32(0)),
		at + page: []byte("/x\x00"),
	})
	wantText(t, valueOf(Param{Kind: KindStruct, Struct: s}, X32, at, mem), `f({path="/x", wide="/x", n=-1})`)
}

func TestVariant(t *testing.T) {
	base := Signature{Name: "f", Params: []Param{{Name: "op", Kind: KindInt, Width: 4}, {Name: "arg", Kind: KindHex}}}
	one := Signature{Name: "f", Params: []Param{base.Params[0], {Name: "fd", Kind: KindFD, Width: 4}},
		When: &Cond{Param: "op", Values: []uint64{1}}}
	both := Signature{Name: "f", Params: []Param{base.Params[0], {Name: "pid", Kind: KindPID, Width: 4}},
		When: &Cond{Param: "op", Values: []uint64{2}, And: &Cond{Param: "arg", Any: true, Mask: 4, Ref: Ref{Idx: 1}}}}
	base.Variants = []Signature{one, both}
	tests := []struct {
		op, arg uint64
		want    string
	}{
		{1, 1<<32 - 1, `f(1, -1)`},
		{2, 6, `f(2, 6)`},
		{2, 0x12, `f(2, 0x12)`},
		{3, 0x12, `f(3, 0x12)`},
	}
	for _, tt := range tests {
		var d Decoder
		var c Call
		d.DecodeAs(&c, &base, Data{ABI: X86_64, Args: [6]uint64{tt.op, tt.arg}}, nil)
		wantText(t, &c, tt.want)
	}
	var d Decoder
	var c Call
	d.DecodeAs(&c, &base, Data{ABI: X86_64, Args: [6]uint64{2, 6}}, nil)
	if c.Arg("pid") == nil || c.Arg("arg") != nil {
		t.Error("the variant's parameters are not those of the call")
	}
}
