package cond

import (
	"errors"
	"fmt"

	"cel.dev/cel-go/checker"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/containers"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/decls"
	"cel.dev/cel-go/common/functions"
	"cel.dev/cel-go/common/stdlib"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

// An environment is CEL's standard library, for its checker and for its interpreter. Package cel of cel-go would put the same parts
// together; but it brings packages for protobuf's descriptors, which take half a millisecond to initialise at every start of a
// program that has them.
type environment struct {
	registry  *types.Registry
	checker   *checker.Env
	functions interpreter.Dispatcher
}

func newEnvironment() (*environment, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, err
	}
	env := &environment{registry: registry, functions: interpreter.NewDispatcher()}
	if env.checker, err = checker.NewEnv(containers.DefaultContainer, registry); err != nil {
		return nil, err
	}
	if err := env.checker.AddFunctions(stdlib.Functions()...); err != nil {
		return nil, err
	}
	var bindings []*functions.Overload
	for _, f := range stdlib.Functions() {
		b, err := f.Bindings()
		if err != nil {
			return nil, err
		}
		bindings = append(bindings, b...)
	}
	return env, env.functions.Add(bindings...)
}

// check finds out whether an expression over the variables has a type. Mistakes are in the second result.
func (e *environment) check(parsed *ast.AST, src common.Source, vars []*decls.VariableDecl) (*ast.AST, []*common.Error, error) {
	inner, err := checker.NewEnv(containers.DefaultContainer, e.registry, checker.ValidatedDeclarations(e.checker))
	if err != nil {
		return nil, nil, err
	}
	if err := inner.AddIdents(vars...); err != nil {
		return nil, nil, err
	}
	checked, errs := checker.Check(parsed, src, inner)
	return checked, errs.GetErrors(), nil
}

// plan makes an expression ready to be worked out, for at most limit of cost.
func (e *environment) plan(checked *ast.AST, limit uint64) (interpreter.InterpretableV2, error) {
	attributes := interpreter.NewAttributeFactory(containers.DefaultContainer, e.registry, e.registry)
	tracker, err := cost.NewTracker(nil, cost.TrackerLimit(limit))
	if err != nil {
		return nil, err
	}
	return interpreter.NewInterpreter(e.functions, containers.DefaultContainer, e.registry, e.registry, attributes).NewInterpretable(checked,
		interpreter.Optimize(), interpreter.CompileRegexConstants(interpreter.MatchesRegexOptimization),
		interpreter.CostObserver(interpreter.CostTrackerFactory(tracker.Clone)))
}

// run works an expression out. CEL panics where the limit of cost is passed.
func run(prog interpreter.InterpretableV2, vars map[string]any) (out ref.Val, err error) {
	frame, err := interpreter.NewExecutionFrame(vars)
	if err != nil {
		return nil, err
	}
	defer frame.Close()
	defer func() {
		if r := recover(); r != nil {
			err = panicked(r)
		}
	}()
	if out = prog.Exec(frame); types.IsError(out) {
		return nil, out.(*types.Err)
	}
	return out, nil
}

// panicked is what a panic of CEL's says.
func panicked(r any) error {
	var limit cost.LimitExceededError
	if err, ok := r.(error); ok && errors.As(err, &limit) {
		return errors.New("it takes too long: its cost is over the limit")
	}
	return fmt.Errorf("internal error of CEL: %v", r)
}
