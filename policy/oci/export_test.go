package oci

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy/filter"
)

func id(t testing.TB, name string) arch.ID {
	t.Helper()
	i, ok := arch.LookupID(name)
	if !ok {
		t.Fatalf("no call %s", name)
	}
	return i
}

// TestExportRandom compares decision lists with what a runtime builds of their export, call by call.
func TestExportRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 7))
	boundary := []uint64{0, 1, 2, 3, 5, 8, 0x7fffffff, 0x80000000, 0xffffffff, 1 << 32, 1<<32 | 1, 1<<32 | 5, 1 << 63, 1<<64 - 1}
	exact := 0
	for i := range 600 {
		l := randomLists(t, r, boundary)
		l.ABIs = l.ABIs[:1+i%2]
		text, losses, err := Export(l, ExportOptions{ListenerPath: "/run/s"})
		if err != nil {
			t.Fatal(err)
		}
		exact += 3 - len(losses)
		prog := runtimeFilter(t, text, arch.X86_64, nil)
		for range 200 {
			abi, call := l.ABIs[r.IntN(len(l.ABIs))].ABI, []string{"getpriority", "mkdir", "mmap"}[r.IntN(3)]
			checkExport(t, l, prog, text, len(losses) == 0, abi, call, [6]uint64{boundary[r.IntN(14)], boundary[r.IntN(14)], boundary[r.IntN(14)]})
		}
		if t.Failed() {
			return
		}
	}
	if exact < 900 {
		t.Errorf("only %d of 1800 calls could be said exactly", exact)
	}
}

func checkExport(t *testing.T, l filter.Lists, prog filter.Program, text []byte, exact bool, abi arch.ABI, call string, args [6]uint64) {
	t.Helper()
	nr, _ := abi.Number(call)
	if !wide(abi) {
		for i := range args {
			args[i] = uint64(uint32(args[i]))
		}
	}
	want := l.Decide(arch.Data{ABI: abi, Nr: nr, Args: args})
	got, err := prog.Run(abi, nr, args)
	if err == nil && filter.Action(got) == want {
		return
	}
	if err != nil || exact || filter.Action(got) != filter.Notify {
		t.Errorf("%s %s%#x: want %s, got %s, %v\n%v\n%s", abi, call, args, want, filter.Action(got), err, l, text)
	}
}

func randomLists(t *testing.T, r *rand.Rand, values []uint64) filter.Lists {
	actions := []filter.Action{filter.Allow, filter.Errno(1), filter.Errno(38), filter.KillProcess, filter.Notify, filter.Log, filter.Errno(0)}
	pick := func() filter.Action { return actions[r.IntN(len(actions))] }
	fallback := []filter.Action{filter.Allow, filter.Errno(1), filter.KillProcess}[r.IntN(3)]
	l := filter.Lists{BadABI: filter.KillThread, ABIs: []filter.Decisions{
		{ABI: arch.X86_64, Default: fallback, Calls: map[arch.ID][]filter.Clause{}},
		{ABI: arch.I386, Default: fallback, Calls: map[arch.ID][]filter.Clause{}}}}
	for _, name := range []string{"getpriority", "mkdir", "mmap"} {
		var list []filter.Clause
		for range r.IntN(4) {
			c := filter.Clause{Then: pick()}
			for range r.IntN(3) {
				c.When = append(c.When, filter.Compare{Arg: r.IntN(3), Op: filter.EQ + filter.Op(r.IntN(7)), Narrow: r.IntN(2) == 0,
					Mask: values[r.IntN(len(values))], Value: values[r.IntN(len(values))]})
			}
			list = append(list, c)
		}
		l.ABIs[0].Calls[id(t, name)] = list
		if r.IntN(4) > 0 || name == "mmap" {
			l.ABIs[1].Calls[id(t, name)] = list
		}
	}
	return l
}

func simple(t testing.TB, fallback filter.Action, calls map[string][]filter.Clause) filter.Lists {
	d := filter.Decisions{ABI: arch.X86_64, Default: fallback, Calls: map[arch.ID][]filter.Clause{}}
	for name, list := range calls {
		d.Calls[id(t, name)] = list
	}
	return filter.Lists{ABIs: []filter.Decisions{d}, BadABI: filter.KillThread}
}

func TestExportText(t *testing.T) {
	l := simple(t, filter.Errno(1), map[string][]filter.Clause{
		"read": {{Then: filter.Allow}}, "write": {{Then: filter.Allow}}, "mount": {{Then: filter.Notify}},
		"socket": {{When: []filter.Compare{{Arg: 0, Op: filter.NE, Value: 40}}, Then: filter.Allow}},
	})
	text, losses, err := Export(l, ExportOptions{ListenerPath: "/run/stead.sock", ListenerMetadata: "billing", Flags: []string{"SECCOMP_FILTER_FLAG_LOG"}})
	if err != nil || len(losses) != 0 {
		t.Fatal(err, losses)
	}
	var b bytes.Buffer
	if err := json.Compact(&b, text); err != nil {
		t.Fatal(err)
	}
	want := `{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":1,"architectures":["SCMP_ARCH_X86_64"],` +
		`"flags":["SECCOMP_FILTER_FLAG_LOG"],"listenerPath":"/run/stead.sock","listenerMetadata":"billing","syscalls":[` +
		`{"names":["mount"],"action":"SCMP_ACT_NOTIFY"},{"names":["read","write"],"action":"SCMP_ACT_ALLOW"},` +
		`{"names":["socket"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":40,"op":"SCMP_CMP_NE"}]}]}`
	if b.String() != want {
		t.Errorf("got  %s\nwant %s", &b, want)
	}
}

func TestExportErrors(t *testing.T) {
	two := simple(t, filter.Allow, nil)
	two.ABIs = append(two.ABIs, filter.Decisions{ABI: arch.I386, Default: filter.Errno(1)})
	for want, l := range map[string]filter.Lists{
		"no ABI": {},
		"the format has no name for the ABI csky": {ABIs: []filter.Decisions{{ABI: arch.CSKY}}},
		"the default is allow on x86_64":          two,
		"write would be for the supervisor":       simple(t, filter.Allow, map[string][]filter.Clause{"write": {{Then: filter.Notify}}}),
		"no listener path":                        simple(t, filter.Allow, map[string][]filter.Clause{"mount": {{Then: filter.Notify}}}),
		"write would be":                          simple(t, filter.Notify, nil),
		"no word for action":                      simple(t, filter.Action(0x7ff00001), nil),
	} {
		if _, _, err := Export(l, ExportOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// The carriers of i386 do not show what they carry.
func TestExportCarriers(t *testing.T) {
	open := []filter.Clause{{Then: filter.Allow}}
	some := []filter.Clause{{When: []filter.Compare{{Arg: 0, Op: filter.EQ, Narrow: true, Value: 1}}, Then: filter.Allow}}
	for name, c := range map[string]struct {
		calls map[string][]filter.Clause
		want  filter.Action
	}{
		"nothing":   {map[string][]filter.Clause{}, filter.Errno(1)},
		"some":      {map[string][]filter.Clause{"socket": some}, filter.Notify},
		"one":       {map[string][]filter.Clause{"socket": open}, filter.Notify},
		"by name":   {map[string][]filter.Clause{"socket": some, "socketcall": open}, filter.Allow},
		"condition": {map[string][]filter.Clause{"socketcall": some}, filter.Notify},
	} {
		l := simple(t, filter.Errno(1), c.calls)
		l.ABIs = append(l.ABIs, l.ABIs[0])
		l.ABIs[1].ABI = arch.I386
		text, _, err := Export(l, ExportOptions{ListenerPath: "/s"})
		if err != nil {
			t.Fatal(err)
		}
		prog := runtimeFilter(t, text, arch.X86_64, nil)
		nr, _ := arch.I386.Number("socketcall")
		for arg := range uint64(21) {
			if got, err := prog.Run(arch.I386, nr, [6]uint64{arg}); err != nil || filter.Action(got) != c.want {
				t.Errorf("%s: socketcall(%d) gives %s, %v, want %s", name, arg, filter.Action(got), err, c.want)
			}
		}
	}
}

func TestExportTooManyRules(t *testing.T) {
	var when []filter.Compare
	for i := range 6 {
		when = append(when, filter.Compare{Arg: i, Op: filter.NE, Narrow: true, Value: 1})
	}
	l := simple(t, filter.Errno(1), map[string][]filter.Clause{"mmap": {{When: when, Then: filter.Allow}}})
	_, losses, err := Export(l, ExportOptions{ListenerPath: "/s"})
	if err != nil || len(losses) != 1 || losses[0].String() != "mmap: the format would need more than 256 rules" {
		t.Errorf("losses %v, %v", losses, err)
	}
}
