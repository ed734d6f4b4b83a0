package audit

import (
	"syscall"
	"testing"
	"time"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
)

// A tile is a target's memory in which every address can be read and holds the same bytes again and again.
type tile []byte

func (m tile) ReadMem(p []byte, addr uint64) (int, error) {
	for i := range p {
		p[i] = m[(addr+uint64(i))%uint64(len(m))]
	}
	return len(p), nil
}

// nowhere is a target's memory that cannot be read.
type nowhere struct{}

func (nowhere) ReadMem([]byte, uint64) (int, error) { return 0, syscall.EFAULT }

var received = time.Date(2026, 1, 2, 3, 4, 5, 678901234, time.UTC)

// decoded is a call as the pipeline hands it to a sink.
func decoded(abi arch.ABI, nr int32, mem arch.Memory, args ...uint64) *arch.Call {
	return decodedBy(new(arch.Decoder), abi, nr, mem, args...)
}

func decodedBy(d *arch.Decoder, abi arch.ABI, nr int32, mem arch.Memory, args ...uint64) *arch.Call {
	raw := arch.Data{ABI: abi, Nr: nr}
	copy(raw.Args[:], args)
	call := new(arch.Call)
	d.Decode(call, raw, mem)
	return call
}

// number is the number that a call has in an ABI's table.
func number(t testing.TB, abi arch.ABI, name string) int32 {
	t.Helper()
	for nr, n := range abi.Calls() {
		if n == name {
			return nr
		}
	}
	t.Fatalf("%v has no %s", abi, name)
	return 0
}

// opening is openat(3, "/etc/passwd", O_RDONLY|O_CLOEXEC) by thread tid.
func opening(t testing.TB, tid int) *Event {
	t.Helper()
	call := decoded(arch.X86_64, number(t, arch.X86_64, "openat"), tile("/etc/passwd\x00"), 3, 1200, 0o2000000)
	return &Event{Time: received, Caller: policy.Caller{TID: tid, PID: 41}, Call: call,
		Decision: policy.Decision{Verdict: policy.Allow}, Duration: 5120}
}

const openingText = `openat(3, "/etc/passwd", O_RDONLY|O_CLOEXEC)`

// changed is an event with something else about it.
func changed(e *Event, change func(*Event)) *Event {
	change(e)
	return e
}

// A fault is a writer that fails after some bytes of each write.
type fault struct {
	after int
	err   error
}

func (f fault) Write(p []byte) (int, error) {
	if f.err == nil {
		return len(p), nil
	}
	return min(f.after, len(p)), f.err
}
