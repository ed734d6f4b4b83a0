package compiler

import (
	"bytes"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/cond"
)

// A fileArea is what `files:` says where Landlock cannot say it (hide, deny inside what is allowed, globs): the supervisor judges every
// file call by the paths that it means, and performs it.
type fileArea struct {
	hide, deny  cond.Path
	allow       [create + 1]cond.Path // by access: each list allows what the ones before it are about too
	exec        cond.Path             // what Landlock lets be executed; empty where it is not asked
	eacces      policy.Decision
	enoent      policy.Decision
	denied      policy.Decision
	allowed     policy.Decision
	uses        map[arch.ID][]use
	openCall    arch.Selection
	linkCall    arch.Selection
	foretold    map[arch.ID]foreteller
	protectsAny []string // hidden and denied paths: a directory above one must not be moved away from it
}

// An access is how much a call does to what a path names. What tells of an inode is always allowed, as under Landlock, but for what is
// hidden or denied.
type access uint8

const (
	look access = iota
	read
	write
	create
)

// A use is a parameter's.
type use struct {
	param int
	level access
}

// usesOf are the accesses of the calls that always need the same; the calls that open are looked at one by one.
const (
	createUses = "mkdir,mkdirat,mknod,mknodat,unlink,unlinkat,rmdir,rename,renameat,renameat2,link,linkat,symlink,symlinkat"
	writeUses  = "truncate,truncate64,*chmod*,*chown*,utim*,futimesat,*setxattr*,*removexattr*,file_setattr"
	openUses   = "open,openat,openat2,creat"
)

// judged says whether the supervisor has to judge the file calls.
func (c *compilation) judged() bool {
	if c.doc.Files == nil || c.o.Performable.Len() == 0 {
		return false
	}
	if c.o.Handed {
		return true
	}
	for i := range c.prog.Landlock.Rest {
		if c.prog.Landlock.Rest[i].Form != "files: exec" && strings.HasPrefix(c.prog.Landlock.Rest[i].Form, "files: ") {
			return true
		}
	}
	return c.refusesByLink()
}

// newFileArea makes the judge of `files:`.
func (c *compilation) newFileArea() *fileArea {
	f := c.doc.Files
	of := func(v policy.Verdict, errno syscall.Errno) policy.Decision {
		return c.decisionOf(policy.Action{Verdict: v, Errno: errno}, "files", f.Pos)
	}
	a := &fileArea{uses: map[arch.ID][]use{}, openCall: selectCalls(openUses), linkCall: selectCalls("link,linkat"), foretold: foretellers(),
		eacces: of(policy.Deny, eacces), enoent: of(policy.Deny, enoent), denied: of(policy.Deny, eacces), allowed: of(policy.Perform, 0)}
	a.enoent.Reason, a.denied.Reason = "it is hidden", "it is denied"
	a.hide, a.deny = c.refusing(f.Hide), c.refusing(f.Refuse)
	a.allow[create] = c.matcher(f.Create)
	a.allow[write] = c.matcher(f.Create, f.Write)
	a.allow[read] = c.matcher(f.Create, f.Write, f.Read)
	if !c.o.Handed {
		lists := [][]policy.Pattern{f.Exec}
		if c.doc.Exec != nil {
			lists = append(lists, c.doc.Exec.Allow)
		}
		a.exec = c.matcher(lists...)
	}
	for _, list := range [][]policy.Pattern{f.Hide, f.Refuse} {
		for i := range list {
			a.protectsAny = append(a.protectsAny, c.resolved(fixedPart(&list[i]))...)
		}
	}
	c.stay(a.hide.Globs)
	c.stay(a.deny.Globs)
	return a
}

// fixedPart is a pattern's path before its first wildcard.
func fixedPart(p *policy.Pattern) string {
	if !p.Glob {
		return p.Path
	}
	i := strings.IndexAny(p.Path, `*?[\`)
	if i < 0 {
		return p.Path
	}
	return path.Dir(p.Path[:i] + "x")
}

// matcher makes one test of lists of patterns. A symbolic link in a pattern stands for what it leads to as well, since calls are judged
// by what they reach.
func (c *compilation) matcher(lists ...[]policy.Pattern) (m cond.Path) {
	var under []string
	for _, list := range lists {
		for i := range list {
			p := &list[i]
			if !p.Glob {
				under = append(under, c.resolved(p.Path)...)
				continue
			}
			for _, text := range c.resolvedGlob(p.Path) {
				c.addGlob(&m, text)
			}
		}
	}
	m.Under = cond.NewPathSet(under)
	return m
}

// resolved is a path, what it leads to, and its own name in the directory that it leads to: calls are judged by what they reach.
func (c *compilation) resolved(at string) []string {
	at = path.Clean(at)
	list := []string{at}
	if c.o.Resolve == nil {
		return list
	}
	for _, real := range []string{c.o.Resolve(at), path.Join(c.o.Resolve(path.Dir(at)), path.Base(at))} {
		if at != "/" && path.IsAbs(real) && !slices.Contains(list, real) {
			list = append(list, real)
		}
	}
	return list
}

// alias adds to a test of a call's path what its constants lead to.
func (c *compilation) alias(p *cond.Path) {
	if !p.Ref.Pointer() {
		return
	}
	if p.Under != nil {
		var under []string
		for _, at := range p.Under.Paths() {
			under = append(under, c.resolved(at)...)
		}
		p.Under = cond.NewPathSet(under)
	}
	var equal []string
	for _, at := range p.Equal {
		equal = append(equal, c.resolved(at)...)
	}
	slices.Sort(equal)
	p.Equal = slices.Compact(equal)
	for _, g := range p.Globs {
		for _, text := range c.resolvedGlob(g.String())[1:] {
			c.addGlob(p, text)
		}
	}
}

// use finds what a call does to its paths.
func (a *fileArea) use(abi arch.ABI, id arch.ID) {
	sig := abi.Signature(id)
	if sig == nil || a.uses[id] != nil {
		return
	}
	level := look
	switch {
	case selectCalls(createUses).Has(id):
		level = create
	case selectCalls(writeUses).Has(id):
		level = write
	}
	for i := range sig.Params {
		p := &sig.Params[i]
		if p.Kind == arch.KindPath && p.Dir != arch.Out && p.Name != "target" {
			a.uses[id] = append(a.uses[id], use{i, level})
		}
	}
}

// names are the parameters that are looked at.
func (a *fileArea) names(abi arch.ABI, id arch.ID) (list []string) {
	sig := abi.Signature(id)
	for _, u := range a.uses[id] {
		list = append(list, sig.Params[u.param].Name)
	}
	return list
}

// decide judges a call. What is hidden or denied is said first, and last that something is not in the lists.
func (a *fileArea) decide(ctx *cond.Context) (policy.Decision, error) {
	c, unlisted := ctx.Call, uint(0)
	for i, u := range a.uses[c.ID] {
		at, err := ctx.PathOf(u.param)
		if err != nil {
			return policy.Decision{}, err
		}
		level := u.level
		if a.openCall.Has(c.ID) {
			level = openLevel(ctx, u.param)
		}
		if level == create && a.openCall.Has(c.ID) && opensWith(c, "O_TMPFILE") { // a file without a name, in the directory
			at = append(slices.Clip(at), "/#"...)
		}
		switch d := a.judge(at, level); {
		case d == &a.eacces:
			unlisted |= 1 << i
		case d != nil:
			return *d, nil
		case level == create && a.above(at):
			d := a.eacces
			d.Reason = "it holds something that is hidden or denied by its path"
			return d, nil
		}
	}
	if unlisted != 0 {
		return a.unlisted(ctx, unlisted), nil
	}
	if a.gains(ctx) {
		d := a.eacces
		d.Errno, d.Reason = exdev, "it might be executed where it would be then, and may not be where it is"
		return a.foretell(ctx, d), nil
	}
	return a.allowed, nil
}

// gains says whether a call gives a file a name under which Landlock lets it be executed, where it does not under the old one. Landlock
// itself sees to that where it sees the call (current_check_refer_path() of security/landlock/fs.c).
func (a *fileArea) gains(ctx *cond.Context) bool {
	uses := a.uses[ctx.Call.ID]
	if a.exec.Under == nil || len(uses) != 2 {
		return false
	}
	from, err := ctx.PathOf(uses[0].param)
	if err != nil {
		return false
	}
	from = slices.Clone(from)
	to, err := ctx.PathOf(uses[1].param)
	if err != nil {
		return false
	}
	may := func(at []byte) bool { return a.exec.Under.Under(at) }
	return may(parent(to)) && !may(from) || exchanges(ctx.Call) && may(parent(from)) && !may(to)
}

// parent is the directory that a path is in.
func parent(at []byte) []byte { return at[:max(bytes.LastIndexByte(at, '/'), 1)] }

// Hidden implements policy.Hider.
func (a *fileArea) Hidden(at []byte) bool { return a.hide.Holds(at) }

// hides says whether listings have to leave something out.
func (a *fileArea) hides() bool { return len(a.hide.Under.Paths()) > 0 || len(a.hide.Globs) > 0 }

// listings are the calls that list a directory. The old readdir(2), which nobody uses, is refused where something is hidden.
const (
	listings   = "getdents,getdents64"
	oldListing = "?readdir"
)

// listingEntry is the end of the list of a call that lists a directory.
func (c *compilation) listingEntry(id arch.ID) (entry, bool) {
	if c.files == nil || !c.files.hides() {
		return entry{}, false
	}
	d := c.decisionOf(policy.Action{Verdict: policy.Perform}, "files", c.doc.Files.Pos)
	d.Hide = c.files
	switch {
	case selectCalls(oldListing).Has(id):
		d = c.decisionOf(policy.Action{Verdict: policy.Deny, Errno: badABI}, "files", c.doc.Files.Pos)
	case !selectCalls(listings).Has(id):
		return entry{}, false
	}
	return entry{origin: "files", pos: c.doc.Files.Pos, decision: d}, true
}

// hideIn makes whatever allows a listing perform it: a rule that allows to list does not show what is hidden.
func (c *compilation) hideIn(id arch.ID, list []entry) {
	if c.files == nil || !c.files.hides() || !selectCalls(listings).Has(id) {
		return
	}
	for i := range list {
		if d := &list[i].decision; d.Verdict.Continues() {
			d.Verdict, d.Hide = policy.Perform, c.files
		}
	}
}

// judge refuses; nil: it does not. What has no path (a pipe, a socket) is reached through the caller's own descriptor only.
func (a *fileArea) judge(at []byte, level access) *policy.Decision {
	switch {
	case len(at) > 0 && at[0] != '/':
		return nil
	case a.hide.Holds(at):
		return &a.enoent
	case a.deny.Holds(at):
		return &a.denied
	case level == look, level == create && a.creates(at), level != create && a.allow[level].Holds(at):
		return nil
	}
	return &a.eacces
}

// creates says whether a name may be made or removed: below what is listed, as Landlock has it, whose rights to make and to remove are
// the directory's; or what a glob matches.
func (a *fileArea) creates(at []byte) bool {
	list := &a.allow[create]
	globs := cond.Path{Globs: list.Globs}
	return list.Under.Under(parent(at)) || globs.Holds(at)
}

// above says whether something protected lies below a path: moving that away would give it another path.
func (a *fileArea) above(at []byte) bool { return above(a.protectsAny, at) }

func above(protected []string, at []byte) bool {
	for _, p := range protected {
		if len(p) > len(at) && p[len(at)] == '/' && p[:len(at)] == string(at) {
			return true
		}
	}
	return false
}

// openLevel is what opening does (open(2)).
func openLevel(ctx *cond.Context, param int) access {
	c := ctx.Call
	switch {
	case opensWith(c, "O_PATH"):
		return look
	case opensWith(c, "O_TMPFILE"), opensWith(c, "O_CREAT") && ctx.Paths != nil && ctx.Paths.New(param):
		return create
	case opensToWrite(c):
		return write
	}
	return read
}

// opensWith says whether a call that opens has a flag.
func opensWith(c *arch.Call, name string) bool {
	f := constant(c.ABI, name)
	return openFlags(c)&f == f
}

func opensToWrite(c *arch.Call) bool {
	return openFlags(c)&constant(c.ABI, "O_ACCMODE") != constant(c.ABI, "O_RDONLY") || opensWith(c, "O_TRUNC")
}

// openFlags are the flags of a call that opens. creat(2) has none, and means these.
func openFlags(c *arch.Call) uint64 {
	switch v, how := c.Arg("flags"), c.Arg("how"); {
	case c.Name == "creat":
		return constant(c.ABI, "O_CREAT") | constant(c.ABI, "O_WRONLY") | constant(c.ABI, "O_TRUNC")
	case v != nil:
		return v.Raw
	case how != nil && how.Field("flags") != nil:
		return how.Field("flags").Raw
	}
	return 0
}

func constant(abi arch.ABI, name string) uint64 {
	v, _ := arch.LookupConst(name, abi)
	return v
}
