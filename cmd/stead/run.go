package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/stead-project/stead/audit"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/filter"
)

// runFlags are the flags of stead run.
type runFlags struct {
	log    string
	format string
}

func newRun(g *globals) *cobra.Command {
	f := &runFlags{}
	cmd := &cobra.Command{
		Use:   "run [flags] [--] COMMAND [ARG...]",
		Short: "Run a program under supervision",
		Long: `Run a program under supervision, with all the processes that it starts, and record its calls with --log.

Exit status: the program's own; 128+n if signal n ended it; 125 if Stead failed, 126 if the program cannot be executed,
127 if there is none.`,
		Example: "  stead run --log calls.jsonl -- ./server",
		Args:    needCommand,
		RunE:    func(_ *cobra.Command, args []string) error { return f.run(g, args) },
	}
	cmd.Flags().SetInterspersed(false)
	cmd.Flags().StringVar(&f.log, "log", "", "append a record of every call to a file")
	cmd.Flags().StringVar(&f.format, "log-format", "json", "json for one object per line, or text")
	return cmd
}

func (f *runFlags) run(g *globals, argv []string) error {
	log, err := g.logger()
	if err != nil {
		return err
	}
	sink, err := f.sink()
	if err != nil {
		return err
	}
	s := supervision{argv: argv, sink: sink, log: log, filter: filter.Spec{Notify: policy.TraceDefault()}}
	return s.run()
}

func (f *runFlags) sink() (audit.Sink, error) {
	if f.format != "json" && f.format != "text" {
		return nil, fmt.Errorf("unknown log format %q: it is json or text", f.format)
	}
	if f.log == "" {
		return audit.Discard{}, nil
	}
	file, err := openOutput(f.log, os.O_APPEND)
	if err != nil {
		return nil, err
	}
	sink := audit.NewJSON(file, audit.JSONOptions{Buffered: true})
	if f.format == "text" {
		sink = audit.NewText(file, audit.TextOptions{Buffered: true, TIDs: true, Stamp: audit.Unix})
	}
	return fileSink{sink, file}, nil
}
