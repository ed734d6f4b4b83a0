package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A described is what a call is on one ABI.
type described struct {
	base     *callDecl
	variants []*callDecl
}

func sameDescribed(a, b described) bool {
	return a.base == b.base && slices.Equal(a.variants, b.variants)
}

func (g *gen) emitSignatures(b *bytes.Buffer) {
	var only, first []string
	rows := 0
	b.WriteString("var signatureTable = [...]Signature{\n")
	for _, name := range g.callOrder() {
		first = append(first, fmt.Sprint(rows))
		for _, gr := range g.describe(name) {
			b.WriteString(g.callLiteral(gr.item.base, gr.item) + ",\n")
			only = append(only, gr.abisOrZero())
			rows++
		}
	}
	first = append(first, fmt.Sprint(rows))
	b.WriteString("}\n\n// signatureABIs has the ABIs of each row of signatureTable; 0 is every one that the rows before do not have.\n")
	fmt.Fprintf(b, "var signatureABIs = [...]ABISet{\n%s,\n}\n\n", strings.Join(only, ",\n"))
	b.WriteString("// signatureFirst has for each ID the first row in signatureTable; the next ID's ends them.\n")
	fmt.Fprintf(b, "var signatureFirst = [...]uint16{\n%s,\n}\n", strings.Join(first, ",\n"))
}

func (gr group[T]) abisOrZero() string {
	if gr.abis == 0 {
		return "0"
	}
	return gr.abis.expr()
}

// callOrder is the calls in the order of their ids. Id 0 is no call: it has an empty name.
func (g *gen) callOrder() []string {
	names := slices.Sorted(maps.Keys(g.m.calls))
	if g.m.ids == nil {
		return append([]string{""}, names...)
	}
	for _, name := range names {
		if _, ok := slices.BinarySearch(g.m.ids, name); !ok {
			g.fail(g.m.calls[name][0].pos, "no ABI has a call %q", name)
		}
	}
	return append([]string{""}, g.m.ids...)
}

// describe groups the ABIs by the lines that apply to them.
func (g *gen) describe(name string) []group[described] {
	decls := g.m.calls[name]
	g.checkCalls(decls)
	return groupABIs(func(i int) (described, bool) {
		d := described{base: pickBase(decls, i)}
		for _, c := range decls {
			if d.base != nil && c.when != nil && variantOf(c, d.base, decls) && (c.abis == 0 || c.abis.has(i)) {
				d.variants = append(d.variants, c)
			}
		}
		return d, d.base != nil
	}, sameDescribed)
}

// pickBase chooses the line for an ABI: the one with the fewest ABIs that has it, else the one for all.
func pickBase(decls []*callDecl, abi int) (best *callDecl) {
	for _, c := range decls {
		if c.when != nil || c.abis != 0 && !c.abis.has(abi) {
			continue
		}
		if best == nil || best.abis == 0 || c.abis != 0 && c.abis.count() < best.abis.count() {
			best = c
		}
	}
	return best
}

// variantOf reports whether a variant belongs to a base: they name the same ABIs, or no base names the variant's.
func variantOf(v, base *callDecl, decls []*callDecl) bool {
	if v.abis == base.abis {
		return true
	}
	return v.abis != 0 && !slices.ContainsFunc(decls, func(c *callDecl) bool { return c.when == nil && c.abis == v.abis })
}

// checkCalls refuses equally specific lines for one ABI, and a variant that has no base before it.
func (g *gen) checkCalls(decls []*callDecl) {
	for i, c := range decls {
		var base bool
		for _, old := range decls[:i] {
			if old.when != nil {
				continue
			}
			base = true
			clash := c.abis == old.abis || c.abis&old.abis != 0 && c.abis.count() == old.abis.count()
			if c.when == nil && clash {
				g.fail(c.pos, "%s is already in %s:%d", c.name, old.file, old.line)
			}
		}
		if c.when != nil && !base {
			g.fail(c.pos, "a variant of %s without its base before it", c.name)
		}
	}
}

func (g *gen) callLiteral(c *callDecl, d described) string {
	sc := &scope{params: c.params, what: "call " + c.name}
	var f fields
	f.str("Name", c.name)
	g.checkCount(c)
	if len(c.params) > 0 {
		f.add("Params: []Param" + g.paramList(c, sc))
	}
	if kind, ok := results[c.result]; !ok {
		g.fail(c.pos, "unknown result %q: want fd, addr or noreturn", c.result)
	} else if kind != "KindNone" {
		f.add("Return: " + kind)
	}
	if c.when != nil {
		base := &scope{params: d.base.params, what: "call " + c.name}
		f.add("When: &" + g.condLiteral(c.when, base))
	}
	if c.when == nil && len(d.variants) > 0 {
		text := "[]Signature{\n"
		for _, v := range d.variants {
			text += g.callLiteral(v, d) + ",\n"
		}
		f.add("Variants: " + text + "}")
	}
	return f.literal()
}

func (g *gen) checkCount(c *callDecl) {
	if len(c.params) > 6 {
		g.fail(c.pos, "%s has %d parameters; no call has more than 6", c.name, len(c.params))
	}
}

func (g *gen) paramList(c *callDecl, sc *scope) string {
	text := "{\n"
	for _, p := range c.params {
		text += g.paramLiteral(p, sc, false) + ",\n"
	}
	return text + "}"
}
