package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// samples maps a case's name to its measurements in nanoseconds, one per round.
type samples map[string][]float64

// measure runs every case once per round, and one round more in front whose results are thrown away.
func measure(all []testCase, rounds int) (samples, error) {
	got := samples{}
	for round := range rounds + 1 {
		var cpu float64
		for _, c := range all {
			ns, err := cpu, error(nil)
			switch c.unit {
			case perRun:
				ns, cpu, err = timeRun(c.argv)
			case perCPU: // of the case before
			default:
				ns, err = measureOne(c)
			}
			if err != nil {
				return nil, fmt.Errorf("measure %q: %w", c.what, err)
			}
			if round > 0 {
				got[c.name] = append(got[c.name], ns)
			}
		}
	}
	return got, nil
}

// timeRun runs a program once.
func timeRun(argv []string) (wall, cpu float64, err error) {
	var errs bytes.Buffer
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stderr = &errs
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, 0, fmt.Errorf("run %s: %w: %s", strings.Join(argv, " "), err, bytes.TrimSpace(errs.Bytes()))
	}
	wall = float64(time.Since(start))
	return wall, float64(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()), nil
}

func measureOne(c testCase) (float64, error) {
	if c.unit == perStart {
		return timeStarts(c.argv)
	}
	out, err := output(c.argv)
	if err != nil {
		return 0, err
	}
	ns, err := strconv.ParseFloat(strings.TrimSpace(out), 64)
	if err != nil {
		return 0, fmt.Errorf("read the target's answer: %w", err)
	}
	return ns, nil
}

func timeStarts(argv []string) (float64, error) {
	start := time.Now()
	for range repeats {
		if _, err := output(argv); err != nil {
			return 0, err
		}
	}
	return float64(time.Since(start)) / repeats, nil
}

func output(argv []string) (string, error) {
	var errs bytes.Buffer
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("run %s: %w: %s", strings.Join(argv, " "), err, bytes.TrimSpace(errs.Bytes()))
	}
	return string(out), nil
}

// median of an odd or even number of values; 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(values))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// judge fills in the ratios that could be measured. A ratio is the median of the ratios of each round, so that what
// disturbs a whole round disturbs both sides of it.
func judge(got samples) []bound {
	all := bounds()
	for i, b := range all {
		over := got[b.over]
		if b.without != "" {
			over = shortened(over, got[b.without], got[b.but])
		}
		if all[i].measured = median(quotients(over, got[b.under])); b.under == "" {
			all[i].measured = median(over) / 1e6
		}
	}
	return all
}

// shortened takes what without takes longer than but off each time.
func shortened(times, without, but []float64) []float64 {
	var list []float64
	for i := range min(len(times), len(without), len(but)) {
		list = append(list, times[i]-(without[i]-but[i]))
	}
	return list
}

func quotients(over, under []float64) []float64 {
	var q []float64
	for i := range min(len(over), len(under)) {
		q = append(q, over[i]/under[i])
	}
	return q
}
