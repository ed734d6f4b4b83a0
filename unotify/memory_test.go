package unotify

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"reflect"
	"testing"

	"golang.org/x/sys/unix"
)

func newTargets(t testing.TB) *Targets {
	t.Helper()
	targets, err := NewTargets(TargetsOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { targets.Close() })
	return targets
}

// eachWay runs a test through the system calls and through /proc/TID/mem.
func eachWay(t *testing.T, test func(t *testing.T, m Memory, h *helper)) {
	h := startHelper(t, "hold", nil)
	for _, way := range []struct {
		name string
		file bool
	}{{"process_vm_readv", false}, {"proc mem", true}} {
		for who, tid := range map[string]int{"leader": h.PID, "thread": h.TID} {
			t.Run(way.name+" "+who, func(t *testing.T) {
				targets := newTargets(t)
				targets.access.file.Store(way.file)
				test(t, targets.Memory(tid), h)
				if targets.access.file.Load() != way.file {
					t.Error("changed its way")
				}
			})
		}
	}
}

func pattern(from, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(1 + (from+i)%255)
	}
	return p
}

func TestReadMem(t *testing.T) {
	eachWay(t, func(t *testing.T, m Memory, h *helper) {
		for _, c := range []struct {
			name string
			addr uint64
			n    int
			want int
			err  error
		}{
			{"one byte", h.Area + 1, 1, 1, nil},
			{"a page", h.Area, minPage, minPage, nil},
			{"across pages", h.Area + minPage - 50, 100, 100, nil},
			{"up to inaccessible memory", h.Area + 3*minPage - 4, 100, 4, nil},
			{"inaccessible at once", h.Area + 3*minPage + 1, 8, 0, unix.EFAULT},
			{"null", 0, 8, 0, unix.EFAULT},
			{"highest bit", 1 << 63, 8, 0, unix.EFAULT},
			{"middle of the upper half", 0xb400_0000_0000_1000, 8, 0, unix.EFAULT},
			{"end of the address space", ^uint64(0) - 3, 64, 0, unix.EFAULT},
			{"nothing", 0, 0, 0, nil},
		} {
			p := make([]byte, c.n)
			n, err := m.ReadMem(p, c.addr)
			if n != c.want || !errors.Is(err, c.err) {
				t.Errorf("%s: %d, %v; want %d, %v", c.name, n, err, c.want, c.err)
			}
		}
		p := make([]byte, 100)
		if _, err := m.ReadMem(p, h.Area+minPage+50); err != nil || !bytes.Equal(p, pattern(minPage+50, 100)) {
			t.Errorf("contents: %v %x", err, p)
		}
	})
}

func TestWriteMem(t *testing.T) {
	eachWay(t, func(t *testing.T, m Memory, h *helper) {
		data := []byte(t.Name())
		if n, err := m.WriteMem(data, h.Area+minPage+1000); n != len(data) || err != nil {
			t.Fatalf("write: %d, %v", n, err)
		}
		back := make([]byte, len(data))
		if _, err := m.ReadMem(back, h.Area+minPage+1000); err != nil || !bytes.Equal(back, data) {
			t.Errorf("read back %q, %v", back, err)
		}
		m.WriteMem(pattern(minPage+1000, len(data)), h.Area+minPage+1000) //nolint:errcheck // as it was

		if n, err := m.WriteMem(data, h.Area+2*minPage+100); n != 0 || !errors.Is(err, unix.EFAULT) {
			t.Errorf("write to read-only memory: %d, %v", n, err)
		}
		if n, err := m.WriteMem([]byte("0123456789"), h.Area+2*minPage-3-5); n != 8 || err != nil {
			t.Errorf("write up to read-only memory: %d, %v", n, err)
		}
		m.WriteMem(append(pattern(2*minPage-8, 5), "abc"...), h.Area+2*minPage-8) //nolint:errcheck // as it was
		if n, err := m.WriteMem(data, 1<<63); n != 0 || !errors.Is(err, unix.EFAULT) {
			t.Errorf("write to the upper half: %d, %v", n, err)
		}
	})
}

func TestReadBatch(t *testing.T) {
	eachWay(t, func(t *testing.T, m Memory, h *helper) {
		var spans []Span
		for i := range 2*batch + 3 {
			spans = append(spans, Span{h.Area + uint64(600+100*i), make([]byte, 1+i)})
		}
		spans[5].P = nil
		n, err := m.ReadBatch(spans)
		if n != total(spans) || err != nil {
			t.Fatalf("%d, %v, want %d", n, err, total(spans))
		}
		for i, s := range spans {
			if !bytes.Equal(s.P, pattern(600+100*i, len(s.P))) {
				t.Errorf("span %d: %x", i, s.P)
			}
		}
		bad := []Span{{h.Area + 600, make([]byte, 10)}, {h.Area + 3*minPage - 4, make([]byte, 8)}, {h.Area, make([]byte, 8)}}
		if n, err := m.ReadBatch(bad); n != 14 || err != nil {
			t.Errorf("stop at unreadable memory: %d, %v, want 14", n, err)
		}
		if n, err := m.ReadBatch(bad[:0]); n != 0 || err != nil {
			t.Errorf("no spans: %d, %v", n, err)
		}
		if n, err := m.ReadBatch([]Span{{0, make([]byte, 8)}}); n != 0 || !errors.Is(err, unix.EFAULT) {
			t.Errorf("unreadable first: %d, %v", n, err)
		}
	})
}

func TestCString(t *testing.T) {
	eachWay(t, func(t *testing.T, m Memory, h *helper) {
		for _, c := range []struct {
			name string
			addr uint64
			max  int
			want string
			err  error
		}{
			{"across pages", h.Area + 2*minPage - 3, 4096, "abcdef", nil},
			{"NUL is the last allowed", h.Area + 2*minPage - 3, 7, "abcdef", nil},
			{"NUL is one too far", h.Area + 2*minPage - 3, 6, "abcdef", ErrUnterminated},
			{"runs into inaccessible memory", h.Area + 3*minPage - 4, 4096, "tail", unix.EFAULT},
			{"bounded before inaccessible memory", h.Area + 3*minPage - 4, 4, "tail", ErrUnterminated},
			{"null", 0, 4096, "", unix.EFAULT},
			{"end of the address space", ^uint64(0), 4096, "", unix.EFAULT},
			{"nothing allowed", h.Area, 0, "", ErrUnterminated},
		} {
			got, err := m.CString(c.addr, c.max)
			if got != c.want || !errors.Is(err, c.err) {
				t.Errorf("%s: %q, %v; want %q, %v", c.name, got, err, c.want, c.err)
			}
		}
	})
}

func TestStrings(t *testing.T) {
	eachWay(t, func(t *testing.T, m Memory, h *helper) {
		all := []string{"one", "two", ""}
		for _, c := range []struct {
			name               string
			addr               uint64
			word, count, bytes int
			want               []string
			err                error
		}{
			{"all", h.Argv, 8, 100, 4096, all, nil},
			{"exactly enough", h.Argv, 8, 3, 9, all, nil},
			{"too many", h.Argv, 8, 2, 4096, all[:2], ErrUnterminated},
			{"too long", h.Argv, 8, 100, 7, all[:1], ErrUnterminated},
			{"empty array of small words", h.Argv32, 4, 100, 4096, nil, nil},
			{"bad array", 8, 8, 100, 4096, nil, unix.EFAULT},
			{"bad string", h.Area + 600, 8, 100, 4096, nil, unix.EFAULT},
		} {
			got, err := m.Strings(c.addr, c.word, c.count, c.bytes)
			if !reflect.DeepEqual(got, c.want) || !errors.Is(err, c.err) {
				t.Errorf("%s: %q, %v; want %q, %v", c.name, got, err, c.want, c.err)
			}
		}
	})
}

func TestMemoryOfEndedThread(t *testing.T) {
	h := startHelper(t, "hold", nil)
	targets := newTargets(t)
	h.end()
	for _, file := range []bool{false, true} {
		targets.access.file.Store(file)
		if n, err := targets.Memory(h.PID).ReadMem(make([]byte, 8), h.Area); n != 0 || !errors.Is(err, unix.ESRCH) {
			t.Errorf("file %v: %d, %v", file, n, err)
		}
	}
}

// TestMemoryNotPermitted: a target that may not be traced at all does not make the supervisor change its way for the others.
func TestMemoryNotPermitted(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may trace everybody")
	}
	targets := newTargets(t)
	if _, err := targets.Memory(1).ReadMem(make([]byte, 8), 0x1000); !errors.Is(err, unix.EPERM) {
		t.Errorf("memory of process 1: %v", err)
	}
	if targets.access.file.Load() {
		t.Error("gave up process_vm_readv")
	}
}

// TestMemoryFallback refuses process_vm_readv by a filter on this thread only, as a container's filter would.
func TestMemoryFallback(t *testing.T) {
	h := startHelper(t, "hold", nil)
	for _, errno := range []unix.Errno{unix.EPERM, unix.ENOSYS} {
		t.Run(errno.Error(), func(t *testing.T) {
			targets := newTargets(t)
			p := make([]byte, 16)
			err := onFilteredThread(errno, func() error {
				n, err := targets.Memory(h.PID).ReadMem(p, h.Area)
				if n != len(p) && err == nil {
					err = fmt.Errorf("read %d bytes", n)
				}
				return err
			}, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV)
			if err != nil || !bytes.Equal(p, pattern(0, 16)) {
				t.Errorf("%v, %x", err, p)
			}
			if !targets.access.file.Load() {
				t.Error("choice is not remembered")
			}
		})
	}
}

func TestMemoryAllocatesNothing(t *testing.T) {
	m := newTargets(t).Memory(startHelper(t, "hold", nil).PID)
	p := make([]byte, 100)
	spans := []Span{{0x1000, p}, {0x2000, p}}
	if n := testing.AllocsPerRun(100, func() {
		m.ReadMem(p, 0x1000)    //nolint:errcheck // only the cost matters
		m.WriteMem(p[:1], 0x10) //nolint:errcheck // only the cost matters
		m.ReadBatch(spans)      //nolint:errcheck // only the cost matters
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkReadMem(b *testing.B) {
	h := startHelper(b, "hold", nil)
	for _, file := range []bool{false, true} {
		b.Run(fmt.Sprintf("file=%v", file), func(b *testing.B) {
			targets := newTargets(b)
			targets.access.file.Store(file)
			m, p := targets.Memory(h.PID), make([]byte, 256)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.ReadMem(p, h.Area); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
