package lang

import "strings"

// didYouMean is ": did you mean X?" for the nearest of the names, or ": known are …" where none is near and there are few.
func didYouMean(want string, names []string) string {
	if near := nearest(want, names); near != "" {
		return ": did you mean " + near + "?"
	}
	if len(names) == 0 || len(names) > 16 {
		return ""
	}
	return ": known are " + strings.Join(names, ", ")
}

// nearest returns the name with the fewest edits from want, "" if all have too many to be what was meant.
func nearest(want string, names []string) string {
	if len(want) > 64 {
		return ""
	}
	best, least := "", max(1, len(want)/3)+1
	for _, n := range names {
		if strings.EqualFold(want, n) {
			return n
		}
		if d := distance(want, n); d < least {
			best, least = n, d
		}
	}
	return best
}

// distance counts insertions, deletions, replacements and swaps of neighbours (optimal string alignment), with three rows.
func distance(a, b string) int {
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
