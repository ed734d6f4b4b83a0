package cond

import (
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"

	"github.com/stead-project/stead/arch"
)

// test binds x.f(arg) of a value.
func (b *binder) test(e ast.Expr, o operand, c ast.CallExpr) (*Expr, error) {
	name := c.FunctionName()
	methods := methodsOf(o)
	if !slices.Contains(methods, name) {
		return b.noMethod(e, o, name, methods)
	}
	if len(c.Args()) != 1 {
		return nil, b.failf(e, o.usage(), "%s takes one argument", name)
	}
	arg, ok, err := b.operand(c.Args()[0])
	switch {
	case err != nil:
		return nil, err
	case !ok || !arg.constant():
		return b.variableArgument(e, o, name)
	case o.typ == typPaths:
		return b.eachPath(false, func(p operand) (*Expr, error) { return b.testValue(e, p, name, arg) })
	}
	return b.testValue(e, o, name, arg)
}

// methodsOf are the tests of a value.
func methodsOf(o operand) []string {
	switch o.typ {
	case typNumber:
		return []string{"has", "any", "none", "only"}
	case typPath, typPaths:
		return []string{"under", "matches", "endsWith", "contains"}
	case typName, typText:
		return []string{"matches", "startsWith", "endsWith", "contains"}
	case typStrings:
		return []string{"contains"}
	}
	return nil
}

func (b *binder) noMethod(e ast.Expr, o operand, name string, methods []string) (*Expr, error) {
	switch {
	case o.typ == typPath && name == "startsWith":
		return nil, b.fail(e, "startsWith would take /etcetera for a part of /etc", "write "+o.ref.Text+`.under("/etc")`)
	case celMethod(name) && (o.typ == typStrings || o.isText()):
		return b.program(e)
	case o.typ == typText && name == "under":
		return nil, b.failf(e, "write .startsWith", "%s is a string, not a path", o.ref.Text)
	}
	return nil, b.failf(e, meantOr(nearest(name, methods), "its tests", methods), "%s has no test %q", o.describe(), name)
}

// celMethod reports whether CEL has a method of strings or lists that this package leaves to it.
func celMethod(name string) bool {
	return slices.Contains([]string{"size"}, name)
}

func (b *binder) variableArgument(e ast.Expr, o operand, name string) (*Expr, error) {
	if o.typ == typText && name != "matches" || o.typ == typStrings {
		return b.program(e)
	}
	return nil, b.failf(e, o.usage(), "the argument of %s has to be known when the policy is loaded", name)
}

func (b *binder) testValue(e ast.Expr, o operand, name string, arg operand) (*Expr, error) {
	if err := b.readable(e, o); err != nil {
		return nil, err
	}
	if o.typ == typNumber {
		return b.flagTest(e, o, name, arg)
	}
	list, err := b.stringArgument(e, o, name, arg)
	if err != nil {
		return nil, err
	}
	switch {
	case o.typ == typStrings:
		return leaf(&Strings{Ref: o.ref, Any: sorted(list)}), nil
	case o.typ == typPath && name == "under":
		return b.under(e, o, list)
	case name == "matches":
		return b.matches(e, o, list)
	}
	return b.substring(o, name, list), nil
}

// stringArgument is one string or a list of them.
func (b *binder) stringArgument(e ast.Expr, o operand, name string, arg operand) (list []string, err error) {
	items := []operand{arg}
	if arg.typ == typList {
		items = arg.list
	}
	if len(items) == 0 {
		return nil, b.fail(e, "an empty list has nothing to test for", "write its members")
	}
	for _, x := range items {
		if x.typ != typText {
			return nil, b.failf(x.expr, o.usage(), "%s takes a string, not %s", name, x.describe())
		}
		list = append(list, x.text)
	}
	return list, nil
}

func (b *binder) substring(o operand, name string, list []string) *Expr {
	t := &Text{Ref: o.ref}
	switch name {
	case "startsWith":
		t.Prefix = list
	case "endsWith":
		t.Suffix = list
	default:
		t.Substring = list
	}
	return leaf(t)
}

func (b *binder) under(e ast.Expr, o operand, list []string) (*Expr, error) {
	for i, p := range list {
		clean, err := b.absolute(e, p)
		if err != nil {
			return nil, err
		}
		list[i] = clean
	}
	return leaf(&Path{Ref: o.ref, Under: NewPathSet(list)}), nil
}

// absolute checks a path of the policy; slashes at its end and in a row are forgiven.
func (b *binder) absolute(e ast.Expr, p string) (string, error) {
	switch clean := path.Clean(p); {
	case p == "" || p[0] != '/':
		return "", b.failf(e, "write "+quoted("/"+p), "path %q is not absolute", p)
	case strings.Contains(p+"/", "/../") || strings.Contains(p+"/", "/./"):
		return "", b.failf(e, "write "+quoted(clean), "path %q has . or .. in it, which the paths compared with have not", p)
	case strings.IndexByte(p, 0) >= 0 || len(p) >= arch.MaxPath:
		return "", b.fail(e, "no path has a NUL byte or is as long", "shorten it")
	default:
		return clean, nil
	}
}

func quoted(s string) string { return `"` + s + `"` }

func (b *binder) matches(e ast.Expr, o operand, list []string) (*Expr, error) {
	if o.typ == typText {
		return b.regexps(e, o, list)
	}
	globs := make([]*Glob, len(list))
	for i, text := range list {
		compile := CompileGlob
		if o.typ == typName {
			compile = CompileNameGlob
		}
		g, err := compile(text)
		if err != nil {
			return nil, b.fail(e, err.Error(), "")
		}
		globs[i] = g
	}
	if o.typ == typName {
		return leaf(&Text{Ref: o.ref, Globs: globs}), nil
	}
	return leaf(&Path{Ref: o.ref, Globs: globs}), nil
}

func (b *binder) regexps(e ast.Expr, o operand, list []string) (*Expr, error) {
	t := &Text{Ref: o.ref}
	for _, text := range list {
		if len(text) > maxPattern {
			return nil, b.failf(e, "split it", "regular expression of %d bytes is too long: %d are allowed", len(text), maxPattern)
		}
		r, err := regexp.Compile(text)
		if err != nil {
			return nil, b.failf(e, `strings match regular expressions (RE2); globs are for paths`, "%v", err)
		}
		t.Regexps = append(t.Regexps, r)
	}
	return leaf(t), nil
}

// equal binds equality with one of some constants.
func (b *binder) equal(e ast.Expr, o operand, list []operand) (*Expr, error) {
	if err := b.readable(e, o); err != nil {
		return nil, err
	}
	if o.typ == typIP {
		return b.inPrefixes(e, o, list)
	}
	var texts, paths []string
	for _, x := range list {
		switch {
		case x.typ != typText || !o.isText():
			return nil, b.mismatch(x.expr, o, x)
		case o.typ == typPath && !(b.mayBeName(o) && !strings.HasPrefix(x.text, "/")):
			clean, err := b.absolutePath(x, o)
			if err != nil {
				return nil, err
			}
			paths = append(paths, clean)
		default:
			texts = append(texts, x.text)
		}
	}
	return b.equalTexts(o, paths, texts)
}

func (b *binder) equalTexts(o operand, paths, texts []string) (*Expr, error) {
	var kids []*Expr
	if len(paths) > 0 {
		kids = append(kids, leaf(&Path{Ref: o.ref, Equal: sorted(paths)}))
	}
	if len(texts) > 0 {
		r := o.ref
		if o.typ == typPath {
			n := *r
			n.isPath = false
			r = &n
		}
		kids = append(kids, leaf(&Text{Ref: r, Equal: sorted(texts)}))
	}
	return join(Or, kids...), nil
}

// mayBeName reports whether a path need not be one: mount's source may be any word. It is compared as it was written then.
func (b *binder) mayBeName(o operand) bool { return b.sig.Name == "mount" && o.ref.Text == "source" }

func (b *binder) absolutePath(x, o operand) (string, error) {
	if x.text == "" {
		return "", nil
	}
	p, err := b.absolute(x.expr, x.text)
	if e, ok := err.(*Error); ok && x.text[0] != '/' {
		e.Hint += ", or " + o.ref.Text + ".base == " + quoted(path.Base(x.text))
	}
	return p, err
}

// inPrefixes binds membership in sets of addresses.
func (b *binder) inPrefixes(e ast.Expr, o operand, list []operand) (*Expr, error) {
	if o.typ != typIP {
		return nil, b.fail(e, o.describe()+" is no IP address", "name its .ip")
	}
	if err := b.readable(e, o); err != nil {
		return nil, err
	}
	var prefixes []netip.Prefix
	for _, x := range list {
		items := []operand{x}
		if x.typ == typCIDR {
			items = x.list
		}
		for _, i := range items {
			p, err := parsePrefix(i.text)
			if err != nil {
				return nil, b.fail(x.expr, err.Error(), addressHint(i.text))
			}
			prefixes = append(prefixes, p)
		}
	}
	return leaf(&Addr{Ref: o.ref, Prefixes: prefixes}), nil
}

// readable makes sure that a value is there before the call: not what the kernel writes.
func (b *binder) readable(e ast.Expr, o operand) error {
	if o.ref == nil || o.ref.Arg < 0 || o.ref.Register() || o.ref.Arg >= len(b.sig.Params) {
		return nil
	}
	out := true
	for _, p := range b.alike(b.sig, o.ref.Param, nil, 0) {
		out = out && isPointer(p.Kind) && p.Dir == arch.Out
	}
	if out {
		return b.failf(e, "only "+o.ref.Param+" == null can be asked", "%s is what %s writes: nothing is there before the call",
			o.ref.Param, b.sig.Name)
	}
	return nil
}
