package filter

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
)

// A Result is a filter that does what its lists say, and an account of it.
type Result struct {
	Program Program
	Report  []CallReport // of every call with a list, by ABI and name
	Rules   int          // that libseccomp was given
	Longest int          // instructions on the longest path
}

// A CallReport says how much of a call the kernel decides.
type CallReport struct {
	ABI     arch.ABI
	ID      arch.ID
	Engine  Engine
	Rules   int    // that libseccomp was given
	Longest int    // instructions on the call's longest path
	Lost    string // why calls are notified that the list decides otherwise; "" if none are
}

// Engine says who decides a call's register arguments.
type Engine uint8

// The engines. Of a call that is Split, some are notified.
const (
	Kernel Engine = iota
	Split
	Supervisor
)

// String is "kernel", "split" or "supervisor".
func (e Engine) String() string {
	return [...]string{"kernel", "split", "supervisor"}[min(e, Supervisor)]
}

// maxRounds bounds how often a filter is built anew because the proof, or the kernel's limit on its size, objects to a call.
const maxRounds = 40

// BuildLists gives the proved filter of decision lists. Calls that libseccomp cannot be made to treat exactly as their list says
// are notified instead; the report names them. An error that is an ErrUnproved is one of this package or of libseccomp.
func BuildLists(l Lists) (*Result, error) {
	if err := l.validate(); err != nil {
		return nil, err
	}
	a := assembly{lists: l, tables: newTables(l)}
	if err := a.plan(); err != nil {
		return nil, err
	}
	for range maxRounds {
		prog, err := a.gen.program()
		if err != nil {
			return nil, err
		}
		if len(prog) > unix.BPF_MAXINSNS {
			if !a.shrink() {
				return nil, fmt.Errorf("build filter: %d instructions, the kernel takes %d; use fewer rules", len(prog), unix.BPF_MAXINSNS)
			}
			continue
		}
		proofs, faults := prove(prog, a.tables, l.BadABI)
		if len(faults) == 0 {
			return a.result(prog, proofs), nil
		}
		if !a.demote(faults) {
			return nil, fmt.Errorf("build filter: internal error, nothing is loaded: %w", unproved(faults))
		}
	}
	return nil, fmt.Errorf("build filter: %w: not in %d rounds", ErrUnproved, maxRounds)
}

// An assembly is a filter while it is built.
type assembly struct {
	lists  Lists
	tables []*table
	gen    generator
}

// plan chooses rules. What libseccomp's default action is, unnamed numbers get; so it is the lists' own default, or, if they
// don't agree on one, Notify.
func (a *assembly) plan() error {
	a.gen.fallback, a.gen.bad = a.tables[0].rest, a.lists.BadABI
	for _, t := range a.tables {
		if t.rest != a.gen.fallback {
			a.gen.fallback = Notify
		}
	}
	for _, t := range a.tables {
		scmp, ok := scmpArch(t.abi)
		if !ok {
			return fmt.Errorf("build filter: libseccomp does not know the ABI %s; leave it out, its calls then get %s", t.abi, a.lists.BadABI)
		}
		p := planner{table: t, fallback: a.gen.fallback, carried: Carried(t.abi), scmp: scmp}
		a.gen.abis = append(a.gen.abis, t.abi)
		a.gen.entries = append(a.gen.entries, p.entries()...)
	}
	return nil
}

// shrink leaves the call that takes the most to the supervisor.
func (a *assembly) shrink() bool {
	most := slices.MaxFunc(append(a.gen.entries, &entry{}), func(e, f *entry) int { return e.size() - f.size() })
	if most.size() < 2 {
		return false
	}
	most.askFor("the filter would be longer than the kernel takes")
	return true
}

// demote takes the calls of faults away from libseccomp and, if that does not help, leaves them to the supervisor.
func (a *assembly) demote(faults []Fault) bool {
	changed := false
	for _, f := range faults {
		for _, e := range a.gen.entries {
			if e.abi != f.Call.ABI || e.nr != f.Call.Nr || e.front && e.code == nil {
				continue
			}
			if why := "its filter is not proved: " + f.Error(); e.code == nil {
				e.writeFor(why)
			} else {
				e.askFor(why)
			}
			changed = true
		}
	}
	return changed
}

func (a *assembly) result(prog Program, proofs map[callKey]proof) *Result {
	r := &Result{Program: prog}
	for _, p := range proofs {
		r.Longest = max(r.Longest, p.longest)
	}
	for _, e := range a.gen.entries {
		r.Rules += len(e.rules)
		if p, ok := proofs[callKey{e.abi, e.id}]; ok {
			r.Report = append(r.Report, e.report(p))
		}
	}
	slices.SortStableFunc(r.Report, func(x, y CallReport) int {
		if x.ABI != y.ABI {
			return int(x.ABI) - int(y.ABI)
		}
		return int(x.ID) - int(y.ID)
	})
	return r
}

func (e *entry) report(p proof) CallReport {
	c := CallReport{ABI: e.abi, ID: e.id, Rules: len(e.rules), Longest: p.longest}
	if p.asks {
		c.Engine = Supervisor
		if p.kernel {
			c.Engine = Split
		}
	}
	if p.demoted {
		c.Lost = e.why
	}
	return c
}
