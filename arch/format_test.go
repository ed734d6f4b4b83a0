package arch

import (
	"encoding/json"
	"strings"
	"testing"
)

// value decodes one argument of a kind.
func valueOf(p Param, abi ABI, raw uint64, mem *image) *Call {
	p.Name = "arg"
	sig := &Signature{Name: "f", Params: []Param{p}}
	var d Decoder
	var c Call
	data := Data{ABI: abi, Args: [6]uint64{raw}}
	if mem == nil {
		d.DecodeAs(&c, sig, data, nil)
	} else {
		d.DecodeAs(&c, sig, data, mem)
	}
	return &c
}

var (
	testFlags = Set{Name: "test", Prefix: "T_", Consts: []Const{{Name: "T_A", Value: 1}, {Name: "T_B", Value: 2}}}
	testEnum  = Set{Name: "test", Prefix: "T_", Consts: []Const{{Name: "T_ZERO", Value: 0}, {Name: "T_ONE", Value: 1}}}
	testIoctl = Set{Name: "ioctl", Requests: true}
)

func TestFormatNumbers(t *testing.T) {
	tests := []struct {
		p          Param
		abi        ABI
		raw        uint64
		text, json string
	}{
		{Param{Kind: KindInt, Width: 4}, X86_64, 1<<32 - 1, "-1", "-1"},
		{Param{Kind: KindUint, Width: 4}, X86_64, 1<<64 - 1, "4294967295", "4294967295"},
		{Param{Kind: KindUint}, X86_64, 1<<64 - 1, "18446744073709551615", `"18446744073709551615"`},
		{Param{Kind: KindInt}, X86_64, 1 << 63, "-9223372036854775808", `"-9223372036854775808"`},
		{Param{Kind: KindHex}, X86_64, 0, "0", "0"},
		{Param{Kind: KindHex}, X86_64, 255, "0xff", "255"},
		{Param{Kind: KindAddr}, X86_64, 0, "NULL", `"0x0"`},
		{Param{Kind: KindAddr}, I386, 1<<40 | 0x1000, "0x1000", `"0x1000"`},
		{Param{Kind: KindFD, Width: 4}, X86_64, 1<<32 - 1, "-1", "-1"},
		{Param{Kind: KindDirFD, Width: 4}, X86_64, noFD, "AT_FDCWD", `"AT_FDCWD"`},
		{Param{Kind: KindDirFD, Width: 4}, X86_64, 5, "5", "5"},
		{Param{Kind: KindMode, Width: 4}, X86_64, 0, "000", `"000"`},
		{Param{Kind: KindMode, Width: 4}, X86_64, 0o7, "007", `"007"`},
		{Param{Kind: KindMode, Width: 4}, X86_64, 0o22, "022", `"022"`},
		{Param{Kind: KindMode, Width: 4}, X86_64, 0o4755, "04755", `"04755"`},
		{Param{Kind: KindMode, Width: 4}, X86_64, 0o100744, "0100744", `"0100744"`},
		{Param{Kind: KindMode, Style: StyleFileType, Width: 4}, X86_64, 0o20666, "S_IFCHR|0666", `"020666"`},
		{Param{Kind: KindMode, Style: StyleFileType, Width: 4}, X86_64, 0o21600, "S_IFCHR|S_ISVTX|0600", `"021600"`},
		{Param{Kind: KindMode, Style: StyleFileType, Width: 4}, X86_64, 0o170600, "0170600", `"0170600"`},
		{Param{Kind: KindDev, Width: 4}, X86_64, 0x103, "makedev(0x1, 0x3)", `"1:3"`},
		{Param{Kind: KindDev, Width: 4}, X86_64, 0x12310045, "makedev(0x100, 0x12345)", `"256:74565"`},
		{Param{Kind: KindDev, Width: 8}, X86_64, 0x1000_0000_0000, "makedev(0x1000, 0)", `"4096:0"`},
		{Param{Kind: KindUID, Width: 4}, X86_64, 1<<32 - 1, "-1", "-1"},
		{Param{Kind: KindUID, Width: 2}, I386, 1<<16 - 1, "-1", "-1"},
		{Param{Kind: KindUID, Width: 4}, X86_64, 1<<16 - 1, "65535", "65535"},
		{Param{Kind: KindSignal, Width: 4}, X86_64, 15, "SIGTERM", `"SIGTERM"`},
		{Param{Kind: KindSignal, Width: 4}, X86_64, 32, "SIGRTMIN", `"SIGRTMIN"`},
		{Param{Kind: KindSignal, Width: 4}, X86_64, 64, "SIGRT_32", `"SIGRT_32"`},
		{Param{Kind: KindSignal, Width: 4}, X86_64, 65, "65", "65"},
		{Param{Kind: KindSignal, Width: 4}, X86_64, 1<<32 - 1, "-1", "-1"},
		{Param{Kind: KindSignal, Width: 4}, X86_64, 0, "0", "0"},
		{Param{Kind: KindSignal, Width: 4}, MIPS, 17, "SIGUSR2", `"SIGUSR2"`},
		{Param{Kind: KindFlags, Width: 4, Set: &testFlags}, X86_64, 3, "T_A|T_B", `["T_A","T_B"]`},
		{Param{Kind: KindFlags, Width: 4, Set: &testFlags}, X86_64, 0x41, "T_A|0x40", `["T_A",64]`},
		{Param{Kind: KindFlags, Width: 4, Set: &testFlags}, X86_64, 0x40, "0x40 /* T_??? */", `[64]`},
		{Param{Kind: KindFlags, Width: 8, Set: &testFlags}, X86_64, 1 << 63, "0x8000000000000000 /* T_??? */", `["9223372036854775808"]`},
		{Param{Kind: KindFlags, Width: 4, Set: &testFlags}, X86_64, 0, "0", `[]`},
		{Param{Kind: KindEnum, Width: 4, Set: &testEnum}, X86_64, 1, "T_ONE", `"T_ONE"`},
		{Param{Kind: KindEnum, Width: 4, Set: &testEnum}, X86_64, 7, "0x7 /* T_??? */", `7`},
		{Param{Kind: KindEnum, Width: 4, Set: &testIoctl}, X86_64, 0xc0245401, "_IOC(_IOC_READ|_IOC_WRITE, 0x54, 0x1, 0x24)", "3223606273"},
		{Param{Kind: KindEnum, Width: 4, Set: &testIoctl}, X86_64, 0x5499, "_IOC(_IOC_NONE, 0x54, 0x99, 0)", "21657"},
		{Param{Kind: KindEnum, Width: 4, Set: &testIoctl}, PPC64LE, 0x40045499, "_IOC(_IOC_READ, 0x54, 0x99, 0x4)", "1074025625"},
	}
	for _, tt := range tests {
		c := valueOf(tt.p, tt.abi, tt.raw, nil)
		if got := c.String(); got != "f("+tt.text+")" {
			t.Errorf("%s, %#x: text %s, want f(%s)", tt.abi, tt.raw, got, tt.text)
		}
		if got := string(c.Args[0].AppendJSON(nil, tt.abi)); got != tt.json {
			t.Errorf("%s, %#x: JSON %s, want %s", tt.abi, tt.raw, got, tt.json)
		}
	}
}

var pair = Struct{Name: "pair", Fields: []Param{
	{Name: "a", Kind: KindInt, Width: 4},
	{Name: "_", Kind: KindUint, Width: 4},
	{Kind: KindStruct, Struct: &Struct{Overlap: true, Fields: []Param{
		{Name: "path", Kind: KindPath, When: &Cond{Param: "a", Values: []uint64{1}, Ref: Ref{Up: 1}}},
		{Name: "buf", Kind: KindBytes, Len: "n", LenRef: Ref{Up: 1, Idx: 3}, When: &Cond{Param: "a", Values: []uint64{2}, Ref: Ref{Up: 1}}},
		{Name: "num", Kind: KindHex, Width: 8},
	}}},
	{Name: "n", Kind: KindUint, Width: 4},
	{Name: "name", Kind: KindChars, Count: 4},
}}

func TestFormatPointees(t *testing.T) {
	pairBytes := func(a uint32) []byte {
		return le(a, uint32(9), at+page, uint32(2), "eth0")
	}
	tests := []struct {
		p          Param
		mem        []byte
		text, json string
	}{
		{Param{Kind: KindStruct, Struct: &pair}, pairBytes(1), `{a=1, path="/x", n=2, name="eth0"...}`, `{"a":1,"path":"/x","n":2,"name":"eth0"}`},
		{Param{Kind: KindStruct, Struct: &pair}, pairBytes(2), `{a=2, buf="/x", n=2, name="eth0"...}`, `{"a":2,"buf":"/x","n":2,"name":"eth0"}`},
		{Param{Kind: KindStruct, Struct: &pair}, pairBytes(3), `{a=3, num=0x11000, n=2, name="eth0"...}`, `{"a":3,"num":69632,"n":2,"name":"eth0"}`},
		{Param{Kind: KindPtr, Elem: &Param{Kind: KindInt, Width: 4}}, le(uint32(16)), `[16]`, `16`},
		{Param{Kind: KindPtr, Elem: &Param{Kind: KindStruct, Struct: &pair}}, pairBytes(3), `{a=3, num=0x11000, n=2, name="eth0"...}`, `{"a":3,"num":69632,"n":2,"name":"eth0"}`},
		{Param{Kind: KindArray, Count: 3, Elem: &Param{Kind: KindUint, Width: 2}}, le(uint16(1), uint16(2), uint16(3)), `[1, 2, 3]`, `[1,2,3]`},
		{Param{Kind: KindArray, Count: 2, Elem: &Param{Kind: KindPath}}, le(at+page, absent), `["/x", 0x666000]`, `["/x",{"addr":"0x666000","error":"unreadable"}]`},
		{Param{Kind: KindSigset}, le(uint64(1<<1 | 1<<16 | 1<<39)), `[INT CHLD RT_8]`, `["SIGINT","SIGCHLD","SIGRT_8"]`},
		{Param{Kind: KindSigset}, le(^uint64(1 << 8)), `~[KILL]`, ""},
		{Param{Kind: KindSigset}, le(uint64(0)), `[]`, `[]`},
		{Param{Kind: KindBytes, Count: 3}, []byte("a\xffb"), `"a\377b"`, `{"bytes":"Yf9i"}`},
		{Param{Kind: KindPath}, []byte("a\"\n\x01é\x00"), `"a\"\n\1\303\251"`, `"a\"\n\u0001é"`},
		{Param{Kind: KindPath, Dir: Out}, []byte("a\x00"), `0x10000`, `"0x10000"`},
	}
	for _, tt := range tests {
		mem := memory(map[uint64][]byte{at: tt.mem, at + page: []byte("/x\x00")})
		c := valueOf(tt.p, X86_64, at, mem)
		if got := c.String(); got != "f("+tt.text+")" {
			t.Errorf("text %s, want f(%s)", got, tt.text)
		}
		if got := string(c.Args[0].AppendJSON(nil, X86_64)); tt.json != "" && got != tt.json {
			t.Errorf("JSON %s, want %s", got, tt.json)
		}
	}
}

func TestFormatNullAndUnreadable(t *testing.T) {
	for k := KindString; k <= KindFDSet; k++ {
		p := Param{Kind: k, Struct: &pair, Elem: &Param{Kind: KindInt, Width: 4}, Count: 4}
		if k == KindChars {
			continue
		}
		if got := valueOf(p, X86_64, 0, memory(nil)).String(); got != "f(NULL)" {
			t.Errorf("kind %d, null: %s", k, got)
		}
		c := valueOf(p, X86_64, at, memory(nil))
		if got := c.String(); got != "f(0x10000)" {
			t.Errorf("kind %d, unreadable: %s", k, got)
		}
		if got := string(c.Args[0].AppendJSON(nil, X86_64)); got != `{"addr":"0x10000","error":"unreadable"}` {
			t.Errorf("kind %d, unreadable: %s", k, got)
		}
	}
}

// Words are in the target's byte order: bit 0 of a big-endian word is in its last byte.
func TestBitsOfBigEndian(t *testing.T) {
	c := valueOf(Param{Kind: KindSigset}, S390X, at, memory(map[uint64][]byte{at: be(uint64(2))}))
	wantText(t, c, "f([INT])")
	c = valueOf(Param{Kind: KindSigset}, PPC, at, memory(map[uint64][]byte{at: be(uint32(2), uint32(1<<7))}))
	wantText(t, c, "f([INT RT_8])")
	c = valueOf(Param{Kind: KindFDSet, Count: 40}, PPC, at, memory(map[uint64][]byte{at: be(uint32(1), uint32(1))}))
	wantText(t, c, "f([0 32])")
}

func TestTextLimits(t *testing.T) {
	long := strings.Repeat("0123456789", 5)
	mem := memory(map[uint64][]byte{at: []byte(long + "\x00")})
	wantText(t, decode(t, X86_64, "chdir", mem, at), `chdir("`+long+`")`)
	c := decode(t, X86_64, "memfd_create", mem, at, 0)
	wantText(t, c, `memfd_create("`+long[:32]+`"..., 0)`)
	for limit, want := range map[int]string{5: `"01234"...`, 50: `"` + long + `"`, -1: `"` + long + `"`} {
		if got := string(c.AppendText(nil, &TextOptions{StringLimit: limit})); got != "memfd_create("+want+", 0)" {
			t.Errorf("limit %d: %s", limit, got)
		}
	}
	c = decode(t, X86_64, "write", mem, 1, at, 40)
	wantText(t, c, `write(1, "`+long[:32]+`"..., 40)`)
	if got := string(c.AppendJSON(nil)); !strings.Contains(got, `"buf":{"error":"truncated","value":"`+long[:32]+`"}`) {
		t.Errorf("JSON %s", got)
	}
}

func TestJSONCall(t *testing.T) {
	mem := memory(map[uint64][]byte{at: []byte("/etc/passwd\x00")})
	c := decode(t, X86_64, "openat", mem, noFD, at, 0o2000000)
	want := `"call":"openat","args":{"dirfd":"AT_FDCWD","pathname":"/etc/passwd","flags":["O_RDONLY","O_CLOEXEC"]}`
	if got := string(c.AppendJSON(nil)); got != want {
		t.Errorf("got %s", got)
	}
	mem = memory(map[uint64][]byte{at: inet})
	c = decode(t, X86_64, "connect", mem, 3, at, 16)
	want = `"call":"connect","args":{"sockfd":3,"addr":{"family":"AF_INET","addr":"127.0.0.1","port":80},"addrlen":16}`
	if got := string(c.AppendJSON(nil)); got != want || !json.Valid([]byte("{"+got+"}")) {
		t.Errorf("got %s", got)
	}
}
