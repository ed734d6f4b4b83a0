//go:build !embedwhole

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/foreign"
	"github.com/stead-project/stead/policy/minijail"
	"github.com/stead-project/stead/policy/oci"
)

// importFlags are the flags of stead policy import.
type importFlags struct {
	from   string
	caps   []string
	kernel string
}

func newPolicyImport() *cobra.Command {
	f := &importFlags{}
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Print somebody else's policy in Stead's language",
		Long: `Print an OCI seccomp object, a config.json, a container engine's profile, or a minijail policy in Stead's language. What cannot be
kept is said on standard error.`,
		Example: "  stead policy import --cap CAP_NET_ADMIN /etc/containers/seccomp.json > web.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			doc, warnings, err := f.read(args[0])
			if err != nil {
				return err
			}
			for _, w := range warnings {
				fmt.Fprintln(cmd.ErrOrStderr(), w)
			}
			_, err = cmd.OutOrStdout().Write(foreign.YAML(doc, arch.Native()))
			return err
		},
	}
	cmd.Flags().StringVar(&f.from, "from", "", "oci or minijail; default: JSON is oci, anything else minijail")
	cmd.Flags().StringArrayVar(&f.caps, "cap", nil, "oci: a capability of the container, which a profile may depend on; may be given several times")
	cmd.Flags().StringVar(&f.kernel, "kernel", "", "oci: the kernel's version, which a profile may depend on; default: the newest")
	return cmd
}

func (f *importFlags) read(name string) (*policy.Document, []foreign.Warning, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, nil, fmt.Errorf("import policy: %w", err)
	}
	from := f.from
	if from == "" {
		from = "minijail"
		if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
			from = "oci"
		}
	}
	switch from {
	case "oci":
		return oci.Import(bytes.NewReader(text), oci.Options{Name: name, Caps: f.caps, Kernel: f.kernel})
	case "minijail":
		return minijail.Import(bytes.NewReader(text), minijail.Options{Name: name, ReadFile: besides(name)})
	}
	return nil, nil, fmt.Errorf("unknown form %q: it is oci or minijail", from)
}

// besides reads files that a policy includes, by names relative to its own.
func besides(name string) func(string) ([]byte, error) {
	return func(included string) ([]byte, error) {
		if !filepath.IsAbs(included) {
			included = filepath.Join(filepath.Dir(name), included)
		}
		return os.ReadFile(included)
	}
}
