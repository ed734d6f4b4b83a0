// Package policytest tests policies: cases that people write down, and traces that were recorded before a policy changed.
// docs/policy-tests.md describes both.
package policytest

import (
	"errors"
	"syscall"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
)

// Bounds of a file of cases.
const (
	MaxFile  = 4 << 20 // bytes
	MaxCases = 50_000  // calls, those of lists included
	maxDepth = 16      // nested lists and mappings
)

// Decide decides a call; policy.Decider's method is one.
type Decide func(*policy.Request) policy.Decision

// A Case is one entry of a file: calls, and what is to become of each.
type Case struct {
	Pos    policy.Pos
	Name   string // its `name`, "" if it has none
	Calls  []Call
	Caller Caller
	Want   Want
	Rule   string // the rule that has to decide, "" for any; "default" for none
	Engine string // the engine that has to enforce it, "" for any
}

// A Call is one call of a case.
type Call struct {
	Pos  policy.Pos
	Text string
	Call *arch.Call
}

// A Want is an expected decision.
type Want struct {
	Verdict policy.Verdict
	Errno   syscall.Errno // of deny; 0: any
	Value   int64         // of return
}

// A Caller is who makes the calls of a case. Its methods are the facts that conditions ask for; what a case does not say is an
// error, because a decision must not rest on a guess.
type Caller struct {
	uid, gid       *uint32
	exe, comm, cwd *string
}

var (
	errNoUID  = errors.New("the test does not say the caller's uid: add caller: {uid: 0}")
	errNoGID  = errors.New("the test does not say the caller's gid: add caller: {gid: 0}")
	errNoExe  = errors.New("the test does not say the caller's program: add caller: {exe: /usr/bin/true}")
	errNoComm = errors.New("the test does not say the caller's name: add caller: {comm: true}")
	errNoCwd  = errors.New("the test does not say the caller's directory: add caller: {cwd: /}")
)

func fact[T any](v *T, err error) (T, error) {
	if v == nil {
		var zero T
		return zero, err
	}
	return *v, nil
}

// UID is the effective user.
func (c *Caller) UID() (uint32, error) { return fact(c.uid, errNoUID) }

// GID is the effective group.
func (c *Caller) GID() (uint32, error) { return fact(c.gid, errNoGID) }

// Exe is the program's path.
func (c *Caller) Exe() (string, error) { return fact(c.exe, errNoExe) }

// Comm is the thread's name.
func (c *Caller) Comm() (string, error) { return fact(c.comm, errNoComm) }

// Cwd is the working directory.
func (c *Caller) Cwd() (string, error) { return fact(c.cwd, errNoCwd) }

// Callers finds the caller of a request that Run makes of the cases: a decider asks it for facts. Of other requests nothing is
// known.
func Callers(cases []Case) func(policy.Caller) *Caller {
	return func(c policy.Caller) *Caller {
		if c.ID == 0 || c.ID > uint64(len(cases)) {
			return &Caller{}
		}
		return &cases[c.ID-1].Caller
	}
}
