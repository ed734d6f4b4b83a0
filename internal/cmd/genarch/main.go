// Command genarch turns the reviewed facts in arch/data into package arch's tables.
//
// Usage, from the top of the tree:
//
//	go run ./internal/cmd/genarch         write arch/zsignatures.go, zstructs.go and zsets.go
//	go run ./internal/cmd/genarch -check  read everything, report every mistake, write nothing
//	go run ./internal/cmd/genarch -names  list the constants that are used, as genconst reads them
//
// The grammar is in arch/data/README.md. The output holds only literals that the linker can lay out: no maps, no
// functions, nothing that runs at start.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	check := flag.Bool("check", false, "only validate the data")
	names := flag.Bool("names", false, "only list the constants that need a value, for genconst")
	dir := flag.String("arch", "arch", "directory of package arch")
	flag.Parse()
	if err := run(*dir, *check, *names); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(dir string, check, names bool) error {
	m, loadErr := load(filepath.Join(dir, "data"))
	if names {
		m.writeNames(os.Stdout)
		return loadErr
	}
	files, err := generate(m)
	if err = errors.Join(loadErr, err); err != nil {
		return err
	}
	if check {
		fmt.Println(m.summary())
		return nil
	}
	var errs []error
	for _, f := range files {
		errs = append(errs, os.WriteFile(filepath.Join(dir, f.name), f.text, 0o644))
	}
	return errors.Join(errs...)
}
