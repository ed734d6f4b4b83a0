package policy

import (
	"testing"

	"github.com/stead-project/stead/arch"
)

func TestSelections(t *testing.T) {
	never, standard, all := NeverNotified(), TraceDefault(), TraceAll()
	for _, name := range []string{"close", "clone", "clone3", "fork", "vfork", "exit", "exit_group", "futex", "read", "write", "rt_sigreturn"} {
		id, ok := arch.LookupID(name)
		if !ok || !never.Has(id) || standard.Has(id) || all.Has(id) {
			t.Errorf("%s is notified without being named", name)
		}
	}
	for _, name := range []string{"openat", "open", "execve", "connect", "mount", "setuid", "unlinkat"} {
		id, ok := arch.LookupID(name)
		if !ok || !standard.Has(id) || !all.Has(id) {
			t.Errorf("%s is not traced by default", name)
		}
	}
	if standard.Minus(all).Len() != 0 {
		t.Errorf("default beyond all: %v", standard.Minus(all))
	}
}

func TestZeroDecisionDenies(t *testing.T) {
	var d Decision
	if d.Verdict.Continues() || d.Verdict != Deny {
		t.Errorf("zero verdict is %v", d.Verdict)
	}
	if Verdict(200).Continues() || Verdict(200).String() != "deny" {
		t.Error("an unknown verdict is not a denial")
	}
}

func TestSelectTraced(t *testing.T) {
	has := func(s arch.Selection, name string) bool {
		id, _ := arch.LookupID(name)
		return s.Has(id)
	}
	for expr, want := range map[string]map[string]bool{
		"%desc":           {"read": false, "close": false, "dup2": true},
		"%desc,read":      {"read": true, "close": false, "dup2": true},
		"%process,clone":  {"clone": true, "clone3": false, "execve": true},
		"read*":           {"read": false, "readlink": true},
		"all":             {"read": false, "openat": true},
		"?close, ?nosuch": {"close": true},
		"%desc,!dup2":     {"dup2": false, "dup3": true},
	} {
		s, err := SelectTraced(expr, arch.Selection{})
		if err != nil {
			t.Errorf("%s: %v", expr, err)
		}
		for name, in := range want {
			if has(s, name) != in {
				t.Errorf("%s: %s is in: %v, want %v", expr, name, !in, in)
			}
		}
	}
	if _, err := SelectTraced("nosuch", arch.Selection{}); err == nil {
		t.Error("no error for an unknown call")
	}
}
