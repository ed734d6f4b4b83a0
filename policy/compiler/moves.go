package compiler

import (
	"slices"
	"syscall"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/cond"
)

// protect remembers the paths that a refusing rule names.
func (c *compilation) protect(p *cond.Path) {
	var list []string
	if p.Under != nil {
		list = append(list, p.Under.Paths()...)
	}
	list = append(list, p.Equal...)
	c.stay(p.Globs)
	for _, g := range p.Globs {
		list = append(list, fixedPart(&policy.Pattern{Path: g.String(), Glob: true}))
	}
	for _, at := range list {
		if !slices.Contains(c.prog.protected, at) {
			c.prog.protected = append(c.prog.protected, at)
		}
	}
}

// stay remembers globs that what is moved must not get away from.
func (c *compilation) stay(globs []*cond.Glob) {
	for _, g := range globs {
		if !slices.ContainsFunc(c.prog.moving, func(h *cond.Glob) bool { return h.String() == g.String() }) {
			c.prog.moving = append(c.prog.moving, g)
		}
	}
}

// renames are the calls that give everything below a directory another path.
const renames = "rename,renameat,renameat2"

// movesProtected says with which error a call fails that is allowed, but would move a directory in which something is refused by its path:
// EACCES, or EXDEV if a glob may refuse something there and would not at the new place. 0: none.
func (p *Program) movesProtected(ctx *cond.Context) syscall.Errno {
	if len(p.protected)+len(p.moving) == 0 || !p.renames.Has(ctx.Call.ID) {
		return 0
	}
	var paths [][]byte
	for i := range ctx.Call.Args {
		if v := ctx.Call.Args[i].Param; v == nil || v.Kind != arch.KindPath {
			continue
		}
		at, err := ctx.PathOf(i)
		if err != nil {
			continue
		}
		if above(p.protected, at) {
			return eacces
		}
		paths = append(paths, slices.Clone(at))
	}
	if len(paths) != 2 || p.keeps(paths[0], paths[1]) && (!exchanges(ctx.Call) || p.keeps(paths[1], paths[0])) {
		return 0
	}
	return exdev
}

// keeps says whether globs refuse below to whatever they refuse below from.
func (p *Program) keeps(from, to []byte) bool {
	return !slices.ContainsFunc(p.moving, func(g *cond.Glob) bool { return !g.Keeps(from, to) })
}

func exchanges(c *arch.Call) bool {
	v, flag := c.Arg("flags"), constant(c.ABI, "RENAME_EXCHANGE")
	return v != nil && v.Raw&flag != 0
}
