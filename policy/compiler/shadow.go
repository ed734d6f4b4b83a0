package compiler

import (
	"fmt"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy/cond"
)

// maxShadows bounds how many entries of one list are compared with each other.
const maxShadows = 128

// Shadowed finds rules that decide nothing, since their conditions hold only where those of rules before them do. It takes its time,
// which is why Compile does not do it, and may miss some.
func (p *Program) Shadowed() (list []Warning) {
	s := shadows{by: map[int]string{}, alive: map[int]bool{}}
	for abi := range arch.NumABIs {
		if t := p.tables[abi]; t != nil {
			for _, l := range t.lists {
				s.look(l)
			}
		}
	}
	for i := range p.Document.Rules {
		if by := s.by[i]; by != "" && !s.alive[i] {
			r := &p.Document.Rules[i]
			list = append(list, Warning{r.Pos, fmt.Sprintf("rule %s decides nothing: %s already where its condition holds", r.Name, by)})
		}
	}
	return list
}

type shadows struct {
	by    map[int]string // rules by what shadows them in some list
	alive map[int]bool   // rules that decide something in some list
}

// look is about one call's list. Rules that the list does not reach have been reported by Compile.
func (s *shadows) look(list []entry) {
	before := &cond.Expr{Op: cond.Or}
	for i := range list[:min(len(list), maxShadows)] {
		e := &list[i]
		if e.rule == nil || e.expr == nil {
			return
		}
		if by := shadow(list[:i], before, e.expr); by != "" {
			s.by[e.index] = by
		} else {
			s.alive[e.index] = true
		}
		before.Kids = append(before.Kids, e.expr)
	}
}

// shadow says what decides where a condition holds; "" if nothing is known to.
func shadow(earlier []entry, all, e *cond.Expr) string {
	for i := range earlier {
		if e.Implies(earlier[i].expr) {
			return "rule " + earlier[i].origin + " decides"
		}
	}
	if len(earlier) > 1 && e.Implies(all) {
		return "the rules before it decide"
	}
	return ""
}
