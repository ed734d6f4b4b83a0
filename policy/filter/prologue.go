package filter

import (
	"fmt"
	"slices"

	seccomp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/sys/unix"
)

// Offsets in struct seccomp_data (include/uapi/linux/seccomp.h).
const (
	offNr   = 0
	offArch = 4
	offArgs = 16
)

// blockSize bounds the numbers of one block: a conditional jump reaches 255 instructions.
const blockSize = 200

// missing lists, per ABI of the builder, the numbers that body does not give the action that they should have.
func (b *builder) missing(body Program) ([][]uint32, error) {
	lists := make([][]uint32, len(b.abis))
	for i, abi := range b.abis {
		for nr, name := range abi.Calls() {
			if !b.calls.Has(abi.ID(nr)) || multiplexer(name) {
				continue
			}
			got, err := body.Run(abi, nr, [6]uint64{})
			if err != nil {
				return nil, fmt.Errorf("check filter for %s %s: %w", abi, name, err)
			}
			if got != retOf(b.action) {
				lists[i] = append(lists[i], uint32(nr))
			}
		}
	}
	return lists, nil
}

// prologue tests for calls that libseccomp does not know. Each block falls through to what follows it.
//
//	ld arch; jne ABI, end; ld nr; jeq n1, hit; …; jmp end; hit: ret ACTION; end:
func (b *builder) prologue(missing [][]uint32) Program {
	var prog Program
	for i, numbers := range missing {
		for part := range slices.Chunk(numbers, blockSize) {
			prog = append(prog, block(b.abis[i].Audit(), part, retOf(b.action))...)
		}
	}
	return prog
}

func block(token uint32, numbers []uint32, ret uint32) Program {
	n := len(numbers)
	prog := Program{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offArch},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: uint8(n + 3), K: token},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offNr},
	}
	for i, nr := range numbers {
		prog = append(prog, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: uint8(n - i), K: nr})
	}
	return append(prog,
		unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JA, K: 1},
		retIns(Action(ret)))
}

func retOf(a seccomp.ScmpAction) uint32 {
	if a == seccomp.ActNotify {
		return unix.SECCOMP_RET_USER_NOTIF
	}
	return unix.SECCOMP_RET_ALLOW
}
