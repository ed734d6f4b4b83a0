package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A scope is one list of siblings and what is around it.
type scope struct {
	params []*param
	up     *scope      // the list around an inline struct or union
	users  []*callDecl // the calls whose parameters can be named; of a call's own list: none
	what   string      // for messages
}

// callLevel is arch.CallLevel.
const callLevel = 255

// A ref is arch.Ref.
type ref struct{ up, idx int }

func (r ref) expr(deref bool) string {
	var f []string
	if r.up == callLevel {
		f = append(f, "Up: CallLevel")
	} else if r.up != 0 {
		f = append(f, fmt.Sprintf("Up: %d", r.up))
	}
	if r.idx != 0 {
		f = append(f, fmt.Sprintf("Idx: %d", r.idx))
	}
	if deref {
		f = append(f, "Deref: true")
	}
	return "Ref{" + strings.Join(f, ", ") + "}"
}

// resolve finds a sibling: in the list itself, around it, then among the parameters of the calls that get here.
func (g *gen) resolve(p pos, sc *scope, name string) (ref, bool) {
	root := sc
	for up, s := 0, sc; s != nil; up, s = up+1, s.up {
		if i := indexOf(s.params, name); i >= 0 {
			return ref{up, i}, true
		}
		root = s
	}
	return g.resolveCall(p, root, name)
}

func (g *gen) resolveCall(p pos, root *scope, name string) (ref, bool) {
	r := ref{callLevel, -2}
	for _, c := range root.users {
		i := indexOf(c.params, name)
		if i < 0 {
			g.fail(p, "%s has no %q, and neither has the call %s (%s:%d) that leads to it", root.what, name, c.name, c.file, c.line)
			return r, false
		}
		if r.idx == -2 {
			r.idx = i
		}
		if r.idx != i {
			r.idx = -1
		}
	}
	if r.idx == -2 {
		g.fail(p, "%s has no %q", root.what, name)
	}
	return r, r.idx != -2
}

func indexOf(params []*param, name string) int {
	return slices.IndexFunc(params, func(p *param) bool { return p.name == name })
}

// paramLiteral is the composite literal of one parameter (inMemory false) or field.
func (g *gen) paramLiteral(p *param, sc *scope, inMemory bool) string {
	var f fields
	f.str("Name", p.name)
	if p.inner != nil {
		f.add("Kind: KindStruct, Struct: " + g.innerLiteral(p, sc))
	} else {
		g.typeFields(&f, p.typ, sc, inMemory)
	}
	if p.dir != "" {
		f.add("Dir: " + dirs[p.dir])
	}
	for _, word := range slices.Sorted(maps.Keys(p.marks)) {
		f.add(marks[word])
	}
	if p.when != nil {
		g.checkEarlier(p, sc)
		f.add("When: &" + g.condLiteral(p.when, sc))
	}
	return f.literal()
}

// checkEarlier refuses a condition on what comes later: it has not been read when it is needed.
func (g *gen) checkEarlier(p *param, sc *scope) {
	at := slices.Index(sc.params, p)
	for c := p.when; c != nil; c = c.and {
		if indexOf(sc.params, c.param) >= at {
			g.fail(p.pos, "%s depends on %q, which is not before it", p.name, c.param)
		}
	}
}

func (g *gen) innerLiteral(p *param, sc *scope) string {
	inner := &scope{params: p.inner.fields, up: sc, what: "the block in " + sc.what}
	return "&" + g.structLiteral(p.inner, inner, nil)
}

type fields []string

func (f *fields) add(s string) { *f = append(*f, s) }

func (f *fields) str(name, value string) {
	if value != "" {
		f.add(fmt.Sprintf("%s: %q", name, value))
	}
}

func (f fields) literal() string { return "{" + strings.Join(f, ", ") + "}" }

// typeFields adds what a type says about a Param.
func (g *gen) typeFields(f *fields, t *typ, sc *scope, inMemory bool) {
	switch t.base {
	case "*":
		g.pointer(f, t, sc, inMemory)
	case "[]":
		g.array(f, t, sc, inMemory)
	case "struct":
		g.structType(f, t)
	default:
		g.plain(f, t, sc, inMemory)
	}
	if t.wide {
		g.wide(f, t, inMemory)
	}
}

// wide marks a pointer that takes 8 bytes whatever the ABI.
func (g *gen) wide(f *fields, t *typ, inMemory bool) {
	if k, plain := kinds[t.base]; !inMemory || plain && k.num || t.base == "struct" || t.base == "[]" {
		g.fail(t.pos, "ptr64 is for fields that are pointers")
	}
	f.add("Width: 8")
}

// pointer handles "*TYPE". What a struct or array parameter says already, that it is behind a pointer, is not repeated.
func (g *gen) pointer(f *fields, t *typ, sc *scope, inMemory bool) {
	_, fixed := number(t.elem.len)
	switch {
	case !inMemory && (t.elem.base == "struct" || t.elem.base == "[]"):
		g.typeFields(f, t.elem, sc, false)
	case inMemory && t.elem.base == "[]" && !fixed:
		g.typeFields(f, t.elem, sc, false)
	default:
		f.add("Kind: KindPtr")
		g.elem(f, t.elem, sc)
	}
}

func (g *gen) elem(f *fields, t *typ, sc *scope) {
	var e fields
	g.typeFields(&e, t, sc, true)
	f.add("Elem: &Param" + e.literal())
}

func (g *gen) array(f *fields, t *typ, sc *scope, inMemory bool) {
	f.add("Kind: KindArray")
	g.elem(f, t.elem, sc)
	g.length(f, t, sc)
	if _, fixed := number(t.len); inMemory && !fixed {
		f.add("InPlace: true")
	}
}

func (g *gen) structType(f *fields, t *typ) {
	if t.len != "" || t.width != "" {
		g.fail(t.pos, "a struct has neither length nor width: write [LEN]struct:%s for several", t.ref)
	}
	if g.m.structs[t.ref] == nil {
		g.refuse(t.pos, "struct "+t.ref)
	}
	f.add("Kind: KindStruct, Struct: &" + g.ident("struct", t.ref))
}

func (g *gen) plain(f *fields, t *typ, sc *scope, inMemory bool) {
	k, ok := kinds[t.base]
	if !ok {
		g.fail(t.pos, "unknown type %q", t.base)
		return
	}
	f.add("Kind: " + k.kind)
	if style := styleOf(t, k); style != "" {
		f.add("Style: " + style)
	}
	if k.count > 0 {
		f.add(fmt.Sprintf("Count: %d", k.count))
	}
	g.width(f, t, k)
	g.setRef(f, t, k)
	g.checkLen(t, k, inMemory)
	g.length(f, t, sc)
}

// styleOf is the style of a type, or of a width that has one.
func styleOf(t *typ, k kindInfo) string {
	switch t.width {
	case "be16", "be32":
		return "StyleNetwork"
	case "joined":
		return "StyleJoined"
	}
	return k.style
}

func (g *gen) width(f *fields, t *typ, k kindInfo) {
	w := k.width
	if t.width != "" {
		var ok bool
		if w, ok = widths[t.width]; !ok || !k.num {
			g.fail(t.pos, "%s cannot have the width %q", t.base, t.width)
		}
	}
	if w != 0 {
		f.add(fmt.Sprintf("Width: %d", w))
	}
}

func (g *gen) setRef(f *fields, t *typ, k kindInfo) {
	switch {
	case k.set && t.ref == "":
		g.fail(t.pos, "%s needs a set: %s:NAME", t.base, t.base)
	case !k.set && t.ref != "":
		g.fail(t.pos, "%s has no %q", t.base, ":"+t.ref)
	case k.set && g.m.sets[t.ref] == nil:
		g.refuse(t.pos, "set "+t.ref)
	case k.set && g.m.sets[t.ref].flags != (t.base == "flags"):
		g.fail(t.pos, "%s:%s: the set's head says otherwise, in %s:%d", t.base, t.ref, g.m.sets[t.ref].file, g.m.sets[t.ref].line)
	case k.set:
		f.add("Set: &" + g.ident("set", t.ref))
	}
}

func (g *gen) checkLen(t *typ, k kindInfo, inMemory bool) {
	_, fixed := number(t.len)
	switch {
	case k.len == lenNone && t.len != "":
		g.fail(t.pos, "%s has no length: write [%s]%s for several", t.base, t.len, t.base)
	case (k.len == lenMust || k.len == lenNumber || k.len == lenBits) && t.len == "":
		g.fail(t.pos, "%s needs a length: %s[LEN]", t.base, t.base)
	case (k.len == lenNumber || k.len == lenMost && t.len != "" || k.len == lenBits) && !fixed:
		g.fail(t.pos, "%s needs a number as its length", t.base)
	case (k.len == lenNumber || k.len == lenBits || k.count > 0) && !inMemory:
		g.fail(t.pos, "%s is for fields of structs", t.base)
	}
}

// length adds Count, or Len and where it is.
func (g *gen) length(f *fields, t *typ, sc *scope) {
	if t.len == "" {
		return
	}
	if n, ok := number(t.len); ok {
		if n == 0 || n > 1<<16-1 || t.deref {
			g.fail(t.pos, "%s is not a length", t.len)
		}
		f.add("Count: " + strconv.FormatUint(n, 10))
		return
	}
	r, ok := g.resolve(t.pos, sc, t.len)
	if !ok {
		return
	}
	name := t.len
	if t.deref {
		name = "*" + name
	}
	f.str("Len", name)
	f.add("LenRef: " + r.expr(t.deref))
}
