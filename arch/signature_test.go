package arch

import "testing"

func TestSignatureNames(t *testing.T) {
	if len(signatureFirst) != NumIDs+1 {
		t.Fatalf("the index is for %d ids, there are %d: run go run ./internal/cmd/genarch", len(signatureFirst)-1, NumIDs)
	}
	described := 0
	for id := ID(0); id < NumIDs; id++ {
		for _, abi := range ABIs() {
			s := abi.Signature(id)
			if s == nil {
				continue
			}
			described++
			if s.Name != id.Name() {
				t.Fatalf("%v: id %d is %s, its signature %s", abi, id, id.Name(), s.Name)
			}
		}
	}
	if described == 0 {
		t.Error("no call is described")
	}
	if X86_64.Signature(0) != nil || X86_64.Signature(NumIDs) != nil || X86_64.Signature(65535) != nil {
		t.Error("what is no id has a signature")
	}
}

// TestEveryCallIsDescribed lists the calls of the ABIs that a target may have today.
func TestEveryCallIsDescribed(t *testing.T) {
	for _, abi := range []ABI{X86_64, I386, AArch64, ARM, RISCV64, PPC64LE, S390X} {
		for _, name := range abi.Calls() {
			if id, _ := LookupID(name); abi.Signature(id) == nil {
				t.Errorf("%v: %s has no signature", abi, name)
			}
		}
	}
}

func TestSignatureByABI(t *testing.T) {
	id, ok := LookupID("clone")
	if !ok {
		t.Fatal("no call clone")
	}
	for abi, want := range map[ABI]string{X86_64: "tls", I386: "child_tid", AArch64: "child_tid", S390X: "tls"} {
		s := abi.Signature(id)
		if s == nil || len(s.Params) != 5 || s.Params[4].Name != want {
			t.Errorf("the last parameter of clone on %v is not %s", abi, want)
		}
	}
}

// TestReferences follows every resolved reference and compares the name at its end.
func TestReferences(t *testing.T) {
	c := refChecker{t: t}
	for i := range signatureTable {
		s := &signatureTable[i]
		c.sig = s
		c.params([][]Param{s.Params})
		for j := range s.Variants {
			v := &s.Variants[j]
			c.sig = s
			c.cond(v.When, [][]Param{s.Params})
			c.sig = v
			c.params([][]Param{v.Params})
		}
	}
	if c.seen < 500 {
		t.Errorf("only %d references", c.seen)
	}
}

type refChecker struct {
	t    *testing.T
	sig  *Signature
	seen int
}

// params checks the innermost list; around are the lists from the outermost to it.
func (c *refChecker) params(around [][]Param) {
	list := around[len(around)-1]
	for i := range list {
		p := &list[i]
		c.cond(p.When, around)
		for q := p; q != nil; q = q.Elem {
			if q.Len != "" {
				c.ref(q.LenRef, q.Len, around)
			}
			for s := q.Struct; s != nil; s = s.Alt {
				c.params(append(around[:len(around):len(around)], s.Fields))
			}
		}
	}
}

func (c *refChecker) cond(cond *Cond, around [][]Param) {
	for ; cond != nil; cond = cond.And {
		c.ref(cond.Ref, cond.Param, around)
	}
}

func (c *refChecker) ref(r Ref, name string, around [][]Param) {
	c.seen++
	if r.Deref {
		name = name[1:]
	}
	list := c.sig.Params
	if r.Up != CallLevel {
		list = around[len(around)-1-int(r.Up)]
	}
	if r.Idx == -1 && r.Up == CallLevel {
		if c.sig.Index(name) < 0 {
			c.t.Errorf("%s has no %s", c.sig.Name, name)
		}
		return
	}
	if int(r.Idx) >= len(list) || list[r.Idx].Name != name {
		c.t.Errorf("%s: a reference to %s leads elsewhere", c.sig.Name, name)
	}
}

func TestCondHolds(t *testing.T) {
	tests := []struct {
		name string
		c    Cond
		v    uint64
		abi  ABI
		want bool
	}{
		{"equal", Cond{Values: []uint64{1, 5}}, 5, X86_64, true},
		{"not equal", Cond{Values: []uint64{1, 5}}, 4, X86_64, false},
		{"masked", Cond{Mask: 3, Values: []uint64{1}}, 0xd, X86_64, true},
		{"any bit", Cond{Mask: 6, Any: true}, 4, X86_64, true},
		{"no bit", Cond{Mask: 6, Any: true}, 9, X86_64, false},
		{"nothing to match", Cond{}, 0, X86_64, false},
		{"other ABI", Cond{Values: []uint64{1}, PerABI: []CondABI{{ABIs: 1 << MIPS, Values: []uint64{2}}}}, 2, MIPS, true},
		{"negative", Cond{Values: []uint64{^uint64(0)}}, 0xffffffff, X86_64, true},
	}
	for _, tt := range tests {
		if got := tt.c.Holds(tt.v, tt.abi); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestSignatureDoesNotAllocate(t *testing.T) {
	id, _ := LookupID("openat")
	if n := testing.AllocsPerRun(10, func() { X86_64.Signature(id) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
