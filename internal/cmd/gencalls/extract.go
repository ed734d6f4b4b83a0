package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A source says where one table's numbers are in the kernel tree: a file of lines "NUMBER ABI NAME [ENTRY]", and the
// ABI words whose lines count. The words are those of the Makefiles beside the files and of arch/*/kernel/Makefile.syscalls.
type source struct {
	table string
	file  string
	abis  string
	base  string // what is added to the file's numbers, as the kernel writes it
}

const generic = "scripts/syscall.tbl"

var sources = []source{
	{table: "aarch64", file: "arch/arm64/tools/syscall_64.tbl", abis: "common 64 renameat rlimit memfd_secret"},
	{table: "alpha", file: "arch/alpha/kernel/syscalls/syscall.tbl", abis: "common"},
	{table: "arm", file: "arch/arm/tools/syscall.tbl", abis: "common eabi"},
	{table: "csky", file: generic, abis: "common 32 csky time32 stat64 rlimit"},
	{table: "i386", file: "arch/x86/entry/syscalls/syscall_32.tbl", abis: "i386"},
	{table: "loongarch32", file: generic, abis: "common 32 memfd_secret"},
	{table: "loongarch64", file: generic, abis: "common 64 memfd_secret"},
	{table: "m68k", file: "arch/m68k/kernel/syscalls/syscall.tbl", abis: "common"},
	{table: "mips", file: "arch/mips/kernel/syscalls/syscall_o32.tbl", abis: "o32", base: "4000"},
	{table: "mips64", file: "arch/mips/kernel/syscalls/syscall_n64.tbl", abis: "n64 common", base: "5000"},
	{table: "mips64n32", file: "arch/mips/kernel/syscalls/syscall_n32.tbl", abis: "n32", base: "6000"},
	{table: "parisc", file: "arch/parisc/kernel/syscalls/syscall.tbl", abis: "common 32"},
	{table: "parisc64", file: "arch/parisc/kernel/syscalls/syscall.tbl", abis: "common 64"},
	{table: "ppc", file: "arch/powerpc/kernel/syscalls/syscall.tbl", abis: "common nospu 32"},
	{table: "ppc64", file: "arch/powerpc/kernel/syscalls/syscall.tbl", abis: "common nospu 64"},
	{table: "riscv32", file: generic, abis: "common 32 riscv memfd_secret"},
	{table: "riscv64", file: generic, abis: "common 64 riscv rlimit memfd_secret"},
	{table: "s390", file: "arch/s390/kernel/syscalls/syscall.tbl", abis: "common 32"},
	{table: "s390x", file: "arch/s390/kernel/syscalls/syscall.tbl", abis: "common 64"},
	{table: "sh", file: "arch/sh/kernel/syscalls/syscall.tbl", abis: "common"},
	{table: "sparc", file: "arch/sparc/kernel/syscalls/syscall.tbl", abis: "common 32"},
	{table: "sparc64", file: "arch/sparc/kernel/syscalls/syscall.tbl", abis: "common 64"},
	{table: "x32", file: "arch/x86/entry/syscalls/syscall_64.tbl", abis: "common x32", base: "0x40000000"},
	{table: "x86_64", file: "arch/x86/entry/syscalls/syscall_64.tbl", abis: "common 64"},
}

// The last call that a 31-bit s390 process could make: the compatibility layer went with Linux 6.19. Newer tables have
// the calls of 64 bits only, so that ABI's table is the old tree's, and of the new one just what came in between.
const lastS390 = 469

func extract(out string, trees []string) error {
	for _, s := range sources {
		if err := s.extract(out, trees); err != nil {
			return fmt.Errorf("extract %s: %w", s.table, err)
		}
	}
	return nil
}

func (s source) extract(out string, trees []string) error {
	calls, notes, err := s.gather(trees)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "// Call numbers of %s, as in the kernel's own table.\n", s.table)
	for _, n := range notes {
		fmt.Fprintf(&b, "// %s\n", n)
	}
	if s.base != "" {
		fmt.Fprintf(&b, "// The number in a notification is %s more than the one here.\n", s.base)
	}
	for _, c := range calls {
		fmt.Fprintf(&b, "%d\t%s\n", c.nr, c.name)
	}
	return os.WriteFile(filepath.Join(out, s.table+".tsv"), b.Bytes(), 0o644)
}

// gather reads the newest tree's table; for s390 the oldest tree's, and the calls added after it.
func (s source) gather(trees []string) (calls []call, notes []string, err error) {
	if s.table != "s390" {
		trees = trees[:1]
	}
	last := -1
	for _, tree := range slices.Backward(trees) {
		rows, err := s.read(tree)
		if err != nil {
			return nil, nil, err
		}
		v, err := version(tree)
		if err != nil {
			return nil, nil, err
		}
		for _, c := range rows {
			if c.nr > last && (s.table != "s390" || c.nr <= lastS390) {
				calls = append(calls, c)
			}
		}
		notes = append(notes, note(last, v, s.file, s.abis))
		slices.SortFunc(calls, func(a, b call) int { return a.nr - b.nr })
		last = calls[len(calls)-1].nr
	}
	return calls, notes, nil
}

func note(last int, version, file, abis string) string {
	if last < 0 {
		return fmt.Sprintf("Source: Linux %s, %s, lines marked %s.", version, file, abis)
	}
	return fmt.Sprintf("Calls after %d: Linux %s, the same file.", last, version)
}

func (s source) read(tree string) ([]call, error) {
	text, err := os.ReadFile(filepath.Join(tree, s.file))
	if err != nil {
		return nil, err
	}
	calls, err := parseTable(text, strings.Fields(s.abis))
	if err != nil {
		return nil, err
	}
	if s.table != "arm" {
		return calls, nil
	}
	private, err := armPrivate(tree)
	return append(calls, private...), err
}

func parseTable(text []byte, abis []string) ([]call, error) {
	var calls []call
	for sc := bufio.NewScanner(bytes.NewReader(text)); sc.Scan(); {
		line, _, _ := strings.Cut(sc.Text(), "#")
		f := strings.Fields(line)
		if len(f) < 3 || !slices.Contains(abis, f[1]) || placeholder(f[2:]) {
			continue
		}
		nr, err := strconv.Atoi(f[0])
		if err != nil {
			return nil, fmt.Errorf("parse line %q: %w", sc.Text(), err)
		}
		calls = append(calls, call{nr, canonical(f[2])})
	}
	if len(calls) == 0 {
		return nil, fmt.Errorf("find lines marked %v: none", abis)
	}
	return calls, nil
}

var vacant = regexp.MustCompile(`^(reserved|unused)\d+$`)

// placeholder tells of a row that names no call any Linux ever had: MIPS and Alpha mark holes with such names, and Alpha
// lists the whole of OSF/1, most of it without an entry point.
func placeholder(row []string) bool {
	if vacant.MatchString(row[0]) {
		return true
	}
	return strings.HasPrefix(row[0], "osf_") && len(row) > 1 && row[1] == "sys_ni_syscall"
}

// canonical gives calls of one shape one name: ARM's header defines sync_file_range2 as another name of this one.
func canonical(name string) string {
	if name == "arm_sync_file_range" {
		return "sync_file_range2"
	}
	return name
}

var armDefine = regexp.MustCompile(`#define __ARM_NR_(\w+)\s+\(__ARM_NR_BASE\+(\d+)\)`)

// armPrivate reads the calls that ARM handles before its table, from a header: they have no lines in the table, but a
// filter sees them (arch/arm/kernel/traps.c, arm_syscall). The base is that of the EABI.
func armPrivate(tree string) ([]call, error) {
	text, err := os.ReadFile(filepath.Join(tree, "arch/arm/include/uapi/asm/unistd.h"))
	if err != nil {
		return nil, err
	}
	var calls []call
	for _, m := range armDefine.FindAllStringSubmatch(string(text), -1) {
		n, err := strconv.Atoi(m[2])
		if err != nil {
			return nil, err
		}
		calls = append(calls, call{0xf0000 + n, m[1]})
	}
	return calls, nil
}

var makeVersion = regexp.MustCompile(`(?m)^(VERSION|PATCHLEVEL) = (\d+)$`)

func version(tree string) (string, error) {
	text, err := os.ReadFile(filepath.Join(tree, "Makefile"))
	if err != nil {
		return "", err
	}
	m := makeVersion.FindAllSubmatch(text, 2)
	if len(m) != 2 {
		return "", errors.New("find the kernel version in Makefile: none")
	}
	return fmt.Sprintf("%s.%s", m[0][2], m[1][2]), nil
}
