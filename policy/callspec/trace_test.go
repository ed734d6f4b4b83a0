package callspec

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stead-project/stead/arch"
)

func traceLines(t *testing.T, name string) []string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

// A recorded line becomes the call whose record has the same arguments, byte for byte.
func TestRecordedTraceAgain(t *testing.T) {
	done := 0
	for i, line := range traceLines(t, "trace.json") {
		r, err := FromRecord([]byte(line))
		var n *NotReplayable
		if errors.As(err, &n) && strings.Contains(line, `"error":"`) {
			continue
		}
		if err != nil {
			t.Errorf("line %d: %v\n%s", i+1, err, line)
			continue
		}
		got := jsonOf(r.Call)
		if !bytes.Contains([]byte(line), []byte(got[1:len(got)-1])) {
			t.Errorf("line %d\n%s\nbecame\n%s", i+1, line, got)
		}
		if r.Caller.TID == 0 || r.Outcome != "continued" || r.Verdict.String() != "allow" {
			t.Errorf("line %d: %+v", i+1, r)
		}
		done++
	}
	if done < 130 {
		t.Errorf("only %d lines were compared", done)
	}
}

// A verbose trace's text becomes a call that prints the same.
func TestTraceTextAgain(t *testing.T) {
	done := 0
	for i, line := range traceLines(t, "trace.txt") {
		_, text, _ := strings.Cut(line, " ") // the thread
		c, err := Parse(line, arch.X86_64)
		if err != nil {
			t.Errorf("line %d: %v\n%s", i+1, err, line)
			continue
		}
		if got := verbose(c); got != text {
			t.Errorf("line %d\n%s\nbecame\n%s", i+1, text, got)
		}
		done++
	}
	if done < 80 {
		t.Errorf("only %d lines were compared", done)
	}
}

// A trace with times and descriptors' paths can be read too, except for strings that it shows the beginning of.
func TestStampedTraceParses(t *testing.T) {
	cut := 0
	for i, line := range traceLines(t, "stamped.txt") {
		_, err := Parse(line, arch.X86_64)
		switch {
		case err == nil:
		case strings.Contains(err.Error(), "was recorded") && strings.Contains(line, "..."):
			cut++
		default:
			t.Errorf("line %d: %v\n%s", i+1, err, line)
		}
	}
	if cut > 3 {
		t.Errorf("%d lines cannot be parsed", cut)
	}
}

// Whatever is written, the work is bounded.
func TestLargeInputs(t *testing.T) {
	const n = MaxText / 4
	texts := map[string]string{
		"flags":    `openat(AT_FDCWD, "/x", ` + strings.Repeat("1|", n) + "1)",
		"bad flag": `openat(AT_FDCWD, "/x", ` + strings.Repeat("A", 2*n) + ")",
		"nested":   "openat(" + strings.Repeat("[", n),
		"list":     `execve("/x", [` + strings.Repeat(`"",`, n) + `])`,
		"some":     `execve("/x", [` + strings.Repeat(`"",`, maxNodes-10) + `])`,
		"structs":  `writev(1, [` + strings.Repeat(`{},`, maxNodes-10) + `])`,
		"messages": `sendmmsg(1, [` + strings.Repeat(`{msg_hdr={}},`, maxNodes/3) + `])`,
		"fields":   `nanosleep({` + strings.Repeat(`tv_sec=1,`, maxNodes-10) + `})`,
		"address":  `connect(3, {sa_family=AF_INET,` + strings.Repeat(`sin_port=1,`, maxNodes-10) + `})`,
		"string":   `chdir("` + strings.Repeat(`\0`, n) + `")`,
		"comments": `chdir(` + strings.Repeat(`/**/`, n-10) + `NULL)`,
		"unclosed": strings.Repeat(`3<`, n),
		"colors":   strings.Repeat("\x1b[1m", n/4) + "getuid()",
		"signals":  `rt_sigprocmask(SIG_BLOCK, [` + strings.Repeat(`INT `, maxNodes-10) + `])`,
		"sets":     `select(` + strings.Repeat("9", 5) + `, [65535], [65535], [65535])`,
		"calls":    strings.Repeat("x", n) + "(",
		"bpf":      `seccomp(SECCOMP_SET_MODE_FILTER, 0, {filter=[` + strings.Repeat(`{},`, maxNodes-10) + `]})`,
	}
	for name, text := range texts {
		start := time.Now()
		_, err := Parse(text, arch.X86_64)
		if took := time.Since(start); took > 2*time.Second || err != nil && len(err.Error()) > 4096 {
			t.Errorf("%s: %v, %.300v", name, took, err)
		}
	}
	for name, args := range map[string]string{
		"members": strings.Repeat(`"dirfd":1,`, n) + `"x":1`,
		"some":    strings.Repeat(`"dirfd":1,`, maxNodes-10) + `"x":1`,
		"nested":  `"pathname":` + strings.Repeat(`[`, 9000) + strings.Repeat(`]`, 9000),
		"deep":    `"pathname":` + strings.Repeat(`{"a":`, 30) + `"` + strings.Repeat("x", n) + `"` + strings.Repeat(`}`, 30),
		"key":     `"` + strings.Repeat("x", n) + `":1`,
		"bytes":   `"pathname":{"bytes":"` + strings.Repeat("A", n) + `"}`,
	} {
		start := time.Now()
		_, err := FromRecord([]byte(`{"abi":"x86_64","verdict":"allow","call":"openat","args":{` + args + "}}"))
		if took := time.Since(start); took > 2*time.Second || err == nil || len(err.Error()) > 4096 {
			t.Errorf("%s: %v, %.300v", name, took, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	b, _ := os.ReadFile("testdata/trace.txt")
	for line := range strings.SplitSeq(string(b), "\n") {
		f.Add(line, uint8(arch.X86_64))
	}
	f.Add(`connect(3, unix:@name)`, uint8(arch.I386))
	f.Add(`msgrcv(1, 0x5000, 100, 7, 0)`, uint8(arch.S390X))
	f.Add(`clone3({flags=CLONE_VM, /* bytes 88..89 */ "\x01"}, 90)`, uint8(arch.PPC))
	f.Fuzz(func(t *testing.T, text string, abi uint8) {
		c, err := Parse(text, arch.ABI(abi))
		if err != nil {
			if len(err.Error()) > 4096 {
				t.Fatalf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		again := verbose(c)
		if len(again) > 64*len(text)+1<<16 {
			t.Fatalf("%d bytes became %d", len(text), len(again))
		}
	})
}

func FuzzFromRecord(f *testing.F) {
	b, _ := os.ReadFile("testdata/trace.json")
	for line := range bytes.SplitSeq(b, []byte("\n")) {
		f.Add(line)
	}
	f.Add([]byte(`{"abi":"i386","nr":102,"call":"connect","args":{"addr":{"family":"AF_UNIX","abstract":{"bytes":"AP8="}}},"verdict":"deny"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := FromRecord(line)
		if err != nil && r.Call != nil {
			t.Fatal("an error and a call")
		}
		if err == nil && !json.Valid([]byte(jsonOf(r.Call))) {
			t.Fatal("a call without a record")
		}
	})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(`openat(AT_FDCWD, "/etc/shadow", O_RDONLY|O_CLOEXEC)`, arch.X86_64); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFromRecord(b *testing.B) {
	line := []byte(`{"pid":41,"tid":41,"abi":"x86_64","nr":257,"call":"openat","args":{"dirfd":"AT_FDCWD","pathname":"/etc/passwd","flags":["O_RDONLY","O_CLOEXEC"]},"verdict":"allow","outcome":"continued"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := FromRecord(line); err != nil {
			b.Fatal(err)
		}
	}
}
