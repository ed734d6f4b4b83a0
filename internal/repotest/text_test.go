package repotest

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A textRule is a pattern that no file may contain. The patterns are put together from pieces so that they do not
// match this file.
type textRule struct {
	name    string
	pattern *regexp.Regexp
	bad     string
}

func textRules(t *testing.T) []textRule {
	t.Helper()
	return []textRule{
		{"no unfinished business", regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME)\b|\b(?i:for` + ` now|not yet` + ` implemented)\b`), "TO" + "DO: x"},
		{"no path of a build machine", machinePaths(t), "/wo" + "rk/main/x"},
		{"no host of a package registry", regexp.MustCompile(`proxy\.go` + `lang\.org|deb\.de` + `bian\.org|regis` + `try\.npmjs`), "proxy.go" + "lang.org"},
		{"no line end of another system", regexp.MustCompile("\r" + "\n"), "x\r\n"},
		{"no left-over of a merge", regexp.MustCompile(`(?m)^(<{7}|>{7}) `), strings.Repeat("<", 7) + " x"},
	}
}

// machinePaths matches the paths that only a machine that built this has: this checkout's own (where it is deep enough
// to mean something), and a few of other machines.
func machinePaths(t *testing.T) *regexp.Regexp {
	t.Helper()
	patterns := []string{`/wo` + `rk/(main|shared)\b`, `/ro` + `ot/go/`, `/ho` + `me/\w+/go/`}
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatalf("find the tree: %v", err)
	}
	if strings.Count(here, "/") > 1 {
		patterns = append(patterns, regexp.QuoteMeta(here)+`\b`)
	}
	return regexp.MustCompile(strings.Join(patterns, "|"))
}

func TestTexts(t *testing.T) {
	all := tree(t)
	for _, rule := range textRules(t) {
		t.Run(rule.name, func(t *testing.T) {
			for _, f := range all {
				for _, fault := range rule.find(f) {
					t.Error(fault)
				}
			}
			if len(rule.find(file{"sample", rule.bad})) == 0 {
				t.Errorf("the rule finds nothing in %q", rule.bad)
			}
		})
	}
}

func (r textRule) find(f file) []string {
	var faults []string
	for _, span := range r.pattern.FindAllStringIndex(f.text, -1) {
		line := strings.Count(f.text[:span[0]], "\n") + 1
		faults = append(faults, fmt.Sprintf("%s:%d: %q", f.path, line, f.text[span[0]:span[1]]))
	}
	return faults
}
