package main

import (
	"fmt"
	"io"
	"os"

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
		Args: cobra.MinimumNArgs(1),
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
	out, closeOut, err := f.open()
	if err != nil {
		return err
	}
	defer closeOut()
	sink, err := f.sink(out)
	if err != nil {
		return err
	}
	s := supervision{argv: argv, sink: sink, log: log,
		filter: filter.Spec{Notify: selection, NotifyUnknown: f.all},
		decode: arch.Decoder{MaxData: f.stringLimit, MaxString: max(arch.DefaultMaxString, f.stringLimit)}}
	return s.run()
}

func (f *traceFlags) selection() (arch.Selection, error) {
	base := policy.TraceDefault()
	if f.all {
		base = policy.TraceAll()
	}
	if f.calls == "" {
		return base, nil
	}
	if !f.all {
		base = arch.Selection{}
	}
	return arch.ParseSelection(f.calls, base)
}

func (f *traceFlags) open() (*os.File, func(), error) {
	if f.output == "" {
		return os.Stderr, func() {}, nil
	}
	file, err := os.OpenFile(f.output, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return nil, nil, fmt.Errorf("write trace: %w", err)
	}
	return file, func() { file.Close() }, nil
}

func (f *traceFlags) sink(out *os.File) (audit.Sink, error) {
	if f.count {
		return audit.NewCount(out), nil
	}
	toFile := f.output != ""
	switch f.format {
	case "json":
		return audit.NewJSON(out, audit.JSONOptions{Buffered: toFile}), nil
	case "text":
		return f.textSink(out, toFile)
	}
	return nil, fmt.Errorf("unknown format %q: it is text or json", f.format)
}

func (f *traceFlags) textSink(out io.Writer, toFile bool) (audit.Sink, error) {
	stamp, err := parseStamp(f.timestamps)
	if err != nil {
		return nil, err
	}
	color, err := parseColor(f.color, !toFile)
	if err != nil {
		return nil, err
	}
	o := audit.TextOptions{Stamp: stamp, Color: color, Buffered: toFile, TIDs: toFile,
		Call: arch.TextOptions{Verbose: f.verbose, StringLimit: f.stringLimit}, FDPaths: f.decodePaths}
	return audit.NewText(out, o), nil
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
