package oci

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy/filter"
)

// ExportOptions say where the supervisor listens. The zero value is for a policy that needs none.
type ExportOptions struct {
	ListenerPath     string   // of the Unix socket that the runtime sends the listener to; "" : a call for the supervisor is an error
	ListenerMetadata string   // handed to the supervisor with the listener
	Flags            []string // SECCOMP_FILTER_FLAG_*
}

// A Loss is a call that the JSON leaves to the supervisor although the filter could have decided it.
type Loss struct {
	Call arch.ID
	Why  string
}

// String is the call and why.
func (l Loss) String() string { return l.Call.Name() + ": " + l.Why }

// The JSON, as the runtime specification has it (config-linux.md, "Seccomp").
type (
	jsonProfile struct {
		DefaultAction   string     `json:"defaultAction"`
		DefaultErrnoRet *uint32    `json:"defaultErrnoRet,omitempty"`
		Architectures   []string   `json:"architectures"`
		Flags           []string   `json:"flags,omitempty"`
		ListenerPath    string     `json:"listenerPath,omitempty"`
		Metadata        string     `json:"listenerMetadata,omitempty"`
		Syscalls        []jsonRule `json:"syscalls"`
	}
	jsonRule struct {
		Names    []string  `json:"names"`
		Action   string    `json:"action"`
		ErrnoRet *uint32   `json:"errnoRet,omitempty"`
		Args     []jsonArg `json:"args,omitempty"`
	}
	jsonArg struct {
		Index    int    `json:"index"`
		Value    uint64 `json:"value"`
		ValueTwo uint64 `json:"valueTwo,omitempty"`
		Op       string `json:"op"`
	}
)

// Export writes what a policy decides on registers as the linux.seccomp object of the OCI runtime specification. What that cannot
// say, and what the lists leave to the supervisor, becomes SCMP_ACT_NOTIFY. It is an error if then there is no listener, or if it
// is write, which no runtime lets a listener have, since it sends the listener with it.
func Export(l filter.Lists, o ExportOptions) ([]byte, []Loss, error) {
	e := &exporter{lists: l}
	if err := e.collect(); err != nil {
		return nil, nil, fmt.Errorf("export profile: %w", err)
	}
	if err := e.notified(o); err != nil {
		return nil, nil, fmt.Errorf("export profile: %w", err)
	}
	text, err := e.json(o)
	return text, e.losses, err
}

// collect makes the rules.
func (e *exporter) collect() error {
	if err := e.prepare(); err != nil {
		return err
	}
	for id := arch.ID(1); id < arch.NumIDs; id++ {
		e.call(id)
	}
	e.carriers()
	if len(e.rules) > maxRules {
		return fmt.Errorf("more than %d rules, which no filter holds: simplify conditions", maxRules)
	}
	return nil
}

// An exporter collects the rules of one profile.
type exporter struct {
	lists    filter.Lists
	fallback filter.Action
	names    []string // architectures
	rules    []exportRule
	losses   []Loss
}

type exportRule struct {
	calls arch.Selection
	then  filter.Action
	args  []jsonArg
}

// prepare finds the default and the names of the ABIs. A default of notify is said call by call: no runtime takes it.
func (e *exporter) prepare() error {
	if len(e.lists.ABIs) == 0 {
		return fmt.Errorf("no ABI: name at least the native one")
	}
	e.fallback = e.lists.ABIs[0].Default
	for _, d := range e.lists.ABIs {
		name, ok := archName(d.ABI)
		if !ok {
			return fmt.Errorf("the format has no name for the ABI %s: leave it out", d.ABI)
		}
		if d.Default != e.fallback {
			return fmt.Errorf("the default is %s on %s and %s on %s: a profile has one",
				e.fallback, e.lists.ABIs[0].ABI, d.Default, d.ABI)
		}
		e.names = append(e.names, name)
	}
	if e.fallback == filter.Notify {
		e.fallback = filter.Errno(1)
	}
	return nil
}

// archName is the specification's name of an ABI.
func archName(abi arch.ABI) (string, bool) {
	for _, n := range [...]struct {
		abi  arch.ABI
		name string
	}{
		{arch.X86_64, "X86_64"}, {arch.I386, "X86"}, {arch.X32, "X32"}, {arch.AArch64, "AARCH64"}, {arch.ARM, "ARM"},
		{arch.MIPS, "MIPS"}, {arch.MIPSEL, "MIPSEL"}, {arch.MIPS64, "MIPS64"}, {arch.MIPSEL64, "MIPSEL64"},
		{arch.MIPS64N32, "MIPS64N32"}, {arch.MIPSEL64N32, "MIPSEL64N32"}, {arch.PPC, "PPC"}, {arch.PPC64, "PPC64"},
		{arch.PPC64LE, "PPC64LE"}, {arch.S390, "S390"}, {arch.S390X, "S390X"}, {arch.PARISC, "PARISC"},
		{arch.PARISC64, "PARISC64"}, {arch.RISCV64, "RISCV64"}, {arch.LoongArch64, "LOONGARCH64"}, {arch.M68K, "M68K"},
		{arch.SH, "SH"}, {arch.SHEB, "SHEB"},
	} {
		if n.abi == abi {
			return "SCMP_ARCH_" + n.name, true
		}
	}
	return "", false
}

// maxRules is BPF_MAXINSNS: every rule is an instruction at least.
const maxRules = 4096

// call writes the rules of one call, which are the same for all ABIs: a rule of the format is for all of them.
func (e *exporter) call(id arch.ID) {
	if isCarrier(id) {
		return
	}
	var chosen *filter.Decisions
	for i := range e.lists.ABIs {
		d := &e.lists.ABIs[i]
		if _, ok := d.ABI.NumberOf(id); !ok {
			continue
		}
		if chosen == nil || wide(d.ABI) && !wide(chosen.ABI) {
			chosen = d
		}
	}
	if chosen == nil {
		e.carriedOnly(id)
		return
	}
	for i := range e.lists.ABIs {
		d := &e.lists.ABIs[i]
		if _, ok := d.ABI.NumberOf(id); ok && !alike(chosen, d, id) {
			e.notify(id, fmt.Sprintf("decided otherwise on %s than on %s, but a rule is for all", d.ABI, chosen.ABI))
			return
		}
	}
	e.list(chosen, id)
}

// carriedOnly writes out a call that comes in a carrier only (send, on i386), for whoever imports the profile: in the filter the
// carrier's own rule outweighs it. Where registers decide, the carrier is the supervisor's, and there is nothing to say.
func (e *exporter) carriedOnly(id arch.ID) {
	for i := range e.lists.ABIs {
		d := &e.lists.ABIs[i]
		if !filter.Carried(d.ABI).Has(id) {
			continue
		}
		if list := effective(d, id); len(list) > 0 && len(list[0].When) == 0 && list[0].Then != e.fallback {
			e.add(id, list[0].Then, nil)
		}
		return
	}
}

func (e *exporter) list(d *filter.Decisions, id arch.ID) {
	list := effective(d, id)
	if rule, ok := e.single(list); ok && !(e.small(id) && upperClause(rule)) {
		e.add(id, rule.Then, args(rule))
		return
	}
	all, ok := regions(d.ABI, list, e.fallback)
	if !ok {
		e.notify(id, fmt.Sprintf("the format would need more than %d rules", maxBoxes))
		return
	}
	if e.small(id) && slices.ContainsFunc(all, region.upper) {
		e.notify(id, "libseccomp cuts numbers of 64 bits on ABIs of 32, where they would mean something else")
		return
	}
	for _, r := range all {
		for _, b := range r.boxes {
			e.add(id, r.then, b.args())
		}
	}
}

// small says whether the call is one of an ABI whose registers have 32 bits.
func (e *exporter) small(id arch.ID) bool {
	return slices.ContainsFunc(e.lists.ABIs, func(d filter.Decisions) bool {
		_, ok := d.ABI.NumberOf(id)
		return ok && !wide(d.ABI)
	})
}

func upperClause(c filter.Clause) bool {
	return slices.ContainsFunc(c.When, func(w filter.Compare) bool { return w.Value>>32 != 0 })
}

// effective is the list with the default at its end.
func effective(d *filter.Decisions, id arch.ID) []filter.Clause {
	return append(slices.Clip(d.Calls[id]), filter.Clause{Then: d.Default})
}

// single finds the case that needs no boxes: one clause, of which each comparison is of another argument and of all of its
// register, before the default.
func (e *exporter) single(list []filter.Clause) (filter.Clause, bool) {
	if len(list) != 2 || list[1].Then != e.fallback || list[0].Then == e.fallback || len(list[0].When) == 0 {
		return filter.Clause{}, false
	}
	seen := [6]bool{}
	for _, c := range list[0].When {
		if c.Narrow || seen[c.Arg] || c.Op == filter.MaskedNE || c.Op == filter.MaskedEQ && (c.Value&^c.Mask != 0 || c.Mask == 0) {
			return filter.Clause{}, false
		}
		seen[c.Arg] = true
	}
	return list[0], true
}

func args(c filter.Clause) (out []jsonArg) {
	names := scmpOperators()
	for _, w := range c.When {
		a := jsonArg{Index: w.Arg, Value: w.Value, Op: names[w.Op-filter.EQ]}
		if w.Op == filter.MaskedEQ {
			a.Value, a.ValueTwo = w.Mask, w.Value
		}
		out = append(out, a)
	}
	return out
}

func (b *box) args() (out []jsonArg) {
	for i, p := range b {
		switch p.mask {
		case 0:
		case 1<<64 - 1:
			out = append(out, jsonArg{Index: i, Value: p.val, Op: "SCMP_CMP_EQ"})
		default:
			out = append(out, jsonArg{Index: i, Value: p.mask, ValueTwo: p.val, Op: "SCMP_CMP_MASKED_EQ"})
		}
	}
	return out
}

// alike says whether two ABIs decide a call alike. Where registers have 32 bits, it does not matter whether a comparison is narrow.
func alike(a, b *filter.Decisions, id arch.ID) bool {
	x, y := effective(a, id), effective(b, id)
	if wide(a.ABI) == wide(b.ABI) {
		return slices.EqualFunc(x, y, func(c, d filter.Clause) bool { return c.Then == d.Then && slices.Equal(c.When, d.When) })
	}
	return slices.EqualFunc(x, y, func(c, d filter.Clause) bool {
		return c.Then == d.Then && slices.EqualFunc(c.When, d.When, alikeNarrow)
	})
}

// alikeNarrow compares comparisons as registers of 32 bits see them; numbers that do not fit such a register are not alike.
func alikeNarrow(a, b filter.Compare) bool {
	const top = 1<<32 - 1
	if a.Op != b.Op || a.Arg != b.Arg || a.Value != b.Value || a.Value > top {
		return false
	}
	return a.Op != filter.MaskedEQ && a.Op != filter.MaskedNE || a.Mask&top == b.Mask&top
}

func (e *exporter) notify(id arch.ID, why string) {
	e.losses = append(e.losses, Loss{id, why})
	e.add(id, filter.Notify, nil)
}

// add puts a call to a rule that says the same, or makes one.
func (e *exporter) add(id arch.ID, then filter.Action, args []jsonArg) {
	if len(args) == 0 && then == e.fallback || len(e.rules) > maxRules {
		return
	}
	for i := range e.rules {
		r := &e.rules[i]
		if r.then == then && slices.Equal(r.args, args) {
			r.calls.Add(id)
			return
		}
	}
	r := exportRule{then: then, args: args}
	r.calls.Add(id)
	e.rules = append(e.rules, r)
}

// notified finds what the listener cannot have.
func (e *exporter) notified(o ExportOptions) error {
	var all arch.Selection
	for _, r := range e.rules {
		if r.then == filter.Notify {
			all = all.Union(r.calls)
		}
	}
	if id, _ := arch.LookupID("write"); all.Has(id) {
		return fmt.Errorf("write would be for the supervisor%s, but a runtime cannot start a container so: allow or deny it",
			e.why(id))
	}
	if all.Len() > 0 && o.ListenerPath == "" {
		return fmt.Errorf("no listener path, but these calls are for the supervisor: %s", all)
	}
	return nil
}

func (e *exporter) why(id arch.ID) string {
	for _, l := range e.losses {
		if l.Call == id {
			return " (" + l.Why + ")"
		}
	}
	return ""
}

func (e *exporter) json(o ExportOptions) ([]byte, error) {
	p := jsonProfile{Architectures: e.names, Flags: o.Flags, Syscalls: []jsonRule{}}
	var err error
	if p.DefaultAction, p.DefaultErrnoRet, err = jsonAction(e.fallback); err != nil {
		return nil, err
	}
	for _, r := range e.rules {
		j := jsonRule{Args: r.args, Names: e.callNames(r.calls)}
		if j.Action, j.ErrnoRet, err = jsonAction(r.then); err != nil {
			return nil, err
		}
		if r.then == filter.Notify {
			p.ListenerPath, p.Metadata = o.ListenerPath, o.ListenerMetadata
		}
		p.Syscalls = append(p.Syscalls, j)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "\t")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(p); err != nil {
		return nil, fmt.Errorf("export profile: %w", err)
	}
	return b.Bytes(), nil
}

// callNames are as libseccomp knows them.
func (e *exporter) callNames(calls arch.Selection) []string {
	names := make([]string, 0, calls.Len())
	for _, id := range calls.IDs() {
		names = append(names, id.Name())
		if id.Name() == syncFileRange && slices.Contains(e.names, "SCMP_ARCH_ARM") {
			names = append(names, scmpSyncFileRange)
		}
	}
	return names
}

// jsonAction is libseccomp's name of an action, and its error number.
func jsonAction(a filter.Action) (string, *uint32, error) {
	for _, n := range [...]struct {
		then filter.Action
		name string
	}{
		{filter.Allow, "ALLOW"}, {filter.Log, "LOG"}, {filter.Notify, "NOTIFY"}, {filter.Trap, "TRAP"},
		{filter.KillProcess, "KILL_PROCESS"}, {filter.KillThread, "KILL_THREAD"},
	} {
		if n.then == a {
			return "SCMP_ACT_" + n.name, nil, nil
		}
	}
	number := uint32(a) & maxErrnoData
	if a != filter.Errno(0)|filter.Action(number) {
		return "", nil, fmt.Errorf("export profile: the format has no word for %s", a)
	}
	return "SCMP_ACT_ERRNO", &number, nil
}

// maxErrnoData is SECCOMP_RET_DATA.
const maxErrnoData = 0xffff
