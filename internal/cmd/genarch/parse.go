package main

import (
	"strconv"
	"strings"
)

// parseAll calls item until the tokens are used up. A mistake costs one item: parsing goes on with the next.
func parseAll(toks []token, item func(*stream)) (errs []error) {
	s := &stream{toks: toks}
	for !s.done() {
		if err := attempt(s, item); err != nil {
			errs = append(errs, err)
			s.resync()
		}
	}
	return errs
}

func attempt(s *stream, item func(*stream)) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case syntaxError:
			err = r.err
		default:
			panic(r)
		}
	}()
	item(s)
	return nil
}

// parseABIs reads "@a,b" if it is there; without it the result is 0.
func parseABIs(s *stream) (set abiSet) {
	if !s.accept("@") {
		return 0
	}
	for {
		p, name := s.peek().pos, s.word("an ABI")
		if s.accept("*") {
			name += "*"
		}
		one, ok := abiNamed(name)
		if !ok {
			s.fail(p, "unknown ABI %q", name)
		}
		set |= one
		if !s.accept(",") {
			return set
		}
	}
}

// parseCall reads NAME [@ABIS] [{COND}] (PARAMS) [RESULT].
func parseCall(s *stream) *callDecl {
	c := &callDecl{pos: s.peek().pos}
	c.name = s.word("the name of a call")
	c.abis = parseABIs(s)
	if s.accept("{") {
		c.when = parseCond(s)
		s.expect("}")
	}
	s.expect("(")
	for !s.accept(")") {
		c.params = append(c.params, parseParam(s))
		if s.peek().text != ")" {
			s.expect(",")
		}
	}
	if t := s.peek(); !s.done() && !t.margin {
		c.result = s.word("a result")
	}
	checkNames(s, c.params)
	return c
}

// checkNames refuses two siblings of one name.
func checkNames(s *stream, params []*param) {
	seen := map[string]bool{}
	for _, p := range params {
		if p.name != "" && p.name != "_" && seen[p.name] {
			s.fail(p.pos, "two siblings are called %q", p.name)
		}
		seen[p.name] = true
	}
}

// parseParam reads [out|inout|MARK]… TYPE NAME [when COND], or an inline struct, union or view.
func parseParam(s *stream) *param {
	p := &param{pos: s.peek().pos, marks: map[string]bool{}}
	parseParamWords(s, p)
	if inner := s.peek(); inlineHeads[inner.text] && s.follows("{") {
		s.next()
		p.inner = &structDecl{pos: inner.pos, union: inner.text != "struct", view: inner.text == "view"}
		p.inner.fields = parseFields(s, p.inner.union)
		if t := s.peek().text; t != ";" && t != "}" && t != "when" {
			p.name = s.word("a name")
		}
	} else {
		p.typ = parseType(s)
		p.name = s.word("a name")
	}
	if s.accept("when") {
		p.when = parseCond(s)
	}
	return p
}

// inlineHeads begin a block of fields.
var inlineHeads = map[string]bool{"struct": true, "union": true, "view": true}

func parseParamWords(s *stream, p *param) {
	for {
		word := s.peek().text
		switch {
		case dirs[word] != "":
			p.dir = word
		case marks[word] != "":
			p.marks[word] = true
		default:
			return
		}
		s.next()
	}
}

func (s *stream) follows(text string) bool {
	return s.at+1 < len(s.toks) && s.toks[s.at+1].text == text
}

// parseFields reads { FIELD; FIELD … }.
func parseFields(s *stream, union bool) (fields []*param) {
	s.expect("{")
	for !s.accept("}") {
		if s.accept(";") {
			continue
		}
		fields = append(fields, parseParam(s))
		if s.peek().text != "}" {
			s.expect(";")
		}
	}
	if !union { // of a union's members only one is shown: they may share a name
		checkNames(s, fields)
	}
	return fields
}

// parseStruct reads struct NAME [packed[@ABIS]] [sized NAME] { … }; the head may be "union".
func parseStruct(s *stream) *structDecl {
	d := &structDecl{}
	head := s.next()
	d.pos, d.union = head.pos, head.text == "union"
	if !d.union && head.text != "struct" {
		s.fail(head.pos, "want struct or union, found %s", describe(head))
	}
	d.name = s.word("the name of a struct")
	d.abis = parseABIs(s)
	for s.peek().text != "{" {
		parseStructWord(s, d)
	}
	d.fields = parseFields(s, d.union)
	return d
}

func parseStructWord(s *stream, d *structDecl) {
	t := s.next()
	switch t.text {
	case "packed":
		if d.packed = parseABIs(s); d.packed == 0 {
			d.packed = everyABI
		}
	case "sized":
		d.sizedBy = s.word("a parameter or field")
	case "shown":
		d.shown = s.word("a field")
	case "alone":
		d.alone = s.word("a field")
	case "order":
		for more := true; more; more = s.accept(",") {
			d.order = append(d.order, s.word("a field"))
		}
	default:
		s.fail(t.pos, "want packed, sized, shown, alone, order or \"{\", found %s", describe(t))
	}
}

func parseType(s *stream) *typ {
	t := &typ{pos: s.peek().pos, wide: s.accept("ptr64")}
	switch {
	case s.accept("*"):
		t.base, t.elem = "*", parseType(s)
	case s.accept("["):
		t.base = "[]"
		parseLen(s, t)
		t.elem = parseType(s)
	default:
		parseNamedType(s, t)
	}
	return t
}

func parseNamedType(s *stream, t *typ) {
	t.base = s.word("a type")
	if s.accept("/") {
		t.width = s.word("a width")
	}
	if s.accept(":") {
		t.ref = s.word("the name of a set or struct")
	}
	if s.accept("[") {
		parseLen(s, t)
	}
}

// parseLen reads the rest of "[LEN]".
func parseLen(s *stream, t *typ) {
	t.deref = s.accept("*")
	t.len = s.word("a length")
	s.expect("]")
}

// parseCond reads PARAM = A|B, PARAM & A|B or PARAM/MASK = A|B, and more of them after &&.
func parseCond(s *stream) *cond {
	c := &cond{pos: s.peek().pos, param: s.word("a parameter")}
	if s.accept("/") {
		c.mask = s.word("a mask")
	}
	op := s.next()
	if c.op = op.text; c.op != "=" && (c.op != "&" || c.mask != "") {
		s.fail(op.pos, "want \"=\" or \"&\" in a condition, found %s", describe(op))
	}
	for more := true; more; more = s.accept("|") {
		c.values = append(c.values, s.word("a constant"))
	}
	if s.peek().text == "&" && s.follows("&") {
		s.at += 2
		c.and = parseCond(s)
	}
	return c
}

// parseSet reads [NAME], the words of its head, and the names up to the next "[".
func parseSet(s *stream) *set {
	d := &set{pos: s.peek().pos, words: map[string]bool{}}
	s.expect("[")
	d.name = s.word("the name of a set")
	s.expect("]")
	for line := d.line; !s.done() && s.peek().line == line; {
		parseSetWord(s, d)
	}
	for !s.done() && s.peek().text != "[" {
		d.members = append(d.members, parseMember(s))
	}
	return d
}

func parseSetWord(s *stream, d *set) {
	t := s.next()
	switch {
	case t.text == "prefix":
		d.prefix = s.word("a prefix")
	case t.text == "unknown":
		d.unknown = s.word("a comment")
	case t.text == "zero":
		d.zero = s.word("how zero prints")
	case t.text == "flags":
		d.flags = true
	case t.text == "call":
		d.call = s.word("a macro")
	case t.text == "part":
		d.parts = append(d.parts, parsePart(s))
	case bases[t.text] != "":
		d.base = t.text
	case setWords[t.text] != "":
		d.words[t.text] = true
	default:
		s.fail(t.pos, "%s is no word of a set's head, in [%s]", describe(t), d.name)
	}
}

// parsePart reads MASK[:COMMENT].
func parsePart(s *stream) part {
	p := part{mask: s.word("a mask")}
	if s.accept(":") {
		p.unknown = s.word("a comment")
	}
	return p
}

// parseMember reads NAME[/MASK][=VALUE].
func parseMember(s *stream) member {
	m := member{pos: s.peek().pos, name: s.word("a constant")}
	if s.accept("/") {
		m.mask = s.word("a mask")
	}
	if s.accept("=") {
		m.value = s.word("a value")
	}
	return m
}

// number parses a C-like integer; a negative one becomes its 64-bit complement.
func number(text string) (uint64, bool) {
	if strings.HasPrefix(text, "-") {
		v, err := strconv.ParseInt(text, 0, 64)
		return uint64(v), err == nil
	}
	v, err := strconv.ParseUint(text, 0, 64)
	return v, err == nil
}
