// Package filter builds the part of a policy that the kernel decides: seccomp filters, made with libseccomp and checked before
// anybody loads them. It is the only package that needs libseccomp.
package filter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"slices"

	seccomp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
)

// A Program is a seccomp filter in the kernel's form. See seccomp(2).
type Program []unix.SockFilter

// Notifies says whether some call may be notified.
func (p Program) Notifies() bool {
	return slices.ContainsFunc(p, func(ins unix.SockFilter) bool {
		return ins.Code == unix.BPF_RET|unix.BPF_A || ins.Code == unix.BPF_RET|unix.BPF_K && ins.K&unix.SECCOMP_RET_ACTION_FULL == unix.SECCOMP_RET_USER_NOTIF
	})
}

// A Spec says which calls a filter sends to the supervisor; it allows the others.
type Spec struct {
	ABIs   []arch.ABI     // the ABIs that it is for; calls of others are allowed. Empty: the native one and its compat ABIs
	Notify arch.Selection // the calls
	// NotifyUnknown also notifies numbers that no table has a name for.
	NotifyUnknown bool
}

// scmpArches are libseccomp's names. An ABI that is not here cannot be filtered.
var scmpArches = [...]struct {
	abi  arch.ABI
	scmp seccomp.ScmpArch
}{
	{arch.X86_64, seccomp.ArchAMD64}, {arch.I386, seccomp.ArchX86}, {arch.X32, seccomp.ArchX32},
	{arch.AArch64, seccomp.ArchARM64}, {arch.ARM, seccomp.ArchARM}, {arch.RISCV64, seccomp.ArchRISCV64},
	{arch.PPC64LE, seccomp.ArchPPC64LE}, {arch.PPC64, seccomp.ArchPPC64}, {arch.S390X, seccomp.ArchS390X}, {arch.S390, seccomp.ArchS390},
	{arch.MIPS, seccomp.ArchMIPS}, {arch.MIPSEL, seccomp.ArchMIPSEL}, {arch.MIPS64, seccomp.ArchMIPS64},
	{arch.MIPSEL64, seccomp.ArchMIPSEL64}, {arch.MIPS64N32, seccomp.ArchMIPS64N32}, {arch.MIPSEL64N32, seccomp.ArchMIPSEL64N32},
	{arch.LoongArch64, seccomp.ArchLOONGARCH64},
}

// NativeABIs are the ABIs whose calls this machine's kernel may take: the native one first, then its compat ABIs.
func NativeABIs() []arch.ABI {
	native := arch.Native()
	return append([]arch.ABI{native}, native.Compat()...)
}

// Build gives the filter of a spec, checked call by call.
func Build(s Spec) (Program, error) {
	if len(s.ABIs) == 0 {
		s.ABIs = NativeABIs()
	}
	if prog, ok := lookup(s); ok {
		return prog, nil
	}
	return Compile(s)
}

// Compile is Build without the filters that were built in advance. What libseccomp cannot say (calls newer than its tables) is
// put before its program.
func Compile(s Spec) (Program, error) {
	p := plan(s)
	body, err := p.compile()
	if err != nil {
		return nil, err
	}
	missing, err := p.missing(body)
	if err != nil {
		return nil, err
	}
	prog := append(p.prologue(missing), body...)
	if len(prog) > unix.BPF_MAXINSNS {
		return nil, fmt.Errorf("build filter: %d instructions, the kernel takes %d", len(prog), unix.BPF_MAXINSNS)
	}
	if err := Check(prog, s); err != nil {
		return nil, err
	}
	return prog, nil
}

// A builder makes one filter: a default action and the other one for a list of calls, whichever way is shorter.
type builder struct {
	abis     []arch.ABI
	fallback seccomp.ScmpAction
	action   seccomp.ScmpAction
	calls    arch.Selection // that get action
}

func plan(s Spec) *builder {
	b := &builder{abis: s.ABIs, fallback: seccomp.ActAllow, action: seccomp.ActNotify, calls: s.Notify}
	if s.NotifyUnknown {
		b.fallback, b.action = seccomp.ActNotify, seccomp.ActAllow
		b.calls = arch.AllCalls().Minus(s.Notify)
	}
	return b
}

// compile lets libseccomp write its program.
func (b *builder) compile() (Program, error) {
	f, err := seccomp.NewFilter(b.fallback)
	if err != nil {
		return nil, fmt.Errorf("build filter: %w", err)
	}
	defer f.Release()
	if err := setUpFilter(f, b.abis, seccomp.ActAllow); err != nil {
		return nil, fmt.Errorf("build filter: %w", err)
	}
	for _, id := range b.calls.IDs() {
		// A name that libseccomp does not know, on all or some of the ABIs, is left to the prologue.
		if nr, err := seccomp.GetSyscallFromName(id.Name()); err == nil {
			_ = f.AddRule(nr, b.action)
		}
	}
	raw, err := export(f)
	return decode(raw, b.abis[0].ByteOrder()), err
}

func setUpFilter(f *seccomp.ScmpFilter, abis []arch.ABI, bad seccomp.ScmpAction) error {
	if !slices.Contains(abis, arch.Native()) { // first: libseccomp takes ABIs of one byte order only
		if err := f.RemoveArch(seccomp.ArchNative); err != nil {
			return fmt.Errorf("remove native ABI: %w", err)
		}
	}
	for _, abi := range abis {
		a, ok := scmpArch(abi)
		if !ok {
			return fmt.Errorf("libseccomp does not know the ABI %s", abi)
		}
		if err := f.AddArch(a); err != nil {
			return fmt.Errorf("add ABI %s: %w", abi, err)
		}
	}
	return errors.Join(f.SetBadArchAction(bad), f.SetNoNewPrivsBit(false), f.SetOptimize(2))
}

func scmpArch(abi arch.ABI) (seccomp.ScmpArch, bool) {
	for _, a := range scmpArches {
		if a.abi == abi {
			return a.scmp, true
		}
	}
	return seccomp.ArchInvalid, false
}

// export takes libseccomp's program through a memory file: version 2.5 writes only to descriptors.
func export(f *seccomp.ScmpFilter) ([]byte, error) {
	fd, err := unix.MemfdCreate("filter", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("build filter: %w", err)
	}
	file := os.NewFile(uintptr(fd), "filter")
	defer file.Close()
	if err := f.ExportBPF(file); err != nil {
		return nil, fmt.Errorf("export filter: %w", err)
	}
	st, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("export filter: %w", err)
	}
	raw := make([]byte, st.Size())
	if _, err := file.ReadAt(raw, 0); err != nil {
		return nil, fmt.Errorf("export filter: %w", err)
	}
	return raw, nil
}

// decode reads struct sock_filter as the ABIs' machine stores it.
func decode(raw []byte, order binary.ByteOrder) Program {
	prog := make(Program, len(raw)/8)
	for i := range prog {
		r := raw[8*i:]
		prog[i] = unix.SockFilter{Code: order.Uint16(r), Jt: r[2], Jf: r[3], K: order.Uint32(r[4:])}
		if order != arch.Native().ByteOrder() {
			repair(&prog[i])
		}
	}
	return prog
}

// repair turns round the action of a return that libseccomp 2.5.4 leaves in its own machine's byte order, which it does in large
// programs for machines of the other one.
func repair(ins *unix.SockFilter) {
	swapped := bits.ReverseBytes32(ins.K)
	if ins.Code == unix.BPF_RET|unix.BPF_K && !Action(ins.K).valid() && Action(swapped).valid() {
		ins.K = swapped
	}
}
