package main

import (
	"math/bits"
	"strings"
)

// An abiSet has one bit for each row of abis.
type abiSet uint64

type abiRow struct {
	name  string // in the data files
	ident string // Go constant of package arch
	word  int
}

func (s abiSet) has(i int) bool { return s>>i&1 != 0 }

func (s abiSet) count() int { return bits.OnesCount64(uint64(s)) }

const everyABI = abiSet(1<<numABIs - 1)

// abiNamed returns the set that a name after "@" stands for: an ABI, "32", "64", or a family ("mips*").
func abiNamed(name string) (abiSet, bool) {
	family, isFamily := strings.CutSuffix(name, "*")
	var s abiSet
	for i, a := range abis {
		if a.name == name || name == "32" && a.word == 4 || name == "64" && a.word == 8 ||
			isFamily && strings.HasPrefix(a.name, family) {
			s |= 1 << i
		}
	}
	return s, s != 0
}

// expr is the set as a Go expression.
func (s abiSet) expr() string {
	var terms []string
	for i, a := range abis {
		if s.has(i) {
			terms = append(terms, "1<<"+a.ident)
		}
	}
	return strings.Join(terms, "|")
}
