//go:build !embedpolicy

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	agents "github.com/stead-project/stead/integration/oci"
	"github.com/stead-project/stead/policy/compiler"
	"github.com/stead-project/stead/policy/oci"
)

func newPolicyExport() *cobra.Command {
	f := &policyFlags{}
	var o oci.ExportOptions
	asOCI, agent := false, ""
	cmd := &cobra.Command{
		Use:   "export --oci [FILE...]",
		Short: "Print a policy as the seccomp section that container runtimes read",
		Long: `Print a policy's filter as the linux.seccomp object of the OCI runtime specification. Calls that need the supervisor become
SCMP_ACT_NOTIFY and want --listener. With --listener or --agent the policy is compiled as stead agent compiles it, and the supervisor judges
what files: and network: say; otherwise they are Landlock's, which is not in the section, and is said on standard error.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.files = args; !asOCI || !f.any() {
				return fmt.Errorf("say the form, --oci, and a policy")
			}
			prog, err := f.exported(o.ListenerPath != "" || agent != "")
			if err != nil {
				return err
			}
			if agent != "" {
				o.ListenerMetadata = agents.Metadata(agent, prog.Lists)
			}
			text, losses, err := oci.Export(prog.Lists, o)
			if err != nil {
				return err
			}
			for _, l := range losses {
				fmt.Fprintln(cmd.ErrOrStderr(), "note: the supervisor decides", l)
			}
			if rs := prog.Landlock.Ruleset; rs.HandledFS != 0 || rs.HandledNet != 0 || rs.Scopes != 0 {
				fmt.Fprintln(cmd.ErrOrStderr(), "warning: files:, exec: and network: are Landlock's, which a seccomp section cannot say: the exported filter allows their calls")
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", text)
			return err
		},
	}
	f.add(cmd.Flags(), false)
	cmd.Flags().BoolVar(&asOCI, "oci", false, "the OCI runtime specification's form")
	cmd.Flags().StringVar(&o.ListenerPath, "listener", "", "path of the socket that the runtime sends the listener to")
	cmd.Flags().StringVar(&o.ListenerMetadata, "metadata", "", "what the runtime sends with the listener")
	cmd.Flags().StringVar(&agent, "agent", "", "name of the policy in the directory of stead agent: the metadata are it and a fingerprint of the filter")
	cmd.MarkFlagsMutuallyExclusive("agent", "metadata")
	return cmd
}

// exported compiles for an agent, or for whoever installs the filter alone.
func (f *policyFlags) exported(agent bool) (*compiler.Program, error) {
	if !agent {
		return f.compile(false, printWarning)
	}
	doc, err := f.load()
	if err != nil {
		return nil, err
	}
	prog, err := compileForContainers(doc)
	if err != nil {
		return nil, err
	}
	for _, w := range prog.Warnings {
		printWarning(w)
	}
	return prog, nil
}
