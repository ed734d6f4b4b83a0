// Command workloads measures what a whole run of everyday programs costs under Stead, beside other ways of standing between a
// program and its files: natively, with hierarchies by Landlock, with every call on files performed by the supervisor, under
// strace with a filter, and under proot.
//
// It makes its own inputs. Every round runs every workload in every way, one after the other and starting with another way each
// time, so that what disturbs the machine disturbs all of them; a ratio is the median of the ratios of each round. A way in
// which a workload fails, or prints something else than natively, is not a measurement: it is reported, and the exit status is 1.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "workloads: %v\n", err)
		os.Exit(1)
	}
}

// options are the command line's.
type options struct {
	stead, strace, proot string
	rounds               int
	markdown             bool
	size                 size
}

func parse(args []string) (options, error) {
	o := options{size: large()}
	f := flag.NewFlagSet("workloads", flag.ContinueOnError)
	f.StringVar(&o.stead, "stead", "bin/stead", "the stead program")
	f.StringVar(&o.strace, "strace", "strace", "strace")
	f.StringVar(&o.proot, "proot", "proot", "proot")
	f.IntVar(&o.rounds, "rounds", 5, "counted rounds; each runs every workload in every way once")
	f.BoolVar(&o.markdown, "markdown", false, "print a table for a document")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if o.rounds < 1 {
		return o, errors.New("rounds must be positive")
	}
	return o, nil
}

func run(args []string, out io.Writer) (err error) {
	o, err := parse(args)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "stead-workloads")
	if err != nil {
		return fmt.Errorf("make a directory for the inputs: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return fmt.Errorf("find the directory of the inputs: %w", err)
	}
	if err := makeInputs(dir, o.size); err != nil {
		return err
	}
	ways := present(allWays(o, dir), out)
	got, faults := measure(allWorkloads(dir, o.size), ways, o.rounds)
	printTable(out, got, ways, o)
	return errors.Join(faults...)
}
