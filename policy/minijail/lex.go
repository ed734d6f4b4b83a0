package minijail

import (
	"fmt"
	"strings"

	"github.com/stead-project/stead/policy"
)

// A token is a piece of a line.
type token struct {
	kind tokenKind
	text string
	pos  policy.Pos
}

type tokenKind uint8

const (
	endOfLine tokenKind = iota
	word                // a name, a keyword, a number, an @directive
	sign                // punctuation and operators
	path                // of @include
)

// signs are the operators, those that begin like another one first.
func signs() []string {
	return []string{"||", "&&", "==", "!=", "<=", ">=", "<", ">", "&", "|", "~", "(", ")", "{", "}", "[", "]", ":", ";", ",", "="}
}

// Bounds of what is read.
const (
	maxBytes  = 256 << 10 // of all files together
	maxTokens = 1000      // of a statement
	maxFiles  = 100
	maxDepth  = 10 // of includes, as the compiler has it, and of parentheses
)

// lines splits a file into statements: a line that ends in a backslash goes on.
func lines(file, text string) ([][]token, error) {
	var (
		out       [][]token
		statement []token
	)
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\r\n")
		body, goesOn := strings.CutSuffix(line, "\\")
		tokens, err := lexLine(body, policy.Pos{File: file, Line: number, Column: 1})
		if err != nil {
			return nil, err
		}
		if statement = append(statement, tokens...); len(statement) > maxTokens {
			return nil, fmt.Errorf("%s:%d:1: statement of more than %d words: split it", file, number, maxTokens)
		}
		if goesOn {
			continue
		}
		if len(statement) > 0 {
			out = append(out, statement)
		}
		statement = nil
	}
	if len(statement) > 0 {
		out = append(out, statement)
	}
	return out, nil
}

func lexLine(line string, pos policy.Pos) (out []token, err error) {
	for at := 0; at < len(line); {
		t := token{pos: pos}
		t.pos.Column = at + 1
		rest := line[at:]
		switch c := rest[0]; {
		case c == ' ' || c == '\t':
			at++
			continue
		case c == '#':
			return out, nil
		case c == '/' || strings.HasPrefix(rest, "./") || strings.HasPrefix(rest, "../"):
			t.kind, t.text = path, upTo(rest, func(c byte) bool { return c == ' ' || c == '\t' })
		case c == '-' || wordByte(c):
			t.kind, t.text = word, rest[:1]+upTo(rest[1:], func(c byte) bool { return !wordByte(c) && c != '-' })
		default:
			if t.kind, t.text = sign, firstSign(rest); t.text == "" {
				return nil, fmt.Errorf("%s: unexpected character %q", t.pos, rest[0])
			}
		}
		at += len(t.text)
		out = append(out, t)
	}
	return out, nil
}

func firstSign(s string) string {
	for _, sign := range signs() {
		if strings.HasPrefix(s, sign) {
			return sign
		}
	}
	return ""
}

func upTo(s string, stop func(byte) bool) string {
	for i := range len(s) {
		if stop(s[i]) {
			return s[:i]
		}
	}
	return s
}

func wordByte(c byte) bool {
	return c == '_' || c == '@' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
