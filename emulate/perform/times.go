package perform

import (
	"encoding/binary"
	"syscall"

	"golang.org/x/sys/unix"
)

// times gives utimensat(2) the times that a call has in its own form, as an address. Null means now.
func (o *op) times(ptr int, u unit) (uintptr, syscall.Errno) {
	if o.pointer(ptr) == 0 {
		return 0, 0
	}
	raw := o.raws[0].Whole()
	if raw == nil {
		return 0, unix.EFAULT
	}
	if u == nanoseconds && o.call.ABI == o.f.native {
		return address(raw), 0
	}
	n := o.nums[:4]
	o.numbers(raw, n, u)
	switch {
	case u == microseconds && (n[1] >= 1e6 || n[3] >= 1e6):
		return 0, unix.EINVAL
	case u == microseconds:
		n[1], n[3] = n[1]*1000, n[3]*1000
	case u == seconds:
		n[1], n[2], n[3] = 0, n[1], 0
	}
	return address(words(n)), 0
}

// numbers reads up to four words, signed, as wide as the copy says they are. Of 64-bit nanoseconds of a 32-bit ABI the upper half
// is padding (get_timespec64 of kernel/time/time.c).
func (o *op) numbers(raw []byte, to []uint64, u unit) {
	count := 4
	if u == seconds {
		count = 2
	}
	order := o.call.ABI.ByteOrder()
	width := len(raw) / count
	for i := range count {
		to[i] = number(raw[i*width:(i+1)*width], order)
		if u == nanoseconds && width == 8 && o.call.ABI.Word() == 4 && i%2 == 1 {
			to[i] = uint64(uint32(to[i]))
		}
	}
}

func number(b []byte, order binary.ByteOrder) uint64 {
	if len(b) == 4 {
		return uint64(int64(int32(order.Uint32(b))))
	}
	return order.Uint64(b)
}
