//go:build !embedwhole

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/stead-project/stead/policy/filter"
)

func newPolicyCheck() *cobra.Command {
	f := &policyFlags{}
	cmd := &cobra.Command{
		Use:   "check [FILE...]",
		Short: "Say what is wrong with a policy, and what its writer should know",
		Long: `Load and compile a policy as stead run would on this machine, build its filter and prove it. Errors and warnings have file, line
and column. Exit status: 0 if the policy can be enforced, 125 if not.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.files = args
			if !f.any() {
				return fmt.Errorf("no policy: name a file, or a preset with --preset")
			}
			prog, err := f.compile(false, printWarning)
			if err != nil {
				return err
			}
			shadowed := prog.Shadowed()
			for _, w := range shadowed {
				printWarning(w)
			}
			built, err := filter.BuildLists(prog.Lists)
			if err != nil {
				return err
			}
			for _, r := range built.Report {
				if r.Lost != "" {
					fmt.Fprintf(cmd.OutOrStdout(), "note: %s %s is decided by the supervisor: %s\n", r.ABI, r.ID, r.Lost)
				}
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "ok: %d rules, %d warnings, a filter of %d instructions, at most %d for a call\n",
				len(prog.Document.Rules), len(prog.Warnings)+len(shadowed), len(built.Program), built.Longest)
			return err
		},
	}
	f.add(cmd.Flags(), false)
	return cmd
}
