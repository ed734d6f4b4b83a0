package cond

import (
	"errors"
	"testing"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
)

// Whatever the text is, nothing panics, errors are this package's, and what binds can be decided and negated.
func FuzzBind(f *testing.F) {
	for _, tc := range evalCases() {
		f.Add(tc.when, tc.call)
	}
	calls := map[string]*arch.Call{}
	f.Fuzz(func(t *testing.T, text, name string) {
		s, err := Parse(policy.Condition{Pos: policy.Pos{File: "f", Line: 1, Column: 1}, Text: text})
		if err != nil {
			checkError(t, err)
			return
		}
		id, ok := arch.LookupID(name)
		if _, has := arch.X86_64.NumberOf(id); !ok || !has {
			return
		}
		e, err := s.Bind(arch.X86_64, id)
		if err != nil {
			checkError(t, err)
			return
		}
		if calls[name] == nil {
			calls[name] = makeCall(t, arch.X86_64, name, "/etc/x", "/a/b", "c", 1, 2, 3)
		}
		a, b := &Context{Call: calls[name], Caller: somebody()}, &Context{Call: calls[name], Caller: somebody()}
		if x, y := outcome(e, a), outcome(e.Negate(), b); x == y && (x == "true" || x == "false") {
			t.Errorf("%s: both it and its negation are %s", text, x)
		}
		e.DNF(64)
		_ = e.String()
		_, _ = e.Pointers(), e.NeedsCaller()
	})
}

func checkError(t *testing.T, err error) {
	var own *Error
	if !errors.As(err, &own) || own.Pos.Line == 0 || own.Msg == "" {
		t.Errorf("%#v", err)
	}
}

func FuzzGlob(f *testing.F) {
	f.Add("/home/*/.ssh/**", "/home/a/.ssh/x")
	f.Fuzz(func(t *testing.T, pattern, path string) {
		if g, err := CompileGlob(pattern); err == nil {
			g.Match([]byte(path))
		}
		if g, err := CompileNameGlob(pattern); err == nil {
			g.Match([]byte(path))
		}
	})
}
