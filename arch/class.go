package arch

import (
	"fmt"
	"math/bits"
	"path"
	"sort"
	"strings"
)

// A Selection is a set of calls. The zero value is empty; it is copied by assignment and compared with ==.
type Selection struct {
	words [selectionWords]uint64
}

const selectionWords = (NumIDs + 63) / 64

// A class is a named Selection; classes are in the order of their names.
type class struct {
	name  string
	calls Selection
}

// AllCalls returns the selection of every call of every ABI.
func AllCalls() Selection {
	var s Selection
	for id := ID(1); id < NumIDs; id++ {
		s.Add(id)
	}
	return s
}

// Has reports whether the call is in the selection.
func (s Selection) Has(id ID) bool {
	return id < NumIDs && s.words[id/64]>>(id%64)&1 != 0
}

// Add puts a call in; 0 and what is no ID are ignored.
func (s *Selection) Add(id ID) {
	if id > 0 && id < NumIDs {
		s.words[id/64] |= 1 << (id % 64)
	}
}

// Remove takes a call out.
func (s *Selection) Remove(id ID) {
	if id < NumIDs {
		s.words[id/64] &^= 1 << (id % 64)
	}
}

// Union returns the calls that are in either.
func (s Selection) Union(t Selection) Selection {
	for i, w := range t.words {
		s.words[i] |= w
	}
	return s
}

// Minus returns the calls of s that are not in t.
func (s Selection) Minus(t Selection) Selection {
	for i, w := range t.words {
		s.words[i] &^= w
	}
	return s
}

// Len returns the number of calls.
func (s Selection) Len() int {
	n := 0
	for _, w := range s.words {
		n += bits.OnesCount64(w)
	}
	return n
}

// IDs returns the calls in order.
func (s Selection) IDs() []ID {
	ids := make([]ID, 0, s.Len())
	for i, w := range s.words {
		for ; w != 0; w &= w - 1 {
			ids = append(ids, ID(i*64+bits.TrailingZeros64(w)))
		}
	}
	return ids
}

// String returns an expression that ParseSelection reads back: the names, "all" or "none".
func (s Selection) String() string {
	switch s.Len() {
	case 0:
		return "none"
	case NumIDs - 1:
		return "all"
	}
	var names []string
	for _, id := range s.IDs() {
		names = append(names, id.Name())
	}
	return strings.Join(names, ",")
}

// Class returns the members of a class; false where there is none of that name. Classes that begin with % have strace's
// meaning (%file, %%stat), those that begin with @ systemd's (@mount, see systemd.exec(5)).
func Class(name string) ([]ID, bool) {
	s, ok := ClassSelection(name)
	if !ok {
		return nil, false
	}
	return s.IDs(), true
}

// ClassSelection is Class as a Selection.
func ClassSelection(name string) (Selection, bool) {
	i, ok := sort.Find(len(classes), func(i int) int { return strings.Compare(name, classes[i].name) })
	if !ok {
		return Selection{}, false
	}
	return classes[i].calls, true
}

// Classes returns the classes' names in order.
func Classes() []string {
	names := make([]string, len(classes))
	for i := range classes {
		names[i] = classes[i].name
	}
	return names
}

// ParseSelection reads a list of calls, separated by commas, and applies it to base from left to right. An item is a name
// (openat), a class (%file, @mount), a pattern as of path.Match (*at), "all" or "none". An item is added; with ! before it,
// it is removed. A list that begins with ! is wholly one of removals, as for strace: "!open,close" is all calls but these two,
// or base without them unless base is empty. A ? before an item makes it no error if nothing is called so.
func ParseSelection(expr string, base Selection) (Selection, error) {
	s := base
	expr = strings.TrimSpace(expr)
	but := strings.HasPrefix(expr, "!")
	if but && base == (Selection{}) {
		s = AllCalls()
	}
	for item := range strings.SplitSeq(expr, ",") {
		item = strings.TrimSpace(item)
		name, not := strings.CutPrefix(item, "!")
		calls, err := parseItem(name)
		switch {
		case err != nil:
			return base, err
		case name == "none" && !not && !but:
			s = Selection{}
		case not || but:
			s = s.Minus(calls)
		default:
			s = s.Union(calls)
		}
	}
	return s, nil
}

// parseItem finds what one item names.
func parseItem(item string) (Selection, error) {
	name, lenient := strings.CutPrefix(item, "?")
	s, ok := lookupItem(name)
	if ok || lenient && name != "" {
		return s, nil
	}
	return s, unknownItem(name)
}

func lookupItem(name string) (s Selection, ok bool) {
	switch {
	case name == "none":
		return s, true
	case name == "all":
		return AllCalls(), true
	case isClass(name):
		return ClassSelection(name)
	case strings.ContainsAny(name, "*?["):
		return matchCalls(name)
	}
	id, ok := LookupID(name)
	s.Add(id)
	return s, ok
}

func isClass(name string) bool { return name != "" && (name[0] == '%' || name[0] == '@') }

func matchCalls(pattern string) (s Selection, ok bool) {
	for id := ID(1); id < NumIDs; id++ {
		if hit, err := path.Match(pattern, id.Name()); err == nil && hit {
			s.Add(id)
			ok = true
		}
	}
	return s, ok
}

// unknownItem is the error for a name that nothing has, with the nearest one that something has.
func unknownItem(name string) error {
	if name == "" {
		return fmt.Errorf("read list of calls: empty item")
	}
	if strings.ContainsAny(name, "*?[") {
		return fmt.Errorf("match calls %q: no call has such a name", name)
	}
	what, names := "call", callNames()
	if isClass(name) {
		what, names = "class", Classes()
	} else if _, ok := ClassSelection("%" + name); ok {
		return fmt.Errorf("unknown call %q: did you mean %%%s?", name, name)
	}
	if near := nearest(name, names); near != "" {
		return fmt.Errorf("unknown %s %q: did you mean %s?", what, name, near)
	}
	return fmt.Errorf("unknown %s %q", what, name)
}

func callNames() []string {
	all := AllCalls()
	var names []string
	for _, id := range all.IDs() {
		names = append(names, id.Name())
	}
	return names
}

// nearest returns the name with the fewest edits from want, "" if all have too many to be what was meant.
func nearest(want string, names []string) string {
	best, least := "", max(1, len(want)/3)+1
	for _, n := range names {
		if d := edits(want, n); d < least {
			best, least = n, d
		}
	}
	return best
}

// edits counts the insertions, deletions, replacements and swaps of neighbours that lead from a to b.
func edits(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			differ := 1
			if a[i-1] == b[j-1] {
				differ = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+differ)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
