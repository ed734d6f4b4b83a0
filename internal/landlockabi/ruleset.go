package landlockabi

import (
	"fmt"
	"path"
	"strings"
)

// A Ruleset is what somebody wants of Landlock, whatever a kernel has. Handled actions are refused wherever no rule allows
// them; what is not handled stays as it is. (The exception is the kernel's: once any right on files is handled, so is Refer.)
type Ruleset struct {
	HandledFS  FS
	HandledNet Net
	Scopes     Scope
	Restrict   Restrict
	Paths      []Path
	Ports      []Ports

	// Refusals of these that meet an object whose rule is Quiet (for the scopes: all of them) stay out of the audit log.
	QuietFS     FS
	QuietNet    Net
	QuietScopes Scope
}

// A Path allows rights on a file, or on a directory and all below it.
type Path struct {
	Path     string // absolute; symbolic links are followed, once, when the rule is made
	Allow    FS     // rights that mean nothing on a plain file are dropped where it is one
	Optional bool   // that it is not there, or cannot be reached, is no error
	Quiet    bool
	Origin   string // where it was asked for, for messages
}

// Ports allow rights on the ports From to To, both included. Port 0 is the kernel's choice of a port, in bind(2).
type Ports struct {
	From, To uint16
	Allow    Net
	Quiet    bool
	Origin   string
}

// Limits of one ruleset. Landlock has a rule for each port, and a rule costs about a microsecond.
const (
	MaxPaths = 1 << 14
	MaxPorts = 1 << 12
)

// check finds what the kernel would refuse on every ABI.
func (r *Ruleset) check() error {
	if len(r.Paths) > MaxPaths {
		return fmt.Errorf("%d path rules, more than %d: name directories that are further up", len(r.Paths), MaxPaths)
	}
	if err := r.checkBits(); err != nil {
		return err
	}
	for i := range r.Paths {
		if err := r.checkPath(&r.Paths[i]); err != nil {
			return at(r.Paths[i].Origin, err)
		}
	}
	total := 0
	for i := range r.Ports {
		p := &r.Ports[i]
		if err := r.checkPorts(p); err != nil {
			return at(p.Origin, err)
		}
		if total += int(p.To) - int(p.From) + 1; total > MaxPorts {
			return at(p.Origin, fmt.Errorf("more than %d ports: Landlock has a rule for each; allow any port, or fewer", MaxPorts))
		}
	}
	return nil
}

func at(origin string, err error) error {
	if origin == "" {
		return err
	}
	return fmt.Errorf("%s: %w", origin, err)
}

func (r *Ruleset) checkBits() error {
	all := FactsOf(Newest)
	for _, c := range []struct {
		what string
		has  uint64
		all  uint64
	}{
		{"rights on files", uint64(r.HandledFS), uint64(all.FS)},
		{"rights on ports", uint64(r.HandledNet), uint64(all.Net)},
		{"scopes", uint64(r.Scopes), uint64(all.Scopes)},
		{"flags", uint64(r.Restrict), uint64(all.Restrict)},
		{"quiet rights on files that are not handled", uint64(r.QuietFS), uint64(r.handledFS())},
		{"quiet rights on ports that are not handled", uint64(r.QuietNet), uint64(r.HandledNet)},
		{"quiet scopes that are not set", uint64(r.QuietScopes), uint64(r.Scopes)},
	} {
		if rest := c.has &^ c.all; rest != 0 {
			return fmt.Errorf("unknown %s: %#x", c.what, rest)
		}
	}
	return nil
}

// handledFS adds the right that the kernel refuses with any other.
func (r *Ruleset) handledFS() FS {
	if r.HandledFS == 0 {
		return 0
	}
	return r.HandledFS | Refer
}

func (r *Ruleset) checkPath(p *Path) error {
	if !path.IsAbs(p.Path) || strings.IndexByte(p.Path, 0) >= 0 || len(p.Path) >= 4096 { // PATH_MAX
		return fmt.Errorf("%.100q is no absolute path: write it from / on, in less than 4096 bytes and without NUL", p.Path)
	}
	if rest := p.Allow &^ r.handledFS(); rest != 0 {
		return fmt.Errorf("%s: allows %v, which the ruleset does not handle", p.Path, rest)
	}
	if p.Allow == 0 && !p.Quiet {
		return fmt.Errorf("%s: allows nothing: leave it out", p.Path)
	}
	return nil
}

func (r *Ruleset) checkPorts(p *Ports) error {
	if p.To < p.From {
		return fmt.Errorf("ports %d-%d: the second is less than the first", p.From, p.To)
	}
	if rest := p.Allow &^ r.HandledNet; rest != 0 {
		return fmt.Errorf("ports %d-%d: allow %v, which the ruleset does not handle", p.From, p.To, rest)
	}
	if p.Allow == 0 && !p.Quiet {
		return fmt.Errorf("ports %d-%d: allow nothing: leave them out", p.From, p.To)
	}
	return nil
}
