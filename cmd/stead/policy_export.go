//go:build !embedwhole

package main

import (
	"bytes"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/emulate/perform"
	agents "github.com/stead-project/stead/integration/oci"
	"github.com/stead-project/stead/policy/compiler"
	"github.com/stead-project/stead/policy/oci"
)

func newPolicyExport() *cobra.Command {
	f := &policyFlags{}
	var o oci.ExportOptions
	asOCI, asLXC, agent := false, false, ""
	cmd := &cobra.Command{
		Use:   "export --oci|--lxc [FILE...]",
		Short: "Print a policy as the seccomp profile that container runtimes read",
		Long: `Print a policy's filter as the linux.seccomp object of the OCI runtime specification (--oci), or as a profile of LXC's (--lxc). Calls that need
the supervisor become SCMP_ACT_NOTIFY and want --listener, or notify, and want lxc.seccomp.notify.proxy in the container's configuration. With --listener, --agent or --lxc the policy is compiled as stead agent compiles it, and the supervisor judges
what files: and network: say; otherwise they are Landlock's, which is not in the section, and is said on standard error.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.files = args; asOCI == asLXC || !f.any() {
				return fmt.Errorf("say the form, --oci or --lxc, and a policy")
			}
			prog, err := f.exported(asLXC, o.ListenerPath != "" || agent != "")
			if err != nil {
				return err
			}
			if agent != "" {
				o.ListenerMetadata = agents.Metadata(agent, prog.Lists)
			}
			export := func() ([]byte, []oci.Loss, error) { return oci.Export(prog.Lists, o) }
			if asLXC {
				export = func() ([]byte, []oci.Loss, error) { return oci.ExportLXC(prog.Lists) }
			}
			text, losses, err := export()
			if err != nil {
				return err
			}
			sayLosses(cmd.ErrOrStderr(), prog, losses)
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", bytes.TrimSuffix(text, []byte{'\n'}))
			return err
		},
	}
	f.add(cmd.Flags(), false)
	cmd.Flags().BoolVar(&asOCI, "oci", false, "the OCI runtime specification's form")
	cmd.Flags().BoolVar(&asLXC, "lxc", false, "LXC's form, version 2 (lxc.seccomp.profile)")
	cmd.Flags().StringVar(&o.ListenerPath, "listener", "", "path of the socket that the runtime sends the listener to")
	cmd.Flags().StringVar(&o.ListenerMetadata, "metadata", "", "what the runtime sends with the listener")
	cmd.Flags().StringVar(&agent, "agent", "", "name of the policy in the directory of stead agent: the metadata are it and a fingerprint of the filter")
	cmd.MarkFlagsMutuallyExclusive("agent", "metadata")
	return cmd
}

func sayLosses(w io.Writer, prog *compiler.Program, losses []oci.Loss) {
	for _, l := range losses {
		fmt.Fprintln(w, "note: the supervisor decides", l)
	}
	if rs := prog.Landlock.Ruleset; rs.HandledFS != 0 || rs.HandledNet != 0 || rs.Scopes != 0 {
		fmt.Fprintln(w, "warning: files:, exec: and network: are Landlock's, which a seccomp section cannot say: the exported filter allows their calls")
	}
}

// exported compiles for an agent, or for whoever installs the filter alone. LXC serves no notification before the container's program is
// executed, and changes what it is meanwhile, so that such calls cannot be watched there.
func (f *policyFlags) exported(lxc, agent bool) (*compiler.Program, error) {
	if !agent && !lxc {
		return f.compile(false, printWarning)
	}
	doc, err := f.load()
	if err != nil {
		return nil, err
	}
	watch := perform.Watch()
	if lxc {
		watch = arch.Selection{}
	}
	prog, err := compileForContainers(doc, watch)
	if err != nil {
		return nil, err
	}
	for _, w := range prog.Warnings {
		printWarning(w)
	}
	return prog, nil
}
