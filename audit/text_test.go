package audit

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
)

// lines records events with some options and returns what is written.
func lines(t *testing.T, o TextOptions, events ...*Event) []string {
	t.Helper()
	var out bytes.Buffer
	sink := NewText(&out, o)
	for _, e := range events {
		sink.Record(e)
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	text, whole := strings.CutSuffix(out.String(), "\n")
	if !whole {
		t.Errorf("no end of line: %q", out.String())
	}
	return strings.Split(text, "\n")
}

func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestTextThreads(t *testing.T) {
	events := []*Event{opening(t, 7), opening(t, 7), opening(t, 8), opening(t, 7)}
	wantLines(t, lines(t, TextOptions{}, events...),
		openingText, openingText, "[pid 8] "+openingText, "[pid 7] "+openingText)
	wantLines(t, lines(t, TextOptions{TIDs: true}, events...),
		"7 "+openingText, "7 "+openingText, "8 "+openingText, "7 "+openingText)
}

func TestTextStamps(t *testing.T) {
	at := func(d time.Duration) *Event {
		return changed(opening(t, 7), func(e *Event) { e.Time = received.Add(d).Local() })
	}
	events := []*Event{at(0), at(1500 * time.Millisecond), at(1400 * time.Millisecond), at(1500*time.Millisecond + 42*time.Microsecond)}
	clock := func(e *Event) string { return e.Time.Format("15:04:05.000000 ") + openingText }
	wantLines(t, lines(t, TextOptions{Stamp: Clock}, events...), clock(events[0]), clock(events[1]), clock(events[2]), clock(events[3]))
	wantLines(t, lines(t, TextOptions{Stamp: Unix}, events...), "1767323045.678901 "+openingText, "1767323047.178901 "+openingText,
		"1767323047.078901 "+openingText, "1767323047.178943 "+openingText)
	wantLines(t, lines(t, TextOptions{Stamp: Relative}, events...), "0.000000 "+openingText, "1.500000 "+openingText,
		"0.000000 "+openingText, "0.000042 "+openingText)
	wantLines(t, lines(t, TextOptions{Stamp: Unix, TIDs: true}, events[0]), "7 1767323045.678901 "+openingText)
	for _, stamp := range []Stamp{Clock, Unix, Relative} {
		if !NewText(fault{}, TextOptions{Stamp: stamp}).Needs().Time {
			t.Errorf("stamp %d needs no time", stamp)
		}
	}
	if n := NewText(fault{}, TextOptions{}).Needs(); n.Time || n.PID || n.FDPaths || !n.Args {
		t.Errorf("a plain line needs %+v", n)
	}
}

func TestTextAnswers(t *testing.T) {
	for want, change := range map[string]func(*Event){
		"": func(*Event) {},
		" = -1 ENOENT (deny by secrets)": func(e *Event) {
			e.Outcome, e.Errno, e.Decision = Answered, unix.ENOENT, policy.Decision{Verdict: policy.Deny, Rule: "secrets"}
		},
		" = -1 EPERM (deny: no policy)": func(e *Event) {
			e.Outcome, e.Errno, e.Decision = Answered, unix.EPERM, policy.Denial(0, "no policy")
		},
		" = 5 (perform)":                      func(e *Event) { e.Outcome, e.Value, e.Decision.Verdict = Answered, 5, policy.Perform },
		" = ? (ended before it was answered)": func(e *Event) { e.Outcome = Gone },
		" = ? (allow: it broke)":              func(e *Event) { e.Outcome, e.Decision.Reason = Failed, "it broke" },
	} {
		wantLines(t, lines(t, TextOptions{}, changed(opening(t, 7), change)), openingText+want)
	}
}

func TestTextColors(t *testing.T) {
	denied := changed(opening(t, 7), func(e *Event) { e.Outcome, e.Errno, e.Decision.Verdict = Answered, unix.EPERM, policy.Deny })
	name, rest, _ := strings.Cut(openingText, "(")
	wantLines(t, lines(t, TextOptions{Color: true, TIDs: true}, opening(t, 7), denied),
		"7 \x1b[36m"+name+"\x1b[0m("+rest, "7 \x1b[36m"+name+"\x1b[0m("+rest+"\x1b[31m = -1 EPERM (deny)\x1b[0m")
}

// The target chooses names of files; they must not end a line, nor reach the terminal as commands.
func TestTextPaths(t *testing.T) {
	for path, want := range map[string]string{
		"/tmp":              "/tmp",
		"/a\n9 exit(0)":     `/a\0129 exit(0)`,
		"/a>, \x1b[31m<b\\": `/a\076, \033[31m\074b\134`,
		"/\xff\u00e9":       `/\377\303\251`,
	} {
		e := changed(opening(t, 7), func(e *Event) { e.FDPaths = []FDPath{{FD: 9, Path: "/no"}, {FD: 3, Path: path}} })
		wantLines(t, lines(t, TextOptions{FDPaths: true}, e), strings.Replace(openingText, "3", "3<"+want+">", 1))
		wantLines(t, lines(t, TextOptions{}, e), openingText)
	}
	if !NewText(fault{}, TextOptions{FDPaths: true}).Needs().FDPaths {
		t.Error("paths of descriptors are not asked for")
	}
}

// TestTextOfEveryCall wants one printable line of each, whatever memory holds and however much of it.
func TestTextOfEveryCall(t *testing.T) {
	for _, abi := range []arch.ABI{arch.X86_64, arch.I386} {
		for nr := range abi.Calls() {
			for _, mem := range []arch.Memory{tile("/a\n\x1b[m\x00"), tile{1, 0, 0, 0, 0, 0, 0, 0}, tile{0xff, 0x80, 7}, nowhere{}} {
				e := &Event{Caller: policy.Caller{TID: 1}, Call: decoded(abi, nr, mem, 0x1001, 0x2002, 3, 0x4004, 0x5005, 0x6006)}
				for _, l := range lines(t, TextOptions{}, e) {
					if !json.Valid(AppendJSON(nil, e)) || strings.ContainsFunc(l, func(r rune) bool { return r < ' ' || r > '~' }) || !strings.HasSuffix(l, ")") {
						t.Errorf("%v %d: %q", abi, nr, l)
					}
				}
			}
		}
	}
}

func TestTextAllocates(t *testing.T) {
	for _, o := range []TextOptions{{}, {TIDs: true, Stamp: Unix}, {Stamp: Clock}, {Stamp: Relative, Call: arch.TextOptions{Verbose: true}}} {
		noAllocations(t, NewText(fault{}, o), opening(t, 42))
	}
}
