package compiler

import (
	"fmt"
	"path"
	"slices"

	"github.com/stead-project/stead/internal/landlockabi"
)

// unsupported compares what the short forms ask of Landlock with what the machine's Landlock has.
func (c *compilation) unsupported() {
	rs := c.prog.Landlock.Ruleset
	if rs.HandledFS == 0 && rs.HandledNet == 0 && rs.Scopes == 0 {
		return
	}
	mode := landlockabi.Strict
	if c.o.BestEffort {
		mode = landlockabi.BestEffort
	}
	_, losses, err := landlockabi.Compile(rs, c.o.Landlock, mode)
	if err != nil {
		c.fail(fmt.Errorf("%s: %w (--best-effort)", c.doc.Pos, err))
		return
	}
	c.lossy = len(losses) > 0
	if c.o.Landlock == 0 { // everything is lost: one warning instead of one per right
		c.warn(c.doc.Pos, "no Landlock on this kernel (it takes Linux 5.13, and landlock among the security modules): "+
			"what it was to restrict of files, programs and ports is not restricted")
		return
	}
	for _, l := range losses {
		c.warn(c.doc.Pos, "%s", l)
	}
}

// creations warns of what can be listed and means nothing: names are made and removed in directories.
func (c *compilation) creations() {
	if c.doc.Files == nil || c.o.IsDir == nil || c.o.List == nil || c.o.Handed {
		return
	}
	for i := range c.doc.Files.Create {
		p := &c.doc.Files.Create[i]
		if p.Glob || c.o.IsDir(p.Path) {
			continue
		}
		if slices.Contains(c.o.List(path.Dir(p.Path)), path.Base(p.Path)) {
			c.warn(p.Pos, "create %s: it is no directory, so that it can be written, and neither made nor removed; list the directory that it is in", p.Path)
		}
	}
}
