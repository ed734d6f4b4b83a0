package lang

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
)

func (p *parser) rules(n *yaml.Node) {
	if n.Kind != yaml.SequenceNode {
		p.fault(n, `rules is a list of rules ("- calls: …"), not %s`, kindName(n))
		return
	}
	for i, item := range n.Content {
		if p.l.faults.full() {
			return
		}
		if len(p.l.doc.Rules) >= MaxRules {
			p.fault(item, "more than %d rules: use short forms, or classes of calls", MaxRules)
			return
		}
		var next *yaml.Node
		if i+1 < len(n.Content) {
			next = n.Content[i+1]
		}
		p.rule(item, next)
	}
}

func (p *parser) rule(n, next *yaml.Node) {
	r := policy.Rule{Pos: p.pos(n), Name: fmt.Sprintf("%s:%d", p.f.name, n.Line), Source: p.source(n, next)}
	before := len(p.l.faults.list)
	var calls, then, race *yaml.Node
	quiet, grants := false, map[string]*yaml.Node{}
	ok := p.mapping(n, "a rule", append([]field{
		{"name", func(v *yaml.Node) { p.ruleName(v, &r) }},
		{"calls", func(v *yaml.Node) { calls = v; p.calls(v, &r) }},
		{"when", func(v *yaml.Node) { r.When = p.condition(v) }},
		{"then", func(v *yaml.Node) { then = v; r.Then, _ = p.action(v, "then") }},
		{"quiet", func(v *yaml.Node) { quiet = p.boolean(v, "quiet") }},
		{"race", func(v *yaml.Node) { race = v; r.Race = true }},
	}, p.grantFields(&r, grants)...))
	if !ok {
		return
	}
	r.Then.Quiet = r.Then.Quiet || quiet
	p.complete(n, calls, then)
	p.raceValue(race)
	if len(p.l.faults.list) == before {
		p.grantable(grants, &r)
		p.l.doc.Rules = append(p.l.doc.Rules, r)
	}
}

// complete says what a rule lacks.
func (p *parser) complete(n, calls, then *yaml.Node) {
	if calls == nil {
		p.fault(n, "the rule says no calls: add `calls: [openat]`, or `calls: all`")
	}
	if then == nil {
		p.fault(n, "the rule says nothing to do: add `then: allow`, or %s", strings.Join(verbs()[1:], ", "))
	}
}

func (p *parser) ruleName(n *yaml.Node, r *policy.Rule) {
	name, ok := p.text(n, "name")
	if !ok {
		return
	}
	if name == "" || len(name) > 128 || strings.ContainsAny(name, "\n\r") {
		p.fault(n, "a name is one line of 1 to 128 bytes")
		return
	}
	r.Name = name
}

// calls reads the selection: a text, or a list of them, applied from left to right.
func (p *parser) calls(n *yaml.Node, r *policy.Rule) {
	bad := false
	p.list(n, "calls", func(item *yaml.Node) {
		text, ok := p.text(item, "a call")
		if !ok {
			bad = true
			return
		}
		s, err := selection(text, r.Calls)
		if err != nil {
			bad = true
			p.fault(item, "%w", err)
			return
		}
		r.Calls = s
	})
	if !bad && r.Calls.Len() == 0 && (n.Kind == yaml.SequenceNode || n.Tag == "!!str") {
		p.fault(n, "no call is left: the rule can never match")
	}
}

// selection bounds the names before they are compared with all that exist, for a suggestion.
func selection(text string, base arch.Selection) (arch.Selection, error) {
	for name := range strings.SplitSeq(text, ",") {
		if len(name) > 128 {
			return base, fmt.Errorf("unknown call %s: no call has so long a name", clip(name))
		}
	}
	return arch.ParseSelection(text, base)
}

// raceValue: the word is demanded, so that nobody writes `race: false` and gets a race.
func (p *parser) raceValue(n *yaml.Node) {
	if n == nil || n.Kind == yaml.ScalarNode && n.Value == "accepted" {
		return
	}
	p.fault(n, "race is `accepted` or is left out, not %s", shown(n))
}

// maxSource bounds the text of a rule that is kept for messages.
const maxSource = 2048

// source cuts a rule out of the file, up to the next rule or its own last line.
func (p *parser) source(n, next *yaml.Node) string {
	first, last := n.Line, p.lastLine(n)
	if next != nil && next.Line > first {
		last = min(last, next.Line-1)
	}
	if first < 1 || last > len(p.f.text) || last < first {
		return ""
	}
	lines := p.f.text[first-1 : last]
	text := strings.Join(lines, "\n")
	if len(text) > maxSource {
		text = strings.ToValidUTF8(text[:maxSource], "") + "…"
	}
	return dedent(text)
}

// lastLine is the last line that a node reaches. A block scalar goes on while lines are blank or indented deeper than its key.
func (p *parser) lastLine(n *yaml.Node) int {
	last := n.Line
	if n.Kind == yaml.ScalarNode && n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 && last <= len(p.f.text) {
		margin := indent(p.f.text[last-1])
		for last < len(p.f.text) && (blank(p.f.text[last]) || indent(p.f.text[last]) > margin) {
			last++
		}
	}
	for _, kid := range n.Content {
		last = max(last, p.lastLine(kid))
	}
	return last
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

func blank(line string) bool { return strings.TrimSpace(line) == "" }

// dedent takes the first line's indentation, and its "- ", from every line.
func dedent(text string) string {
	lines := strings.Split(text, "\n")
	body := strings.TrimLeft(lines[0], " ")
	body = strings.TrimLeft(strings.TrimPrefix(body, "-"), " ")
	margin := len(lines[0]) - len(body)
	for i, line := range lines {
		lines[i] = line[min(margin, indent(line)):]
	}
	lines[0] = body
	return strings.TrimRight(strings.Join(lines, "\n"), " \n\r")
}
