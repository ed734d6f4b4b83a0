package cond

import (
	"bytes"
	"slices"
	"sort"
	"strings"
)

// A PathSet is a set of hierarchies. Looking a path up costs one search per component, however many hierarchies there are.
type PathSet struct {
	root  pathNode
	paths []string
}

// A pathNode is a component; its children are in order.
type pathNode struct {
	names []string
	kids  []*pathNode
	all   bool // everything below is in the set
}

// NewPathSet makes a set of clean absolute paths (see path.Clean). What lies below another is left out.
func NewPathSet(paths []string) *PathSet {
	sorted := slices.Clone(paths)
	slices.Sort(sorted)
	s := &PathSet{}
	for _, p := range sorted {
		if !s.Under([]byte(p)) {
			s.add(p)
		}
	}
	s.paths = slices.DeleteFunc(slices.Compact(sorted), func(p string) bool { return !s.isRoot(p) })
	return s
}

// Paths returns the hierarchies in order. The caller must not change it.
func (s *PathSet) Paths() []string { return s.paths }

func (s *PathSet) add(p string) {
	n := &s.root
	for rest := strings.TrimPrefix(p, "/"); rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		n = n.child(name)
	}
	n.names, n.kids, n.all = nil, nil, true
}

// isRoot reports whether p is the top of a hierarchy.
func (s *PathSet) isRoot(p string) bool {
	i := strings.LastIndexByte(p, '/')
	return i < 0 || p == "/" || !s.Under([]byte(p[:max(i, 1)]))
}

// child finds or makes a child. Paths arrive in order, so that a new one is mostly the last.
func (n *pathNode) child(name string) *pathNode {
	i := sort.SearchStrings(n.names, name)
	if i == len(n.names) || n.names[i] != name {
		n.names = slices.Insert(n.names, i, name)
		n.kids = slices.Insert(n.kids, i, &pathNode{})
	}
	return n.kids[i]
}

func (n *pathNode) find(name []byte) *pathNode {
	lo, hi := 0, len(n.names)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if n.names[mid] < string(name) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(n.names) && n.names[lo] == string(name) {
		return n.kids[lo]
	}
	return nil
}

// Under reports whether a clean absolute path is one of the hierarchies or below one. It does not allocate.
func (s *PathSet) Under(p []byte) bool {
	if len(p) == 0 || p[0] != '/' {
		return false
	}
	n := &s.root
	for rest := p[1:]; n != nil; {
		if n.all || len(rest) == 0 {
			return n.all
		}
		name := rest
		if i := bytes.IndexByte(rest, '/'); i >= 0 {
			name, rest = rest[:i], rest[i+1:]
		} else {
			rest = nil
		}
		n = n.find(name)
	}
	return false
}
