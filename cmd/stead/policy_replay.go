//go:build !embedwhole

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/compiler"
	"github.com/stead-project/stead/policy/cond"
	"github.com/stead-project/stead/policy/policytest"
)

func newPolicyTest() *cobra.Command {
	f := &policyFlags{}
	cmd := &cobra.Command{
		Use:   "test [FILE...] TESTS",
		Short: "Decide written calls, or a recorded trace, and compare",
		Long: `Decide the calls of a file of tests (YAML: calls with the verdicts that they should have), or replay a trace that stead recorded as
JSON lines and say which verdicts change. docs/policy-tests.md has the form. Exit status: 0 if all is as it should be, 1 if not.`,
		Example: `  stead policy test billing.yaml billing-tests.yaml
  stead policy test billing.yaml yesterday.jsonl`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.files = args[:len(args)-1]
			if !f.any() {
				return fmt.Errorf("no policy: name a file before the tests, or a preset with --preset")
			}
			prog, err := f.compile(false, nil)
			if err != nil {
				return err
			}
			return runPolicyTests(cmd.OutOrStdout(), prog, args[len(args)-1])
		},
	}
	f.add(cmd.Flags(), false)
	return cmd
}

func runPolicyTests(w io.Writer, prog *compiler.Program, name string) error {
	switch filepath.Ext(name) {
	case ".json", ".jsonl":
		return replay(w, prog, name)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("read tests: %w", err)
	}
	cases, err := policytest.Load(name, text)
	if err != nil {
		return err
	}
	who := policytest.Callers(cases)
	caller := func(c policy.Caller) cond.CallerInfo { return who(c) }
	decide := func(r *policy.Request) policy.Decision { return prog.Predict(r, caller).Decision }
	report := policytest.Run(cases, decide, policytest.Options{
		Engine: func(r *policy.Request, _ policy.Decision) string { return prog.Predict(r, caller).Engine.String() }})
	fmt.Fprint(w, report.String())
	if report.Failed > 0 {
		return &exitError{code: 1}
	}
	return nil
}

func replay(w io.Writer, prog *compiler.Program, name string) error {
	file, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("read trace: %w", err)
	}
	defer file.Close()
	report, err := policytest.RunTrace(file, func(r *policy.Request) policy.Decision { return prog.Predict(r, nil).Decision }, policytest.TraceOptions{})
	if err != nil {
		return err
	}
	fmt.Fprint(w, report.String())
	if report.Changed > 0 {
		return &exitError{code: 1}
	}
	return nil
}
