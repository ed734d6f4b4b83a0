package cond

import (
	"fmt"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/stead-project/stead/arch"
)

// Bind gives the condition its meaning for one call of one ABI. Names, types, constants and flags that do not exist there are
// errors, as is a condition that no call can fulfil; one that cannot be fulfilled only because of the ABI (caller.abi, a
// constant or a width that it does not have) is False, and one that always holds is True. Errors are *Error.
func (s *Source) Bind(abi arch.ABI, id arch.ID) (*Expr, error) {
	if s.ast == nil {
		return constant(true), nil
	}
	sig := abi.Signature(id)
	if sig == nil {
		return nil, s.fail(s.start(), fmt.Sprintf("nothing is known of the arguments of %s on %s", id, abi),
			"write a rule without when for it")
	}
	b := &binder{src: s, abi: abi, sig: sig}
	e, err := b.cond(s.ast.Expr())
	if err != nil {
		return nil, err
	}
	if e = settle(e); e.Op == False && !b.abiDependent {
		return nil, s.fail(s.start(), fmt.Sprintf("%v in %s", errImpossible, sig.Name), "correct it, or remove the rule")
	}
	return e, nil
}

// A binder binds one condition.
type binder struct {
	src          *Source
	abi          arch.ABI
	sig          *arch.Signature
	abiDependent bool // a part is constant because of the ABI
}

func (b *binder) fail(e ast.Expr, msg, hint string) error {
	return b.src.fail(b.src.location(e), msg, hint)
}

func (b *binder) failf(e ast.Expr, hint, format string, args ...any) error {
	return b.fail(e, fmt.Sprintf(format, args...), hint)
}

// cond binds what has to be true or false.
func (b *binder) cond(e ast.Expr) (*Expr, error) {
	switch e.Kind() {
	case ast.LiteralKind:
		if v, ok := e.AsLiteral().(types.Bool); ok {
			return constant(bool(v)), nil
		}
	case ast.CallKind:
		return b.call(e, e.AsCall())
	case ast.ComprehensionKind:
		return b.program(e)
	}
	op, ok, err := b.operand(e)
	switch {
	case err != nil:
		return nil, err
	case ok && op.typ == typInitial:
		return leaf(&Initial{Ref: op.ref}), nil
	case ok:
		return nil, b.fail(e, op.describe()+" is neither true nor false", op.usage())
	}
	return b.program(e)
}

func (b *binder) call(e ast.Expr, c ast.CallExpr) (*Expr, error) {
	args := c.Args()
	switch c.FunctionName() {
	case operators.LogicalAnd:
		return b.join(And, args)
	case operators.LogicalOr:
		return b.join(Or, args)
	case operators.LogicalNot:
		return b.not(b.cond(args[0]))
	case operators.Conditional:
		return b.conditional(args)
	case operators.In:
		return b.in(e, args[0], args[1])
	case "writes":
		if len(args) == 1 && !c.IsMemberFunction() {
			return b.writes(e, args[0])
		}
	}
	if cmp, ok := comparison(c.FunctionName()); ok {
		return b.compare(e, cmp, args[0], args[1])
	}
	if c.IsMemberFunction() {
		return b.member(e, c)
	}
	return b.otherCall(e)
}

// otherCall is a function of CEL; one that yields an operand is no condition.
func (b *binder) otherCall(e ast.Expr) (*Expr, error) {
	op, ok, err := b.operand(e)
	switch {
	case err != nil:
		return nil, err
	case ok:
		return nil, b.fail(e, op.describe()+" is neither true nor false", op.usage())
	}
	return b.program(e)
}

func comparison(function string) (Cmp, bool) {
	switch function {
	case operators.Equals:
		return EQ, true
	case operators.NotEquals:
		return NE, true
	case operators.Less:
		return LT, true
	case operators.LessEquals:
		return LE, true
	case operators.Greater:
		return GT, true
	case operators.GreaterEquals:
		return GE, true
	}
	return 0, false
}

func (b *binder) join(op Op, args []ast.Expr) (*Expr, error) {
	kids := make([]*Expr, len(args))
	for i, a := range args {
		k, err := b.cond(a)
		if err != nil {
			return nil, err
		}
		kids[i] = k
	}
	return join(op, kids...), nil
}

func (b *binder) not(e *Expr, err error) (*Expr, error) {
	if err != nil {
		return nil, err
	}
	if n := e.Negate(); n.Op == And || n.Op == Or {
		return join(n.Op, n.Kids...), nil
	}
	return e.Negate(), nil
}

func (b *binder) conditional(args []ast.Expr) (*Expr, error) {
	var kids [3]*Expr
	for i, a := range args {
		k, err := b.cond(a)
		if err != nil {
			return nil, err
		}
		kids[i] = k
	}
	return join(Or, join(And, kids[0], kids[1]), join(And, kids[0].Negate(), kids[2])), nil
}

// compare binds a comparison. The constant goes to the right.
func (b *binder) compare(e ast.Expr, cmp Cmp, left, right ast.Expr) (*Expr, error) {
	l, r, ok, err := b.operands(left, right)
	if err != nil {
		return nil, err
	}
	if !ok || !l.constant() && !r.constant() {
		return b.program(e)
	}
	if l.constant() && !r.constant() {
		l, r, cmp = r, l, cmpFacts[cmp].swapped
	}
	return b.compareTo(e, cmp, l, r)
}

func (b *binder) operands(left, right ast.Expr) (l, r operand, ok bool, err error) {
	l, okL, err := b.operand(left)
	if err != nil {
		return l, r, false, err
	}
	r, okR, err := b.operand(right)
	return l, r, okL && okR, err
}

// compareTo compares with a constant.
func (b *binder) compareTo(e ast.Expr, cmp Cmp, l, r operand) (*Expr, error) {
	switch {
	case l.typ == typPaths:
		return b.eachPath(cmp == NE, func(p operand) (*Expr, error) { return b.compareTo(e, cmp, p, r) })
	case r.typ == typNull:
		return b.compareNull(e, cmp, l)
	case l.constant():
		return b.fold(e, cmp, l, r)
	case l.typ == typNumber:
		return b.compareNumber(e, cmp, l, r)
	case r.typ == typText && (cmp == EQ || cmp == NE):
		t, err := b.equal(e, l, []operand{r})
		return maybeNot(cmp == NE, t, err)
	case r.typ == typText && l.isText():
		return b.program(e)
	}
	return nil, b.mismatch(e, l, r)
}

func maybeNot(not bool, e *Expr, err error) (*Expr, error) {
	if err == nil && not {
		return e.Negate(), nil
	}
	return e, err
}

func (b *binder) mismatch(e ast.Expr, l, r operand) error {
	return b.fail(e, fmt.Sprintf("cannot compare %s with %s", l.describe(), r.describe()), l.usage())
}

// eachPath binds a test of any path of the call; with all, of every one.
func (b *binder) eachPath(all bool, bind func(operand) (*Expr, error)) (*Expr, error) {
	var kids []*Expr
	for i := range b.sig.Params {
		if p := &b.sig.Params[i]; p.Kind == arch.KindPath && p.Dir != arch.Out {
			k, err := bind(b.param(i, p))
			if err != nil {
				return nil, err
			}
			kids = append(kids, k)
		}
	}
	b.abiDependent = b.abiDependent || len(kids) == 0
	if all {
		return join(And, kids...), nil
	}
	return join(Or, kids...), nil
}

func (b *binder) compareNull(e ast.Expr, cmp Cmp, l operand) (*Expr, error) {
	if l.ref == nil || l.param == nil || !isPointer(l.param.Kind) || cmp > NE || l.ref.part >= family || l.ref.dirs > 0 {
		return nil, b.fail(e, l.describe()+" cannot be compared with null", "only a pointer is null or not")
	}
	r, bits := b.addressRef(l)
	return leaf(&Number{Ref: r, Bits: bits, Mask: fullMask(bits), Cmp: cmp, Name: "null"}), nil
}

// fold compares constants.
func (b *binder) fold(e ast.Expr, cmp Cmp, l, r operand) (*Expr, error) {
	b.abiDependent = b.abiDependent || l.abiDependent || r.abiDependent
	switch {
	case l.typ == typText && r.typ == typText:
		if l.abiDependent {
			if err := b.checkABI(e, r.text); err != nil {
				return nil, err
			}
		}
		return constant(cmp.holds(order(l.text < r.text, l.text > r.text))), nil
	case l.typ == typNumber && r.typ == typNumber:
		return constant(cmp.holds(l.num.order(r.num))), nil
	}
	return nil, b.mismatch(e, l, r)
}

func (b *binder) checkABI(e ast.Expr, name string) error {
	var names []string
	for _, a := range arch.ABIs() {
		if a.String() == name {
			return nil
		}
		names = append(names, a.String())
	}
	if a, err := arch.ParseABI(name); err == nil {
		return b.failf(e, didYouMean(a.String()), "%q is not this ABI's name here", name)
	}
	return b.failf(e, meantOr(nearest(name, names), "ABIs", someOf(names)), "there is no ABI %q", name)
}

func (n number) order(m number) int {
	if n.minus != m.minus {
		return order(n.minus, m.minus)
	}
	return order(n.v < m.v, n.v > m.v) // of two negative numbers too: two's complement
}

// in binds membership.
func (b *binder) in(e, item, list ast.Expr) (*Expr, error) {
	l, r, ok, err := b.operands(item, list)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return b.program(e)
	case r.typ == typStrings && l.typ == typText && l.constant():
		return leaf(&Strings{Ref: r.ref, Any: []string{l.text}}), nil
	case r.typ == typStrings:
		return b.program(e)
	case r.typ == typCIDR:
		return b.inPrefixes(e, l, r.list)
	case r.typ != typList:
		return nil, b.fail(e, r.describe()+" has no members", `write in ["a", "b"], in [A, B] or in cidr("10.0.0.0/8")`)
	}
	return b.inList(e, l, r)
}

func (b *binder) inList(e ast.Expr, l, r operand) (*Expr, error) {
	switch {
	case len(r.list) == 0:
		return nil, b.fail(e, "nothing is in an empty list", "write its members")
	case l.typ == typPaths:
		return b.eachPath(false, func(p operand) (*Expr, error) { return b.inList(e, p, r) })
	case l.typ == typIP:
		return b.inPrefixes(e, l, r.list)
	case l.isText() && !l.constant():
		return b.equal(e, l, r.list)
	}
	kids := make([]*Expr, 0, len(r.list))
	for _, x := range r.list {
		k, err := b.compareTo(x.expr, EQ, l, x)
		if err != nil {
			return nil, err
		}
		kids = append(kids, k)
	}
	return join(Or, kids...), nil
}

// member binds x.f(…).
func (b *binder) member(e ast.Expr, c ast.CallExpr) (*Expr, error) {
	if op, ok, err := b.operand(e); ok || err != nil {
		if err == nil {
			err = b.fail(e, op.describe()+" is neither true nor false", op.usage())
		}
		return nil, err
	}
	target, ok, err := b.operand(c.Target())
	if err != nil {
		return nil, err
	}
	if !ok || target.constant() {
		return b.program(e)
	}
	return b.test(e, target, c)
}
