package cond

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"

	"github.com/stead-project/stead/arch"
)

// A Bound is the condition of one call.
type Bound struct {
	ID   arch.ID
	Expr *Expr
}

// BindAll binds a rule's condition for each of its calls that the ABI has. A parameter that the manual pages call differently
// for two of the calls is an error that names both; paths stands for the paths of any call. A condition that is impossible for
// all of the calls is an error; for one of several, it is False.
func BindAll(s *Source, abi arch.ABI, calls arch.Selection) ([]Bound, error) {
	var out []Bound
	var failed []failure
	for _, id := range calls.IDs() {
		if _, ok := abi.NumberOf(id); !ok {
			continue
		}
		e, err := s.Bind(abi, id)
		if err != nil {
			failed = append(failed, failure{id, err})
			continue
		}
		out = append(out, Bound{id, e})
	}
	if len(failed) == 0 {
		return out, nil
	}
	if len(out) == 0 && len(failed) == 1 {
		return nil, failed[0].err
	}
	return s.mixed(abi, out, failed)
}

// A failure is a call that a condition does not suit.
type failure struct {
	id  arch.ID
	err error
}

// named is the error with the call's name, which matters if it is one of several.
func (f failure) named() error {
	e, ok := f.err.(*Error)
	if !ok || strings.Contains(e.Msg, f.id.Name()) {
		return f.err
	}
	n := *e
	n.Msg = "in " + f.id.Name() + ": " + n.Msg
	return &n
}

// mixed is for several calls of which some failed.
func (s *Source) mixed(abi arch.ABI, out []Bound, failed []failure) ([]Bound, error) {
	for _, name := range s.names() {
		if err := s.disagreement(abi, name, out, failed); err != nil {
			return nil, err
		}
	}
	for _, f := range failed {
		if !isImpossible(f.err) || len(out) == 0 {
			return nil, f.named()
		}
		out = append(out, Bound{f.id, constant(false)})
	}
	slices.SortFunc(out, func(a, b Bound) int { return int(a.ID) - int(b.ID) })
	return out, nil
}

func isImpossible(err error) bool {
	e, ok := err.(*Error)
	return ok && strings.HasPrefix(e.Msg, errImpossible.Error())
}

// names are the identifiers of the condition, each once, with one of its places.
func (s *Source) names() (list []ast.Expr) {
	seen := map[string]bool{}
	ast.PreOrderVisit(s.ast.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.IdentKind && !seen[e.AsIdent()] {
			seen[e.AsIdent()] = true
			list = append(list, e)
		}
	}))
	return list
}

// disagreement is the error for a name that is a parameter of some of the calls only.
func (s *Source) disagreement(abi arch.ABI, e ast.Expr, out []Bound, failed []failure) error {
	name := e.AsIdent()
	var with, without []arch.ID
	sort := func(id arch.ID) {
		if hasParam(abi.Signature(id), name) {
			with = append(with, id)
		} else {
			without = append(without, id)
		}
	}
	for _, b := range out {
		sort(b.ID)
	}
	for _, f := range failed {
		sort(f.id)
	}
	if len(with) == 0 || len(without) == 0 {
		return nil
	}
	return s.fail(s.location(e), s.disagreementText(abi, name, with, without), s.disagreementHint(abi, name, without))
}

func hasParam(sig *arch.Signature, name string) bool {
	return sig != nil && (sig.Index(name) >= 0 ||
		slices.ContainsFunc(sig.Variants, func(v arch.Signature) bool { return v.Index(name) >= 0 }))
}

// disagreementText: open and openat have a parameter "pathname", chroot calls it path.
func (s *Source) disagreementText(abi arch.ABI, name string, with, without []arch.ID) string {
	text := fmt.Sprintf("%q is a parameter of %s but not of %s", name, idNames(with), idNames(without))
	for _, id := range without {
		if sig := abi.Signature(id); sig != nil {
			if other := nearestParam(sig, name); other != "" {
				return text + fmt.Sprintf(", where %s calls it %s", id, other)
			}
		}
	}
	return text
}

func (s *Source) disagreementHint(abi arch.ABI, name string, without []arch.ID) string {
	hint := "write a rule for each name"
	for _, id := range without {
		sig := abi.Signature(id)
		if sig != nil && slices.ContainsFunc(sig.Params, func(p arch.Param) bool { return p.Kind == arch.KindPath }) {
			return hint + ", or paths for any path of the call"
		}
	}
	return hint
}

func idNames(ids []arch.ID) string {
	var names []string
	for _, id := range ids {
		names = append(names, id.Name())
	}
	if len(names) > 4 {
		return strings.Join(names[:3], ", ") + fmt.Sprintf(" and %d more", len(names)-3)
	}
	return strings.Join(names, ", ")
}
