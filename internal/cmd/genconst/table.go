package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
)

// A cell is a constant on one target.
type cell struct {
	value  uint64
	exists bool
}

func (c cell) String() string {
	switch {
	case !c.exists:
		return "-"
	case int64(c.value) < 0 && int64(c.value) > -1<<31:
		return fmt.Sprint(int64(c.value))
	case c.value < 10:
		return fmt.Sprint(c.value)
	}
	return fmt.Sprintf("%#x", c.value)
}

const tableHeader = `// Values of the constants that the sets and conditions name, written by genconst from the kernel's headers: NAME, the value
// on x86_64 (where that has none: the commonest, or "-"), and the ABIs where it differs. "-" says that there is no such
// name; "32" stands for all 32-bit ABIs, "mips*" for those whose names begin so; what comes later on the line wins.
`

func writeTable(out string, names []name, res []values) error {
	var b bytes.Buffer
	b.WriteString(tableHeader)
	sorted := slices.Clone(names)
	slices.SortFunc(sorted, func(a, b name) int { return strings.Compare(a.name, b.name) })
	for _, n := range sorted {
		if present(n.name, res) > 0 {
			b.WriteString(row(n.name, res))
		}
	}
	if err := os.WriteFile(out, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

func row(name string, res []values) string {
	cells := make([]cell, len(res))
	for i, v := range res {
		cells[i].value, cells[i].exists = v[name]
	}
	def := cells[0]
	if !def.exists && 2*present(name, res) > len(res) {
		def = commonest(cells)
	}
	text := name + "\t" + def.String()
	if diffs := differences(cells, def); len(diffs) > 0 {
		text += "\t" + strings.Join(diffs, ",")
	}
	return text + "\n"
}

// differences lists where cells are not def, whole families and the 32-bit ABIs under one name each.
func differences(cells []cell, def cell) (diffs []string) {
	want := make([]cell, len(cells))
	for i := range want {
		want[i] = def
	}
	if n := commonest(ofWord(cells)); n.exists && n != def && i386Agrees(cells, n) {
		diffs = append(diffs, "32="+n.String())
		for i, t := range targets {
			if t.narrow() {
				want[i] = n
			}
		}
	}
	for _, f := range families {
		if c, ok := f.common(cells, want); ok {
			diffs = append(diffs, string(f)+"*="+c.String())
			f.fill(want, c)
		}
	}
	for i, t := range targets {
		if cells[i] == want[i] {
			continue
		}
		for _, abi := range t.abis {
			diffs = append(diffs, abi+"="+cells[i].String())
		}
	}
	return diffs
}

// A family is the ABIs whose names begin alike.
type family string

var families = []family{"mips", "ppc", "sparc", "parisc", "sh"}

func (f family) has(t target) bool { return strings.HasPrefix(t.abis[0], string(f)) }

// common is the family's one cell, if it has but one and that is not what is wanted already.
func (f family) common(cells, want []cell) (c cell, ok bool) {
	first, differs := true, false
	for i, t := range targets {
		if !f.has(t) {
			continue
		}
		if !first && cells[i] != c {
			return c, false
		}
		c, first, differs = cells[i], false, differs || cells[i] != want[i]
	}
	return c, differs
}

func (f family) fill(want []cell, c cell) {
	for i, t := range targets {
		if f.has(t) {
			want[i] = c
		}
	}
}

// i386Agrees guards the "32=" form: it is for what follows from the word's size, which i386 then shows too.
func i386Agrees(cells []cell, c cell) bool { return cells[1] == c }

// ofWord picks the cells of the 32-bit ABIs.
func ofWord(cells []cell) (out []cell) {
	for i, t := range targets {
		if t.narrow() {
			out = append(out, cells[i])
		}
	}
	return out
}

// commonest is the cell that occurs most, the first of equals; one that exists is preferred.
func commonest(cells []cell) (best cell) {
	most := 0
	for _, c := range cells {
		n := 0
		for _, d := range cells {
			if c == d {
				n++
			}
		}
		if c.exists && n > most {
			best, most = c, n
		}
	}
	return best
}
