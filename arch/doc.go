// Package arch holds the facts about system calls: ABIs and their call numbers, classes of calls, signatures, struct
// layouts, the names of constants, and the decoding of arguments into Go values. It does nothing to a process and needs
// no particular kernel or machine: the calls of any ABI can be read and printed on any other.
//
// # ABIs
//
// An ABI is one way into the kernel, with its own call numbers: a 64-bit x86 kernel has three. The ABI belongs to a call,
// not to a process; [Identify] finds it from what the kernel says about the call.
//
// # Calls
//
// Numbers differ between ABIs, names do not. [ABI.Name] and [ABI.Number] translate; an [ID] stands for a name in places
// where speed or size counts, and a [Selection] is a set of them.
//
// # Generated tables
//
// The files z*.go are made from the reviewed files in data, by the two generators below. The tables are laid out by the
// linker: importing the package runs nothing.
package arch

//go:generate go run ../internal/cmd/gencalls
//go:generate go run ../internal/cmd/genarch
