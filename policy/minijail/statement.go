package minijail

import (
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/foreign"
)

// A statement is one line of a policy, being read.
type statement struct {
	*parser
	tokens []token
	at     int
	braces bool
}

// peek is the next token; at the end of the line, one without text.
func (s *statement) peek() token {
	if s.at < len(s.tokens) {
		return s.tokens[s.at]
	}
	end := s.tokens[len(s.tokens)-1]
	end.pos.Column += len(end.text)
	return token{kind: endOfLine, pos: end.pos}
}

func (s *statement) next() token {
	t := s.peek()
	s.at++
	return t
}

// accept takes the next token if it is this one.
func (s *statement) accept(text string) bool {
	if t := s.peek(); t.kind == endOfLine || t.text != text {
		return false
	}
	s.at++
	return true
}

func (s *statement) expect(text string) error {
	if s.accept(text) {
		return nil
	}
	return s.errorf(s.peek(), "%s expected, found %s", text, found(s.peek()))
}

func found(t token) string {
	if t.kind == endOfLine {
		return "the end of the line"
	}
	return fmt.Sprintf("%q", t.text)
}

func (s *statement) errorf(t token, format string, args ...any) error {
	return fmt.Errorf("%s: %w", t.pos, fmt.Errorf(format, args...))
}

func (s *statement) parse() error {
	var err error
	switch first := s.peek(); {
	case !strings.HasPrefix(first.text, "@"):
		err = s.filter()
	default:
		s.at++
		err = s.directive(first)
	}
	if err == nil && s.at < len(s.tokens) {
		err = s.errorf(s.peek(), "unexpected %s after the statement", found(s.peek()))
	}
	return err
}

func (s *statement) directive(first token) error {
	switch first.text {
	case "@denylist":
		s.denylist, s.fallback = true, policy.Action{Verdict: policy.Allow, Pos: first.pos}
		return nil
	case "@default":
		return s.defaultAction()
	case "@include", "@frequency":
		file := s.next()
		if file.kind != path {
			return s.errorf(file, "a path that begins with / or ./ expected, found %s", found(file))
		}
		if first.text == "@frequency" {
			return nil // how often calls are made changes no decision
		}
		return s.include(file)
	}
	return s.errorf(first, "unknown %s; known are @default, @include, @frequency, @denylist", first.text)
}

// defaultAction refuses to let everything through, as the compiler does.
func (s *statement) defaultAction() error {
	at := s.peek()
	a, err := s.action()
	if err != nil {
		return err
	}
	if foreign.Strictness(a.Verdict) > foreign.Strictness(policy.Ask) {
		return s.errorf(at, "the default cannot be %s: kill, trap or user-notify", at.text)
	}
	s.fallback = a
	return nil
}

// filter is CALLS : FILTER.
func (s *statement) filter() error {
	start := s.peek()
	calls, err := s.calls()
	if err != nil {
		return err
	}
	if err := s.expect(":"); err != nil {
		return err
	}
	if !s.accept("{") {
		return s.single(start, calls)
	}
	s.braces = true
	for {
		if err := s.single(s.peek(), calls); err != nil {
			return err
		}
		if !s.accept(",") {
			return s.expect("}")
		}
	}
}

// calls is a name or a list of them in braces.
func (s *statement) calls() (calls arch.Selection, err error) {
	if !s.accept("{") {
		return calls, s.call(&calls)
	}
	for {
		if err := s.call(&calls); err != nil {
			return calls, err
		}
		if !s.accept(",") {
			return calls, s.expect("}")
		}
	}
}

func (s *statement) call(calls *arch.Selection) error {
	t := s.next()
	if t.kind != word {
		return s.errorf(t, "the name of a call expected, found %s", found(t))
	}
	applies, err := s.metadata()
	if err != nil || !applies {
		return err
	}
	if strings.Contains(t.text, "@") {
		return s.errorf(t, "%s is a group of the compiler's own tables: write out its calls", t.text)
	}
	id, ok := arch.LookupID(t.text)
	if !ok {
		return s.unknownCall(t)
	}
	if _, ok := s.abi.NumberOf(id); !ok {
		s.warn(t.pos, "%s does not exist on %s", t.text, s.abi)
	}
	calls.Add(id)
	return nil
}

func (s *statement) unknownCall(t token) error {
	_, err := arch.ParseSelection(t.text, arch.Selection{})
	if err == nil { // a word such as all
		err = fmt.Errorf("%q is not the name of a call", t.text)
	}
	return s.errorf(t, "%w", err)
}

// metadata is [arch=x86_64,arm], which restricts a call to ABIs.
func (s *statement) metadata() (applies bool, err error) {
	if !s.accept("[") {
		return true, nil
	}
	applies = true
	for {
		key := s.next()
		if key.text != "arch" {
			return false, s.errorf(key, "unknown condition %s: only arch= is known", found(key))
		}
		if err := s.expect("="); err != nil {
			return false, err
		}
		listed, err := s.arches()
		if err != nil {
			return false, err
		}
		applies = applies && listed
		if !s.accept(";") {
			return applies, s.expect("]")
		}
	}
}

func (s *statement) arches() (listed bool, err error) {
	for {
		t := s.next()
		abi, err := arch.ParseABI(t.text)
		if err != nil {
			return false, s.errorf(t, "%w", err)
		}
		listed = listed || abi == s.abi
		if !s.accept(",") {
			return listed, nil
		}
	}
}

// single is an action, or an expression that may have one behind it.
func (s *statement) single(start token, calls arch.Selection) error {
	if !argument(s.peek().text) {
		then, err := s.action()
		if err != nil {
			return err
		}
		return s.entry(start, calls, nil, then)
	}
	when, err := s.expression()
	if err != nil {
		return err
	}
	if !s.accept(";") {
		return s.entry(start, calls, when, policy.Action{Verdict: policy.Allow})
	}
	at := s.peek()
	then, err := s.action()
	if err != nil {
		return err
	}
	if s.o.Compiler || s.braces || s.denylist {
		return s.entry(start, calls, when, then)
	}
	s.ambiguous(at)
	if err := s.entry(start, calls, when, policy.Action{Verdict: policy.Allow}); err != nil {
		return err
	}
	return s.entry(at, calls, nil, then)
}

// ambiguous warns once of what the two readers of the format take differently.
func (s *statement) ambiguous(at token) {
	if s.warned {
		return
	}
	s.warned = true
	s.warn(at.pos, "read as minijail0 does: the action is for calls that do not fulfil the expression; to minijail's compiler it is "+
		"for those that do")
}

// entry records what was read, if any of the calls is for this ABI.
func (s *statement) entry(at token, calls arch.Selection, when foreign.DNF, then policy.Action) error {
	if calls.Len() == 0 {
		return nil
	}
	if s.denylist && then.Verdict == policy.Allow {
		return s.errorf(at, "a @denylist allows what it does not name: give the calls that it names a return")
	}
	then.Pos = at.pos
	return s.add(foreign.Entry{Pos: at.pos, Calls: calls, When: when, Then: then})
}

// verbs are minijail's actions.
func verbs() []verb {
	return []verb{
		{"allow", policy.Allow, ""}, {"1", policy.Allow, ""}, {"log", policy.Log, ""},
		{"kill-process", policy.Kill, ""},
		{"kill-thread", policy.Kill, "the whole process is killed, not the thread alone"},
		{"kill", policy.Kill, ""},
		{"trap", policy.Kill, "the process is killed; a handler of SIGSYS is not called"},
		{"user-notify", policy.Ask, ""},
		{"trace", policy.Deny, "the call fails with ENOSYS, as it does without a tracer"},
	}
}

type verb struct {
	name string
	verb policy.Verdict
	lost string
}

func (s *statement) action() (policy.Action, error) {
	t := s.next()
	if t.text == "return" && t.kind == word {
		return s.errno()
	}
	list := verbs()
	i := slices.IndexFunc(list, func(v verb) bool { return v.name == t.text })
	if i < 0 {
		return policy.Action{}, s.errorf(t, "an action expected, found %s; known are allow, log, return ERRNO, kill, kill-process, "+
			"kill-thread, trap, trace, user-notify", found(t))
	}
	if list[i].lost != "" {
		s.warn(t.pos, "%s: %s", t.text, list[i].lost)
	}
	a := policy.Action{Verdict: list[i].verb, Pos: t.pos}
	switch {
	case t.text == "trace":
		a.Errno = syscall.ENOSYS
	case t.text == "user-notify" && s.o.Notify == policy.Perform:
		a.Verdict = policy.Perform
	}
	return a, nil
}

// maxErrno is what the kernel cuts error numbers to (kernel/seccomp.c, __seccomp_filter).
const maxErrno = 4095

// errno: 0 is success, and so is to the kernel.
func (s *statement) errno() (policy.Action, error) {
	t := s.peek()
	if n, ok := s.abi.Errno(t.text); ok && t.kind == word {
		s.at++
		return policy.Action{Verdict: policy.Deny, Errno: syscall.Errno(n), Pos: t.pos}, nil
	}
	v, err := s.constant(0)
	if err != nil {
		return policy.Action{}, err
	}
	if v > maxErrno {
		return policy.Action{}, s.errorf(t, "error number %d is larger than %d", v, maxErrno)
	}
	if v == 0 {
		return policy.Action{Verdict: policy.Return, Pos: t.pos}, nil
	}
	return policy.Action{Verdict: policy.Deny, Errno: syscall.Errno(v), Pos: t.pos}, nil
}
