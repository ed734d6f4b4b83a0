package oci

import (
	"os"
	"strings"
	"testing"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy/foreign"
	"github.com/stead-project/stead/policy/lang"
)

// block is the nth fenced block of a language in the documentation.
func block(t *testing.T, language string, n int) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/import.md")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(text), "```"+language+"\n")
	if len(parts) <= n+1 {
		t.Fatalf("no block %d of %s", n, language)
	}
	body, _, _ := strings.Cut(parts[n+1], "```")
	return body
}

func TestDocs(t *testing.T) {
	p := importText(t, block(t, "json", 0), Options{Name: "profile.json"})
	if got, want := string(foreign.YAML(p.Document, arch.X86_64)), block(t, "yaml", 0); got != want {
		t.Errorf("the example gives\n%s", got)
	}
}

// TestYAML: what an import prints is the same policy when it is read.
func TestYAML(t *testing.T) {
	for _, file := range []string{"docker-default", "containers-common"} {
		text, err := os.ReadFile("testdata/" + file + ".json")
		if err != nil {
			t.Fatal(err)
		}
		p := importText(t, string(text), Options{Name: file, Arch: arch.X86_64, ENOSYS: true})
		doc, err := lang.Parse(file, foreign.YAML(p.Document, arch.X86_64), lang.Options{ABI: arch.X86_64})
		if err != nil {
			t.Fatal(err)
		}
		if len(doc.Rules) != len(p.Document.Rules) || doc.Default.Verdict != p.Document.Default.Verdict {
			t.Fatalf("%d rules became %d", len(p.Document.Rules), len(doc.Rules))
		}
		for i, r := range p.Document.Rules {
			got := doc.Rules[i]
			same := got.Calls == r.Calls && got.When.Text == r.When.Text && got.Then.Verdict == r.Then.Verdict
			if !same || max(got.Then.Errno, 1) != max(r.Then.Errno, 1) || got.Name != r.Name {
				t.Errorf("rule %d: %+v became %+v", i, r, got)
			}
		}
	}
}
