// Package callspec makes decoded calls of what people write and of what traces recorded, so that a policy can be asked about a
// call that nobody makes. A call is built as the kernel would see it, registers and memory, and decoded by arch.Decoder: there
// is one way to values, and a policy cannot tell such a call from a notified one.
package callspec

import (
	"github.com/stead-project/stead/arch"
)

// Bounds of what is read. A longer text is refused.
const (
	MaxText   = 1 << 20 // bytes of a written call
	MaxRecord = 4 << 20 // bytes of a recorded line
	MaxDepth  = 32      // lists and structs in each other
	maxNodes  = 1 << 14 // values in one call: as many as a Decoder makes
)

// Parse reads one call as people write it and as stead trace and strace(1) print it:
//
//	openat(AT_FDCWD, "/etc/shadow", O_RDONLY|O_CLOEXEC)
//	[pid 41] connect(3, {sa_family=AF_UNIX, sun_path="/run/x"}, 9) = -1 EPERM (deny by net)
//	connect(3, tcp:10.0.0.1:443)
//
// What stands before the call's name and after its closing parenthesis in a trace is skipped. Arguments may be left out from
// the end: lengths are then those of what is written, everything else is 0. What the kernel only writes may be anything. The
// error is an *Error.
func Parse(text string, abi arch.ABI) (*arch.Call, error) {
	if len(text) > MaxText {
		return nil, failf(0, "longer than %d bytes: write one call", MaxText)
	}
	s := scanner{text: stripColors(text)}
	name, args, err := s.call()
	if err != nil {
		return nil, err
	}
	e := newEncoder(abi, args, false)
	c, err := e.build(name, nil)
	if err != nil {
		return nil, err
	}
	return c, nil
}
