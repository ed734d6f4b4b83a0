package oci

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	seccomp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy/filter"
)

// What a container engine and a runtime do with a profile, written from the specification and apart from this package's own
// reading, down to libseccomp's program.

type runtimeProfile struct {
	DefaultAction   string
	DefaultErrnoRet *uint16
	Architectures   []string
	ArchMap         []struct {
		Architecture     string
		SubArchitectures []string
	}
	Syscalls []runtimeRule
}

type runtimeRule struct {
	Names              []string
	Action             string
	ErrnoRet           *uint16
	Args               []runtimeArg
	Includes, Excludes struct{ Caps, Arches []string }
}

type runtimeArg struct {
	Index           uint
	Value, ValueTwo uint64
	Op              string
}

func (r *runtimeRule) counts(native arch.ABI, caps []string) bool {
	isNative := func(name string) bool { a, err := arch.ParseABI(name); return err == nil && a == native }
	hasCap := func(name string) bool { return slices.Contains(caps, name) }
	if slices.ContainsFunc(r.Excludes.Arches, isNative) || slices.ContainsFunc(r.Excludes.Caps, hasCap) {
		return false
	}
	if len(r.Includes.Arches) > 0 && !slices.ContainsFunc(r.Includes.Arches, isNative) {
		return false
	}
	for _, c := range r.Includes.Caps {
		if !hasCap(c) {
			return false
		}
	}
	return true
}

func (p *runtimeProfile) abis(native arch.ABI) []string {
	list := slices.Clone(p.Architectures)
	for _, m := range p.ArchMap {
		if a, err := arch.ParseABI(m.Architecture); err == nil && a == native {
			list = append(append(list, m.Architecture), m.SubArchitectures...)
		}
	}
	return list
}

func scmpAct(t testing.TB, name string, errno *uint16) seccomp.ScmpAction {
	t.Helper()
	code := int16(unix.EPERM)
	if errno != nil {
		code = int16(*errno)
	}
	switch name {
	case "SCMP_ACT_ALLOW":
		return seccomp.ActAllow
	case "SCMP_ACT_LOG":
		return seccomp.ActLog
	case "SCMP_ACT_NOTIFY":
		return seccomp.ActNotify
	case "SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD":
		return seccomp.ActKillThread
	case "SCMP_ACT_KILL_PROCESS":
		return seccomp.ActKillProcess
	case "SCMP_ACT_TRAP":
		return seccomp.ActTrap
	case "SCMP_ACT_TRACE":
		return seccomp.ActTrace.SetReturnCode(code)
	case "SCMP_ACT_ERRNO":
		return seccomp.ActErrno.SetReturnCode(code)
	}
	t.Fatalf("no action %q", name)
	return 0
}

func scmpCond(t testing.TB, a runtimeArg) seccomp.ScmpCondition {
	t.Helper()
	ops := map[string]seccomp.ScmpCompareOp{"SCMP_CMP_EQ": seccomp.CompareEqual, "SCMP_CMP_NE": seccomp.CompareNotEqual,
		"SCMP_CMP_LT": seccomp.CompareLess, "SCMP_CMP_LE": seccomp.CompareLessOrEqual, "SCMP_CMP_GT": seccomp.CompareGreater,
		"SCMP_CMP_GE": seccomp.CompareGreaterEqual, "SCMP_CMP_MASKED_EQ": seccomp.CompareMaskedEqual}
	values := []uint64{a.Value}
	if a.Op == "SCMP_CMP_MASKED_EQ" {
		values = append(values, a.ValueTwo)
	}
	c, err := seccomp.MakeCondition(a.Index, ops[a.Op], values...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// runtimeFilter builds the program that a runtime on a machine would load.
func runtimeFilter(t testing.TB, text []byte, native arch.ABI, caps []string) filter.Program {
	t.Helper()
	var p runtimeProfile
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	fallback := scmpAct(t, p.DefaultAction, p.DefaultErrnoRet)
	f, err := seccomp.NewFilter(fallback)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Release()
	setArches(t, f, p.abis(native), native)
	if err := f.SetOptimize(2); err != nil {
		t.Fatal(err)
	}
	for i := range p.Syscalls {
		if r := &p.Syscalls[i]; r.counts(native, caps) {
			addRule(t, f, r, fallback)
		}
	}
	return export(t, f, native)
}

func setArches(t testing.TB, f *seccomp.ScmpFilter, names []string, native arch.ABI) {
	t.Helper()
	if native != arch.Native() {
		if err := f.RemoveArch(seccomp.ArchNative); err != nil {
			t.Fatal(err)
		}
	}
	if len(names) == 0 {
		names = []string{native.String()}
	}
	for _, name := range names {
		abi, err := arch.ParseABI(name)
		if err != nil {
			t.Fatal(err)
		}
		scmp := map[arch.ABI]seccomp.ScmpArch{arch.X86_64: seccomp.ArchAMD64, arch.I386: seccomp.ArchX86, arch.X32: seccomp.ArchX32,
			arch.AArch64: seccomp.ArchARM64, arch.ARM: seccomp.ArchARM}[abi]
		if err := f.AddArch(scmp); err != nil {
			t.Fatal(err)
		}
	}
}

func addRule(t testing.TB, f *seccomp.ScmpFilter, r *runtimeRule, fallback seccomp.ScmpAction) {
	t.Helper()
	then := scmpAct(t, r.Action, r.ErrnoRet)
	if then == fallback {
		return
	}
	var conds []seccomp.ScmpCondition
	seen, twice := map[uint]bool{}, false
	for _, a := range r.Args {
		conds = append(conds, scmpCond(t, a))
		twice = twice || seen[a.Index]
		seen[a.Index] = true
	}
	for _, name := range r.Names {
		nr, err := seccomp.GetSyscallFromName(name)
		if err != nil {
			continue
		}
		switch {
		case len(conds) == 0:
			err = f.AddRule(nr, then)
		case twice:
			for _, c := range conds {
				if err == nil {
					err = f.AddRuleConditional(nr, then, []seccomp.ScmpCondition{c})
				}
			}
		default:
			err = f.AddRuleConditional(nr, then, conds)
		}
		if err != nil && err != unix.EEXIST {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

func export(t testing.TB, f *seccomp.ScmpFilter, native arch.ABI) filter.Program {
	t.Helper()
	fd, err := unix.MemfdCreate("filter", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "filter")
	defer file.Close()
	if err := f.ExportBPF(file); err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, 8*unix.BPF_MAXINSNS)
	n, _ := file.ReadAt(raw, 0)
	order := native.ByteOrder()
	prog := make(filter.Program, n/8)
	for i := range prog {
		r := raw[8*i:]
		prog[i] = unix.SockFilter{Code: order.Uint16(r), Jt: r[2], Jf: r[3], K: order.Uint32(r[4:])}
	}
	return prog
}
