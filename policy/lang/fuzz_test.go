package lang

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/cond"
	"github.com/stead-project/stead/policy/presets"
)

// Whatever is read, there is a document or there are errors with places, and what is in the document keeps its promises.
func FuzzParse(f *testing.F) {
	for _, name := range presets.Names() {
		text, _ := presets.Read(name)
		f.Add(string(text), "v")
	}
	f.Add("version: 1\nvars: {v: x}\nfiles: {read: ['/${v}', '/a/${v}*'], hide: ['/**/${v}']}\nnetwork: {connect: ['${v}:80', 'unix:@${v}']}\n", "*")
	f.Add("version: 1\nvars: {v: x}\nrules: [{calls: open, when: 'p.under(${v}) || p.matches(\"/${v}\")', then: {deny: EPERM}}]\n", `"`)
	f.Add("version: 1\nrules:\n  - {calls: ['!open'], then: log}\n  - calls: mount\n    when: |\n      a\n\n      b\n    then: perform\n", "")
	f.Fuzz(func(t *testing.T, text, value string) {
		o := testOptions(nil)
		if strings.Contains(text, "v:") {
			o.Set = map[string]string{"v": value}
		}
		d, err := Parse("p.yaml", []byte(text), o)
		if err != nil {
			if d != nil || !strings.Contains(err.Error(), ":") {
				t.Errorf("%v and %v", d, err)
			}
			return
		}
		checkDocument(t, d)
	})
}

func checkDocument(t *testing.T, d *policy.Document) {
	t.Helper()
	var all []policy.Pattern
	if d.Files != nil {
		all = slices.Concat(d.Files.Read, d.Files.Write, d.Files.Create, d.Files.Exec, d.Files.Hide, d.Files.Refuse)
	}
	for _, p := range all {
		if !p.Glob && filepath.Clean(p.Path) != p.Path || !strings.HasPrefix(p.Path, "/") || p.Pos.Line == 0 {
			t.Errorf("pattern %+v", p)
		}
		if p.Glob {
			if _, err := cond.CompileGlob(p.Path); err != nil {
				t.Errorf("pattern %+v: %v", p, err)
			}
		}
		for part := range strings.SplitSeq(p.Path, "/") {
			if part == ".." || part == "." {
				t.Errorf("pattern %+v climbs", p)
			}
		}
	}
	for _, r := range d.Rules {
		if r.Calls.Len() == 0 || r.Pos.Line == 0 || r.Then.Pos.Line == 0 || r.Name == "" || len(r.Source) > maxSource+3 {
			t.Errorf("rule %+v", r)
		}
		if (r.When.Text == "") != (r.When.Pos.Line == 0) {
			t.Errorf("condition %+v", r.When)
		}
	}
}

// A value in a glob matches itself and nothing else; so does it in an argument of matches.
func TestValuesInGlobs(t *testing.T) {
	for _, value := range []string{"*", "a?", "[a-z]", "{a,b}", `\`, "a]b", "**", "!x", "ü", "$", "a.b+(c)|^d-e"} {
		o := testOptions(nil)
		o.Set = map[string]string{"v": value}
		d, err := Parse("p", []byte(`{version: 1, vars: {v: x}, files: {read: ['/?/${v}']}}`), o)
		if err != nil {
			t.Fatal(err)
		}
		text, err := expandCEL("p.matches(r'/?/${v}')", func(string) (string, bool, error) { return value, false, nil })
		if err != nil {
			t.Fatal(err)
		}
		for _, pattern := range []string{d.Files.Read[0].Path, strings.TrimSuffix(strings.TrimPrefix(text, "p.matches(r'"), "')")} {
			g, err := cond.CompileGlob(pattern)
			if err != nil {
				t.Fatal(err)
			}
			if !g.Match([]byte("/x/"+value)) || g.Match([]byte("/x/abc")) || g.Match([]byte("/x/a")) || g.Match([]byte("/x/ab")) {
				t.Errorf("%q became %s", value, pattern)
			}
		}
	}
}

// A value is data: put into a CEL string, it ends neither the string nor what is around it.
func FuzzExpandCEL(f *testing.F) {
	f.Add(`"`, true)
	f.Add(`\`, false)
	f.Add(`*"`, true)
	f.Fuzz(func(t *testing.T, value string, single bool) {
		if checkValue("v", value) != nil || climbs(value) {
			return
		}
		quote := map[bool]string{true: "'", false: `"`}[single]
		got, err := expandCEL("f("+quote+"${v}"+quote+")", func(string) (string, bool, error) { return value, false, nil })
		if err != nil {
			t.Fatal(err)
		}
		inner := strings.TrimSuffix(strings.TrimPrefix(got, "f("+quote), quote+")")
		if unescaped(t, inner, quote) != value {
			t.Errorf("%q became %s", value, got)
		}
	})
}

// unescaped reads a CEL string's inside back, and fails if it ends before its end.
func unescaped(t *testing.T, s, quote string) string {
	t.Helper()
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i:i+1] == quote {
			t.Fatalf("%s ends at %d", s, i)
		}
		if s[i] == '\\' {
			if i++; i == len(s) {
				t.Fatalf("%s ends in a backslash", s)
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
