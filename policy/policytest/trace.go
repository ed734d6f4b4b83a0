package policytest

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/callspec"
)

// TraceOptions bounds a TraceReport. The zero value has the defaults.
type TraceOptions struct {
	Groups   int // kinds of change that are kept apart; 0: 1000
	Examples int // calls that are shown of each; 0: 3
}

// Defaults of TraceOptions, and the length of an example.
const (
	DefaultGroups   = 1000
	DefaultExamples = 3
	maxExample      = 256
)

// A TraceReport is what a policy does to a recorded trace. It is bounded whatever the trace's length.
type TraceReport struct {
	Lines    int     // that were read and are not empty
	Same     int     // decided as they were
	Changed  int     // decided otherwise
	Changes  []Group // of the changed ones, the largest first
	Skipped  int     // records that cannot be replayed
	Skips    []Group // of those, why
	Bad      int     // lines that are no records
	FirstBad error   // the first of them, with its line number
	Beyond   int     // changed or skipped calls of groups beyond the bound
}

// A Group is calls that changed, or could not be replayed, alike.
type Group struct {
	Call     string // its name
	Was, Is  string // decisions; of a skip, Is says why
	Count    int
	Examples []Example // the first
}

// An Example is one line of a trace.
type Example struct {
	Line int // counting from 1
	Call string
}

// A replay collects groups.
type replay struct {
	at      int // the line's number
	o       TraceOptions
	rep     TraceReport
	changes map[groupKey]*Group
	skips   map[groupKey]*Group
}

type groupKey struct{ call, was, is string }

// RunTrace decides every call of a recorded trace (stead trace --format json) again and reports those that are decided otherwise
// than they were. Lines that are no records are counted; the error is that of the reader, or that no line was a record.
func RunTrace(r io.Reader, decide func(*policy.Request) policy.Decision, o TraceOptions) (TraceReport, error) {
	o.Groups = cmp.Or(max(o.Groups, 0), DefaultGroups)
	o.Examples = cmp.Or(max(o.Examples, 0), DefaultExamples)
	p := replay{o: o, changes: map[groupKey]*Group{}, skips: map[groupKey]*Group{}}
	err := eachLine(r, func(line []byte, tooLong bool) { p.line(line, tooLong, decide) })
	p.rep.Changes, p.rep.Skips = sorted(p.changes), sorted(p.skips)
	switch {
	case err != nil:
		return p.rep, fmt.Errorf("read trace: after line %d: %w", p.at, err)
	case p.rep.Bad > 0 && p.rep.Bad == p.rep.Lines:
		return p.rep, fmt.Errorf("read trace: no line of it is a record: %w", p.rep.FirstBad)
	}
	return p.rep, nil
}

// eachLine calls f with every line. Of one longer than a record can be only that is told.
func eachLine(r io.Reader, f func(line []byte, tooLong bool)) error {
	in := bufio.NewReaderSize(r, 64<<10)
	var line []byte
	tooLong := false
	for {
		part, err := in.ReadSlice('\n')
		if tooLong = tooLong || len(line)+len(part) > callspec.MaxRecord; !tooLong {
			line = append(line, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if len(line) > 0 || tooLong {
			f(line, tooLong)
		}
		line, tooLong = line[:0], false
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (p *replay) line(line []byte, tooLong bool, decide Decide) {
	p.at++
	if line = bytes.TrimSpace(line); len(line) == 0 && !tooLong {
		return
	}
	p.rep.Lines++
	if tooLong {
		p.bad(fmt.Errorf("longer than %d bytes", callspec.MaxRecord))
		return
	}
	rec, err := callspec.FromRecord(line)
	var part *callspec.NotReplayable
	switch {
	case errors.As(err, &part):
		p.rep.Skipped++
		p.add(p.skips, groupKey{call: part.Call, is: part.Err.Error()}, part.Call)
	case err != nil:
		p.bad(err)
	default:
		p.decide(&rec, decide)
	}
}

func (p *replay) bad(err error) {
	if p.rep.Bad++; p.rep.FirstBad == nil {
		p.rep.FirstBad = fmt.Errorf("line %d: %w", p.at, err)
	}
}

func (p *replay) decide(rec *callspec.Recorded, decide Decide) {
	d := decide(&policy.Request{Call: rec.Call, Caller: rec.Caller})
	if same(rec, d) {
		p.rep.Same++
		return
	}
	p.rep.Changed++
	was := policy.Decision{Verdict: rec.Verdict, Errno: rec.Errno, Value: rec.Value, Rule: rec.Rule}
	p.add(p.changes, groupKey{rec.Call.Name, Describe(was), Describe(d)}, rec.Call.String())
}

// same compares decisions, not who made them: rules may have new names. A denial's errno is known if the call was answered.
func same(rec *callspec.Recorded, d policy.Decision) bool {
	switch {
	case rec.Verdict != d.Verdict:
		return false
	case d.Verdict == policy.Deny && rec.Errno != 0:
		return rec.Errno == errnoOf(d)
	case d.Verdict == policy.Return && rec.Outcome == "answered":
		return rec.Value == d.Value
	}
	return true
}

func (p *replay) add(groups map[groupKey]*Group, k groupKey, call string) {
	k = groupKey{clip(k.call), clip(k.was), clip(k.is)}
	g := groups[k]
	if g == nil {
		if len(groups) >= p.o.Groups {
			p.rep.Beyond++
			return
		}
		g = &Group{Call: k.call, Was: k.was, Is: k.is}
		groups[k] = g
	}
	if g.Count++; len(g.Examples) < p.o.Examples {
		g.Examples = append(g.Examples, Example{Line: p.at, Call: clip(call)})
	}
}

// clip bounds what is kept of a line.
func clip(s string) string {
	if len(s) > maxExample {
		return s[:maxExample] + "…"
	}
	return s
}

// sorted puts the largest groups first, and equal ones in the order of the trace.
func sorted(groups map[groupKey]*Group) []Group {
	list := make([]Group, 0, len(groups))
	for _, g := range groups {
		list = append(list, *g)
	}
	slices.SortFunc(list, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Examples[0].Line, b.Examples[0].Line), cmp.Compare(a.Is, b.Is))
	})
	return list
}

// String is the report for people.
func (r *TraceReport) String() string {
	var b strings.Builder
	for i := range r.Changes {
		g := &r.Changes[i]
		fmt.Fprintf(&b, "%6d %s: %s, was %s\n", g.Count, g.Call, g.Is, g.Was)
		g.examples(&b)
	}
	for i := range r.Skips {
		g := &r.Skips[i]
		fmt.Fprintf(&b, "%6d %s: not replayed: %s\n", g.Count, g.Call, g.Is)
		g.examples(&b)
	}
	fmt.Fprintf(&b, "%d calls: %d as before, %d changed, %d not replayed", r.Lines, r.Same, r.Changed, r.Skipped)
	if r.Bad > 0 {
		fmt.Fprintf(&b, ", %d lines are no records (the first: %v)", r.Bad, r.FirstBad)
	}
	if r.Beyond > 0 {
		fmt.Fprintf(&b, ", %d in groups that are not shown", r.Beyond)
	}
	b.WriteByte('\n')
	return b.String()
}

func (g *Group) examples(b *strings.Builder) {
	for _, x := range g.Examples {
		fmt.Fprintf(b, "       line %d: %s\n", x.Line, x.Call)
	}
}
