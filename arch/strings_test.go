package arch

import (
	"strings"
	"testing"
)

func TestStringAtPageEnd(t *testing.T) {
	for _, n := range []int{1, 2, 255, 256, 257, 4095} {
		text := strings.Repeat("p", n-1) + "\x00"
		addr := at + page - uint64(n)
		mem := memory(map[uint64][]byte{addr: []byte(text)})
		v := decode(t, X86_64, "chdir", mem, addr).Arg("path")
		if v.State != OK || string(v.Bytes) != text[:n-1] {
			t.Errorf("%d bytes before an unmapped page: state %d, %q", n, v.State, v.Bytes)
		}
	}
}

func TestStringAcrossPages(t *testing.T) {
	text := strings.Repeat("0123456789", 300)
	mem := memory(map[uint64][]byte{at + 3000: []byte(text + "\x00")})
	v := decode(t, X86_64, "chdir", mem, at+3000).Arg("path")
	if v.State != OK || string(v.Bytes) != text {
		t.Errorf("state %d, %d bytes", v.State, len(v.Bytes))
	}
}

func TestStringFirstStep(t *testing.T) {
	mem := memory(map[uint64][]byte{at: make([]byte, page)})
	decode(t, X86_64, "chdir", mem, at)
	if len(mem.reads) != firstStep {
		t.Errorf("%d bytes read for a short string, want %d", len(mem.reads), firstStep)
	}
}

func TestStringStates(t *testing.T) {
	long := strings.Repeat("a", MaxPath)
	tests := []struct {
		call, param, mem string
		state            State
		kept             int
	}{
		{"chdir", "path", "", Unreadable, 0},
		{"chdir", "path", "abc", Unreadable, 0},
		{"chdir", "path", "\x00", OK, 0},
		{"chdir", "path", long[1:] + "\x00", OK, MaxPath - 1},
		{"chdir", "path", long + "\x00", Unterminated, MaxPath},
		{"memfd_create", "name", long + "\x00", Truncated, DefaultMaxString},
		{"memfd_create", "name", long[:300], Unreadable, 0},
	}
	for _, tt := range tests {
		mem := memory(map[uint64][]byte{at: []byte(tt.mem)})
		v := decode(t, X86_64, tt.call, mem, at).Arg(tt.param)
		if v.State != tt.state || len(v.Bytes) != tt.kept {
			t.Errorf("%s of %d bytes: state %d, %d bytes; want %d, %d", tt.call, len(tt.mem), v.State, len(v.Bytes), tt.state, tt.kept)
		}
	}
}

// argv builds pointers to strings that begin at base.
func argv(base uint64, word int, args ...string) (pointers, text []byte) {
	for _, a := range args {
		addr := base + uint64(len(text))
		if word == 4 {
			pointers = append(pointers, le(uint32(addr))...)
		} else {
			pointers = append(pointers, le(addr)...)
		}
		text = append(text, a+"\x00"...)
	}
	return append(pointers, make([]byte, word)...), text
}

func TestStringArrays(t *testing.T) {
	for _, abi := range []ABI{X86_64, I386} {
		pointers, text := argv(at+page, abi.Word(), "ls", "-l", "a b\n", "")
		mem := memory(map[uint64][]byte{at: pointers, at + page: text, at + 2*page: []byte("/bin/ls\x00")})
		c := decode(t, abi, "execve", mem, at+2*page, at, 0)
		wantText(t, c, `execve("/bin/ls", ["ls", "-l", "a b\n", ""], NULL)`)
	}
}

func TestEnvironment(t *testing.T) {
	for n, want := range map[int]string{0: "0 vars", 1: "1 var", 2: "2 vars"} {
		pointers, text := argv(at+page, 8, []string{"A=1", "B=2"}[:n]...)
		mem := memory(map[uint64][]byte{at: pointers, at + page: append(text, "/x\x00"...)})
		c := decode(t, X86_64, "execve", mem, at+page+uint64(len(text)), 0, at)
		wantText(t, c, `execve("/x", NULL, 0x10000 /* `+want+` */)`)
	}
	pointers, text := argv(at+page, 8, "A=1", "B=2")
	mem := memory(map[uint64][]byte{at: pointers, at + page: append(text, "/x\x00"...)})
	c := decode(t, X86_64, "execve", mem, at+page+uint64(len(text)), 0, at)
	if got, want := string(c.AppendText(nil, &TextOptions{Verbose: true})), `execve("/x", NULL, ["A=1", "B=2"])`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestStringArrayStates(t *testing.T) {
	pointers, text := argv(at+page, 8, "a", "b")
	tests := []struct {
		name  string
		array []byte
		state State
		kept  int
	}{
		{"ended", pointers, OK, 2},
		{"not ended", pointers[:16], Unreadable, 0},
		{"half a pointer", pointers[:20], Unreadable, 0},
		{"unmapped", nil, Unreadable, 0},
		{"one bad string", append(le(absent), pointers...), OK, 3},
		{"endless", []byte(strings.Repeat(string(pointers[:8]), 3000)), Truncated, DefaultMaxItems},
	}
	for _, tt := range tests {
		mem := memory(map[uint64][]byte{at: tt.array, at + page*100: text})
		if tt.array != nil {
			mem.pieces = map[uint64][]byte{at: tt.array, at + page: text}
		}
		if len(tt.array) > int(page) {
			mem.pieces = map[uint64][]byte{at * 16: tt.array, at + page: text}
		}
		addr := at
		if len(tt.array) > int(page) {
			addr = at * 16
		}
		var d Decoder
		var c Call
		d.Decode(&c, Data{ABI: X86_64, Nr: num(t, X86_64, "execve"), Args: [6]uint64{0, addr}}, mem)
		v := c.Arg("argv")
		if v.State != tt.state || len(v.List) != tt.kept {
			t.Errorf("%s: state %d, %d strings; want %d, %d", tt.name, v.State, len(v.List), tt.state, tt.kept)
		}
	}
}

// Many strings share the call's bound.
func TestStringArrayTotal(t *testing.T) {
	var args []string
	for range 200 {
		args = append(args, strings.Repeat("x", 2000))
	}
	pointers, text := argv(1<<20, 8, args...)
	mem := memory(map[uint64][]byte{at: pointers, 1 << 20: text})
	v := decode(t, X86_64, "execve", mem, 0, at).Arg("argv")
	total := 0
	for i := range v.List {
		total += len(v.List[i].Bytes)
	}
	if total > DefaultMaxBytes || v.Complete() {
		t.Errorf("%d bytes kept of %d, complete %v", total, len(text), v.Complete())
	}
}
