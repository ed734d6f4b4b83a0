package cond

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// A Glob is a compiled pattern. Matching takes time in the product of the lengths of pattern and path at worst.
type Glob struct {
	text  string
	parts []globPart // components of a path pattern; a name pattern has one
	name  bool
}

// A globPart is a pattern of one component, or ** for any number of them.
type globPart struct {
	any   bool
	atoms []globAtom
}

// A globAtom matches a byte, or with star any number of them.
type globAtom struct {
	star   bool
	negate bool
	ranges []byteRange // nil: any byte
}

type byteRange struct{ lo, hi byte }

// CompileGlob compiles a pattern of paths: absolute, or beginning with **. In a component * stands for any bytes, ? for one,
// [a-z] and [!a-z] for one of a class, \ for the next byte as it is. ** is a component of its own: any number of components,
// at the end at least one.
func CompileGlob(text string) (*Glob, error) {
	if err := checkGlob(text); err != nil {
		return nil, err
	}
	rest, ok := strings.CutPrefix(text, "/")
	if !ok && !strings.HasPrefix(text, "**/") && text != "**" {
		return nil, fmt.Errorf("glob %q is not absolute: write %q for one anywhere", text, "**/"+text)
	}
	g := &Glob{text: text}
	for _, part := range strings.Split(rest, "/") {
		if err := g.add(part); err != nil {
			return nil, fmt.Errorf("glob %q: %w", text, err)
		}
	}
	return g, nil
}

// CompileNameGlob compiles a pattern of one component.
func CompileNameGlob(text string) (*Glob, error) {
	if err := checkGlob(text); err != nil {
		return nil, err
	}
	if strings.Contains(text, "/") || text == "**" {
		return nil, fmt.Errorf("glob %q is not of a single name: write it without / and **", text)
	}
	g := &Glob{text: text, name: true}
	if err := g.add(text); err != nil {
		return nil, fmt.Errorf("glob %q: %w", text, err)
	}
	return g, nil
}

func checkGlob(text string) error {
	switch {
	case text == "":
		return errors.New("glob is empty: nothing matches it")
	case len(text) > maxPattern:
		return fmt.Errorf("glob of %d bytes is too long: %d are allowed", len(text), maxPattern)
	case strings.IndexByte(text, 0) >= 0:
		return errors.New("glob has a NUL byte: no path has one")
	}
	return nil
}

// String returns the pattern.
func (g *Glob) String() string { return g.text }

func (g *Glob) add(part string) error {
	switch {
	case part == "**":
		if n := len(g.parts); n == 0 || !g.parts[n-1].any { // one after another says no more than one
			g.parts = append(g.parts, globPart{any: true})
		}
		return nil
	case part == "" || part == "." || part == "..":
		return fmt.Errorf("component %q is in no path: remove it", part)
	}
	atoms, err := globAtoms(part)
	g.parts = append(g.parts, globPart{atoms: atoms})
	return err
}

func globAtoms(part string) (atoms []globAtom, err error) {
	for i := 0; i < len(part); {
		var a globAtom
		if a, i, err = globAtomAt(part, i); err != nil {
			return nil, err
		}
		if a.star && len(atoms) > 0 && atoms[len(atoms)-1].star {
			return nil, fmt.Errorf("** in %q has to be a component of its own: write /**/", part)
		}
		atoms = append(atoms, a)
	}
	return atoms, nil
}

// globAtomAt reads the atom at i and returns where the next one is.
func globAtomAt(part string, i int) (globAtom, int, error) {
	c := part[i]
	switch c {
	case '*':
		return globAtom{star: true}, i + 1, nil
	case '?':
		return globAtom{}, i + 1, nil
	case '[':
		return globClass(part, i+1)
	case '{', '}':
		return globAtom{}, i, fmt.Errorf("braces are no alternatives here: write a list of globs, or \\%c for the byte", c)
	case '\\':
		if i++; i == len(part) {
			return globAtom{}, i, errors.New(`nothing follows \: write \\ for the byte`)
		}
		c = part[i]
	}
	return globAtom{ranges: []byteRange{{c, c}}}, i + 1, nil
}

// globClass reads a class after its bracket. A ] right at the beginning is a member.
func globClass(part string, i int) (a globAtom, next int, err error) {
	if i < len(part) && (part[i] == '!' || part[i] == '^') {
		a.negate = true
		i++
	}
	for first := true; i < len(part) && (first || part[i] != ']'); first = false {
		r := byteRange{part[i], part[i]}
		i++
		if i+1 < len(part) && part[i] == '-' && part[i+1] != ']' {
			r.hi = part[i+1]
			i += 2
		}
		if r.hi < r.lo {
			return a, i, fmt.Errorf("range %c-%c is empty: swap its ends", r.lo, r.hi)
		}
		a.ranges = append(a.ranges, r)
	}
	if i >= len(part) {
		return a, i, errors.New(`class has no ]: write \[ for the byte`)
	}
	return a, i + 1, nil
}

func (a *globAtom) matches(c byte) bool {
	if a.ranges == nil {
		return true
	}
	for _, r := range a.ranges {
		if r.lo <= c && c <= r.hi {
			return !a.negate
		}
	}
	return a.negate
}

// Match reports whether a clean absolute path, or a name for a name's pattern, matches. It does not allocate.
func (g *Glob) Match(p []byte) bool {
	if g.name {
		return len(p) > 0 && matchAtoms(g.parts[0].atoms, p)
	}
	if len(p) == 0 || p[0] != '/' {
		return false
	}
	return matchParts(g.parts, p[1:])
}

// matchParts goes back only to the last **: what an earlier one could still take, the last one can take as well.
func matchParts(parts []globPart, rest []byte) bool {
	var again []globPart // after the last **
	var from []byte      // what that one has not taken
	for {
		switch {
		case len(parts) > 0 && parts[0].any && len(parts) == 1:
			return len(rest) > 0
		case len(parts) > 0 && parts[0].any:
			parts = parts[1:]
			again, from = parts, rest
			continue
		case len(parts) == 0 && len(rest) == 0:
			return true
		case len(parts) > 0 && len(rest) > 0:
			name, after := cutComponent(rest)
			if matchAtoms(parts[0].atoms, name) {
				parts, rest = parts[1:], after
				continue
			}
		}
		if again == nil || len(from) == 0 {
			return false
		}
		_, from = cutComponent(from)
		parts, rest = again, from
	}
}

func cutComponent(p []byte) (name, rest []byte) {
	if i := bytes.IndexByte(p, '/'); i >= 0 {
		return p[:i], p[i+1:]
	}
	return p, nil
}

// matchAtoms is matchParts one level down.
func matchAtoms(atoms []globAtom, name []byte) bool {
	i, j := 0, 0
	star, from := -1, 0
	for j < len(name) {
		switch {
		case i < len(atoms) && atoms[i].star:
			star, from = i, j
			i++
		case i < len(atoms) && atoms[i].matches(name[j]):
			i++
			j++
		case star >= 0:
			from++
			i, j = star+1, from
		default:
			return false
		}
	}
	for i < len(atoms) && atoms[i].star {
		i++
	}
	return i == len(atoms)
}
