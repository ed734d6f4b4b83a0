// Command performed measures what a file-system call costs that Stead performs in its caller's stead, beside the call itself and
// beside a supervisor in C that does what has to be done and nothing else (floor.c).
//
// Every round measures every case once, in one go, so that a machine that gets slower gets slower for all of them; a ratio is the
// median of the ratios of each round. Where a descriptor is injected, the machine decides what it costs: an injection wakes its
// target on an idle CPU if there is one, and such a wake-up takes longer than all the rest. So opening is compared with everything
// on one CPU, and then with itself on all of them.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "performed: %v\n", err)
		os.Exit(1)
	}
}

// options are the command line's.
type options struct {
	stead, floor, target string
	mountFloor, mounter  string
	dir                  string
	rounds, calls        int
	strict               bool
}

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("performed", flag.ContinueOnError)
	f.IntVar(&o.rounds, "rounds", 9, "rounds; each measures every case once")
	f.IntVar(&o.calls, "calls", 20_000, "calls per measurement")
	f.BoolVar(&o.strict, "strict", false, "exit with status 1 if a ratio is over its bound")
	f.StringVar(&o.stead, "stead", "bin/stead", "the stead program")
	f.StringVar(&o.floor, "floor", "bin/bench-performed-floor", "the C supervisor (floor.c)")
	f.StringVar(&o.target, "target", "bin/bench-performed-target", "the measuring program (target.c)")
	f.StringVar(&o.mountFloor, "mount-floor", "bin/bench-mounts-floor", "the C supervisor of mounts (../mounts/floor.c)")
	f.StringVar(&o.mounter, "mounter", "bin/bench-mounts-target", "the program that mounts (../mounts/target.c)")
	f.StringVar(&o.dir, "dir", "/dev/shm", "where to make the files that calls are made on; a disk would hide what a supervisor costs")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if o.rounds < 1 || o.calls < 1 {
		return o, errors.New("rounds and calls must be positive")
	}
	return o, nil
}

func run(args []string, out io.Writer) (err error) {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if o.dir, err = os.MkdirTemp(o.dir, "stead-performed"); err != nil {
		return fmt.Errorf("make a directory for the files (--dir): %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	list, limits := cases(o), bounds()
	if os.Geteuid() == 0 {
		mounts, err := mountCases(o)
		if err != nil {
			return fmt.Errorf("prepare the mounts: %w", err)
		}
		list, limits = append(list, mounts...), append(limits, mountBounds()...)
	} else {
		fmt.Fprintln(out, "left out: mounts: only root makes the containers that are compared")
	}
	got, err := measure(list, o.rounds)
	if err != nil {
		return err
	}
	printCases(out, list, got)
	over := printRatios(out, limits, got)
	if i := slices.IndexFunc(list, func(c testCase) bool { return c.key == key{"mount", stead, false} }); i >= 0 {
		if err := printIdle(out, &list[i]); err != nil {
			return fmt.Errorf("look at an idle container: %w", err)
		}
	}
	if over > 0 && o.strict {
		return fmt.Errorf("%d ratios are over their bounds or could not be measured", over)
	}
	return nil
}
