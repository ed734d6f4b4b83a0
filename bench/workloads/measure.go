package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// A sample is one run.
type sample struct{ wall, cpu time.Duration }

// A row is a workload's samples by way, one per counted round.
type row struct {
	workload
	samples [][]sample // of a way that failed: none
}

// A campaign is what is being measured.
type campaign struct {
	ways   []way
	rows   []row
	wanted []string  // what each workload prints natively
	faults [][]error // of each workload by way
}

// measure runs everything once without counting, then round after round. A way that fails in a workload is left out of it.
func measure(all []workload, ways []way, rounds int) ([]row, []error) {
	c := campaign{ways: ways, wanted: make([]string, len(all))}
	for _, w := range all {
		c.rows = append(c.rows, row{w, make([][]sample, len(ways))})
		c.faults = append(c.faults, make([]error, len(ways)))
	}
	for round := range rounds + 1 {
		for i := range all {
			for k := range ways {
				c.one(round, i, (k+round)%len(ways)) // the first round begins with what the others are compared with
			}
		}
	}
	return c.rows, slices.Concat(c.faults...)
}

// one makes one run; round 0 is not counted.
func (c *campaign) one(round, i, j int) {
	if c.faults[i][j] != nil {
		return
	}
	s, out, err := once(c.rows[i].workload, c.ways[j])
	if round == 0 && j == 0 {
		c.wanted[i] = out
	}
	if err == nil && out != c.wanted[i] {
		err = fmt.Errorf("%s prints %.200q, natively %.200q", c.rows[i].name, out, c.wanted[i])
	}
	if err != nil {
		c.faults[i][j], c.rows[i].samples[j] = fmt.Errorf("%s: %w", c.ways[j].name, err), nil
		return
	}
	if round > 0 {
		c.rows[i].samples[j] = append(c.rows[i].samples[j], s)
	}
}

// once runs a workload in a way, and returns what it printed. The processor time is that of everything that was waited for.
func once(w workload, by way) (sample, string, error) {
	var out, errs bytes.Buffer
	argv := append(by.prefix[:len(by.prefix):len(by.prefix)], "/bin/sh", "-ec", w.script)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = environment(), &out, &errs
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return sample{}, "", fmt.Errorf("run %s: %w: %.500s", strings.Join(argv, " "), err, bytes.TrimSpace(errs.Bytes()))
	}
	s := sample{time.Since(start), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	return s, out.String(), nil
}
