package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stead-project/stead/arch"
)

// differ lists names that x/sys/unix gives another meaning than the kernel's call.
var differ = map[string]string{
	"O_LARGEFILE": "0 on 64-bit ABIs, as the C library says, not the kernel",
	"F_GETLK":     "the 64-bit form under the plain name on 32-bit ABIs",
	"F_SETLK":     "the same",
	"F_SETLKW":    "the same",
}

// TestAgainstXSys compares every constant of the tables with golang.org/x/sys/unix, for each GOARCH.
func TestAgainstXSys(t *testing.T) {
	dir := xsysDir(t)
	for _, abi := range arch.ABIs() {
		if abi.GOARCH() == "" {
			continue
		}
		t.Run(abi.String(), func(t *testing.T) {
			theirs := map[string]uint64{}
			for _, f := range []string{"zerrors_linux.go", "ztypes_linux.go", "zerrors_linux_" + abi.GOARCH() + ".go",
				"ztypes_linux_" + abi.GOARCH() + ".go"} {
				readConsts(t, filepath.Join(dir, "unix", f), theirs)
			}
			if n := compare(t, abi, theirs); n < 2000 {
				t.Errorf("compared only %d constants", n)
			}
		})
	}
}

func compare(t *testing.T, abi arch.ABI, theirs map[string]uint64) (compared int) {
	for name, want := range theirs {
		got, ok := arch.LookupConst(name, abi)
		if !ok || differ[name] != "" {
			continue
		}
		compared++
		if got != want && !(int64(got) < 0 && uint32(got) == uint32(want)) {
			t.Errorf("%s = %#x, x/sys says %#x", name, got, want)
		}
	}
	return compared
}

func xsysDir(t *testing.T) string {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/sys").Output()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" {
		t.Skipf("the source of golang.org/x/sys is not in the module cache: %v", err)
	}
	return dir
}

// readConsts collects the constants that are written as numbers or as syscall.Errno(number).
func readConsts(t *testing.T, path string, into map[string]uint64) {
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			if len(v.Values) != 1 {
				continue
			}
			if n, ok := constant(v.Values[0]); ok {
				into[v.Names[0].Name] = n
			}
		}
	}
}

func constant(e ast.Expr) (uint64, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		n, err := strconv.ParseUint(e.Value, 0, 64)
		return n, err == nil
	case *ast.UnaryExpr:
		n, ok := constant(e.X)
		return -n, ok && e.Op == token.SUB
	case *ast.CallExpr:
		if len(e.Args) == 1 {
			return constant(e.Args[0])
		}
	}
	return 0, false
}
