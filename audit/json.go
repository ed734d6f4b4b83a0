package audit

import (
	"io"
	"strconv"
	"time"

	"github.com/stead-project/stead/arch"
)

// JSONOptions of a JSON sink. The zero value writes every line at once.
type JSONOptions struct {
	Buffered bool // write lines together, at the latest after 200 ms
}

// NewJSON makes a sink that writes one JSON object per line. docs/json.md describes it, docs/record.schema.json is its schema.
func NewJSON(w io.Writer, o JSONOptions) Sink { return &jsonSink{newLineWriter(w, o.Buffered)} }

type jsonSink struct{ *lineWriter }

func (s *jsonSink) Needs() Needs    { return Needs{Time: true, Duration: true, PID: true, Args: true} }
func (s *jsonSink) Dropped() uint64 { return s.droppedLines() }
func (s *jsonSink) Close() error    { return s.close() }

func (s *jsonSink) Record(e *Event) {
	s.add(func(b []byte) []byte { return append(AppendJSON(b, e), '\n') })
}

// AppendJSON appends an event as one JSON object.
func AppendJSON(b []byte, e *Event) []byte {
	b = append(b, `{"time":"`...)
	b = e.Time.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, '"')
	if e.Caller.PID != 0 {
		b = appendInt(b, "pid", int64(e.Caller.PID))
	}
	b = appendInt(b, "tid", int64(e.Caller.TID))
	b = appendString(b, "abi", e.Call.ABI.String())
	b = appendInt(b, "nr", int64(e.Call.Nr))
	b = e.Call.AppendJSON(append(b, ','))
	b = appendDecision(b, e)
	b = appendInt(b, "duration_ns", int64(e.Duration))
	return append(b, '}')
}

func appendDecision(b []byte, e *Event) []byte {
	b = appendString(b, "verdict", e.Decision.Verdict.String())
	b = appendString(b, "outcome", e.Outcome.String())
	if e.Outcome == Answered {
		b = appendAnswer(b, e)
	}
	if e.Decision.Rule != "" {
		b = appendString(b, "rule", e.Decision.Rule)
	}
	if e.Decision.At != "" {
		b = appendString(b, "at", e.Decision.At)
	}
	if engine := e.Decision.Engine(); engine != "" {
		b = appendString(b, "engine", engine)
	}
	if e.Decision.Version != 0 {
		b = appendInt(b, "policy_version", int64(e.Decision.Version))
	}
	if e.Decision.Reason != "" {
		b = appendString(b, "reason", e.Decision.Reason)
	}
	if e.Decision.Note != "" {
		b = appendString(b, "note", e.Decision.Note)
	}
	return b
}

func appendAnswer(b []byte, e *Event) []byte {
	if e.Errno == 0 {
		return appendInt(b, "value", e.Value)
	}
	return appendString(b, "errno", arch.Native().ErrnoName(int(e.Errno)))
}

func appendInt(b []byte, name string, v int64) []byte {
	b = append(append(append(b, `,"`...), name...), `":`...)
	return strconv.AppendInt(b, v, 10)
}

func appendString(b []byte, name, v string) []byte {
	b = append(append(append(b, `,"`...), name...), `":`...)
	return arch.AppendJSONString(b, v)
}
