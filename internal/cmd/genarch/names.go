package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
)

// writeNames lists the names that need a value: NAME, or NAME=OTHER where a set gives it another name's value.
func (m *model) writeNames(w io.Writer) {
	need := map[string]string{}
	add := func(name, value string) {
		if _, ok := number(name); name == "" || ok {
			return
		}
		if _, ok := number(value); !ok && need[name] == "" {
			need[name] = value
		}
	}
	given := map[string]bool{}
	for _, s := range m.sets {
		for _, c := range s.members {
			if c.digits() != "" {
				continue
			}
			if _, ok := number(c.value); ok {
				given[c.name] = true
			}
			add(c.name, c.value)
			add(c.mask, "")
		}
	}
	m.eachCond(func(c *cond) {
		add(c.mask, "")
		for _, v := range c.values {
			add(v, "")
		}
	})
	for _, name := range slices.Sorted(maps.Keys(need)) {
		switch {
		case given[name]:
		case need[name] != "":
			fmt.Fprintf(w, "%s=%s\n", name, need[name])
		default:
			fmt.Fprintln(w, name)
		}
	}
}

func (m *model) eachCond(f func(*cond)) {
	var params func([]*param)
	chain := func(c *cond) {
		for ; c != nil; c = c.and {
			f(c)
		}
	}
	params = func(list []*param) {
		for _, p := range list {
			chain(p.when)
			if p.inner != nil {
				params(p.inner.fields)
			}
		}
	}
	for _, decls := range m.calls {
		for _, c := range decls {
			chain(c.when)
			params(c.params)
		}
	}
	for _, decls := range m.structs {
		for _, d := range decls {
			params(d.fields)
		}
	}
}
