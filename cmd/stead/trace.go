package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/audit"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/filter"
)

// traceFlags are the flags of stead trace.
type traceFlags struct {
	calls       string
	all         bool
	count       bool
	format      string
	output      string
	decodePaths bool
	timestamps  string
	color       string
	stringLimit int
	verbose     bool
}

func newTrace(g *globals) *cobra.Command {
	f := &traceFlags{}
	cmd := &cobra.Command{
		Use:   "trace [flags] [--] COMMAND [ARG...]",
		Short: "Run a program and print the system calls that it makes",
		Long: `Run a program and print the system calls that it makes, with all the processes that it starts.

The calls are printed as strace(1) prints them, before they run: without results. The program is not disturbed: no ptrace,
no privilege, the same exit status, signals and job control.`,
		Example: `  stead trace -- ls /tmp
  stead trace --calls %file,%network -o trace.txt -- git fetch
  stead trace -c --all -- make`,
		Args: needCommand,
		RunE: func(_ *cobra.Command, args []string) error { return f.run(g, args) },
	}
	fs := cmd.Flags()
	fs.SetInterspersed(false)
	fs.StringVar(&f.calls, "calls", "", "calls to trace: names, classes (%file, @mount), globs (open*), !without; default: files, processes, identities, networks, mounts")
	fs.BoolVar(&f.all, "all", false, "trace everything that may safely be notified")
	fs.BoolVarP(&f.count, "count", "c", false, "print a table of counts instead of the calls")
	fs.StringVar(&f.format, "format", "text", "text, or json for one object per line")
	fs.StringVarP(&f.output, "output", "o", "", "write to a file instead of standard error")
	fs.BoolVarP(&f.decodePaths, "decode-paths", "y", false, "print what descriptors refer to")
	fs.StringVarP(&f.timestamps, "timestamps", "t", "none", "none, clock, unix or relative")
	fs.Lookup("timestamps").NoOptDefVal = "clock"
	fs.StringVar(&f.color, "color", "auto", "auto (on a terminal), always or never")
	fs.IntVarP(&f.stringLimit, "string-limit", "s", 32, "bytes of a string that are printed; paths are always whole")
	fs.BoolVarP(&f.verbose, "verbose", "v", false, "print the environment of execve and every element of arrays")
	return cmd
}

func (f *traceFlags) run(g *globals, argv []string) error {
	log, err := g.logger()
	if err != nil {
		return err
	}
	selection, err := f.selection()
	if err != nil {
		return err
	}
	sink, err := f.sink()
	if err != nil {
		return err
	}
	s := supervision{argv: argv, sink: sink, log: log,
		filter: filter.Spec{Notify: selection, NotifyUnknown: f.all},
		decode: arch.Decoder{MaxData: f.stringLimit, MaxString: max(arch.DefaultMaxString, f.stringLimit)}}
	return s.run()
}

// selection starts from nothing when the list adds calls. A list of removals takes them from what may safely be notified: nobody
// has named the others.
func (f *traceFlags) selection() (arch.Selection, error) {
	switch {
	case f.all || strings.HasPrefix(strings.TrimSpace(f.calls), "!"):
		return f.selectFrom(policy.TraceAll())
	case f.calls == "":
		return policy.TraceDefault(), nil
	}
	return f.selectFrom(arch.Selection{})
}

func (f *traceFlags) selectFrom(base arch.Selection) (arch.Selection, error) {
	if f.calls == "" {
		return base, nil
	}
	return policy.SelectTraced(f.calls, base)
}

// sink checks all flags before it opens, and empties, the output.
func (f *traceFlags) sink() (audit.Sink, error) {
	text, err := f.textOptions()
	if err != nil {
		return nil, err
	}
	if f.format != "json" && f.format != "text" {
		return nil, fmt.Errorf("unknown format %q: it is text or json", f.format)
	}
	if f.output == "" {
		return f.sinkTo(os.Stderr, text), nil
	}
	file, err := openOutput(f.output, os.O_TRUNC)
	if err != nil {
		return nil, err
	}
	return fileSink{f.sinkTo(file, text), file}, nil
}

func (f *traceFlags) sinkTo(out *os.File, text audit.TextOptions) audit.Sink {
	switch {
	case f.count:
		return audit.NewCount(out)
	case f.format == "json":
		return audit.NewJSON(out, audit.JSONOptions{Buffered: text.Buffered})
	}
	return audit.NewText(out, text)
}

func (f *traceFlags) textOptions() (o audit.TextOptions, err error) {
	toFile := f.output != ""
	o = audit.TextOptions{Buffered: toFile, TIDs: toFile, FDPaths: f.decodePaths,
		Call: arch.TextOptions{Verbose: f.verbose, StringLimit: f.stringLimit}}
	if f.stringLimit < 0 {
		return o, fmt.Errorf("string limit %d: it is 0 or more", f.stringLimit)
	}
	if o.Stamp, err = parseStamp(f.timestamps); err != nil {
		return o, err
	}
	o.Color, err = parseColor(f.color, !toFile)
	return o, err
}

func parseStamp(s string) (audit.Stamp, error) {
	for stamp, name := range []string{"none", "clock", "unix", "relative"} {
		if s == name {
			return audit.Stamp(stamp), nil
		}
	}
	return 0, fmt.Errorf("unknown timestamps %q: they are none, clock, unix or relative", s)
}

// parseColor honours NO_COLOR (https://no-color.org).
func parseColor(s string, terminalPossible bool) (bool, error) {
	switch s {
	case "always":
		return true, nil
	case "never":
		return false, nil
	case "auto":
		_, err := unix.IoctlGetTermios(int(os.Stderr.Fd()), unix.TCGETS)
		return terminalPossible && err == nil && os.Getenv("NO_COLOR") == "", nil
	}
	return false, fmt.Errorf("unknown color %q: it is auto, always or never", s)
}
