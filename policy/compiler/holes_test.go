package compiler

import (
	"strings"
	"syscall"
	"testing"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/filter"
	"github.com/stead-project/stead/policy/landlock"
)

// raw is a call by its registers alone.
func raw(t testing.TB, abi arch.ABI, name string, args ...uint64) arch.Data {
	t.Helper()
	nr, ok := abi.Number(name)
	if !ok {
		t.Fatalf("%s has no %s", abi, name)
	}
	d := arch.Data{ABI: abi, Nr: nr}
	copy(d.Args[:], args)
	return d
}

// words is a target's memory: the words of a multiplexer's block at its address.
type words []uint32

func (w words) ReadMem(p []byte, addr uint64) (int, error) {
	var b []byte
	for _, v := range w {
		b = append(b, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
	}
	if addr < block || addr >= block+uint64(len(b)) {
		return 0, syscall.EFAULT
	}
	return copy(p, b[addr-block:]), nil
}

const block = 0x1000

// muxed decides a call of i386 whose arguments are at block, as the filter and the supervisor behind it do.
func muxed(p *Program, d arch.Data, w words) policy.Verdict {
	c := new(arch.Call)
	new(arch.Decoder).Decode(c, d, w)
	switch p.Lists.Decide(d) {
	case filter.Allow:
		return policy.Allow
	case filter.Notify:
		return p.Decider(nil).Decide(&policy.Request{Call: c}).Verdict
	}
	return policy.Deny
}

// What a policy says of a call holds for the multiplexer that brings it, whatever class the multiplexer itself is in.
func TestMultiplexersObey(t *testing.T) {
	connect := raw(t, arch.I386, "socketcall", 3, block)
	socket := raw(t, arch.I386, "socketcall", 1, block)
	accept := raw(t, arch.I386, "socketcall", 5, block)
	for name, c := range map[string]struct {
		text string
		call arch.Data
		args words
		want policy.Verdict
	}{
		"class after a rule": {"default: allow\nrules:\n  - {calls: [connect], then: deny}\n  - {calls: ['%network'], then: allow}\n",
			connect, words{3, block, 16}, policy.Deny},
		"class after a condition": {"default: allow\nrules:\n  - {calls: [socket], when: domain == AF_ALG, then: deny}\n  - {calls: ['@network-io'], then: allow}\n",
			socket, words{38, 5, 0}, policy.Deny},
		"area with guards":     {"default: allow\nnetwork: {connect: ['*:443']}\n", socket, words{17, 3, 0}, policy.Deny},
		"no number of its own": {"default: allow\nrules:\n  - {calls: [accept], then: deny}\n", accept, words{3, 0, 0}, policy.Deny},
		"no number, condition": {"default: allow\nrules:\n  - {calls: [send], when: flags == MSG_OOB, then: deny}\n",
			raw(t, arch.I386, "socketcall", 9, block), words{3, block, 1, 1}, policy.Deny},
		"the multiplexer": {"default: allow\nrules:\n  - {calls: [socketcall], then: deny}\n", connect, words{3, block, 16}, policy.Deny},
		"the multiplexer, by condition": {"default: allow\nrules:\n  - {calls: [socketcall], when: call == 3, then: deny}\n",
			connect, words{3, block, 16}, policy.Deny},
		"the multiplexer allowed": {"default: deny\nrules:\n  - {calls: [socketcall], then: allow}\n  - {calls: [accept], then: allow}\n",
			connect, words{3, block, 16}, policy.Deny},
		"the carried allowed": {"default: deny\nrules:\n  - {calls: ['%network'], then: allow}\n", connect, words{3, block, 16}, policy.Allow},
		"ipc": {"default: allow\nrules:\n  - {calls: [shmget], then: deny}\n  - {calls: ['%ipc'], then: allow}\n",
			raw(t, arch.I386, "ipc", 23, 0, 4096, 0), nil, policy.Deny},
	} {
		t.Run(name, func(t *testing.T) {
			for _, record := range []bool{false, true} {
				o := both
				o.Record = record
				if got := muxed(compiled(t, c.text, o), c.call, c.args); got != c.want {
					t.Errorf("record %v: %v, want %v", record, got, c.want)
				}
			}
		})
	}
}

// i386's old mmap and select have their arguments in memory, not in the registers that a condition would look at.
func TestBlocksOfArguments(t *testing.T) {
	p := compiled(t, "default: allow\nrules:\n  - {calls: [mmap, mmap2], when: prot.has('PROT_EXEC'), then: deny}\n", both)
	for _, c := range []struct {
		call arch.Data
		args words
		want policy.Verdict
	}{
		{raw(t, arch.I386, "mmap", block), words{0, 4096, 7, 34, 0, 0}, policy.Deny},
		{raw(t, arch.I386, "mmap2", 0, 4096, 7, 34), nil, policy.Deny},
		{raw(t, arch.I386, "mmap2", 0, 4096, 3, 34), nil, policy.Allow},
		{raw(t, arch.X86_64, "mmap", 0, 4096, 3, 34), nil, policy.Allow},
	} {
		if got := muxed(p, c.call, c.args); got != c.want {
			t.Errorf("%v: %v, want %v", c.call, got, c.want)
		}
	}
	free := compiled(t, "default: allow\nrules:\n  - {calls: [mmap], when: prot.has('PROT_EXEC'), then: log}\n", both)
	if got := muxed(free, raw(t, arch.I386, "mmap", block), words{0, 4096, 7, 34, 0, 0}); !got.Continues() {
		t.Errorf("a rule that refuses nothing refuses old mmap: %v", got)
	}
}

// Guards close gaps; they open nothing that the default refuses.
func TestGuardsOpenNothing(t *testing.T) {
	const sealed = 8 // MFD_NOEXEC_SEAL
	for text, want := range map[string]filter.Action{"default: deny\n": filter.Errno(1), "default: allow\n": filter.Allow} {
		p := compiled(t, text+"files: {read: [/usr]}\n", both)
		if got := p.Lists.Decide(raw(t, arch.X86_64, "memfd_create", block, sealed)); got != want {
			t.Errorf("%s: sealed: %v, want %v", text, got, want)
		}
		if got := p.Lists.Decide(raw(t, arch.X86_64, "memfd_create", block, 0)); got == filter.Allow {
			t.Errorf("%s: not sealed: %v", text, got)
		}
	}
}

// Landlock bounds what a rule refuses only where it allows nothing of it, and only for calls that it knows.
func TestRefusalsInsideAreas(t *testing.T) {
	rule := func(call, when string) string {
		return "default: deny\nfiles: {read: [/usr, /etc/ssl/certs], exec: [/usr/bin]}\nrules:\n  - {calls: [" + call + "], when: '" + when + "', then: {deny: ENOENT}}\n"
	}
	for _, c := range []struct {
		call, when string
		ok         bool
	}{
		{"openat", `pathname.under("/srv")`, true},
		{"openat", `pathname.under("/srv") && flags.has("O_CREAT")`, true},
		{"openat", `pathname.under("/srv") || pathname == "/home/x"`, true},
		{"execve", `pathname.under("/opt")`, true},
		{"renameat", `paths.under("/srv")`, true},
		{"openat", `pathname.under("/usr/share")`, false},
		{"openat", `pathname.under("/etc/ssl")`, false},
		{"openat", `pathname.under("/")`, false},
		{"openat", `pathname == "/usr"`, false},
		{"openat", `pathname.under("/srv") || pathname == "/usr/x"`, false},
		{"openat", `!pathname.under("/srv")`, false},
		{"openat", `pathname.base == "shadow"`, false},
		{"openat", `pathname.dir == "/srv"`, false},
		{"openat", `pathname.matches("/srv/*")`, false},
		{"openat2", `how.flags.has("O_CREAT")`, false},
		{"newfstatat", `pathname.under("/srv")`, false},
		{"fchmodat", `pathname.under("/srv")`, false},
	} {
		_, err := Compile(load(t, rule(c.call, c.when)), both)
		if (err == nil) != c.ok {
			t.Errorf("%s when %s: error %v", c.call, c.when, err)
		}
		if err != nil && !strings.Contains(err.Error(), "race: accepted") {
			t.Errorf("%s when %s: %v", c.call, c.when, err)
		}
	}
}

// Threads share a working directory, so a decision on it that lets the kernel go on can be raced. Who makes the call cannot change.
func TestWhatCanChangeMeanwhile(t *testing.T) {
	for when, ok := range map[string]bool{
		`caller.cwd == "/jobs"`: false, `caller.cwd.under("/jobs")`: false, `caller.cwd.dir == "/"`: false,
		`caller.uid == 0`: true, `caller.gid == 0`: true, `caller.exe == "/bin/sh"`: true, `caller.comm == "sh"`: true,
	} {
		_, err := Compile(load(t, "default: deny\nrules:\n  - {calls: [mkdirat], when: '"+when+"', then: allow}\n"), both)
		if (err == nil) != ok {
			t.Errorf("allow by %s: %v", when, err)
		}
		if _, err := Compile(load(t, "default: deny\nrules:\n  - {calls: [mkdirat], when: '"+when+"', then: {deny: ENOENT}}\n"), both); err != nil {
			t.Errorf("deny by %s: %v", when, err)
		}
	}
}

func TestDefaultNotifies(t *testing.T) {
	for text, want := range map[string]bool{"default: allow\n": false, "default: deny\n": false, "default: log\n": true, "default: ask\n": true} {
		if got := notifies(compiled(t, text, both)); got != want {
			t.Errorf("%s: notifies %v", text, got)
		}
	}
	o := both
	o.Record = true
	if !notifies(compiled(t, "default: deny\n", o)) {
		t.Error("recorded refusals need nobody to record them")
	}
}

// Every constant that a guard names exists on every ABI: without, a guard would refuse less.
func TestGuardsHaveTheirConstants(t *testing.T) {
	doc := load(t, "default: allow\nfiles: {read: [/usr]}\nnetwork: {connect: ['*:443', 'unix:/run/x'], listen: ['*:80']}\n")
	found := 0
	for abi := arch.ABI(1); abi.Valid(); abi++ {
		r := landlock.FromDocument(doc, landlock.Options{ABI: 7})
		guards := substitute(&landlock.Rest{Area: landlock.Network, Open: true})
		for _, g := range r.Gaps {
			guards = append(guards, g.Guards...)
		}
		for _, g := range guards {
			id, _ := arch.LookupID(g.Call)
			if _, ok := abi.NumberOf(id); !ok {
				continue
			}
			for _, test := range g.Tests {
				found++
				if got := len(testValues(abi, test)); got != len(test.Names) {
					t.Errorf("%s: %s: %d values of %v", abi, g.Call, got, test.Names)
				}
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d tests were looked at", found)
	}
}

func TestBoundCalls(t *testing.T) {
	bound := selectCalls(boundCalls)
	if rest := bound.Minus(selectCalls(fileCalls)).Minus(selectCalls(execCalls)); rest.Len() > 0 {
		t.Errorf("%v are of no area", rest)
	}
	for _, g := range landlock.FromDocument(load(t, "files: {read: [/usr]}\n"), landlock.Options{ABI: 7}).Gaps {
		for _, name := range g.Calls {
			if id, ok := arch.LookupID(name); ok && bound.Has(id) {
				t.Errorf("Landlock does not bound %s: %s", name, g.Text)
			}
		}
	}
}
