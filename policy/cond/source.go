package cond

import (
	"fmt"
	"strings"
	"sync"

	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/parser"

	"github.com/stead-project/stead/policy"
)

// Bounds of an expression.
const (
	MaxText  = 8 << 10 // bytes
	MaxDepth = 64      // of nesting
	MaxNodes = 16 << 10
	MaxList  = 4096 // elements of one list

	maxPattern = 1024 // bytes of a glob or a regular expression
)

// A Language parses conditions. The zero value is ready; one for all conditions of a policy saves setting CEL up for each that
// needs it. It may be used by several goroutines.
type Language struct {
	once sync.Once
	env  *environment
	err  error
}

// A Source is a parsed condition that belongs to no call yet. It may be used by several goroutines.
type Source struct {
	cond policy.Condition
	lang *Language
	ast  *ast.AST // nil: the empty condition, which always holds
	src  common.Source
}

// An Error is what is wrong with a condition, where, and what to write instead.
type Error struct {
	Pos  policy.Pos
	Msg  string
	Hint string // "" if there is no advice
}

// Error is file:line:column: message: hint.
func (e *Error) Error() string {
	s := e.Pos.String() + ": " + e.Msg
	if e.Hint != "" {
		s += ": " + e.Hint
	}
	return s
}

// Parse reads a condition. Its errors are *Error.
func Parse(c policy.Condition) (*Source, error) { return new(Language).Parse(c) }

// Parse reads a condition. Its errors are *Error. c.Pos is the place of the first character of c.Text.
func (l *Language) Parse(c policy.Condition) (*Source, error) {
	s := &Source{cond: c, lang: l}
	if strings.TrimSpace(c.Text) == "" {
		return s, nil
	}
	if len(c.Text) > MaxText {
		return nil, s.fail(common.NoLocation, fmt.Sprintf("condition of %d bytes is too long", len(c.Text)),
			fmt.Sprintf("%d are allowed: split the rule", MaxText))
	}
	p, err := parser.NewParser(parser.EnablePrattParser(true), parser.Macros(parser.AllMacros...),
		parser.MaxRecursionDepth(MaxDepth), parser.MaxExpressionNodeCount(MaxNodes), parser.ErrorRecoveryLimit(1))
	if err != nil {
		return nil, s.fail(common.NoLocation, err.Error(), "")
	}
	s.src = common.NewTextSource(c.Text)
	tree, errs := p.Parse(s.src)
	if list := errs.GetErrors(); len(list) > 0 {
		return nil, s.fail(list[0].Location, syntaxMessage(list[0].Message), syntaxHint(c.Text, s.src, list[0].Location))
	}
	s.ast = tree
	return s, nil
}

// Condition returns what was parsed.
func (s *Source) Condition() policy.Condition { return s.cond }

// syntaxMessage puts the parser's words into this package's form.
func syntaxMessage(msg string) string {
	msg = strings.TrimPrefix(msg, "Syntax error: ")
	return "cannot read condition: " + strings.ToLower(msg[:1]) + msg[1:]
}

// operatorsOfC are what people write who know C or a shell.
func operatorsOfC() [][2]string {
	return [][2]string{
		{"&&", ""}, {"||", ""}, {"==", ""},
		{"=", "equality is =="},
		{"&", `bits are tested with has: flags.has("O_CREAT")`},
		{"|", `flags are joined in the text: flags.has("O_CREAT|O_EXCL")`},
		{"~", "a test is negated with !"},
		{"and", "write &&"}, {"or", "write ||"}, {"not", "write !"},
	}
}

func syntaxHint(text string, src common.Source, at common.Location) string {
	if at.Line() < 1 {
		return ""
	}
	offset, ok := src.LocationOffset(at)
	runes := []rune(text)
	if !ok || int(offset) > len(runes) {
		return ""
	}
	rest := string(runes[offset:])
	for _, o := range operatorsOfC() {
		if strings.HasPrefix(rest, o[0]) {
			return o[1]
		}
	}
	return ""
}

// pos is the place in the file. Text of several lines is taken to have kept its lines but not its indentation.
func (s *Source) pos(at common.Location) policy.Pos {
	p := s.cond.Pos
	switch {
	case at.Line() < 1 || at.Column() < 0:
	case at.Line() == 1:
		p.Column += at.Column()
	default:
		p.Line, p.Column = p.Line+at.Line()-1, at.Column()+1
	}
	return p
}

func (s *Source) fail(at common.Location, msg, hint string) *Error {
	return &Error{Pos: s.pos(at), Msg: msg, Hint: hint}
}
