package arch

import (
	"encoding/binary"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestIdentify(t *testing.T) {
	const x86 = 0xc000003e
	for _, c := range []struct {
		audit uint32
		nr    int32
		want  ABI
	}{
		{x86, 0, X86_64},
		{x86, 472, X86_64},
		{x86, -1, X86_64},
		{x86, 0x40000000, X32},
		{x86, 0x40000000 + 520, X32},
		{0x40000003, 5, I386},
		{0x40000003, 0x40000005, I386},
		{0xc00000b7, 56, AArch64},
		{0x40000028, 983042, ARM},
		{0x00000008, 4001, MIPS},
		{0x40000008, 4001, MIPSEL},
		{0x80000008, 5001, MIPS64},
		{0xc0000008, 5001, MIPSEL64},
		{0xa0000008, 6001, MIPS64N32},
		{0xe0000008, 6001, MIPSEL64N32},
		{0x80000016, 1, S390X},
		{0x00000016, 1, S390},
		{0xc00000f3, 1, RISCV64},
	} {
		if got, ok := Identify(c.audit, c.nr); !ok || got != c.want {
			t.Errorf("Identify(%#x, %#x) = %v, %v; want %v", c.audit, c.nr, got, ok, c.want)
		}
	}
	if got, ok := Identify(0xdead, 1); ok || got != 0 {
		t.Errorf("Identify of an unknown token = %v, %v", got, ok)
	}
}

// Every ABI is what its own token and a number of its own say.
func TestIdentifyAll(t *testing.T) {
	for _, a := range ABIs() {
		for nr := range a.Calls() {
			if got, ok := Identify(a.Audit(), nr); !ok || got != a {
				t.Fatalf("Identify(%#x, %d) = %v, %v; want %v", a.Audit(), nr, got, ok, a)
			}
		}
	}
}

func TestParseABI(t *testing.T) {
	for _, a := range ABIs() {
		for _, name := range append(strings.Fields(a.facts().aliases), a.String(), strings.ToUpper(a.String())) {
			if got, err := ParseABI(name); err != nil || got != a {
				t.Errorf("ParseABI(%q) = %v, %v; want %v", name, got, err, a)
			}
		}
		if g := a.GOARCH(); g != "" {
			if got, err := ParseABI(g); err != nil || got != a {
				t.Errorf("ParseABI(%q), Go's name = %v, %v; want %v", g, got, err, a)
			}
		}
	}
	for name, want := range map[string]ABI{
		"amd64": X86_64, "x86": I386, "i686": I386, "arm64": AArch64, "armv7l": ARM, "SCMP_ARCH_X86": I386,
		"SCMP_ARCH_MIPSEL64N32": MIPSEL64N32, "SCMP_ARCH_SHEB": SHEB, "loong64": LoongArch64, "mips64le": MIPSEL64,
	} {
		if got, err := ParseABI(name); err != nil || got != want {
			t.Errorf("ParseABI(%q) = %v, %v; want %v", name, got, err, want)
		}
	}
	for _, bad := range []string{"", " ", "unknown", "vax", "amd64 x64"} {
		_, err := ParseABI(bad)
		if err == nil || !strings.Contains(err.Error(), "x86_64, i386") {
			t.Errorf("ParseABI(%q): %v; want an error that lists the known ones", bad, err)
		}
	}
}

func TestABIFacts(t *testing.T) {
	for _, c := range []struct {
		abi   ABI
		word  int
		big   bool
		align int
	}{
		{X86_64, 8, false, 8}, {I386, 4, false, 4}, {X32, 4, false, 8}, {ARM, 4, false, 8}, {S390X, 8, true, 8},
		{MIPS, 4, true, 8}, {MIPSEL64N32, 4, false, 8}, {PPC64, 8, true, 8}, {PPC64LE, 8, false, 8}, {M68K, 4, true, 2},
		{SPARC64, 8, true, 8}, {Alpha, 8, false, 8},
	} {
		if c.abi.Word() != c.word || c.abi.BigEndian() != c.big || c.abi.Int64Align() != c.align {
			t.Errorf("%v: word %d, big %v, align %d; want %d, %v, %d", c.abi,
				c.abi.Word(), c.abi.BigEndian(), c.abi.Int64Align(), c.word, c.big, c.align)
		}
	}
	if I386.ByteOrder() != binary.ByteOrder(binary.LittleEndian) || S390.ByteOrder() != binary.ByteOrder(binary.BigEndian) {
		t.Error("byte orders of i386 and s390 are wrong")
	}
}

// The marks of a token say what the facts say.
func TestTokenMarks(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range ABIs() {
		if little := a.Audit()&auditLE != 0; little == a.BigEndian() {
			t.Errorf("%v: token %#x and byte order differ", a, a.Audit())
		}
		wide := a.Audit()&audit64 != 0 && a.Audit()&auditN32 == 0 && a != X32
		if wide != (a.Word() == 8) {
			t.Errorf("%v: token %#x and word %d differ", a, a.Audit(), a.Word())
		}
		if a.String() == "" || a.String() == "unknown" || seen[a.String()] {
			t.Errorf("ABI %d has no name of its own: %q", a, a)
		}
		seen[a.String()] = true
	}
}

func TestCompat(t *testing.T) {
	if got := X86_64.Compat(); !slices.Equal(got, []ABI{I386, X32}) {
		t.Errorf("x86_64 has %v", got)
	}
	for _, a := range ABIs() {
		for _, c := range a.Compat() {
			if a.Word() != 8 || c.Word() != 4 || a.BigEndian() != c.BigEndian() {
				t.Errorf("%v cannot serve %v", a, c)
			}
		}
	}
}

func TestNative(t *testing.T) {
	if a := Native(); !a.Valid() || a.GOARCH() != runtime.GOARCH {
		t.Errorf("Native() = %v on %s", a, runtime.GOARCH)
	}
}

func TestNoABI(t *testing.T) {
	for _, a := range []ABI{0, numABIs, 255} {
		if a.Valid() || a.String() != "unknown" || a.Name(0) != "" || a.ID(1) != 0 || a.Audit() != 0 || a.Word() != 8 {
			t.Errorf("ABI %d has facts", uint8(a))
		}
		if _, ok := a.Number("read"); ok {
			t.Errorf("ABI %d has calls", uint8(a))
		}
	}
}
