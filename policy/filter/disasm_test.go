package filter

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
)

func TestDisassemble(t *testing.T) {
	l := on(t, arch.X86_64, Errno(1), "socket", when(Allow, Compare{Op: EQ, Narrow: true, Value: 2}), when(Errno(97), Compare{Op: EQ, Narrow: true, Value: 38}))
	l.ABIs[0].Calls[id(t, "open_tree_attr")] = []Clause{when(Allow)}
	res, err := BuildLists(l)
	if err != nil {
		t.Fatal(err)
	}
	lines := Disassemble(res.Program)
	var all strings.Builder
	for _, line := range lines {
		all.WriteString(line.Code + " ; " + line.Comment + "\n")
	}
	for _, want := range []string{"x86_64 or x32", "x86_64 socket", "x86_64 open_tree_attr", "lower half: socket's domain", "AF_INET", "AF_ALG",
		"; errno EPERM", "; errno EAFNOSUPPORT", "; allow", "; kill process"} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("no %q in\n%s", want, all.String())
		}
	}
	if len(lines) != len(res.Program) || lines[0].Longest < res.Longest || lines[0].Longest > len(lines) {
		t.Errorf("%d lines, longest path %d; the proof found %d", len(lines), lines[0].Longest, res.Longest)
	}
}

// What is no filter is shown all the same.
func FuzzDisassemble(f *testing.F) {
	f.Add([]byte{0x20, 0, 0, 4, 0x15, 1, 2, 3, 6, 0, 0, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		p := make(Program, 0, len(raw)/4)
		for ; len(raw) >= 4 && len(p) < 64; raw = raw[4:] {
			p = append(p, unix.SockFilter{Code: uint16(raw[0]), Jt: raw[1], Jf: raw[2] % 8, K: uint32(int32(int8(raw[3])))})
		}
		if len(Disassemble(p)) != len(p) {
			t.Error("lines are missing")
		}
		l := on(t, arch.X86_64, Errno(1), "socket", when(Allow, Compare{Op: LT, Value: 2}))
		if Prove(p, l) == nil {
			for _, v := range corners() {
				agrees(t, p, l, arch.Data{ABI: arch.X86_64, Nr: 41, Args: [6]uint64{v}})
			}
		}
	})
}
