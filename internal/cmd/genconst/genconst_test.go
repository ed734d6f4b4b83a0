package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestReadAssembly(t *testing.T) {
	names := []name{{"A", "A"}, {"B", "B"}, {"C", "C"}, {"D", "D"}}
	asm := "value_0:\n\t.quad\t-100\nvalue_1:\n\t.zero\t8\n\t.globl\tvalue_2\nvalue_2:\n\t.long\t7\n\t.long\t1\n" +
		"value_3:\n\t.long\t-2\n\t.long\t-1\n\t.long\t9\n"
	got := values{}
	readAssembly(asm, names, got)
	want := values{"A": ^uint64(99), "B": 0, "C": 0x100000007, "D": ^uint64(1)}
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestIncludable(t *testing.T) {
	for rel, want := range map[string]string{
		"linux/mount.h":               "linux/mount.h",
		"asm-generic/errno-base.h":    "asm/errno.h",
		"asm-generic/socket.h":        "asm/socket.h",
		"mips/asm/socket.h":           "asm/socket.h",
		"x86_64-linux-gnu/asm/mman.h": "linux/mman.h",
		"x86/asm/unistd_64.h":         "",
	} {
		if got := includable(rel); got != want {
			t.Errorf("%s is included as %q, want %q", rel, got, want)
		}
	}
}

// on makes the results of all targets from a few: the names are those of each target's first ABI.
func on(def values, others map[string]values) []values {
	res := make([]values, len(targets))
	for i, tg := range targets {
		res[i] = def
		if v, ok := others[tg.abis[0]]; ok {
			res[i] = v
		}
	}
	return res
}

func TestRow(t *testing.T) {
	v := func(n uint64) values { return values{"N": n} }
	all32 := map[string]values{}
	for _, tg := range targets {
		if tg.narrow() {
			all32[tg.abis[0]] = v(4)
		}
	}
	absent := map[string]values{}
	for _, tg := range targets {
		if tg.abis[0] != "alpha" {
			absent[tg.abis[0]] = values{}
		}
	}
	tests := []struct {
		name string
		res  []values
		want string
	}{
		{"the same everywhere", on(v(3), nil), "N\t3\n"},
		{"large and negative", on(v(0x40), map[string]values{"alpha": v(^uint64(0))}), "N\t0x40\talpha=-1\n"},
		{"byte orders share", on(v(3), map[string]values{"mips": v(5)}), "N\t3\tmips=5,mipsel=5\n"},
		{"a family", on(v(3), map[string]values{"mips": v(5), "mips64": v(5), "mips64n32": v(5)}), "N\t3\tmips*=5\n"},
		{"by word", on(v(8), all32), "N\t8\t32=4\n"},
		{"absent on one", on(v(3), map[string]values{"arm": {}}), "N\t3\tarm=-\n"},
		{"absent on most", on(v(3), absent), "N\t-\talpha=3\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := row("N", tt.res); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestReadNames(t *testing.T) {
	got, err := readNames(strings.NewReader("A\n\nB=C\n"))
	if want := []name{{"A", "A"}, {"B", "C"}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
}

// TestEvaluate runs the compiler over a small tree with one architecture's own header.
func TestEvaluate(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skipf("no compiler: %v", err)
	}
	tree, work := t.TempDir(), t.TempDir()
	for path, text := range map[string]string{
		"include/linux/types.h": "typedef unsigned char __u8;\ntypedef unsigned short __u16;\ntypedef unsigned __u32;\n" +
			"typedef unsigned long long __u64;\ntypedef signed char __s8;\ntypedef short __s16;\ntypedef int __s32;\n" +
			"typedef long long __s64;\n",
		"include/linux/posix_types.h": "typedef long long __kernel_loff_t; typedef int __kernel_pid_t;\n",
		"include/linux/ioctl.h":       "",
		"include/linux/const.h":       "",
		"include/linux/fcntl.h":       "#include <asm/fcntl.h>\n",
		"include/asm-generic/fcntl.h": "#define F_ONE 1\n#ifndef F_TWO\n#define F_TWO 2\n#endif\n#define F_TEXT \"text\"\n",
		"include/linux/other.h":       "enum {\n\tF_ENUM = -5,\n\tF_SIZE = sizeof(long),\n};\n",
		"lib/linux/uapi/x86/asm/x.h":  "",
		"lib/linux/uapi/mips/asm/fcntl.h": "#ifdef __mips__\n#define F_TWO 0x20\n#define F_MIPS 9\n#include <asm-generic/fcntl.h>\n" +
			"#endif\n",
	} {
		write(t, filepath.Join(tree, path), text)
	}
	if err := writeShims(work); err != nil {
		t.Fatal(err)
	}
	var names []name
	for _, n := range []string{"F_ONE", "F_TWO", "F_TEXT", "F_ENUM", "F_SIZE", "F_MIPS"} {
		names = append(names, name{n, n})
	}
	ix, err := indexHeaders(tree, names)
	if err != nil {
		t.Fatal(err)
	}
	e := &evaluator{cc: "gcc", tree: tree, work: work, index: ix}
	for _, tg := range targets {
		switch tg.abis[0] {
		case "x86_64":
			check(t, tg, e.target(tg, names), values{"F_ONE": 1, "F_TWO": 2, "F_ENUM": ^uint64(4), "F_SIZE": 8})
		case "mips64":
			check(t, tg, e.target(tg, names), values{"F_ONE": 1, "F_TWO": 0x20, "F_ENUM": ^uint64(4), "F_SIZE": 8, "F_MIPS": 9})
		}
	}
}

func check(t *testing.T, tg target, got, want values) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("%v: %v, want %v", tg.abis, got, want)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
