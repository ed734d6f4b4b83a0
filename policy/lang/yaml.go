package lang

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/stead-project/stead/policy"
)

// errEmpty is the error of a file without a document.
var errEmpty = errors.New(`the file is empty: a policy begins with "version: 1"`)

// limits bounds the parser itself; aliases are refused afterwards, none is ever expanded.
type limits struct{}

// CheckDepth implements yaml.LoaderLimitsPlugin.
func (limits) CheckDepth(depth int, _ *yaml.DepthContext) error {
	if depth > MaxDepth {
		return fmt.Errorf("nested deeper than %d levels", MaxDepth)
	}
	return nil
}

// CheckAlias implements yaml.LoaderLimitsPlugin.
func (limits) CheckAlias(int, int) error { return nil }

// parseYAML returns the root node of a file. The error's place is found even where the YAML parser knows none.
func parseYAML(name string, text []byte) (*yaml.Node, *Error) {
	if err := checkText(name, text); err != nil {
		return nil, err
	}
	var doc yaml.Node
	if err := yaml.Load(text, &doc, yaml.WithPlugin(limits{})); err != nil {
		return nil, syntaxError(name, text, err)
	}
	if len(doc.Content) != 1 {
		return nil, &Error{Pos: policy.Pos{File: name, Line: 1, Column: 1}, Err: errEmpty}
	}
	return doc.Content[0], nil
}

// checkText refuses what no policy is, before the YAML parser spends time on it.
func checkText(name string, text []byte) *Error {
	top := policy.Pos{File: name}
	if len(text) > MaxFile {
		return &Error{top, fmt.Errorf("larger than %d KiB: split the policy with `include`", MaxFile>>10)}
	}
	if i := bytes.IndexByte(text, 0); i >= 0 {
		return &Error{place(name, text, i), errors.New("a NUL byte: a policy is text in UTF-8")}
	}
	if i := invalidUTF8(text); i >= 0 {
		return &Error{place(name, text, i), fmt.Errorf("byte %#02x is not UTF-8: save the file as UTF-8", text[i])}
	}
	// Every node but the first follows one of these, so the nodes are bounded before any is made.
	if n := bytes.Count(text, []byte(",")) + bytes.Count(text, []byte("[")) + bytes.Count(text, []byte("{")) +
		bytes.Count(text, []byte("\n")) + bytes.Count(text, []byte("- ")); n > MaxNodes {
		return &Error{top, tooMany()}
	}
	return nil
}

func tooMany() error {
	return fmt.Errorf("more than %d YAML nodes: a policy that large is a mistake, or split it and its machines", MaxNodes)
}

func invalidUTF8(text []byte) int {
	if utf8.Valid(text) {
		return -1
	}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// place is the position of a byte.
func place(name string, text []byte, i int) policy.Pos {
	before := text[:i]
	return policy.Pos{File: name, Line: 1 + bytes.Count(before, []byte("\n")), Column: i - bytes.LastIndexByte(before, '\n')}
}

// syntaxError gives a YAML error its place, and says what is meant where YAML's own words mislead.
func syntaxError(name string, text []byte, err error) *Error {
	pos, msg := policy.Pos{File: name}, err.Error()
	var le *yaml.LoadError
	if errors.As(err, &le) {
		pos.Line, pos.Column, msg = le.Mark.Line, le.Mark.Column, le.Message
	}
	switch {
	case strings.Contains(msg, "no documents"):
		return &Error{policy.Pos{File: name, Line: 1, Column: 1}, errEmpty}
	case strings.Contains(msg, "found multiple"):
		return &Error{pos, errors.New("several YAML documents in one file: a file holds one policy; use `include`")}
	case strings.Contains(msg, "nested deeper"):
		return &Error{pos, errors.New(msg)}
	}
	return &Error{pos, fmt.Errorf("not YAML: %s%s", strings.TrimPrefix(msg, "yaml: "), syntaxHint(text, pos))}
}

// syntaxHint explains the characters that policies are full of and that YAML keeps for itself.
func syntaxHint(text []byte, pos policy.Pos) string {
	c := charAt(text, pos)
	switch {
	case c == 0:
		return ""
	case c == '\t':
		return ": indent with spaces, not with tabs"
	case strings.IndexByte("%@*&`", c) >= 0:
		return fmt.Sprintf(": put what begins with %c in quotes", c)
	}
	return ""
}

func charAt(text []byte, pos policy.Pos) byte {
	for range pos.Line - 1 {
		i := bytes.IndexByte(text, '\n')
		if i < 0 {
			return 0
		}
		text = text[i+1:]
	}
	if pos.Column < 1 || pos.Column > len(text) {
		return 0
	}
	return text[pos.Column-1]
}
