package cond

import (
	"cel.dev/cel-go/common/ast"

	"github.com/stead-project/stead/arch"
)

// selected binds x.name.
func (b *binder) selected(e ast.Expr, s ast.SelectExpr) (operand, bool, error) {
	o, ok, err := b.operand(s.Operand())
	if err != nil || !ok {
		return o, false, err
	}
	if s.IsTestOnly() {
		return o, false, b.fail(e, "has(…) asks for a field, and a call has all of its own", `flags are tested with flags.has("NAME")`)
	}
	o, err = b.part(e, o, s.FieldName())
	return o, err == nil, err
}

func (b *binder) part(e ast.Expr, o operand, name string) (operand, error) {
	switch {
	case o.typ == typCaller:
		return b.callerPart(e, name)
	case o.typ == typPath && (name == "dir" || name == "base"):
		return pathPart(o, name), nil
	case o.typ == typPath && name == "initial" && o.ref.Arg >= 0 && !o.ref.Nested() && o.ref.dirs == 0:
		r := *o.ref
		r.Text += ".initial"
		return operand{typ: typInitial, ref: &r, param: o.param}, nil
	case o.typ == typPath && name == "fstype" && o.ref.Arg >= 0 && !o.ref.Nested() && o.ref.dirs == 0:
		r := *o.ref
		r.Text += ".fstype"
		r.part, r.isPath = fstype, false
		return operand{typ: typText, ref: &r, param: o.param}, nil
	case o.typ == typAddr:
		return b.addrPart(e, o, name)
	case o.ref == nil:
		return o, b.failf(e, o.usage(), "%s has no part %q", o.describe(), name)
	}
	for _, p := range append([]*arch.Param{o.param}, o.like...) {
		if f, s, ok := b.field(p, name); ok {
			return b.value(f, o.ref.into("."+name, s)), nil
		}
		if p.Kind == arch.KindSockaddr {
			return b.addrPart(e, o, name)
		}
	}
	return o, b.noPart(e, o, name)
}

func (b *binder) noPart(e ast.Expr, o operand, name string) error {
	var names []string
	if o.typ == typPath {
		names = []string{"dir", "base"}
	}
	for _, p := range append([]*arch.Param{o.param}, o.like...) {
		names = append(names, b.fieldNames(p)...)
	}
	if len(names) == 0 {
		return b.failf(e, o.usage(), "%s has no part %q", o.describe(), name)
	}
	return b.failf(e, meantOr(nearest(name, append(names, "initial", "fstype")), "its parts", someOf(names)), "%s has no part %q", o.ref.Text, name)
}

// structOf is the struct that a parameter is, or points to.
func structOf(p *arch.Param) *arch.Struct {
	if p.Kind == arch.KindPtr && p.Elem != nil {
		p = p.Elem
	}
	if p.Kind != arch.KindStruct {
		return nil
	}
	return p.Struct
}

// field finds a field by name, or what a pointer to a number has (value).
func (b *binder) field(p *arch.Param, name string) (*arch.Param, step, bool) {
	if s := structOf(p); s != nil {
		f := findField(s.For(b.abi), b.abi, name, 0)
		return f, step{field: name}, f != nil
	}
	if p.Kind == arch.KindPtr && name == "value" && p.Elem != nil {
		return p.Elem, step{index: -1}, true
	}
	return nil, step{}, false
}

// maxUnions bounds unions within unions.
const maxUnions = 4

// findField looks into unions and nameless structs as well, as arch.Value.Field does.
func findField(s *arch.Struct, abi arch.ABI, name string, depth int) *arch.Param {
	if s == nil || depth > maxUnions {
		return nil
	}
	for i := range s.Fields {
		f := &s.Fields[i]
		if f.Name == name {
			return f
		}
		if f.Kind == arch.KindStruct && f.Name == "" && f.Struct != nil {
			if inner := findField(f.Struct.For(abi), abi, name, depth+1); inner != nil {
				return inner
			}
		}
	}
	return nil
}

func (b *binder) fieldNames(p *arch.Param) (names []string) {
	if s := structOf(p); s != nil {
		return structFields(s.For(b.abi), b.abi, nil, 0)
	}
	if p.Kind == arch.KindPtr {
		return []string{"value"}
	}
	return nil
}

func structFields(s *arch.Struct, abi arch.ABI, names []string, depth int) []string {
	if s == nil || depth > maxUnions {
		return names
	}
	for i := range s.Fields {
		f := &s.Fields[i]
		switch {
		case f.Name != "" && f.Name != "_":
			names = append(names, f.Name)
		case f.Kind == arch.KindStruct && f.Struct != nil:
			names = structFields(f.Struct.For(abi), abi, names, depth+1)
		}
	}
	return names
}

func pathPart(o operand, name string) operand {
	r := *o.ref
	r.Text += "." + name
	if name == "dir" {
		r.dirs++
		return operand{typ: typPath, ref: &r, param: o.param}
	}
	r.part = base
	return operand{typ: typName, ref: &r, param: o.param}
}

// addrPart binds a part of a socket address.
func (b *binder) addrPart(e ast.Expr, o operand, name string) (operand, error) {
	r := *o.ref
	r.Text += "." + name
	r.slot = slot{lo: -1, hi: -1}
	out := operand{ref: &r, param: &arch.Param{Kind: arch.KindUint, Width: 4}}
	switch name {
	case "family":
		r.part = family
		out.param = &arch.Param{Kind: arch.KindEnum, Width: 2, Set: arch.LookupSet("af")}
	case "port":
		r.part = port
	case "ip":
		r.part, out.typ = ip, typIP
	case "path":
		r.part, r.isPath, out.typ = unixPath, true, typPath
	case "abstract":
		r.part, out.typ = abstract, typText
	default:
		names := []string{"ip", "port", "family", "path", "abstract"}
		return o, b.failf(e, meantOr(nearest(name, names), "its parts", names), "%s has no part %q", o.ref.Text, name)
	}
	return out, nil
}

// callerPart binds a part of the caller.
func (b *binder) callerPart(e ast.Expr, name string) (operand, error) {
	r := &Ref{Text: "caller." + name, Arg: -1, slot: slot{lo: -1, hi: -1}}
	o := operand{ref: r, param: &arch.Param{Kind: arch.KindUID, Width: 4}}
	switch name {
	case "uid":
		r.caller = callerUID
	case "gid":
		r.caller = callerGID
	case "exe":
		r.caller, r.isPath, o.typ = slotExe, true, typPath
	case "cwd":
		r.caller, r.isPath, o.typ = slotCwd, true, typPath
	case "comm":
		r.caller, o.typ = slotComm, typText
	case "abi":
		return operand{typ: typText, text: b.abi.String(), name: "caller.abi", abiDependent: true}, nil
	default:
		names := []string{"uid", "gid", "exe", "comm", "cwd", "abi"}
		return o, b.failf(e, meantOr(nearest(name, names), "its parts", names), "the caller has no part %q", name)
	}
	return o, nil
}

// addressRef is the reference to a pointer itself, and how many bits it has.
func (b *binder) addressRef(o operand) (*Ref, uint8) {
	r := *o.ref
	r.part, r.isPath, r.byValue = address, false, len(r.steps) == 0
	if len(r.steps) > 0 {
		return &r, 64
	}
	r.slot = slotOf(b.abi, b.sig, r.Arg)
	if r.slot.lo < 0 {
		return &r, 64
	}
	return &r, r.slot.bits
}
