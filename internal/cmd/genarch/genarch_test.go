package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stead-project/stead/arch"
)

const archDir = "../../../arch"

func TestGeneratedFilesAreUpToDate(t *testing.T) {
	m, err := load(filepath.Join(archDir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := generate(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		have, err := os.ReadFile(filepath.Join(archDir, f.name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(have, f.text) {
			t.Errorf("arch/%s is stale: run go run ./internal/cmd/genarch", f.name)
		}
	}
}

// TestABIs compares the generator's own list with package arch's.
func TestABIs(t *testing.T) {
	if got, want := len(abis), len(arch.ABIs()); got != want {
		t.Errorf("%d ABIs, package arch has %d", got, want)
	}
	source, err := os.ReadFile(filepath.Join(archDir, "abi.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range abis {
		abi, err := arch.ParseABI(row.name)
		if err != nil || abi.String() != row.name {
			t.Errorf("%s: package arch knows it as %v (%v)", row.name, abi, err)
			continue
		}
		if abi.Word() != row.word {
			t.Errorf("%s: a word of %d bytes, package arch has %d", row.name, row.word, abi.Word())
		}
		if re := regexp.MustCompile(`\b` + row.ident + `:\s*{name: "` + row.name + `"`); !re.Match(source) {
			t.Errorf("%s is not package arch's %s", row.name, row.ident)
		}
	}
}

// TestNoCodeAtStart looks at the compiled package: the tables must be data, not statements of an init function.
func TestNoCodeAtStart(t *testing.T) {
	out, err := exec.Command("go", "list", "-export", "-f", "{{.Export}}", "github.com/stead-project/stead/arch").Output()
	if err != nil {
		t.Skipf("package arch cannot be compiled here: %v", err)
	}
	symbols, err := exec.Command("go", "tool", "nm", "-size", strings.TrimSpace(string(out))).Output()
	if err != nil {
		t.Skipf("go tool nm does not run here: %v", err)
	}
	code := regexp.MustCompile(`(?m)^\s*\S+\s+(\d+) T (\S*/arch\.(?:init|map\.init)\S*)$`)
	for _, m := range code.FindAllStringSubmatch(string(symbols), -1) {
		if n, _ := strconv.Atoi(m[1]); n > 64 {
			t.Errorf("%s has %d bytes of code", m[2], n)
		}
	}
	if !strings.Contains(string(symbols), "/arch.signatureTable") {
		t.Error("signatureTable is not among the symbols: this test looks at the wrong thing")
	}
}

// data is a small but complete data directory; the tests add or replace one file.
var data = map[string]string{
	"constants.tsv":       "O_CREAT\t0x40\tmips*=0x100,sparc=0x200\nO_RDWR\t2\nONLY_ALPHA\t-\talpha=7\n",
	"sets/a.txt":          "[open] prefix O_ flags // comment\nO_RDWR/3 O_CREAT\nO_MADE=0x1000\n",
	"structs/a.txt":       "struct how sized size { u32 flags; mode mode when flags & O_CREAT }\n",
	"signatures/a.txt":    "open2(path name, struct:how how, size size) fd\nread(fd fd, out bytes[count] buf, size count)\n",
	"numbers/x86_64.tsv":  "0\tread\n1\topen2\n2\tother\n",
	"numbers/aarch64.tsv": "63\tread\n",
}

func generateWith(t *testing.T, name, text string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range data {
		write(name, text)
	}
	write(name, text)
	m, err := load(dir)
	if err != nil {
		return "", err
	}
	files, err := generate(m)
	all := ""
	for _, f := range files {
		all += string(f.text)
	}
	return all, err
}

func TestOutput(t *testing.T) {
	tests := []struct{ name, file, text, want string }{
		{"plain", "sets/b.txt", "", `{Name: "buf", Kind: KindBytes, Len: "count", LenRef: Ref{Idx: 2}, Dir: Out}`},
		{"mask", "sets/b.txt", "", `{Name: "O_RDWR", Value: 0x2, Mask: 0x3, Bits: 0x2}`},
		{"given value", "sets/b.txt", "", `{Name: "O_MADE", Value: 0x1000, Bits: 0x1000}`},
		{"per ABI", "sets/b.txt", "",
			`{Name: "O_CREAT", Value: 0x40, Bits: 0x340, PerABI: []ConstABI{{ABIs: 1 << SPARC, Value: 0x200}, {ABIs: 1<<MIPS | 1<<MIPSEL`},
		{"absent", "sets/b.txt", "[b] prefix ONLY_\nONLY_ALPHA", `{Name: "ONLY_ALPHA", Value: 0x7, PerABI: []ConstABI{{ABIs: 1<<X86_64`},
		{"zero", "sets/b.txt", "[b] prefix X_ zero X_NONE flags\nX_A=1", `Zero:   "X_NONE"`},
		{"condition", "sets/b.txt", "",
			`When: &Cond{Param: "flags", Any: true, Mask: 0x40, PerABI: []CondABI{{ABIs: 1 << SPARC, Mask: 0x200}`},
		{"and", "signatures/b.txt", "other(int a, int b, int c when a = 1 && b/7 = 2|3)",
			`Cond{Param: "a", Values: []uint64{0x1}, And: &Cond{Param: "b", Mask: 0x7, Values: []uint64{0x2, 0x3}, Ref: Ref{Idx: 1}}}`},
		{"sized", "structs/b.txt", "", `Name: "how", SizedBy: "size"`},
		{"index", "signatures/b.txt", "", "var signatureFirst = [...]uint16{\n\t0,\n\t0,\n\t1,\n\t1,\n\t2,\n}"},
		{"noreturn", "signatures/b.txt", "other(int status) noreturn",
			`{Name: "other", Params: []Param{` + "\n\t\t" + `{Name: "status", Kind: KindInt, Width: 4},` + "\n\t}},"},
		{"ABI line", "signatures/b.txt", "other(int a)\nother@32(long b)", "\t1<<X86_64 | 1<<AArch64 | 1<<RISCV64"},
		{"variant", "signatures/b.txt", "other(int op)\nother{op = 5}(int op, path p)", `When: &Cond{Param: "op", Values: []uint64{0x5}}`},
		{"pointed-to length", "signatures/b.txt", "other(out sockaddr[*n] a, inout *int n)",
			`Len: "*n", LenRef: Ref{Idx: 1, Deref: true}, Dir: Out`},
		{"pointer to struct", "signatures/b.txt", "other(*struct:how a, size size)", `{Name: "a", Kind: KindStruct, Struct: &structHow}`},
		{"array of pointers", "signatures/b.txt", "other([size]*struct:how a, size size)",
			`Kind: KindArray, Elem: &Param{Kind: KindPtr, Elem: &Param{Kind: KindStruct, Struct: &structHow}}`},
		{"view", "structs/b.txt", "struct v { view { u32 a; u64 b } data }", `Struct{Overlap: true, View: true, Fields: []Param{`},
		{"order", "structs/b.txt", "struct o order c,a { int a; int b; int c }", `Order: []uint8{2, 0, 1}`},
		{"alone and shown", "structs/b.txt", "struct o alone b shown a { int a; int b }", `Shown: 1, Alone: 2`},
		{"marks", "structs/b.txt", "struct m { nonzero u8 n; brief *int p; inplace bytes[n] b }",
			`{Name: "n", Kind: KindUint, Width: 1, Sparse: true},`},
		{"in place", "structs/b.txt", "struct m { u8 n; inplace bytes[n] b }",
			`{Name: "b", Kind: KindBytes, Len: "n", LenRef: Ref{}, InPlace: true},`},
		{"network order", "structs/b.txt", "struct n { be16 port; ipv4 a }",
			`{Name: "port", Kind: KindUint, Style: StyleNetwork, Width: 2},`},
		{"digits", "sets/b.txt", "[b] octal flags\n%<<B/0xf0", `{Name: "<<B", Mask: 0xf0, Digits: NonzeroDigits},`},
		{"composed", "sets/b.txt", "[b] flags call B part 0xf0:B_? part 0xf\nB_A/0xf0=0x10", `Parts: []Part{`},
		{"union", "structs/b.txt", "struct u { int t; union { fd a when t = 1; u64 b } }",
			`When: &Cond{Param: "t", Values: []uint64{0x1}, Ref: Ref{Up: 1}}`},
		{"flexible array", "structs/b.txt", "struct u { u32 n; [n]u16 v }", `Len: "n", LenRef: Ref{}, InPlace: true`},
		{"array behind a pointer", "structs/b.txt", "struct u { u32 n; ptr64 *[n]u16 v }", `Len: "n", LenRef: Ref{}, Width: 8`},
		{"packed on some", "structs/b.txt", "struct u packed@x86_64 { u32 n; u64 v }", `Packed: true, ABIs: 1 << X86_64, Alt: &structUAlt1`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, err := generateWith(t, tt.file, tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(out, tt.want) {
				t.Errorf("the output has no %s\n%s", tt.want, out)
			}
		})
	}
}

func TestMistakes(t *testing.T) {
	tests := []struct{ file, text, want string }{
		{"signatures/b.txt", "\nother(int a", `signatures/b.txt:2: want ",", found the end of the file`},
		{"signatures/b.txt", "nocall(int a)", `signatures/b.txt:1: no ABI has a call "nocall"`},
		{"signatures/b.txt", "other(flags:nix a)", "signatures/b.txt:1: unknown set nix"},
		{"signatures/b.txt", "other(enum:open a)", "signatures/b.txt:1: enum:open: the set's head says otherwise, in sets/a.txt:1"},
		{"signatures/b.txt", "other(struct:nix a)", "signatures/b.txt:1: unknown struct nix"},
		{"signatures/b.txt", "other(\n  quad a)", `signatures/b.txt:2: unknown type "quad"`},
		{"signatures/b.txt", "other(bytes[len] a)", `signatures/b.txt:1: call other has no "len"`},
		{"signatures/b.txt", "other(bytes a)", "signatures/b.txt:1: bytes needs a length"},
		{"signatures/b.txt", "other(int[3] a)", "signatures/b.txt:1: int has no length"},
		{"signatures/b.txt", "other(path/u8 a)", `signatures/b.txt:1: path cannot have the width "u8"`},
		{"signatures/b.txt", "other(chars[3] a)", "signatures/b.txt:1: chars is for fields of structs"},
		{"signatures/b.txt", "other(int a when b = 1, int b)", `signatures/b.txt:1: a depends on "b", which is not before it`},
		{"signatures/b.txt", "other(int a, int b when a = NIX)", "signatures/b.txt:1: constant NIX has no value"},
		{"signatures/b.txt", "other(int a, int b when a < 3)", `signatures/b.txt:1: want "=" or "&" in a condition, found "<"`},
		{"signatures/b.txt", "other{a = 1}(int a)\nother(int a)", "signatures/b.txt:1: a variant of other without its base before it"},
		{"signatures/b.txt", "other(int a)\nother(int b)", "signatures/b.txt:2: other is already in signatures/b.txt:1"},
		{"signatures/b.txt", "other@vax(int a)", `signatures/b.txt:1: unknown ABI "vax"`},
		{"signatures/b.txt", "other(int a, int a)", `signatures/b.txt:1: two siblings are called "a"`},
		{"signatures/b.txt", "other(int a) maybe", `signatures/b.txt:1: unknown result "maybe"`},
		{"signatures/b.txt", "other(int a, int b, int c, int d, int e, int f, int g)", "signatures/b.txt:1: other has 7 parameters"},
		{"signatures/b.txt", "other(struct:how how)", "structs/a.txt:1: struct how has no \"size\", and neither has the call other"},
		{"sets/b.txt", "[open] prefix O_\nO_RDWR", "sets/b.txt:1: set open is already in sets/a.txt:1"},
		{"sets/b.txt", "[b] prefix O_\nO_RDWR O_RDWR", "sets/b.txt:2: O_RDWR is in set b twice"},
		{"sets/b.txt", "[b] prefix O_\nO_RDWR=7", "sets/b.txt:2: O_RDWR has another value in constants.tsv:2"},
		{"sets/b.txt", "[b] pre O_", `sets/b.txt:1: "pre" is no word of a set's head`},
		{"sets/b.txt", "[b] flags\n%<<B/MASK", "sets/b.txt:2: %<<B needs a number as its mask"},
		{"sets/b.txt", "[b] flags call B part x\nB_A=1", `sets/b.txt:1: "x" is not a number`},
		{"structs/b.txt", "struct l shown b { int a }", `structs/b.txt:1: struct l has no "b"`},
		{"signatures/b.txt", "other(ipv4 a)", "signatures/b.txt:1: ipv4 is for fields of structs"},
		{"signatures/b.txt", "other(int n, string[n] a)", "signatures/b.txt:1: string needs a number as its length"},
		{"structs/b.txt", "struct how { int a }", "structs/b.txt:1: struct how is already in structs/a.txt:1"},
		{"structs/b.txt", "struct l { *struct:l next }", "structs/b.txt:1: struct l leads back to itself"},
		{"structs/b.txt", "struct l { ptr64 int a }", "structs/b.txt:1: ptr64 is for fields that are pointers"},
		{"structs/b.txt", "struct l { int }", `structs/b.txt:1: want a name, found "}"`},
		{"structs/b.txt", "class l { int a }", `structs/b.txt:1: want struct or union, found "class"`},
		{"constants.tsv", "O_CREAT\tx\n", `constants.tsv:1: "x" is not a number`},
		{"constants.tsv", "O_CREAT\t1\nO_CREAT\t1\n", "constants.tsv:2: O_CREAT is there twice"},
		{"constants.tsv", "O_CREAT\t1\tvax=1\n", `constants.tsv:1: unknown ABI "vax"`},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			_, err := generateWith(t, tt.file, tt.text)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
}

// TestAllMistakes checks that one mistake does not hide the next.
func TestAllMistakes(t *testing.T) {
	_, err := generateWith(t, "signatures/b.txt", "other(int a\nother(int\n\nother(quick brown fox)\n")
	if err == nil || strings.Count(err.Error(), "signatures/b.txt:") < 2 {
		t.Errorf("error %v, want two", err)
	}
}

func TestNamesForGenconst(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "sets"), 0o755); err != nil {
		t.Fatal(err)
	}
	set := []byte("[a] prefix A_\nA_B/A_MASK A_GIVEN=3 A_ALIAS=__A_B\n")
	if err := os.WriteFile(filepath.Join(dir, "sets/a.txt"), set, 0o644); err != nil {
		t.Fatal(err)
	}
	m, err := load(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	m.writeNames(&out)
	if want := "A_ALIAS=__A_B\nA_B\nA_MASK\n"; out.String() != want {
		t.Errorf("names %q, want %q", &out, want)
	}
}
