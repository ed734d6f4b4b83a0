package conformance

import (
	"fmt"
	"strings"
)

// A difference is a line that only one of the sides has, or a line of each in the same place; "" stands for none.
type difference struct{ native, performed string }

func (d difference) String() string {
	return fmt.Sprintf("native:    %s\nperformed: %s", orNone(d.native), orNone(d.performed))
}

func orNone(line string) string {
	if line == "" {
		return "(nothing)"
	}
	return strings.TrimSpace(line)
}

// compare finds where two outputs differ. Lines of the same place are put together.
func compare(a, b []string) []difference {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	if len(a)*len(b) > 1<<22 {
		return inOrder(a, b)
	}
	return aligned(a, b)
}

// inOrder compares line by line.
func inOrder(a, b []string) []difference {
	var all []difference
	for i := range max(len(a), len(b)) {
		d := difference{lineAt(a, i), lineAt(b, i)}
		if d.native != d.performed {
			all = append(all, d)
		}
	}
	return all
}

func lineAt(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}

// aligned compares along a longest common subsequence.
func aligned(a, b []string) []difference {
	common := lengths(a, b)
	var all []difference
	var x, y []string
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] == b[j]:
			all = append(all, inOrder(x, y)...)
			x, y, i, j = nil, nil, i+1, j+1
		case common[i+1][j] >= common[i][j+1]:
			x, i = append(x, a[i]), i+1
		default:
			y, j = append(y, b[j]), j+1
		}
	}
	return append(all, inOrder(append(x, a[i:]...), append(y, b[j:]...))...)
}

// lengths has, for each pair of ends of a and b, how many lines they have in common.
func lengths(a, b []string) [][]int {
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	return common
}
