// Package foreign is what the importers of other people's policies share: comparisons of raw argument registers, and how they are
// said in Stead's own language, by the names of parameters.
package foreign

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
)

// An Op is a comparison. All are unsigned.
type Op uint8

// The operators, as libseccomp has them.
const (
	EQ Op = iota
	NE
	LT
	LE
	GT
	GE
	Masked // register & Mask == Value
	AnyBit // register & Mask != 0
)

// A Cmp compares the register of an argument, all of it, with a number.
type Cmp struct {
	Arg         int // 0 to 5
	Op          Op
	Mask, Value uint64 // Mask of Masked and AnyBit
}

// A DNF is true if all comparisons of one of its lists are. Without lists it always is.
type DNF [][]Cmp

// An Entry is some calls, a condition on their registers and what becomes of a call that fulfils it.
type Entry struct {
	Pos   policy.Pos
	Calls arch.Selection
	When  DNF
	Then  policy.Action
}

// A Warning is something that an import could not keep, or had to decide.
type Warning struct {
	Pos  policy.Pos
	Text string
}

// String is file:line:column: text.
func (w Warning) String() string { return w.Pos.String() + ": " + w.Text }

// An Options says for whom entries become rules.
type Options struct {
	ABIs    []arch.ABI    // whose calls the policy is about, the native one first; not empty
	Default policy.Action // what the policy says of other calls: an entry that cannot be said must not allow more than it
}

// Strictness orders actions, the strictest first: what ends the process, fails the call, asks, records, and lets it be.
func Strictness(v policy.Verdict) int {
	order := [...]policy.Verdict{policy.Kill, policy.Deny, policy.Return, policy.Ask, policy.Perform, policy.Log, policy.Allow}
	for i, o := range order {
		if o == v {
			return i
		}
	}
	return 0
}

// maxTerms bounds a rule's alternatives: a condition has a largest size, and two rules say what one does.
const maxTerms = 16

// Rules says an entry in the language. Calls whose conditions read alike share a rule. Where a comparison has no words on some ABI,
// a warning says so, and the call gets no more there than with the comparison, whatever its registers are.
func (e Entry) Rules(o Options) (rules []policy.Rule, warnings []Warning) {
	if len(e.When) == 0 {
		return []policy.Rule{e.rule(e.Calls, "", e.Then, o)}, nil
	}
	for terms := range slices.Chunk(e.When, maxTerms) {
		part := e
		part.When = terms
		more, lost := part.conditional(o)
		rules, warnings = append(rules, more...), append(warnings, lost...)
	}
	return rules, warnings
}

func (e Entry) conditional(o Options) ([]policy.Rule, []Warning) {
	var said, unsaid groups
	var warnings []Warning
	for _, id := range e.Calls.IDs() {
		t := e.texts(id, o)
		said.add(perABI(t.abis, t.when), id)
		unsaid.add(perABI(t.abis, t.lost), id)
		warnings = append(warnings, t.warnings...)
	}
	var rules []policy.Rule
	for i, text := range unsaid.texts {
		rules = append(rules, e.rule(unsaid.calls[i], text, stricter(e.Then, o.Default), o))
	}
	for i, text := range said.texts {
		rules = append(rules, e.rule(said.calls[i], text, e.Then, o))
	}
	return rules, warnings
}

// groups are calls by the text of their conditions.
type groups struct {
	texts []string
	calls []arch.Selection
}

func (g *groups) add(text string, id arch.ID) {
	if text == never {
		return
	}
	i := slices.Index(g.texts, text)
	if i < 0 {
		i = len(g.texts)
		g.texts, g.calls = append(g.texts, text), append(g.calls, arch.Selection{})
	}
	g.calls[i].Add(id)
}

func (e Entry) rule(calls arch.Selection, text string, then policy.Action, o Options) policy.Rule {
	r := policy.Rule{Pos: e.Pos, Name: fmt.Sprintf("%s:%d", e.Pos.File, e.Pos.Line), Calls: calls, Then: then}
	r.When = policy.Condition{Pos: e.Pos, Text: text}
	r.Then.Pos = e.Pos
	r.Source = RuleYAML(r, o.ABIs[0])
	return r
}

// never is the text of a condition that nothing fulfils, which is no rule at all.
const never = "false"

// callTexts is a call's condition on each ABI that has the call: when it is fulfilled, and when (always or never) it had to be
// replaced.
type callTexts struct {
	abis       []arch.ABI
	when, lost []string
	warnings   []Warning
}

func (e Entry) texts(id arch.ID, o Options) (t callTexts) {
	for _, abi := range o.ABIs {
		if _, ok := abi.NumberOf(id); !ok {
			continue
		}
		when, err := e.When.Text(abi, id)
		lost := never
		if err != nil {
			var kept string
			if when, lost, kept = never, "", stricter(e.Then, o.Default).Verdict.String()+" whatever its arguments are"; passes(e.Then) {
				lost, kept = never, "this rule does not hold there"
			}
			t.warnings = append(t.warnings, Warning{e.Pos, fmt.Sprintf("%s on %s: %v; %s", id, abi, err, kept)})
		}
		t.abis, t.when, t.lost = append(t.abis, abi), append(t.when, when), append(t.lost, lost)
	}
	return t
}

// passes says whether nothing is more permissive: without the rule a call gets no more than with it.
func passes(a policy.Action) bool { return a.Verdict == policy.Allow || a.Verdict == policy.Log }

func stricter(a, b policy.Action) policy.Action {
	if Strictness(b.Verdict) < Strictness(a.Verdict) {
		return b
	}
	return a
}

// perABI joins what a condition is on each ABI.
func perABI(abis []arch.ABI, texts []string) string {
	if len(texts) == 0 {
		return never // no such call on any of the ABIs
	}
	if len(slices.Compact(slices.Clone(texts))) == 1 {
		return texts[0]
	}
	var parts []string
	for i, t := range texts {
		if t == never {
			continue
		}
		part := fmt.Sprintf("caller.abi == %q", abis[i].String())
		if t != "" {
			part += " && " + grouped(t)
		}
		parts = append(parts, part)
	}
	return join(parts, " || ")
}

// grouped puts parentheses around what && or || would tear apart.
func grouped(s string) string {
	if strings.Contains(s, " || ") || strings.Contains(s, " && ") {
		return "(" + s + ")"
	}
	return s
}

// join groups the parts if there is more than one.
func join(parts []string, with string) string {
	if len(parts) == 1 {
		return parts[0]
	}
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			b.WriteString(with)
		}
		b.WriteString(grouped(p))
	}
	return b.String()
}
