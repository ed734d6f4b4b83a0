package compiler

import (
	"slices"
	"strings"

	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/cond"
)

// refusing makes the test of what is hidden or denied. A glob takes what is below with it, as a path does: hiding the name of a directory
// alone would leave all that it holds within reach.
func (c *compilation) refusing(list []policy.Pattern) cond.Path {
	all := slices.Clone(list)
	for _, p := range list {
		if p.Glob && !strings.HasSuffix(p.Path, "/**") {
			p.Path += "/**"
			all = append(all, p)
		}
	}
	return c.matcher(all)
}

func (c *compilation) addGlob(m *cond.Path, text string) {
	g, err := cond.CompileGlob(text)
	if err != nil {
		c.fail(err)
		return
	}
	m.Globs = append(m.Globs, g)
}

// resolvedGlob is a glob, and what it is where the directories that it begins with lead: see resolved.
func (c *compilation) resolvedGlob(text string) []string {
	list := []string{text}
	dir := fixedPart(&policy.Pattern{Path: text, Glob: true})
	rest, ok := strings.CutPrefix(text, dir+"/")
	if !ok {
		return list // it begins with a wildcard
	}
	for _, real := range c.resolved(dir)[1:] {
		list = append(list, strings.TrimSuffix(literally.Replace(real), "/")+"/"+rest)
	}
	return list
}

// literally makes a path a glob of this path only.
var literally = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `{`, `\{`, `}`, `\}`)

// refusesByLink says whether something is hidden or denied in what is allowed, and only links show it: Landlock goes by where things are,
// and would allow all of it. What shows as it is written, Landlock's part of the compiler has found.
func (c *compilation) refusesByLink() bool {
	f := c.doc.Files
	allowed := slices.Concat(f.Read, f.Write, f.Create, f.Exec)
	if c.doc.Exec != nil {
		allowed = append(allowed, c.doc.Exec.Allow...)
	}
	written, led := c.places(slices.Concat(f.Hide, f.Refuse))
	for i := range allowed {
		at, real := c.places(allowed[i : i+1])
		if meetsAny(at, led) || meetsAny(real, written) || meetsAny(real, led) {
			return true
		}
	}
	return false
}

// places are the paths that patterns begin with, and what links make of them.
func (c *compilation) places(list []policy.Pattern) (written, led []string) {
	for i := range list {
		at := c.resolved(fixedPart(&list[i]))
		written, led = append(written, at[0]), append(led, at[1:]...)
	}
	return written, led
}

func meetsAny(list, others []string) bool {
	return slices.ContainsFunc(list, func(at string) bool { return meets(at, others) })
}
