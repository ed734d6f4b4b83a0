package policytest

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/internal/nearest"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/callspec"
)

// An Error is what is wrong at a place of a file of cases.
type Error struct {
	Pos policy.Pos
	Err error
}

// Error is file:line:column and the fault.
func (e *Error) Error() string { return e.Pos.String() + ": " + e.Err.Error() }

// Unwrap returns the fault without its place.
func (e *Error) Unwrap() error { return e.Err }

// maxErrors is how many faults are reported at once.
const maxErrors = 20

// A loader reads one file. It goes on after a fault, so that all are seen at once.
type loader struct {
	name   string
	faults []error
	calls  int
}

// Load reads a file of cases. name is for messages. The error joins *Errors, one per fault.
func Load(name string, text []byte) ([]Case, error) {
	l := loader{name: name}
	root, err := l.parse(text)
	if err != nil {
		return nil, err
	}
	if root.Kind != yaml.SequenceNode {
		return nil, l.at(root, errors.New("a file of tests is a list: begin each with - call: …"))
	}
	var cases []Case
	for _, n := range root.Content {
		if len(l.faults) >= maxErrors || l.calls > MaxCases {
			break
		}
		cases = append(cases, l.oneCase(n))
	}
	if l.calls > MaxCases {
		l.fault(root, "more than %d calls: split the file", MaxCases)
	}
	return cases, errors.Join(l.faults...)
}

// limits bounds the YAML parser.
type limits struct{}

// CheckDepth implements yaml.LoaderLimitsPlugin.
func (limits) CheckDepth(depth int, _ *yaml.DepthContext) error {
	if depth > maxDepth {
		return fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	return nil
}

// CheckAlias implements yaml.LoaderLimitsPlugin. Aliases are refused where they stand; none is expanded.
func (limits) CheckAlias(int, int) error { return nil }

func (l *loader) parse(text []byte) (*yaml.Node, error) {
	top := policy.Pos{File: l.name}
	switch {
	case len(text) > MaxFile:
		return nil, &Error{top, fmt.Errorf("larger than %d bytes: split the file", MaxFile)}
	case !utf8.Valid(text):
		return nil, &Error{top, errors.New("not UTF-8: write other bytes of strings as \\377")}
	case len(bytes.TrimSpace(text)) == 0:
		return nil, &Error{top, errors.New("no tests in it: write a list of - {call: …, want: …}")}
	}
	var doc yaml.Node
	if err := yaml.Load(text, &doc, yaml.WithPlugin(limits{})); err != nil {
		var le *yaml.LoadError
		if errors.As(err, &le) {
			top.Line, top.Column = le.Mark.Line, le.Mark.Column
			err = errors.New(le.Message)
		}
		return nil, &Error{top, fmt.Errorf("not YAML: %w (put calls in single quotes)", err)}
	}
	if len(doc.Content) != 1 {
		return nil, &Error{top, errors.New("no tests in it: write a list of - {call: …, want: …}")}
	}
	return doc.Content[0], nil
}

func (l *loader) pos(n *yaml.Node) policy.Pos {
	return policy.Pos{File: l.name, Line: n.Line, Column: n.Column}
}

func (l *loader) at(n *yaml.Node, err error) error { return &Error{l.pos(n), err} }

func (l *loader) fault(n *yaml.Node, format string, args ...any) {
	if len(l.faults) < maxErrors {
		l.faults = append(l.faults, l.at(n, fmt.Errorf(format, args...)))
	}
}

// A key is one key of a mapping and what reads its value.
type key struct {
	name string
	read func(*yaml.Node)
}

// mapping reads a mapping by its keys.
func (l *loader) mapping(n *yaml.Node, what string, keys []key) {
	if n.Kind != yaml.MappingNode {
		l.fault(n, "%s is a mapping: %s", what, keyNames(keys))
		return
	}
	var seen []string
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		found := find(keys, k.Value)
		switch {
		case k.Kind != yaml.ScalarNode || found == nil:
			l.fault(k, "unknown key %q%s", shorten(k.Value), suggest(k.Value, keys))
		case contains(seen, k.Value):
			l.fault(k, "key %s is there twice", k.Value)
		case v.Kind == yaml.AliasNode || v.Anchor != "":
			l.fault(v, "anchors and aliases are not taken: write the value out")
		default:
			found.read(v)
		}
		seen = append(seen, k.Value)
	}
}

func find(keys []key, name string) *key {
	for i := range keys {
		if keys[i].name == name {
			return &keys[i]
		}
	}
	return nil
}

func contains(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}

func keyNames(keys []key) string {
	var names []string
	for i := range keys {
		names = append(names, keys[i].name)
	}
	return strings.Join(names, ", ")
}

func suggest(name string, keys []key) string {
	var names []string
	for i := range keys {
		names = append(names, keys[i].name)
	}
	return nearest.DidYouMean(name, names)
}

func shorten(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

// oneCase reads an entry. Its calls are parsed last, because the ABI may stand after them.
func (l *loader) oneCase(n *yaml.Node) (c Case) {
	c.Pos = l.pos(n)
	abi := native()
	var calls []*yaml.Node
	wanted := false
	before := len(l.faults)
	l.mapping(n, "a test", []key{
		{"name", func(v *yaml.Node) { c.Name = l.text(v) }},
		{"call", func(v *yaml.Node) { calls = append(calls, v) }},
		{"calls", func(v *yaml.Node) { calls = append(calls, l.list(v)...) }},
		{"abi", func(v *yaml.Node) { abi = l.abi(v) }},
		{"caller", func(v *yaml.Node) { c.Caller = l.caller(v) }},
		{"want", func(v *yaml.Node) { c.Want, wanted = l.want(v), true }},
		{"rule", func(v *yaml.Node) { c.Rule = l.text(v) }},
		{"engine", func(v *yaml.Node) { c.Engine = l.text(v) }},
	})
	if len(l.faults) > before {
		return c
	}
	if len(calls) == 0 {
		l.fault(n, "the test has no call: add call: 'openat(AT_FDCWD, \"/etc/passwd\", O_RDONLY)'")
	}
	if !wanted {
		l.fault(n, "the test does not say what it wants: add want: allow, or want: {deny: ENOENT}")
	}
	for _, v := range calls {
		l.call(&c, v, abi)
	}
	return c
}

func native() arch.ABI {
	if abi := arch.Native(); abi != 0 {
		return abi
	}
	return arch.X86_64
}

func (l *loader) call(c *Case, n *yaml.Node, abi arch.ABI) {
	text := l.text(n)
	if l.calls++; l.calls > MaxCases || text == "" {
		return
	}
	call, err := callspec.Parse(text, abi)
	if err != nil {
		pos := l.pos(n)
		l.faults = append(l.faults, &Error{l.within(n, pos, err), err})
		return
	}
	c.Calls = append(c.Calls, Call{Pos: l.pos(n), Text: text, Call: call})
}

// within moves a position to where in a call the fault is, if the call is on one line and as it was written.
func (l *loader) within(n *yaml.Node, pos policy.Pos, err error) policy.Pos {
	var e *callspec.Error
	if !errors.As(err, &e) || e.Column == 0 || n.Style&(yaml.LiteralStyle|yaml.FoldedStyle|yaml.DoubleQuotedStyle) != 0 {
		return pos
	}
	if strings.ContainsAny(n.Value[:min(e.Column-1, len(n.Value))], "'\n") {
		return pos
	}
	pos.Column += e.Column - 1
	if n.Style&yaml.SingleQuotedStyle != 0 {
		pos.Column++
	}
	return pos
}

// text reads a string; a number or a word that YAML knows is one as well.
func (l *loader) text(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode || n.Value == "" || n.Tag == "!!null" {
		l.fault(n, "a string belongs here")
		return ""
	}
	return n.Value
}

func (l *loader) list(n *yaml.Node) []*yaml.Node {
	if n.Kind != yaml.SequenceNode {
		l.fault(n, "calls is a list: use call for one call")
		return nil
	}
	for _, item := range n.Content {
		if item.Kind != yaml.ScalarNode {
			l.fault(item, "a call is a string: put it in single quotes")
			return nil
		}
	}
	return n.Content
}

func (l *loader) abi(n *yaml.Node) arch.ABI {
	abi, err := arch.ParseABI(l.text(n))
	if err != nil {
		l.fault(n, "%w", err)
	}
	return abi
}

func (l *loader) caller(n *yaml.Node) (c Caller) {
	str := func(to **string) func(*yaml.Node) {
		return func(v *yaml.Node) { s := l.text(v); *to = &s }
	}
	id := func(to **uint32) func(*yaml.Node) {
		return func(v *yaml.Node) { *to = l.id(v) }
	}
	l.mapping(n, "caller", []key{
		{"uid", id(&c.uid)}, {"gid", id(&c.gid)}, {"exe", str(&c.exe)}, {"comm", str(&c.comm)}, {"cwd", str(&c.cwd)},
	})
	return c
}

func (l *loader) id(n *yaml.Node) *uint32 {
	v, err := strconv.ParseUint(l.text(n), 10, 32)
	if err != nil {
		l.fault(n, "%q is not an id: write a number, like 1000", shorten(n.Value))
	}
	id := uint32(v)
	return &id
}

// want reads a verdict's word, {deny: ERRNO} or {return: N}.
func (l *loader) want(n *yaml.Node) (w Want) {
	if n.Kind == yaml.MappingNode {
		if len(n.Content) != 2 {
			l.fault(n, "want is one verdict: {deny: ERRNO} or {return: N}")
			return w
		}
		l.mapping(n, "want", []key{
			{"deny", func(v *yaml.Node) { w.Verdict, w.Errno = policy.Deny, 0; l.errno(&w, v) }},
			{"return", func(v *yaml.Node) { w.Verdict = policy.Return; l.value(&w, v) }},
		})
		return w
	}
	word := l.text(n)
	v, ok := callspec.ParseVerdict(word)
	switch {
	case !ok && word != "":
		l.fault(n, "unknown verdict %q%s", shorten(word), nearest.DidYouMean(word, callspec.VerdictNames()))
	case v == policy.Return && ok:
		l.fault(n, "return needs its value: write {return: 0}")
	}
	w.Verdict = v
	return w
}

func (l *loader) errno(w *Want, n *yaml.Node) {
	e, ok := callspec.ParseErrno(l.text(n))
	if !ok {
		l.fault(n, "unknown errno %q%s", shorten(n.Value), nearest.DidYouMean(n.Value, errnoNames()))
	}
	w.Errno = e
}

func errnoNames() (names []string) {
	const last = 133 // EHWPOISON, the largest of asm-generic/errno.h
	for n := 1; n <= last; n++ {
		if name := native().ErrnoName(n); name != "" {
			names = append(names, name)
		}
	}
	return names
}

func (l *loader) value(w *Want, n *yaml.Node) {
	v, err := strconv.ParseInt(l.text(n), 0, 64)
	if err != nil {
		l.fault(n, "%q is not a number: write {return: 0}", shorten(n.Value))
	}
	w.Value = v
}
