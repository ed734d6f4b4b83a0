package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A shape is one layout of a struct: a declaration, packed or not.
type shape struct {
	decl   *structDecl
	packed bool
}

func (g *gen) emitStructs(b *bytes.Buffer) {
	for _, name := range slices.Sorted(maps.Keys(g.m.structs)) {
		g.emitStruct(b, name)
	}
}

// emitStruct writes one variable per layout; the first has the plain name and leads to the others.
func (g *gen) emitStruct(b *bytes.Buffer, name string) {
	decls := g.m.structs[name]
	g.checkOverlap(name, decls)
	groups := groupABIs(func(i int) (shape, bool) {
		d := pick(decls, i)
		if d == nil {
			return shape{}, false
		}
		return shape{d, d.packed.has(i)}, true
	}, func(a, b shape) bool { return a == b })
	for i, gr := range groups {
		var tail fields
		if gr.abis != 0 {
			tail.add("ABIs: " + gr.abis.expr())
		}
		if i+1 < len(groups) {
			tail.add("Alt: &" + g.layoutIdent(name, i+1))
		}
		d := *gr.item.decl
		d.packed = 0
		if gr.item.packed {
			d.packed = everyABI
		}
		sc := &scope{params: d.fields, users: g.users[name], what: "struct " + name}
		fmt.Fprintf(b, "var %s = %s\n\n", g.layoutIdent(name, i), g.structLiteral(&d, sc, tail))
	}
}

func (g *gen) layoutIdent(name string, i int) string {
	if i == 0 {
		return g.ident("struct", name)
	}
	return g.ident("struct", fmt.Sprintf("%s_alt%d", name, i))
}

// pick chooses the declaration for an ABI: the one with the fewest ABIs that has it, else the one for all.
func pick(decls []*structDecl, abi int) (best *structDecl) {
	for _, d := range decls {
		if d.abis != 0 && !d.abis.has(abi) {
			continue
		}
		if best == nil || best.abis == 0 || d.abis != 0 && d.abis.count() < best.abis.count() {
			best = d
		}
	}
	return best
}

// checkOverlap refuses two declarations that are equally specific about an ABI.
func (g *gen) checkOverlap(name string, decls []*structDecl) {
	for i, d := range decls {
		for _, old := range decls[:i] {
			if d.abis == old.abis || d.abis&old.abis != 0 && d.abis.count() == old.abis.count() {
				g.fail(d.pos, "struct %s is already in %s:%d", name, old.file, old.line)
			}
		}
	}
}

// textFields adds what a struct's head says about its text form.
func (g *gen) textFields(f *fields, d *structDecl) {
	at := func(name string) int {
		i := indexOf(d.fields, name)
		if i < 0 {
			g.fail(d.pos, "struct %s has no %q", d.name, name)
		}
		return i
	}
	if d.order != nil {
		f.add("Order: []uint8{" + orderOf(d, at) + "}")
	}
	if d.shown != "" {
		f.add(fmt.Sprintf("Shown: %d", at(d.shown)+1))
	}
	if d.alone != "" {
		f.add(fmt.Sprintf("Alone: %d", at(d.alone)+1))
	}
}

// orderOf lists the positions of the fields that are named, then of the others.
func orderOf(d *structDecl, at func(string) int) string {
	var list []string
	for _, name := range d.order {
		list = append(list, fmt.Sprint(at(name)))
	}
	for i, p := range d.fields {
		if !slices.Contains(d.order, p.name) || p.name == "" {
			list = append(list, fmt.Sprint(i))
		}
	}
	return strings.Join(list, ", ")
}

// structLiteral is the composite literal of a struct, its type's name included.
func (g *gen) structLiteral(d *structDecl, sc *scope, tail fields) string {
	var f fields
	f.str("Name", d.name)
	if d.packed != 0 {
		f.add("Packed: true")
	}
	if d.union {
		f.add("Overlap: true")
	}
	if d.view {
		f.add("View: true")
	}
	g.textFields(&f, d)
	if d.sizedBy != "" {
		if _, ok := g.resolve(d.pos, sc, d.sizedBy); ok {
			f.str("SizedBy", d.sizedBy)
		}
	}
	f = append(f, tail...)
	text := "[]Param{\n"
	for _, p := range d.fields {
		text += g.paramLiteral(p, sc, true) + ",\n"
	}
	f.add("Fields: " + text + "}")
	return "Struct" + f.literal()
}
