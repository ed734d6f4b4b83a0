// Command gencalls writes the call-number tables and classes of package arch.
//
//	gencalls [-arch DIR]                    data/numbers/*.tsv, data/classes.txt -> zcalls.go
//	gencalls [-arch DIR] -extract NEW[,OLD] kernel source trees -> data/numbers/*.tsv
//
// The second form reads the tables from which the kernel builds its own headers. OLD is a tree of a kernel that
// still had the ABIs which NEW has dropped (31-bit s390 went after 6.18).
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	dir := flag.String("arch", ".", "`directory` of package arch")
	trees := flag.String("extract", "", "write the number tables from these kernel source `trees`, newest first")
	flag.Parse()
	if err := run(*dir, *trees); err != nil {
		fmt.Fprintln(os.Stderr, "gencalls:", err)
		os.Exit(1)
	}
}

func run(dir, trees string) error {
	if trees != "" {
		return extract(filepath.Join(dir, "data", "numbers"), strings.Split(trees, ","))
	}
	m, err := readModel(filepath.Join(dir, "data"))
	if err != nil {
		return err
	}
	src, err := m.source()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "zcalls.go"), src, 0o644)
}
