package arch

import (
	"encoding/binary"
	"encoding/json"
	"testing"
	"unicode/utf8"
)

// sparse is a memory of one piece, repeated at a few places, so that random pointers often hit it.
type sparse struct {
	b     []byte
	total int
}

// fuzzBase is where FuzzDecodeCall's memory begins; inputs that hold it are pointers into the memory.
const fuzzBase = 0x10000

func (m *sparse) ReadMem(p []byte, addr uint64) (int, error) {
	m.total += len(p)
	off := addr - fuzzBase
	if off >= uint64(len(m.b)) {
		return 0, errFault
	}
	return copy(p, m.b[off:]), nil
}

// registersOf takes six registers from the start of b.
func registersOf(b []byte) (args [6]uint64) {
	for i := range args {
		if len(b) < 8*(i+1) {
			break
		}
		args[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return args
}

// checkCall prints a call in every form and checks that the forms are well-formed.
func checkCall(t *testing.T, c *Call) {
	t.Helper()
	text := c.AppendText(nil, &TextOptions{Verbose: true, StringLimit: -1})
	for _, ch := range text {
		if ch < ' ' || ch > '~' {
			t.Fatalf("text has a byte %#x: %q", ch, text)
		}
	}
	c.AppendText(nil, nil)
	j := append(c.AppendJSON([]byte("{")), '}')
	if !utf8.Valid(j) || !json.Valid(j) {
		t.Fatalf("invalid JSON: %s", j)
	}
}

// checkBounds checks that a decoded value stays within the Decoder's bounds.
func checkBounds(t *testing.T, list []Value) (bytes, values int) {
	t.Helper()
	for i := range list {
		v := &list[i]
		if v.Addr == nil || v.Bytes != nil {
			bytes += len(v.Bytes)
		}
		values++
		b, n := checkBounds(t, v.List)
		bytes, values = bytes+b, values+n
	}
	return bytes, values
}

func FuzzDecodeCall(f *testing.F) {
	pointers := make([]byte, 0, 48)
	for range 6 {
		pointers = binary.LittleEndian.AppendUint64(pointers, fuzzBase)
	}
	for _, nr := range []uint32{0, 1, 16, 42, 46, 59, 165, 257, 307, 321, 435, 437} {
		f.Add(uint8(X86_64), nr, pointers, pointers)
	}
	f.Add(uint8(I386), uint32(102), pointers, pointers)
	f.Add(uint8(S390), uint32(117), pointers, pointers)
	f.Fuzz(func(t *testing.T, abi uint8, nr uint32, regs, mem []byte) {
		a := ABI(abi % uint8(NumABIs))
		m := &sparse{b: mem}
		var d Decoder
		var c Call
		data := Data{ABI: a, Nr: a.NumberBase() + int32(nr%600), Args: registersOf(regs)}
		d.Decode(&c, data, m)
		checkCall(t, &c)
		bytes, values := checkBounds(t, c.Args)
		if bytes > DefaultMaxBytes || values > maxValues {
			t.Fatalf("%d bytes, %d values", bytes, values)
		}
		checkCall(t, c.Clone())
		first := string(c.AppendJSON(nil))
		d.Decode(&c, data, m)
		if again := string(c.AppendJSON(nil)); again != first {
			t.Fatalf("the second time: %s, the first: %s", again, first)
		}
		d.Decode(&c, data, nil)
		checkCall(t, &c)
	})
}

func FuzzSockaddr(f *testing.F) {
	f.Add([]byte{2, 0, 0, 80, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}, int64(16), false)
	f.Add([]byte{0, 10, 1, 187, 0, 0, 0, 0}, int64(28), true)
	f.Add([]byte("\x01\x00/run/x"), int64(110), false)
	f.Add([]byte("\x01\x00\x00abstract\x00"), int64(12), false)
	for _, family := range []byte{16, 17, 29, 31, 38, 40} {
		f.Add(append([]byte{family, 0}, make([]byte, 126)...), int64(20), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, n int64, big bool) {
		abi := X86_64
		if big {
			abi = S390X
		}
		ParseSockaddr(b, abi)
		p := Param{Kind: KindSockaddr, Len: "n", LenRef: Ref{Idx: 1}, Name: "addr"}
		sig := &Signature{Name: "f", Params: []Param{p, {Name: "n", Kind: KindInt, Width: 4}}}
		var d Decoder
		var c Call
		m := &sparse{b: b}
		d.DecodeAs(&c, sig, Data{ABI: abi, Args: [6]uint64{fuzzBase, uint64(n)}}, m)
		if m.total > maxSockaddr {
			t.Fatalf("%d bytes read", m.total)
		}
		checkCall(t, &c)
	})
}

func FuzzStruct(f *testing.F) {
	f.Add(uint16(0), uint8(X86_64), []byte("0123456789abcdef"), uint64(16))
	f.Add(uint16(7), uint8(I386), make([]byte, 300), uint64(24))
	f.Add(uint16(100), uint8(PPC), binary.BigEndian.AppendUint32(nil, fuzzBase), uint64(1<<63))
	all := describedStructs()
	f.Fuzz(func(t *testing.T, which uint16, abi uint8, mem []byte, size uint64) {
		s := all[int(which)%len(all)]
		sig := &Signature{Name: "f", Params: []Param{
			{Name: "s", Kind: KindStruct, Struct: s},
			{Name: "size", Kind: KindUint},
		}}
		var d Decoder
		var c Call
		d.DecodeAs(&c, sig, Data{ABI: ABI(abi % uint8(NumABIs)), Args: [6]uint64{fuzzBase, size}}, &sparse{b: mem})
		checkCall(t, &c)
		checkBounds(t, c.Args)
	})
}

// describedStructs are the structs that calls of any ABI have as parameters, in the order of the tables.
func describedStructs() (list []*Struct) {
	seen := map[*Struct]bool{}
	for id := ID(1); id < NumIDs; id++ {
		for _, a := range ABIs() {
			if sig := a.Signature(id); sig != nil {
				list = structsOf(list, seen, sig)
			}
		}
	}
	return list
}

func structsOf(list []*Struct, seen map[*Struct]bool, sig *Signature) []*Struct {
	for i := range sig.Params {
		if s := sig.Params[i].Struct; s != nil && !seen[s] {
			seen[s] = true
			list = append(list, s)
		}
	}
	for i := range sig.Variants {
		list = structsOf(list, seen, &sig.Variants[i])
	}
	return list
}

func FuzzStrings(f *testing.F) {
	f.Add([]byte("/etc/passwd\x00"), uint64(fuzzBase), uint8(X86_64))
	f.Add(binary.LittleEndian.AppendUint64(nil, fuzzBase), uint64(fuzzBase), uint8(X86_64))
	f.Add(make([]byte, 5000), uint64(1<<64-1), uint8(I386))
	sig := &Signature{Name: "f", Params: []Param{{Name: "path", Kind: KindPath}, {Name: "text", Kind: KindString}, {Name: "argv", Kind: KindStrings}}}
	f.Fuzz(func(t *testing.T, mem []byte, addr uint64, abi uint8) {
		d := Decoder{MaxBytes: 1 << 14}
		var c Call
		d.DecodeAs(&c, sig, Data{ABI: ABI(abi % uint8(NumABIs)), Args: [6]uint64{addr, addr, addr}}, &sparse{b: mem})
		checkCall(t, &c)
		if bytes, _ := checkBounds(t, c.Args); bytes > d.MaxBytes {
			t.Fatalf("%d bytes kept", bytes)
		}
		if v := c.Arg("path"); v.State == OK && (len(v.Bytes) >= MaxPath || addr-fuzzBase >= uint64(len(mem))) {
			t.Fatalf("a path of %d bytes from %#x", len(v.Bytes), addr)
		}
	})
}

func FuzzDemux(f *testing.F) {
	f.Add(false, uint32(3), uint64(fuzzBase), make([]byte, 24))
	f.Add(true, uint32(12), uint64(fuzzBase), make([]byte, 24))
	f.Add(true, uint32(1<<16|12), uint64(0), []byte{})
	f.Fuzz(func(t *testing.T, ipc bool, call uint32, ptr uint64, mem []byte) {
		for _, abi := range []ABI{I386, S390, S390X, PPC64} {
			name, args := "socketcall", [6]uint64{uint64(call), ptr}
			if ipc {
				name, args = "ipc", [6]uint64{uint64(call), 1, 2, 3, ptr, 5}
			}
			nr, ok := abi.Number(name)
			if !ok {
				t.Fatalf("%s has no %s", abi, name)
			}
			var d Decoder
			var c Call
			d.Decode(&c, Data{ABI: abi, Nr: nr, Args: args}, &sparse{b: mem})
			if c.Name != name && c.Mux.Name() != name {
				t.Fatalf("%s became %s without saying so", name, c.Name)
			}
			checkCall(t, &c)
		}
	})
}

// FuzzText prints one value of every kind from random bytes.
func FuzzText(f *testing.F) {
	f.Add([]byte("\x00\xff\xc3\xa9\"\\"), uint64(6))
	f.Add([]byte("\xed\xa0\x80\xf4\x90\x80\x80"), uint64(3))
	f.Fuzz(func(t *testing.T, mem []byte, n uint64) {
		for k := KindInt; k <= KindFDSet; k++ {
			sig := &Signature{Name: "f", Params: []Param{
				{Name: "arg", Kind: k, Set: &testFlags, Struct: &pair, Elem: &Param{Kind: KindString}, Len: "n", LenRef: Ref{Idx: 1}},
				{Name: "n", Kind: KindUint},
			}}
			if k == KindChars {
				sig.Params[0] = Param{Name: "arg", Kind: KindStruct, Struct: &pair}
			}
			for _, abi := range []ABI{X86_64, MIPS} {
				d := Decoder{MaxData: 1 << 12, MaxBytes: 1 << 12}
				var c Call
				d.DecodeAs(&c, sig, Data{ABI: abi, Args: [6]uint64{fuzzBase, n}}, &sparse{b: mem})
				checkCall(t, &c)
			}
		}
	})
}
