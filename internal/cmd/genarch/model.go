package main

import "fmt"

// The model is what the data files say, before anything is resolved.
type model struct {
	sets    map[string]*set
	structs map[string][]*structDecl
	calls   map[string][]*callDecl
	consts  map[string]*constant
	ids     []string // names of calls in the order of their ids; nil if there are no number tables
}

func (m *model) summary() string {
	return fmt.Sprintf("%d calls, %d structs, %d sets, %d constants", len(m.calls), len(m.structs), len(m.sets), len(m.consts))
}

// A constant is a line of constants.tsv, or a value given where the name is used.
type constant struct {
	pos
	name   string
	value  [numABIs]uint64
	exists abiSet
}

type set struct {
	pos
	name, prefix, zero string
	flags              bool
	unknown, base      string
	words              map[string]bool // of setWords
	call               string
	parts              []part
	members            []member
}

// A part is an argument of the macro that composes a number.
type part struct{ mask, unknown string }

type member struct {
	pos
	name, mask string
	value      string // number or header's name after "="; "" if the name is the header's
}

// digits is arch.Digits, "" for a member that is a name.
func (m *member) digits() string { return digits[m.name[0]] }

// A callDecl is one line of signatures/*.txt.
type callDecl struct {
	pos
	name   string
	abis   abiSet
	when   *cond // of a variant
	params []*param
	result string
}

// A structDecl is one struct or union.
type structDecl struct {
	pos
	name    string
	abis    abiSet
	packed  abiSet
	sizedBy string
	union   bool
	view    bool
	order   []string // names of fields
	shown   string   // the last field that the brief form shows
	alone   string   // the field whose name stands for the whole
	fields  []*param
}

// A param is a parameter, a field, or what a pointer points to (without a name).
type param struct {
	pos
	name  string
	typ   *typ
	dir   string // "", "out", "inout"
	when  *cond
	inner *structDecl // an inline struct or union
	marks map[string]bool
}

// A typ is a type as written.
type typ struct {
	pos
	wide  bool   // "ptr64"
	base  string // "int", "flags", "struct", "*", "[]", …
	width string
	ref   string // set or struct
	len   string // sibling or number
	deref bool   // "*LEN"
	elem  *typ   // of "*" and "[]"
}

type cond struct {
	pos
	param  string
	op     string // "=" or "&"
	mask   string
	values []string
	and    *cond
}
