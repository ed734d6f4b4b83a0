package foreign

import (
	"strings"
	"syscall"
	"testing"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/lang"
)

// TestYAML: whatever the names are, what is written is read as the same.
func TestYAML(t *testing.T) {
	var calls arch.Selection
	calls.Add(call(t, "openat"))
	for _, a := range []policy.Action{{Verdict: policy.Allow}, {Verdict: policy.Kill}, {Verdict: policy.Log}, {Verdict: policy.Ask},
		{Verdict: policy.Perform}, {Verdict: policy.Deny}, {Verdict: policy.Deny, Errno: syscall.ENOENT}, {Verdict: policy.Return, Value: 7},
		{Verdict: policy.Deny, Errno: syscall.ENOSYS, Quiet: true}, {Verdict: policy.Allow, Quiet: true}} {
		for _, name := range []string{"x", "a: b # c", "'\"\\", "${HOME}", "\n- calls: all\n", "é\xff\x00\u2028"} {
			d := &policy.Document{Name: name, Default: policy.Action{Verdict: policy.Deny}}
			d.Rules = []policy.Rule{{Name: name, Calls: calls, Then: a, When: policy.Condition{Text: `flags.has("O_CREAT") && 'x' != "it''s"`}}}
			text := YAML(d, arch.X86_64)
			if strings.Contains(name, "\x00") || strings.Contains(name, "\n") {
				if back, err := lang.Parse("t", text, lang.Options{}); err == nil && len(back.Rules) != 1 {
					t.Errorf("%q: the name became a rule:\n%s", name, text)
				}
				continue
			}
			back, err := lang.Parse("t", text, lang.Options{ABI: arch.X86_64})
			if err != nil {
				t.Errorf("%v\n%s", err, text)
				continue
			}
			r := back.Rules[0]
			if r.Calls != calls || r.When.Text != d.Rules[0].When.Text || r.Then.Verdict != a.Verdict || r.Then.Value != a.Value ||
				r.Then.Quiet != a.Quiet || max(r.Then.Errno, 1) != max(a.Errno, 1) {
				t.Errorf("%+v became %+v:\n%s", d.Rules[0], r, text)
			}
		}
	}
}
