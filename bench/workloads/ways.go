package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// A workload is a program's whole run, by a shell.
type workload struct{ name, what, script string }

func allWorkloads(dir string, s size) []workload {
	c, tree := quote(filepath.Join(dir, "c")), quote(filepath.Join(dir, "git"))
	count := func(n int) string { return strconv.Itoa(n) }
	return []workload{
		{"git status", count(s.statuses) + " times, " + count(s.dirs*s.files) + " files",
			repeat(s.statuses, "git -C "+tree+" status --short --branch")},
		{"tar c", count(s.dirs*s.files) + " files", "tar cf - " + tree + " 2>/dev/null | wc -c"},
		{"make", "C project of " + count(s.sources) + " files", "make -s -B -C " + c + " && ls " + c},
		{"find", count(s.runs) + " times, " + count(s.dirs*s.files) + " files",
			repeat(s.runs, "find "+tree+" -type f -newermt 2000-01-01 -perm /400 | wc -l")},
	}
}

func quote(path string) string { return "'" + path + "'" }

func repeat(n int, script string) string {
	return fmt.Sprintf("i=0; while [ $i -lt %d ]; do %s; i=$((i+1)); done", n, script)
}

// A way is what stands between a workload and its files. The first one is the one that the others are compared with.
type way struct {
	name   string
	prefix []string
}

func allWays(o options, dir string) []way {
	return []way{
		{"native", nil},
		{"files: by Landlock", []string{o.stead, "run", "--policy", policyFile(dir), "--"}},
		{"performed", []string{o.stead, "run", "--preset", "perform", "--"}},
		{"strace", []string{o.strace, "-f", "--seccomp-bpf", "-o", os.DevNull, "-e", "trace=%file"}},
		{"proot", []string{o.proot}},
	}
}

// present leaves out the ways whose program is not there, and says so.
func present(all []way, out io.Writer) []way {
	var some []way
	for _, w := range all {
		if len(w.prefix) > 0 {
			if _, err := exec.LookPath(w.prefix[0]); err != nil {
				fmt.Fprintf(out, "left out: %s: %v\n", w.name, err)
				continue
			}
		}
		some = append(some, w)
	}
	return some
}

// environment is what every run sees, whoever calls.
func environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1"}
}
