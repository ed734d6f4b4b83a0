//go:build !embedwhole

package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stead-project/stead/policy/lang"
	"github.com/stead-project/stead/policy/presets"
)

func newPolicy() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Check, explain, test, show, import and export policies",
		RunE:  unknownVerb,
	}
	cmd.AddCommand(newPolicyCheck(), newPolicyExplain(), newPolicyTest(), newPolicyShow(), newPolicyImport(), newPolicyExport(),
		newPolicySchema(), newPolicyPresets())
	return cmd
}

func newPolicySchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON schema of policy files, for editors",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(lang.Schema())
			return err
		},
	}
}

func newPolicyPresets() *cobra.Command {
	return &cobra.Command{
		Use:   "presets [NAME]",
		Short: "List the policies that are built in, or print one",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), strings.Join(presets.Names(), "\n"))
				return err
			}
			text, ok := presets.Read(args[0])
			if !ok {
				return fmt.Errorf("unknown preset %q: there are %s", args[0], strings.Join(presets.Names(), ", "))
			}
			_, err := cmd.OutOrStdout().Write(text)
			return err
		},
	}
}

// unknownVerb is for what is no verb of policy; without one it prints the help.
func unknownVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return fmt.Errorf("unknown verb %q of %s: did you mean %s?", args[0], cmd.CommandPath(), strings.Join(near, " or "))
	}
	return fmt.Errorf("unknown verb %q of %s (see %s --help)", args[0], cmd.CommandPath(), cmd.CommandPath())
}
