package arch

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// findStruct looks in the signatures for a struct of a name.
func findStruct(name string) *Struct {
	for i := range signatureTable {
		if s := structIn(signatureTable[i].Params, name); s != nil {
			return s
		}
		for _, v := range signatureTable[i].Variants {
			if s := structIn(v.Params, name); s != nil {
				return s
			}
		}
	}
	return nil
}

func structIn(params []Param, name string) *Struct {
	for i := range params {
		p := &params[i]
		for p.Elem != nil {
			p = p.Elem
		}
		if p.Struct == nil {
			continue
		}
		if p.Struct.Name == name {
			return p.Struct
		}
		for s := p.Struct; s != nil; s = s.Alt {
			if found := structIn(s.Fields, name); found != nil {
				return found
			}
		}
	}
	return nil
}

// kernelStructs are the structs that gcc lays out for comparison, and where the kernel's headers have them.
var kernelStructs = []struct{ name, header string }{
	{"timespec", "linux/time.h"},
	{"itimerval", "linux/time.h"},
	{"rusage", "linux/resource.h"},
	{"rlimit", "linux/resource.h"},
	{"stat", "asm/stat.h"},
	{"statx", "linux/stat.h"},
	{"statfs", "asm/statfs.h"},
	{"statfs64", "asm/statfs.h"},
	{"flock", "linux/fcntl.h"},
	{"flock64", "linux/fcntl.h"},
	{"open_how", "linux/openat2.h"},
	{"epoll_event", "linux/eventpoll.h"},
	{"clone_args", "linux/sched.h"},
	{"sched_attr", "linux/sched/types.h"},
	{"mount_attr", "linux/mount.h"},
	{"io_event", "linux/aio_abi.h"},
	{"iocb", "linux/aio_abi.h"},
	{"io_uring_params", "linux/io_uring.h"},
	{"termios", "asm/termbits.h"},
	{"termios2", "asm/termbits.h"},
	{"sembuf", "linux/sem.h"},
	{"sock_filter", "linux/filter.h"},
	{"sock_fprog", "linux/filter.h"},
	{"loop_info", "linux/loop.h"},
	{"loop_info64", "linux/loop.h"},
	{"seccomp_notif_resp", "linux/seccomp.h"},
	{"fsxattr", "linux/fs.h"},
	{"file_clone_range", "linux/fs.h"},
	{"file_dedupe_range", "linux/fs.h"},
	{"futex_waitv", "linux/futex.h"},
	{"landlock_path_beneath_attr", "linux/landlock.h"},
	{"if_dqblk", "linux/quota.h"},
	{"iovec", "linux/uio.h"},
	{"vt_mode", "linux/vt.h"},
	{"winsize", "asm/termios.h"},
}

// TestLayoutAgainstCompiler compares sizes and offsets with gcc's for both of x86's classic ABIs.
func TestLayoutAgainstCompiler(t *testing.T) {
	for _, tt := range []struct {
		abi  ABI
		flag string
	}{{X86_64, "-m64"}, {I386, "-m32"}} {
		t.Run(tt.abi.String(), func(t *testing.T) {
			for _, k := range kernelStructs {
				s := findStruct(k.name)
				if s == nil {
					t.Errorf("no signature leads to struct %s", k.name)
					continue
				}
				compareLayout(t, s, k.header, tt.abi, tt.flag)
			}
		})
	}
}

func compareLayout(t *testing.T, s *Struct, header string, abi ABI, flag string) {
	t.Helper()
	var want []string
	var src strings.Builder
	fmt.Fprintf(&src, "#include <linux/types.h>\n#include <%s>\n#include <stddef.h>\n", header)
	check := func(what, expr string, n int) {
		want = append(want, what)
		fmt.Fprintf(&src, "_Static_assert(%s == %d, \"%s\");\n", expr, n, what)
	}
	for w := s.Walk(abi); w.Next(); {
		f := w.Field()
		if f.Name == "" || strings.HasPrefix(f.Name, "_") {
			continue
		}
		expr := fmt.Sprintf("offsetof(struct %s, %s)", s.Name, f.Name)
		check(fmt.Sprintf("%s is not at %d", f.Name, w.Offset()), expr, w.Offset())
	}
	check(fmt.Sprintf("size is not %d", s.Size(abi)), fmt.Sprintf("sizeof(struct %s)", s.Name), s.Size(abi))
	if len(want) < 2 {
		t.Errorf("struct %s has nothing to compare", s.Name)
	}
	out, err := compileC(t, src.String(), flag)
	if err == nil {
		return
	}
	mistakes, unknown := sortErrors(out)
	if len(mistakes) > 0 || 2*unknown > len(want) {
		t.Errorf("struct %s: %d fields unknown, %s", s.Name, unknown, strings.Join(mistakes, "\n"))
	}
}

// sortErrors tells real mistakes from fields that are newer than the headers here; gcc says two things about each of those.
func sortErrors(out string) (mistakes []string, unknown int) {
	for line := range strings.Lines(out) {
		switch {
		case !strings.Contains(line, "error:") || strings.Contains(line, "is not an integer"):
		case strings.Contains(line, "has no member named"):
			unknown++
		default:
			mistakes = append(mistakes, strings.TrimSpace(line))
		}
	}
	return mistakes, unknown
}

// compileC skips the test where gcc does not make code for the ABI.
func compileC(t *testing.T, src, flag string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	empty, file := filepath.Join(dir, "empty.c"), filepath.Join(dir, "layout.c")
	for name, text := range map[string]string{empty: "#include <linux/types.h>\n", file: src} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("gcc", flag, "-fsyntax-only", empty).CombinedOutput(); err != nil {
		t.Skipf("gcc %s does not work here: %v %s", flag, err, out)
	}
	cmd := exec.Command("gcc", flag, "-w", "-fsyntax-only", file)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestLayoutRules(t *testing.T) {
	u8, u32, u64 := Param{Kind: KindUint, Width: 1}, Param{Kind: KindUint, Width: 4}, Param{Kind: KindUint, Width: 8}
	word, path := Param{Kind: KindInt}, Param{Kind: KindPath}
	inner := &Struct{Fields: []Param{u64, u8}}
	tests := []struct {
		name   string
		s      Struct
		abi    ABI
		offset int // of the last field
		size   int
	}{
		{"padding", Struct{Fields: []Param{u8, u32}}, X86_64, 4, 8},
		{"end padding", Struct{Fields: []Param{u64, u8}}, X86_64, 8, 16},
		{"i386 aligns to 4", Struct{Fields: []Param{u8, u64}}, I386, 4, 12},
		{"arm aligns to 8", Struct{Fields: []Param{u8, u64}}, ARM, 8, 16},
		{"m68k aligns to 2", Struct{Fields: []Param{u8, u32}}, M68K, 2, 6},
		{"word of 4", Struct{Fields: []Param{word, path}}, ARM, 4, 8},
		{"word of 8", Struct{Fields: []Param{word, path}}, AArch64, 8, 16},
		{"packed", Struct{Packed: true, Fields: []Param{u8, u64}}, X86_64, 1, 9},
		{"union", Struct{Overlap: true, Fields: []Param{u8, u64, u32}}, X86_64, 0, 8},
		{"struct in place", Struct{Fields: []Param{u8, {Kind: KindStruct, Struct: inner}}}, X86_64, 8, 24},
		{"array in place", Struct{Fields: []Param{u8, {Kind: KindArray, Elem: &u32, Count: 3}}}, X86_64, 4, 16},
		{"array behind a pointer", Struct{Fields: []Param{u8, {Kind: KindArray, Elem: &u32, Len: "n"}}}, X86_64, 8, 16},
		{"flexible array", Struct{Fields: []Param{u8, {Kind: KindArray, Elem: &u32, Len: "n", InPlace: true}}}, X86_64, 4, 4},
		{"bytes in place", Struct{Fields: []Param{u32, {Kind: KindChars, Count: 5}}}, X86_64, 4, 12},
		{"bytes behind a pointer", Struct{Fields: []Param{u32, {Kind: KindBytes, Len: "n"}}}, I386, 4, 8},
		{"sigset", Struct{Fields: []Param{u32, {Kind: KindSigset}}}, X86_64, 8, 16},
		{"sigset on mips", Struct{Fields: []Param{u32, {Kind: KindSigset}}}, MIPS, 4, 20},
		{"pointer of 8 bytes", Struct{Fields: []Param{u8, {Kind: KindBytes, Len: "n", Width: 8}}}, ARM, 8, 16},
		{"sigset behind a pointer of 8 bytes", Struct{Fields: []Param{u8, {Kind: KindSigset, Width: 8}}}, I386, 4, 12},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.s.Offset(len(tt.s.Fields)-1, tt.abi); got != tt.offset {
				t.Errorf("offset %d, want %d", got, tt.offset)
			}
			if got := tt.s.Size(tt.abi); got != tt.size {
				t.Errorf("size %d, want %d", got, tt.size)
			}
		})
	}
}

func TestLayoutOfOtherABIs(t *testing.T) {
	s := findStruct("epoll_event")
	for abi, want := range map[ABI]int{X86_64: 12, I386: 12, AArch64: 16, ARM: 16} {
		if got := s.Size(abi); got != want {
			t.Errorf("epoll_event on %v: %d bytes, want %d", abi, got, want)
		}
	}
	only := Struct{ABIs: 1 << ARM, Fields: []Param{{Kind: KindInt}}}
	if only.For(X86_64) != nil || only.Size(X86_64) != 0 || only.Size(ARM) != 4 {
		t.Error("a struct that only arm has is not told apart")
	}
}

func TestLayoutDoesNotAllocate(t *testing.T) {
	s := findStruct("statx")
	if n := testing.AllocsPerRun(10, func() { s.Size(X86_64); s.Offset(3, I386) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
