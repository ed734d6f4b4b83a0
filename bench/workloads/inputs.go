package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A size says how much the workloads have to do.
type size struct {
	sources        int // files of the C project
	dirs, files    int // directories of the tree, and files in each
	statuses, runs int // how often what is short is done in one run
}

// large makes each native run take some tenths of a second, so that the start of a supervisor, some ten milliseconds, does not
// stand for what its calls cost.
func large() size { return size{sources: 40, dirs: 100, files: 100, statuses: 10, runs: 10} }

func makeInputs(dir string, s size) error {
	if err := makeProject(filepath.Join(dir, "c"), s.sources); err != nil {
		return fmt.Errorf("make the C project: %w", err)
	}
	if err := makeTree(filepath.Join(dir, "git"), s); err != nil {
		return fmt.Errorf("make the tree: %w", err)
	}
	if err := commit(filepath.Join(dir, "git")); err != nil {
		return fmt.Errorf("make the repository: %w", err)
	}
	return write(policyFile(dir), policyText(dir))
}

func write(name, text string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(text), 0o644)
}

const source = `#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "all.h"
int f%d(int n) { char text[32]; snprintf(text, sizeof text, "%%d", n); return atoi(text) + (int)strlen(text) * %[1]d; }
`

const makefile = `objects := $(patsubst %.c,%.o,$(sort $(wildcard f*.c)))
CFLAGS = -O1
lib.a: $(objects)
	$(AR) rcs $@ $^
`

func makeProject(dir string, sources int) error {
	var header strings.Builder
	for i := range sources {
		fmt.Fprintf(&header, "int f%d(int n);\n", i)
		if err := write(filepath.Join(dir, fmt.Sprintf("f%d.c", i)), fmt.Sprintf(source, i)); err != nil {
			return err
		}
	}
	if err := write(filepath.Join(dir, "all.h"), header.String()); err != nil {
		return err
	}
	return write(filepath.Join(dir, "Makefile"), makefile)
}

func makeTree(dir string, s size) error {
	for d := range s.dirs {
		for f := range s.files {
			name := filepath.Join(dir, fmt.Sprintf("d%d", d%10), fmt.Sprintf("d%d", d), fmt.Sprintf("f%d", f))
			if err := write(name, strings.Repeat(fmt.Sprintln("line", d, f), 1+f%20)); err != nil {
				return err
			}
		}
	}
	return nil
}

func commit(dir string) error {
	for _, args := range [][]string{
		{"init", "-q", "."}, {"config", "gc.auto", "0"}, {"config", "user.name", "bench"}, {"config", "user.email", "bench@localhost"},
		{"add", "-A"}, {"commit", "-qm", "all"},
	} {
		cmd := exec.Command("git", args...)
		cmd.Dir, cmd.Env = dir, environment()
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

func policyFile(dir string) string { return filepath.Join(dir, "policy.yaml") }

// policyText is a policy of files only: all of it is said by Landlock.
func policyText(dir string) string {
	return fmt.Sprintf("version: 1\nname: workloads\ndefault: allow\nfiles: {read: [/], create: [%q, /tmp, /dev], exec: [/]}\n", dir)
}
