package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// samples are a case's measurements in nanoseconds per call, one per round.
type samples map[key][]float64

// measure runs every case once per round, and one round more in front whose results are thrown away.
func measure(all []testCase, rounds int) (samples, error) {
	got := samples{}
	for round := range rounds + 1 {
		for i := range all {
			ns, err := all[i].measure()
			if err != nil {
				return nil, fmt.Errorf("measure %q: %w", all[i].what, err)
			}
			if round > 0 {
				got[all[i].key] = append(got[all[i].key], ns)
			}
		}
	}
	return got, nil
}

func (c *testCase) measure() (float64, error) {
	if c.pinned {
		free, err := pin()
		if err != nil {
			return 0, err
		}
		defer free()
	}
	var errs bytes.Buffer
	cmd := exec.Command(c.argv[0], c.argv[1:]...)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("run %s: %w: %s", strings.Join(c.argv, " "), err, bytes.TrimSpace(errs.Bytes()))
	}
	ns, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		return 0, fmt.Errorf("read the target's answer: %w", err)
	}
	return ns, nil
}

// pin puts the thread, and what it starts, on the last CPU that it may use: the first one has most of the interrupts.
func pin() (free func(), err error) {
	runtime.LockOSThread()
	var all, one unix.CPUSet
	if err = unix.SchedGetaffinity(0, &all); err == nil {
		last := len(all)*strconv.IntSize - 1
		for ; last > 0 && !all.IsSet(last); last-- {
		}
		one.Set(last)
		err = unix.SchedSetaffinity(0, &one)
	}
	if err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("stay on one CPU: %w", err)
	}
	return func() {
		unix.SchedSetaffinity(0, &all) //nolint:errcheck // it was so before
		runtime.UnlockOSThread()
	}, nil
}

// median of an odd or even number of values; 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(values))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// ratio is the median of the ratios of each round, so that what disturbs a whole round disturbs both sides of it; 0 if there is none.
func (s samples) ratio(b *bound) float64 {
	over, under := s[b.over], s[b.under]
	var q []float64
	for i := range min(len(over), len(under)) {
		q = append(q, over[i]/under[i])
	}
	return median(q)
}
