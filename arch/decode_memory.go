package arch

// An arena hands out slices of one array that is used again for the next call. What does not fit is allocated, and the
// array is made large enough for it the next time.
type arena[T any] struct {
	chunk []T
	used  int // of chunk
	spilt int // used of chunks that were full
	peak  int // most that was in use at once since the last reset
}

// arenaFirst is the least number of elements to allocate.
const arenaFirst = 16

func (a *arena[T]) reset() {
	if a.peak > len(a.chunk) {
		a.chunk = make([]T, a.peak)
	}
	a.used, a.spilt, a.peak = 0, 0, 0
}

// take returns n elements with whatever they held before.
func (a *arena[T]) take(n int) []T {
	if len(a.chunk)-a.used < n {
		a.spilt += a.used
		a.chunk, a.used = make([]T, max(n, arenaFirst, len(a.chunk))), 0
	}
	a.used += n
	a.peak = max(a.peak, a.spilt+a.used)
	return a.chunk[a.used-n : a.used : a.used]
}

// resize makes the slice that was taken last n elements long, keeping what it holds.
func (a *arena[T]) resize(s []T, n int) []T {
	a.used -= len(s)
	if a.used+n <= len(a.chunk) {
		return a.take(n)
	}
	grown := a.take(n)
	copy(grown, s)
	return grown
}

// newValues returns n cleared values, or nil if the call has used up its number of them.
func (d *Decoder) newValues(n int) []Value {
	if n <= 0 || n > d.values {
		return nil
	}
	d.values -= n
	s := d.vals.take(n)
	clear(s)
	return s
}

// reachable reports whether the n bytes at addr are within the ABI's address space.
func (d *Decoder) reachable(addr, n uint64) bool {
	return n > 0 && addr <= d.facts.addr && n-1 <= d.facts.addr-addr
}

// readAt reads at most len(p) bytes at addr and returns how many there are.
func (d *Decoder) readAt(p []byte, addr uint64) int {
	if !d.reachable(addr, uint64(len(p))) {
		return 0
	}
	n, err := d.mem.ReadMem(p, addr)
	if err != nil && d.call.MemErr == nil {
		d.call.MemErr = err
	}
	return max(0, min(n, len(p)))
}

// block reads exactly n bytes at addr. The state is Truncated if the call's bound leaves no room for them.
func (d *Decoder) block(addr uint64, n int) ([]byte, State) {
	if n > d.left {
		return nil, Truncated
	}
	if !d.reachable(addr, uint64(n)) {
		return nil, Unreadable
	}
	d.left -= n
	b := d.bytes.take(n)
	if d.readAt(b, addr) != n {
		d.bytes.resize(b, 0)
		return nil, Unreadable
	}
	return b, OK
}

// number reads an unsigned number of len(b) bytes.
func number(b []byte, big bool) (v uint64) {
	for i := range b {
		if big {
			v = v<<8 | uint64(b[i])
		} else {
			v |= uint64(b[i]) << (8 * i)
		}
	}
	return v
}
