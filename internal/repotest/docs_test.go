package repotest

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return string(text)
}

func TestLicence(t *testing.T) {
	text := read(t, "LICENSE")
	if !strings.Contains(text, "Apache License") || !strings.Contains(text, "Version 2.0, January 2004") {
		t.Error("LICENSE is not the Apache License, version 2.0")
	}
}

var makeTarget = regexp.MustCompile(`(?m)^([a-z]+):.*## `)

// TestMakeTargets wants every target described in the README, and kept by a script that can be run by hand.
func TestMakeTargets(t *testing.T) {
	readme := read(t, "README.md")
	targets := makeTarget.FindAllStringSubmatch(read(t, "Makefile"), -1)
	if len(targets) < 8 {
		t.Fatalf("%d targets found in the Makefile", len(targets))
	}
	for _, m := range targets {
		name := m[1]
		if !strings.Contains(readme, "make "+name) {
			t.Errorf("README.md does not name make %s", name)
		}
		if name == "help" {
			continue
		}
		executable(t, "scripts/"+name+".sh")
	}
	executable(t, ".ci/run")
}

func executable(t *testing.T, name string) {
	t.Helper()
	info, err := os.Stat(filepath.Join(root, name))
	if err != nil || info.Mode()&0o111 == 0 {
		t.Errorf("%s is not an executable script (%v)", name, err)
	}
}

var link = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)

// TestLinks wants every relative link of the documents to lead to a file.
func TestLinks(t *testing.T) {
	found := 0
	for _, f := range tree(t) {
		if path.Ext(f.path) != ".md" {
			continue
		}
		for _, m := range link.FindAllStringSubmatch(f.text, -1) {
			found++
			if _, err := os.Stat(filepath.Join(root, f.dir(), m[1])); err != nil {
				t.Errorf("%s: link to %s: %v", f.path, m[1], err)
			}
		}
	}
	if found < 5 {
		t.Errorf("%d links found, which cannot be all", found)
	}
}

// The changelog's grammar is that of Keep a Changelog 1.1.0: releases, newest first, with their changes under six heads.
var (
	release = regexp.MustCompile(`^## \[(Unreleased|\d+\.\d+\.\d+)\]( - \d{4}-\d\d-\d\d)?$`)
	section = regexp.MustCompile(`^### (Added|Changed|Deprecated|Removed|Fixed|Security)$`)
)

func changelogFaults(text string) []string {
	var faults []string
	releases, inSection := 0, false
	for _, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "### "):
			inSection = true
			if !section.MatchString(line) || releases == 0 {
				faults = append(faults, "no such section: "+line)
			}
		case strings.HasPrefix(line, "## "):
			releases, inSection = releases+1, false
			m := release.FindStringSubmatch(line)
			if m == nil || (m[1] == "Unreleased") != (m[2] == "") || (m[1] == "Unreleased") != (releases == 1) {
				faults = append(faults, "not a release: "+line)
			}
		case strings.HasPrefix(line, "- ") && !inSection:
			faults = append(faults, "a change outside a section: "+line)
		}
	}
	if releases == 0 {
		faults = append(faults, "no release")
	}
	return faults
}

func TestChangelog(t *testing.T) {
	for _, fault := range changelogFaults(read(t, "CHANGELOG.md")) {
		t.Error(fault)
	}
	for _, bad := range []string{"", "## [1.0.0] - 2026-01-01", "## [Unreleased]\n### News\n- x",
		"## [Unreleased]\n- x", "## [Unreleased]\n## [1.0.0]", "### Added\n## [Unreleased]"} {
		if len(changelogFaults(bad)) == 0 {
			t.Errorf("a broken changelog is accepted: %q", bad)
		}
	}
}
