package main

import (
	"os"

	"github.com/stead-project/stead/internal/landlockabi"
	"github.com/stead-project/stead/internal/session"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/compiler"
	"github.com/stead-project/stead/policy/cond"
	"github.com/stead-project/stead/policy/filter"
	"github.com/stead-project/stead/unotify/landlock"
)

// An enforcement is a compiled policy with the kernel's parts made.
type enforcement struct {
	prog     *compiler.Program
	filter   filter.Program
	landlock *os.File // nil: nothing is restricted
}

// enforce builds and proves the filter and makes the Landlock ruleset.
func enforce(prog *compiler.Program, bestEffort bool) (*enforcement, error) {
	built, err := filter.BuildLists(prog.Lists)
	if err != nil {
		return nil, err
	}
	e := &enforcement{prog: prog, filter: built.Program}
	plan, _, err := landlockPlan(prog, bestEffort)
	if err != nil || plan.Empty() {
		return e, err
	}
	e.landlock, _, err = landlock.Open(plan)
	return e, err
}

func (e *enforcement) close() {
	if e.landlock != nil {
		e.landlock.Close()
	}
}

// apply puts a session under the policy.
func (e *enforcement) apply(o *session.Options) {
	o.Filter, o.Landlock, o.Perform, o.Server.As = e.filter, e.landlock, e.prog.Performs, e.prog.As
	o.Decider = func(a session.Asker) policy.Decider {
		return e.prog.Decider(func(c policy.Caller) cond.CallerInfo { return a.Caller(c) })
	}
}

// landlockPlan is a program's Landlock part for this machine.
func landlockPlan(prog *compiler.Program, bestEffort bool) (landlockabi.Plan, []landlockabi.Loss, error) {
	abi, err := landlock.ABI()
	if err != nil {
		abi = 0
	}
	mode := landlockabi.Strict
	if bestEffort {
		mode = landlockabi.BestEffort
	}
	return landlockabi.Compile(prog.Landlock.Ruleset, abi, mode)
}
