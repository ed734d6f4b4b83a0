package compiler

import (
	"path"
	"strings"

	"github.com/stead-project/stead/internal/landlockabi"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/cond"
)

// boundCalls are calls of which Landlock bounds all that they can reach (Documentation/userspace-api/landlock.rst in the kernel's
// sources). It lets others of its areas' calls through: stat(2), chmod(2), sending on a socket.
const boundCalls = "open,openat,openat2,creat,execve,execveat,mkdir,mkdirat,rmdir,unlink,unlinkat,rename,renameat,renameat2," +
	"link,linkat,symlink,symlinkat,mknod,mknodat,truncate,truncate64"

// refuses says whether a verdict keeps a call from happening.
func refuses(v policy.Verdict) bool { return !v.Continues() && v != policy.Perform }

// beyond says whether a condition holds for nothing but paths where Landlock allows nothing. A program that cheats it by exchanging
// the path gains nothing then. In doubt it is not so.
func (c *compilation) beyond(e *cond.Expr) bool {
	switch e.Op {
	case cond.False:
		return true
	case cond.Test:
		p, ok := e.Leaf.(*cond.Path)
		return ok && c.beyondPath(p)
	case cond.And, cond.Or:
		for _, k := range e.Kids {
			if c.beyond(k) == (e.Op == cond.And) {
				return e.Op == cond.And
			}
		}
		return e.Op == cond.Or
	}
	return false
}

// beyondPath is about the paths that a test names. What it calls by the directories above, or by the last component, may be
// anywhere.
func (c *compilation) beyondPath(p *cond.Path) bool {
	r := p.Ref
	if !r.Pointer() || r.Nested() || r.Base() || r.Dirs() > 0 || len(p.Globs) > 0 {
		return false
	}
	if p.Under != nil {
		for _, dir := range p.Under.Paths() {
			if c.reaches(dir) {
				return false
			}
		}
	}
	for _, file := range p.Equal {
		if c.reaches(file) {
			return false
		}
	}
	return true
}

// reaches says whether Landlock allows anything at a path, above or below it.
func (c *compilation) reaches(at string) bool {
	for i := range c.prog.Landlock.Ruleset.Paths {
		rule := &c.prog.Landlock.Ruleset.Paths[i]
		if rule.Allow&^landlockabi.Refer == 0 {
			continue // renaming and linking as before, where only execution is closed
		}
		if meets(at, c.resolved(rule.Path)) {
			return true
		}
	}
	return !path.IsAbs(at)
}

// within says whether a path is a directory or below it.
func within(at, dir string) bool {
	return dir == "/" || at == dir || strings.HasPrefix(at, dir+"/")
}
