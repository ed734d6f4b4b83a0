package callspec

import (
	"encoding/json"
	"errors"
	"strings"
)

// A jsonScanner splits one level of JSON that encoding/json has already found valid, keeping the order of members: a record has
// its arguments in the call's order.
type jsonScanner struct {
	text []byte
	at   int
}

var errJSON = errors.New("not JSON")

func (s *jsonScanner) peek() byte {
	for s.at < len(s.text) && strings.IndexByte(" \t\r\n", s.text[s.at]) >= 0 {
		s.at++
	}
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

func (s *jsonScanner) object() (members []jsonMember, err error) {
	if s.peek() != '{' {
		return nil, errJSON
	}
	for s.at++; s.peek() != '}'; {
		var m jsonMember
		key := s.raw()
		if err := json.Unmarshal(key, &m.name); err != nil || s.peek() != ':' {
			return nil, errJSON
		}
		s.at++
		if m.value = s.raw(); len(m.value) == 0 {
			return nil, errJSON
		}
		members = append(members, m)
		if s.peek() == ',' {
			s.at++
		}
	}
	return members, nil
}

func (s *jsonScanner) list() (items []json.RawMessage, err error) {
	if s.peek() != '[' {
		return nil, errJSON
	}
	for s.at++; s.peek() != ']'; {
		raw := s.raw()
		if len(raw) == 0 {
			return nil, errJSON
		}
		items = append(items, raw)
		if s.peek() == ',' {
			s.at++
		}
	}
	return items, nil
}

// raw returns the next value, nothing at the end.
func (s *jsonScanner) raw() json.RawMessage {
	s.peek()
	start, depth := s.at, 0
	for s.at < len(s.text) {
		c := s.text[s.at]
		switch {
		case c == '"':
			s.skipString()
			if depth == 0 {
				return s.text[start:s.at]
			}
			continue
		case c == '{' || c == '[':
			depth++
		case (c == '}' || c == ']') && depth > 0:
			if depth--; depth == 0 {
				s.at++
				return s.text[start:s.at]
			}
		case depth == 0 && strings.IndexByte(",:}] \t\r\n", c) >= 0:
			return s.text[start:s.at]
		}
		s.at++
	}
	return s.text[start:s.at]
}

func (s *jsonScanner) skipString() {
	for s.at++; s.at < len(s.text); s.at++ {
		switch s.text[s.at] {
		case '\\':
			s.at++
		case '"':
			s.at++
			return
		}
	}
	s.at = len(s.text)
}
