package stracecmp

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// A Call is one system call as a tool printed it.
type Call struct {
	TID    int      // thread that made it
	Name   string   // as printed
	Args   []string // top-level arguments, untouched
	Result string   // what follows " = ", "" if the tool prints no results
	Cut    bool     // the line ends before the argument list does: the thread died inside the call
}

// Restarted reports whether the kernel interrupted the call and will repeat it, which makes one call two lines.
func (c *Call) Restarted() bool { return strings.HasPrefix(c.Result, "? ERESTART") }

// String prints the call as it was, without thread and result.
func (c *Call) String() string { return c.Name + "(" + strings.Join(c.Args, ", ") + ")" }

// A Trace is one run: the calls in the order of their beginnings.
type Trace struct {
	Calls []Call
	Noise []string // lines that are no call, no signal and no exit: for the report, they should be few
}

// thread is one thread's calls.
type thread struct {
	tid   int
	calls []*Call
}

// threads splits a trace, in the order of the threads' first calls.
func (t *Trace) threads() []thread {
	var list []thread
	index := map[int]int{}
	for i := range t.Calls {
		c := &t.Calls[i]
		at, ok := index[c.TID]
		if !ok {
			at = len(list)
			index[c.TID] = at
			list = append(list, thread{tid: c.TID})
		}
		list[at].calls = append(list[at].calls, c)
	}
	return list
}

// maxLine bounds one line of a trace; -s 4096 with every byte escaped, times the elements of a long argv.
const maxLine = 16 << 20

var (
	// "1234  text" is what -o writes, "[pid  1234] text" what goes to the terminal.
	prefix  = regexp.MustCompile(`^(?:\[pid +(\d+)\]|(\d+)) +(.*)$`)
	resumed = regexp.MustCompile(`^<\.\.\. ([a-z_0-9]+) resumed> ?(.*)$`)
	// A thread that executes a program and was not the leader takes the leader's number.
	suspended = regexp.MustCompile(` <(?:unfinished|pid changed to \d+) \.\.\.>$`)
	callName  = regexp.MustCompile(`^[a-z_][a-z_0-9]*$`)
)

// lost marks the end of arguments that strace never saw, within the call's brackets.
const lost = "<unfinished ...>)"

// ParseStrace reads the output of strace -f -o. Threads whose calls overlap leave an unfinished and a resumed line;
// these become one call at the place of the first.
func ParseStrace(r io.Reader) (*Trace, error) { return parse(r) }

// ParseStead reads the output of stead trace -o: the same lines without results. Lines without a thread id belong to
// thread 0.
func ParseStead(r io.Reader) (*Trace, error) { return parse(r) }

// parser holds what one line leaves for later ones.
type parser struct {
	trace *Trace
	open  map[int]pendingCall // by thread: at most one call is unfinished
}

type pendingCall struct {
	at   int // index in trace.Calls
	text string
}

func parse(r io.Reader) (*Trace, error) {
	p := parser{trace: &Trace{}, open: map[int]pendingCall{}}
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), maxLine)
	for s.Scan() {
		p.line(s.Text())
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("read trace: %w", err)
	}
	p.flush()
	return p.trace, nil
}

func (p *parser) line(text string) {
	if text == "" {
		return
	}
	tid := 0
	if m := prefix.FindStringSubmatch(text); m != nil {
		tid, _ = strconv.Atoi(m[1] + m[2])
		text = m[3]
	}
	switch {
	case quiet(text):
	case strings.HasPrefix(text, "<... "):
		p.resume(tid, text)
	case suspended.MatchString(text):
		p.suspend(tid, suspended.ReplaceAllString(text, ""))
	default:
		p.add(tid, text)
	}
}

// quiet reports lines that are no calls: signals, exits, and strace's remarks about itself.
func quiet(text string) bool {
	for _, start := range []string{"--- ", "+++ ", "strace: ", "[ Process PID=", "stead: ", "???(", "<... ??? "} {
		if strings.HasPrefix(text, start) {
			return true
		}
	}
	return false
}

// suspend keeps the place of a call whose line another thread interrupted.
func (p *parser) suspend(tid int, text string) {
	name, _, ok := strings.Cut(text, "(")
	if !ok || !callName.MatchString(name) {
		p.trace.Noise = append(p.trace.Noise, text)
		return
	}
	p.abandon(tid)
	p.open[tid] = pendingCall{len(p.trace.Calls), text}
	p.trace.Calls = append(p.trace.Calls, Call{TID: tid, Name: name})
}

// resume completes the thread's unfinished call. One that resumes without a beginning was there before the trace.
func (p *parser) resume(tid int, text string) {
	m := resumed.FindStringSubmatch(text)
	if m == nil {
		p.trace.Noise = append(p.trace.Noise, text)
		return
	}
	owner, ok := p.owner(tid, m[1])
	if !ok {
		p.trace.Noise = append(p.trace.Noise, text)
		return
	}
	pending := p.open[owner]
	delete(p.open, owner)
	rest, cut := withoutLost(m[2])
	p.finish(pending.at, pending.text+rest, cut)
}

// owner is the thread whose call resumes. A thread that is not the leader becomes the leader by its execve (execve(2)),
// so that call resumes under another number.
func (p *parser) owner(tid int, name string) (int, bool) {
	if pending, ok := p.open[tid]; ok && p.trace.Calls[pending.at].Name == name {
		return tid, true
	}
	for other, pending := range p.open {
		if c := &p.trace.Calls[pending.at]; c.Name == name && strings.HasPrefix(name, "execve") {
			return other, true
		}
	}
	return 0, false
}

func (p *parser) finish(at int, text string, cut bool) {
	c, ok := parseCall(text)
	if !ok {
		p.trace.Noise = append(p.trace.Noise, text)
		return
	}
	c.TID, c.Cut = p.trace.Calls[at].TID, c.Cut || cut
	p.trace.Calls[at] = c
}

// withoutLost takes the mark of lost arguments away and reports whether it was there.
func withoutLost(text string) (string, bool) {
	if !strings.Contains(text, lost) {
		return text, false
	}
	return strings.Replace(text, lost, ")", 1), true
}

func (p *parser) add(tid int, text string) {
	text, cut := withoutLost(text)
	c, ok := parseCall(text)
	if !ok {
		p.trace.Noise = append(p.trace.Noise, text)
		return
	}
	c.TID, c.Cut = tid, c.Cut || cut
	p.trace.Calls = append(p.trace.Calls, c)
}

// abandon gives a thread's call that never resumed what is known of its arguments.
func (p *parser) abandon(tid int) {
	pending, ok := p.open[tid]
	if !ok {
		return
	}
	delete(p.open, tid)
	c, _ := parseCall(pending.text)
	c.TID, c.Cut = tid, true
	p.trace.Calls[pending.at] = c
}

func (p *parser) flush() {
	for tid := range p.open {
		p.abandon(tid)
	}
}
