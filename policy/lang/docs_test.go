package lang

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stead-project/stead/policy/presets"
)

// Every example of the reference is taken, by the parser and by the schema; those that are a part of a policy are completed.
func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(docs, "policy.md"))
	if err != nil {
		t.Fatal(err)
	}
	s := compileSchema(t)
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) < 8 {
		t.Fatalf("%d examples", len(blocks))
	}
	for _, b := range blocks {
		example := b[1]
		switch {
		case strings.HasPrefix(example, "#"):
			continue
		case strings.HasPrefix(example, "  - "):
			example = "version: 1\nrules:\n" + example
		case !strings.HasPrefix(example, "version"):
			example = "version: 1\n" + example
		}
		files := map[string]string{"/jobs/common.yaml": "version: 1\n", "/home/u/.config/stead/mine.yaml": "version: 1\n"}
		if _, err := Parse("docs", []byte(example), testOptions(files)); err != nil {
			t.Errorf("%s\n%v", example, err)
		}
		if err := validate(t, s, []byte(example)); err != nil {
			t.Errorf("%s\n%v", example, err)
		}
	}
	for _, name := range presets.Names() {
		if !strings.Contains(string(text), "\n### "+name+"\n") {
			t.Errorf("preset %s has no section", name)
		}
	}
}

// A policy of 500 rules is read in a small part of the 50 ms that its compilation may take.
func BenchmarkParse500(b *testing.B) {
	var text strings.Builder
	text.WriteString("version: 1\nvars: {d: /srv}\nrules:\n")
	for range 500 {
		text.WriteString("  - calls: [openat, \"%network\"]\n    when: pathname.under(\"${d}/x\")\n    then: {deny: EACCES}\n")
	}
	for b.Loop() {
		if _, err := Parse("p", []byte(text.String()), testOptions(nil)); err != nil {
			b.Fatal(err)
		}
	}
}
