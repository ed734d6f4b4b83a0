package lang

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/stead-project/stead/policy"
)

// A parser reads the nodes of one file.
type parser struct {
	l *loader
	f *file
}

// A field is one key that a mapping may have.
type field struct {
	name string
	read func(n *yaml.Node)
}

func (p *parser) pos(n *yaml.Node) policy.Pos {
	return policy.Pos{File: p.f.name, Line: n.Line, Column: n.Column}
}

func (p *parser) fault(n *yaml.Node, format string, args ...any) {
	p.l.faults.addf(p.pos(n), format, args...)
}

// check refuses, for the whole file, what the language does not have; ok false: the file cannot be read further.
func (p *parser) check(n *yaml.Node, depth int) (ok bool) {
	p.l.nodes++
	err := checkNode(n)
	switch {
	case p.l.nodes > MaxNodes:
		err = tooMany()
	case depth > MaxDepth:
		err = fmt.Errorf("nested deeper than %d levels", MaxDepth)
	}
	if err != nil {
		p.fault(n, "%w", err)
		return false
	}
	for _, kid := range n.Content {
		if !p.check(kid, depth+1) {
			return false
		}
	}
	return true
}

func checkNode(n *yaml.Node) error {
	switch {
	case n.Kind == yaml.AliasNode:
		return fmt.Errorf("*%s is an alias to YAML, and a policy has none: put a pattern that begins with * in quotes; use ${NAME} "+
			"for what is repeated", n.Value)
	case n.Anchor != "":
		return fmt.Errorf("&%s is an anchor to YAML, and a policy has none: use `vars` and ${NAME} for what is repeated", n.Anchor)
	case n.Style&yaml.TaggedStyle != 0:
		return fmt.Errorf("%s is a tag to YAML, and a policy has none: put what begins with ! in quotes", n.Tag)
	case strings.ContainsRune(n.Value, 0):
		return errors.New("a NUL character: no name, path or condition has one")
	case len(n.Value) > MaxText:
		return fmt.Errorf("a text of more than %d KiB", MaxText>>10)
	}
	return nil
}

// mapping reads a mapping whose keys are those of fields. what names it in messages.
func (p *parser) mapping(n *yaml.Node, what string, fields []field) bool {
	if n.Kind != yaml.MappingNode {
		p.fault(n, "%s is a mapping (key: value), not %s", what, kindName(n))
		return false
	}
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content) && !p.l.faults.full(); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if !p.key(key, what, seen) {
			continue
		}
		p.readField(key, value, what, fields)
	}
	return true
}

// key refuses keys that are no text, and keys that come twice.
func (p *parser) key(key *yaml.Node, what string, seen map[string]*yaml.Node) bool {
	if key.Kind != yaml.ScalarNode {
		p.fault(key, "a key of %s is a word, not %s", what, kindName(key))
		return false
	}
	if first, ok := seen[key.Value]; ok {
		p.fault(key, "%q comes twice in %s: the first is on line %d", key.Value, what, first.Line)
		return false
	}
	seen[key.Value] = key
	return true
}

func (p *parser) readField(key, value *yaml.Node, what string, fields []field) {
	names := make([]string, len(fields))
	for i := range fields {
		names[i] = fields[i].name
		if names[i] == key.Value {
			fields[i].read(value)
			return
		}
	}
	p.fault(key, "unknown key %q in %s%s", key.Value, what, didYouMean(key.Value, names))
}

// find returns the value of a key of a mapping, or nil.
func find(n *yaml.Node, name string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

// list calls each for the items of a list, or for a text that stands alone.
func (p *parser) list(n *yaml.Node, what string, each func(n *yaml.Node)) {
	switch n.Kind {
	case yaml.SequenceNode:
		for i := 0; i < len(n.Content) && !p.l.faults.full(); i++ {
			each(n.Content[i])
		}
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			p.fault(n, "%s is empty: write a list, [] for an empty one", what)
			return
		}
		each(n)
	default:
		p.fault(n, "%s is a list, not %s", what, kindName(n))
	}
}

// text returns a scalar that YAML takes for text.
func (p *parser) text(n *yaml.Node, what string) (string, bool) {
	if n.Kind != yaml.ScalarNode {
		p.fault(n, "%s is text, not %s", what, kindName(n))
		return "", false
	}
	if n.Tag != "!!str" {
		p.fault(n, "%s is text, and to YAML this is %s: put it in quotes", what, kindName(n))
		return "", false
	}
	return n.Value, true
}

// boolean reads true or false.
func (p *parser) boolean(n *yaml.Node, what string) bool {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
		p.fault(n, "%s is true or false, not %s", what, shown(n))
		return false
	}
	return strings.EqualFold(n.Value, "true")
}

// integer reads a decimal or a 0x number. YAML's other forms (010, 0o10, 1_000) are read differently by different programs.
func integer(n *yaml.Node) (int64, error) {
	digits := strings.TrimPrefix(n.Value, "-")
	octal := len(digits) > 1 && digits[0] == '0' && digits[1] != 'x'
	v, err := strconv.ParseInt(n.Value, 0, 64)
	switch {
	case n.Kind != yaml.ScalarNode || n.Tag != "!!int":
		return 0, fmt.Errorf("a whole number is wanted, not %s", shown(n))
	case octal || strings.Contains(digits, "_"):
		return 0, fmt.Errorf("%s is ambiguous: write the number as decimal, or as 0x and hexadecimal", n.Value)
	case err != nil:
		return 0, fmt.Errorf("%s is not a number of 64 bits", shown(n))
	}
	return v, nil
}

// shown is a node in a message: a scalar as it is, bounded, or its kind.
func shown(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode || n.Value == "" {
		return kindName(n)
	}
	return clip(n.Value)
}

// clip quotes a text for a message.
func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return strconv.Quote(string(r[:57]) + "...")
	}
	return strconv.Quote(s)
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	for _, k := range [...][2]string{{"!!int", "a number"}, {"!!float", "a number"}, {"!!bool", "true or false"}, {"!!null", "nothing"},
		{"!!timestamp", "a date"}, {"!!merge", "a merge key"}} {
		if k[0] == n.Tag {
			return k[1]
		}
	}
	return "text"
}
