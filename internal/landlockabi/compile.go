package landlockabi

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// A Mode says what to do about words that an ABI lacks.
type Mode uint8

// The modes.
const (
	Strict     Mode = iota // what would not be enforced as it was asked for is an error
	BestEffort             // it is left out, and listed
)

// Effect is what a loss does.
type Effect uint8

// The effects.
const (
	Unenforced Effect = iota // more is possible than was asked for
	Refused                  // less is possible than was asked for
	Unlogged                 // access is as it was asked for, the audit log is not
)

// A Loss is something that an ABI cannot say.
type Loss struct {
	Name   string // the header's constant
	ABI    int    // the first that has it
	Effect Effect
	Text   string // in plain words
}

// String is the loss in a sentence, with the kernel that would do.
func (l Loss) String() string {
	return fmt.Sprintf("%s (%s needs Landlock ABI %d, Linux %s)", l.Text, l.Name, l.ABI, Kernel(l.ABI))
}

// An UnsupportedError says why a ruleset cannot be had strictly.
type UnsupportedError struct {
	ABI    int // of the kernel; 0: it has no Landlock
	Losses []Loss
}

// Error names each loss and the ways out. Without any Landlock everything is lost, and a list of it would say nothing.
func (e *UnsupportedError) Error() string {
	list := make([]string, len(e.Losses))
	newest := 1
	for i, l := range e.Losses {
		list[i], newest = l.String(), max(newest, l.ABI)
	}
	if e.ABI == 0 {
		return fmt.Sprintf("no Landlock on this kernel: nothing of what it was to restrict would be; use Linux %s or later "+
			"with landlock among the security modules (lsm=), or best effort, which goes without", Kernel(newest))
	}
	return fmt.Sprintf("this kernel's Landlock (ABI %d) says less than is asked for: %s; "+
		"use Linux %s or later, or best effort, which goes without", e.ABI, strings.Join(list, "; "), Kernel(newest))
}

// A Plan is a ruleset in the words of one ABI: every bit is one that the ABI has, each path and each port stands once.
type Plan struct {
	ABI         int
	HandledFS   FS
	HandledNet  Net
	Scopes      Scope
	QuietFS     FS
	QuietNet    Net
	QuietScopes Scope
	Paths       []Path
	Ports       []Ports // From is To; in ascending order
	Restrict    Restrict
}

// Empty says that the plan restricts nothing, which the kernel refuses to make a ruleset of (ENOMSG).
func (p *Plan) Empty() bool { return p.HandledFS == 0 && p.HandledNet == 0 && p.Scopes == 0 }

// Compile says a ruleset in the words of an ABI (0: no Landlock). Strictly, any difference in what is allowed is an
// [*UnsupportedError]; with BestEffort the losses say what is different. A lost log setting is never an error.
func Compile(r Ruleset, abi int, mode Mode) (Plan, []Loss, error) {
	if err := r.check(); err != nil {
		return Plan{}, nil, fmt.Errorf("make Landlock rules: %w", err)
	}
	f := FactsOf(abi)
	losses := r.losses(f)
	if mode == Strict {
		if hard := enforced(losses); len(hard) > 0 {
			return Plan{}, losses, &UnsupportedError{ABI: f.ABI, Losses: hard}
		}
	}
	p := Plan{ABI: f.ABI, HandledFS: r.handledFS() & f.FS, HandledNet: r.HandledNet & f.Net, Scopes: r.Scopes & f.Scopes,
		Restrict: r.Restrict & f.Restrict}
	if f.Quiet {
		p.QuietFS, p.QuietNet, p.QuietScopes = r.QuietFS, r.QuietNet, r.QuietScopes
	}
	p.Paths, p.Ports = mergePaths(r.Paths, &p, f), mergePorts(r.Ports, &p, f)
	return p, losses, nil
}

func enforced(list []Loss) (hard []Loss) {
	for _, l := range list {
		if l.Effect != Unlogged {
			hard = append(hard, l)
		}
	}
	return hard
}

func (r *Ruleset) losses(f Facts) (list []Loss) {
	list = lost(list, fsWords[:], fsPrefix, uint64(r.HandledFS&^Refer&^f.FS), Unenforced, "%s is not restricted")
	if r.HandledFS != 0 && f.ABI == 0 {
		list = lost(list, fsWords[:], fsPrefix, uint64(r.HandledFS&Refer), Unenforced, "%s is not restricted")
	} else if allowed := r.allowed(); f.FS&Refer == 0 {
		list = lost(list, fsWords[:], fsPrefix, uint64(allowed&Refer), Refused, "%s is always refused, with EXDEV")
	}
	list = lost(list, netWords[:], netPrefix, uint64(r.HandledNet&^f.Net), Unenforced, "%s is not restricted")
	list = lost(list, scopeWords[:], scopePrefix, uint64(r.Scopes&^f.Scopes), Unenforced, "%s is not restricted")
	return append(list, r.lostLogs(f)...)
}

// lostLogs are the settings that change no access. The two flags that do are the caller's business by other means.
func (r *Ruleset) lostLogs(f Facts) (list []Loss) {
	list = lost(list, restrictWords[:], restrictPrefix, uint64(r.Restrict&logFlags&^f.Restrict), Unlogged, "%s cannot be had")
	list = lost(list, restrictWords[:], restrictPrefix, uint64(r.Restrict&^logFlags&^f.Restrict), Unenforced, "%s cannot be had")
	if !f.Quiet && r.quiet() {
		list = append(list, Loss{Name: "LANDLOCK_ADD_RULE_QUIET", ABI: quietABI, Effect: Unlogged,
			Text: "denials that were to be quiet can appear in the audit log"})
	}
	return list
}

const logFlags = LogSameExecOff | LogNewExecOn | LogSubdomainsOff

func (r *Ruleset) quiet() bool { return r.QuietFS != 0 || r.QuietNet != 0 || r.QuietScopes != 0 }

func (r *Ruleset) allowed() (set FS) {
	for i := range r.Paths {
		set |= r.Paths[i].Allow
	}
	return set
}

func lost(list []Loss, words []word, prefix string, set uint64, e Effect, format string) []Loss {
	for ; set != 0; set &= set - 1 {
		w := &words[bits.TrailingZeros64(set)]
		list = append(list, Loss{Name: prefix + w.name, ABI: w.abi, Effect: e, Text: fmt.Sprintf(format, w.what)})
	}
	return list
}

// mergePaths joins the rules on one path: the kernel would too, at one open(2) more each.
func mergePaths(list []Path, p *Plan, f Facts) []Path {
	var out []Path
	index := make(map[string]int, len(list))
	for _, e := range list {
		e.Allow &= p.HandledFS
		e.Quiet = e.Quiet && f.Quiet
		if e.Allow == 0 && !e.Quiet {
			continue
		}
		i, ok := index[e.Path]
		if !ok {
			index[e.Path] = len(out)
			out = append(out, e)
			continue
		}
		out[i].Allow |= e.Allow
		out[i].Quiet = out[i].Quiet || e.Quiet
		out[i].Optional = out[i].Optional && e.Optional
	}
	return out
}

// mergePorts gives each port one rule.
func mergePorts(list []Ports, p *Plan, f Facts) []Ports {
	var single []Ports
	for _, e := range list {
		e.Allow &= p.HandledNet
		e.Quiet = e.Quiet && f.Quiet
		if e.Allow == 0 && !e.Quiet {
			continue
		}
		for n := int(e.From); n <= int(e.To); n++ {
			single = append(single, Ports{From: uint16(n), To: uint16(n), Allow: e.Allow, Quiet: e.Quiet, Origin: e.Origin})
		}
	}
	slices.SortStableFunc(single, func(a, b Ports) int { return cmp.Compare(a.From, b.From) })
	out := single[:0]
	for _, e := range single {
		if n := len(out); n > 0 && out[n-1].From == e.From {
			out[n-1].Allow |= e.Allow
			out[n-1].Quiet = out[n-1].Quiet || e.Quiet
			continue
		}
		out = append(out, e)
	}
	return out
}
