package callspec

import "fmt"

// A nodeKind is a form that a value is written in.
type nodeKind uint8

const (
	nodeExpr   nodeKind = iota // terms joined by |
	nodeString                 // bytes
	nodeList                   // [a, b] or [a b]
	nodeStruct                 // {name=value, …}
	nodeNull
	nodeAddr    // tcp:…, unix:…: a socket address in short
	nodeMAC     // 00:11:22:33:44:55
	nodeUnknown // ?: the trace did not know it
	nodeBroken  // a record's {"error":…}
)

var nodeNames = [...]string{"an expression", "a string", "a list", "a struct", "NULL", "a socket address", "a hardware address",
	`"?"`, "what could not be read"}

// A node is one written value, not yet interpreted: what it means depends on its parameter.
type node struct {
	kind     nodeKind
	more     bool   // it ends in "...": there is more of it than was printed
	abstract bool   // nodeString with an @ before it
	not      bool   // nodeList with a ~ before it
	elided   bool   // a number with a comment of how many strings are behind it
	at       int    // offset in the text
	name     string // of a field, a record's member, or a named argument
	scheme   string // nodeAddr
	bytes    []byte // nodeString, nodeMAC; what follows the scheme of nodeAddr; what a record says of nodeBroken
	terms    []term
	list     []node
}

// A term is a number, a name, or a function's call in an expression.
type term struct {
	at       int
	word     string // "" for a number
	num      uint64
	times    uint64 // what the number is multiplied with, 0: nothing
	negative bool
	args     []node
	function bool
}

// what names the form for messages.
func (n *node) what() string {
	if n.kind == nodeExpr && len(n.terms) == 1 {
		t := &n.terms[0]
		switch {
		case t.function:
			return shorten(t.word) + "(…)"
		case t.word != "":
			return shorten(t.word)
		case t.negative:
			return fmt.Sprint(int64(t.num))
		}
		return fmt.Sprint(t.num)
	}
	return nodeNames[n.kind]
}

// literal returns the number that an expression is, if it is just that.
func (n *node) literal() (uint64, bool) {
	if n.kind == nodeExpr && len(n.terms) == 1 && n.terms[0].word == "" {
		return n.terms[0].num, true
	}
	return 0, false
}

// numbers calls f with every number that is written anywhere in the nodes.
func numbers(list []node, f func(uint64)) {
	for i := range list {
		n := &list[i]
		for j := range n.terms {
			if n.terms[j].word == "" {
				f(n.terms[j].num)
			}
		}
		if v, ok := jsonAddress(n); ok {
			f(v)
		}
		numbers(n.list, f)
	}
}
