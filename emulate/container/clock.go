package container

import (
	"encoding/binary"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/emulate"
)

// clockRows are the calls that set the machine's clocks and their speed. There is one real-time clock for all (time_namespaces(7)).
func clockRows() []row {
	const note = "the clock is the machine's"
	return []row{
		{call: "clock_settime", copy: copyTimes(1, none), do: clockSettime, note: note},
		{call: "clock_settime64", copy: copyTimes(1, none), do: clockSettime, note: note},
		{call: "settimeofday", copy: copyTimes(0, 1), do: settimeofday, note: note},
		{call: "stime", copy: copySeconds, do: stime, note: note},
		{call: "adjtimex", copy: copyTimex(0), do: adjtime(none), note: note},
		{call: "clock_adjtime", copy: copyTimex(1), do: adjtime(0), note: note},
		{call: "clock_adjtime64", copy: copyTimex(1), do: adjtime(0), note: note},
	}
}

// Where the numbers of struct timex are (include/uapi/linux/timex.h): each takes a word's room, but for the last, which is an int with
// others behind it that mean nothing. Those that are ints are named.
const (
	timexModes  = 0
	timexStatus = 5
	timexShift  = 14
	timexLast   = 20
	timexEnd    = 48 // bytes from the last on
)

// timeWidth is how wide a call's seconds are. Calls whose name ends in 64, and x32, have the 64-bit ABIs' structures.
func timeWidth(raw *arch.Data) int {
	abi := raw.ABI
	if abi.Word() == 4 && abi != arch.X32 && !strings.HasSuffix(abi.ID(raw.Nr).String(), "64") {
		return 4
	}
	return 8
}

// take reads a piece of a fixed size.
func (o *op) take(i int, addr uint64, size int, mem arch.Memory) {
	s := &o.pieces[i]
	s.Addr, s.Size = addr, uint64(size)
	s.Read(size, mem)
	o.mem.List = o.pieces[:i+1]
}

// copyTimes takes two numbers at one argument and, if there is one, a time zone at another.
func copyTimes(at, zone int) func(o *op, raw *arch.Data, mem arch.Memory) {
	return func(o *op, raw *arch.Data, mem arch.Memory) {
		o.take(0, word(raw, at), 2*timeWidth(raw), mem)
		if zone != none {
			o.take(1, word(raw, zone), 8, mem)
		}
	}
}

func copySeconds(o *op, raw *arch.Data, mem arch.Memory) {
	o.take(0, word(raw, 0), timeWidth(raw), mem)
}

func copyTimex(at int) func(o *op, raw *arch.Data, mem arch.Memory) {
	return func(o *op, raw *arch.Data, mem arch.Memory) {
		o.take(0, word(raw, at), timexLast*timeWidth(raw)+timexEnd, mem)
	}
}

// timeAt are the numbers of a piece as the supervisor's kernel wants them. Of 64-bit nanoseconds of a 32-bit ABI the upper half is padding
// (get_timespec64() of kernel/time/time.c).
func (o *op) timeAt(i int, nanoseconds bool) uintptr {
	s := &o.pieces[i]
	b := s.Whole()
	switch {
	case s.Addr == 0:
		return 0
	case b == nil:
		return nowhere
	}
	width, order := timeWidth(&o.call.Raw), o.call.ABI.ByteOrder()
	w := longs{b: make([]byte, len(b)/width*nativeWord), word: nativeWord, order: binary.NativeEndian}
	for n := range len(b) / width {
		v := signed(b[n*width:][:width], order)
		if nanoseconds && n == 1 && width == 8 && o.call.ABI.Word() == 4 {
			v = uint64(uint32(v))
		}
		w.long(v)
	}
	return o.block(w.b)
}

func signed(b []byte, order binary.ByteOrder) uint64 {
	if len(b) == 4 {
		return uint64(int64(int32(order.Uint32(b))))
	}
	return order.Uint64(b)
}

// timed makes a call that sets or tells a clock: with the caller's own rights and, if those are too few, with CAP_SYS_TIME.
func (o *op) timed(nr uintptr, args ...uintptr) (uintptr, syscall.Errno) {
	a, errno := o.actor(asTarget)
	if errno != 0 {
		return 0, errno
	}
	r, errno := a.call(nr, args...)
	if errno != unix.EPERM {
		return r, errno
	}
	if a, errno = o.actor(timekeeping); errno != 0 {
		return 0, errno
	}
	return a.call(nr, args...)
}

func clockSettime(o *op) emulate.Result {
	return result(o.timed(unix.SYS_CLOCK_SETTIME, o.clock(0), o.timeAt(0, true)))
}

// clock is a clock's number. That of a device holds the number of a descriptor (FD_TO_CLOCKID in clock_getres(2)).
func (o *op) clock(i int) uintptr {
	id := o.int(i)
	const device, kind = 3, 7
	if id >= 0 || id&kind != device {
		return uintptr(id)
	}
	fd, errno := o.descriptor(^(id >> 3))
	if errno != 0 {
		fd = 1<<28 - 1 // nobody has so many
	} else {
		o.closing(fd)
	}
	return uintptr(^fd<<3 | device)
}

func settimeofday(o *op) emulate.Result {
	zone := &o.pieces[1]
	at := uintptr(0)
	if zone.Addr != 0 {
		at = o.block(zone.Whole())
	}
	return result(o.timed(unix.SYS_SETTIMEOFDAY, o.timeAt(0, false), at))
}

// stime is not a call of every ABI; what it does is.
func stime(o *op) emulate.Result {
	b := o.pieces[0].Whole()
	if b == nil {
		return emulate.Errno(unix.EFAULT)
	}
	w := longs{b: make([]byte, 2*nativeWord), word: nativeWord, order: binary.NativeEndian}
	w.long(signed(b, o.call.ABI.ByteOrder()))
	r, errno := o.timed(unix.SYS_CLOCK_SETTIME, unix.CLOCK_REALTIME, o.block(w.b))
	if errno == unix.EINVAL {
		return emulate.Return(0) // the kernel does not say that it cannot be (stime() of kernel/time/time.c)
	}
	return result(r, errno)
}

// adjtime: clock is the position of the clock's number; without one it is the real-time clock.
func adjtime(clock int) func(o *op) emulate.Result {
	return func(o *op) emulate.Result {
		s := &o.pieces[0]
		width, order := timeWidth(&o.call.Raw), o.call.ABI.ByteOrder()
		var b []byte
		if from := s.Whole(); from != nil {
			b = resized(from, width, nativeWord, order, binary.NativeEndian)
		}
		nr, args := uintptr(unix.SYS_ADJTIMEX), []uintptr{o.block(b)}
		if clock != none {
			nr, args = unix.SYS_CLOCK_ADJTIME, []uintptr{o.clock(clock), args[0]}
		}
		r, errno := o.timed(nr, args...)
		if errno != 0 {
			return emulate.Errno(errno)
		}
		return emulate.Return(int64(r)).Write(s.Addr, resized(b, nativeWord, width, binary.NativeEndian, order))
	}
}

// resized is a struct timex with words of another width.
func resized(b []byte, from, to int, order, toOrder binary.ByteOrder) []byte {
	if from == to {
		return b
	}
	w := longs{b: make([]byte, timexLast*to+timexEnd), word: to, order: toOrder}
	for n := range timexLast {
		at := b[n*from:]
		switch n {
		case timexModes, timexStatus, timexShift:
			toOrder.PutUint32(w.b[w.at:], order.Uint32(at))
			w.at += to
		default:
			w.long(signed(at[:from], order))
		}
	}
	toOrder.PutUint32(w.b[w.at:], order.Uint32(b[timexLast*from:]))
	return w.b
}
