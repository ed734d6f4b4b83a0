package stracecmp

import (
	"slices"
	"strings"
)

// A Difference is one line that did not match. A and B are both set where the tools print the same call differently,
// one of them where only one tool shows it.
type Difference struct {
	A, B         *Call
	ArgsA, ArgsB []string // normalised
}

// Name is the call that the difference is about.
func (d *Difference) Name() string {
	if d.A != nil {
		return d.A.Name
	}
	return d.B.Name
}

// A Report is the outcome of a comparison. Lines that Options leave out are not counted.
type Report struct {
	LinesA, LinesB int // lines compared
	Matched        int // lines of A that have their like in B
	Threads        int // threads paired
	LoneA, LoneB   int // threads without a like
	Differences    []Difference
	Noise          int      // lines that the parser could not read
	Accepted       int      // lines of A that differ from their like in B as Options.Accept says
	Unused         []string // patterns of Options.Accept that no difference has
	samples        int
	accept         []Acceptance
	used           []bool
}

// Percent is the matched part of both runs' lines, 0 to 100. Two empty runs match to 0: they show nothing.
func (r *Report) Percent() float64 {
	lines := r.LinesA + r.LinesB - 2*r.Accepted
	if lines == 0 {
		return 0
	}
	return 200 * float64(r.Matched) / float64(lines)
}

// Compare aligns two runs of one program.
func Compare(a, b *Trace, o Options) *Report {
	c := comparison{options: &o, keys: map[string]int32{}, again: restarts(a, b, &o)}
	r := &Report{samples: o.Samples, Noise: len(a.Noise) + len(b.Noise), accept: o.Accept, used: make([]bool, len(o.Accept))}
	defer r.listUnused()
	as, bs := c.sequences(a), c.sequences(b)
	r.LinesA, r.LinesB = count(as), count(bs)
	if o.Multiset {
		r.multiset(as, bs)
		return r
	}
	for _, p := range pairThreads(as, bs) {
		r.pair(p)
	}
	return r
}

// comparison is what both runs share while lines become keys.
type comparison struct {
	options *Options
	keys    map[string]int32
	again   map[string]bool // calls the kernel restarted in either run
}

// restarts names the calls that a signal interrupted and the kernel repeated. Whether the signal hits the call is a
// matter of time, so immediate repetitions of these count once.
func restarts(a, b *Trace, o *Options) map[string]bool {
	again := map[string]bool{}
	for _, t := range []*Trace{a, b} {
		for i := range t.Calls {
			if c := &t.Calls[i]; c.Restarted() && !slices.Contains(o.Ignore, c.Name) {
				again[c.Name] = true
			}
		}
	}
	return again
}

func (c *comparison) sequences(t *Trace) []sequence {
	var list []sequence
	for _, th := range t.threads() {
		if s := c.sequence(th); len(s.lines) > 0 {
			list = append(list, s)
		}
	}
	return list
}

func (c *comparison) sequence(th thread) sequence {
	s := sequence{tid: th.tid}
	n := newNormaliser(c.options)
	for _, call := range th.calls {
		if slices.Contains(c.options.Ignore, call.Name) {
			continue
		}
		l := line{call: call, args: n.args(call)}
		l.key = c.key(call.Name, l.args)
		if k := len(s.lines); k > 0 && s.lines[k-1].key == l.key && c.again[call.Name] {
			continue
		}
		s.lines = append(s.lines, l)
	}
	return s
}

func (c *comparison) key(name string, args []string) int32 {
	text := name + "(" + strings.Join(args, ", ") + ")"
	key, ok := c.keys[text]
	if !ok {
		key = int32(len(c.keys))
		c.keys[text] = key
	}
	return key
}

func count(list []sequence) int {
	n := 0
	for i := range list {
		n += len(list[i].lines)
	}
	return n
}

// pair aligns two threads and notes the differences.
func (r *Report) pair(p pairing) {
	switch {
	case p.b == nil:
		r.LoneA++
		r.gap(p.a.lines, nil)
		return
	case p.a == nil:
		r.LoneB++
		r.gap(nil, p.b.lines)
		return
	}
	r.Threads++
	a, b := 0, 0
	for _, s := range align(p.a.keys(), p.b.keys()) {
		r.Matched += s.n
		r.gap(p.a.lines[a:s.a], p.b.lines[b:s.b])
		a, b = s.a+s.n, s.b+s.n
	}
	r.gap(p.a.lines[a:], p.b.lines[b:])
}

// multiset compares all lines of two runs as bags.
func (r *Report) multiset(as, bs []sequence) {
	have := map[int32]int{}
	for i := range bs {
		for _, l := range bs[i].lines {
			have[l.key]++
		}
	}
	var lostA []line
	for i := range as {
		for _, l := range as[i].lines {
			if have[l.key] == 0 {
				lostA = append(lostA, l)
				continue
			}
			have[l.key]--
			r.Matched++
		}
	}
	r.gap(lostA, surplus(bs, have))
}

// surplus returns the last lines of the counts that are left over.
func surplus(list []sequence, left map[int32]int) []line {
	var out []line
	for i := range list {
		for _, l := range list[i].lines {
			if left[l.key] > 0 {
				left[l.key]--
				out = append(out, l)
			}
		}
	}
	return out
}

// gap takes the unmatched lines between two matches: those of the same call belong together.
func (r *Report) gap(as, bs []line) {
	taken := make([]bool, len(bs))
	for i := range as {
		d := Difference{A: as[i].call, ArgsA: as[i].args}
		j := partner(as[i].call.Name, bs, taken)
		if j >= 0 {
			taken[j] = true
			d.B, d.ArgsB = bs[j].call, bs[j].args
		}
		switch {
		case j >= 0 && sameSoFar(&d):
			r.Matched++
			continue
		case j >= 0 && r.accepted(d.A):
			r.Accepted++
			continue
		}
		r.Differences = append(r.Differences, d)
	}
	for j := range bs {
		if !taken[j] {
			r.Differences = append(r.Differences, Difference{B: bs[j].call, ArgsB: bs[j].args})
		}
	}
}

func (r *Report) accepted(c *Call) bool {
	text, ok := c.String(), false
	for i := range r.accept {
		if r.accept[i].Line.MatchString(text) {
			r.used[i], ok = true, true
		}
	}
	return ok
}

func (r *Report) listUnused() {
	for i := range r.accept {
		if !r.used[i] {
			r.Unused = append(r.Unused, r.accept[i].Line.String())
		}
	}
}

func partner(name string, lines []line, taken []bool) int {
	for j := range lines {
		if !taken[j] && lines[j].call.Name == name {
			return j
		}
	}
	return -1
}

// sameSoFar reports whether one of the two lines was cut off by the thread's death and what there is agrees.
func sameSoFar(d *Difference) bool {
	if !d.A.Cut && !d.B.Cut {
		return false
	}
	n := min(len(d.ArgsA), len(d.ArgsB))
	return slices.Equal(d.ArgsA[:n], d.ArgsB[:n])
}
