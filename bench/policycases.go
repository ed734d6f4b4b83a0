package main

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
)

// pythonImports are modules of Python's own that import many others.
const pythonImports = "import json, ssl, asyncio, email, http.server, unittest, sqlite3, xml.dom.minidom, decimal, multiprocessing, logging.config, urllib.request"

// A workload is a program whose whole run is compared under a policy and without. What is short is run again and again, so that
// the start of the supervisor, which has its own cases, does not hide what the policy costs; and once, to show the start.
type workload struct {
	name, what, script string
	once               []string // nil: the script does it once
}

func workloads(work string) []workload {
	if work == "" {
		return nil
	}
	python := cmp.Or(os.Getenv("PYTHON"), "python3")
	c, git := filepath.Join(work, "c"), filepath.Join(work, "git")
	return []workload{
		{"make", "make of a C project of 120 files", `make -s -B -C "` + c + `"`, nil},
		{"git", "git status of 10,000 files, 40 times", `for i in $(seq 40); do git -C "` + git + `" status --short; done`,
			[]string{"git", "-C", git, "status", "--short"}},
		{"python", "python3 -c 'import …', 24 times", `for i in $(seq 24); do "` + python + `" -B -c "` + pythonImports + `"; done`,
			[]string{python, "-B", "-c", pythonImports}},
	}
}

func policyCases(o options) []testCase {
	p := o.tools.policy
	list := []testCase{
		{"compile 500", "a policy of 500 rules, from its text to the proved filter", perCall, []string{p, "compile", "500"}},
		{"decide 10", "decision by registers, 10 rules on other calls", perCall, []string{p, "decide", "10"}},
		{"decide 100", "decision by registers, 100 rules on other calls", perCall, []string{p, "decide", "100"}},
		{"decide 1000", "decision by registers, 1,000 rules on other calls", perCall, []string{p, "decide", "1000"}},
		{"path 10 1", "decision by a path 10 directories deep, 1 hierarchy", perCall, []string{p, "path", "10", "1"}},
		{"path 10 1000", "decision by a path 10 directories deep, 1,000 hierarchies", perCall, []string{p, "path", "10", "1000"}},
		{"path 29 1", "decision by a path 29 directories deep, 1 hierarchy", perCall, []string{p, "path", "29", "1"}},
		{"path 29 1000", "decision by a path 29 directories deep, 1,000 hierarchies", perCall, []string{p, "path", "29", "1000"}},
	}
	under := []string{o.tools.stead, "run", "--policy", filepath.Join(o.tools.work, "policy.yaml"), "--"}
	if o.tools.work != "" {
		list = append(list, testCase{"start policy", "start of true, stead run --policy", perStart, join(under, []string{"/bin/true"})})
	}
	for _, w := range workloads(o.tools.work) {
		sh := []string{"/bin/sh", "-ec", w.script}
		list = append(list,
			testCase{w.name + " native", w.what + ", alone", perRun, sh},
			testCase{w.name + " native cpu", w.what + ", alone, user+sys", perCPU, sh},
			testCase{w.name + " policy", w.what + ", under a policy", perRun, join(under, sh)},
			testCase{w.name + " policy cpu", w.what + ", under a policy, user+sys", perCPU, slices.Clone(sh)})
		if w.once != nil {
			list = append(list,
				testCase{w.name + " once native", w.name + " once, alone", perStart, w.once},
				testCase{w.name + " once policy", w.name + " once, under a policy", perStart, join(under, w.once)})
		}
	}
	return list
}

func policyBounds() []bound {
	list := []bound{
		{what: "ms for a policy of 500 rules", over: "compile 500", atMost: 50},
		{what: "decision, 1,000 rules / 10", over: "decide 1000", under: "decide 10", atMost: 1.1},
		{what: "path 10 deep, 1,000 hierarchies / 1", over: "path 10 1000", under: "path 10 1", atMost: 1.5},
		{what: "path 29 deep, 1,000 hierarchies / 1", over: "path 29 1000", under: "path 29 1", atMost: 1.5},
		{what: "start under a policy / stead run", over: "start policy", under: "start run"},
	}
	for _, w := range workloads(".") {
		list = append(list,
			bound{what: w.name + " under a policy / alone, wall", over: w.name + " policy", under: w.name + " native", atMost: 1.03},
			bound{what: w.name + " under a policy / alone, user+sys", over: w.name + " policy cpu", under: w.name + " native cpu", atMost: 1.03},
			bound{what: w.name + " under a policy / alone, wall without the start", over: w.name + " policy", under: w.name + " native",
				without: "start policy", but: "start native"})
		if w.once != nil {
			list = append(list, bound{what: w.name + " once under a policy / alone, wall", over: w.name + " once policy", under: w.name + " once native"})
		}
	}
	return list
}
