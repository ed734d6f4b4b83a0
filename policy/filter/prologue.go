package filter

import (
	seccomp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
)

// Offsets in struct seccomp_data (include/uapi/linux/seccomp.h).
const (
	offNr   = 0
	offArch = 4
	offArgs = 16
)

// blockSize bounds the numbers of one block: a conditional jump reaches 255 instructions.
const blockSize = 200

// prologue tests for the calls that libseccomp does not know. Each block falls through to what follows it.
//
//	ld arch; jne ABI, end; ld nr; jeq n1, hit; …; jmp end; hit: ret ACTION; end:
func (b *builder) prologue() Program {
	var prog Program
	for _, abi := range b.abis {
		numbers := b.numbers(abi)
		for len(numbers) > 0 {
			n := min(len(numbers), blockSize)
			prog = append(prog, block(abi.Audit(), numbers[:n], retOf(b.action))...)
			numbers = numbers[n:]
		}
	}
	return prog
}

func (b *builder) numbers(abi arch.ABI) (list []uint32) {
	for _, id := range b.left.IDs() {
		if nr, ok := abi.NumberOf(id); ok {
			list = append(list, uint32(nr))
		}
	}
	return list
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
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: ret})
}

func retOf(a seccomp.ScmpAction) uint32 {
	if a == seccomp.ActNotify {
		return unix.SECCOMP_RET_USER_NOTIF
	}
	return unix.SECCOMP_RET_ALLOW
}
