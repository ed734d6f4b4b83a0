// Package minijail reads minijail's seccomp policies: what minijail0 -S takes, and the larger language of its compiler
// (compile_seccomp_policy.py), as policies of Stead.
//
// The two differ in one thing. To minijail0, "arg0 == 1; return EPERM" allows a call whose comparison holds and fails the others;
// to the compiler it fails the call whose comparison holds. [Options].Compiler chooses; statements in braces and @denylist are the
// compiler's alone and read its way.
package minijail

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/foreign"
)

// Options say for whom a policy is read. The zero value is this machine, and a policy that includes nothing.
type Options struct {
	Name     string                            // the file's name, for messages and as what includes are relative to; "" is "policy"
	Arch     arch.ABI                          // whose constants and call names count
	ReadFile func(name string) ([]byte, error) // for @include; nil: an include is an error
	Compiler bool                              // "expression; action" acts on calls that fulfil the expression
	Notify   policy.Verdict                    // what user-notify becomes: Perform, or else Ask
}

// A Warning is something that the policy cannot keep, or that does not mean what it looks like.
type Warning = foreign.Warning

// A parser holds what is common to a policy's files.
type parser struct {
	o        Options
	abi      arch.ABI
	files    []string // being read, the innermost last
	read     int      // files
	bytes    int
	fallback policy.Action
	denylist bool
	entries  []foreign.Entry
	settled  []settlement
	warnings []Warning
	warned   bool // of the two readings of an action behind an expression
}

// A settlement is where a call got an action without conditions, after which nothing more can be said of it.
type settlement struct {
	calls arch.Selection
	pos   policy.Pos
}

// Import reads a policy. Its errors name file, line and column.
func Import(r io.Reader, o Options) (*policy.Document, []Warning, error) {
	if o.Name == "" {
		o.Name = "policy"
	}
	p := &parser{o: o, abi: o.Arch, fallback: policy.Action{Verdict: policy.Kill}}
	if p.abi == 0 {
		p.abi = arch.Native()
	}
	text, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", o.Name, err)
	}
	if err := p.file(o.Name, text); err != nil {
		return nil, nil, err
	}
	return p.document(), p.warnings, nil
}

// document: minijail's filters kill what is not of their own ABI.
func (p *parser) document() *policy.Document {
	doc := &policy.Document{Pos: policy.Pos{File: p.o.Name, Line: 1, Column: 1}, Name: filepath.Base(p.o.Name), Default: p.fallback}
	doc.Rules = p.otherABIs(doc.Pos)
	for _, e := range p.entries {
		rules, warnings := e.Rules(foreign.Options{ABIs: []arch.ABI{p.abi}, Default: p.fallback})
		doc.Rules = append(doc.Rules, rules...)
		p.warnings = append(p.warnings, warnings...)
	}
	return doc
}

func (p *parser) otherABIs(pos policy.Pos) []policy.Rule {
	if len(p.abi.Compat()) == 0 {
		return nil
	}
	r := policy.Rule{Pos: pos, Name: "other ABIs", Calls: arch.AllCalls(), Then: policy.Action{Verdict: policy.Kill, Pos: pos},
		When: policy.Condition{Pos: pos, Text: fmt.Sprintf("caller.abi != %q", p.abi.String())}}
	r.Source = foreign.RuleYAML(r, p.abi)
	return []policy.Rule{r}
}

// file reads one file, included or not.
func (p *parser) file(name string, text []byte) error {
	p.read++
	p.bytes += len(text)
	switch {
	case p.bytes > maxBytes:
		return fmt.Errorf("read %s: more than %d bytes in all", name, maxBytes)
	case p.read > maxFiles:
		return fmt.Errorf("read %s: more than %d files", name, maxFiles)
	}
	p.files = append(p.files, name)
	defer func() { p.files = p.files[:len(p.files)-1] }()
	statements, err := lines(name, string(text))
	if err != nil {
		return err
	}
	for _, tokens := range statements {
		s := &statement{parser: p, tokens: tokens}
		if err := s.parse(); err != nil {
			return err
		}
	}
	return nil
}

var errIncludesOff = errors.New("no way to read other files was given")

func (p *parser) include(at token) error {
	if len(p.files) >= maxDepth {
		return fmt.Errorf("%s: includes nested more than %d deep", at.pos, maxDepth)
	}
	name := at.text
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(p.files[len(p.files)-1]), name)
	}
	if slices.Contains(p.files, name) {
		return fmt.Errorf("%s: %s includes itself", at.pos, name)
	}
	if p.o.ReadFile == nil {
		return fmt.Errorf("%s: include %s: %w", at.pos, name, errIncludesOff)
	}
	text, err := p.o.ReadFile(name)
	if err != nil {
		return fmt.Errorf("%s: include: %w", at.pos, err)
	}
	return p.file(name, text)
}

func (p *parser) warn(pos policy.Pos, format string, args ...any) {
	if len(p.warnings) < maxWarnings {
		p.warnings = append(p.warnings, Warning{Pos: pos, Text: fmt.Sprintf(format, args...)})
	}
}

// maxWarnings are as many as anybody reads.
const maxWarnings = 500

// add appends an entry for the calls. Nothing may follow an action without conditions: it could never decide.
func (p *parser) add(e foreign.Entry) error {
	for _, s := range p.settled {
		both := e.Calls.Minus(e.Calls.Minus(s.calls))
		if both.Len() > 0 {
			return fmt.Errorf("%s: %s is decided already, at %s: remove one of the two", e.Pos, both.IDs()[0], s.pos)
		}
	}
	if len(e.When) == 0 {
		p.settled = append(p.settled, settlement{e.Calls, e.Pos})
	}
	p.entries = append(p.entries, e)
	return nil
}
