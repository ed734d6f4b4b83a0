package conformance

import (
	"strings"
	"testing"

	"github.com/stead-project/stead/integration/conformance/internal/checks"
)

// All has every check by its name. Each compares what the two runs of an environment printed about it.
var All = all()

func all() map[string]func(*testing.T, Env) {
	m := map[string]func(*testing.T, Env){}
	for _, c := range checks.All() {
		m[c.Name] = func(t *testing.T, e Env) { e.check(t, c.Name) }
	}
	return m
}

// broken begins what the probe prints where it could not prepare a check.
const broken = "BROKEN"

// most is how many differences of one check are shown.
const most = 12

func (e Env) check(t *testing.T, name string) {
	t.Helper()
	runs, err := e.runs()
	if err != nil {
		t.Fatal(err)
	}
	native, performed := runs.native[name], runs.performed[name]
	if len(native) == 0 {
		t.Fatalf("the native run says nothing about %s", name)
	}
	for _, line := range native {
		if strings.Contains(line, broken) {
			t.Errorf("not prepared: %s", line)
		}
	}
	e.report(t, e.suite.unaccepted(name, e.Name, compare(native, performed)))
}

func (e Env) report(t *testing.T, found []difference) {
	t.Helper()
	for i, d := range found {
		if i == most {
			t.Errorf("and %d differences more", len(found)-most)
			return
		}
		t.Errorf("differs in %s\n%s", e.Name, d)
	}
}
