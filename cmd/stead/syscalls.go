package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/emulate/container"
	"github.com/stead-project/stead/emulate/fakeroot"
	"github.com/stead-project/stead/emulate/perform"
	"github.com/stead-project/stead/policy"
)

func newSyscalls() *cobra.Command {
	var abi string
	asJSON := false
	cmd := &cobra.Command{
		Use:   "syscalls",
		Short: "Print the table of system calls: number, name, parameters, what Stead does with each",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a := arch.Native()
			if abi != "" {
				var err error
				if a, err = arch.ParseABI(abi); err != nil {
					return err
				}
			}
			if asJSON {
				return writeSyscallsJSON(cmd.OutOrStdout(), a)
			}
			return writeSyscalls(cmd.OutOrStdout(), a)
		},
	}
	cmd.Flags().StringVar(&abi, "abi", "", "the ABI (x86_64, i386, aarch64, …); default: this machine's")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// A syscallRow is a row of the table; its JSON form is described in docs/manual.md.
type syscallRow struct {
	Number  int32    `json:"number"`
	Name    string   `json:"name"`
	Params  []string `json:"parameters"`
	Traced  string   `json:"traced"`  // "default", "all" (with --all) or "named" (only when named: notifying it is not safe)
	Decoded bool     `json:"decoded"` // its arguments are known
	// Performed: "yes", "judged" (by the paths that it means, then the kernel runs it), "as fake-root" (where a rule says so) or "no".
	Performed string `json:"performed"`
	Note      string `json:"note,omitempty"` // what a performed call does otherwise than the kernel
}

func syscallRows(a arch.ABI) (rows []syscallRow) {
	byDefault, all := policy.TraceDefault(), policy.TraceAll()
	support := map[string]emulate.Support{}
	for _, s := range slices.Concat(fakeroot.Calls(), container.Calls(), perform.Calls()) {
		support[s.Call] = s
	}
	for nr, name := range a.Calls() {
		id := a.ID(nr)
		row := syscallRow{Number: nr, Name: name, Params: []string{}, Traced: "named", Performed: "no"}
		if s, ok := support[name]; ok {
			row.Performed, row.Note = performed(s), s.Note
		}
		switch {
		case byDefault.Has(id):
			row.Traced = "default"
		case all.Has(id):
			row.Traced = "all"
		}
		if sig := a.Signature(id); sig != nil {
			row.Decoded = true
			for i := range sig.Params {
				row.Params = append(row.Params, sig.Params[i].Name)
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func performed(s emulate.Support) string {
	switch {
	case s.Checked:
		return "judged"
	case s.As == policy.AsFakeRoot:
		return "as fake-root"
	}
	return "yes"
}

func writeSyscallsJSON(w io.Writer, a arch.ABI) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(struct {
		ABI   string       `json:"abi"`
		Calls []syscallRow `json:"calls"`
	}{a.String(), syscallRows(a)})
}

func writeSyscalls(w io.Writer, a arch.ABI) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "NUMBER\tTRACED\tDECODED\tPERFORMED\tCALL (%s)\n", a)
	for _, r := range syscallRows(a) {
		params, decoded := "?", "no"
		if r.Decoded {
			params, decoded = strings.Join(r.Params, ", "), "yes"
		}
		if r.Note != "" {
			r.Note = "  # " + r.Note
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s(%s)%s\n", r.Number, r.Traced, decoded, r.Performed, r.Name, params, r.Note)
	}
	return t.Flush()
}
