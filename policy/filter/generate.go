package filter

import (
	"fmt"
	"slices"

	seccomp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
)

// A generator lets libseccomp write the program for planned entries, and puts before it what is decided by number alone.
type generator struct {
	fallback Action
	bad      Action
	abis     []arch.ABI
	entries  []*entry
}

// program gives the whole program.
func (g *generator) program() (Program, error) {
	body, err := g.compile()
	if err != nil {
		return nil, err
	}
	return append(g.front(), body...), nil
}

// compile makes one libseccomp filter per ABI, since their lists may differ, and merges them.
func (g *generator) compile() (Program, error) {
	first, err := g.one(g.abis[0])
	if err != nil {
		return nil, err
	}
	defer first.Release()
	for _, abi := range g.abis[1:] {
		f, err := g.one(abi)
		if err != nil {
			return nil, err
		}
		if err := first.Merge(f); err != nil {
			f.Release()
			return nil, fmt.Errorf("build filter: merge %s: %w", abi, err)
		}
	}
	raw, err := export(first)
	return decode(raw, g.abis[0].ByteOrder()), err
}

func (g *generator) one(abi arch.ABI) (*seccomp.ScmpFilter, error) {
	f, err := seccomp.NewFilter(scmpAction(g.fallback))
	if err != nil {
		return nil, fmt.Errorf("build filter for %s: default %s: %w", abi, g.fallback, err)
	}
	if err := setUpFilter(f, []arch.ABI{abi}, scmpAction(g.bad)); err != nil {
		f.Release()
		return nil, fmt.Errorf("build filter for %s: %w", abi, err)
	}
	for _, e := range g.entries {
		if e.abi != abi || len(e.rules) == 0 {
			continue
		}
		if err := e.add(f); err != nil { // what it has taken nevertheless is never reached
			e.writeFor("libseccomp: " + err.Error())
		}
	}
	return f, nil
}

// add hands the call's rules over. libseccomp takes the native number of a call, or one that stands for a call that is not
// native, and translates it.
func (e *entry) add(f *seccomp.ScmpFilter) error {
	e.tried = true
	nr, err := seccomp.GetSyscallFromName(e.id.Name())
	if err != nil {
		return fmt.Errorf("find call: %w", err)
	}
	for i := range e.rules {
		r := &e.rules[i]
		if len(r.when) == 0 {
			err = f.AddRule(nr, scmpAction(r.then))
		} else {
			err = f.AddRuleConditional(nr, scmpAction(r.then), r.conditions())
		}
		if err != nil {
			return fmt.Errorf("add rule for %s: %w", r.then, err)
		}
	}
	return nil
}

func (r *rule) conditions() []seccomp.ScmpCondition {
	list := make([]seccomp.ScmpCondition, len(r.when))
	for i, c := range r.when {
		list[i] = seccomp.ScmpCondition{Argument: c.arg, Op: c.op, Operand1: c.a, Operand2: c.b}
	}
	return list
}

// scmpActions has libseccomp's words for the actions without data.
var scmpActions = [...]struct {
	action Action
	scmp   seccomp.ScmpAction
}{
	{Allow, seccomp.ActAllow}, {Log, seccomp.ActLog}, {Notify, seccomp.ActNotify}, {Trap, seccomp.ActTrap},
	{KillProcess, seccomp.ActKillProcess}, {KillThread, seccomp.ActKillThread},
}

func scmpAction(a Action) seccomp.ScmpAction {
	for _, s := range scmpActions {
		if s.action == a {
			return s.scmp
		}
	}
	return seccomp.ActErrno.SetReturnCode(int16(a & unix.SECCOMP_RET_DATA))
}

// front tests for the calls that libseccomp has no part in. Each block falls through to what follows it.
func (g *generator) front() (prog Program) {
	type group struct {
		abi  arch.ABI
		then Action
	}
	var groups []group
	numbers := make(map[group][]uint32)
	for _, e := range g.entries {
		if !e.front || e.code != nil || e.then == g.fallback && !e.tried {
			continue
		}
		k := group{e.abi, e.then}
		if _, ok := numbers[k]; !ok {
			groups = append(groups, k)
		}
		numbers[k] = append(numbers[k], uint32(e.nr))
	}
	for _, k := range groups {
		for part := range slices.Chunk(numbers[k], blockSize) {
			prog = append(prog, block(k.abi.Audit(), part, uint32(k.then))...)
		}
	}
	for _, abi := range g.abis {
		prog = append(prog, written(abi, g.withCode(abi))...)
	}
	return prog
}

func (g *generator) withCode(abi arch.ABI) (list []*entry) {
	for _, e := range g.entries {
		if e.abi == abi && e.code != nil {
			list = append(list, e)
		}
	}
	return list
}
