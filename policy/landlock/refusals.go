package landlock

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/stead-project/stead/policy"
)

// A refusal is a hierarchy, or a glob, that a document denies or hides.
type refusal struct {
	pattern *policy.Pattern
	verb    string
	prefix  string // the directory or file that all it matches is in or below
}

// refusals find quickly whether a hierarchy has anything refused in it, or is in something refused.
type refusals struct {
	sorted []refusal // by prefix
}

func newRefusals(deny, hide []policy.Pattern) refusals {
	var r refusals
	for _, l := range []struct {
		list []policy.Pattern
		verb string
	}{{deny, "denied"}, {hide, "hidden"}} {
		for i := range l.list {
			p := &l.list[i]
			r.sorted = append(r.sorted, refusal{pattern: p, verb: l.verb, prefix: literal(p)})
		}
	}
	slices.SortStableFunc(r.sorted, func(a, b refusal) int { return cmp.Compare(a.prefix, b.prefix) })
	return r
}

// literal is a glob's leading components that hold no special character; a plain path is all literal.
func literal(p *policy.Pattern) string {
	if !p.Glob {
		return path.Clean(p.Path)
	}
	i := strings.IndexAny(p.Path, `*?[{\`)
	if i < 0 {
		return path.Clean(p.Path)
	}
	return path.Clean("/" + p.Path[:strings.LastIndexByte(p.Path[:i], '/')+1])
}

// meets finds a refusal that has a path in common with the hierarchy at p. In doubt there is one.
func (r *refusals) meets(p string) *refusal {
	if d := r.within(p); d != nil {
		return d
	}
	for dir := p; dir != "/"; {
		dir = path.Dir(dir)
		for i := r.search(dir); i < len(r.sorted) && r.sorted[i].prefix == dir; i++ {
			if d := &r.sorted[i]; !d.pattern.Glob || mayMatch(d.pattern.Path, p) {
				return d
			}
		}
	}
	return nil
}

// within finds a refusal at p or below it.
func (r *refusals) within(p string) *refusal {
	if i := r.search(p); i < len(r.sorted) && r.sorted[i].prefix == p {
		return &r.sorted[i]
	}
	below := strings.TrimSuffix(p, "/") + "/"
	if i := r.search(below); i < len(r.sorted) && strings.HasPrefix(r.sorted[i].prefix, below) {
		return &r.sorted[i]
	}
	return nil
}

func (r *refusals) search(prefix string) int {
	i, _ := slices.BinarySearchFunc(r.sorted, prefix, func(d refusal, s string) int { return cmp.Compare(d.prefix, s) })
	return i
}

// mayMatch says whether a glob can match p or something above or below it: component by component, as long as both last.
func mayMatch(glob, p string) bool {
	for {
		var g, c string
		g, glob, _ = strings.Cut(strings.TrimLeft(glob, "/"), "/")
		c, p, _ = strings.Cut(strings.TrimLeft(p, "/"), "/")
		if g == "" || c == "" || strings.Contains(g, "**") {
			return true
		}
		if !componentMayMatch(g, c) {
			return false
		}
	}
}

// componentMayMatch judges literals and asterisks. Of the other special characters it looks at what is before them.
func componentMayMatch(glob, name string) bool {
	if i := strings.IndexAny(glob, `?[{\`); i >= 0 {
		lead, _, _ := strings.Cut(glob[:i], "*")
		return strings.HasPrefix(name, lead)
	}
	ok, err := path.Match(glob, name)
	return ok || err != nil
}
