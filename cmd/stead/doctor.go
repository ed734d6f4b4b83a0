package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/stead-project/stead/unotify"
)

func newDoctor() *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this machine can do",
		Long: `Say what this machine can do, by trying it in a throw-away process: each line with what it means and, where something is
missing, what to do about it. Exit status: 0 if programs can be supervised here, 1 if not.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return doctor(cmd.OutOrStdout(), asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func doctor(w io.Writer, asJSON bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	f, err := unotify.Probe(ctx, unotify.ProbeOptions{})
	if err != nil {
		return err
	}
	if asJSON {
		err = writeDoctorJSON(w, f)
	} else {
		err = writeDoctorText(w, f)
	}
	if err == nil && !f.Has(unotify.FeatureListener) {
		return &exitError{code: 1, err: fmt.Errorf("no program can be supervised here: %s", f.Get(unotify.FeatureListener).Detail)}
	}
	return err
}

// doctorReport is the JSON form; docs/manual.md describes it.
type doctorReport struct {
	Kernel   string          `json:"kernel"`
	Features []doctorFeature `json:"features"`
}

type doctorFeature struct {
	Name    string        `json:"name"`
	State   unotify.State `json:"state"`
	Detail  string        `json:"detail,omitempty"`
	Meaning string        `json:"meaning"`
	Remedy  string        `json:"remedy,omitempty"`
}

func writeDoctorJSON(w io.Writer, f unotify.Features) error {
	r := doctorReport{Kernel: f.Kernel}
	for _, x := range f.List {
		r.Features = append(r.Features, doctorFeature{Name: x.Name, State: x.State, Detail: x.Detail, Meaning: x.Meaning, Remedy: x.Remedy})
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

func writeDoctorText(w io.Writer, f unotify.Features) error {
	fmt.Fprintf(w, "Linux %s, user %d\n\n", f.Kernel, os.Getuid())
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, x := range f.List {
		fmt.Fprintf(t, "%s\t%s\t%s\n", x.State, x.Name, x.Meaning)
		if x.Detail != "" {
			fmt.Fprintf(t, "\t\t  found: %s\n", x.Detail)
		}
		if x.Remedy != "" {
			fmt.Fprintf(t, "\t\t  what to do: %s\n", x.Remedy)
		}
	}
	return t.Flush()
}
