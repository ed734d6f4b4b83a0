// Package compiler turns a policy document into what enforces it: for each rule, ABI and call the cheapest engine that cannot be
// raced. A rule that only an engine that can be raced could enforce is an error, unless it says `race: accepted`.
//
//	kernel filter  the registers decide; nothing is notified
//	Landlock       hierarchies and ports, closed by the short forms
//	supervisor     the registers or the caller decide, and the kernel runs the call: what was judged cannot change
//	performed      memory decides, and the supervisor performs the call from its own copy
//	accepted race  memory decides, and the kernel reads it again: only with `race: accepted`
package compiler

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/cond"
	"github.com/stead-project/stead/policy/filter"
	"github.com/stead-project/stead/policy/landlock"
)

// Options say for which machine and supervisor a policy is compiled. The zero value is this machine's ABIs, no Landlock, and a
// supervisor that performs nothing.
type Options struct {
	ABIs         []arch.ABI     // empty: the native one and its compat ABIs
	Landlock     int            // Landlock's ABI on the machine; 0: none
	Handed       bool           // a runtime starts the program and hands its listener over: Landlock is not used, whatever there is
	policy.Range                // what the supervisor performs
	Watch        arch.Selection // calls that the supervisor has to see in order to perform: they change what a caller is
	// Resolve gives the path without symbolic links that a path leads to now, "" if nowhere; nil: paths are taken as they are written.
	Resolve func(path string) string
	// List gives the names in a directory; nil: what would need it is an error.
	List func(dir string) []string
	// IsDir says whether a path leads to a directory now; nil: globs in lists of what may be executed are errors.
	IsDir func(path string) bool
	// Lookup gives the addresses that a host name has now; nil: names are errors.
	Lookup     func(host string) ([]netip.Addr, error)
	BestEffort bool // what cannot be enforced is a warning, not an error
	Record     bool // refusals go to the supervisor, to be recorded, unless they are quiet
}

// A Warning is something that its writer should know.
type Warning struct {
	Pos  policy.Pos
	Text string
}

// String is the warning as a compiler prints it.
func (w Warning) String() string { return w.Pos.String() + ": warning: " + w.Text }

// A Program is a compiled policy. It is read-only and serves any number of goroutines.
type Program struct {
	Document     *policy.Document
	Lists        filter.Lists    // for policy/filter
	Landlock     landlock.Result // for Landlock
	Enforcements []Enforcement   // in the document's order
	Warnings     []Warning
	Version      uint64 // changes with every byte of the sources
	Performs     bool   // some call is performed, or judged by the paths that it means

	tables    [arch.NumABIs]*table
	protected []string              // what rules refuse by its path
	moving    []*cond.Glob          // by which rules and lists refuse
	as        map[arch.ID]performer // who performs calls, where it is not the target
	renames   arch.Selection        //
}

// Errors are all that is wrong with a policy.
type Errors []error

// Error is a line for each.
func (e Errors) Error() string { return errors.Join(e...).Error() }

// Unwrap gives the parts.
func (e Errors) Unwrap() []error { return e }

// maxErrors bounds what is reported at once.
const maxErrors = 20

// Compile compiles a document. An error is an [Errors].
func Compile(doc *policy.Document, o Options) (*Program, error) {
	if len(o.ABIs) == 0 {
		o.ABIs = filter.NativeABIs()
	}
	c := &compilation{doc: doc, o: o, prog: &Program{Document: doc, Version: version(doc)}}
	c.prog.renames = selectCalls(renames)
	doc = c.withoutExecGlobs(doc)
	c.doc = doc
	c.prog.Landlock = landlock.FromDocument(doc, landlock.Options{ABI: c.landlockABI()})
	c.parse()
	c.makeGrants()
	c.decide()
	c.shortForms()
	if !o.Handed && !c.lossy {
		c.bounds = selectCalls(boundCalls)
	}
	if restricts(doc) {
		c.around = selectCalls(goAround)
	}
	var drafts []draft
	for _, abi := range o.ABIs {
		drafts = append(drafts, c.draftABI(abi))
	}
	for i := range drafts {
		c.compileABI(&drafts[i])
	}
	c.prog.Lists.BadABI = filter.Errno(badABI)
	c.unreached()
	for _, u := range c.unperformed {
		c.warn(u.pos, "rule %s looks at paths, and the supervisor cannot perform %s: refused; a rule before this one may allow them", u.origin, u.calls)
	}
	c.collect()
	if len(c.errs) > 0 {
		return nil, c.errs
	}
	return c.prog, nil
}

// version is a part of a hash over the sources' hashes: as much as a number in JSON can hold.
func version(doc *policy.Document) (v uint64) {
	for _, s := range doc.Sources {
		sum, err := hex.DecodeString(s.SHA256)
		if err == nil && len(sum) >= 8 {
			v = v*31 + binary.BigEndian.Uint64(sum)
		}
	}
	return v & (1<<53 - 1)
}

type compilation struct {
	doc         *policy.Document
	o           Options
	prog        *Program
	sources     []*cond.Source // of doc.Rules; nil where the condition is wrong
	errs        Errors
	areas       []area
	unperformed []unperformed
	net         *netArea
	files       *fileArea      // of files:, where Landlock cannot say it
	inside      *fileArea      // of files:, for what is performed
	insideNet   *netArea       // of network:, for what is performed
	around      arch.Selection // goAround, if the policy refuses anything
	bounds      arch.Selection // boundCalls
	lossy       bool           // the machine's Landlock has not all that the short forms ask of it
	reports     map[reportKey]*Enforcement
	grants      []*policy.Grant          // of doc.Rules
	decisions   []policy.Decision        // of doc.Rules
	fallback    policy.Decision          // the default's
	always      policy.Decision          // of what goes around a policy
	reached     []bool                   // rules that some call can reach
	bound       []map[arch.ID]*cond.Expr // of doc.Rules, for the ABI that is being compiled
	carries     arch.Selection           // calls that may come in a multiplexer of that ABI
}

// selectCalls parses a list of this package; a test covers each.
func selectCalls(list string) arch.Selection {
	s, err := arch.ParseSelection(list, arch.Selection{})
	if err != nil {
		panic(err)
	}
	return s
}

func (c *compilation) fail(err error) {
	if len(c.errs) < maxErrors && !c.known(err) {
		c.errs = append(c.errs, err)
	}
}

// known keeps a mistake that every call or ABI shows from being said each time.
func (c *compilation) known(err error) bool {
	return slices.ContainsFunc(c.errs, func(e error) bool { return e.Error() == err.Error() })
}

func (c *compilation) warn(pos policy.Pos, format string, args ...any) {
	w := Warning{pos, fmt.Sprintf(format, args...)}
	if !slices.Contains(c.prog.Warnings, w) {
		c.prog.Warnings = append(c.prog.Warnings, w)
	}
}

// parse reads all conditions, so that every mistake is found at once.
func (c *compilation) parse() {
	var language cond.Language
	c.sources = make([]*cond.Source, len(c.doc.Rules))
	c.reached = make([]bool, len(c.doc.Rules))
	for i := range c.doc.Rules {
		s, err := language.Parse(c.doc.Rules[i].When)
		if err != nil {
			c.fail(err)
			continue
		}
		c.sources[i] = s
	}
}

// A draft is one ABI's lists with their engines chosen, before they are put into a filter.
type draft struct {
	abi     arch.ABI
	carries arch.Selection
	calls   []drafted
}

type drafted struct {
	id   arch.ID
	list []entry
}

// draftABI makes the lists of every call that the policy speaks of.
func (c *compilation) draftABI(abi arch.ABI) draft {
	c.carries = filter.Carried(abi)
	c.bind(abi)
	if c.o.Performable.Len() > 0 && c.judgesPaths() {
		c.around = c.around.Union(selectCalls(treeCalls))
	}
	d := draft{abi: abi, carries: c.carries}
	spoken := c.spoken()
	for _, id := range spoken.Union(c.o.Watch).IDs() {
		if _, ok := abi.NumberOf(id); !ok && !c.carries.Has(id) {
			continue
		}
		list := c.block(abi, id, c.carrier(id, c.list(abi, id)))
		if list == nil {
			continue
		}
		if spoken.Has(id) {
			c.hideIn(id, list)
			c.judge(abi, id, &list)
		}
		d.calls = append(d.calls, drafted{id, list})
	}
	return d
}

// refusedCarriers are the calls that only multiplexers bring which are refused altogether, so that nothing comes in them.
func (d *draft) refusedCarriers() (s arch.Selection) {
	for _, dr := range d.calls {
		if len(dr.list) == 1 && refuses(dr.list[0].decision.Verdict) {
			s = s.Union(filter.CarriedIn(dr.id))
		}
	}
	return s
}

// compileABI makes the filter's lists and the supervisor's.
func (c *compilation) compileABI(draft *draft) {
	abi := draft.abi
	c.carries = draft.carries
	t := &table{fallback: c.fallback}
	d := filter.Decisions{ABI: abi, Default: c.kernelAction(0, t.fallback), Calls: map[arch.ID][]filter.Clause{}, RefuseCarried: !c.o.Record}
	spoken, unheard := c.spoken(), draft.refusedCarriers()
	for _, dr := range draft.calls {
		id, list := dr.id, dr.list
		if !c.prog.Performs && !spoken.Has(id) {
			continue
		}
		d.Calls[id] = c.lower(abi, id, &list)
		if !unheard.Has(id) {
			c.carried(abi, id, list)
		}
		t.set(id, list)
	}
	c.prog.tables[abi] = t
	c.prog.Lists.ABIs = append(c.prog.Lists.ABIs, d)
}

// carried warns of calls that may come in a multiplexer.
func (c *compilation) carried(abi arch.ABI, id arch.ID, list []entry) {
	runs := slices.ContainsFunc(list, func(e entry) bool { return e.decision.Verdict.Continues() })
	if runs && conditional(list) && c.carries.Has(id) {
		c.warn(list[0].pos, "%s: %s also comes in a multiplexer (socketcall, ipc), its arguments in memory: where they decide, it is refused there", abi, id)
	}
}

// bind looks up every condition's parameters and constants on an ABI.
func (c *compilation) bind(abi arch.ABI) {
	c.bound = make([]map[arch.ID]*cond.Expr, len(c.doc.Rules))
	for i := range c.doc.Rules {
		if c.sources[i] == nil {
			continue
		}
		list, err := cond.BindAll(c.sources[i], abi, c.doc.Rules[i].Calls)
		if err != nil {
			c.fail(err)
			continue
		}
		c.bound[i] = make(map[arch.ID]*cond.Expr, len(list))
		for _, b := range list {
			c.bound[i][b.ID] = b.Expr
			b.Expr.Leaves(func(l cond.Leaf) {
				c.mountsKnown(i, b.ID, l)
				if p, ok := l.(*cond.Path); ok {
					c.alias(p)
					if r := &c.doc.Rules[i]; p.Ref.Pointer() && !r.Race && refuses(r.Then.Verdict) {
						c.protect(p)
					}
				}
			})
		}
		c.bindCarried(abi, i)
	}
}

// spoken are the calls that a rule or a short form is about.
func (c *compilation) spoken() (s arch.Selection) {
	s = c.around
	for i := range c.doc.Rules {
		s = s.Union(c.doc.Rules[i].Calls)
	}
	if c.files != nil && c.files.hides() {
		s = s.Union(selectCalls(listings)).Union(selectCalls(oldListing))
	}
	for i := range c.areas {
		s = s.Union(c.areas[i].calls).Union(c.areas[i].guarded)
	}
	return s
}

// unreached finds rules that decide nothing.
func (c *compilation) unreached() {
	for i, reached := range c.reached {
		if r := &c.doc.Rules[i]; !reached && c.sources[i] != nil && len(c.errs) == 0 {
			c.warn(r.Pos, "no call reaches rule %s: the rules before it decide all of its calls, or this machine's ABIs have none of them", r.Name)
		}
	}
}

// collect puts the reports into the document's order.
func (c *compilation) collect() {
	for _, e := range c.reports {
		c.prog.Enforcements = append(c.prog.Enforcements, *e)
	}
	slices.SortFunc(c.prog.Enforcements, func(a, b Enforcement) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.ABI, b.ABI), cmp.Compare(a.Engine, b.Engine), cmp.Compare(a.Reason, b.Reason))
	})
}
