// Package foreign is what the importers of other people's policies share: comparisons of raw argument registers, and how they are
// said in Stead's own language, by the names of parameters.
package foreign

import (
	"fmt"
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
	ABIs    []arch.ABI    // whose calls the policy is about
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

// Rules says an entry in the language. Calls whose conditions read alike share a rule. Where a comparison has no words on some ABI,
// a warning says so, and the rule errs on the strict side.
func (e Entry) Rules(o Options) ([]policy.Rule, []Warning) {
	if len(e.When) == 0 {
		return []policy.Rule{e.rule(e.Calls, "")}, nil
	}
	var (
		texts    []string
		groups   []arch.Selection
		warnings []Warning
	)
	for _, id := range e.Calls.IDs() {
		text, lost := e.text(id, o)
		warnings = append(warnings, lost...)
		if text == never {
			continue
		}
		i := indexOf(texts, text)
		if i < 0 {
			i, texts, groups = len(texts), append(texts, text), append(groups, arch.Selection{})
		}
		groups[i].Add(id)
	}
	var rules []policy.Rule
	for i, text := range texts {
		rules = append(rules, e.rule(groups[i], text))
	}
	return rules, warnings
}

func (e Entry) rule(calls arch.Selection, text string) policy.Rule {
	r := policy.Rule{Pos: e.Pos, Name: fmt.Sprintf("%s:%d", e.Pos.File, e.Pos.Line), Calls: calls, Then: e.Then}
	r.When = policy.Condition{Pos: e.Pos, Text: text}
	r.Then.Pos = e.Pos
	r.Source = RuleYAML(r)
	return r
}

// never is the text of a condition that nothing fulfils, which is no rule at all.
const never = "false"

// text is a call's condition on all ABIs: one expression if it reads the same on each, or one per ABI.
func (e Entry) text(id arch.ID, o Options) (string, []Warning) {
	var (
		abis     []arch.ABI
		texts    []string
		warnings []Warning
	)
	for _, abi := range o.ABIs {
		if _, ok := abi.NumberOf(id); !ok {
			continue
		}
		text, err := e.When.Text(abi, id)
		if err != nil {
			var kept string
			text, kept = strictSide(e.Then, o.Default)
			warnings = append(warnings, Warning{e.Pos, fmt.Sprintf("%s on %s: %v; %s", id, abi, err, kept)})
		}
		abis, texts = append(abis, abi), append(texts, text)
	}
	return perABI(abis, texts), warnings
}

// strictSide stands for a condition that cannot be said.
func strictSide(then, fallback policy.Action) (text, kept string) {
	if Strictness(then.Verdict) > Strictness(fallback.Verdict) {
		return never, "the rule is left out there, and the default applies"
	}
	return "", "the rule holds there for all arguments"
}

// perABI joins what a condition is on each ABI.
func perABI(abis []arch.ABI, texts []string) string {
	if len(texts) == 0 {
		return never // no such call on any of the ABIs
	}
	same := true
	for _, t := range texts {
		same = same && t == texts[0]
	}
	if same {
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

func indexOf(list []string, s string) int {
	for i := range list {
		if list[i] == s {
			return i
		}
	}
	return -1
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
