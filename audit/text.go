package audit

import (
	"bytes"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stead-project/stead/arch"
)

// Stamp is the form of a text line's time.
type Stamp uint8

// Forms of a time.
const (
	NoStamp  Stamp = iota
	Clock          // 15:04:05.000000
	Unix           // seconds since the epoch, with microseconds
	Relative       // seconds since the line before
)

// TextOptions of a text sink. The zero value prints plain lines, each at once.
type TextOptions struct {
	Call     arch.TextOptions
	Stamp    Stamp
	Color    bool
	FDPaths  bool // print what descriptors refer to
	Buffered bool // write lines together, at the latest after 200 ms
	TIDs     bool // begin every line with the thread's id; otherwise from the second thread on, as [pid N]
}

// NewText makes a sink that writes lines in the form of strace(1), without the results of calls that the kernel performs.
func NewText(w io.Writer, o TextOptions) Sink {
	return &textSink{lineWriter: newLineWriter(w, o.Buffered), o: o}
}

type textSink struct {
	*lineWriter
	o     TextOptions
	first int  // the first thread seen
	many  bool // there has been another
	last  time.Time
}

func (s *textSink) Needs() Needs {
	return Needs{Time: s.o.Stamp != NoStamp, Args: true, FDPaths: s.o.FDPaths}
}

func (s *textSink) Dropped() uint64 { return s.droppedLines() }
func (s *textSink) Close() error    { return s.close() }

func (s *textSink) Record(e *Event) {
	s.add(func(b []byte) []byte { return s.line(b, e) })
}

// line runs under the writer's lock.
func (s *textSink) line(b []byte, e *Event) []byte {
	b = s.thread(b, e.Caller.TID)
	b = s.stamp(b, e.Time)
	b = s.call(b, e)
	return append(s.result(b, e), '\n')
}

func (s *textSink) thread(b []byte, tid int) []byte {
	if s.o.TIDs {
		return append(strconv.AppendInt(b, int64(tid), 10), ' ')
	}
	if s.first == 0 {
		s.first = tid
	}
	if s.many = s.many || tid != s.first; !s.many {
		return b
	}
	b = strconv.AppendInt(append(b, "[pid "...), int64(tid), 10)
	return append(b, "] "...)
}

func (s *textSink) stamp(b []byte, t time.Time) []byte {
	switch s.o.Stamp {
	case Clock:
		b = t.AppendFormat(b, "15:04:05.000000")
	case Unix:
		b = appendSeconds(b, t.UnixMicro())
	case Relative:
		b = appendSeconds(b, s.since(t))
	default:
		return b
	}
	return append(b, ' ')
}

// since gives the microseconds since the latest line, 0 for a line that another one has overtaken.
func (s *textSink) since(t time.Time) int64 {
	if s.last.IsZero() {
		s.last = t
	}
	passed := t.Sub(s.last)
	if passed < 0 {
		return 0
	}
	s.last = t
	return passed.Microseconds()
}

func appendSeconds(b []byte, micros int64) []byte {
	b = append(strconv.AppendInt(b, micros/1e6, 10), '.')
	for unit := int64(1e5); unit > 0; unit /= 10 {
		b = append(b, byte('0'+micros/unit%10))
	}
	return b
}

// Colours: the call's name, and an answer that is not the kernel's.
const (
	colorName   = "\x1b[36m"
	colorAnswer = "\x1b[31m"
	colorOff    = "\x1b[0m"
)

func (s *textSink) call(b []byte, e *Event) []byte {
	o := s.o.Call
	if s.o.FDPaths {
		o.FDPath = e.fdPath
	}
	if !s.o.Color {
		return e.Call.AppendText(b, &o)
	}
	b = append(b, colorName...)
	start := len(b)
	b = e.Call.AppendText(b, &o)
	name := bytes.IndexByte(b[start:], '(')
	if name < 0 {
		return append(b, colorOff...)
	}
	return slices.Insert(b, start+name, []byte(colorOff)...)
}

// plainPath escapes, as strace(1) does, what would end the path, the line, or reach the terminal as a command: names of files are
// the target's choice.
func plainPath(path string) string {
	if strings.IndexFunc(path, special) < 0 {
		return path
	}
	var b []byte
	for i := range len(path) {
		if c := path[i]; special(rune(c)) {
			b = append(b, '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

func special(r rune) bool { return r < ' ' || r > '~' || r == '<' || r == '>' || r == '\\' }

// result prints only what the supervisor knows: the answers that it gave itself.
func (s *textSink) result(b []byte, e *Event) []byte {
	if e.Outcome == Continued {
		return b
	}
	if s.o.Color {
		return append(s.answer(append(b, colorAnswer...), e), colorOff...)
	}
	return s.answer(b, e)
}

func (s *textSink) answer(b []byte, e *Event) []byte {
	b = append(b, " = "...)
	switch {
	case e.Outcome == Gone:
		return append(b, "? (ended before it was answered)"...)
	case e.Outcome == Failed, e.Outcome == Killed:
		b = append(b, '?')
	case e.Errno != 0:
		b = append(append(b, "-1 "...), arch.Native().ErrnoName(int(e.Errno))...)
	default:
		b = strconv.AppendInt(b, e.Value, 10)
	}
	return s.reason(b, e)
}

func (s *textSink) reason(b []byte, e *Event) []byte {
	b = append(append(b, " ("...), e.Decision.Verdict.String()...)
	if e.Decision.Rule != "" {
		b = append(append(b, " by "...), e.Decision.Rule...)
	}
	if e.Decision.Reason != "" {
		b = append(append(b, ": "...), e.Decision.Reason...)
	}
	return append(b, ')')
}
