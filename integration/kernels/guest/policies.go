package main

import (
	"fmt"
	"os"
	"strings"
)

// The policies, with DIR for the check's directory.
const (
	onRegisters = `version: 1
default: allow
rules:
  - calls: [socket]
    when: domain == AF_INET
    then: {deny: EAFNOSUPPORT}
`
	onPaths = `version: 1
default: allow
rules:
  - calls: [mkdir, mkdirat]
    when: pathname == "DIR/forbidden"
    then: {deny: EROFS}
    race: accepted
`
	onFiles = onRegisters + `files:
  read: [/bin, /proc, /sys, /dev]
  exec: [/bin]
  create: [DIR]
`
)

// under runs try under a policy.
func (m *machine) under(policy string, flags ...string) (outcome, error) {
	if err := m.prepare(); err != nil {
		return outcome{}, err
	}
	if err := os.WriteFile(m.file("p.yaml"), []byte(strings.ReplaceAll(policy, "DIR", m.dir)), 0o644); err != nil {
		return outcome{}, err
	}
	args := append([]string{"run", "--policy", m.file("p.yaml")}, flags...)
	return m.stead(append(args, "--", "guest", "try", m.dir)...)
}

// kernelRules judges registers: every kernel can.
func kernelRules(m *machine) (string, error) {
	o, err := m.under(onRegisters)
	if err != nil {
		return "", err
	}
	if want := (tried{internet: "EAFNOSUPPORT"}).String(); o.code != 0 || o.stdout != want || o.stderr != "" { // there is no supervisor
		return "", fmt.Errorf("ended with %d and %q, want 0 and %q; stderr %q", o.code, o.stdout, want, o.stderr)
	}
	return "", nil
}

// pathRules judges memory, in the supervisor.
func pathRules(m *machine) (string, error) {
	o, err := m.under(onPaths)
	if err != nil {
		return "", err
	}
	return "", m.expect(o, 0, tried{forbidden: "EROFS"}.String())
}

// wholeABI is the first Landlock that can say all of what onFiles wants.
const wholeABI = 5

// filesStrict wants the policy enforced wholly, or an error that says what is missing.
func filesStrict(m *machine) (string, error) {
	o, err := m.under(onFiles)
	if err != nil {
		return "", err
	}
	if landlockABI(m.kernel) >= wholeABI {
		return "enforced", m.expect(o, 0, tried{outside: "EACCES", internet: "EAFNOSUPPORT"}.String())
	}
	if o.code != 125 || o.stdout != "" || !strings.Contains(o.stderr, "Landlock") {
		return "", fmt.Errorf("ended with %d and %q, want 125 and a word on Landlock; stderr %q", o.code, o.stdout, o.stderr)
	}
	return o.stderr, nil
}

// filesBestEffort wants what the kernel can enforce of it, and a warning for what it cannot.
func filesBestEffort(m *machine) (string, error) {
	o, err := m.under(onFiles, "--best-effort")
	if err != nil {
		return "", err
	}
	want, abi := tried{outside: "EACCES", internet: "EAFNOSUPPORT"}, landlockABI(m.kernel)
	if abi == 0 {
		want.outside = ""
	}
	if o.code != 0 || o.stdout != want.String() {
		return "", fmt.Errorf("ended with %d and %q, want 0 and %q; stderr %q", o.code, o.stdout, want, o.stderr)
	}
	if warned := strings.Contains(o.stderr, "Landlock"); warned != (abi < wholeABI) {
		return "", fmt.Errorf("standard error: %q, which is not right for Landlock ABI %d", o.stderr, abi)
	}
	return o.stderr, nil
}

// presetBuild runs a small build's steps under the policy for builds.
func presetBuild(m *machine) (string, error) {
	const script = "echo text >file && mkdir d && cp file d/copy && mv file d/moved && cat d/moved && rm -r d && echo built"
	o, err := m.stead("run", "--preset", "build", "--best-effort", "--", "sh", "-c", script)
	if err != nil {
		return "", err
	}
	if o.code != 0 || o.stdout != "text\nbuilt\n" {
		return "", fmt.Errorf("ended with %d and %q; stderr %q", o.code, o.stdout, o.stderr)
	}
	return o.stderr, nil
}
