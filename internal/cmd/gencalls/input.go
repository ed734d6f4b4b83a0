package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A call is one row of a number table.
type call struct {
	nr   int
	name string
}

// A table is what one file of data/numbers holds.
type table struct {
	name  string
	calls []call
}

// A class is one line of classes.txt with its references to other classes resolved.
type class struct {
	name    string
	members map[string]bool
}

// A model is everything the output is made from.
type model struct {
	tables  []table
	names   []string // every call's name, sorted
	classes []class
}

func readModel(data string) (*model, error) {
	files, err := filepath.Glob(filepath.Join(data, "numbers", "*.tsv"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("find number tables in %s: none", data)
	}
	m := &model{}
	for _, f := range files {
		t, err := readTable(f)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", f, err)
		}
		m.tables = append(m.tables, t)
	}
	m.collectNames()
	return m, m.readClasses(filepath.Join(data, "classes.txt"))
}

func readTable(file string) (table, error) {
	t := table{name: strings.TrimSuffix(filepath.Base(file), ".tsv")}
	lines, err := readLines(file)
	if err != nil {
		return t, err
	}
	names := map[string]bool{}
	for _, l := range lines {
		nr, name, _ := strings.Cut(l, "\t")
		n, err := strconv.Atoi(nr)
		if err != nil || name == "" {
			return t, fmt.Errorf("parse %q: want NUMBER<TAB>NAME", l)
		}
		if k := len(t.calls); k > 0 && t.calls[k-1].nr >= n {
			return t, fmt.Errorf("order %q: numbers must rise", l)
		}
		if names[name] {
			return t, fmt.Errorf("add %q: the name is there twice", name)
		}
		names[name] = true
		t.calls = append(t.calls, call{n, name})
	}
	return t, nil
}

// readLines gives the lines that are neither empty nor comments.
func readLines(file string) ([]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var lines []string
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		l, _, _ := strings.Cut(sc.Text(), "//")
		if l = strings.TrimSpace(l); l != "" {
			lines = append(lines, l)
		}
	}
	return lines, sc.Err()
}

func (m *model) collectNames() {
	for _, t := range m.tables {
		for _, c := range t.calls {
			m.names = append(m.names, c.name)
		}
	}
	slices.Sort(m.names)
	m.names = slices.Compact(m.names)
}

// id is a name's ID: its place among the names, from 1.
func (m *model) id(name string) (int, bool) {
	i, ok := slices.BinarySearch(m.names, name)
	return i + 1, ok
}

func (m *model) readClasses(file string) error {
	lines, err := readLines(file)
	if err != nil {
		return err
	}
	text := map[string][]string{}
	for _, l := range lines {
		name, members, ok := strings.Cut(l, ":")
		if !ok || !strings.ContainsAny(name[:1], "%@") {
			return fmt.Errorf("parse class %q: want %%NAME: or @NAME: and members", l)
		}
		if _, twice := text[name]; twice {
			return fmt.Errorf("add class %s: it is there twice", name)
		}
		text[name] = strings.Fields(members)
	}
	for name := range text {
		c := class{name, map[string]bool{}}
		if err := m.resolve(&c, text, name, nil); err != nil {
			return fmt.Errorf("resolve class %s: %w", name, err)
		}
		m.classes = append(m.classes, c)
	}
	slices.SortFunc(m.classes, func(a, b class) int { return strings.Compare(a.name, b.name) })
	return nil
}

// resolve adds the members of one line, and of the classes it refers to, to c. A "*" is every call.
func (m *model) resolve(c *class, text map[string][]string, line string, path []string) error {
	if slices.Contains(path, line) {
		return fmt.Errorf("follow %v: it contains itself", path)
	}
	members, ok := text[line]
	if !ok {
		return fmt.Errorf("find class %s: none", line)
	}
	var bad []error
	for _, name := range members {
		bad = append(bad, m.member(c, text, name, append(path, line)))
	}
	return errors.Join(bad...)
}

func (m *model) member(c *class, text map[string][]string, name string, path []string) error {
	switch {
	case name == "*":
		for _, n := range m.names {
			c.members[n] = true
		}
	case strings.ContainsAny(name[:1], "%@"):
		return m.resolve(c, text, name, path)
	default:
		if _, ok := m.id(name); !ok {
			return fmt.Errorf("find call %s: no table has it", name)
		}
		c.members[name] = true
	}
	return nil
}
