package main

import (
	"fmt"
	"slices"
	"strings"
)

// condNumbers are a condition's numbers on one ABI.
type condNumbers struct {
	mask   uint64
	values []uint64
}

func sameCond(a, b condNumbers) bool { return a.mask == b.mask && slices.Equal(a.values, b.values) }

// condLiteral is the composite literal of a condition, its type's name included.
func (g *gen) condLiteral(c *cond, sc *scope) string {
	r, ok := g.resolve(c.pos, sc, c.param)
	if !ok {
		return "Cond{}"
	}
	var mask *constant
	if c.mask != "" {
		if mask, ok = g.lookup(c.pos, c.mask); !ok {
			return "Cond{}"
		}
	}
	var values []*constant
	for _, name := range c.values {
		v, ok := g.lookup(c.pos, name)
		if !ok {
			return "Cond{}"
		}
		values = append(values, v)
	}
	groups := groupABIs(func(i int) (condNumbers, bool) {
		return numbersOn(i, c.op == "&", mask, values), true
	}, sameCond)
	last := len(groups) - 1

	var f fields
	f.str("Param", c.param)
	if c.op == "&" {
		f.add("Any: true")
	}
	f.numbers(groups[last].item)
	if r != (ref{}) {
		f.add("Ref: " + r.expr(false))
	}
	f.perABI(groups[:last])
	if c.and != nil {
		f.add("And: &" + g.condLiteral(c.and, sc))
	}
	return "Cond" + f.literal()
}

// numbersOn evaluates a condition for one ABI. A constant that the ABI lacks cannot match.
func numbersOn(abi int, any bool, mask *constant, values []*constant) (n condNumbers) {
	if mask != nil {
		n.mask = mask.value[abi]
	}
	for _, v := range values {
		switch {
		case !v.exists.has(abi):
		case any:
			n.mask |= v.value[abi]
		default:
			n.values = append(n.values, v.value[abi])
		}
	}
	return n
}

func (f *fields) numbers(n condNumbers) {
	if n.mask != 0 {
		f.add(fmt.Sprintf("Mask: %#x", n.mask))
	}
	if len(n.values) == 0 {
		return
	}
	var text []string
	for _, v := range n.values {
		text = append(text, fmt.Sprintf("%#x", v))
	}
	f.add("Values: []uint64{" + strings.Join(text, ", ") + "}")
}

func (f *fields) perABI(groups []group[condNumbers]) {
	if len(groups) == 0 {
		return
	}
	var rows []string
	for _, gr := range groups {
		row := fields{"ABIs: " + gr.abis.expr()}
		row.numbers(gr.item)
		rows = append(rows, row.literal())
	}
	f.add("PerABI: []CondABI{" + strings.Join(rows, ", ") + "}")
}
