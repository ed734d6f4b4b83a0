package callspec

import (
	"strconv"
	"strings"

	"github.com/stead-project/stead/arch"
)

// unknownName is the error for a call that no ABI has.
func unknownName(name string) *Error {
	all := arch.AllCalls()
	var names []string
	for _, id := range all.IDs() {
		names = append(names, id.Name())
	}
	return failf(0, "no call is named %q%s", shorten(name), DidYouMean(name, names))
}

// DidYouMean ends a message about an unknown name: it is ": did you mean X?" for the nearest of names, or all of them where none
// is near and there are few.
func DidYouMean(want string, names []string) string {
	if near := nearest(want, names); near != "" {
		return ": did you mean " + near + "?"
	}
	if len(names) == 0 || len(names) > 16 {
		return ""
	}
	return ": known are " + strings.Join(names, ", ")
}

// maxSuggest bounds the work for a name that is none.
const maxSuggest = 64

func nearest(want string, names []string) string {
	if len(want) > maxSuggest {
		return ""
	}
	best, least := "", max(1, len(want)/3)+1
	for _, n := range names {
		if strings.EqualFold(n, want) {
			return n
		}
		if d := distance(want, n); d < least {
			best, least = n, d
		}
	}
	return best
}

// counted is "1 argument", "2 arguments".
func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}

// distance counts insertions, deletions, replacements, and swaps of neighbours.
func distance(a, b string) int {
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next[0] = i + 1
		for j := range len(b) {
			d := row[j]
			if a[i] != b[j] {
				d++
			}
			d = min(d, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				d = min(d, before[j-1]+1)
			}
			next[j+1] = d
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}
