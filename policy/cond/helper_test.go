package cond

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
)

// memory is a target's memory of blocks at made-up addresses.
type memory struct {
	order  binary.ByteOrder
	word   int
	blocks map[uint64][]byte
	next   uint64
}

func (m *memory) ReadMem(p []byte, addr uint64) (int, error) {
	for base, b := range m.blocks {
		if addr >= base && addr < base+uint64(len(b)) {
			return copy(p, b[addr-base:]), nil
		}
	}
	return 0, errors.New("fault")
}

func (m *memory) put(b []byte) uint64 {
	m.next += 0x10000
	m.blocks[m.next] = append(b, make([]byte, 8192)...)
	return m.next
}

func (m *memory) pointer(addr uint64) []byte {
	b := make([]byte, m.word)
	if m.word == 4 {
		m.order.PutUint32(b, uint32(addr))
	} else {
		m.order.PutUint64(b, addr)
	}
	return b
}

type bad struct{} // an argument that points nowhere

// arg puts an argument into the memory.
func (m *memory) arg(t testing.TB, a any) uint64 {
	switch a := a.(type) {
	case int:
		return uint64(a)
	case uint64:
		return a
	case string:
		return m.put(append([]byte(a), 0))
	case []byte:
		return m.put(a)
	case []string:
		var list []byte
		for _, s := range a {
			list = append(list, m.pointer(m.put(append([]byte(s), 0)))...)
		}
		return m.put(append(list, m.pointer(0)...))
	case nil:
		return 0
	case bad:
		return 0x7000
	}
	t.Fatalf("argument %T", a)
	return 0
}

func makeCall(t testing.TB, abi arch.ABI, name string, args ...any) *arch.Call {
	t.Helper()
	nr, ok := abi.Number(name)
	if !ok {
		t.Fatalf("%s has no %s", abi, name)
	}
	m := &memory{order: abi.ByteOrder(), word: abi.Word(), blocks: map[uint64][]byte{}, next: 0x100000}
	raw := arch.Data{ABI: abi, Nr: nr}
	for i, a := range args {
		raw.Args[i] = m.arg(t, a)
	}
	c := new(arch.Call)
	new(arch.Decoder).Decode(c, raw, m)
	return c
}

func mustParse(t testing.TB, text string) *Source {
	t.Helper()
	s, err := Parse(policy.Condition{Pos: policy.Pos{File: "p.yaml", Line: 10, Column: 11}, Text: text})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

func mustBind(t testing.TB, abi arch.ABI, name, text string) *Expr {
	t.Helper()
	id, _ := arch.LookupID(name)
	e, err := mustParse(t, text).Bind(abi, id)
	if err != nil {
		t.Fatalf("%s: %s: %v", name, text, err)
	}
	return e
}

// person is a caller.
type person struct {
	uid, gid       uint32
	exe, comm, cwd string
	asked          int
	err            error
}

func (p *person) UID() (uint32, error)  { p.asked++; return p.uid, p.err }
func (p *person) GID() (uint32, error)  { p.asked++; return p.gid, p.err }
func (p *person) Exe() (string, error)  { p.asked++; return p.exe, p.err }
func (p *person) Comm() (string, error) { p.asked++; return p.comm, p.err }
func (p *person) Cwd() (string, error)  { p.asked++; return p.cwd, p.err }

func somebody() *person {
	return &person{uid: 1000, gid: 100, exe: "/usr/bin/tool", comm: "tool", cwd: "/home/ann/src"}
}

func sockaddr4(port uint16, ip ...byte) []byte {
	return append([]byte{2, 0, byte(port >> 8), byte(port)}, append(ip, make([]byte, 8)...)...)
}

func sockaddr6(port uint16, ip [16]byte) []byte {
	return append(append([]byte{10, 0, byte(port >> 8), byte(port), 0, 0, 0, 0}, ip[:]...), 0, 0, 0, 0)
}

func sockaddrUnix(path string) []byte { return append([]byte{1, 0}, path...) }

func le(values ...uint64) (b []byte) {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}
