package compiler

import (
	"fmt"
	"path"
	"strings"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/internal/landlockabi"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/cond"
	"github.com/stead-project/stead/policy/filter"
)

// A Prediction is what will become of a call on the machine that the policy was compiled for.
type Prediction struct {
	Decision policy.Decision
	Engine   Engine
}

// Predict says what becomes of a call without running it. What Landlock refuses is judged by the path as it is written, without
// symbolic links and what is mounted: enough for explaining and testing a policy, and used for nothing else.
func (p *Program) Predict(r *policy.Request, caller func(policy.Caller) cond.CallerInfo) Prediction {
	d := p.Decider(caller).Decide(r)
	out := Prediction{Decision: d, Engine: p.engineOf(r.Call, d)}
	if !d.Verdict.Continues() {
		return out
	}
	if why := p.bounded(r.Call); why != "" {
		out = Prediction{Engine: Landlock, Decision: policy.Decision{Verdict: policy.Deny, Errno: eacces, Rule: d.Rule,
			Version: d.Version, Reason: why}}
	}
	return out
}

// eacces is EACCES of include/uapi/asm-generic/errno-base.h: what Landlock refuses with.
const eacces = 13

// engineOf says what enforces a decision on this very call.
func (p *Program) engineOf(c *arch.Call, d policy.Decision) Engine {
	for i := range p.Enforcements {
		e := &p.Enforcements[i]
		if e.Engine == Landlock && e.Origin == d.Rule && d.Verdict == policy.Allow && e.ABI == c.ABI && e.Calls.Has(c.ID) {
			return Landlock
		}
	}
	if d.Verdict == policy.Perform {
		return Performed
	}
	if p.Lists.Decide(c.Raw) == filter.Notify {
		return Supervisor
	}
	return Kernel
}

// A need is a right that a call takes on a path, or on the directory that the path is in.
type need struct {
	param  string
	right  landlockabi.FS
	parent bool
}

// needs are the rights of calls that always take the same ones.
func needs() map[string][]need {
	return map[string][]need{
		"execve": {{"pathname", landlockabi.Execute, false}}, "execveat": {{"pathname", landlockabi.Execute, false}},
		"mkdir": {{"pathname", landlockabi.MakeDir, true}}, "mkdirat": {{"pathname", landlockabi.MakeDir, true}},
		"rmdir":  {{"pathname", landlockabi.RemoveDir, true}},
		"unlink": {{"pathname", landlockabi.RemoveFile, true}}, "unlinkat": {{"pathname", landlockabi.RemoveFile, true}},
		"symlink": {{"linkpath", landlockabi.MakeSym, true}}, "symlinkat": {{"linkpath", landlockabi.MakeSym, true}},
		"truncate": {{"path", landlockabi.Truncate, false}},
		"rename":   {{"oldpath", landlockabi.RemoveFile, true}, {"newpath", landlockabi.MakeReg, true}},
		"renameat": {{"oldpath", landlockabi.RemoveFile, true}, {"newpath", landlockabi.MakeReg, true}},
		"link":     {{"newpath", landlockabi.MakeReg, true}}, "linkat": {{"newpath", landlockabi.MakeReg, true}},
	}
}

// openNeeds are the rights that open's flags ask for (security/landlock/fs.c, get_required_file_open_access). Whether O_CREAT makes
// a file is not known.
func openNeeds(c *arch.Call) []need {
	flags := openFlags(c)
	has := func(name string) bool { f := constant(c.ABI, name); return flags&f == f }
	right := landlockabi.FS(0)
	switch mode := flags & constant(c.ABI, "O_ACCMODE"); {
	case mode == constant(c.ABI, "O_WRONLY"):
		right = landlockabi.WriteFile
	case mode == constant(c.ABI, "O_RDWR"):
		right = landlockabi.ReadFile | landlockabi.WriteFile
	case has("O_DIRECTORY"):
		right = landlockabi.ReadDir
	default:
		right = landlockabi.ReadFile
	}
	if has("O_TRUNC") {
		right |= landlockabi.Truncate
	}
	return []need{{"pathname", right, false}}
}

// bounded says why Landlock will refuse a call, "" if it will not or cannot be told.
func (p *Program) bounded(c *arch.Call) string {
	list, ok := needs()[c.Name]
	if strings.HasPrefix(c.Name, "open") || c.Name == "creat" {
		list, ok = openNeeds(c), true
	}
	if !ok {
		return ""
	}
	for _, n := range list {
		if why := p.lacks(c, n); why != "" {
			return why
		}
	}
	return ""
}

func (p *Program) lacks(c *arch.Call, n need) string {
	v := c.Arg(n.param)
	if v == nil || v.State != arch.OK || !strings.HasPrefix(string(v.Bytes), "/") {
		return ""
	}
	at := path.Clean(string(v.Bytes))
	if n.parent {
		at = path.Dir(at)
	}
	wanted := n.right & p.Landlock.Ruleset.HandledFS
	missing := wanted &^ p.rightsAt(at)
	if missing == 0 {
		return ""
	}
	return fmt.Sprintf("Landlock: no list allows %s on %s", missing, at)
}

// rightsAt are the rights that the ruleset gives at a path: its own and those of all directories above it.
func (p *Program) rightsAt(at string) (rights landlockabi.FS) {
	for i := range p.Landlock.Ruleset.Paths {
		rule := &p.Landlock.Ruleset.Paths[i]
		if at == rule.Path || rule.Path == "/" || strings.HasPrefix(at, rule.Path+"/") {
			rights |= rule.Allow
		}
	}
	return rights
}
