package compiler

import (
	"fmt"

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
		c.fail(fmt.Errorf("%s: %w; --best-effort goes on without", c.doc.Pos, err))
		return
	}
	for _, l := range losses {
		c.warn(c.doc.Pos, "%s", l)
	}
}
