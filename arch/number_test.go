package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"math"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestRoundTrips(t *testing.T) {
	for _, a := range ABIs() {
		last, n := int32(-1), 0
		for nr, name := range a.Calls() {
			if nr <= last {
				t.Errorf("%v: %d comes after %d", a, nr, last)
			}
			last, n = nr, n+1
			if a.Name(nr) != name || name == "" {
				t.Errorf("%v: Name(%d) = %q, Calls says %q", a, nr, a.Name(nr), name)
			}
			if got, ok := a.Number(name); !ok || got != nr {
				t.Errorf("%v: Number(%q) = %d, %v; want %d", a, name, got, ok, nr)
			}
		}
		if n < 300 {
			t.Errorf("%v has only %d calls", a, n)
		}
		for _, name := range []string{"read", "openat2", "file_getattr", "seccomp"} {
			if _, ok := a.Number(name); !ok {
				t.Errorf("%v has no %s", a, name)
			}
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		abi  ABI
		nr   int32
		name string
	}{
		{X86_64, 0, "read"}, {X86_64, 257, "openat"}, {X86_64, 469, "file_setattr"}, {I386, 5, "open"}, {I386, 102, "socketcall"},
		{I386, 192, "mmap2"}, {X32, 0x40000000 + 257, "openat"}, {X32, 0x40000000 + 520, "execve"}, {AArch64, 56, "openat"},
		{AArch64, 79, "newfstatat"}, {ARM, 0, "restart_syscall"}, {ARM, 0xf0002, "cacheflush"}, {MIPS, 4005, "open"},
		{MIPSEL, 4000, "syscall"}, {MIPS64, 5002, "open"}, {MIPS64N32, 6002, "open"}, {S390, 192, "mmap2"}, {S390X, 222, "readahead"},
		{RISCV64, 258, "riscv_hwprobe"}, {SPARC64, 5, "open"}, {PPC64LE, 5, "open"}, {Alpha, 45, "open"},
	} {
		if got := c.abi.Name(c.nr); got != c.name {
			t.Errorf("%v: Name(%d) = %q, want %q", c.abi, c.nr, got, c.name)
		}
	}
	for _, c := range []struct {
		abi ABI
		nr  int32
	}{
		{X86_64, -1}, {X86_64, 400}, {X86_64, 100000}, {X86_64, 0x40000001}, {X32, 1}, {MIPS, 1}, {MIPS, 3999},
		{ARM, 0xf0000}, {ARM, 0xf0007}, {I386, math.MinInt32}, {MIPS, math.MinInt32}, {X32, math.MaxInt32},
	} {
		if got := c.abi.Name(c.nr); got != "" {
			t.Errorf("%v: Name(%d) = %q, want none", c.abi, c.nr, got)
		}
	}
}

func TestIDs(t *testing.T) {
	for id := ID(1); id < NumIDs; id++ {
		if got, ok := LookupID(id.Name()); !ok || got != id {
			t.Errorf("LookupID(%q) = %d, %v; want %d", id.Name(), got, ok, id)
		}
		if id > 1 && (id-1).Name() >= id.Name() {
			t.Errorf("%q comes before %q", (id - 1).Name(), id.Name())
		}
	}
	for _, id := range []ID{0, NumIDs, math.MaxUint16} {
		if id.Name() != "" || id.String() != "unknown" {
			t.Errorf("ID %d has a name", uint16(id))
		}
		if _, ok := X86_64.NumberOf(id); ok {
			t.Errorf("ID %d has a number", uint16(id))
		}
	}
	for _, name := range []string{"", "opena", "zzz", "OPENAT", "openat "} {
		if id, ok := LookupID(name); ok || id != 0 {
			t.Errorf("LookupID(%q) = %d, %v", name, id, ok)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	n := testing.AllocsPerRun(100, func() {
		a, _ := Identify(0xc000003e, 0x40000000+257)
		nr, _ := a.Number(a.Name(0x40000000 + 257))
		if nr != 0x40000000+257 {
			t.Fatal(nr)
		}
	})
	if n != 0 {
		t.Errorf("identifying and naming a call allocates %v times", n)
	}
}

// Names of x/sys that are another name of a call, or no call ("").
var otherNames = map[string]string{
	"arm_sync_file_range":   "sync_file_range2", // both names are in ARM's header
	"arch_specific_syscall": "",                 // where an architecture's own numbers begin
	"syscall_mask":          "",                 // of ARM's numbers
}

// MIPS marks holes in its tables with such names.
var vacant = regexp.MustCompile(`^(reserved|unused)\d+$`)

func TestAgainstXSys(t *testing.T) {
	for _, a := range ABIs() {
		goarch := a.GOARCH()
		switch a {
		case PPC:
			goarch = "ppc" // of gccgo
		case SPARC64:
			goarch = "sparc64"
		}
		if goarch == "" {
			continue
		}
		t.Run(a.String(), func(t *testing.T) {
			theirs := xsysConstants(t, "zsysnum_linux_"+goarch+".go", "SYS_")
			compareNumbers(t, a, theirs)
		})
	}
}

func compareNumbers(t *testing.T, a ABI, theirs map[string]uint64) {
	if len(theirs) < 300 {
		t.Fatalf("x/sys has only %d numbers", len(theirs))
	}
	known := map[string]bool{}
	for name, nr := range theirs {
		name = strings.ToLower(name)
		if other, ok := otherNames[name]; ok {
			name = other
		}
		if name == "" || vacant.MatchString(name) {
			continue
		}
		known[name] = true
		if got, ok := a.Number(name); !ok || got != int32(nr) {
			t.Errorf("Number(%q) = %d, %v; x/sys has %d", name, got, ok, nr)
		}
	}
	last := int32(slices.Max(slices.Collect(maps.Values(theirs))))
	for nr, name := range a.Calls() {
		if nr <= last && !known[name] {
			t.Errorf("x/sys has no %s (%d)", name, nr)
		}
	}
}

func TestTokensAgainstXSys(t *testing.T) {
	theirs := xsysConstants(t, "zerrors_linux.go", "AUDIT_ARCH_")
	names := map[ABI]string{SH: "SHEL", SHEB: "SH", X32: "X86_64"}
	for _, a := range ABIs() {
		name := names[a]
		if name == "" {
			name = strings.ToUpper(a.String())
		}
		if want, ok := theirs[name]; !ok || uint64(a.Audit()) != want {
			t.Errorf("%v: token %#x, AUDIT_ARCH_%s is %#x, %v", a, a.Audit(), name, want, ok)
		}
	}
}

// xsysConstants reads the integer constants with a prefix from one file of golang.org/x/sys/unix.
func xsysConstants(t *testing.T, file, prefix string) map[string]uint64 {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/sys").Output()
	if err != nil || len(dir) < 2 {
		t.Skipf("the source of golang.org/x/sys is not at hand: %v", err)
	}
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "unix", file), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	consts := map[string]uint64{}
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 {
			return true
		}
		name, ok := strings.CutPrefix(v.Names[0].Name, prefix)
		lit, isLit := v.Values[0].(*ast.BasicLit)
		if ok && isLit {
			if consts[name], err = strconv.ParseUint(lit.Value, 0, 64); err != nil {
				t.Fatal(err)
			}
		}
		return true
	})
	return consts
}

func BenchmarkName(b *testing.B) {
	for b.Loop() {
		if X86_64.Name(257) != "openat" {
			b.Fatal("wrong")
		}
	}
}

func BenchmarkNumber(b *testing.B) {
	for b.Loop() {
		if _, ok := X86_64.Number("openat"); !ok {
			b.Fatal("wrong")
		}
	}
}

func BenchmarkIdentify(b *testing.B) {
	for b.Loop() {
		if a, _ := Identify(0xc00000b7, 56); a != AArch64 {
			b.Fatal("wrong")
		}
	}
}
