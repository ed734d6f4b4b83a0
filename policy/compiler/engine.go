package compiler

import (
	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
)

// An Engine is what enforces a rule.
type Engine uint8

// The engines.
const (
	Kernel Engine = iota
	Landlock
	Supervisor
	Performed
	AcceptedRace
)

var engineNames = [...]string{"kernel filter", "Landlock", "supervisor", "performed", "accepted race"}

// String is the name that `stead policy explain` prints.
func (e Engine) String() string { return engineNames[e] }

// An Enforcement says how a rule is enforced for some calls of one ABI.
type Enforcement struct {
	Rule   *policy.Rule // nil for a short form or the default
	Origin string       // the rule's name, "files", "network", "exec", "default"
	Pos    policy.Pos
	ABI    arch.ABI
	Calls  arch.Selection
	Engine Engine
	Reason string

	order int
}

type reportKey struct {
	origin string
	pos    policy.Pos
	abi    arch.ABI
	engine Engine
	reason string
}

// report notes how an entry is enforced for one more call.
func (c *compilation) report(abi arch.ABI, id arch.ID, e *entry, engine Engine, reason string) {
	if c.reports == nil {
		c.reports = map[reportKey]*Enforcement{}
	}
	key := reportKey{e.origin, e.pos, abi, engine, reason}
	r := c.reports[key]
	if r == nil {
		r = &Enforcement{Rule: e.rule, Origin: e.origin, Pos: e.pos, ABI: abi, Engine: engine, Reason: reason, order: e.order}
		c.reports[key] = r
	}
	r.Calls.Add(id)
}
