package cond

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/stead-project/stead/arch"
)

// typ is what an operand is.
type typ uint8

const (
	typNumber typ = iota
	typText
	typPath
	typName    // a path's last component
	typPaths   // any path of the call
	typStrings // argv
	typAddr    // a socket address
	typIP
	typStruct // or array, or pointer to something: it has parts
	typCaller
	typInitial // whether a path is on a mount that the container began with: true or false
	typList    // constants
	typCIDR
	typNull
	typOther // a constant of CEL's
)

var typNames = [...]string{"a number", "a string", "a path", "a name", "the call's paths", "a list of strings", "a socket address",
	"an IP address", "a struct", "the caller", "true or false", "a list", "a set of addresses", "null", "a value"}

var typUsage = [...]string{
	typNumber:  "compare it with a number or a constant",
	typText:    `compare it with a string: == "x", in ["x", "y"]`,
	typPath:    `write .under("/dir"), .matches("/glob/*") or == "/path"`,
	typName:    `write == "name" or .matches("*.so")`,
	typPaths:   `write .under("/dir"), .matches("/glob/*") or == "/path"`,
	typStrings: `write .contains("x") or [0] == "x"`,
	typAddr:    "name its .ip, .port, .family, .path or .abstract",
	typIP:      `write in cidr("10.0.0.0/8") or == "10.0.0.1"`,
	typStruct:  "name one of its fields, or compare it with null",
	typCaller:  "name its .uid, .gid, .exe, .comm, .cwd or .abi",
	typInitial: "use it as it is, or with !",
	typOther:   "",
}

// An operand is what is compared: a value of the call or a constant.
type operand struct {
	typ   typ
	expr  ast.Expr
	ref   *Ref          // nil: a constant
	param *arch.Param   // of a value
	like  []*arch.Param // of a parameter: what else it may be (variants)

	num          number
	text         string
	list         []operand
	name         string // of a constant
	abiDependent bool
}

// constant reports whether the value is known.
func (o *operand) constant() bool { return o.ref == nil && o.typ != typPaths && o.typ != typCaller }

func (o *operand) isText() bool {
	return o.typ == typText || o.typ == typPath || o.typ == typName
}

func (o *operand) describe() string {
	switch {
	case o.ref != nil:
		return o.ref.Text + ", " + typNames[o.typ] + ","
	case o.typ == typText && o.expr != nil:
		return fmt.Sprintf("%q", o.text)
	case o.name != "":
		return o.name
	}
	return typNames[o.typ]
}

func (o *operand) usage() string {
	if o.isFlags() {
		return fmt.Sprintf("write %s.has(\"%s\")", o.ref.Text, exampleFlag(o.param.Set))
	}
	if int(o.typ) < len(typUsage) {
		return typUsage[o.typ]
	}
	return ""
}

func (o *operand) isFlags() bool {
	return o.ref != nil && o.param != nil && o.param.Kind == arch.KindFlags && o.param.Set != nil && o.ref.part == whole
}

func exampleFlag(s *arch.Set) string {
	for i := range s.Consts {
		if s.Consts[i].Value != 0 {
			return s.Consts[i].Name
		}
	}
	return "NAME"
}

// operand binds a value or a constant; ok is false for what only CEL can work out.
func (b *binder) operand(e ast.Expr) (o operand, ok bool, err error) {
	switch e.Kind() {
	case ast.LiteralKind:
		o, ok = literal(e)
	case ast.IdentKind:
		o, err = b.ident(e, e.AsIdent())
		ok = true
	case ast.SelectKind:
		o, ok, err = b.selected(e, e.AsSelect())
	case ast.ListKind:
		o, ok, err = b.listLiteral(e)
	case ast.CallKind:
		o, ok, err = b.operandCall(e, e.AsCall())
	}
	o.expr = e
	return o, ok && err == nil, err
}

func literal(e ast.Expr) (operand, bool) {
	switch v := e.AsLiteral().(type) {
	case types.Int:
		return operand{typ: typNumber, num: number{v: uint64(v), minus: v < 0}, name: fmt.Sprint(int64(v))}, true
	case types.Uint:
		return operand{typ: typNumber, num: number{v: uint64(v)}, name: fmt.Sprint(uint64(v))}, true
	case types.String:
		return operand{typ: typText, text: string(v)}, true
	case types.Bytes:
		return operand{typ: typText, text: string(v)}, true
	case types.Null:
		return operand{typ: typNull}, true
	case types.Bool:
		return operand{}, false
	}
	return operand{typ: typOther}, true
}

func (b *binder) ident(e ast.Expr, name string) (operand, error) {
	if i := b.sig.Index(name); i >= 0 {
		return b.param(i, &b.sig.Params[i]), nil
	}
	if o, ok := b.variantParam(b.sig, name, 0); ok {
		return o, nil
	}
	switch name {
	case "caller":
		return operand{typ: typCaller}, nil
	case "paths":
		return operand{typ: typPaths}, nil
	case "NULL":
		return operand{typ: typNull}, nil
	}
	if n, ok := lookup(name, nil, b.abi); ok {
		return operand{typ: typNumber, num: n, name: name, abiDependent: n.absent}, nil
	}
	return operand{}, b.unknownName(e, name)
}

// variantParam finds a parameter that only some forms of the call have.
func (b *binder) variantParam(sig *arch.Signature, name string, depth int) (operand, bool) {
	for i := range sig.Variants {
		v := &sig.Variants[i]
		if j := v.Index(name); j >= 0 {
			o := b.param(j, &v.Params[j])
			if o.ref.byValue {
				o.ref.slot = slotOf(b.abi, v, j)
			}
			return o, true
		}
		if depth < 4 {
			if o, ok := b.variantParam(v, name, depth+1); ok {
				return o, true
			}
		}
	}
	return operand{}, false
}

func (b *binder) unknownName(e ast.Expr, name string) error {
	if upper := strings.ToUpper(name); name == upper && len(name) > 2 {
		near := cmp.Or(nearest(name, b.constants()), nearest(name, slices.Collect(arch.ConstNames())))
		return b.failf(e, didYouMean(near), "no header's constant is called %s", name)
	}
	if near := nearest(name, []string{"caller", "paths"}); near != "" && nearestParam(b.sig, name) == "" {
		return b.failf(e, didYouMean(near), "%s has no parameter %q", b.sig.Name, name)
	}
	return b.failf(e, meantOr(nearestParam(b.sig, name), "its parameters", paramNames(b.sig)),
		"%s has no parameter %q", b.sig.Name, name)
}

// constants are the names that the call's parameters have.
func (b *binder) constants() (names []string) {
	for i := range b.sig.Params {
		names = append(names, constNames(b.sig.Params[i].Set)...)
	}
	for _, c := range moreConstants() {
		names = append(names, c.Name)
	}
	return names
}

// param is the operand of a parameter.
func (b *binder) param(i int, p *arch.Param) operand {
	o := b.value(p, &Ref{Text: p.Name, Param: p.Name, Arg: i, slot: slot{lo: -1, hi: -1}})
	o.ref.byValue = isNumber(p.Kind)
	if o.ref.byValue && i < len(b.sig.Params) {
		o.ref.slot = slotOf(b.abi, b.sig, i)
	}
	o.like = b.alike(b.sig, p.Name, nil, 0)
	return o
}

// alike collects what a parameter is in the variants of the call.
func (b *binder) alike(sig *arch.Signature, name string, list []*arch.Param, depth int) []*arch.Param {
	if i := sig.Index(name); i >= 0 {
		list = append(list, &sig.Params[i])
	}
	for i := range sig.Variants {
		if depth < 4 {
			list = b.alike(&sig.Variants[i], name, list, depth+1)
		}
	}
	return list
}

// value types a value.
func (b *binder) value(p *arch.Param, r *Ref) operand {
	o := operand{ref: r, param: p}
	switch p.Kind {
	case arch.KindPath:
		o.typ, r.isPath = typPath, true
	case arch.KindString, arch.KindChars, arch.KindBytes:
		o.typ = typText
	case arch.KindStrings:
		o.typ = typStrings
	case arch.KindSockaddr:
		o.typ = typAddr
	case arch.KindStruct, arch.KindPtr, arch.KindArray, arch.KindSigset, arch.KindFDSet:
		o.typ = typStruct
	}
	return o
}

func (b *binder) listLiteral(e ast.Expr) (operand, bool, error) {
	o := operand{typ: typList}
	elems := e.AsList().Elements()
	if len(elems) > MaxList {
		return o, false, b.failf(e, "split it", "list of %d elements is too long: %d are allowed", len(elems), MaxList)
	}
	for _, x := range elems {
		item, ok, err := b.operand(x)
		if err != nil || !ok || !item.constant() {
			return o, false, err
		}
		o.list = append(o.list, item)
	}
	return o, true, nil
}

// operandCall binds functions that yield an operand.
func (b *binder) operandCall(e ast.Expr, c ast.CallExpr) (o operand, ok bool, err error) {
	args := c.Args()
	switch name := c.FunctionName(); name {
	case operators.Index:
		return b.index(e, args[0], args[1])
	case operators.Add, operators.Subtract, operators.Multiply, operators.Negate:
		return b.arithmetic(args, name)
	case "cidr", "ip":
		if !c.IsMemberFunction() {
			o, err = b.addressLiteral(e, name, args)
			return o, err == nil, err
		}
	case "size":
		return b.size(c)
	}
	return o, false, nil
}

// arithmetic works constants out; what is too large is left to CEL, which says so.
func (b *binder) arithmetic(args []ast.Expr, op string) (operand, bool, error) {
	var v [2]int64
	for i, a := range args {
		o, ok, err := b.operand(a)
		n := o.num
		if err != nil || !ok || !o.constant() || o.typ != typNumber || n.absent {
			return operand{}, false, err
		}
		if v[i] = int64(n.v); v[i] > 1<<31 || v[i] < -1<<31 {
			return operand{}, false, nil
		}
	}
	n := map[string]int64{operators.Add: v[0] + v[1], operators.Subtract: v[0] - v[1], operators.Multiply: v[0] * v[1],
		operators.Negate: -v[0]}[op]
	return operand{typ: typNumber, num: number{v: uint64(n), minus: n < 0}, name: fmt.Sprint(n)}, true, nil
}

func (b *binder) size(c ast.CallExpr) (operand, bool, error) {
	target := c.Target()
	if !c.IsMemberFunction() {
		if len(c.Args()) != 1 {
			return operand{}, false, nil
		}
		target = c.Args()[0]
	}
	o, ok, err := b.operand(target)
	if err != nil || !ok || o.typ != typStrings {
		return operand{}, false, err
	}
	r := *o.ref
	r.Text, r.part = r.Text+".size()", size
	return operand{ref: &r, param: &arch.Param{Kind: arch.KindUint, Width: 4}}, true, nil
}

// addressLiteral binds cidr("…") and ip("…").
func (b *binder) addressLiteral(e ast.Expr, name string, args []ast.Expr) (operand, error) {
	o := operand{typ: typCIDR, name: name}
	if name == "ip" {
		o.typ = typText
	}
	for _, a := range args {
		x, ok, err := b.operand(a)
		if err != nil {
			return o, err
		}
		if !ok || x.typ != typText || !x.constant() {
			return o, b.failf(a, `write it as "10.0.0.0/8"`, "%s takes an address in a string", name)
		}
		if _, err := parsePrefix(x.text); err != nil {
			return o, b.fail(a, err.Error(), addressHint(x.text))
		}
		o.list, o.text = append(o.list, x), x.text
	}
	if len(args) == 0 || name == "ip" && len(args) > 1 {
		return o, b.failf(e, `write it as "10.0.0.0/8"`, "%s takes an address in a string", name)
	}
	return o, nil
}

// parsePrefix reads an address or a prefix; the bits beyond the prefix have to be 0.
func parsePrefix(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return p, fmt.Errorf("%q is neither an IP address nor a prefix", s)
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	if a := p.Addr(); a.Is4In6() {
		if p.Bits() < 96 {
			return p, fmt.Errorf("prefix %q covers more than the IPv4 addresses", s)
		}
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	if p != p.Masked() {
		return p, fmt.Errorf("prefix %q has bits beyond its length", s)
	}
	return p, nil
}

func addressHint(s string) string {
	if p, err := netip.ParsePrefix(s); err == nil {
		return didYouMean(p.Masked().String())
	}
	return `write it as "10.0.0.0/8", "192.0.2.1" or "2001:db8::/32"`
}

// index binds x[i].
func (b *binder) index(e, target, at ast.Expr) (operand, bool, error) {
	o, i, ok, err := b.operands(target, at)
	if err != nil || !ok || o.constant() || i.typ != typNumber || !i.constant() {
		return o, false, err
	}
	elem := elementOf(o)
	if elem == nil {
		return o, false, b.fail(e, o.describe()+" has no elements", o.usage())
	}
	if i.num.minus || i.num.v >= MaxList {
		return o, false, b.failf(e, "elements count from 0", "there is no element %s", i.name)
	}
	r := o.ref.into(fmt.Sprintf("[%d]", i.num.v), step{index: int(i.num.v)})
	return b.value(elem, r), true, nil
}

// elementOf is what an array has; nil if it is none.
func elementOf(o operand) *arch.Param {
	switch {
	case o.typ == typStrings && o.ref.part == whole:
		return &arch.Param{Kind: arch.KindString}
	case o.typ != typStruct:
	case o.param.Kind == arch.KindArray:
		return o.param.Elem
	case o.param.Kind == arch.KindPtr && o.param.Elem != nil && o.param.Elem.Kind == arch.KindArray:
		return o.param.Elem.Elem
	}
	return nil
}

// into is the reference to a part.
func (r *Ref) into(suffix string, s step) *Ref {
	n := *r
	n.Text += suffix
	n.steps = append(append([]step(nil), r.steps...), s)
	n.slot = slot{lo: -1, hi: -1}
	n.isPath, n.byValue = false, false
	return &n
}
