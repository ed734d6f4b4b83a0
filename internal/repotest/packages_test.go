package repotest

import (
	"strings"
	"testing"
)

// TestPackageComments wants exactly one package comment per package: none leaves a newcomer without a start, two are
// joined by the documentation tools in an order nobody chose.
func TestPackageComments(t *testing.T) {
	commented := map[string][]string{}
	for _, f := range tree(t) {
		src, _ := f.goSource(t)
		if src == nil || f.isTest() {
			continue
		}
		files := commented[f.dir()]
		if src.Doc != nil {
			files = append(files, f.path)
		}
		commented[f.dir()] = files // an entry also where there is none
	}
	for dir, files := range commented {
		if len(files) != 1 {
			t.Errorf("package %s has %d package comments, want 1: %s", dir, len(files), strings.Join(files, ", "))
		}
	}
}

func TestModulesHaveNoReplace(t *testing.T) {
	modules := 0
	for _, f := range tree(t) {
		if !strings.HasSuffix(f.path, "go.mod") {
			continue
		}
		modules++
		for i, line := range strings.Split(f.text, "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "replace ") {
				t.Errorf("%s:%d: a replace holds here only, not for those who import the module", f.path, i+1)
			}
		}
	}
	if modules < 2 {
		t.Errorf("%d go.mod files found, want the module's and that of tools", modules)
	}
}
