// Package nearest finds what somebody meant who wrote a name that does not exist. (Package arch, which imports nothing, has its own.)
package nearest

import "strings"

// maxName bounds the work for a name that is none, in bytes.
const maxName = 64

// Name returns the name that differs from want in case only, or else the one with the fewest edits from it; "" if all have too many
// to be what was meant.
func Name(want string, names []string) string {
	if len(want) > maxName {
		return ""
	}
	best, least := "", max(1, len(want)/3)+1
	for _, n := range names {
		if strings.EqualFold(want, n) {
			return n
		}
		if d := Edits(want, n); d < least {
			best, least = n, d
		}
	}
	return best
}

// DidYouMean ends a message about an unknown name: it is ": did you mean X?" for the nearest of names, or all of them where none
// is near and there are few.
func DidYouMean(want string, names []string) string {
	if near := Name(want, names); near != "" {
		return ": did you mean " + near + "?"
	}
	if len(names) == 0 || len(names) > 16 {
		return ""
	}
	return ": known are " + strings.Join(names, ", ")
}

// Edits counts the insertions, deletions, replacements and swaps of neighbours that lead from a to b (optimal string alignment).
func Edits(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			d := last[j-1]
			if a[i-1] != b[j-1] {
				d++
			}
			d = min(d, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, before[j-2]+1)
			}
			row[j] = d
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
