package arch

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"strings"
)

// An ABI is a system-call ABI that Linux has or had. The zero value is no ABI.
type ABI uint8

// The ABIs, named as libseccomp names them. MIPS and MIPSEL are o32; SH is little-endian, SHEB big.
const (
	_ ABI = iota
	X86_64
	I386
	X32
	AArch64
	ARM
	RISCV64
	RISCV32
	PPC64
	PPC64LE
	PPC
	S390X
	S390
	MIPS
	MIPSEL
	MIPS64
	MIPSEL64
	MIPS64N32
	MIPSEL64N32
	LoongArch64
	LoongArch32
	SPARC64
	SPARC
	PARISC64
	PARISC
	M68K
	SH
	SHEB
	CSKY
	Alpha

	numABIs
)

// NumABIs is one more than the largest ABI, for arrays that are indexed by ABI.
const NumABIs = int(numABIs)

// Audit tokens are ELF machine numbers (include/uapi/linux/elf-em.h) with marks (include/uapi/linux/audit.h).
const (
	emSPARC     = 2
	em386       = 3
	em68K       = 4
	emMIPS      = 8
	emPARISC    = 15
	emPPC       = 20
	emPPC64     = 21
	emS390      = 22
	emARM       = 40
	emSH        = 42
	emSPARCV9   = 43
	emX86_64    = 62
	emAArch64   = 183
	emRISCV     = 243
	emCSKY      = 252
	emLoongArch = 258
	emAlpha     = 0x9026

	audit64  = 0x80000000
	auditLE  = 0x40000000
	auditN32 = 0x20000000 // the convention of MIPS n32
)

// abiFacts are the facts of one ABI. No maps: every field is laid out by the linker.
type abiFacts struct {
	name    string
	aliases string // other names, with spaces between
	goarch  string
	audit   uint32
	base    int32 // what the ABI's numbers begin at
	word    uint8 // bytes of a long and of a pointer; 0 is 8
	align64 uint8 // alignment of a 64-bit integer in a struct
	big     bool  // most significant byte first
	compat  []ABI
	calls   *callTable
}

var abis = [numABIs]abiFacts{
	0: {name: "unknown", calls: &noCalls, align64: 8},
	X86_64: {name: "x86_64", aliases: "amd64 x64 x86-64", goarch: "amd64", audit: emX86_64 | audit64 | auditLE, align64: 8,
		compat: []ABI{I386, X32}, calls: &callsX86_64},
	I386: {name: "i386", aliases: "x86 386 i486 i586 i686 ia32", goarch: "386", audit: em386 | auditLE, align64: 4,
		word: 4, calls: &callsI386},
	// arch/x86/include/uapi/asm/unistd.h: __X32_SYSCALL_BIT
	X32: {name: "x32", aliases: "x86_64_x32 amd64p32", audit: emX86_64 | audit64 | auditLE, base: 0x40000000, align64: 8,
		word: 4, calls: &callsX32},
	AArch64: {name: "aarch64", aliases: "arm64 armv8", goarch: "arm64", audit: emAArch64 | audit64 | auditLE, align64: 8,
		compat: []ABI{ARM}, calls: &callsAarch64},
	ARM: {name: "arm", aliases: "armhf armel armv6l armv7l armv8l", goarch: "arm", audit: emARM | auditLE, align64: 8,
		word: 4, calls: &callsArm},
	RISCV64: {name: "riscv64", goarch: "riscv64", audit: emRISCV | audit64 | auditLE, align64: 8,
		compat: []ABI{RISCV32}, calls: &callsRiscv64},
	RISCV32: {name: "riscv32", audit: emRISCV | auditLE, align64: 8, word: 4, calls: &callsRiscv32},
	PPC64: {name: "ppc64", aliases: "powerpc64", goarch: "ppc64", audit: emPPC64 | audit64, align64: 8,
		big: true, compat: []ABI{PPC}, calls: &callsPpc64},
	PPC64LE: {name: "ppc64le", aliases: "powerpc64le ppc64el ppc64-le", goarch: "ppc64le", audit: emPPC64 | audit64 | auditLE,
		align64: 8, calls: &callsPpc64},
	PPC: {name: "ppc", aliases: "powerpc", audit: emPPC, align64: 8, word: 4, big: true, calls: &callsPpc},
	S390X: {name: "s390x", goarch: "s390x", audit: emS390 | audit64, align64: 8, big: true,
		compat: []ABI{S390}, calls: &callsS390x},
	S390: {name: "s390", audit: emS390, align64: 8, word: 4, big: true, calls: &callsS390},
	// arch/mips/include/uapi/asm/unistd.h: __NR_Linux
	MIPS: {name: "mips", aliases: "mips_o32 o32", goarch: "mips", audit: emMIPS, base: 4000, align64: 8,
		word: 4, big: true, calls: &callsMips},
	MIPSEL: {name: "mipsel", aliases: "mipsle mips-le", goarch: "mipsle", audit: emMIPS | auditLE, base: 4000, align64: 8,
		word: 4, calls: &callsMips},
	MIPS64: {name: "mips64", aliases: "mips_n64 n64", goarch: "mips64", audit: emMIPS | audit64, base: 5000, align64: 8,
		big: true, compat: []ABI{MIPS, MIPS64N32}, calls: &callsMips64},
	MIPSEL64: {name: "mipsel64", aliases: "mips64le mips64el mips64-le", goarch: "mips64le",
		audit: emMIPS | audit64 | auditLE, base: 5000, align64: 8,
		compat: []ABI{MIPSEL, MIPSEL64N32}, calls: &callsMips64},
	MIPS64N32: {name: "mips64n32", aliases: "mips_n32 n32 mips64-n32", audit: emMIPS | audit64 | auditN32, base: 6000,
		align64: 8, word: 4, big: true, calls: &callsMips64n32},
	MIPSEL64N32: {name: "mipsel64n32", aliases: "mips64p32le mips64-le-n32", audit: emMIPS | audit64 | auditLE | auditN32,
		base: 6000, align64: 8, word: 4, calls: &callsMips64n32},
	LoongArch64: {name: "loongarch64", aliases: "loong64", goarch: "loong64", audit: emLoongArch | audit64 | auditLE, align64: 8,
		calls: &callsLoongarch64},
	LoongArch32: {name: "loongarch32", aliases: "loong32", audit: emLoongArch | auditLE, align64: 8, word: 4,
		calls: &callsLoongarch32},
	SPARC64: {name: "sparc64", audit: emSPARCV9 | audit64, align64: 8, big: true, compat: []ABI{SPARC},
		calls: &callsSparc64},
	SPARC: {name: "sparc", audit: emSPARC, align64: 8, word: 4, big: true, calls: &callsSparc},
	PARISC64: {name: "parisc64", aliases: "hppa64", audit: emPARISC | audit64, align64: 8, big: true,
		compat: []ABI{PARISC}, calls: &callsParisc64},
	PARISC: {name: "parisc", aliases: "hppa", audit: emPARISC, align64: 8, word: 4, big: true, calls: &callsParisc},
	M68K:   {name: "m68k", audit: em68K, align64: 2, word: 4, big: true, calls: &callsM68k},
	SH:     {name: "sh", aliases: "sh4 shel", audit: emSH | auditLE, align64: 4, word: 4, calls: &callsSh},
	SHEB:   {name: "sheb", aliases: "sh4eb", audit: emSH, align64: 4, word: 4, big: true, calls: &callsSh},
	CSKY:   {name: "csky", audit: emCSKY | auditLE, align64: 4, word: 4, calls: &callsCsky},
	Alpha:  {name: "alpha", audit: emAlpha | audit64 | auditLE, align64: 8, calls: &callsAlpha},
}

// facts never fails: a value that is no ABI has the facts of the zero one.
func (a ABI) facts() *abiFacts {
	if a >= numABIs {
		a = 0
	}
	return &abis[a]
}

// String returns the ABI's name, "unknown" where it is none.
func (a ABI) String() string { return a.facts().name }

// Valid reports whether a is one of the constants.
func (a ABI) Valid() bool { return a > 0 && a < numABIs }

// Audit returns the AUDIT_ARCH_ token that the kernel gives for the ABI's calls, in the arch field of seccomp_data. X32
// has that of X86_64.
func (a ABI) Audit() uint32 { return a.facts().audit }

// Word returns the size of a C long and of a pointer: 4 or 8 bytes.
func (a ABI) Word() int {
	if w := a.facts().word; w != 0 {
		return int(w)
	}
	return 8
}

// BigEndian reports whether the most significant byte comes first.
func (a ABI) BigEndian() bool { return a.facts().big }

// ByteOrder returns the order of bytes in the target's memory.
func (a ABI) ByteOrder() binary.ByteOrder {
	if a.BigEndian() {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// Int64Align returns the alignment in bytes of a 64-bit integer inside a struct.
func (a ABI) Int64Align() int { return int(a.facts().align64) }

// GOARCH returns Go's name of the ABI, "" where Go has none.
func (a ABI) GOARCH() string { return a.facts().goarch }

// NumberBase returns what the ABI's call numbers begin at: 0x40000000 on X32, 4000, 5000 and 6000 on MIPS.
func (a ABI) NumberBase() int32 { return a.facts().base }

// Compat returns the other ABIs that a kernel of this ABI may serve. The caller must not change it.
func (a ABI) Compat() []ABI { return a.facts().compat }

// ABIs returns every ABI.
func ABIs() []ABI {
	all := make([]ABI, 0, numABIs-1)
	for a := ABI(1); a < numABIs; a++ {
		all = append(all, a)
	}
	return all
}

// Native returns the ABI of this very program; the zero ABI where Go knows an architecture that this package does not.
func Native() ABI {
	for a := range abis {
		if abis[a].goarch == runtime.GOARCH {
			return ABI(a)
		}
	}
	return 0
}

// ParseABI finds an ABI by its name, Go's, the machine name of uname(2), or libseccomp's constant (SCMP_ARCH_X86_64).
// Case does not matter.
func ParseABI(name string) (ABI, error) {
	want := strings.TrimPrefix(strings.ToLower(name), "scmp_arch_")
	for a := ABI(1); a < numABIs; a++ {
		f := &abis[a]
		if want == f.name || slices.Contains(strings.Fields(f.aliases), want) {
			return a, nil
		}
	}
	return 0, fmt.Errorf("find ABI %q: unknown, known are %s", name, knownABIs())
}

func knownABIs() string {
	var names []string
	for _, a := range ABIs() {
		names = append(names, a.String())
	}
	return strings.Join(names, ", ")
}

// Identify finds the ABI of a call from the arch and nr fields of its seccomp_data; false if the token is of no ABI here.
// The token alone does not tell X32 from X86_64, the number does; -1, a call that a tracer has cancelled, is X86_64's.
func Identify(audit uint32, nr int32) (ABI, bool) {
	if audit == abis[X86_64].audit {
		if nr >= abis[X32].base {
			return X32, true
		}
		return X86_64, true
	}
	for a := ABI(1); a < numABIs; a++ {
		if abis[a].audit == audit {
			return a, true
		}
	}
	return 0, false
}
