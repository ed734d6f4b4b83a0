package main

// A target is how the native compiler is made to read another architecture's headers.
type target struct {
	abis  []string // ABIs that share the result; the names are those of arch/data
	asm   string   // directory with asm/, below usr/lib/linux/uapi; "" has only the generic ones
	flags []string
}

// narrow reports whether the word has 4 bytes; x32 counts.
func (t target) narrow() bool { return t.flags[0] != "-m64" }

var (
	wide   = []string{"-m64"}
	narrow = []string{"-m32", "-malign-double"} // other 32-bit ABIs than i386 align 64-bit numbers to 8
)

// foreign removes the compiler's own architecture macros and adds the target's.
func foreign(word []string, defines ...string) []string {
	flags := append([]string{}, word...)
	flags = append(flags, "-U__x86_64__", "-U__x86_64", "-U__amd64__", "-U__amd64", "-U__i386__", "-U__i386", "-Ui386")
	for _, d := range defines {
		flags = append(flags, "-D"+d)
	}
	return flags
}

// The byte order is that of the first ABI of a row; no constant depends on it except through these macros.
var targets = []target{
	{[]string{"x86_64"}, "x86", wide},
	{[]string{"i386"}, "x86", []string{"-m32"}},
	{[]string{"x32"}, "x86", []string{"-mx32"}},
	{[]string{"aarch64"}, "arm64", foreign(wide, "__aarch64__")},
	{[]string{"arm"}, "arm", foreign(narrow, "__arm__", "__ARM_EABI__")},
	{[]string{"riscv64"}, "riscv", foreign(wide, "__riscv", "__riscv_xlen=64")},
	{[]string{"riscv32"}, "riscv", foreign(narrow, "__riscv", "__riscv_xlen=32")},
	{[]string{"loongarch64"}, "loongarch", foreign(wide, "__loongarch__", "__loongarch64")},
	{[]string{"loongarch32"}, "loongarch", foreign(narrow, "__loongarch__")},
	{[]string{"ppc64", "ppc64le"}, "powerpc", foreign(wide, "__powerpc__", "__powerpc64__", "__BIG_ENDIAN__")},
	{[]string{"ppc"}, "powerpc", foreign(narrow, "__powerpc__", "__BIG_ENDIAN__")},
	{[]string{"s390x"}, "s390", foreign(wide, "__s390__", "__s390x__")},
	{[]string{"s390"}, "s390", foreign(narrow, "__s390__")},
	{[]string{"mips", "mipsel"}, "mips", mips(narrow, "1", "32")},
	{[]string{"mips64n32", "mipsel64n32"}, "mips", mips(narrow, "2", "32")},
	{[]string{"mips64", "mipsel64"}, "mips", mips(wide, "3", "64")},
	{[]string{"sparc"}, "sparc", foreign(narrow, "__sparc__")},
	{[]string{"sparc64"}, "sparc", foreign(wide, "__sparc__", "__arch64__")},
	{[]string{"parisc"}, "parisc", foreign(narrow, "__hppa__")},
	{[]string{"parisc64"}, "parisc", foreign(wide, "__hppa__", "__hppa64__")},
	{[]string{"alpha"}, "alpha", foreign(wide, "__alpha__")},
	{[]string{"m68k"}, "m68k", foreign([]string{"-m32", "-fpack-struct=2"}, "__m68k__")},
	{[]string{"sh", "sheb"}, "sh", foreign([]string{"-m32"}, "__sh__", "__LITTLE_ENDIAN__")},
	{[]string{"csky"}, "", foreign([]string{"-m32"}, "__csky__")},
}

// mips sets the macros that tell its three ABIs apart (arch/mips/include/uapi/asm/sgidefs.h).
func mips(word []string, sim, long string) []string {
	return foreign(word, "__mips__", "__mips=64", "__MIPSEB__", "_MIPS_SIM="+sim, "_MIPS_SZLONG="+long, "_MIPS_SZPTR="+long)
}
