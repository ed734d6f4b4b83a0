package lang

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/stead-project/stead/policy"
)

// condition reads `when`: a text, or a list of texts that must all hold.
func (p *parser) condition(n *yaml.Node) policy.Condition {
	var all []policy.Condition
	p.list(n, "when", func(item *yaml.Node) {
		if c, ok := p.oneCondition(item); ok {
			all = append(all, c)
		}
	})
	if len(all) == 0 {
		if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
			p.fault(n, "when is empty: leave it out if the rule always holds")
		}
		return policy.Condition{}
	}
	return conjunction(all)
}

func (p *parser) oneCondition(n *yaml.Node) (policy.Condition, bool) {
	s, ok := p.text(n, "a condition")
	if !ok {
		return policy.Condition{}, false
	}
	if blank(s) {
		p.fault(n, "when is empty: leave it out if the rule always holds")
		return policy.Condition{}, false
	}
	s, err := expandCEL(s, p.l.vars.lookup)
	if err != nil && !errors.Is(err, errReported) {
		p.fault(n, "%w", err)
	}
	pos, margin := p.contentPos(n)
	if margin > 0 && !strings.Contains(s, `"""`) && !strings.Contains(s, "'''") {
		s = strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n"+strings.Repeat(" ", margin))
	}
	return policy.Condition{Pos: pos, Text: s}, err == nil
}

// contentPos is where a scalar's text begins: behind a quote, or on the line below | and >. margin is the indentation that YAML
// takes from the lines of a literal one, so that it can be given back and columns stay what they are in the file.
func (p *parser) contentPos(n *yaml.Node) (pos policy.Pos, margin int) {
	pos = p.pos(n)
	switch {
	case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		pos.Column++
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 && n.Line < len(p.f.text):
		first := n.Line
		for first < len(p.f.text)-1 && blank(p.f.text[first]) {
			first++
		}
		margin = indent(p.f.text[first])
		pos.Line, pos.Column = n.Line+1, margin+1
	}
	if n.Style&yaml.LiteralStyle == 0 {
		margin = 0
	}
	return pos, margin
}

// conjunction joins conditions with &&, with white space between them so that each keeps its line and column.
func conjunction(all []policy.Condition) policy.Condition {
	if len(all) == 1 {
		return all[0]
	}
	c := policy.Condition{Pos: all[0].Pos}
	c.Pos.Column = max(1, c.Pos.Column-1)
	var b strings.Builder
	line := c.Pos.Line
	for i, part := range all {
		if i > 0 {
			below := max(0, part.Pos.Line-line)
			b.WriteString(strings.Repeat("\n", below))
			if line += below; below > 0 {
				b.WriteString(strings.Repeat(" ", max(0, part.Pos.Column-1-len("&& ("))))
			}
			b.WriteString("&& ")
		}
		text := part.Text
		if strings.Contains(text, "//") {
			text += "\n" // or a comment would swallow the parenthesis
		}
		b.WriteString("(" + text + ")")
		line += strings.Count(text, "\n")
	}
	c.Text = b.String()
	return c
}

// A lookup finds a variable's value, and says whether it may stand for a number.
type lookup func(name string) (value string, number bool, err error)

// celText copies a CEL expression and replaces variables: outside of strings by a literal, inside by the value's characters,
// escaped for that kind of string, and for patterns where the string is an argument of matches. The lexical rules are those of
// the CEL language definition, "Syntax".
type celText struct {
	in      string
	i       int
	out     strings.Builder
	vars    lookup
	word    string // the last identifier, if nothing but space came after it
	pattern []bool // for each open parenthesis: is it, or one around it, that of matches(
}

func expandCEL(s string, vars lookup) (string, error) {
	if !strings.Contains(s, "$") {
		return s, nil
	}
	c := &celText{in: s, vars: vars}
	for c.i < len(c.in) {
		if err := c.token(); err != nil {
			return "", err
		}
		if c.out.Len() > MaxText {
			return "", fmt.Errorf("a condition of more than %d KiB, its variables replaced", MaxText>>10)
		}
	}
	return c.out.String(), nil
}

// token copies one thing that is outside of strings.
func (c *celText) token() error {
	b, rest := c.in[c.i], c.in[c.i:]
	switch {
	case strings.HasPrefix(rest, "//"):
		end := strings.IndexByte(rest, '\n')
		if end < 0 {
			end = len(rest)
		}
		c.copy(end)
	case b == '"' || b == '\'':
		return c.str()
	case b == '$':
		return c.literal()
	case isWord(b):
		end := 1
		for end < len(rest) && isWord(rest[end]) {
			end++
		}
		c.word = rest[:end]
		c.copy(end)
	default:
		c.punctuation(b)
	}
	return nil
}

func isWord(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' || b >= '0' && b <= '9' || b == '_' }

func (c *celText) punctuation(b byte) {
	switch {
	case b == '(':
		c.pattern = append(c.pattern, c.inPattern() || c.word == "matches")
	case b == ')' && len(c.pattern) > 0:
		c.pattern = c.pattern[:len(c.pattern)-1]
	}
	if b != ' ' && b != '\t' && b != '\n' {
		c.word = ""
	}
	c.copy(1)
}

func (c *celText) inPattern() bool { return len(c.pattern) > 0 && c.pattern[len(c.pattern)-1] }

func (c *celText) copy(n int) {
	c.out.WriteString(c.in[c.i : c.i+n])
	c.i += n
}

// literal replaces a variable that stands outside of strings.
func (c *celText) literal() error {
	value, number, plain, err := c.variable()
	if err != nil || plain {
		return err
	}
	if number && !c.inPattern() {
		c.out.WriteString(value)
		return nil
	}
	c.out.WriteString(`"` + escapeCEL(c.protect(value)) + `"`)
	return nil
}

// variable reads the reference at c.i. plain: it was a dollar, which has been copied.
func (c *celText) variable() (value string, number, plain bool, err error) {
	name, rest, err := reference(c.in[c.i:])
	if err != nil {
		return "", false, false, err
	}
	c.i = len(c.in) - len(rest)
	if name == "" {
		c.out.WriteByte('$')
		return "", false, true, nil
	}
	value, number, err = c.vars(name)
	if err == nil && climbs(value) {
		err = fmt.Errorf("the value of ${%s} climbs with \"..\": %s: give the path without", name, clip(value))
	}
	return value, number, false, err
}

func climbs(value string) bool {
	for part := range strings.SplitSeq(value, "/") {
		if part == ".." {
			return true
		}
	}
	return false
}

// protect takes their meaning from the characters of globs and regular expressions.
func (c *celText) protect(value string) string {
	if !c.inPattern() {
		return value
	}
	var b strings.Builder
	for i := range len(value) {
		if strings.IndexByte(`\.+*?()|[]{}^$`, value[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(value[i])
	}
	return b.String()
}

// escapeCEL writes a value for the inside of a string in either kind of quotes.
func escapeCEL(value string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, `'`, `\'`).Replace(value)
}

// str copies one string.
func (c *celText) str() error {
	raw := len(c.word) <= 2 && strings.ContainsAny(c.word, "rR") && c.i > 0 && isWord(c.in[c.i-1])
	quote := c.in[c.i : c.i+1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(c.in[c.i:], triple) {
		quote = triple
	}
	c.word = ""
	c.copy(len(quote))
	class := false // inside [ and ] of a pattern
	for c.i < len(c.in) {
		rest := c.in[c.i:]
		class = c.inPattern() && rest[0] != ']' && (class || rest[0] == '[')
		switch {
		case strings.HasPrefix(rest, quote):
			c.copy(len(quote))
			return nil
		case rest[0] == '\\' && !raw && len(rest) > 1:
			c.copy(2)
		case rest[0] == '$' && class && strings.HasPrefix(rest, "${"):
			return fmt.Errorf("%s: in [ and ] of a pattern stand the characters themselves, without variables", clip(rest))
		case rest[0] == '$':
			if err := c.inside(quote, raw); err != nil {
				return err
			}
		default:
			c.copy(1)
		}
	}
	return nil // never closed: CEL's own parser says so, with the column
}

// inside replaces a variable in a string.
func (c *celText) inside(quote string, raw bool) error {
	value, _, plain, err := c.variable()
	if err != nil || plain {
		return err
	}
	value = c.protect(value)
	if !raw {
		value = escapeCEL(value)
	} else if strings.Contains(value, quote[:1]) {
		return fmt.Errorf("the value %s has a quote, which a raw string cannot hold: write the string without r", clip(value))
	}
	c.out.WriteString(value)
	return nil
}
