package compiler

import (
	"testing"
	"time"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/filter"
	"github.com/stead-project/stead/policy/lang"
	"github.com/stead-project/stead/policy/presets"
)

// maxFuzzTime is how long no policy may take; the fuzzer's instrumentation makes everything several times slower.
const maxFuzzTime = 20 * time.Second

// Whatever is read compiles or is refused, soon, and what compiles is never more permissive in the filter than in the supervisor.
func FuzzCompile(f *testing.F) {
	for _, name := range presets.Names() {
		text, _ := presets.Read(name)
		f.Add(string(text), uint64(0), uint64(1))
	}
	for _, text := range []string{
		"default: allow\nrules:\n  - {calls: [socket], when: domain == AF_ALG, then: deny}\n  - {calls: ['%network'], then: allow}\n",
		"default: log\nrules:\n  - {calls: ['*'], when: 'caller.uid > 5', then: {return: -1}}\n",
		"default: kill\nfiles: {read: [/usr]}\nnetwork: {connect: ['*:443']}\nexec: [/usr]\n",
		"default: deny\nrules:\n  - {calls: [openat], when: 'pathname.under(\"/\") || flags.any(\"O_CREAT\")', then: {deny: ENOENT}}\n",
		"default: ask\nrules:\n  - {calls: [pread64], when: 'offset < -1 && fd != 3', then: allow, race: accepted}\n",
	} {
		f.Add(head+text, uint64(38), uint64(1)<<63)
	}
	f.Fuzz(func(t *testing.T, text string, a, b uint64) {
		started := time.Now()
		doc, err := lang.Parse("p.yaml", []byte(text), lang.Options{Dir: "/jobs", ABI: arch.X86_64})
		if err != nil {
			return
		}
		p, err := Compile(doc, Options{ABIs: []arch.ABI{arch.X86_64, arch.I386}, Landlock: 7})
		if took := time.Since(started); took > maxFuzzTime {
			t.Errorf("took %v", took)
		}
		if err != nil {
			return
		}
		decideSome(t, p, a, b)
	})
}

func decideSome(t *testing.T, p *Program, a, b uint64) {
	t.Helper()
	for _, abi := range []arch.ABI{arch.X86_64, arch.I386, arch.AArch64} {
		for nr := range abi.Calls() {
			d := arch.Data{ABI: abi, Nr: nr, Args: [6]uint64{a, b, a ^ b, b, a, a}}
			if abi == arch.I386 {
				for i := range d.Args {
					d.Args[i] &= 1<<32 - 1
				}
			}
			c := new(arch.Call)
			new(arch.Decoder).Decode(c, d, &scene{path: "/srv/x"})
			got, kernel := p.Decider(nil).Decide(&policy.Request{Call: c}), p.Lists.Decide(d)
			if kernel == filter.Allow && !got.Verdict.Continues() {
				t.Fatalf("%s %s(%#x): the filter allows, the supervisor says %+v", abi, c.Name, d.Args, got)
			}
		}
	}
}
