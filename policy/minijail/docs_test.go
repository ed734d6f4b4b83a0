package minijail

import (
	"os"
	"strings"
	"testing"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy/foreign"
)

func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/import.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "## A minijail policy")
	blocks := strings.Split(rest, "```")
	if len(blocks) < 5 {
		t.Fatalf("%d blocks found", len(blocks))
	}
	d, _, err := Import(strings.NewReader(blocks[1][1:]), Options{Name: "example.policy", Arch: arch.X86_64})
	if err != nil {
		t.Fatal(err)
	}
	got := string(foreign.YAML(d, arch.X86_64))
	if want := strings.TrimPrefix(blocks[3], "yaml\n"); got != want {
		t.Errorf("the example gives\n%s", got)
	}
}
