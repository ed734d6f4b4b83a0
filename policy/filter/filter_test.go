package filter

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
)

func selection(t testing.TB, list string) arch.Selection {
	t.Helper()
	s, err := arch.ParseSelection(list, arch.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// specs are filters for every ABI that libseccomp knows.
func specs(t testing.TB) []Spec {
	var list []Spec
	for _, a := range scmpArches {
		for _, calls := range []string{"mount", "openat,mkdir,connect", "%file", "all", "open_tree_attr,mseal,file_getattr", "none"} {
			list = append(list, Spec{ABIs: []arch.ABI{a.abi}, Notify: selection(t, calls)})
		}
		list = append(list, Spec{ABIs: []arch.ABI{a.abi}, Notify: policy.TraceAll(), NotifyUnknown: true})
	}
	return append(list, StandardSpecs(arch.X86_64)...)
}

// Compile checks what it has built, so an error is a wrong filter.
func TestCompileEveryABI(t *testing.T) {
	unsupported := 0
	for _, s := range specs(t) {
		_, err := Compile(s)
		if err != nil && strings.Contains(err.Error(), "add ABI") {
			unsupported++ // LoongArch needs libseccomp 2.6
			continue
		}
		if err != nil {
			t.Errorf("%v, %d calls: %v", s.ABIs, s.Notify.Len(), err)
		}
	}
	if unsupported > 7 {
		t.Errorf("%d specs are not supported by libseccomp %s", unsupported, LibraryVersion())
	}
}

// A check that cannot fail proves nothing.
func TestCheckFindsWrongFilters(t *testing.T) {
	abis := []arch.ABI{arch.X86_64, arch.I386}
	good := Spec{ABIs: abis, Notify: selection(t, "mkdir,openat")}
	prog, err := Compile(good)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]Spec{
		"one more":    {ABIs: abis, Notify: selection(t, "mkdir,openat,open")},
		"one less":    {ABIs: abis, Notify: selection(t, "mkdir")},
		"another ABI": {ABIs: []arch.ABI{arch.AArch64}, Notify: good.Notify},
		"unknown too": {ABIs: abis, Notify: good.Notify, NotifyUnknown: true},
	} {
		if Check(prog, s) == nil {
			t.Errorf("%s: the check passes a wrong filter", name)
		}
	}
	for name, p := range map[string]Program{
		"empty": {}, "no end": prog[:1], "bad instruction": {{Code: 0xffff}},
		"bad load": {{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 3}},
	} {
		if Check(p, good) == nil {
			t.Errorf("%s: the check passes it", name)
		}
	}
}

// The multiplexers of i386 are notified for what they carry.
func TestSocketcall(t *testing.T) {
	prog, err := Compile(Spec{ABIs: []arch.ABI{arch.X86_64, arch.I386}, Notify: selection(t, "connect,semop")})
	if err != nil {
		t.Fatal(err)
	}
	nr := func(name string) int32 {
		n, ok := arch.I386.Number(name)
		if !ok {
			t.Fatalf("no %s", name)
		}
		return n
	}
	for _, c := range []struct {
		call string
		arg  uint64
		want uint32
	}{{"socketcall", 3, unix.SECCOMP_RET_USER_NOTIF}, {"socketcall", 1, unix.SECCOMP_RET_ALLOW},
		{"ipc", 1, unix.SECCOMP_RET_USER_NOTIF}, {"ipc", 2, unix.SECCOMP_RET_ALLOW}} {
		if got, err := prog.Run(arch.I386, nr(c.call), [6]uint64{c.arg}); err != nil || got != c.want {
			t.Errorf("%s(%d) gives %#x, %v, want %#x", c.call, c.arg, got, err, c.want)
		}
	}
}

func TestPrecompiledIsCurrent(t *testing.T) {
	file, err := os.ReadFile(filepath.Join("zprecompiled_" + arch.Native().GOARCH() + ".go"))
	if err != nil {
		t.Skipf("nothing is built in advance for %s", arch.Native())
	}
	for i, s := range StandardSpecs(arch.Native()) {
		prog, ok := lookup(s)
		if !ok {
			t.Fatalf("filter %d is not found; run: go generate ./policy/filter", i)
		}
		if err := Check(prog, s); err != nil {
			t.Errorf("filter %d: %v; run: go generate ./policy/filter", i, err)
		}
		if !bytes.Contains(file, []byte("libseccomp "+LibraryVersion()+";")) {
			t.Logf("filters were generated with another libseccomp than %s; only their meaning is compared", LibraryVersion())
			continue
		}
		fresh, err := Compile(s)
		if err != nil || len(fresh) != len(prog) {
			t.Errorf("filter %d has %d instructions, a fresh one %d (%v); run: go generate ./policy/filter", i, len(prog), len(fresh), err)
		}
	}
}

func BenchmarkBuild(b *testing.B) {
	for name, s := range map[string]Spec{
		"standard": {Notify: policy.TraceDefault()}, "few": {Notify: selection(b, "mount,openat,mkdir")}, "class": {Notify: selection(b, "%file")},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := Build(s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
