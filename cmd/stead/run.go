package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/audit"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/filter"
)

// runFlags are the flags of stead run.
type runFlags struct {
	policyFlags
	log    string
	format string
	onDeny string
}

func newRun(g *globals) *cobra.Command {
	f := &runFlags{}
	cmd := &cobra.Command{
		Use:   "run [flags] [--] COMMAND [ARG...]",
		Short: "Run a program under supervision",
		Long: `Run a program under supervision, with all the processes that it starts. With --policy or --preset, the policy decides its calls; see
docs/policy.md. With --log, calls are recorded: under a policy, those that the supervisor decides, refusals included.

Exit status: the program's own; 128+n if signal n ended it; 125 if Stead failed, 126 if the program cannot be executed,
127 if there is none. Under a policy that the kernel enforces alone, the program takes Stead's place.`,
		Example: `  stead run --policy billing.yaml -- ./server
  stead run --preset build -- make
  stead run --log calls.jsonl -- ./server`,
		Args: needCommand,
		RunE: func(_ *cobra.Command, args []string) error { return f.run(g, args) },
	}
	cmd.Flags().SetInterspersed(false)
	cmd.Flags().StringVar(&f.log, "log", "", "append a record of every call to a file")
	cmd.Flags().StringVar(&f.format, "log-format", "json", "json for one object per line, or text")
	cmd.Flags().StringVar(&f.onDeny, "on-deny", "quiet", "print: say on standard error what the policy refuses, and by which rule; quiet: don't")
	f.add(cmd.Flags(), true)
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
	s := supervision{argv: argv, sink: sink, log: log, filter: filter.Spec{Notify: f.wanted()}}
	if f.any() {
		if s.policy, err = f.enforcement(log); err != nil {
			sink.Close()
			return err
		}
		defer s.policy.close()
	}
	return s.run()
}

// wanted are the calls that somebody wants to know of: executions always, for the note on set-id files, the others with a log.
func (f *runFlags) wanted() arch.Selection {
	if f.log == "" {
		return policy.Executions()
	}
	return policy.TraceDefault()
}

func (f *runFlags) sink() (audit.Sink, error) {
	if f.format != "json" && f.format != "text" {
		return nil, fmt.Errorf("unknown log format %q: it is json or text", f.format)
	}
	if f.onDeny != "print" && f.onDeny != "quiet" {
		return nil, fmt.Errorf("unknown --on-deny %q: it is print or quiet", f.onDeny)
	}
	sink, err := f.logSink()
	if err != nil || f.onDeny == "quiet" {
		return sink, err
	}
	return audit.NewDenials(os.Stderr, sink), nil
}

func (f *runFlags) logSink() (audit.Sink, error) {
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
