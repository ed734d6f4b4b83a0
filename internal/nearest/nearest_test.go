package nearest

import "testing"

func TestEdits(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"opnat", "openat", 1}, {"kitten", "sitting", 3}} {
		if got := Edits(c.a, c.b); got != c.want {
			t.Errorf("Edits(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestDidYouMean(t *testing.T) {
	names := []string{"allow", "deny", "kill"}
	for want, text := range map[string]string{"alow": ": did you mean allow?", "DENY": ": did you mean deny?", "zzzzzz": ": known are allow, deny, kill"} {
		if got := DidYouMean(want, names); got != text {
			t.Errorf("%s%s, want %s", want, got, text)
		}
	}
}
