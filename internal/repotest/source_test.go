package repotest

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A sourceRule finds faults in one Go file; each fault is a position and what is wrong.
type sourceRule struct {
	name string
	find func(f file, src *ast.File, set *token.FileSet) []string
	bad  file // breaks the rule
}

var sourceRules = []sourceRule{
	{"unsafe only in *_unsafe.go", findUnsafe, file{"a/b.go", "package a\nimport \"unsafe\"\n"}},
	{"cgo only where libseccomp, the launcher or the stand-in tasks are", findCgo, file{"arch/b.go", "package a\nimport \"C\"\n"}},
	{"no init function", findInit, file{"a/b.go", "package a\nfunc init() {}\n"}},
	{"a skip gives its reason", findSkips, file{"a/b_test.go", "package a\nfunc f(t T) { t.Skip() }\n"}},
	{"functions of at most 70 lines", findLongFunctions,
		file{"a/b.go", "package a\nfunc f() {" + strings.Repeat("\n", 80) + "}\n"}},
	{"files of at most 500 lines", findLongFiles, file{"a/b.go", "package a\n" + strings.Repeat("//\n", 500)}},
	{"errors start in lower case and have no full stop", findErrorStyle,
		file{"a/b.go", "package a\nvar e = errors.New(\"Failed.\")\n"}},
}

func TestSources(t *testing.T) {
	all := tree(t)
	for _, rule := range sourceRules {
		t.Run(rule.name, func(t *testing.T) {
			for _, f := range all {
				src, set := f.goSource(t)
				if src == nil {
					continue
				}
				for _, fault := range rule.find(f, src, set) {
					t.Error(fault)
				}
			}
		})
	}
}

func TestSourceRulesFindFaults(t *testing.T) {
	for _, rule := range sourceRules {
		src, set := rule.bad.goSource(t)
		if len(rule.find(rule.bad, src, set)) == 0 {
			t.Errorf("rule %q finds nothing in a file that breaks it", rule.name)
		}
	}
}

var unsafeName = regexp.MustCompile(`_unsafe(_[a-z0-9_]+)?\.go$`)

func findUnsafe(f file, src *ast.File, set *token.FileSet) []string {
	if unsafeName.MatchString(f.path) || ast.IsGenerated(src) {
		return nil
	}
	return findImport(src, set, "unsafe", "imported in a file whose name does not say so")
}

func findCgo(f file, src *ast.File, set *token.FileSet) []string {
	if f.within("policy/filter", "unotify/launch", "unotify/standin") {
		return nil
	}
	return findImport(src, set, "C", "cgo outside policy/filter, unotify/launch and unotify/standin")
}

func findImport(src *ast.File, set *token.FileSet, name, why string) []string {
	for _, spec := range src.Imports {
		if spec.Path.Value == strconv.Quote(name) {
			return []string{at(set, spec, name+" "+why)}
		}
	}
	return nil
}

func findInit(_ file, src *ast.File, set *token.FileSet) []string {
	var faults []string
	for _, d := range src.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			faults = append(faults, at(set, f, "init function: state what is needed where it is used"))
		}
	}
	return faults
}

func findSkips(_ file, src *ast.File, set *token.FileSet) []string {
	var faults []string
	eachCall(src, func(call *ast.CallExpr, name string) {
		if name == "SkipNow" || name == "Skip" && len(call.Args) == 0 {
			faults = append(faults, at(set, call, "skip without a reason"))
		}
	})
	return faults
}

const maxFunction, maxFile = 70, 500

func findLongFunctions(f file, src *ast.File, set *token.FileSet) []string {
	if f.isTest() || ast.IsGenerated(src) {
		return nil
	}
	var faults []string
	for _, d := range src.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if lines := set.Position(fn.End()).Line - set.Position(fn.Pos()).Line + 1; lines > maxFunction {
			faults = append(faults, at(set, fn, fmt.Sprintf("%s has %d lines, at most %d", fn.Name.Name, lines, maxFunction)))
		}
	}
	return faults
}

func findLongFiles(f file, src *ast.File, _ *token.FileSet) []string {
	lines := strings.Count(f.text, "\n")
	if f.isTest() || ast.IsGenerated(src) || lines <= maxFile {
		return nil
	}
	return []string{fmt.Sprintf("%s: %d lines, at most %d", f.path, lines, maxFile)}
}

var badError = regexp.MustCompile(`^[A-Z][a-z]|\.$`)

func findErrorStyle(f file, src *ast.File, set *token.FileSet) []string {
	if f.isTest() {
		return nil
	}
	var faults []string
	eachCall(src, func(call *ast.CallExpr, name string) {
		if name != "Errorf" && name != "New" || len(call.Args) == 0 {
			return
		}
		text, ok := call.Args[0].(*ast.BasicLit)
		if ok && text.Kind == token.STRING && badError.MatchString(strings.Trim(text.Value, "\"`")) {
			faults = append(faults, at(set, call, "error text "+text.Value))
		}
	})
	return faults
}

// eachCall visits the calls of the form x.Name(...).
func eachCall(src *ast.File, visit func(call *ast.CallExpr, name string)) {
	ast.Inspect(src, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if s, ok := call.Fun.(*ast.SelectorExpr); ok {
				visit(call, s.Sel.Name)
			}
		}
		return true
	})
}

func at(set *token.FileSet, n ast.Node, what string) string {
	return fmt.Sprintf("%s: %s", set.Position(n.Pos()), what)
}
