package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// A version is a kernel's: major and minor.
type version [2]int

func (v version) atLeast(major, minor int) bool {
	return v[0] > major || v[0] == major && v[1] >= minor
}

func kernelVersion() (version, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return version{}, fmt.Errorf("uname: %w", err)
	}
	var v version
	release := unix.ByteSliceToString(u.Release[:])
	if _, err := fmt.Sscanf(release, "%d.%d", &v[0], &v[1]); err != nil {
		return version{}, fmt.Errorf("kernel release %q: %w", release, err)
	}
	return v, nil
}

// since says from which kernel on the doctor must find a feature; what is absent here is there on every kernel tried (5.10 on).
// seccomp_unotify(2), pidfd_open(2), landlock(7).
func since() map[string]version {
	return map[string]version{
		"addfd-send":    {5, 14},
		"landlock":      {5, 13},
		"wait-killable": {5, 19},
		"sync-wake-up":  {6, 6},
		"pidfd-thread":  {6, 9},
		"receive-end":   {6, 11},
	}
}

// landlockABI is the version that the documentation gives for a kernel without backports.
func landlockABI(v version) int {
	abi := 0
	for i, first := range []version{{5, 13}, {5, 19}, {6, 2}, {6, 7}, {6, 10}, {6, 12}, {6, 15}} {
		if v.atLeast(first[0], first[1]) {
			abi = i + 1
		}
	}
	return abi
}

// A feature is one of the doctor's lines.
type feature struct{ Name, State, Detail, Remedy string }

func (m *machine) features() ([]feature, error) {
	o, err := m.stead("doctor", "--json")
	if err != nil {
		return nil, err
	}
	var report struct{ Features []feature }
	if err := json.Unmarshal([]byte(o.stdout), &report); err != nil {
		return nil, fmt.Errorf("doctor ended with %d and %q: %w; stderr %q", o.code, o.stdout, err, o.stderr)
	}
	if o.code != 0 || len(report.Features) < 20 {
		return nil, fmt.Errorf("doctor ended with %d and %d features; stderr %q", o.code, len(report.Features), o.stderr)
	}
	return report.Features, nil
}

// wanted is the state that a feature must have here; "" where both would be right.
func (m *machine) wanted(name string) string {
	first, some := since()[name]
	switch {
	case name == "root" || name == "capabilities":
		return yes(m.root)
	case name == "i386-calls" && runtime.GOARCH != "amd64":
		return "no"
	case some:
		return yes(m.kernel.atLeast(first[0], first[1]))
	}
	return "yes"
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// doctor compares every line with what the kernel's documentation says.
func doctor(m *machine) (string, error) {
	list, err := m.features()
	if err != nil {
		return "", err
	}
	var wrong, absent []string
	for _, f := range list {
		if want := m.wanted(f.Name); f.State != want {
			wrong = append(wrong, fmt.Sprintf("%s is %s, want %s (%s)", f.Name, f.State, want, f.Detail))
		}
		if f.State != "yes" {
			absent = append(absent, f.Name)
			if f.Remedy == "" {
				wrong = append(wrong, f.Name+" lacks a remedy")
			}
		}
		if abi := fmt.Sprintf("ABI version %d", landlockABI(m.kernel)); f.Name == "landlock" && f.State == "yes" && f.Detail != abi {
			wrong = append(wrong, "landlock has "+f.Detail+", want "+abi)
		}
	}
	if len(wrong) > 0 {
		return "", fmt.Errorf("%s", strings.Join(wrong, "; "))
	}
	if len(absent) == 0 {
		return "nothing missing", nil
	}
	return "missing: " + strings.Join(absent, " "), nil
}
