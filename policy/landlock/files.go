package landlock

import (
	"fmt"
	"path"

	"github.com/stead-project/stead/internal/landlockabi"
	"github.com/stead-project/stead/policy"
)

// A form is one list of a short form.
type form struct {
	area   Area
	name   string
	list   []policy.Pattern
	rights landlockabi.FS
}

func (b *builder) files() {
	rs := &b.r.Ruleset
	var refused refusals
	if f := b.doc.Files; f != nil {
		rs.HandledFS |= CreateRights | ExecRights | deviceRights
		refused = newRefusals(f.Refuse, f.Hide)
		b.hidden(f.Hide)
	}
	if b.doc.Exec != nil {
		rs.HandledFS |= ExecRights
	}
	for _, f := range b.forms() {
		for i := range f.list {
			b.hierarchy(f, &f.list[i], &refused)
		}
	}
}

func (b *builder) forms() (list []form) {
	if f := b.doc.Files; f != nil {
		list = append(list, form{Files, "files: read", f.Read, ReadRights}, form{Files, "files: write", f.Write, WriteRights},
			form{Files, "files: create", f.Create, CreateRights}, form{Exec, "files: exec", f.Exec, ExecRights})
	}
	if b.doc.Exec != nil {
		list = append(list, form{Exec, "exec", b.doc.Exec.Allow, ExecRights})
	}
	return list
}

func (b *builder) hierarchy(f form, p *policy.Pattern, refused *refusals) {
	if why := unsayable(p, refused); why != "" {
		b.rest(Rest{Pos: p.Pos, Area: f.area, Form: f.name, Entry: p.Path, Rights: f.rights, Reason: why})
		return
	}
	b.r.Ruleset.Paths = append(b.r.Ruleset.Paths,
		landlockabi.Path{Path: path.Clean(p.Path), Allow: f.rights, Optional: true, Origin: p.Pos.String()})
}

func unsayable(p *policy.Pattern, refused *refusals) string {
	if p.Glob {
		return "Landlock knows hierarchies, not globs: name a directory to have everything below it"
	}
	if !path.IsAbs(p.Path) {
		return "Landlock wants an absolute path"
	}
	if d := refused.meets(path.Clean(p.Path)); d != nil {
		way := "list what is beside it instead"
		if d.pattern.Glob {
			way = "begin the glob with the directories that it is about"
		}
		return fmt.Sprintf("%s is %s at %s, and Landlock cannot take back a part of a hierarchy: %s",
			d.pattern.Path, d.verb, d.pattern.Pos, way)
	}
	return ""
}

// hidden: Landlock's EACCES is no ENOENT, and it filters no listing.
func (b *builder) hidden(list []policy.Pattern) {
	for _, p := range list {
		b.rest(Rest{Pos: p.Pos, Area: Files, Form: "files: hide", Entry: p.Path, Open: true,
			Reason: "Landlock refuses with EACCES, lets stat(2) through and leaves directory listings as they are"})
	}
}
