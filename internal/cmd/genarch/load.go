package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// load reads the data directory. It returns every mistake it finds, joined.
func load(dir string) (*model, error) {
	m := &model{
		sets:    map[string]*set{},
		structs: map[string][]*structDecl{},
		calls:   map[string][]*callDecl{},
		consts:  map[string]*constant{},
	}
	l := loader{dir: dir, m: m}
	l.constants()
	l.ids()
	l.each("sets", func(s *stream) { l.addSet(parseSet(s)) })
	l.each("structs", func(s *stream) { d := parseStruct(s); m.structs[d.name] = append(m.structs[d.name], d) })
	l.each("signatures", func(s *stream) { c := parseCall(s); m.calls[c.name] = append(m.calls[c.name], c) })
	return m, errors.Join(l.errs...)
}

type loader struct {
	dir  string
	m    *model
	errs []error
}

func (l *loader) each(kind string, item func(*stream)) {
	names, err := filepath.Glob(filepath.Join(l.dir, kind, "*.txt"))
	if err != nil {
		l.errs = append(l.errs, fmt.Errorf("list %s: %w", kind, err))
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			l.errs = append(l.errs, fmt.Errorf("read data: %w", err))
			continue
		}
		l.errs = append(l.errs, parseAll(lex(l.short(name), string(text)), item)...)
	}
}

// short is the file's name as messages show it: below the data directory.
func (l *loader) short(name string) string {
	return filepath.ToSlash(filepath.Join(filepath.Base(filepath.Dir(name)), filepath.Base(name)))
}

func (l *loader) addSet(s *set) {
	if old := l.m.sets[s.name]; old != nil {
		l.errs = append(l.errs, s.errorf("set %s is already in %s:%d", s.name, old.file, old.line))
		return
	}
	l.m.sets[s.name] = s
	seen := map[string]bool{}
	for _, c := range s.members {
		if seen[c.name] {
			l.errs = append(l.errs, c.errorf("%s is in set %s twice", c.name, s.name))
		}
		seen[c.name] = true
		l.addInline(c)
	}
}

// addInline records the value of NAME=VALUE.
func (l *loader) addInline(c member) {
	if c.value == "" {
		return
	}
	v, ok := number(c.value)
	if !ok {
		return // an alias of a header's name: genconst has evaluated it under the member's own name
	}
	inline := &constant{pos: c.pos, name: c.name, exists: everyABI}
	for i := range inline.value {
		inline.value[i] = v
	}
	if old := l.m.consts[c.name]; old != nil && old.value != inline.value {
		l.errs = append(l.errs, c.errorf("%s has another value in %s:%d", c.name, old.file, old.line))
	}
	l.m.consts[c.name] = inline
}

func (l *loader) constants() {
	text, err := os.ReadFile(filepath.Join(l.dir, "constants.tsv"))
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	if err != nil {
		l.errs = append(l.errs, fmt.Errorf("read constants: %w", err))
	}
	for i, line := range strings.Split(string(text), "\n") {
		if line == "" || strings.HasPrefix(line, "//") {
			continue
		}
		c, err := parseConstant(pos{"constants.tsv", i + 1}, line)
		if err == nil && l.m.consts[c.name] != nil {
			err = c.errorf("%s is there twice", c.name)
		}
		if err != nil {
			l.errs = append(l.errs, err)
			continue
		}
		l.m.consts[c.name] = c
	}
}

// parseConstant reads NAME<TAB>VALUE[<TAB>ABI=VALUE,…]; a VALUE of "-" says that the name does not exist.
func parseConstant(p pos, line string) (*constant, error) {
	cols := strings.Split(line, "\t")
	if len(cols) < 2 || len(cols) > 3 {
		return nil, p.errorf("want NAME, VALUE and at most one more column, found %d columns", len(cols))
	}
	c := &constant{pos: p, name: cols[0]}
	if err := c.put(everyABI, cols[1]); err != nil {
		return nil, err
	}
	if len(cols) == 2 {
		return c, nil
	}
	for _, item := range strings.Split(cols[2], ",") {
		abi, value, _ := strings.Cut(item, "=")
		on, ok := abiNamed(abi)
		if !ok {
			return nil, p.errorf("unknown ABI %q", abi)
		}
		if err := c.put(on, value); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *constant) put(on abiSet, text string) error {
	v, ok := number(text)
	if !ok && text != "-" {
		return c.errorf("%q is not a number", text)
	}
	for i := range c.value {
		if on.has(i) {
			c.value[i] = v
		}
	}
	c.exists &^= on
	if ok {
		c.exists |= on
	}
	return nil
}

// ids collects the names of calls from numbers/*.tsv. Ids are dense and alphabetical; 0 is no call.
func (l *loader) ids() {
	names, _ := filepath.Glob(filepath.Join(l.dir, "numbers", "*.tsv"))
	seen := map[string]bool{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			l.errs = append(l.errs, fmt.Errorf("read numbers: %w", err))
		}
		for _, line := range strings.Split(string(text), "\n") {
			if _, call, ok := strings.Cut(line, "\t"); ok && !strings.HasPrefix(line, "//") && !strings.HasPrefix(line, "#") {
				call, _, _ = strings.Cut(call, "\t")
				seen[strings.TrimSpace(call)] = true
			}
		}
	}
	for name := range seen {
		l.m.ids = append(l.m.ids, name)
	}
	slices.Sort(l.m.ids)
}
