package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// numbers are a constant's value and mask on one ABI.
type numbers struct{ value, mask uint64 }

func (g *gen) emitSets(b *bytes.Buffer) {
	names := slices.Sorted(maps.Keys(g.m.sets))
	type place struct{ set, index int }
	first := map[string]place{}
	b.WriteString("var setTable = [...]*Set{\n")
	for _, name := range names {
		fmt.Fprintf(b, "&%s,\n", g.ident("set", name))
	}
	b.WriteString("}\n")
	for i, name := range names {
		s := g.m.sets[name]
		g.emitSet(b, s)
		for j, c := range s.members {
			if _, ok := first[c.name]; !ok && c.digits() == "" {
				first[c.name] = place{i, j}
			}
		}
	}
	b.WriteString("\nvar constTable = [...]constRef{\n")
	for _, name := range slices.Sorted(maps.Keys(first)) {
		fmt.Fprintf(b, "{%d, %d}, // %s\n", first[name].set, first[name].index, name)
	}
	b.WriteString("}\n")
}

func (g *gen) emitSet(b *bytes.Buffer, s *set) {
	fmt.Fprintf(b, "\nvar %s = Set{\nName: %q,\n", g.ident("set", s.name), s.name)
	writeNonEmpty(b, "Prefix: %q,\n", s.prefix)
	writeNonEmpty(b, "Zero: %q,\n", s.zero)
	writeNonEmpty(b, "Unknown: %q,\n", s.unknown)
	writeNonEmpty(b, "Base: %s,\n", bases[s.base])
	for _, word := range slices.Sorted(maps.Keys(s.words)) {
		fmt.Fprintf(b, "%s: true,\n", setWords[word])
	}
	g.emitParts(b, s)
	b.WriteString("Consts: []Const{\n")
	for _, c := range s.members {
		g.emitConst(b, c, s.flags)
	}
	b.WriteString("},\n}\n")
}

func (g *gen) emitParts(b *bytes.Buffer, s *set) {
	if s.call == "" {
		return
	}
	fmt.Fprintf(b, "Call: %q,\nParts: []Part{\n", s.call)
	for _, p := range s.parts {
		mask, ok := number(p.mask)
		if !ok {
			g.fail(s.pos, "%q is not a number", p.mask)
		}
		fmt.Fprintf(b, "{Mask: %#x, Unknown: %q},\n", mask, p.unknown)
	}
	b.WriteString("},\n")
}

func writeNonEmpty(b *bytes.Buffer, format, s string) {
	if s != "" {
		fmt.Fprintf(b, format, s)
	}
}

func (g *gen) emitConst(b *bytes.Buffer, c member, flags bool) {
	if form := c.digits(); form != "" {
		mask, ok := number(c.mask)
		if !ok {
			g.fail(c.pos, "%s needs a number as its mask", c.name)
		}
		fmt.Fprintf(b, "{Name: %q, Mask: %#x, Digits: %s},\n", c.name[1:], mask, form)
		return
	}
	value, ok := g.lookup(c.pos, c.name)
	if !ok {
		return
	}
	mask := &constant{exists: everyABI}
	if c.mask != "" {
		if mask, ok = g.lookup(c.pos, c.mask); !ok {
			return
		}
	}
	groups := groupABIs(func(i int) (numbers, bool) {
		return numbers{value.value[i], mask.value[i]}, value.exists.has(i) && mask.exists.has(i)
	}, func(a, b numbers) bool { return a == b })
	if len(groups) == 0 {
		g.fail(c.pos, "%s exists on no ABI", c.name)
		return
	}
	last := groups[len(groups)-1]
	bits := ""
	if n := anyBits(groups); flags && n != 0 {
		bits = fmt.Sprintf(", Bits: %#x", n)
	}
	fmt.Fprintf(b, "{Name: %q%s%s%s},\n", c.name, numberFields(last.item), bits, perABI(groups, value.exists&mask.exists))
}

// anyBits are the bits that a value has on any ABI, 0 if it is 0 under a mask on one.
func anyBits(groups []group[numbers]) (bits uint64) {
	for _, gr := range groups {
		if gr.item.value == 0 && gr.item.mask != 0 {
			return 0
		}
		bits |= gr.item.value
	}
	return bits
}

func numberFields(n numbers) string {
	text := ""
	if n.value != 0 {
		text += fmt.Sprintf(", Value: %#x", n.value)
	}
	if n.mask != 0 {
		text += fmt.Sprintf(", Mask: %#x", n.mask)
	}
	return text
}

// perABI is the PerABI field: the groups but the last, and the ABIs that lack the name.
func perABI(groups []group[numbers], exists abiSet) string {
	var rows []string
	for _, gr := range groups[:len(groups)-1] {
		rows = append(rows, fmt.Sprintf("{ABIs: %s%s}", gr.abis.expr(), numberFields(gr.item)))
	}
	if lack := everyABI &^ exists; lack != 0 {
		rows = append(rows, fmt.Sprintf("{ABIs: %s, Absent: true}", lack.expr()))
	}
	if rows == nil {
		return ""
	}
	return ", PerABI: []ConstABI{" + strings.Join(rows, ", ") + "}"
}

// lookup finds the values of a name or number.
func (g *gen) lookup(p pos, name string) (*constant, bool) {
	if v, ok := number(name); ok {
		c := &constant{name: name, exists: everyABI}
		for i := range c.value {
			c.value[i] = v
		}
		return c, true
	}
	if c := g.m.consts[name]; c != nil {
		return c, true
	}
	if _, ok := g.missing[name]; !ok {
		g.missing[name] = p
	}
	return nil, false
}
