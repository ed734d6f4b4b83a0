package filter

import (
	"math/bits"

	seccomp "github.com/seccomp/libseccomp-golang"
)

// A grower turns a list into a decision tree whose ways test each argument at most once, so that libseccomp can say each way.
// A narrow test's opposite is said of the whole register: beside its sibling that makes no difference, and if it does, the proof
// finds it.
type grower struct {
	fallback Action
	rules    []rule
}

// tree gives a rule for each way to another action than the fallback; none if an argument would be tested twice.
func (l *list) tree(fallback Action) []rule {
	g := grower{fallback: fallback}
	if !g.grow(l.clauses, l.rest, nil) {
		return nil
	}
	return g.rules
}

// grow splits by the first test there is. way is what has been tested on the way here.
func (g *grower) grow(clauses []clause, rest Action, way []test) bool {
	if len(clauses) == 0 || len(clauses[0].when) == 0 {
		then := rest
		if len(clauses) > 0 {
			then = clauses[0].then
		}
		return g.leaf(way, then)
	}
	t := clauses[0].when[0]
	for i := range way {
		if way[i].arg == t.arg {
			return false
		}
	}
	way = way[:len(way):len(way)]
	return g.grow(given(clauses, &t), rest, append(way, t)) && g.grow(given(clauses, ptr(t.negated())), rest, append(way, t.negated()))
}

func (g *grower) leaf(way []test, then Action) bool {
	if then == g.fallback {
		return true
	}
	r, ok := (&clause{when: way, then: then}).rule()
	g.rules = append(g.rules, r)
	return ok && len(g.rules) <= maxRules
}

// given are the clauses as they are where a test is known to hold.
func given(clauses []clause, known *test) (out []clause) {
	for _, c := range clauses {
		left := clause{then: c.then}
		o := always
		for i := range c.when {
			switch known.implies(&c.when[i]) {
			case never:
				o = never
			case depends:
				left.when = append(left.when, c.when[i])
			}
		}
		if o != never {
			out = append(out, left)
		}
	}
	return out
}

// implies says what follows for another test, as far as it is plain to see.
func (t *test) implies(u *test) outcome {
	if t.arg != u.arg || t.wide != u.wide {
		return depends
	}
	if *t == *u {
		return always
	}
	if t.negated() == *u {
		return never
	}
	if t.op == same && u.op == same && (t.val^u.val)&t.mask&u.mask != 0 {
		return never
	}
	return depends
}

func ptr(t test) *test { return &t }

// tame says whether libseccomp can be trusted with the rules of a call at all. It keeps conditions in a tree by argument, and adding
// a rule may never return (2.5.4): where one rule tests arguments 0, 1 and 2 and another 0 and 2, and where some of many rules test
// one half of an argument and others both. So the arguments of one rule have to begin those of any other, and the tested halves be
// the same where the rules are many.
func tame(rules []rule) bool {
	var args, halves uint16
	for i := range rules {
		a, h := rules[i].tested()
		args |= a
		halves |= h
	}
	for i := range rules {
		a, h := rules[i].tested()
		if a != args&(1<<bits.Len16(a)-1) || h != halves && len(rules) > maxMixed {
			return false
		}
	}
	return true
}

// maxMixed is far below where rules that test different halves were seen not to return.
const maxMixed = 8

// tested has a bit for each argument, and for each half of one.
func (r *rule) tested() (args, halves uint16) {
	for _, c := range r.when {
		masked := c.op == seccomp.CompareMaskedEqual
		args |= 1 << c.arg
		if !masked || c.a>>32 != 0 {
			halves |= 1 << (2 * c.arg)
		}
		if !masked || uint32(c.a) != 0 {
			halves |= 2 << (2 * c.arg)
		}
	}
	return args, halves
}
