//go:build !embedwhole

package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/stead-project/stead/policy/compiler"
	"github.com/stead-project/stead/policy/filter"
)

func newPolicyShow() *cobra.Command {
	f := &policyFlags{}
	var asFilter, asLandlock bool
	cmd := &cobra.Command{
		Use:   "show [--filter] [--landlock] [FILE...]",
		Short: "Print what a policy becomes: the filter's instructions, Landlock's rules",
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.files = args; !f.any() {
				return fmt.Errorf("no policy: name a file, or a preset with --preset")
			}
			prog, err := f.compile(false, nil)
			if err != nil {
				return err
			}
			if asFilter || !asLandlock {
				if err := showFilter(cmd.OutOrStdout(), prog); err != nil {
					return err
				}
			}
			if asLandlock || !asFilter {
				return showLandlock(cmd.OutOrStdout(), prog, f.bestEffort)
			}
			return nil
		},
	}
	f.add(cmd.Flags(), false)
	cmd.Flags().BoolVar(&asFilter, "filter", false, "only the filter")
	cmd.Flags().BoolVar(&asLandlock, "landlock", false, "only Landlock's rules")
	return cmd
}

func showFilter(w io.Writer, prog *compiler.Program) error {
	built, err := filter.BuildLists(prog.Lists)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "# filter: %d instructions, at most %d for a call\n", len(built.Program), built.Longest)
	for _, line := range filter.Disassemble(built.Program) {
		if _, err := fmt.Fprintf(w, "%4d  %-26s ; %s\n", line.Index, line.Code, line.Comment); err != nil {
			return err
		}
	}
	return nil
}

func showLandlock(w io.Writer, prog *compiler.Program, bestEffort bool) error {
	plan, _, err := landlockPlan(prog, bestEffort)
	if err != nil {
		return err
	}
	if plan.Empty() {
		_, err := fmt.Fprintln(w, "# Landlock: nothing is restricted")
		return err
	}
	fmt.Fprintf(w, "# Landlock ABI %d\nhandled: %s\nhandled: %s\nscopes:  %s\n", plan.ABI, plan.HandledFS, plan.HandledNet, plan.Scopes)
	for _, p := range plan.Paths {
		fmt.Fprintf(w, "%s: %s\n", p.Path, p.Allow)
	}
	for _, p := range plan.Ports {
		fmt.Fprintf(w, "port %d-%d: %s\n", p.From, p.To, p.Allow)
	}
	for _, gap := range prog.Landlock.Gaps {
		fmt.Fprintf(w, "# not Landlock's: %s\n", gap.Text)
	}
	return nil
}
