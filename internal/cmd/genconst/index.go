package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// An index has for each name the headers to try, best first.
type index map[string][]string

var definition = regexp.MustCompile(`(?m)^[ \t]*#[ \t]*define[ \t]+([A-Za-z_]\w*)|^[ \t]*([A-Z_]\w*)[ \t]*(?:[=,}]|$|/\*)`)

// indexHeaders finds the headers that define each name.
func indexHeaders(tree string, names []name) (index, error) {
	wanted := map[string]bool{}
	for _, n := range names {
		wanted[n.expr] = true
	}
	ix := index{}
	for _, root := range []string{"include", "lib/linux/uapi"} {
		if err := ix.scan(filepath.Join(tree, root), wanted); err != nil {
			return nil, fmt.Errorf("index headers: %w", err)
		}
	}
	ix.rank()
	return ix, nil
}

func (ix index) scan(root string, wanted map[string]bool) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".h" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		if header := includable(filepath.ToSlash(rel)); header != "" {
			ix.add(header, string(text), wanted)
		}
		return nil
	})
}

func (ix index) add(header, text string, wanted map[string]bool) {
	for _, m := range definition.FindAllStringSubmatch(text, -1) {
		name := m[1] + m[2]
		if wanted[name] && !slices.Contains(ix[name], header) {
			ix[name] = append(ix[name], header)
		}
	}
}

// parts are the generic headers that others include; a program never includes them itself, and must not: an
// architecture that replaces the whole header does not have their names.
var parts = map[string]string{
	"mman-common.h":     "linux/mman.h",
	"mman.h":            "linux/mman.h",
	"hugetlb_encode.h":  "linux/mman.h",
	"errno-base.h":      "asm/errno.h",
	"signal-defs.h":     "asm/signal.h",
	"termbits-common.h": "asm/termbits.h",
	"termbits.h":        "asm/termbits.h",
	"fcntl.h":           "linux/fcntl.h",
	"unistd.h":          "",
	"unistd_32.h":       "",
	"unistd_64.h":       "",
	"unistd_x32.h":      "",
}

// includable is the name by which a program includes a header of the tree; "" if it does not.
func includable(rel string) string {
	dir, base := filepath.Split(rel)
	if !strings.HasSuffix(dir, "asm/") && dir != "asm-generic/" {
		return rel
	}
	if whole, ok := parts[base]; ok {
		return whole
	}
	return "asm/" + base
}

// rank puts the headers first that define the most of the wanted names: constants come in families, and a header that
// merely happens to use the same word is not where the family is.
func (ix index) rank() {
	count := map[string]int{}
	for _, headers := range ix {
		for _, h := range headers {
			count[h]++
		}
	}
	for _, headers := range ix {
		slices.SortStableFunc(headers, func(a, b string) int {
			if c := place(a) - place(b); c != 0 {
				return c
			}
			return count[b] - count[a]
		})
	}
}

// place prefers an architecture's own headers, then the core's, then the drivers'.
func place(header string) int {
	for i, prefix := range []string{"asm/", "linux/fcntl.h", "linux/mman.h", "linux/"} {
		if strings.HasPrefix(header, prefix) {
			return i
		}
	}
	return 9
}
