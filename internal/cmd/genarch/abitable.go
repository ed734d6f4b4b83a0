package main

const numABIs = 29

// abis repeats package arch's list: the generator has to run before that package compiles. A test compares them.
var abis = [numABIs]abiRow{
	{"x86_64", "X86_64", 8},
	{"i386", "I386", 4},
	{"x32", "X32", 4},
	{"aarch64", "AArch64", 8},
	{"arm", "ARM", 4},
	{"riscv64", "RISCV64", 8},
	{"riscv32", "RISCV32", 4},
	{"ppc64", "PPC64", 8},
	{"ppc64le", "PPC64LE", 8},
	{"ppc", "PPC", 4},
	{"s390x", "S390X", 8},
	{"s390", "S390", 4},
	{"mips", "MIPS", 4},
	{"mipsel", "MIPSEL", 4},
	{"mips64", "MIPS64", 8},
	{"mipsel64", "MIPSEL64", 8},
	{"mips64n32", "MIPS64N32", 4},
	{"mipsel64n32", "MIPSEL64N32", 4},
	{"loongarch64", "LoongArch64", 8},
	{"loongarch32", "LoongArch32", 4},
	{"sparc64", "SPARC64", 8},
	{"sparc", "SPARC", 4},
	{"parisc64", "PARISC64", 8},
	{"parisc", "PARISC", 4},
	{"m68k", "M68K", 4},
	{"sh", "SH", 4},
	{"sheb", "SHEB", 4},
	{"csky", "CSKY", 4},
	{"alpha", "Alpha", 8},
}
