package oci

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy/filter"
)

// dockerCaps are what the engine leaves a container by default.
func dockerCaps() []string {
	return []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID",
		"CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE"}
}

// TestRoundTrip proves that an imported and exported profile is the same filter: what a runtime builds of the one and of the other
// answers every call of every ABI alike, whatever its registers are. Of a parameter that is an int the kernel sees the lower half
// only, and so does the exported filter; the engine's own looks at the upper half too.
func TestRoundTrip(t *testing.T) {
	for _, file := range []string{"docker-default", "containers-common"} {
		for _, native := range []arch.ABI{arch.X86_64, arch.AArch64} {
			for name, caps := range map[string][]string{"none": {}, "default": dockerCaps(), "admin": {"CAP_SYS_ADMIN", "CAP_BPF", "CAP_SYSLOG"}} {
				t.Run(file+"/"+native.String()+"/"+name, func(t *testing.T) { roundTrip(t, file, native, caps) })
			}
		}
	}
}

func roundTrip(t *testing.T, file string, native arch.ABI, caps []string) {
	text, err := os.ReadFile("testdata/" + file + ".json")
	if err != nil {
		t.Fatal(err)
	}
	p, err := ImportProfile(bytes.NewReader(text), Options{Name: file, Arch: native, Caps: caps})
	if err != nil {
		t.Fatal(err)
	}
	out, losses, err := Export(lists(t, p.Document, p.ABIs), ExportOptions{})
	if err != nil || len(losses) > 0 {
		t.Fatalf("export: %v, losses %v", err, losses)
	}
	before, after := runtimeFilter(t, text, native, caps), runtimeFilter(t, out, native, nil)
	if n := compareFilters(t, before, after, p.ABIs, constants(t, text)); n < 10_000 {
		t.Errorf("%d calls compared, which cannot be all", n)
	}
}

// TestRoundTripNotices: a comparison that finds nothing in wrong filters would prove nothing.
func TestRoundTripNotices(t *testing.T) {
	text, err := os.ReadFile("testdata/docker-default.json")
	if err != nil {
		t.Fatal(err)
	}
	before := runtimeFilter(t, text, arch.X86_64, nil)
	for old, wrong := range map[string]string{`"open",`: "", `131080`: `131081`, `2114060288`: `2114060287`, `"errnoRet": 38`: `"errnoRet": 39`} {
		after := runtimeFilter(t, bytes.Replace(text, []byte(old), []byte(wrong), 1), arch.X86_64, nil)
		probe := &testing.T{}
		compareFilters(probe, before, after, []arch.ABI{arch.X86_64, arch.I386}, constants(t, text))
		if !probe.Failed() {
			t.Errorf("nothing is found although %s was replaced", old)
		}
	}
}

// constants are the boundary values of every argument that a profile compares, by call.
func constants(t *testing.T, text []byte) map[string][6][]uint64 {
	t.Helper()
	var p runtimeProfile
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	all := map[string][6][]uint64{}
	for _, r := range p.Syscalls {
		for _, name := range r.Names {
			lists := all[name]
			for _, a := range r.Args {
				for _, v := range []uint64{a.Value, a.ValueTwo} {
					lists[a.Index] = append(lists[a.Index], v-1, v, v+1, v|1<<32, ^v, v<<32)
				}
				for bit := range 64 {
					lists[a.Index] = append(lists[a.Index], a.Value^1<<bit)
				}
			}
			all[name] = lists
		}
	}
	return all
}

// compareFilters runs every call with every combination of values of up to two arguments.
func compareFilters(t *testing.T, before, after filter.Program, abis []arch.ABI, values map[string][6][]uint64) (count int) {
	t.Helper()
	for _, abi := range abis {
		for nr, name := range abi.Calls() {
			for _, args := range combinations(values[name]) {
				count++
				compareCall(t, before, after, abi, nr, args)
			}
		}
		compareCall(t, before, after, abi, abi.NumberBase()+3000, [6]uint64{})
	}
	compareCall(t, before, after, arch.RISCV64, 1, [6]uint64{})
	return count
}

func combinations(values [6][]uint64) [][6]uint64 {
	list := [][6]uint64{{}, {^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}}
	for i, vs := range values {
		if len(vs) == 0 {
			continue
		}
		for _, old := range list {
			for _, v := range vs {
				old[i] = v
				list = append(list, old)
			}
		}
	}
	if len(list) == 2 { // no comparison: any registers will do
		for i := range uint64(20) {
			list = append(list, [6]uint64{i, i << 31, 1 << i, i, i, i})
		}
	}
	return list
}

func compareCall(t *testing.T, before, after filter.Program, abi arch.ABI, nr int32, args [6]uint64) {
	t.Helper()
	seen := args
	if sig := abi.Signature(abi.ID(nr)); sig != nil {
		for i := range min(len(sig.Params), 6) {
			if sig.Params[i].Width == 4 {
				seen[i] = uint64(uint32(args[i]))
			}
		}
	}
	if !wide(abi) {
		for i := range args {
			args[i], seen[i] = uint64(uint32(args[i])), uint64(uint32(seen[i]))
		}
	}
	want, err1 := before.Run(abi, nr, seen)
	got, err2 := after.Run(abi, nr, args)
	if want != got || err1 != nil || err2 != nil {
		t.Errorf("%s %s%#x: %#x (%v), after import and export %#x (%v)", abi, abi.Name(nr), args, want, err1, got, err2)
	}
}
