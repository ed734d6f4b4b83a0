package main

import (
	"fmt"
	"strings"
)

// A pos is a place in a data file.
type pos struct {
	file string
	line int
}

func (p pos) errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w", p.file, p.line, fmt.Errorf(format, args...))
}

// A token is a word or one punctuation character.
type token struct {
	pos
	text   string
	margin bool // it starts in the first column
}

// punctuation lists the characters that stand for themselves; everything else up to space is a word.
const punctuation = "(){}[],;:/*&|=@"

func lex(file, text string) []token {
	var out []token
	for i, line := range strings.Split(text, "\n") {
		if at := strings.Index(line, "//"); at >= 0 {
			line = line[:at]
		}
		out = lexLine(out, pos{file, i + 1}, line)
	}
	return out
}

func lexLine(out []token, p pos, line string) []token {
	margin := line != "" && line[0] != ' ' && line[0] != '\t'
	for line = strings.TrimLeft(line, " \t\r"); line != ""; line = strings.TrimLeft(line, " \t\r") {
		n := strings.IndexAny(line, punctuation+" \t\r")
		switch {
		case n < 0:
			n = len(line)
		case n == 0:
			n = 1
		}
		out = append(out, token{pos: p, text: line[:n], margin: margin})
		line, margin = line[n:], false
	}
	return out
}

// A stream hands out tokens; its methods panic with a syntaxError, which parse functions turn into an error.
type stream struct {
	toks []token
	at   int
}

type syntaxError struct{ err error }

func (s *stream) done() bool { return s.at >= len(s.toks) }

func (s *stream) peek() token {
	if s.done() {
		return token{pos: s.lastPos()}
	}
	return s.toks[s.at]
}

func (s *stream) lastPos() pos {
	if len(s.toks) == 0 {
		return pos{}
	}
	return s.toks[len(s.toks)-1].pos
}

func (s *stream) next() token {
	t := s.peek()
	s.at++
	return t
}

// accept takes the next token if it is text.
func (s *stream) accept(text string) bool {
	if s.peek().text != text {
		return false
	}
	s.at++
	return true
}

func (s *stream) expect(text string) {
	if t := s.next(); t.text != text {
		s.fail(t.pos, "want %q, found %s", text, describe(t))
	}
}

func (s *stream) word(what string) string {
	t := s.next()
	if t.text == "" || strings.Contains(punctuation, t.text) {
		s.fail(t.pos, "want %s, found %s", what, describe(t))
	}
	return t.text
}

func (s *stream) fail(p pos, format string, args ...any) {
	panic(syntaxError{p.errorf(format, args...)})
}

func describe(t token) string {
	if t.text == "" {
		return "the end of the file"
	}
	return fmt.Sprintf("%q", t.text)
}

// resync skips to the next item: a word in the first column.
func (s *stream) resync() {
	for s.at++; !s.done(); s.at++ {
		if t := s.peek(); t.margin && !strings.Contains(punctuation, t.text) {
			return
		}
	}
}
