package callspec

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stead-project/stead/arch"
)

// target is a random program's memory: one piece, full of small numbers, strings and pointers into itself.
type target struct {
	base uint64
	b    []byte
}

func (m *target) ReadMem(p []byte, addr uint64) (int, error) {
	off := addr - m.base
	if off >= uint64(len(m.b)) {
		return 0, errFault
	}
	if n := copy(p, m.b[off:]); n < len(p) {
		return n, errFault
	}
	return len(p), nil
}

func (m *target) pointer(r *rand.Rand) uint64 { return m.base + uint64(r.IntN(len(m.b)/8))*8 }

// word is a number as programs have them.
func (m *target) word(r *rand.Rand) uint64 {
	switch r.IntN(8) {
	case 0, 1:
		return m.pointer(r)
	case 2:
		return 1 << r.IntN(40)
	case 3:
		return uint64(-int64(r.IntN(200)))
	case 4:
		return r.Uint64()
	case 5:
		return 0
	}
	return uint64(r.IntN(70))
}

func newTarget(r *rand.Rand, abi arch.ABI) *target {
	m := &target{base: 0x20000, b: make([]byte, 4096)}
	e := encoder{abi: abi}
	w := abi.Word()
	for i := 0; i+w <= len(m.b); i += w {
		e.put(m.b[i:i+w], m.word(r))
		if r.IntN(3) == 0 {
			copy(m.b[i:i+w], "/a\"\\\n\x01\xff7"[r.IntN(5):])
		}
		if r.IntN(4) == 0 {
			m.b[i+1] = 0
			e.put(m.b[i:i+2], uint64([...]int{1, 2, 10, 16, 17, 38, 40, 31, 29, 5}[r.IntN(10)]))
		}
	}
	return m
}

// replayable says whether a call was decoded whole: what a trace prints of others is not enough to build them again.
func replayable(list []arch.Value) bool {
	for i := range list {
		v := &list[i]
		if v.Param == nil {
			continue
		}
		pointer := v.Param.Kind.Pointer()
		switch {
		case v.State == arch.Unread && pointer && v.Param.Dir == arch.Out:
		case v.State == arch.Null, v.State == arch.OK:
		case v.State == arch.Unterminated && v.Param.Kind == arch.KindChars:
		default:
			return false
		}
		if !replayable(v.List) {
			return false
		}
	}
	return true
}

// abridged says whether the text leaves something out: bits that a macro has no place for, the rest of a struct that one word
// stands for, the data of control messages that nobody describes.
func abridged(list []arch.Value, abi arch.ABI) bool {
	for i := range list {
		v := &list[i]
		if v.Param == nil {
			continue
		}
		composed := v.Param.Set != nil && v.Param.Set.Call != ""
		alone := v.Param.Struct != nil && v.Param.Struct.For(abi) != nil && v.Param.Struct.For(abi).Alone > 0
		if composed || alone || v.Param.Style == arch.StyleControl || abridged(v.List, abi) {
			return true
		}
	}
	return false
}

// jsonOf is the call as records have it: every value, no address of what was read.
func jsonOf(c *arch.Call) string { return string(c.AppendJSON([]byte("{"))) + "}" }

// sameAgain parses a call's text and its record and compares the calls.
func sameAgain(t *testing.T, c *arch.Call) {
	t.Helper()
	want := jsonOf(c)
	text := verbose(c)
	again, err := Parse(text, c.ABI)
	if err != nil {
		t.Fatalf("%s %s\n%s\ncannot be parsed: %v", c.ABI, text, want, err)
	}
	if got := verbose(again); got != text {
		t.Fatalf("%s text %s\nbecame\n%s", c.ABI, text, got)
	}
	if got := jsonOf(again); got != want && !abridged(c.Args, c.ABI) {
		t.Fatalf("%s text %s\n%s\nbecame\n%s", c.ABI, text, want, got)
	}
	short := c.String()
	if _, err := Parse(short, c.ABI); err != nil && !strings.Contains(short, "...") {
		t.Fatalf("%s text %s\ncannot be parsed: %v", c.ABI, short, err)
	}
	nr, _ := json.Marshal(c.Nr)
	line := `{"abi":"` + c.ABI.String() + `","verdict":"allow","nr":` + string(nr) + "," + want[1:]
	r, err := FromRecord([]byte(line))
	if err != nil {
		t.Fatalf("%s\ncannot be replayed: %v", line, err)
	}
	if got := jsonOf(r.Call); got != want || r.Call.Nr != c.Nr || r.Call.Mux != c.Mux {
		t.Fatalf("record %s\nbecame\n%s, nr %d", line, got, r.Call.Nr)
	}
}

func TestRandomCallsAgain(t *testing.T) {
	abis := []arch.ABI{arch.X86_64, arch.I386, arch.AArch64, arch.ARM, arch.PPC, arch.S390X, arch.MIPS, arch.X32}
	rounds := 30
	if testing.Short() {
		rounds = 10
	}
	for _, abi := range abis {
		r := rand.New(rand.NewPCG(7, uint64(abi)))
		done, tried, calls := 0, 0, map[arch.ID]bool{}
		for range rounds {
			m := newTarget(r, abi)
			for nr := range abi.Calls() {
				if abi.Signature(abi.ID(nr)) == nil {
					continue
				}
				var d arch.Decoder
				d.MaxData = 1 << 12
				var c arch.Call
				data := arch.Data{ABI: abi, Nr: nr}
				for i := range data.Args {
					data.Args[i] = m.word(r)
				}
				d.Decode(&c, data, m)
				if tried++; c.Sig == nil || !replayable(c.Args) {
					continue
				}
				sameAgain(t, &c)
				done++
				calls[c.ID] = true
			}
		}
		t.Logf("%s: %d of %d calls, %d names", abi, done, tried, len(calls))
		if done < 20*rounds || len(calls) < 150 {
			t.Errorf("%s: only %d of %d random calls could be compared, of %d names", abi, done, tried, len(calls))
		}
	}
}

func TestNotReplayableSaysWhy(t *testing.T) {
	head := `{"tid":1,"abi":"x86_64","verdict":"deny","errno":"EPERM","rule":"r","call":"openat","args":`
	for _, args := range []string{
		`{"pathname":{"addr":"0x666000","error":"unreadable"}}`,
		`{"pathname":{"error":"unterminated","value":"/a"}}`,
		`{"dirfd":{"error":"unread"}}`,
	} {
		r, err := FromRecord([]byte(head + args + "}"))
		var n *NotReplayable
		if !errors.As(err, &n) || r.Call != nil || r.Rule != "r" || r.Errno == 0 {
			t.Errorf("%s: %+v, %v", args, r, err)
		} else {
			t.Log(err)
		}
	}
}
