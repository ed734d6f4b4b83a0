package compiler

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/stead-project/stead/internal/landlockabi"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/cond"
	"github.com/stead-project/stead/policy/landlock"
)

// execRuleset is what Landlock enforces where the supervisor judges files: execution. It cannot have the lists with something taken out of
// them, and without them would refuse to read what may be executed (security/landlock/fs.c, get_required_file_open_access).
func (c *compilation) execRuleset() landlockabi.Ruleset {
	doc := *c.doc
	exec := policy.Exec{Pos: doc.Files.Pos, Allow: doc.Files.Exec}
	if doc.Exec != nil {
		exec.Allow = slices.Concat(exec.Allow, doc.Exec.Allow)
	}
	exec.Allow = c.besideRefused(exec.Allow)
	doc.Files, doc.Exec = nil, &exec
	return landlock.FromDocument(&doc, landlock.Options{ABI: c.o.Landlock}).Ruleset
}

// besideRefused puts what lies beside a hidden or denied path in the place of a hierarchy that it is in: Landlock cannot take back a part.
// What is made there later cannot be executed. Landlock goes by where things are, so a path that is a link is what it leads to.
func (c *compilation) besideRefused(list []policy.Pattern) (out []policy.Pattern) {
	refused := c.refusedPaths()
	for i := range list {
		p := list[i]
		at := c.real(path.Clean(p.Path))
		if g := c.globAt(at); g != nil && at != path.Clean(p.Path) {
			c.fail(fmt.Errorf("%s: exec %s leads to %s, and %s may refuse anything there: begin the glob with the directories that it is about", p.Pos, p.Path, at, g.Path))
			continue
		}
		if p.Glob || c.o.List == nil || !meets(at, refused) {
			out = append(out, p)
			continue
		}
		for _, beside := range c.beside(at, refused) {
			out = append(out, policy.Pattern{Pos: p.Pos, Path: beside})
		}
		c.warn(p.Pos, "exec %s: something in it is hidden or denied, so what lies beside that now can be executed, and nothing that is made there later", p.Path)
	}
	return out
}

// refusedPaths are those that are hidden or denied by name, and what they lead to.
func (c *compilation) refusedPaths() (refused []string) {
	for _, l := range [][]policy.Pattern{c.doc.Files.Hide, c.doc.Files.Refuse} {
		for i := range l {
			if !l[i].Glob {
				refused = append(refused, c.resolved(l[i].Path)...)
			}
		}
	}
	return refused
}

// globAt is a glob that hides or denies something that may be above, at or below a path; nil if there is none.
func (c *compilation) globAt(at string) *policy.Pattern {
	for _, l := range [][]policy.Pattern{c.doc.Files.Hide, c.doc.Files.Refuse} {
		for i := range l {
			if l[i].Glob && meets(at, c.resolved(fixedPart(&l[i]))) {
				return &l[i]
			}
		}
	}
	return nil
}

// meets says whether a path is one of a list, or above or below one.
func meets(at string, list []string) bool {
	return slices.ContainsFunc(list, func(other string) bool { return within(at, other) || within(other, at) })
}

// real is what a path leads to, as far as it does.
func (c *compilation) real(at string) string {
	if c.o.Resolve == nil {
		return at
	}
	if to := c.o.Resolve(at); path.IsAbs(to) {
		return to
	}
	return at
}

// beside is all that a directory holds but what is refused, and but links: what they lead to is in the directory too, or is not
// of the hierarchy.
func (c *compilation) beside(dir string, refused []string) (list []string) {
	if slices.ContainsFunc(refused, func(at string) bool { return within(dir, at) }) {
		return nil
	}
	if !meets(dir, refused) {
		return []string{dir}
	}
	for _, name := range c.o.List(dir) {
		if at := path.Join(dir, name); c.real(at) == at {
			list = append(list, c.beside(at, refused)...)
		}
	}
	return list
}

// splits says whether what lies beside the refused paths in a hierarchy can stand for it. Of a glob nobody knows what it will refuse,
// and a hierarchy that is refused itself has nothing beside.
func (c *compilation) splits(p *policy.Pattern) bool {
	at, inside := path.Clean(p.Path), false
	for _, list := range [][]policy.Pattern{c.doc.Files.Hide, c.doc.Files.Refuse} {
		for i := range list {
			for _, refused := range c.resolved(fixedPart(&list[i])) {
				if within(at, refused) || list[i].Glob && within(refused, at) {
					return false
				}
				inside = inside || within(refused, at)
			}
		}
	}
	return inside && !p.Glob && c.o.List != nil
}

// execPattern is the entry of an exec list that stands at a place.
func (c *compilation) execPattern(pos policy.Pos) *policy.Pattern {
	lists := [][]policy.Pattern{c.doc.Files.Exec}
	if c.doc.Exec != nil {
		lists = append(lists, c.doc.Exec.Allow)
	}
	for _, list := range lists {
		if i := slices.IndexFunc(list, func(p policy.Pattern) bool { return p.Pos == pos }); i >= 0 {
			return &list[i]
		}
	}
	return &policy.Pattern{Glob: true} // there is none: nothing splits
}

// maxListed bounds how many names are looked at for a glob in a list of what may be executed.
const maxListed = 1 << 16

// withoutExecGlobs puts the files that match now in the place of globs in the lists of what may be executed, which only Landlock can
// restrict, and which it knows by their places. What matches later cannot be executed.
func (c *compilation) withoutExecGlobs(doc *policy.Document) *policy.Document {
	if c.o.List == nil || c.o.IsDir == nil || c.o.Handed {
		return doc
	}
	d := *doc
	if d.Files != nil {
		f := *d.Files
		f.Exec = c.matching(f.Exec)
		d.Files = &f
	}
	if d.Exec != nil {
		d.Exec = &policy.Exec{Pos: d.Exec.Pos, Allow: c.matching(d.Exec.Allow)}
	}
	return &d
}

func (c *compilation) matching(list []policy.Pattern) (out []policy.Pattern) {
	for i := range list {
		p := list[i]
		if !p.Glob {
			out = append(out, p)
			continue
		}
		g, err := cond.CompileGlob(p.Path)
		if err != nil {
			c.fail(fmt.Errorf("%s: %w", p.Pos, err))
			continue
		}
		s := search{c: c, glob: g, left: maxListed, depth: strings.Count(p.Path, "/")}
		if strings.Contains(p.Path, "**") {
			s.depth = maxListed
		}
		if c.doc.Files != nil {
			s.refused = c.matcher(c.doc.Files.Hide, c.doc.Files.Refuse)
		}
		if s.walk(fixedPart(&p)); s.left < 0 {
			c.fail(fmt.Errorf("%s: exec %s: more than %d files would have to be looked at: begin it with the directories that it is about", p.Pos, p.Path, maxListed))
			continue
		}
		for _, at := range s.found {
			out = append(out, policy.Pattern{Pos: p.Pos, Path: at})
		}
		c.warn(p.Pos, "exec %s: the files that match it now (%d) can be executed, and none that is made later", p.Path, len(s.found))
	}
	return out
}

// A search looks for the files that a glob matches.
type search struct {
	c       *compilation
	glob    *cond.Glob
	refused cond.Path
	depth   int // of what can match, in components
	left    int // names that may still be looked at
	found   []string
}

func (s *search) walk(dir string) {
	for _, name := range s.c.o.List(dir) {
		if s.left--; s.left < 0 {
			return
		}
		at := path.Join(dir, name)
		real := s.c.real(at)
		switch {
		case !s.c.o.IsDir(at):
			if s.glob.Match([]byte(at)) && !s.refused.Holds([]byte(at)) && !s.refused.Holds([]byte(real)) {
				s.found = append(s.found, real)
			}
		case real == path.Join(s.c.real(dir), name) && strings.Count(at, "/") < s.depth: // no link, which might lead in circles
			s.walk(at)
		}
	}
}
