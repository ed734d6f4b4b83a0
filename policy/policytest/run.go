package policytest

import (
	"fmt"
	"strings"
	"syscall"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
)

// Options of Run. The zero value checks no engines: a case that names one then fails, saying so.
type Options struct {
	// Engine says which engine enforces a decision; nil: nobody knows.
	Engine func(*policy.Request, policy.Decision) string
}

// A Result is one call of a case and what was decided.
type Result struct {
	Case   *Case
	Call   *Call
	Got    policy.Decision
	Engine string // "" if nobody asked
	Why    string // what is not as the case wants it; "": nothing
}

// Passed reports whether all is as the case wants it.
func (r *Result) Passed() bool { return r.Why == "" }

// A Report is the outcome of a run.
type Report struct {
	Results []Result // in the order of the cases and their calls
	Failed  int
}

// Run decides the calls of all cases. Callers gives the decider what the cases say about their callers.
func Run(cases []Case, decide func(*policy.Request) policy.Decision, o Options) Report {
	var rep Report
	for i := range cases {
		c := &cases[i]
		for j := range c.Calls {
			r := runOne(c, &c.Calls[j], i+1, decide, o)
			if !r.Passed() {
				rep.Failed++
			}
			rep.Results = append(rep.Results, r)
		}
	}
	return rep
}

// runOne gives the request a caller whose ID leads back to the case.
func runOne(c *Case, call *Call, id int, decide Decide, o Options) Result {
	req := policy.Request{Call: call.Call.Clone(), Caller: policy.Caller{ID: uint64(id), TID: id, PID: id}}
	r := Result{Case: c, Call: call, Got: decide(&req)}
	if c.Engine != "" && o.Engine != nil {
		r.Engine = o.Engine(&req, r.Got)
	}
	r.Why = c.mismatch(&r)
	return r
}

// mismatch says what of a result is not as it should be.
func (c *Case) mismatch(r *Result) string {
	if !c.Want.allows(r.Got) {
		return fmt.Sprintf("want %s, got %s", c.Want, Describe(r.Got))
	}
	rule := r.Got.Rule
	if rule == "" {
		rule = "default"
	}
	switch {
	case c.Rule != "" && c.Rule != rule:
		return fmt.Sprintf("want it from rule %s, got it from %s", c.Rule, rule)
	case c.Engine != "" && r.Engine == "":
		return fmt.Sprintf("want engine %s, but which one decided is not known here", c.Engine)
	case c.Engine != "" && c.Engine != r.Engine:
		return fmt.Sprintf("want engine %s, got %s", c.Engine, r.Engine)
	}
	return ""
}

func (w Want) allows(d policy.Decision) bool {
	switch {
	case w.Verdict != d.Verdict:
		return false
	case w.Verdict == policy.Deny:
		return w.Errno == 0 || w.Errno == errnoOf(d)
	case w.Verdict == policy.Return:
		return w.Value == d.Value
	}
	return true
}

// errnoOf is what a denied call fails with.
func errnoOf(d policy.Decision) syscall.Errno {
	if d.Errno == 0 {
		return syscall.EPERM
	}
	return d.Errno
}

// String is the policy language's form.
func (w Want) String() string {
	switch {
	case w.Verdict == policy.Deny && w.Errno != 0:
		return "deny " + errnoName(w.Errno)
	case w.Verdict == policy.Return:
		return fmt.Sprintf("return %d", w.Value)
	}
	return w.Verdict.String()
}

func errnoName(e syscall.Errno) string {
	if name := arch.Native().ErrnoName(int(e)); name != "" {
		return name
	}
	return fmt.Sprint(int(e))
}

// Describe is a decision in a line: "deny ENOENT by secrets (reason)".
func Describe(d policy.Decision) string {
	s := Want{Verdict: d.Verdict, Value: d.Value}.String()
	if d.Verdict == policy.Deny {
		s += " " + errnoName(errnoOf(d))
	}
	if d.Rule != "" {
		s += " by " + d.Rule
	}
	if d.Reason != "" {
		s += " (" + d.Reason + ")"
	}
	return s
}

// String is the report for people: every call that is not as it should be, and a count.
func (r *Report) String() string {
	var b strings.Builder
	for i := range r.Results {
		if res := &r.Results[i]; !res.Passed() {
			fmt.Fprintf(&b, "%s: %s%s\n    %s\n", res.Call.Pos, named(res.Case), res.Call.Text, res.Why)
		}
	}
	fmt.Fprintf(&b, "%d of %d calls as wanted\n", len(r.Results)-r.Failed, len(r.Results))
	return b.String()
}

func named(c *Case) string {
	if c.Name == "" {
		return ""
	}
	return c.Name + ": "
}
