package oci

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
)

// A profile is the JSON, typed. Its fields are those of the OCI runtime specification (config-linux.md, "Seccomp") and of the
// engines' profiles, which add archMap, includes, excludes, name and errno.
type profile struct {
	defaultAction action
	abis          []string // architectures
	archMap       []archEntry
	flags         []string
	listenerPath  string
	metadata      string
	syscalls      []syscall
}

type archEntry struct {
	name string
	subs []string
}

// An action is SCMP_ACT_* with its number.
type action struct {
	pos   policy.Pos
	name  string
	errno *uint64 // nil: EPERM
}

// A syscall is one element of syscalls.
type syscall struct {
	pos      policy.Pos
	names    []named
	then     action
	args     []argument
	includes condition
	excludes condition
}

type named struct {
	pos  policy.Pos
	name string
}

type argument struct {
	pos         policy.Pos
	index       uint64
	value, mask uint64 // value is valueTwo's where there is a mask
	op          string
}

// A condition says on which machine, and for which container, a syscall counts.
type condition struct {
	caps, arches []string
	minKernel    string
	kernelPos    policy.Pos
}

// maxArgs bounds the comparisons of one rule; libseccomp takes one of each argument, runtimes make rules of more.
const maxArgs = 128

// A parser reads a profile from nodes; the first error stays.
type parser struct {
	*reader
	abi      arch.ABI
	err      error
	warnings []Warning
}

func (p *parser) fail(n *node, format string, args ...any) {
	if p.err == nil {
		p.err = p.errorf(n.offset, format, args...)
	}
}

func (p *parser) warn(pos policy.Pos, format string, args ...any) {
	if len(p.warnings) > maxWarnings {
		return // one more than are kept, so that it shows
	}
	p.warnings = append(p.warnings, Warning{Pos: pos, Text: fmt.Sprintf(format, args...)})
}

// want is n's member if it has the kind; otherwise, which is an error unless it is missing, nil.
func (p *parser) want(n *node, name string, k kind) *node {
	v := n.get(name)
	if v == nil {
		return nil
	}
	if v.kind != k {
		p.fail(v, "%s is %s, it must be %s", name, v.kind, k)
		return nil
	}
	return v
}

func (p *parser) str(n *node, name string) string {
	if v := p.want(n, name, kindString); v != nil {
		return v.text
	}
	return ""
}

func (p *parser) list(n *node, name string, each kind) []node {
	v := p.want(n, name, kindArray)
	if v == nil {
		return nil
	}
	for i := range v.list {
		if v.list[i].kind != each {
			p.fail(&v.list[i], "an element of %s is %s, it must be %s", name, v.list[i].kind, each)
			return nil
		}
	}
	return v.list
}

func (p *parser) strings(n *node, name string) []string {
	var out []string
	for _, v := range p.list(n, name, kindString) {
		out = append(out, v.text)
	}
	return out
}

func (p *parser) number(n *node, name string) (v uint64, ok bool) {
	m := p.want(n, name, kindNumber)
	if m == nil {
		return 0, false
	}
	v, err := strconv.ParseUint(m.text, 10, 64)
	if err != nil {
		p.fail(m, "%s is %s, it must be a whole number from 0 to 18446744073709551615", name, m.text)
	}
	return v, err == nil
}

// known warns of members that nothing reads: what somebody hoped for does not happen.
func (p *parser) known(n *node, names string) {
	for _, k := range n.keys {
		found := false
		for name := range strings.FieldsSeq(names) {
			found = found || strings.EqualFold(k.name, name)
		}
		if !found {
			p.warn(p.pos(k.offset), "%q means nothing here and is ignored; known are %s", k.name, strings.Join(strings.Fields(names), ", "))
		}
	}
}

func (p *parser) profile(n *node) profile {
	p.known(n, "defaultAction defaultErrnoRet defaultErrno architectures archMap flags listenerPath listenerMetadata syscalls")
	prof := profile{
		abis: p.strings(n, "architectures"), flags: p.strings(n, "flags"),
		listenerPath: p.str(n, "listenerPath"), metadata: p.str(n, "listenerMetadata"),
	}
	prof.defaultAction = p.action(n, "defaultAction", "defaultErrnoRet", "defaultErrno")
	for _, e := range p.list(n, "archMap", kindObject) {
		prof.archMap = append(prof.archMap, archEntry{p.str(&e, "architecture"), p.strings(&e, "subArchitectures")})
	}
	if len(prof.abis) > 0 && len(prof.archMap) > 0 {
		p.fail(n, "both architectures and archMap: leave one out")
	}
	for _, e := range p.list(n, "syscalls", kindObject) {
		prof.syscalls = append(prof.syscalls, p.syscall(&e))
	}
	return prof
}

func (p *parser) syscall(n *node) syscall {
	p.known(n, "name names action errnoRet errno args comment includes excludes")
	s := syscall{pos: p.pos(n.offset), then: p.action(n, "action", "errnoRet", "errno")}
	for _, v := range p.list(n, "names", kindString) {
		s.names = append(s.names, named{p.pos(v.offset), v.text})
	}
	if v := p.want(n, "name", kindString); v != nil && v.text != "" {
		if len(s.names) > 0 {
			p.fail(v, "both name and names: leave one out")
		}
		s.names = append(s.names, named{p.pos(v.offset), v.text})
	}
	if len(s.names) == 0 {
		p.fail(n, "a rule for no call: give it names")
	}
	for _, a := range p.list(n, "args", kindObject) {
		s.args = append(s.args, p.argument(&a))
	}
	if len(s.args) > maxArgs {
		p.fail(n, "%d comparisons in one rule, at most %d: split it", len(s.args), maxArgs)
	}
	s.includes, s.excludes = p.condition(n, "includes"), p.condition(n, "excludes")
	return s
}

// argument: of SCMP_CMP_MASKED_EQ, value is the mask and valueTwo the number (seccomp_rule_add(3)).
func (p *parser) argument(n *node) argument {
	p.known(n, "index value valueTwo op")
	a := argument{pos: p.pos(n.offset), op: p.str(n, "op")}
	a.index, _ = p.number(n, "index")
	a.value, _ = p.number(n, "value")
	two, _ := p.number(n, "valueTwo")
	if a.index > 5 {
		p.fail(n, "index is %d, calls have arguments 0 to 5", a.index)
	}
	if _, ok := operator(a.op); !ok {
		p.fail(n, "unknown op %q, known are %s", a.op, operatorNames())
	}
	if a.op == "SCMP_CMP_MASKED_EQ" {
		a.mask, a.value = a.value, two
	}
	return a
}

func (p *parser) condition(n *node, name string) condition {
	v := p.want(n, name, kindObject)
	if v == nil {
		return condition{}
	}
	p.known(v, "caps arches minKernel")
	c := condition{caps: p.strings(v, "caps"), arches: p.strings(v, "arches"), minKernel: p.str(v, "minKernel")}
	if m := v.get("minKernel"); m != nil {
		c.kernelPos = p.pos(m.offset)
		if _, _, ok := kernelVersion(c.minKernel); !ok && c.minKernel != "" {
			p.fail(m, "minKernel is %q, it must be VERSION.REVISION, such as 5.10", c.minKernel)
		}
	}
	return c
}

func (p *parser) action(n *node, name, ret, word string) action {
	a := action{pos: p.pos(n.offset)}
	v := p.want(n, name, kindString)
	if v == nil {
		p.fail(n, "no %s: give one of %s", name, actionNames())
		return a
	}
	a.pos, a.name = p.pos(v.offset), v.text
	if _, ok := verdict(a.name); !ok {
		p.fail(v, "unknown %s %q, known are %s", name, a.name, actionNames())
	}
	if e, ok := p.number(n, ret); ok {
		a.errno = &e
	}
	if e := p.want(n, word, kindString); e != nil && e.text != "" {
		a.errno = p.errno(e)
	}
	if a.errno != nil && *a.errno > 0xffff {
		p.fail(n, "error number %d: the kernel takes 16 bits", *a.errno)
	}
	return a
}

// errno reads the name of an error, or its number.
func (p *parser) errno(n *node) *uint64 {
	v, err := strconv.ParseUint(n.text, 10, 32)
	if err != nil {
		number, ok := p.abi.Errno(n.text)
		if !ok {
			p.fail(n, "unknown error %q: give a name of errno(3), or a number", n.text)
		}
		v = uint64(number)
	}
	return &v
}
