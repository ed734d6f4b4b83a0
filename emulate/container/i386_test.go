package container

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/internal/testneed"
)

// otherProgram runs a program of another ABI in the container.
func otherProgram(c *container) {
	out, err := exec.Command(c.plan.Args[0]).CombinedOutput()
	c.err("program", err)
	for line := range strings.Lines(string(out)) {
		step, result, _ := strings.Cut(strings.TrimSpace(line), ": ")
		c.say(step, result)
	}
	c.mounts("left")
}

// everyABI is a filter that notifies the family's calls of the native ABI and of i386.
func everyABI(i386 arch.ABI) []unix.SockFilter {
	const load, equal = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	compare := func(abi arch.ABI) (prog []unix.SockFilter) {
		prog = append(prog, unix.SockFilter{Code: load, K: 0})
		for _, s := range Calls() {
			if nr, ok := abi.Number(s.Call); ok && !s.Checked {
				prog = append(prog, unix.SockFilter{Code: equal, Jf: 1, K: uint32(nr)}, unix.SockFilter{Code: unix.BPF_RET, K: unix.SECCOMP_RET_USER_NOTIF})
			}
		}
		return append(prog, unix.SockFilter{Code: unix.BPF_RET, K: unix.SECCOMP_RET_ALLOW})
	}
	first := compare(arch.Native())
	prog := []unix.SockFilter{{Code: load, K: 4}, {Code: equal, Jt: uint8(len(first)), K: unix.AUDIT_ARCH_I386}} // those are under 256
	return append(append(prog, first...), compare(i386)...)
}

// TestI386: a 32-bit program's calls are performed as they are natively.
func TestI386(t *testing.T) {
	needRoot(t)
	i386, ok := arch.Identify(unix.AUDIT_ARCH_I386, 0)
	if arch.Native() != arch.X86_64 || !ok {
		t.Skip("only x86_64 has this second ABI")
	}
	dir, err := os.MkdirTemp("/tmp", "stead-i386")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "i386")
	build := exec.Command("go", "build", "-o", program, "./testdata/i386")
	build.Env = append(os.Environ(), "GOARCH=386", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		testneed.Missing(t, "needs a Go compiler for i386: %v: %s", err, out)
	}
	for _, err := range []error{os.Chmod(dir, 0o755), os.Chmod(program, 0o755)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []plan{{}, {User: true}} {
		p.Scenario, p.Args = "other program", []string{program}
		list := native(t, p)
		if list[0].Result != "ok" {
			testneed.Missing(t, "needs a kernel that runs 32-bit programs: %s", list[0].Result)
		}
		p.Drop = true
		same(t, list, supervised(t, p, supervision{notify: everyABI(i386)}))
		want{"tmpfs": "ok", "move_mount": "ok", "old umount": "ok", "getxattr value": "ok"}.check(t, list)
	}
}
