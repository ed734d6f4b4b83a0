package arch

import "bytes"

// A string is read in steps that stay within a page of the smallest size, so that one which ends just before an unmapped
// page is read whole. The first step is short because most strings are.
const (
	pageSize  = 4096
	firstStep = 256
)

// readString reads up to and without a NUL, at most limit bytes with it. long is the state of a longer one.
func (d *Decoder) readString(addr uint64, limit int, long State) ([]byte, State) {
	if limit > d.left {
		limit, long = d.left, Truncated
	}
	var buf []byte
	for n := 0; n < limit; {
		step := min(limit-n, int(pageSize-addr%pageSize))
		if n == 0 {
			step = min(step, firstStep)
			buf = d.bytes.take(step)
		} else {
			buf = d.bytes.resize(buf, n+step)
		}
		got := d.readAt(buf[n:], addr)
		if i := bytes.IndexByte(buf[n:n+got], 0); i >= 0 {
			return d.keep(buf, n+i), OK
		}
		n += step
		addr += uint64(step)
		if got < step || addr == 0 { // 0: the end of a 64-bit address space
			d.left -= n // what was read in vain counts too, or many such strings would be much work
			d.bytes.resize(buf, 0)
			return nil, Unreadable
		}
	}
	return d.keep(buf, len(buf)), long
}

// keep gives back what of the scratch was read beyond the end of a string.
func (d *Decoder) keep(buf []byte, n int) []byte {
	d.left -= n
	return d.bytes.resize(buf, n)
}

// stringElem describes the strings of a KindStrings.
var stringElem = Param{Kind: KindString}

// maxPointers is how many pointers of a string array are read at a time.
const maxPointers = 32

// followStrings reads an array of strings up to its null pointer. One that cannot be read to its end is Unreadable as a
// whole, which is what execve makes of it; a single string may be Unreadable on its own.
func (d *Decoder) followStrings(v *Value, addr uint64) {
	n, state := d.countPointers(addr)
	if state == Unreadable {
		v.State = Unreadable
		return
	}
	list := d.newValues(n)
	if len(list) < n {
		v.State = Truncated
		return
	}
	v.List, v.State = list, state
	for i := range list {
		list[i].Raw = d.pointers[i]
	}
	for i := range list {
		d.followString(&list[i])
	}
}

func (d *Decoder) followString(v *Value) {
	v.Param = &stringElem
	v.Bytes, v.State = d.readString(d.address(v.Raw), d.maxString(), Truncated)
}

// countPointers reads pointers into d.pointers, up to a null one.
func (d *Decoder) countPointers(addr uint64) (int, State) {
	d.pointers = d.pointers[:0]
	for len(d.pointers) < d.maxItems() {
		room := (pageSize - addr%pageSize) / d.word
		n := min(max(room, 1), maxPointers, uint64(d.maxItems()-len(d.pointers)))
		done, state := d.somePointers(addr, n)
		if done || state != OK {
			return len(d.pointers), state
		}
		if addr += n * d.word; addr < d.word {
			return len(d.pointers), Unreadable
		}
	}
	return len(d.pointers), Truncated
}

// somePointers reads at most n pointers; done means that the last of them was null.
func (d *Decoder) somePointers(addr, n uint64) (done bool, state State) {
	if int(n*d.word) > d.left {
		return false, Truncated
	}
	buf := d.bytes.take(int(n * d.word))
	defer d.bytes.resize(buf, 0)
	got := uint64(d.readAt(buf, addr)) / d.word
	for i := range got {
		p := number(buf[i*d.word:][:d.word], d.big)
		if p&d.facts.addr == 0 {
			return true, OK
		}
		d.pointers = append(d.pointers, p)
	}
	if got < n {
		return false, Unreadable
	}
	return false, OK
}

// untilNUL returns the string that a fixed field holds.
func untilNUL(b []byte) ([]byte, State) {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i:i], OK
	}
	return b, Unterminated
}
