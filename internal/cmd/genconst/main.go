// Command genconst evaluates the constants that arch/data names, for every ABI, and writes arch/data/constants.tsv.
//
// Usage, from the top of the tree, where DIR is an unpacked linux-libc-dev package (it has every architecture's headers):
//
//	go run ./internal/cmd/genarch -names | go run ./internal/cmd/genconst -headers DIR
//
// It is a tool for development: it needs gcc for x86 with its 32-bit mode, and a checkout does not need to run it. No
// cross compiler is needed, since only integers are asked for: the native compiler reads the other architecture's headers
// with that architecture's macros, word size and alignment. A name that no kernel header has is looked for in the C
// library's headers, then in extra.h.
package main

import (
	"bufio"
	"cmp"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

func main() {
	headers := flag.String("headers", "", "unpacked linux-libc-dev package (has usr/include)")
	out := flag.String("out", "arch/data/constants.tsv", "file to write")
	cc := flag.String("cc", "gcc", "compiler")
	flag.Parse()
	if err := run(*headers, *out, *cc, os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A name is one constant that is wanted, and the C expression that has its value.
type name struct{ name, expr string }

// readNames reads lines of NAME or NAME=EXPR.
func readNames(r io.Reader) (names []name, err error) {
	in := bufio.NewScanner(r)
	for in.Scan() {
		n, expr, _ := strings.Cut(strings.TrimSpace(in.Text()), "=")
		if n != "" {
			names = append(names, name{n, cmp.Or(expr, n)})
		}
	}
	return names, in.Err()
}

func run(headers, out, cc string, in io.Reader) error {
	names, err := readNames(in)
	if err != nil {
		return fmt.Errorf("read names: %w", err)
	}
	work, err := os.MkdirTemp("", "genconst")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := writeShims(work); err != nil {
		return err
	}
	tree := filepath.Join(headers, "usr")
	ix, err := indexHeaders(tree, names)
	if err != nil {
		return err
	}
	e := &evaluator{cc: cc, tree: tree, work: work, index: ix}
	res := e.all(names)
	report(names, res)
	return writeTable(out, names, res)
}

// all evaluates the names for every target, two at a time.
func (e *evaluator) all(names []name) []values {
	res := make([]values, len(targets))
	limit := make(chan struct{}, 2)
	var wg sync.WaitGroup
	for i, t := range targets {
		wg.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			res[i] = e.target(t, names)
		})
	}
	wg.Wait()
	return res
}

// report says which names have no value anywhere.
func report(names []name, res []values) {
	for _, n := range names {
		if present(n.name, res) == 0 {
			fmt.Fprintf(os.Stderr, "no header has %s\n", n.expr)
		}
	}
}

func present(name string, res []values) (count int) {
	for _, v := range res {
		if _, ok := v[name]; ok {
			count++
		}
	}
	return count
}
