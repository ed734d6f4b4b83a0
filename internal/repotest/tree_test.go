package repotest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// A file is one file of the tree, by its slash-separated path from the root.
type file struct {
	path string
	text string
}

// root is the top of the tree, seen from this package.
const root = "../.."

// skipped are the folders that hold nothing of the project's own.
var skipped = map[string]bool{".git": true, "bin": true, "node_modules": true}

// textual are the endings of files that people read and write.
var textual = map[string]bool{".go": true, ".c": true, ".h": true, ".s": true, ".S": true, ".sh": true, ".md": true,
	".yml": true, ".yaml": true, ".json": true, ".txt": true, ".tsv": true, ".py": true, ".mod": true, "": true}

// tree reads the text files of the tree.
func tree(t *testing.T) []file {
	t.Helper()
	var all []file
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if skipped[d.Name()] && name != root {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || !textual[path.Ext(d.Name())] {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil || strings.Contains(string(text), "\x00") {
			return err
		}
		relative, err := filepath.Rel(root, name)
		all = append(all, file{filepath.ToSlash(relative), string(text)})
		return err
	})
	if err != nil {
		t.Fatalf("read the tree: %v", err)
	}
	if len(all) < 20 {
		t.Fatalf("read the tree: %d files found, which cannot be all", len(all))
	}
	return all
}

// goSource parses a Go file, and returns nil for anything else and for test data.
func (f file) goSource(t *testing.T) (*ast.File, *token.FileSet) {
	t.Helper()
	if path.Ext(f.path) != ".go" || strings.Contains(f.path, "testdata/") {
		return nil, nil
	}
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, f.path, f.text, parser.ParseComments)
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	return parsed, set
}

func (f file) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }
func (f file) dir() string  { return path.Dir(f.path) }

// within says whether the file is in one of the folders themselves.
func (f file) within(dirs ...string) bool {
	for _, d := range dirs {
		if f.dir() == d {
			return true
		}
	}
	return false
}
