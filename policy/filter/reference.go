package filter

// A reference is a decision list as a graph of tests of single words: what the proof follows beside the program. It is made from
// the list, never from the rules that libseccomp was given.
type reference struct {
	nodes   []node
	actions []Action // of the leaves
	start   int32    // where the graph is entered
}

// A node leads to another one, or if that is negative, to the leaf ^n.
type node struct {
	word    int
	fact    fact
	yes, no int32
}

// Words of struct seccomp_data. The halves of argument i are at wordArgs+2i, the lower first.
const (
	wordNr = iota
	wordArch
	wordArgs
	numWords = wordArgs + 12
)

func newReference(l *list) *reference {
	r := &reference{actions: []Action{l.rest}}
	next := int32(^0)
	for i := len(l.clauses) - 1; i >= 0; i-- {
		c := &l.clauses[i]
		r.actions = append(r.actions, c.then)
		hit := ^int32(len(r.actions) - 1)
		for j := len(c.when) - 1; j >= 0; j-- {
			hit = r.test(&c.when[j], hit, next)
		}
		next = hit
	}
	r.start = next
	return r
}

// leaf is the reference of calls that all get one action.
func leaf(a Action) *reference { return &reference{actions: []Action{a}, start: ^0} }

// test adds the nodes of one test and returns the first.
func (r *reference) test(t *test, yes, no int32) int32 {
	if t.op == differ || t.op == notBelow {
		yes, no = no, yes
	}
	lower, upper := wordArgs+2*t.arg, wordArgs+2*t.arg+1
	if t.op == below || t.op == notBelow {
		return r.below(t, lower, upper, yes, no)
	}
	if mask := uint32(t.mask); mask != 0 {
		yes = r.add(lower, fact{mask: mask, val: uint32(t.val)}, yes, no)
	}
	if mask := uint32(t.mask >> 32); mask != 0 {
		yes = r.add(upper, fact{mask: mask, val: uint32(t.val >> 32)}, yes, no)
	}
	return yes
}

// below compares the upper halves first. A word is below v if it is not above v-1, and never below 0.
func (r *reference) below(t *test, lower, upper int, yes, no int32) int32 {
	n := no
	if v := uint32(t.val); v != 0 {
		n = r.add(lower, fact{above: true, mask: full, val: v - 1}, no, yes)
	}
	if !t.wide {
		return n
	}
	v := uint32(t.val >> 32)
	n = r.add(upper, fact{mask: full, val: v}, n, no)
	if v == 0 {
		return n
	}
	return r.add(upper, fact{above: true, mask: full, val: v - 1}, n, yes)
}

func (r *reference) add(word int, f fact, yes, no int32) int32 {
	r.nodes = append(r.nodes, node{word, f, yes, no})
	return int32(len(r.nodes) - 1)
}
