package oci

import (
	"fmt"
	"slices"
	"strings"
	sys "syscall"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/foreign"
)

// scmpActions are libseccomp's actions (seccomp_rule_add(3)) and the verbs nearest to them. What is lost is said once.
func scmpActions() []scmpAction {
	return []scmpAction{
		{"SCMP_ACT_ALLOW", policy.Allow, ""},
		{"SCMP_ACT_LOG", policy.Log, ""},
		{"SCMP_ACT_ERRNO", policy.Deny, ""},
		{"SCMP_ACT_NOTIFY", policy.Ask, ""},
		{"SCMP_ACT_KILL_PROCESS", policy.Kill, ""},
		{"SCMP_ACT_KILL_THREAD", policy.Kill, "the whole process is killed, not the thread alone"},
		{"SCMP_ACT_KILL", policy.Kill, "the whole process is killed, not the thread alone"},
		{"SCMP_ACT_TRAP", policy.Kill, "the process is killed; a handler of SIGSYS is not called"},
		{"SCMP_ACT_TRACE", policy.Deny, "the call fails with ENOSYS, as it does without a tracer"},
	}
}

type scmpAction struct {
	name string
	verb policy.Verdict
	lost string
}

func verdict(name string) (scmpAction, bool) {
	for _, a := range scmpActions() {
		if a.name == name {
			return a, true
		}
	}
	return scmpAction{}, false
}

func actionNames() string {
	var names []string
	for _, a := range scmpActions() {
		names = append(names, a.name)
	}
	return strings.Join(names, ", ")
}

// scmpOperators are libseccomp's comparisons, by foreign.Op.
func scmpOperators() [7]string {
	return [7]string{foreign.EQ: "SCMP_CMP_EQ", foreign.NE: "SCMP_CMP_NE", foreign.LT: "SCMP_CMP_LT", foreign.LE: "SCMP_CMP_LE",
		foreign.GT: "SCMP_CMP_GT", foreign.GE: "SCMP_CMP_GE", foreign.Masked: "SCMP_CMP_MASKED_EQ"}
}

func operator(name string) (foreign.Op, bool) {
	names := scmpOperators()
	i := slices.Index(names[:], name)
	return foreign.Op(max(i, 0)), i >= 0
}

func operatorNames() string {
	names := scmpOperators()
	return strings.Join(names[:], ", ")
}

// A translator makes rules of a profile for one machine.
type translator struct {
	*parser
	o        Options
	m        machine
	abis     []arch.ABI
	fallback policy.Action
	said     []string // losses that were warned of
	unknown  []string
}

// maxErrno is what the kernel cuts error numbers to (kernel/seccomp.c, __seccomp_filter).
const maxErrno = 4095

func (t *translator) action(a action) policy.Action {
	s, _ := verdict(a.name)
	if s.lost != "" && !slices.Contains(t.said, a.name) {
		t.said = append(t.said, a.name)
		t.warn(a.pos, "%s: %s", a.name, s.lost)
	}
	out := policy.Action{Verdict: s.verb, Pos: a.pos}
	switch {
	case s.verb == policy.Ask && t.o.Notify == policy.Perform:
		out.Verdict = policy.Perform
	case a.name == "SCMP_ACT_TRACE":
		out.Errno = sys.ENOSYS
	case s.verb != policy.Deny || a.errno == nil:
	case *a.errno == 0:
		out.Verdict = policy.Return // the kernel returns 0, which is success
	default:
		out.Errno = sys.Errno(min(*a.errno, maxErrno))
	}
	return out
}

// same says whether libseccomp sees one action in two.
func same(a, b action) bool {
	number := func(x action) uint64 {
		if x.errno == nil || x.name != "SCMP_ACT_ERRNO" && x.name != "SCMP_ACT_TRACE" {
			return uint64(sys.EPERM)
		}
		return *x.errno
	}
	kill := func(n string) string { return strings.TrimSuffix(n, "_THREAD") }
	return kill(a.name) == kill(b.name) && number(a) == number(b)
}

// An item is a syscall of the profile with what is left of it.
type item struct {
	*syscall
	calls arch.Selection
	when  foreign.DNF
	act   policy.Action
}

// rules puts the profile in an order that decides as libseccomp does, which has none: a rule without conditions prevails over
// those with, the first over later ones, and a rule with the default's action does not count. Where conditions of different
// actions overlap, what libseccomp does depends on their arguments and not on their order: here the strictest goes first.
func (t *translator) rules(prof *profile) []policy.Rule {
	items := t.items(prof)
	var settled arch.Selection
	for i := range items {
		if it := &items[i]; len(it.when) == 0 {
			it.calls, settled = it.calls.Minus(settled), settled.Union(it.calls)
		}
	}
	var plain, conditional []item
	for _, it := range items {
		if len(it.when) == 0 {
			plain = append(plain, it)
			continue
		}
		t.warnIdle(it, settled)
		it.calls = it.calls.Minus(settled)
		conditional = append(conditional, it)
	}
	t.warnOverlaps(conditional)
	slices.SortStableFunc(conditional, func(a, b item) int {
		return foreign.Strictness(a.act.Verdict) - foreign.Strictness(b.act.Verdict)
	})
	return t.write(append(plain, conditional...))
}

func (t *translator) write(items []item) []policy.Rule {
	var rules []policy.Rule
	for _, it := range items {
		if it.calls.Len() == 0 {
			continue
		}
		e := foreign.Entry{Pos: it.pos, Calls: it.calls, When: it.when, Then: it.act}
		more, warnings := e.Rules(foreign.Options{ABIs: t.abis, Default: t.fallback})
		rules = append(rules, more...)
		t.warnings = append(t.warnings, warnings...)
	}
	return rules
}

// items are the syscalls that count here.
func (t *translator) items(prof *profile) []item {
	var items []item
	for i := range prof.syscalls {
		s := &prof.syscalls[i]
		if !t.m.applies(s) || same(s.then, prof.defaultAction) {
			continue
		}
		items = append(items, item{s, t.selection(s), conditions(s.args), t.action(s.then)})
	}
	return items
}

func (t *translator) selection(s *syscall) (calls arch.Selection) {
	for _, n := range s.names {
		id, ok := arch.LookupID(t.tableName(n.name))
		if !ok {
			t.unknownCall(n)
		}
		calls.Add(id)
	}
	return calls
}

// tableName turns the one name that libseccomp alone has into the kernel's.
func (t *translator) tableName(name string) string {
	if name == scmpSyncFileRange && slices.Contains(t.abis, arch.ARM) {
		return syncFileRange
	}
	return name
}

// On arm the call number 341 has two names in arch/arm/include/uapi/asm/unistd.h, of which libseccomp knows the second.
const (
	syncFileRange     = "sync_file_range2"
	scmpSyncFileRange = "arm_sync_file_range"
)

// unknownCall: runtimes pass over calls that they do not know, too.
func (t *translator) unknownCall(n named) {
	if len(t.unknown) >= maxWarnings || slices.Contains(t.unknown, n.name) {
		return
	}
	t.unknown = append(t.unknown, n.name)
	_, err := arch.ParseSelection(n.name, arch.Selection{})
	if err == nil { // a class or a pattern, which profiles do not have
		err = fmt.Errorf("%q is not the name of a call", n.name)
	}
	t.warn(n.pos, "%v; it is left out", err)
}

// conditions: all of a list must hold, but if two compare one argument, each stands for itself (runc and crun, for the sake of
// profiles written so before libseccomp could do otherwise).
func conditions(args []argument) foreign.DNF {
	var all []foreign.Cmp
	seen, twice := [6]bool{}, false
	for _, a := range args {
		op, _ := operator(a.op)
		all = append(all, foreign.Cmp{Arg: int(a.index), Op: op, Mask: a.mask, Value: a.value})
		twice = twice || seen[a.index]
		seen[a.index] = true
	}
	if !twice {
		if len(all) == 0 {
			return nil
		}
		return foreign.DNF{all}
	}
	var each foreign.DNF
	for _, c := range all {
		each = append(each, []foreign.Cmp{c})
	}
	return each
}

func (t *translator) warnIdle(it item, settled arch.Selection) {
	for _, id := range it.calls.IDs() {
		if settled.Has(id) {
			t.warn(it.pos, "%s: these conditions have no effect, since another rule covers the call without any", id)
		}
	}
}

// maxPairs bounds the search for overlaps.
const maxPairs = 100_000

func (t *translator) warnOverlaps(items []item) {
	pairs := 0
	for i := range items {
		for j := i + 1; j < len(items); j++ {
			if pairs++; pairs > maxPairs {
				return
			}
			a, b := &items[i], &items[j]
			common := a.calls.Minus(a.calls.Minus(b.calls))
			if a.act.Verdict == b.act.Verdict && a.act.Errno == b.act.Errno || common.Len() == 0 || !overlap(a.when, b.when) {
				continue
			}
			t.warn(b.pos, "%s: the rule overlaps that of line %d, which has another action; the stricter one goes first", common, a.pos.Line)
		}
	}
}

// otherABIs kills calls of ABIs that the profile does not list, as libseccomp does (seccomp_attr_set(3), SCMP_FLTATR_ACT_BADARCH).
func (t *translator) otherABIs() []policy.Rule {
	var left []string
	for _, abi := range append([]arch.ABI{t.m.abi}, t.m.abi.Compat()...) {
		if !slices.Contains(t.abis, abi) {
			left = append(left, fmt.Sprintf("caller.abi == %q", abi.String()))
		}
	}
	if len(left) == 0 {
		return nil
	}
	pos := t.pos(0)
	t.warn(pos, "ABIs that the profile does not list: their calls kill the process (%s)", strings.Join(left, ", "))
	r := policy.Rule{Pos: pos, Name: "other ABIs", Calls: arch.AllCalls(), Then: policy.Action{Verdict: policy.Kill, Pos: pos},
		When: policy.Condition{Pos: pos, Text: strings.Join(left, " || ")}}
	r.Source = foreign.RuleYAML(r, t.m.abi)
	return []policy.Rule{r}
}

// newerCalls answers ENOSYS for calls whose numbers lie above all that the profile names.
func (t *translator) newerCalls(prof *profile) []policy.Rule {
	if v := t.fallback.Verdict; v == policy.Allow || v == policy.Log {
		return nil
	}
	var rules []policy.Rule
	for _, abi := range t.abis {
		newer := newerThan(abi, t.highest(prof, abi))
		if newer.Len() == 0 {
			continue
		}
		pos := t.pos(0)
		r := policy.Rule{Pos: pos, Name: "newer calls of " + abi.String(), Calls: newer,
			When: policy.Condition{Pos: pos, Text: fmt.Sprintf("caller.abi == %q", abi.String())},
			Then: policy.Action{Verdict: policy.Deny, Errno: sys.ENOSYS, Pos: pos}}
		r.Source = foreign.RuleYAML(r, t.m.abi)
		rules = append(rules, r)
	}
	return rules
}

func (t *translator) highest(prof *profile, abi arch.ABI) int32 {
	top := abi.NumberBase()
	for i := range prof.syscalls {
		if !t.m.applies(&prof.syscalls[i]) {
			continue
		}
		for _, n := range prof.syscalls[i].names {
			if nr, ok := abi.Number(n.name); ok {
				top = max(top, nr)
			}
		}
	}
	return top
}

func newerThan(abi arch.ABI, top int32) (calls arch.Selection) {
	for nr := range abi.Calls() {
		if nr > top {
			calls.Add(abi.ID(nr))
		}
	}
	return calls
}
