package minijail

import (
	"slices"
	"strconv"
	"strings"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy/foreign"
)

// argument says whether a word is arg0, arg1, …
func argument(text string) bool {
	digits, ok := strings.CutPrefix(text, "arg")
	return ok && digits != "" && strings.Trim(digits, "0123456789") == ""
}

// expression is comparisons joined by && and, more loosely, by ||.
func (s *statement) expression() (foreign.DNF, error) {
	var out foreign.DNF
	for {
		all, err := s.conjunction()
		if err != nil {
			return nil, err
		}
		out = append(out, all)
		if !s.accept("||") {
			return out, nil
		}
	}
}

func (s *statement) conjunction() (all []foreign.Cmp, err error) {
	for {
		c, err := s.comparison()
		if err != nil {
			return nil, err
		}
		all = append(all, c)
		if !s.accept("&&") {
			return all, nil
		}
	}
}

// comparison is argN OPERATOR CONSTANT. "in" wants no bit outside the constant, "&" any bit of it.
func (s *statement) comparison() (c foreign.Cmp, err error) {
	t := s.next()
	if !argument(t.text) {
		return c, s.errorf(t, "arg0 to arg5 expected, found %s", found(t))
	}
	if len(t.text) != 4 || t.text[3] > '5' {
		return c, s.errorf(t, "%s: calls have arg0 to arg5", t.text)
	}
	c.Arg = int(t.text[3] - '0')
	op := s.next()
	if op.kind == endOfLine {
		return c, s.errorf(op, "an operator expected, found %s", found(op))
	}
	if c.Value, err = s.constant(0); err != nil {
		return c, err
	}
	switch op.text {
	case "in":
		c.Op, c.Mask, c.Value = foreign.Masked, s.cut(^c.Value), 0
	case "&":
		c.Op, c.Mask, c.Value = foreign.AnyBit, c.Value, 0
	default:
		signs := [...]string{foreign.EQ: "==", foreign.NE: "!=", foreign.LT: "<", foreign.LE: "<=", foreign.GT: ">", foreign.GE: ">="}
		i := slices.Index(signs[:], op.text)
		if i < 0 {
			return c, s.errorf(op, "an operator expected, found %s; known are == != < <= > >= & in", found(op))
		}
		c.Op = foreign.Op(i)
	}
	return c, nil
}

// cut is a number in a word of the ABI.
func (s *statement) cut(v uint64) uint64 {
	if s.abi.Word() == 4 {
		return uint64(uint32(v))
	}
	return v
}

// constant is numbers and names joined by |, any of which may be turned over by ~ and put in parentheses.
func (s *statement) constant(depth int) (v uint64, err error) {
	for {
		one, err := s.term(depth)
		if err != nil {
			return 0, err
		}
		v |= one
		if !s.accept("|") {
			return v, nil
		}
	}
}

func (s *statement) term(depth int) (v uint64, err error) {
	if depth > maxDepth {
		return 0, s.errorf(s.peek(), "parentheses nested more than %d deep", maxDepth)
	}
	turned := s.accept("~")
	if s.accept("(") {
		if v, err = s.constant(depth + 1); err == nil {
			err = s.expect(")")
		}
	} else {
		v, err = s.number()
	}
	if turned {
		v = ^v
	}
	return s.cut(v), err
}

// number is a header's constant, or a number as strtol(3) with base 0 reads it.
func (s *statement) number() (uint64, error) {
	t := s.next()
	if t.kind != word {
		return 0, s.errorf(t, "a constant expected, found %s", found(t))
	}
	if v, ok := arch.LookupConst(t.text, s.abi); ok {
		return v, nil
	}
	first := strings.TrimPrefix(t.text, "-")
	if first == "" || first[0] < '0' || first[0] > '9' {
		return 0, s.errorf(t, "unknown constant %s: give its number", t.text)
	}
	v, err := parseNumber(t.text, 8*s.abi.Word())
	if err != nil {
		return 0, s.errorf(t, "%s is not a number of %d bits", t.text, 8*s.abi.Word())
	}
	return v, nil
}

func parseNumber(text string, bits int) (uint64, error) {
	text = strings.ToLower(text)
	if hex := strings.HasPrefix(strings.TrimPrefix(text, "-"), "0x"); strings.ContainsAny(text, "_o") || !hex && strings.Contains(text, "b") {
		return 0, strconv.ErrSyntax // prefixes and separators that Go has and C does not
	}
	if strings.HasPrefix(text, "-") {
		v, err := strconv.ParseInt(text, 0, bits)
		return uint64(v), err
	}
	return strconv.ParseUint(text, 0, bits)
}
