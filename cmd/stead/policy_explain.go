//go:build !embedwhole

package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/callspec"
	"github.com/stead-project/stead/policy/compiler"
	"github.com/stead-project/stead/policy/filter"
	"github.com/stead-project/stead/policy/policytest"
)

// explainFlags are the flags of stead policy explain.
type explainFlags struct {
	policyFlags
	abi string
}

func newPolicyExplain() *cobra.Command {
	f := &explainFlags{}
	cmd := &cobra.Command{
		Use:   "explain [FILE] [CALL]",
		Short: "Say which engine enforces each rule, and why; or what becomes of one call",
		Example: `  stead policy explain billing.yaml
  stead policy explain billing.yaml 'openat(AT_FDCWD, "/etc/shadow", O_RDONLY)'`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd.OutOrStdout(), args) },
	}
	f.add(cmd.Flags(), false)
	cmd.Flags().StringVar(&f.abi, "abi", "", "the ABI of the call; default: this machine's")
	return cmd
}

func (f *explainFlags) run(w io.Writer, args []string) error {
	call := ""
	if n := len(args); n > 0 && strings.Contains(args[n-1], "(") {
		args, call = args[:n-1], args[n-1]
	}
	f.files = args
	if !f.any() {
		return fmt.Errorf("no policy: name a file, or a preset with --preset")
	}
	prog, err := f.compile(false, nil)
	if err != nil {
		return err
	}
	if call != "" {
		return f.explainCall(w, prog, call)
	}
	return explainRules(w, prog)
}

// explainRules prints a line for each rule, ABI and engine.
func explainRules(w io.Writer, prog *compiler.Program) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "RULE\tABI\tENGINE\tCALLS\tWHY")
	for _, e := range prog.Enforcements {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", e.Origin, e.ABI, e.Engine, someCalls(e.Calls), e.Reason)
	}
	return t.Flush()
}

// someCalls is a selection that fits on a line.
func someCalls(s arch.Selection) string {
	const most = 4
	ids := s.IDs()
	names := make([]string, 0, most)
	for _, id := range ids[:min(len(ids), most)] {
		names = append(names, id.Name())
	}
	if more := len(ids) - len(names); more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names, ", "), more)
	}
	return strings.Join(names, ", ")
}

func (f *explainFlags) explainCall(w io.Writer, prog *compiler.Program, text string) error {
	abi := arch.Native()
	if f.abi != "" {
		var err error
		if abi, err = arch.ParseABI(f.abi); err != nil {
			return err
		}
	}
	call, err := callspec.Parse(text, abi)
	if err != nil {
		return err
	}
	p := prog.Predict(&policy.Request{Call: call}, nil)
	d := p.Decision
	if p.Engine == compiler.Kernel && notified(prog, call) {
		p.Engine = compiler.Supervisor
	}
	fmt.Fprintf(w, "%s\n  verdict: %s\n  rule:    %s%s\n  engine:  %s\n", call, policytest.Describe(policy.Decision{Verdict: d.Verdict, Errno: d.Errno, Value: d.Value}), d.Rule, place(prog, d.Rule), p.Engine)
	if d.Reason != "" {
		fmt.Fprintf(w, "  why:     %s\n", d.Reason)
	}
	return nil
}

// place is where a rule stands.
func place(prog *compiler.Program, rule string) string {
	for _, e := range prog.Enforcements {
		if e.Origin == rule && e.Pos.Line > 0 {
			return " (" + e.Pos.String() + ")"
		}
	}
	return ""
}

// notified says whether the filter leaves a call to the supervisor that the lists would let it decide: libseccomp cannot say all.
func notified(prog *compiler.Program, call *arch.Call) bool {
	built, err := filter.BuildLists(prog.Lists)
	if err != nil {
		return false
	}
	answer, err := built.Program.Run(call.Raw.ABI, call.Raw.Nr, call.Raw.Args)
	return err == nil && filter.Action(answer) == filter.Notify
}
