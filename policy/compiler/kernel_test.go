package compiler

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/cond"
)

// kernelCall is struct call of the child (calls.c of policy/filter).
type kernelCall struct {
	I386 uint32
	Nr   int32
	Args [6]uint64
}

// build makes stead and the child that makes calls with given registers.
func build(t *testing.T) (stead, child string) {
	t.Helper()
	if arch.Native() != arch.X86_64 {
		t.Skip("the child makes calls of x86_64 and i386")
	}
	dir := t.TempDir()
	stead, child = filepath.Join(dir, "stead"), filepath.Join(dir, "calls")
	for _, argv := range [][]string{
		{"go", "build", "-o", stead, "github.com/stead-project/stead/cmd/stead"},
		{"cc", "-O1", "-static", "-o", child, filepath.Join("..", "filter", "testdata", "calls.c")},
	} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", argv, err, out)
		}
	}
	return stead, child
}

// made are what calls return to a program under a policy.
func made(t *testing.T, stead, child, text string, calls []kernelCall) []int64 {
	t.Helper()
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte(head+text), 0o600); err != nil {
		t.Fatal(err)
	}
	allow := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}
	var in, out, errs bytes.Buffer
	for _, part := range []any{uint32(1), allow, uint32(len(calls)), calls} {
		if err := binary.Write(&in, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(stead, "run", "--policy", file, "--", child)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &in, &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s\n%s", err, &errs, text)
	}
	results := make([]int64, len(calls))
	if err := binary.Read(&out, binary.LittleEndian, results); err != nil {
		t.Fatal(err)
	}
	return results
}

// Calls that change nothing, whatever their registers hold, and that never fail with the errnos below.
func harmless() []subject {
	return []subject{{"getpriority", "", []string{"which", "who"}}, {"getpgid", "", []string{"pid"}}, {"getsid", "", []string{"pid"}},
		{"sched_get_priority_max", "", []string{"policy"}}}
}

func (r lottery) harmlessDocument() string {
	var b strings.Builder
	b.WriteString("default: allow\nrules:\n  - {calls: [connect], then: {deny: ENOTUNIQ}}\n  - {calls: ['%network'], then: allow}\n")
	for range 2 + r.IntN(6) {
		s := draw(r, harmless()...)
		then := draw(r, "allow", "log", "{deny: EXDEV}", "{deny: ELOOP}", "{return: 4711}", "{return: 0}", "{return: -5}")
		fmt.Fprintf(&b, "  - {calls: [%s], when: '%s', then: %s}\n", s.name, r.condition(s, r.IntN(3)), then)
	}
	return b.String()
}

// agrees says whether a call returned what was decided.
func agrees(d policy.Decision, got int64) bool {
	switch d.Verdict {
	case policy.Deny:
		return got == -int64(d.Errno)
	case policy.Return:
		return got == d.Value
	case policy.Allow, policy.Log:
		return got != -int64(syscall.EXDEV) && got != -int64(syscall.ELOOP) && got != -int64(syscall.ENOTUNIQ)
	}
	return false
}

// Programs get from the kernel and the supervisor what the policy says, by both ABIs of the machine.
func TestKernelObeys(t *testing.T) {
	stead, child := build(t)
	r := lottery{rand.New(rand.NewPCG(15, 16))}
	documents, refused := 6, 0
	if testing.Short() {
		documents = 2
	}
	for documents > 0 {
		text := r.harmlessDocument()
		_, p := r.compile(t, text, Options{})
		if p == nil {
			continue
		}
		documents--
		var calls []kernelCall
		var want []policy.Decision
		for range 200 {
			call, data := r.harmlessCall(t)
			c := new(arch.Call)
			new(arch.Decoder).Decode(c, data, words{3, block, 16})
			decider := p.Decider(func(policy.Caller) cond.CallerInfo { return someone{uint32(os.Geteuid())} })
			calls, want = append(calls, call), append(want, decider.Decide(&policy.Request{Call: c}))
		}
		for i, got := range made(t, stead, child, text, calls) {
			if !agrees(want[i], got) {
				t.Errorf("%+v returned %d, the policy says %+v\n%s", calls[i], got, want[i], text)
			}
			if !want[i].Verdict.Continues() {
				refused++
			}
		}
	}
	t.Logf("%d calls did not run", refused)
	if refused < 100 {
		t.Error("too few to show anything")
	}
}

func (r lottery) harmlessCall(t *testing.T) (kernelCall, arch.Data) {
	abi := draw(r, arch.X86_64, arch.I386)
	d := raw(t, abi, draw(r, harmless()...).name, r.register(), r.register(), r.register())
	if abi == arch.I386 && r.IntN(5) == 0 {
		d = raw(t, abi, "socketcall", 3, block)
	}
	k := kernelCall{Nr: d.Nr, Args: d.Args}
	if abi == arch.I386 {
		k.I386 = 1
		for i := range d.Args {
			d.Args[i] &= 1<<32 - 1
		}
	}
	return k, d
}
