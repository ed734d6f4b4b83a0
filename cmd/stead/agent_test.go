//go:build !embedwhole

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAgentMistakes: what is wrong on the command line is said, with what to do.
func TestAgentMistakes(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	socket := "--listen=" + filepath.Join(dir, "s")
	for _, c := range []struct {
		args []string
		says string
	}{
		{nil, "--policies"},
		{[]string{"--policies", filepath.Join(dir, "absent")}, "no directory"},
		{[]string{"--policies", file}, "no directory"},
		{[]string{"--policies", dir}, "--listen or --lxc-listen"},
		{[]string{"--policies", dir, "--listen", file}, "is no socket"},
		{[]string{"--policies", dir, socket, "--metrics", "0.0.0.0:0"}, "--metrics-public"},
		{[]string{"--policies", dir, socket, "--metrics", "nowhere"}, "HOST:PORT or unix:PATH"},
		{[]string{"--policies", dir, socket, "--default", "../x"}, "default policy"},
		{[]string{"--policies", dir, socket, "extra"}, "unknown command"},
		{[]string{"ps", "--format", "xml"}, "table or json"},
		{[]string{"ps", "--control", file}, "is it running"},
	} {
		r := stead(t, append([]string{"agent"}, c.args...)...)
		if r.code != exitFailure || !strings.Contains(r.stderr, c.says) {
			t.Errorf("%v: %+v, want %q", c.args, r, c.says)
		}
	}
}

// TestAgentPolicies: what only Landlock could enforce is refused, and says why; the rest of the short forms is judged.
func TestAgentPolicies(t *testing.T) {
	file := filepath.Join(t.TempDir(), "p.yaml")
	for text, says := range map[string]string{
		"version: 1\ndefault: allow\nrules: [{calls: [mkdir, mkdirat], when: pathname.under(\"/x\"), then: perform}]\n": "",
		"version: 1\nfiles: {read: [/usr]}\n":                                                                                       "write `exec: [/]`",
		"version: 1\nexec: [/usr]\n":                                                                                                "write `exec: [/]`",
		"version: 1\nfiles: {read: [/usr], exec: [/], create: [/tmp], hide: [/a]}\n":                                                "",
		"version: 1\ndefault: allow\nfiles: {read: [/usr]}\nexec: [/]\n":                                                            "",
		"version: 1\nnetwork: {connect: [\":80\", \"unix:/run/x\"], listen: [\":1\"]}\n":                                            "",
		"version: 1\nexec: [/]\nrules: [{calls: execve, when: pathname.under(\"/x\"), then: deny}, {calls: execve, then: allow}]\n": "race: accepted",
		"version: 1\nrules: [{calls: [nosuch], then: allow}]\n":                                                                     "nosuch",
		"version: 1\nrules: [{calls: [read], when: a ==, then: ask}]\n":                                                             "p.yaml:2",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		prog, err := loadForContainers(file)
		if says == "" && (err != nil || !prog.Performs) {
			t.Errorf("%s: %v", text, err)
		}
		if says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
}

// TestShort: what a container's author wrote stays on its line, and is no escape sequence.
func TestShort(t *testing.T) {
	for in, want := range map[string]string{"plain": "plain", "a\nb\x1b[2J\x7f": "a b [2J ", strings.Repeat("ü", 80): strings.Repeat("ü", 71) + "…"} {
		if got := short(in); got != want {
			t.Errorf("short(%q) is %q, want %q", in, got, want)
		}
	}
}
