package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const archDir = "../../../arch"

func TestGeneratedFileIsCurrent(t *testing.T) {
	m, err := readModel(filepath.Join(archDir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := m.source()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(archDir, "zcalls.go"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("arch/zcalls.go is not what its input gives: run go generate ./arch")
	}
}

func TestParseTable(t *testing.T) {
	text := []byte(`# comment
0	common	read	sys_read
1	64	open	sys_open	# why
1	32	openold	sys_open
2	common	unused2	sys_ni_syscall
3	common	osf_old	sys_ni_syscall
4	common	tuxcall
5	common	arm_sync_file_range	sys_x
`)
	got, err := parseTable(text, []string{"common", "64"})
	want := []call{{0, "read"}, {1, "open"}, {4, "tuxcall"}, {5, "sync_file_range2"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("parseTable = %v, %v; want %v", got, err, want)
	}
	if _, err := parseTable(text, []string{"spu"}); err == nil {
		t.Error("a table without a line is no error")
	}
}

// write makes a tree of files.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestGather(t *testing.T) {
	const s390 = "arch/s390/kernel/syscalls/syscall.tbl"
	old := write(t, map[string]string{
		"Makefile": "VERSION = 6\nPATCHLEVEL = 12\n",
		s390:       "1 common exit x\n192 32 mmap2 -\n192 64 mmap -\n462 common mseal x\n",
	})
	current := write(t, map[string]string{
		"Makefile": "VERSION = 7\nPATCHLEVEL = 3\n",
		s390:       "1 common exit x\n192 common mmap -\n462 common mseal x\n469 common file_setattr x\n470 common listns x\n",
	})
	for _, c := range []struct {
		source source
		want   []call
		notes  int
	}{
		{source{table: "s390", file: s390, abis: "common 32"},
			[]call{{1, "exit"}, {192, "mmap2"}, {462, "mseal"}, {469, "file_setattr"}}, 2},
		{source{table: "s390x", file: s390, abis: "common 64"},
			[]call{{1, "exit"}, {192, "mmap"}, {462, "mseal"}, {469, "file_setattr"}, {470, "listns"}}, 1},
	} {
		got, notes, err := c.source.gather([]string{current, old})
		if err != nil || !slices.Equal(got, c.want) || len(notes) != c.notes {
			t.Errorf("%s: %v, %q, %v; want %v", c.source.table, got, notes, err, c.want)
		}
	}
}

func TestARMPrivateCalls(t *testing.T) {
	dir := write(t, map[string]string{"arch/arm/include/uapi/asm/unistd.h": `
#define __ARM_NR_BASE			(__NR_SYSCALL_BASE+0x0f0000)
#define __ARM_NR_cacheflush		(__ARM_NR_BASE+2)
`})
	got, err := armPrivate(dir)
	if want := []call{{0xf0002, "cacheflush"}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("armPrivate = %v, %v; want %v", got, err, want)
	}
}

func TestReadTableRejects(t *testing.T) {
	for text, want := range map[string]string{
		"1\tread\n1\twrite\n": "numbers must rise",
		"2\tread\n1\twrite\n": "numbers must rise",
		"1\tread\n2\tread\n":  "twice",
		"one\tread\n":         "want NUMBER<TAB>NAME",
		"1 read\n":            "want NUMBER<TAB>NAME",
	} {
		dir := write(t, map[string]string{"x.tsv": text})
		if _, err := readTable(filepath.Join(dir, "x.tsv")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
}

func TestClassesResolve(t *testing.T) {
	const numbers = "1\ta\n2\tb\n3\tc\n"
	for classes, want := range map[string]string{
		"%x: a b\n":             "a b",
		"%x: @y c\n@y: a\n":     "a c",
		"%x: *\n":               "a b c",
		"%x: d\n":               "error: find call d",
		"%x: @y\n":              "error: find class @y",
		"%x: @y\n@y: %x\n":      "error: follow",
		"%x: a\n%x: b\n":        "error: add class %x",
		"x: a\n":                "error: parse class",
		"// note\n%x: a // b\n": "a",
	} {
		dir := write(t, map[string]string{"numbers/t.tsv": numbers, "classes.txt": classes})
		m, err := readModel(dir)
		if bad, ok := strings.CutPrefix(want, "error: "); ok {
			if err == nil || !strings.Contains(err.Error(), bad) {
				t.Errorf("%q: %v; want %q", classes, err, bad)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", classes, err)
			continue
		}
		if got := strings.Join(members(m, "%x"), " "); got != want {
			t.Errorf("%q: %%x is %q, want %q", classes, got, want)
		}
	}
}

func members(m *model, name string) []string {
	for _, c := range m.classes {
		if c.name == name {
			return slices.Sorted(maps.Keys(c.members))
		}
	}
	return nil
}
