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
