package perform

import (
	"testing"

	"github.com/stead-project/stead/arch"
)

// isKind says whether a parameter is there on an ABI and of one of some kinds.
func isKind(sig *arch.Signature, i int, kinds ...arch.Kind) bool {
	if i < 0 || i >= len(sig.Params) {
		return false
	}
	for _, k := range kinds {
		if sig.Params[i].Kind == k {
			return true
		}
	}
	return false
}

// TestRows compares the positions of every row with the signatures of every ABI that has the call.
func TestRows(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rows() {
		if seen[r.call] {
			t.Errorf("%s is there twice", r.call)
		}
		seen[r.call] = true
		id, ok := arch.LookupID(r.call)
		if !ok {
			t.Errorf("no ABI has a call %s", r.call)
			continue
		}
		if r.checked != (r.do == nil) {
			t.Errorf("%s: checked %v, and a function: %v", r.call, r.checked, r.do != nil)
		}
		found := false
		for _, abi := range arch.ABIs() {
			if _, ok := abi.NumberOf(id); ok {
				found = true
				checkRow(t, &r, abi, abi.Signature(id))
			}
		}
		if !found {
			t.Errorf("%s has a number nowhere", r.call)
		}
	}
}

func checkRow(t *testing.T, r *row, abi arch.ABI, sig *arch.Signature) {
	t.Helper()
	if sig == nil {
		t.Errorf("%s has no signature on %v", r.call, abi)
		return
	}
	variants := append([]arch.Signature{*sig}, sig.Variants...)
	for i := range variants {
		for j := range r.paths {
			checkPath(t, r, abi, &variants[i], &r.paths[j])
		}
		for j := range r.raw {
			checkRaw(t, r, abi, &variants[i], &r.raw[j])
		}
	}
}

func checkPath(t *testing.T, r *row, abi arch.ABI, sig *arch.Signature, a *pathArg) {
	t.Helper()
	if !isKind(sig, a.path, arch.KindPath) {
		t.Errorf("%s on %v: parameter %d is no path", r.call, abi, a.path)
	}
	if a.dir != none && !isKind(sig, a.dir, arch.KindDirFD) {
		t.Errorf("%s on %v: parameter %d is no directory", r.call, abi, a.dir)
	}
	if a.flags != none && !isKind(sig, a.flags, arch.KindFlags) {
		t.Errorf("%s on %v: parameter %d is no set of flags", r.call, abi, a.flags)
	}
	if a.flags == none && (a.empty != 0 || a.maybe) {
		t.Errorf("%s: flags of a call without", r.call)
	}
}

func checkRaw(t *testing.T, r *row, abi arch.ABI, sig *arch.Signature, a *rawArg) {
	t.Helper()
	if a.inside {
		return
	}
	if a.ptr >= len(sig.Params) || !sig.Params[a.ptr].Kind.Pointer() {
		t.Errorf("%s on %v: parameter %d is no pointer", r.call, abi, a.ptr)
		return
	}
	if a.size != none && sig.Params[a.size].Kind.Pointer() {
		t.Errorf("%s on %v: parameter %d is no size", r.call, abi, a.size)
	}
	// Registers and parameters have the same numbers as long as no parameter before is wider than a register.
	for i := range max(a.ptr, a.size) {
		if abi.RegisterWidth() == 4 && sig.Params[i].Width == 8 {
			t.Errorf("%s on %v: parameter %d takes two registers", r.call, abi, i)
		}
	}
	if a.most <= 0 || a.size == none && max(a.fixed[0], a.fixed[1]) > a.most {
		t.Errorf("%s: sizes %v over %d", r.call, a.fixed, a.most)
	}
}

func TestCallsAreKnown(t *testing.T) {
	list := Calls()
	if len(list) != len(rows()) || len(list) < 60 {
		t.Errorf("%d calls, %d rows", len(list), len(rows()))
	}
	for _, s := range list {
		if _, ok := arch.LookupID(s.Call); !ok {
			t.Errorf("no ABI has a call %s", s.Call)
		}
	}
}

// TestWatch: what changes a caller must be told; a call of the table that is performed changes nobody.
func TestWatch(t *testing.T) {
	s := Watch()
	for _, name := range []string{"setuid", "setresuid", "setresuid32", "setgroups", "capset", "umask", "chroot", "pivot_root", "unshare", "setns", "execve", "execveat"} {
		if id, _ := arch.LookupID(name); !s.Has(id) {
			t.Errorf("%s is not watched", name)
		}
	}
	for _, r := range rows() {
		if id, _ := arch.LookupID(r.call); s.Has(id) && !r.checked {
			t.Errorf("%s is watched and performed: the kernel never runs it", r.call)
		}
	}
}
