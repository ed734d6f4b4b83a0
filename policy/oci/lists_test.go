package oci

import (
	"strings"
	"testing"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/cond"
	"github.com/stead-project/stead/policy/filter"
)

// lists compiles the documents that an import makes, whose conditions use little of the language.
func lists(t testing.TB, doc *policy.Document, abis []arch.ABI) filter.Lists {
	t.Helper()
	l := filter.Lists{BadABI: filter.KillThread}
	for _, abi := range abis {
		d := filter.Decisions{ABI: abi, Default: filterAction(doc.Default), Calls: map[arch.ID][]filter.Clause{}}
		for _, r := range doc.Rules {
			for _, id := range r.Calls.IDs() {
				if _, ok := abi.NumberOf(id); !ok {
					continue
				}
				for _, when := range dnf(t, r.When, abi, id) {
					d.Calls[id] = append(d.Calls[id], filter.Clause{When: when, Then: filterAction(r.Then)})
				}
			}
		}
		l.ABIs = append(l.ABIs, d)
	}
	return l
}

func filterAction(a policy.Action) filter.Action {
	switch a.Verdict {
	case policy.Allow:
		return filter.Allow
	case policy.Log:
		return filter.Log
	case policy.Kill:
		return filter.KillProcess
	case policy.Return:
		return filter.Errno(0)
	case policy.Deny:
		return filter.Errno(max(a.Errno, 1))
	}
	return filter.Notify
}

// dnf is a condition as comparisons of registers.
func dnf(t testing.TB, when policy.Condition, abi arch.ABI, id arch.ID) (out [][]filter.Compare) {
	t.Helper()
	src, err := cond.Parse(when)
	if err != nil {
		t.Fatal(err)
	}
	e, err := src.Bind(abi, id)
	if err != nil {
		t.Fatal(err)
	}
	all, ok := e.DNF(64)
	if !ok {
		t.Fatalf("%s: not of registers", when.Text)
	}
	for _, list := range all {
		var one []filter.Compare
		for _, c := range list {
			one = append(one, compare(t, c))
		}
		out = append(out, one)
	}
	return out
}

func compare(t testing.TB, c cond.Compare) filter.Compare {
	t.Helper()
	out := filter.Compare{Arg: c.Arg, Op: filter.EQ + filter.Op(c.Op), Value: c.Value}
	switch c.Mask {
	case 1<<64 - 1:
	case 1<<32 - 1:
		out.Narrow = true
	default:
		if c.Op != cond.EQ {
			t.Fatalf("cannot say %+v", c)
		}
		out.Op, out.Mask = filter.MaskedEQ, c.Mask
	}
	return out
}

// bind checks that a condition means something.
func bind(t testing.TB, when policy.Condition, abi arch.ABI, id arch.ID) {
	t.Helper()
	src, err := cond.Parse(when)
	if err != nil {
		t.Fatalf("%s: %v", when.Text, err)
	}
	if _, err := src.Bind(abi, id); err != nil && !strings.Contains(err.Error(), "never hold") {
		t.Fatalf("%s on %s: %v", id, abi, err)
	}
}
