package oci

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/stead-project/stead/arch"
)

// machine is whom a profile is resolved for.
type machine struct {
	abi            arch.ABI
	caps           []string
	version, minor int // of the kernel; 0, 0 is newer than any
}

func (o Options) machine() (machine, error) {
	m := machine{abi: o.Arch, caps: o.Caps}
	if m.abi == 0 {
		m.abi = arch.Native()
	}
	if o.Kernel == "" {
		return m, nil
	}
	var ok bool
	m.version, m.minor, ok = kernelVersion(o.Kernel)
	if !ok {
		return m, fmt.Errorf("kernel version %q: it must begin with VERSION.REVISION, such as 5.10", o.Kernel)
	}
	return m, nil
}

// kernelVersion reads "6.1", and the beginning of "6.1.0-13-amd64".
func kernelVersion(s string) (version, minor int, ok bool) {
	head, rest, found := strings.Cut(s, ".")
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end >= 0 {
		rest = rest[:end]
	}
	v, err1 := strconv.ParseUint(head, 10, 16)
	m, err2 := strconv.ParseUint(rest, 10, 16)
	return int(v), int(m), found && err1 == nil && err2 == nil
}

// applies says whether the machine and the container are those that a syscall is for. All of includes must hold, and nothing of
// excludes.
func (m machine) applies(s *syscall) bool {
	in, ex := &s.includes, &s.excludes
	switch {
	case slices.ContainsFunc(ex.arches, m.isArch), slices.ContainsFunc(ex.caps, m.hasCap), ex.minKernel != "" && m.atLeast(ex.minKernel):
		return false
	case len(in.arches) > 0 && !slices.ContainsFunc(in.arches, m.isArch):
		return false
	case slices.ContainsFunc(in.caps, func(c string) bool { return !m.hasCap(c) }):
		return false
	}
	return in.minKernel == "" || m.atLeast(in.minKernel)
}

// isArch: the engines compare the machine's own name, in libseccomp's spelling, which has one slip.
func (m machine) isArch(name string) bool {
	if name == "mips3l64n32" {
		name = "mipsel64n32"
	}
	abi, err := parseArch(name)
	return err == nil && abi == m.abi
}

func (m machine) hasCap(name string) bool { return slices.Contains(m.caps, name) }

func (m machine) atLeast(min string) bool {
	v, r, ok := kernelVersion(min)
	return ok && (m.version == 0 && m.minor == 0 || m.version > v || m.version == v && m.minor >= r)
}

// parseArch also knows n32 as libseccomp spells it.
func parseArch(name string) (arch.ABI, error) {
	folded := strings.TrimPrefix(strings.ToLower(name), "scmp_arch_")
	if folded == "native" {
		return arch.Native(), nil
	}
	return arch.ParseABI(folded)
}

// abis lists the ABIs that the profile lets in: the machine's own always, since libseccomp begins with it.
func (p *parser) abis(prof *profile, m machine) []arch.ABI {
	names := prof.abis
	for _, e := range prof.archMap {
		if abi, err := parseArch(e.name); err == nil && abi == m.abi {
			names = append([]string{e.name}, e.subs...)
			break
		}
	}
	list := []arch.ABI{m.abi}
	for _, name := range names {
		abi, err := parseArch(name)
		if err != nil {
			p.warn(p.pos(0), "%v", err)
			continue
		}
		if !slices.Contains(list, abi) {
			list = append(list, abi)
		}
	}
	return list
}
