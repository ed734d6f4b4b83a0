package callspec

import (
	"net"
	"strings"
)

// call reads a whole line.
func (s *scanner) call() (name string, args []node, err error) {
	s.prefix()
	start := s.at
	name = s.word()
	s.space()
	if name == "" || !s.skip("(") {
		return "", nil, failf(start, `no call begins here: write one like openat(AT_FDCWD, "/etc/passwd", O_RDONLY)`)
	}
	list, bad := s.items(')', true)
	if bad != nil {
		return "", nil, bad
	}
	s.space()
	if c := s.peek(); c != 0 && c != '=' && c != '<' {
		return "", nil, s.failf("%s after the call: write one call, with nothing after it but = and a result", s.found())
	}
	return name, list.list, nil
}

// items reads values up to a closing bracket, with commas or, in lists, blanks between.
func (s *scanner) items(end byte, named bool) (node, *Error) {
	var out node
	for {
		s.space()
		if s.peek() == end {
			s.at++
			return out, nil
		}
		if s.skip("...") {
			out.more = true
			continue
		}
		n, err := s.item(named)
		if err != nil {
			return out, err
		}
		out.list = append(out.list, n)
		s.space()
		if !s.skip(",") && s.peek() != end && (end != ']' || s.at >= len(s.text)) {
			return out, s.failf("%s where a comma or %q belongs", s.found(), string(end))
		}
	}
}

// item reads a value, or name=value.
func (s *scanner) item(named bool) (node, *Error) {
	start := s.at
	if named {
		if name := s.word(); name != "" {
			s.space()
			if s.skip("=") {
				n, err := s.value()
				n.name = name
				return n, err
			}
		}
		s.at = start
	}
	return s.value()
}

func (s *scanner) value() (node, *Error) {
	s.space()
	if s.nodes++; s.nodes > maxNodes {
		return node{}, s.failf("more than %d values in one call", maxNodes)
	}
	if s.depth++; s.depth > MaxDepth {
		return node{}, s.failf("nested deeper than %d", MaxDepth)
	}
	defer func() { s.depth-- }()
	n, err := s.form()
	if err != nil {
		return n, err
	}
	if s.skip("...") {
		n.more = true
	}
	if comment := s.space(); strings.Contains(comment, " var") {
		n.elided = true
	}
	return n, nil
}

// form reads a value by how it begins.
func (s *scanner) form() (n node, err *Error) {
	start := s.at
	switch {
	case s.skip(`"`):
		n.kind = nodeString
		n.bytes, err = s.quoted()
	case s.skip(`@"`):
		n.kind, n.abstract = nodeString, true
		n.bytes, err = s.quoted()
	case s.skip("{"):
		n, err = s.items('}', true)
		n.kind = nodeStruct
	case s.skip("~["):
		n, err = s.items(']', false)
		n.kind, n.not = nodeList, true
	case s.skip("["):
		n, err = s.items(']', false)
		n.kind = nodeList
	case s.skip("?"):
		n.kind = nodeUnknown
	default:
		n, err = s.expression()
	}
	n.at = start
	return n, err
}

// expression reads terms joined by |, or what else begins like one.
func (s *scanner) expression() (node, *Error) {
	if n, ok := s.mac(); ok {
		return n, nil
	}
	if n, ok, err := s.shortAddress(); ok || err != nil {
		return n, err
	}
	var n node
	for {
		s.space()
		t, err := s.term()
		if err != nil {
			return n, err
		}
		n.terms = append(n.terms, t)
		if !s.skip("|") {
			break
		}
	}
	if t := &n.terms[0]; len(n.terms) == 1 && t.word == "NULL" && !t.function {
		return node{kind: nodeNull}, nil
	}
	return n, nil
}

func (s *scanner) term() (t term, err *Error) {
	t.at = s.at
	if isDigit(s.peek()) || s.peek() == '-' {
		if t.num, t.negative, err = s.number(); err == nil && s.skip("<<") {
			s.tail() // a name as a whole: 21<<MAP_HUGE_SHIFT
			t.word = s.text[t.at:s.at]
		} else if err == nil && s.skip("*") { // a limit: 8*1024
			t.times, _, err = s.number()
		}
		s.descriptorPath()
		return t, err
	}
	s.skip("&") // inet_pton's last argument
	if t.word = s.word(); t.word == "" {
		return t, s.failf("%s where a value belongs%s", s.found(), s.hint())
	}
	s.descriptorPath()
	for s.skip(" or ") { // names of the same number
		s.word()
	}
	if s.skip("<<") || s.skip("_???") { // a name as a whole
		s.tail()
		t.word = s.text[t.at:s.at]
	}
	if s.skip("(") {
		t.function = true
		var list node
		list, err = s.items(')', false)
		t.args = list.list
	}
	return t, err
}

// hint explains what traces have in a value's place when they were cut.
func (s *scanner) hint() string {
	switch {
	case strings.HasPrefix(s.rest(), "<unfinished"):
		return ": the trace ends before the arguments do"
	case s.peek() == '\'' || s.peek() == '/':
		return `: put strings in double quotes`
	case s.peek() == 0:
		return `: close the call with ")"`
	}
	return ""
}

// descriptorPath skips what a descriptor refers to, as in 3</etc/passwd>.
func (s *scanner) descriptorPath() {
	if s.peek() != '<' {
		return
	}
	for i := s.at; i < len(s.text); i++ {
		if s.text[i] == '>' && (i+1 == len(s.text) || strings.IndexByte(",)]} ", s.text[i+1]) >= 0) {
			s.at = i + 1
			return
		}
	}
}

// macLength is that of 00:11:22:33:44:55.
const macLength = 17

func (s *scanner) mac() (node, bool) {
	if len(s.rest()) < macLength || s.rest()[2] != ':' {
		return node{}, false
	}
	hw, err := net.ParseMAC(s.rest()[:macLength])
	if err != nil {
		return node{}, false
	}
	s.at += macLength
	return node{kind: nodeMAC, bytes: hw}, true
}

// shortAddress reads scheme:address.
func (s *scanner) shortAddress() (n node, ok bool, err *Error) {
	start := s.at
	scheme := s.word()
	if scheme == "" || !s.skip(":") {
		s.at = start
		return n, false, nil
	}
	n = node{kind: nodeAddr, scheme: scheme}
	n.abstract = scheme == "unix" && s.skip("@")
	if s.skip(`"`) {
		n.bytes, err = s.quoted()
		return n, true, err
	}
	from := s.at
	for s.at < len(s.text) && strings.IndexByte(",)} \t\r\n", s.text[s.at]) < 0 {
		s.at++
	}
	n.bytes = []byte(s.text[from:s.at])
	return n, true, nil
}
