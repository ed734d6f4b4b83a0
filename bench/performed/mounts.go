package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// mountPolicy performs what is measured, and nothing else.
const mountPolicy = `version: 1
name: mounts
default: allow
rules:
  - {calls: [mount, umount2], when: "target.under('%s')", then: perform}
`

// mountCases are a tmpfs mounted and unmounted in a container, which is in a user namespace of its own and has no right to do it. A pair of
// processes for every pair of calls is what a supervisor without stand-ins would start. They take so long that fewer are enough.
func mountCases(o options) ([]testCase, error) {
	policy, dir := filepath.Join(o.dir, "policy.yaml"), filepath.Join(o.dir, "mounted")
	if err := os.WriteFile(policy, fmt.Appendf(nil, mountPolicy, dir), 0o600); err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	pairs := strconv.Itoa(o.calls/10 + 1)
	contained := []string{o.mounter, "contained", pairs, dir}
	performed := join([]string{o.stead, "run", "--policy", policy, "--"}, contained)
	return []testCase{
		{key{"mount", native, false}, "mount+umount of a tmpfs, native, as root", []string{o.mounter, "native", pairs, dir}},
		{key{"mount", floor, false}, "mount+umount in a container, performed by a C floor", join([]string{o.mountFloor}, contained)},
		{key{"mount", stead, false}, "mount+umount in a container, performed by Stead", performed},
		{key{"mount", stead, true}, "mount+umount in a container, performed by Stead, one CPU", performed},
		{key{"mount", floor, true}, "mount+umount in a container, performed by a C floor, one CPU", join([]string{o.mountFloor}, contained)},
		{key{"mount", nsenter, false}, "mount+umount in a container, by two nsenter processes",
			[]string{o.mounter, "nsenter", strconv.Itoa(o.calls/500 + 1), dir}},
	}, nil
}

// mountBounds: what starts no process has to be far away from what does.
func mountBounds() []bound {
	mount := func(by supervisor, pinned bool) key { return key{"mount", by, pinned} }
	return []bound{
		{"mount+umount performed / two nsenter processes", mount(stead, false), mount(nsenter, false), 0.1},
		{"mount+umount performed / floor, one CPU", mount(stead, true), mount(floor, true), 2.5},
		{"mount+umount performed / floor", mount(stead, false), mount(floor, false), 0},
		{"mount+umount performed / native", mount(stead, false), mount(native, false), 0},
	}
}
