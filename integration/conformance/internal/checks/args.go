package checks

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Kinds of arguments beside int, string (a path or name) and nil (a null pointer).
type (
	oct  uint32  // a number printed as a mode
	hex  uint64  // a number printed as flags; cut to the register's width
	off  int64   // 64 bits wide on every ABI: two registers where a register has 32 bits
	data []byte  // bytes that are only read
	tail string  // a string that ends at an inaccessible page, without a NUL
	last string  // the same with the NUL as the last byte
	wild uintptr // an address that is not the program's
)

// A buf is memory that a call writes to. It is filled with a pattern first, so that what was written can be told.
type buf struct {
	b    []byte
	head []byte                  // what must be there before, as a size
	show func(*P, []byte) string // what of its bytes is printed; nil: how many were written
}

const poison = 0xa5

// written is how many bytes were changed, counted to the last one.
func (b *buf) written() int {
	for n := len(b.b); n > 0; n-- {
		if b.b[n-1] != poison {
			return n
		}
	}
	return 0
}

func (b *buf) fill() {
	for i := range b.b {
		b.b[i] = poison
	}
	copy(b.b, b.head)
}

// words are the bytes of little-endian words of 64 bits, of which many structs are made.
func words(v ...uint64) data {
	var b data
	for _, x := range v {
		b = binary.LittleEndian.AppendUint64(b, x)
	}
	return b
}

// longs are words of the width that a C long has.
func longs(v ...int64) data {
	if wordSize == 8 {
		b := make(data, 0, 8*len(v))
		for _, x := range v {
			b = binary.LittleEndian.AppendUint64(b, uint64(x))
		}
		return b
	}
	b := make(data, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, uint32(x))
	}
	return b
}

const wordSize = 4 << (^uintptr(0) >> 63)

// load puts an argument into registers and says how it is printed.
func (p *P) load(arg any) ([]uintptr, string) {
	switch v := arg.(type) {
	case nil:
		return []uintptr{0}, "NULL"
	case int:
		return []uintptr{uintptr(v)}, intText(v)
	case oct:
		return []uintptr{uintptr(v)}, "0" + strconv.FormatUint(uint64(v), 8)
	case hex:
		return []uintptr{uintptr(v)}, fmt.Sprintf("%#x", uint64(v))
	case off:
		return offRegisters(int64(v)), strconv.FormatInt(int64(v), 10)
	case wild:
		return []uintptr{uintptr(v)}, p.wildText(v)
	case data:
		return []uintptr{address(p.put(v))}, fmt.Sprintf("[%d bytes]", len(v))
	case string:
		return []uintptr{address(p.put(append([]byte(v), 0)))}, p.quote(v)
	case tail:
		return []uintptr{address(p.putTail(string(v)))}, p.quote(string(v)) + "(no NUL)"
	case last:
		return []uintptr{address(p.putTail(string(v) + "\x00"))}, p.quote(string(v)) + "(to the page's end)"
	case *buf:
		return []uintptr{address(v.b)}, fmt.Sprintf("[%d]", len(v.b))
	}
	p.broken("an argument of type %T", arg)
	return []uintptr{0}, "?"
}

func offRegisters(v int64) []uintptr {
	if wordSize == 8 {
		return []uintptr{uintptr(v)}
	}
	return []uintptr{uintptr(uint32(v)), uintptr(uint32(v >> 32))}
}

func intText(v int) string {
	if v == unix.AT_FDCWD {
		return "AT_FDCWD"
	}
	return strconv.Itoa(v)
}

// wildText names an address by what is there: where memory lies differs from run to run.
func (p *P) wildText(v wild) string {
	below := p.mem.hole() - uintptr(v)
	switch {
	case below <= 4096:
		return fmt.Sprintf("hole-%d", below)
	case v < 1<<16 || v > ^wild(0)-1<<16:
		return fmt.Sprintf("address %d", int(v))
	}
	return "elsewhere"
}

// put copies bytes to where a call can find them.
func (p *P) put(b []byte) []byte {
	m := p.mem.take(max(len(b), 1))
	if m == nil {
		p.broken("no memory for %d bytes", len(b))
		m = p.mem.all[:len(b)]
	}
	copy(m, b)
	return m
}

func (p *P) putTail(s string) []byte {
	m := p.mem.tail(len(s))
	copy(m, s)
	return m
}

// quote prints a string relative to the check's own directories, and a long one by its ends.
func (p *P) quote(s string) string {
	s = p.relative(s)
	if len(s) > 200 {
		return fmt.Sprintf("%q...%q(%d)", s[:8], s[len(s)-8:], len(s))
	}
	return strconv.Quote(s)
}

// relative puts names in the place of what differs from run to run.
func (p *P) relative(s string) string { return strings.NewReplacer(p.names...).Replace(s) }
