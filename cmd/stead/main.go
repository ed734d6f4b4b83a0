// What a control group grants of the processors means little to one leading thread, and finding it out costs a twentieth of the
// start.
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Command stead supervises system calls: it starts a program, or is handed one, and sees, decides and performs its calls.
package main

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/stead-project/stead/internal/version"
	"github.com/stead-project/stead/unotify"
)

// Exit codes, as env(1) and container tools have them.
const (
	exitFailure       = 125 // Stead itself failed
	exitCannotExecute = 126
	exitNotFound      = 127
)

func main() {
	unotify.ProbeChildMain()
	os.Exit(run(os.Args[1:]))
}

// An exitError carries an exit code with an error that has been said already, or needs no saying (err nil).
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return fmt.Sprint(e.err) }
func (e *exitError) Unwrap() error { return e.err }

// globals are the flags of every verb.
type globals struct {
	logLevel string
	logJSON  bool
}

func run(args []string) int {
	root := newRoot(args)
	root.SetArgs(args)
	err := root.Execute()
	if err == nil {
		return 0
	}
	code := exitFailure
	var exit *exitError
	if errors.As(err, &exit) {
		code, err = exit.code, exit.err
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "stead:", err)
	}
	return code
}

func newRoot(args []string) *cobra.Command {
	g := &globals{}
	root := &cobra.Command{
		Use:           "stead",
		Short:         "See, decide and perform the system calls of other programs",
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version.String(),
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.CompletionOptions.HiddenDefaultCmd = true
	root.CompletionOptions.DisableDefaultCmd = !slices.Contains(args, "completion") // making it costs as much as parsing the flags
	root.PersistentFlags().StringVar(&g.logLevel, "log-level", "warn", "what Stead says of itself on standard error: trace, debug, info, warn, error, off")
	root.PersistentFlags().BoolVar(&g.logJSON, "log-json", false, "say it as JSON lines")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w (see %s --help)", err, cmd.CommandPath())
	})
	root.AddCommand(newTrace(g), newRun(g), newAgent(g), newPolicy(), newDoctor(), newSyscalls(), newVersion())
	return root
}

// needCommand asks for the command to run.
func needCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("no command to run: stead %s", cmd.Use)
	}
	return nil
}

// logger makes the logger that everything is handed; there is no global one.
func (g *globals) logger() (hclog.Logger, error) {
	level := hclog.LevelFromString(g.logLevel)
	if level == hclog.NoLevel {
		return nil, fmt.Errorf("unknown log level %q: it is one of trace, debug, info, warn, error, off", g.logLevel)
	}
	return hclog.New(&hclog.LoggerOptions{Name: "stead", Level: level, JSONFormat: g.logJSON, Output: os.Stderr}), nil
}
