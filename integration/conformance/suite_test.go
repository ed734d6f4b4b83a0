package conformance

import (
	"reflect"
	"testing"

	"github.com/stead-project/stead/internal/testneed"
)

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		a, b []string
		want []difference
	}{
		{nil, nil, nil},
		{[]string{"x"}, []string{"x"}, nil},
		{[]string{"x"}, nil, []difference{{"x", ""}}},
		{nil, []string{"x"}, []difference{{"", "x"}}},
		{[]string{"1", "2", "3"}, []string{"1", "two", "3"}, []difference{{"2", "two"}}},
		{[]string{"1", "2", "3"}, []string{"1", "3"}, []difference{{"2", ""}}},
		{[]string{"1", "2", "3", "4", "5"}, []string{"0", "2", "3", "6", "5"}, []difference{{"1", "0"}, {"4", "6"}}},
	} {
		if got := compare(c.a, c.b); !reflect.DeepEqual(got, c.want) {
			t.Errorf("compare(%q, %q) = %q, want %q", c.a, c.b, got, c.want)
		}
	}
}

func TestSplit(t *testing.T) {
	got := split("### a/b\n  one\n  two\n### c/d\n")
	want := map[string][]string{"a/b": {"  one", "  two"}, "c/d": {}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("split: %q, want %q", got, want)
	}
}

func TestAcceptances(t *testing.T) {
	one := Acceptance{"open/*", "user*", `^open\(.* = EMFILE$`, "a reason"}
	other := Acceptance{"open/*", "*", "no such line", "a reason"}
	s := &Suite{accepted: []Acceptance{one, other}, used: used{hits: map[Acceptance]int{}}}
	d := difference{`open("f") = EMFILE`, `open("f") = 3`}
	for _, c := range []struct {
		check, env string
		d          difference
		accepted   bool
	}{
		{"open/a", "user", d, true},
		{"open/a", "root", d, false},
		{"mkdir/a", "user", d, false},
		{"open/a", "user", difference{"x", "y"}, false},
	} {
		if rest := s.unaccepted(c.check, c.env, []difference{c.d}); (len(rest) == 0) != c.accepted {
			t.Errorf("%s in %s, %q: %d differences are left", c.check, c.env, c.d, len(rest))
		}
	}
	if got := s.Unused(); !reflect.DeepEqual(got, []Acceptance{other}) {
		t.Errorf("unused: %v", got)
	}
}

// TestAcceptedIsComplete wants every acceptance to name checks and environments that there are, and a reason.
func TestAcceptedIsComplete(t *testing.T) {
	for _, a := range Accepted() {
		checks, envs := 0, 0
		for name := range All {
			if (Acceptance{Check: a.Check, Env: "*"}).matches(name, "x", difference{}) {
				checks++
			}
		}
		for name := range shapes() {
			if (Acceptance{Check: "*/*", Env: a.Env}).matches("x/y", name, difference{}) {
				envs++
			}
		}
		if checks == 0 || envs == 0 || a.Reason == "" || a.Line == "" {
			t.Errorf("%+v: it fits %d checks and %d environments", a, checks, envs)
		}
	}
}

// TestOrderHasAll wants every environment in the order in which they are made.
func TestOrderHasAll(t *testing.T) {
	if len(order()) != len(shapes()) {
		t.Errorf("%d environments, %d of them in order", len(shapes()), len(order()))
	}
	for _, name := range order() {
		if _, ok := shapes()[name]; !ok {
			t.Errorf("no environment %s", name)
		}
	}
}

// TestManyChecks holds the suite to its size.
func TestManyChecks(t *testing.T) {
	if len(All) < 300 {
		t.Errorf("%d checks, want hundreds", len(All))
	}
}

// TestDifferencesAreFound puts something that is not Stead in its place: the suite must see that calls do other things then.
func TestDifferencesAreFound(t *testing.T) {
	s := newSuite(t, "")
	if !s.root() {
		testneed.Missing(t, "needs root to become somebody else")
	}
	s.wrapper = ordinary()
	for _, e := range s.Environments() {
		if e.Name != "root-thread" {
			continue
		}
		e.user = true // both may write
		runs, err := e.run()
		if err != nil {
			t.Fatal(err)
		}
		for _, check := range []string{"open/create-umask", "owner/values", "mode/others", "permission/directories", "chroot/inside", "access/modes", "xattr/names"} {
			if len(compare(runs.native[check], runs.performed[check])) == 0 {
				t.Errorf("%s: an ordinary user is not told from root", check)
			}
		}
	}
}
