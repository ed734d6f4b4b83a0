package main

import (
	"os"
	"strconv"
)

// A unit says how a case is measured.
type unit int

const (
	perCall  unit = iota // the program prints nanoseconds per call
	perStart             // the time from starting the program to its end, in nanoseconds
	perRun               // the same of a program that takes long enough to be run once
	perCPU               // the processor time, user and system, of the run before, with all that it started
)

// repeats is how often a perStart case is started within one round.
const repeats = 10

// A testCase is one line of the table.
type testCase struct {
	name string // key for the ratios
	what string
	unit unit
	argv []string
}

func cases(o options) []testCase {
	t := o.tools
	mkdir := []string{t.target, "mkdirat", strconv.Itoa(o.calls)}
	// strace takes several times as long for the same.
	slow := []string{t.target, "mkdirat", strconv.Itoa(o.calls/10 + 1)}
	// Calls that are not notified take a fraction of the time.
	getppid := []string{t.target, "getppid", strconv.Itoa(o.calls * 40)}
	read := []string{t.target, "read", strconv.Itoa(o.calls * 2)}
	trace := []string{t.stead, "trace", "--calls", "mkdirat", "--format", "json", "-o", os.DevNull, "--"}
	strace := []string{t.strace, "-f", "--seccomp-bpf", "-e", "trace=mkdirat", "-o", os.DevNull}
	return append([]testCase{
		{"mkdir native", "mkdirat, not notified", perCall, mkdir},
		{"mkdir floor errno", "mkdirat, C floor: errno", perCall, join([]string{t.floor, "errno"}, mkdir)},
		{"mkdir plain", "mkdirat, Stead: errno", perCall, join([]string{t.plain}, mkdir)},
		{"mkdir floor read", "mkdirat, C floor: path read, errno", perCall, join([]string{t.floor, "read"}, mkdir)},
		{"mkdir floor continue", "mkdirat, C floor: path read, continued", perCall, join([]string{t.floor, "continue"}, mkdir)},
		{"mkdir trace", "mkdirat, stead trace: decoded, JSON line, continued", perCall, join(trace, mkdir)},
		{"mkdir strace", "mkdirat, strace --seccomp-bpf", perCall, join(strace, slow)},
		{"getppid native", "getppid, no filter", perCall, getppid},
		{"getppid floor", "getppid, not notified, C floor", perCall, join([]string{t.floor, "errno"}, getppid)},
		{"getppid trace", "getppid, not notified, stead trace", perCall, join(trace, getppid)},
		{"read native", "read of 64 KiB, no filter", perCall, read},
		{"read floor", "read, not notified, C floor", perCall, join([]string{t.floor, "errno"}, read)},
		{"read trace", "read, not notified, stead trace", perCall, join(trace, read)},
		{"start native", "start of true, alone", perStart, []string{"/bin/true"}},
		{"start run", "start of true, stead run", perStart, []string{t.stead, "run", "--", "/bin/true"}},
		{"start strace", "start of true, strace --seccomp-bpf", perStart,
			[]string{t.strace, "--seccomp-bpf", "-f", "-o", os.DevNull, "/bin/true"}},
	}, policyCases(o)...)
}

func join(a, b []string) []string {
	return append(append([]string(nil), a...), b...)
}

// A bound is a ratio of two cases and what it may be at most; 0 is no bound, for scale only. Without a case under it, it is of
// the milliseconds of one case.
type bound struct {
	what     string
	over     string // case
	under    string // case
	atMost   float64
	measured float64 // 0 while a case is missing

	without, but string // cases: what the first takes longer than the second is taken off over; "": nothing
}

func bounds() []bound {
	return append([]bound{
		{what: "plain answer / floor", over: "mkdir plain", under: "mkdir floor errno", atMost: 1.25},
		{what: "decoded and recorded / floor that reads the path", over: "mkdir trace", under: "mkdir floor continue", atMost: 2},
		{what: "getppid not notified / no filter", over: "getppid trace", under: "getppid native", atMost: 1.03},
		{what: "getppid not notified / floor's filter", over: "getppid trace", under: "getppid floor"},
		{what: "read not notified / no filter", over: "read trace", under: "read native", atMost: 1.03},
		{what: "read not notified / floor's filter", over: "read trace", under: "read floor"},
		{what: "stead run true / strace true", over: "start run", under: "start strace", atMost: 1},
		{what: "stead trace / strace, same call", over: "mkdir trace", under: "mkdir strace"},
	}, policyBounds()...)
}
