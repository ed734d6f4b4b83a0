package arch

import (
	"math/bits"
	"strconv"
)

// Signals by number, without their prefix: asm-generic/signal.h and the headers of the architectures that differ.
var (
	signals = [32]string{"", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
		"PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM",
		"PROF", "WINCH", "IO", "PWR", "SYS"}
	signalsMIPS = [32]string{"", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "EMT", "FPE", "KILL", "BUS", "SEGV", "SYS",
		"PIPE", "ALRM", "TERM", "USR1", "USR2", "CHLD", "PWR", "WINCH", "URG", "IO", "STOP", "TSTP", "CONT", "TTIN",
		"TTOU", "VTALRM", "PROF", "XCPU", "XFSZ"}
	signalsSPARC = [32]string{"", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "EMT", "FPE", "KILL", "BUS", "SEGV", "SYS",
		"PIPE", "ALRM", "TERM", "URG", "STOP", "TSTP", "CONT", "CHLD", "TTIN", "TTOU", "IO", "XCPU", "XFSZ", "VTALRM",
		"PROF", "WINCH", "LOST", "USR1", "USR2"}
	signalsPARISC = [32]string{"", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "STKFLT", "FPE", "KILL", "BUS", "SEGV",
		"SYS", "PIPE", "ALRM", "TERM", "USR1", "USR2", "CHLD", "PWR", "VTALRM", "PROF", "IO", "WINCH", "STOP", "TSTP",
		"CONT", "TTIN", "TTOU", "URG", "XFSZ", "XCPU"}
)

func signalsOf(abi ABI) *[32]string {
	switch abi {
	case MIPS, MIPSEL, MIPS64, MIPSEL64, MIPS64N32, MIPSEL64N32:
		return &signalsMIPS
	case SPARC, SPARC64, Alpha:
		return &signalsSPARC
	case PARISC, PARISC64:
		return &signalsPARISC
	}
	return &signals
}

// maxSignal is the largest signal: the kernel's _NSIG.
func maxSignal(abi ABI) int64 {
	if signalsOf(abi) == &signalsMIPS {
		return 128
	}
	return 64
}

// firstRealtime is the kernel's SIGRTMIN; the C libraries keep a few and call a later one so.
const firstRealtime = 32

// appendBareSignal appends a signal's name without SIG; known is false for what is no signal.
func appendBareSignal(b []byte, n int64, abi ABI) (out []byte, known bool) {
	switch {
	case n <= 0 || n > maxSignal(abi):
		return b, false
	case n < firstRealtime:
		return append(b, signalsOf(abi)[n]...), true
	case n == firstRealtime:
		return append(b, "RTMIN"...), true
	}
	return strconv.AppendInt(append(b, "RT_"...), n-firstRealtime, 10), true
}

func appendSignal(b []byte, n int64, abi ABI) []byte {
	if out, known := appendBareSignal(append(b, "SIG"...), n, abi); known {
		return out
	}
	return strconv.AppendInt(b, n, 10)
}

// appendSigset appends the names in a set, or in its complement if that is the shorter list by far.
func appendSigset(b, set []byte, abi ABI) []byte {
	count := 0
	for _, c := range set {
		count += bits.OnesCount8(c)
	}
	member := count < 8*len(set)*2/3
	if !member {
		b = append(b, '~')
	}
	b = append(b, '[')
	start := len(b)
	for i := range 8 * len(set) {
		if bitIn(set, i, abi) != member {
			continue
		}
		if len(b) > start {
			b = append(b, ' ')
		}
		b, _ = appendBareSignal(b, int64(i)+1, abi)
	}
	return append(b, ']')
}
