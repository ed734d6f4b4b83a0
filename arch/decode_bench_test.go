package arch

import "testing"

// flat is memory that costs nothing to read.
type flat struct{ b []byte }

func (m *flat) ReadMem(p []byte, addr uint64) (int, error) { return copy(p, m.b), nil }

func openatCall(tb testing.TB) (Data, *flat) {
	return Data{ABI: X86_64, Nr: num(tb, X86_64, "openat"), Args: [6]uint64{noFD, at, 0o2000000}},
		&flat{append([]byte("/etc/ld.so.cache\x00"), make([]byte, page)...)}
}

func TestNoAllocations(t *testing.T) {
	raw, mem := openatCall(t)
	var d Decoder
	var c Call
	buf := make([]byte, 0, 4096)
	plain := Data{ABI: X86_64, Nr: num(t, X86_64, "lseek"), Args: [6]uint64{3, 5}}
	pointers, text := argv(at+page, 8, "a", "b", "c")
	strs := memory(map[uint64][]byte{at: pointers, at + page: text})
	strs.reads = nil
	sock := memory(map[uint64][]byte{at: inet})
	sock.reads = nil
	tests := []struct {
		name string
		f    func()
	}{
		{"openat", func() { d.Decode(&c, raw, mem) }},
		{"lseek", func() { d.Decode(&c, plain, mem) }},
		{"execve", func() {
			d.Decode(&c, Data{ABI: X86_64, Nr: num(t, X86_64, "execve"), Args: [6]uint64{at + page, at, at}}, strs)
		}},
		{"connect", func() {
			d.Decode(&c, Data{ABI: X86_64, Nr: num(t, X86_64, "connect"), Args: [6]uint64{3, at, 16}}, sock)
		}},
		{"connect text", func() { c.AppendText(buf, nil) }},
		{"connect JSON", func() { c.AppendJSON(buf) }},
		{"openat again", func() { d.Decode(&c, raw, mem) }},
		{"openat text", func() { c.AppendText(buf, nil) }},
		{"openat JSON", func() { c.AppendJSON(buf) }},
	}
	for _, tt := range tests {
		if n := testing.AllocsPerRun(100, tt.f); n != 0 {
			t.Errorf("%s: %v allocations", tt.name, n)
		}
	}
}

func BenchmarkDecodeOpenat(b *testing.B) {
	raw, mem := openatCall(b)
	var d Decoder
	var c Call
	b.ReportAllocs()
	for b.Loop() {
		d.Decode(&c, raw, mem)
	}
}

func BenchmarkDecodeOpenatJSON(b *testing.B) {
	raw, mem := openatCall(b)
	var d Decoder
	var c Call
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		d.Decode(&c, raw, mem)
		buf = c.AppendJSON(buf[:0])
	}
}

func BenchmarkTextOpenat(b *testing.B) {
	raw, mem := openatCall(b)
	var d Decoder
	var c Call
	d.Decode(&c, raw, mem)
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = c.AppendText(buf[:0], nil)
	}
}

func BenchmarkDecodeConnect(b *testing.B) {
	raw := Data{ABI: X86_64, Nr: num(b, X86_64, "connect"), Args: [6]uint64{3, at, 16}}
	mem := &flat{inet}
	var d Decoder
	var c Call
	b.ReportAllocs()
	for b.Loop() {
		d.Decode(&c, raw, mem)
	}
}
