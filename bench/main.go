// Command bench measures what Stead costs, beside what the same costs without it.
//
// Everything runs in one go, round after round, so that a machine that gets slower gets slower for all of them; what is
// printed are medians. The floor is a supervisor in a few lines of C (floor.c): no supervisor can be much cheaper, so the
// ratios to it hold on other machines although the nanoseconds do not.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

// options are the command line's.
type options struct {
	tools  tools
	rounds int
	calls  int
	strict bool
}

// tools are the programs that are measured or that measure.
type tools struct {
	stead, floor, target, plain, strace string
	policy, work                        string // the program policy, and the directory of what programs under a policy work on
}

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.IntVar(&o.rounds, "rounds", 9, "rounds; each measures every case once")
	f.IntVar(&o.calls, "calls", 50_000, "notified calls per measurement")
	f.BoolVar(&o.strict, "strict", false, "exit with status 1 if a ratio is over its bound")
	f.StringVar(&o.tools.stead, "stead", "bin/stead", "the stead program")
	f.StringVar(&o.tools.floor, "floor", "bin/bench-floor", "the C supervisor (floor.c)")
	f.StringVar(&o.tools.target, "target", "bin/bench-target", "the measuring program (target.c)")
	f.StringVar(&o.tools.plain, "plain", "bin/bench-plain", "the plain answer through package unotify (plain)")
	f.StringVar(&o.tools.policy, "policy", "bin/bench-policy", "what measures policies by themselves (policy)")
	f.StringVar(&o.tools.work, "work", "", "directory with c, git and policy.yaml (scripts/bench.sh makes it); empty: no programs under a policy")
	f.StringVar(&o.tools.strace, "strace", "strace", "strace")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if o.rounds < 1 || o.calls < 1 {
		return o, fmt.Errorf("rounds and calls must be positive")
	}
	return o, nil
}

func run(args []string, out io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	cases := available(cases(o), out)
	samples, err := measure(cases, o.rounds)
	if err != nil {
		return err
	}
	printCases(out, cases, samples)
	over := printRatios(out, judge(samples))
	if over > 0 && o.strict {
		return fmt.Errorf("%d ratios are over their bounds or could not be measured", over)
	}
	return nil
}

// available leaves out the cases whose program is not there, and says so.
func available(all []testCase, out io.Writer) []testCase {
	var some []testCase
	for _, c := range all {
		if _, err := exec.LookPath(c.argv[0]); err != nil {
			fmt.Fprintf(out, "left out: %s: %v\n", c.what, err)
			continue
		}
		some = append(some, c)
	}
	return some
}
