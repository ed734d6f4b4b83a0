package callspec

import (
	"math"
	"strconv"
	"strings"
)

// A scanner reads a written call.
type scanner struct {
	text  string
	at    int
	depth int
	nodes int
}

// stripColors removes the escape sequences of a coloured trace.
func stripColors(s string) string {
	if !strings.Contains(s, "\x1b[") {
		return s
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "\x1b[")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		s = strings.TrimLeft(rest, "0123456789;")
		s = strings.TrimPrefix(s, "m")
	}
}

func (s *scanner) rest() string { return s.text[s.at:] }

// peek is the next byte, 0 at the end.
func (s *scanner) peek() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

func (s *scanner) skip(prefix string) bool {
	if !strings.HasPrefix(s.rest(), prefix) {
		return false
	}
	s.at += len(prefix)
	return true
}

// space skips blanks and comments; it returns the last comment.
func (s *scanner) space() (comment string) {
	for {
		for s.at < len(s.text) && strings.IndexByte(" \t\r\n", s.text[s.at]) >= 0 {
			s.at++
		}
		if !strings.HasPrefix(s.rest(), "/*") {
			return comment
		}
		end := strings.Index(s.rest()[2:], "*/")
		if end < 0 {
			s.at = len(s.text)
			return comment
		}
		comment = s.rest()[2 : 2+end]
		s.at += end + 4
	}
}

func (s *scanner) failf(format string, args ...any) *Error { return failf(s.at, format, args...) }

// found says what is at the scanner's place.
func (s *scanner) found() string {
	if s.at >= len(s.text) {
		return "the end"
	}
	return strconv.Quote(string([]rune(s.rest()[:min(len(s.rest()), 4)])[:1]))
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }

// word reads an identifier, "" if there is none.
func (s *scanner) word() string {
	start := s.at
	if !isLetter(s.peek()) {
		return ""
	}
	s.tail()
	return s.text[start:s.at]
}

// tail skips letters and digits.
func (s *scanner) tail() {
	for isLetter(s.peek()) || isDigit(s.peek()) {
		s.at++
	}
}

// prefix skips what a trace prints before the call: thread ids and times.
func (s *scanner) prefix() {
	for {
		s.space()
		switch {
		case strings.HasPrefix(s.rest(), "[pid"):
			end := strings.IndexByte(s.rest(), ']')
			if end < 0 {
				return
			}
			s.at += end + 1
		case isDigit(s.peek()):
			for isDigit(s.peek()) || s.peek() == '.' || s.peek() == ':' {
				s.at++
			}
		default:
			return
		}
	}
}

// number reads C's decimal, octal and hexadecimal numbers.
func (s *scanner) number() (v uint64, negative bool, err *Error) {
	start := s.at
	negative = s.skip("-")
	from := s.at
	s.tail()
	text := s.text[from:s.at]
	v, bad := strconv.ParseUint(text, 0, 64)
	if bad != nil || notC(text) {
		return 0, false, failf(start, "%q is not a number: write it as 12, 0644 or 0x1f", shorten(text))
	}
	if !negative {
		return v, false, nil
	}
	if v > -math.MinInt64 {
		return 0, false, failf(start, "-%s is below every 64-bit number", text)
	}
	return -v, true, nil
}

// notC reports whether a number has one of Go's forms that C has not: 0b1, 0o7, 1_000.
func notC(text string) bool {
	hex := strings.HasPrefix(text, "0x") || strings.HasPrefix(text, "0X")
	return strings.Contains(text, "_") || !hex && strings.ContainsAny(text, "oObB")
}

// shorten keeps messages short whatever was written.
func shorten(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

// escapes are C's letters after a backslash.
const (
	escapeLetters = `nrtvfabe"\'`
	escapeBytes   = "\n\r\t\v\f\a\b\x1b\"\\'"
)

// quoted reads a string after its opening quote.
func (s *scanner) quoted() ([]byte, *Error) {
	start := s.at - 1
	out := []byte{}
	for s.at < len(s.text) {
		c := s.text[s.at]
		s.at++
		switch c {
		case '"':
			return out, nil
		case '\\':
			b, err := s.escape()
			if err != nil {
				return nil, err
			}
			out = append(out, b)
		default:
			out = append(out, c)
		}
	}
	return nil, failf(start, `the string that begins here has no closing quote: add ", and write a quote within it as \"`)
}

func (s *scanner) escape() (byte, *Error) {
	c := s.peek()
	switch {
	case c >= '0' && c <= '7':
		return s.digits(8, 3)
	case c == 'x':
		s.at++
		return s.digits(16, 2)
	}
	if i := strings.IndexByte(escapeLetters, c); i >= 0 && c != 0 {
		s.at++
		return escapeBytes[i], nil
	}
	return 0, s.failf(`unknown escape \%s: write bytes as \x1b or \033, and a backslash as \\`, strings.Trim(s.found(), `"`))
}

// digits reads at most n digits of an escape.
func (s *scanner) digits(base, n int) (byte, *Error) {
	start := s.at
	for s.at < len(s.text) && s.at-start < n && digitOf(s.text[s.at]) < base {
		s.at++
	}
	v, err := strconv.ParseUint(s.text[start:s.at], base, 8)
	if err != nil {
		return 0, failf(start, `an escape is \x and two digits, or \ and an octal number up to 377`)
	}
	return byte(v), nil
}

// digitOf is a hexadecimal digit's value, a large one for what is no digit.
func digitOf(c byte) int {
	switch {
	case isDigit(c):
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return 255
}
