package cond

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/decls"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/interpreter"

	"github.com/stead-project/stead/arch"
)

// Limits of programs, in CEL's units of cost (cel-go, common/cost).
const (
	maxEstimate = 50_000_000 // the most that a program may cost at worst, by CEL's estimate
	maxCost     = 100_000    // what one evaluation may cost
	maxVars     = 256        // values of the call in one program
)

// A Program is what has no test of its own, worked out by CEL under a limit of cost.
type Program struct {
	Text string
	refs []*Ref
	vars []variable
	prog interpreter.InterpretableV2
}

// A variable is a value that is worked out before CEL begins.
type variable struct {
	name string
	typ  typ
	ref  *Ref
	test *Expr // instead of ref
}

// Refs implements Leaf.
func (p *Program) Refs() []*Ref { return p.refs }

// String implements Leaf.
func (p *Program) String() string { return p.Text }

func (p *Program) cost() int { return 1000 }

func (p *Program) eval(c *Context) (bool, error) {
	vars := make(map[string]any, len(p.vars))
	for i := range p.vars {
		v, err := p.vars[i].value(c)
		if err != nil {
			return false, err
		}
		vars[p.vars[i].name] = v
	}
	out, err := run(p.prog, vars)
	if err != nil {
		return false, fmt.Errorf("%s: %w", p.Text, err)
	}
	v, ok := out.(types.Bool)
	if !ok {
		return false, fmt.Errorf("%s: the result is %s, not bool", p.Text, out.Type().TypeName())
	}
	return bool(v), nil
}

func (v *variable) value(c *Context) (any, error) {
	switch {
	case v.test != nil:
		return v.test.Eval(c)
	case v.typ == typNumber:
		return v.number(c)
	case v.typ == typStrings:
		return v.strings(c)
	case v.typ == typIP:
		return v.ip(c)
	case v.ref.isPath:
		p, err := v.ref.path(c)
		return string(p), err
	}
	t, err := v.ref.text(c)
	return string(t), err
}

// number is CEL's int; what does not fit cannot be decided.
func (v *variable) number(c *Context) (any, error) {
	n, err := v.ref.number(c)
	if v.ref.slot.lo >= 0 && v.ref.slot.bits < 64 && v.test == nil && v.ref.signed {
		n = uint64(signExtend(n, v.ref.slot.bits))
	}
	if err == nil && int64(n) < 0 && !v.ref.signed {
		err = valueError(v.ref, fmt.Errorf("%#x is too large to calculate with", n))
	}
	return int64(n), err
}

func (v *variable) strings(c *Context) (any, error) {
	val, err := v.ref.value(c)
	if val == nil || err != nil || val.State == arch.Null {
		return []string{}, v.ref.wrap(err)
	}
	if val.State != arch.OK {
		return nil, valueError(v.ref, stateError(val.State))
	}
	list := make([]string, len(val.List))
	for i := range val.List {
		if s := val.List[i].State; s != arch.OK {
			return nil, valueError(v.ref, stateError(s))
		}
		list[i] = string(val.List[i].Bytes)
	}
	return list, nil
}

func (v *variable) ip(c *Context) (any, error) {
	val, err := v.ref.value(c)
	if err != nil {
		return "", v.ref.wrap(err)
	}
	a, err := v.ref.sockaddr(val)
	if a == nil || err != nil || a.IP == (netip.Addr{}) {
		return "", err
	}
	return a.IP.Unmap().String(), nil
}

// environment is made when a condition first needs it.
func (l *Language) environment() (*environment, error) {
	l.once.Do(func() { l.env, l.err = newEnvironment() })
	return l.env, l.err
}

// program hands an expression to CEL, with the values of the call replaced by variables.
func (b *binder) program(e ast.Expr) (*Expr, error) {
	h := &hoister{binder: b, factory: ast.NewExprFactory()}
	body := h.factory.CopyExpr(e)
	if err := h.walkParts(body, nil); err != nil { // the whole has been found to be no value and no test
		return nil, err
	}
	prog, err := b.compile(e, body, h.vars)
	if err != nil {
		return nil, err
	}
	p := &Program{Text: b.src.text(e), vars: h.vars, prog: prog}
	for _, v := range h.vars {
		p.refs = append(p.refs, v.uses()...)
	}
	return leaf(p), nil
}

func (v *variable) uses() (list []*Ref) {
	if v.test == nil {
		return []*Ref{v.ref}
	}
	v.test.Leaves(func(l Leaf) { list = append(list, l.Refs()...) })
	return list
}

func (v *variable) celType() *types.Type {
	switch {
	case v.test != nil:
		return types.BoolType
	case v.typ == typNumber:
		return types.IntType
	case v.typ == typStrings:
		return types.NewListType(types.StringType)
	}
	return types.StringType
}

func (b *binder) compile(e, body ast.Expr, vars []variable) (interpreter.InterpretableV2, error) {
	env, err := b.src.lang.environment()
	if err != nil {
		return nil, b.fail(e, err.Error(), "")
	}
	checked, err := b.check(env, e, body, vars)
	if err != nil {
		return nil, err
	}
	prog, err := env.plan(checked, maxCost)
	if err != nil {
		return nil, b.fail(e, "cannot compile: "+err.Error(), "")
	}
	return prog, nil
}

func (b *binder) check(env *environment, e, body ast.Expr, vars []variable) (*ast.AST, error) {
	declared := make([]*decls.VariableDecl, len(vars))
	for i := range vars {
		declared[i] = decls.NewVariable(vars[i].name, vars[i].celType())
	}
	checked, mistakes, err := env.check(ast.NewAST(body, b.src.ast.SourceInfo()), b.src.src, declared)
	switch {
	case err != nil:
		return nil, b.fail(e, err.Error(), "")
	case len(mistakes) > 0:
		return nil, b.src.fail(mistakes[0].Location, checkMessage(mistakes[0].Message), checkHint(mistakes[0].Message))
	}
	if t := checked.GetType(checked.Expr().ID()); !t.IsExactType(types.BoolType) {
		return nil, b.failf(e, "compare it with something", "condition is %s, not true or false", t)
	}
	estimate, err := cost.Cost(checked, sizes{})
	if err == nil && estimate.Max > maxEstimate {
		return nil, b.fail(e, fmt.Sprintf("condition may take too long: its cost may be %d, %d is allowed", estimate.Max, maxEstimate),
			"avoid loops within loops")
	}
	return checked, nil
}

// checkMessage puts CEL's operators into the form in which they were written.
func checkMessage(msg string) string {
	for _, op := range []string{"==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "&&", "||"} {
		msg = strings.ReplaceAll(msg, "'_"+op+"_'", "'"+op+"'")
	}
	return strings.ReplaceAll(msg, "'@in'", "'in'")
}

func checkHint(msg string) string {
	switch {
	case strings.Contains(msg, "undeclared reference"):
		return "CEL's standard functions are known, and the tests of values: under, matches, has, …"
	case strings.Contains(msg, "no matching overload"):
		return "both sides need one type: int(…) and string(…) convert"
	}
	return ""
}

// sizes says how large values get: package arch reads no more.
type sizes struct{}

// EstimateSize implements cost.Estimator.
func (sizes) EstimateSize(n cost.AstNode) *cost.SizeEstimate {
	switch n.Type().Kind() {
	case types.StringKind:
		return &cost.SizeEstimate{Max: arch.MaxPath}
	case types.ListKind:
		return &cost.SizeEstimate{Max: arch.DefaultMaxItems}
	}
	return nil
}

// EstimateCallCost implements cost.Estimator.
func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

// A hoister replaces what is known of a call by variables.
type hoister struct {
	*binder
	factory ast.ExprFactory
	vars    []variable
}

// walk replaces in place. bound are the variables of the loops around.
func (h *hoister) walk(e ast.Expr, bound []string) error {
	if !uses(e, bound) {
		if done, err := h.replace(e); done || err != nil {
			return err
		}
	}
	return h.walkParts(e, bound)
}

func (h *hoister) walkParts(e ast.Expr, bound []string) error {
	switch e.Kind() {
	case ast.SelectKind:
		return h.walk(e.AsSelect().Operand(), bound)
	case ast.CallKind:
		return h.walkCall(e, bound)
	case ast.ListKind:
		return h.walkAll(e.AsList().Elements(), bound)
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			if err := h.walkAll([]ast.Expr{entry.AsMapEntry().Key(), entry.AsMapEntry().Value()}, bound); err != nil {
				return err
			}
		}
	case ast.StructKind:
		return h.fail(e, "structs cannot be made here", "compare the fields one by one")
	case ast.ComprehensionKind:
		return h.walkLoop(e.AsComprehension(), bound)
	}
	return nil
}

func (h *hoister) walkAll(list []ast.Expr, bound []string) error {
	for _, x := range list {
		if err := h.walk(x, bound); err != nil {
			return err
		}
	}
	return nil
}

func (h *hoister) walkCall(e ast.Expr, bound []string) error {
	c := e.AsCall()
	args := c.Args()
	if c.FunctionName() == "matches" {
		if err := h.pattern(e, args[len(args)-1]); err != nil {
			return err
		}
	}
	if c.IsMemberFunction() {
		if err := h.walk(c.Target(), bound); err != nil {
			return err
		}
	}
	return h.walkAll(args, bound)
}

// pattern makes sure that a regular expression is known and small.
func (h *hoister) pattern(e, arg ast.Expr) error {
	text, ok := types.String(""), false
	if arg.Kind() == ast.LiteralKind {
		text, ok = arg.AsLiteral().(types.String)
	}
	if !ok || len(text) > maxPattern {
		return h.failf(e, "write it as a string",
			"a regular expression has to be known when the policy is loaded, and have at most %d bytes", maxPattern)
	}
	if _, err := regexp.Compile(string(text)); err != nil {
		return h.fail(e, err.Error(), "")
	}
	return nil
}

func (h *hoister) walkLoop(c ast.ComprehensionExpr, bound []string) error {
	inner := append(append([]string(nil), bound...), c.AccuVar(), c.IterVar())
	if c.HasIterVar2() {
		inner = append(inner, c.IterVar2())
	}
	if err := h.walkAll([]ast.Expr{c.IterRange(), c.AccuInit()}, bound); err != nil {
		return err
	}
	return h.walkAll([]ast.Expr{c.LoopCondition(), c.LoopStep(), c.Result()}, inner)
}

// uses reports whether an expression names a loop's variable.
func uses(e ast.Expr, bound []string) (found bool) {
	if len(bound) == 0 {
		return false
	}
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(x ast.Expr) {
		for _, name := range bound {
			found = found || x.Kind() == ast.IdentKind && x.AsIdent() == name
		}
	}))
	return found
}

// replace puts a variable, or a constant, in the place of a value of the call.
func (h *hoister) replace(e ast.Expr) (done bool, err error) {
	switch {
	case e.Kind() == ast.LiteralKind || e.Kind() == ast.ListKind:
		return e.Kind() == ast.LiteralKind, nil
	case ownTest(e):
		return h.replaceTest(e)
	}
	o, ok, err := h.operand(e)
	switch {
	case err != nil || !ok:
		return false, err
	case o.constant() && o.typ == typNumber:
		return true, h.literal(e, o)
	case o.constant() && o.typ == typText:
		e.SetKindCase(h.factory.NewLiteral(e.ID(), types.String(o.text)))
		return true, nil
	case o.typ == typNull:
		e.SetKindCase(h.factory.NewLiteral(e.ID(), types.NullValue))
		return true, nil
	case o.typ > typIP || o.typ == typPaths || o.typ == typAddr:
		return false, h.fail(e, o.describe()+" cannot be calculated with", o.usage())
	}
	if err := h.readable(e, o); err != nil {
		return false, err
	}
	o.ref.signed = o.typ == typNumber && isSigned(o.param.Kind)
	return true, h.variable(e, variable{typ: o.typ, ref: o.ref})
}

func (h *hoister) literal(e ast.Expr, o operand) error {
	if o.num.absent {
		return h.failf(e, "add caller.abi", "%s does not exist on %s", o.name, h.abi)
	}
	if !o.num.minus && !o.num.header && o.num.v > 1<<63-1 {
		return h.failf(e, "compare it with a value on its own", "%s is too large to calculate with", o.name)
	}
	e.SetKindCase(h.factory.NewLiteral(e.ID(), types.Int(int64(o.num.v))))
	return nil
}

func (h *hoister) variable(e ast.Expr, v variable) error {
	if len(h.vars) >= maxVars {
		return h.fail(e, "condition reads too many values", "split the rule")
	}
	v.name = fmt.Sprintf("value%d_", len(h.vars))
	h.vars = append(h.vars, v)
	e.SetKindCase(h.factory.NewIdent(e.ID(), v.name))
	return nil
}

// ownTest reports whether a call is a test that CEL does not know.
func ownTest(e ast.Expr) bool {
	if e.Kind() != ast.CallKind {
		return false
	}
	switch e.AsCall().FunctionName() {
	case "has", "any", "none", "only", "under", "writes":
		return true
	}
	return false
}

func (h *hoister) replaceTest(e ast.Expr) (bool, error) {
	t, err := h.cond(h.factory.CopyExpr(e))
	if err != nil {
		return false, err
	}
	return true, h.variable(e, variable{test: t})
}

// start is the place of the first character.
func (s *Source) start() common.Location { return common.NewLocation(1, 0) }

// location is where an expression begins.
func (s *Source) location(e ast.Expr) common.Location {
	if s.ast == nil || e == nil {
		return s.start()
	}
	if at := s.ast.SourceInfo().GetStartLocation(e.ID()); at.Line() > 0 {
		return at
	}
	return s.start()
}

// text is an expression as it was written, as far as that is known: the whole if it is not.
func (s *Source) text(ast.Expr) string { return strings.TrimSpace(s.cond.Text) }
