package lang

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// marked is text that knows which of its bytes came from variables: those never act as syntax.
type marked struct {
	s    string
	data []bool // as long as s, or nil if none did
}

func (m marked) String() string { return m.s }

// is says whether byte i is c, and was written in the policy.
func (m marked) is(i int, c byte) bool { return m.s[i] == c && !m.isData(i) }

func (m marked) isData(i int) bool { return m.data != nil && m.data[i] }

// from is the text from byte i to byte j.
func (m marked) from(i, j int) marked {
	if m.data == nil {
		return marked{s: m.s[i:j]}
	}
	return marked{m.s[i:j], m.data[i:j]}
}

// hasPrefix says whether the text begins with prefix, written in the policy.
func (m marked) hasPrefix(prefix string) bool {
	if !strings.HasPrefix(m.s, prefix) {
		return false
	}
	for i := range len(prefix) {
		if m.isData(i) {
			return false
		}
	}
	return true
}

// index finds the first byte c that was written in the policy, and count how many there are.
func (m marked) index(c byte) int {
	for i := range len(m.s) {
		if m.is(i, c) {
			return i
		}
	}
	return -1
}

func (m marked) count(c byte) (n int) {
	for i := range len(m.s) {
		if m.is(i, c) {
			n++
		}
	}
	return n
}

// A builder makes a marked text.
type builder struct {
	s    []byte
	data []bool
}

func (b *builder) add(s string, data bool) {
	b.s = append(b.s, s...)
	for range len(s) {
		b.data = append(b.data, data)
	}
}

func (b *builder) marked() marked { return marked{string(b.s), b.data} }

// expand reads a text and replaces its variables.
func (p *parser) expand(n *yaml.Node, what string) (marked, bool) {
	s, ok := p.text(n, what)
	if !ok {
		return marked{}, false
	}
	if !strings.Contains(s, "$") {
		return marked{s: s}, true
	}
	m, err := p.l.vars.expand(s)
	if err != nil && !errors.Is(err, errReported) {
		p.fault(n, "%w", err)
	}
	return m, err == nil
}

// expand replaces ${NAME} and $$.
func (v *variables) expand(s string) (marked, error) {
	var b builder
	for s != "" {
		i := strings.IndexByte(s, '$')
		if i < 0 {
			b.add(s, false)
			break
		}
		b.add(s[:i], false)
		name, rest, err := reference(s[i:])
		if err == nil {
			err = v.expandOne(&b, name)
		}
		if err != nil {
			return marked{}, err
		}
		s = rest
	}
	return b.marked(), nil
}

// expandOne adds a variable's value, or a dollar for no name.
func (v *variables) expandOne(b *builder, name string) error {
	if name == "" {
		b.add("$", false)
		return nil
	}
	value, _, err := v.lookup(name)
	if err != nil {
		return err
	}
	if len(b.s)+len(value) > MaxText {
		return fmt.Errorf("a text of more than %d KiB, its variables replaced", MaxText>>10)
	}
	b.add(value, true)
	return nil
}

// reference reads what begins with $ and returns the name, "" for a plain dollar, and the text behind it.
func reference(s string) (name, rest string, err error) {
	switch {
	case strings.HasPrefix(s, "$$"):
		return "", s[2:], nil
	case !strings.HasPrefix(s, "${"):
		return "", s[1:], looksLikeShell(s[1:])
	}
	end := strings.IndexByte(s, '}')
	if end < 0 {
		return "", "", fmt.Errorf("%s: ${ is never closed: write ${NAME}, or $$ for a dollar", clip(s))
	}
	name = s[2:end]
	if !isName(strings.TrimPrefix(name, "env:")) {
		return "", "", fmt.Errorf("%s is no variable: write ${NAME} or ${env:NAME}, or $$ for a dollar", clip(s[:end+1]))
	}
	return name, s[end+1:], nil
}

// looksLikeShell refuses $HOME, which is meant as a variable and would be read as text.
func looksLikeShell(rest string) error {
	end := 0
	for end < len(rest) && isName(rest[:end+1]) {
		end++
	}
	if end == 0 {
		return nil
	}
	return fmt.Errorf("$%s: write ${%s} for the variable, or $$%s for a dollar", rest[:end], rest[:end], rest[:end])
}
