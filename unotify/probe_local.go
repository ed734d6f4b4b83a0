package unotify

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// probeLocal answers what takes no child, or only one that has nothing to say.
func probeLocal(f *Features) {
	var uts unix.Utsname
	if unix.Uname(&uts) == nil {
		f.Kernel = unix.ByteSliceToString(uts.Release[:])
	}
	probeSizes(f)
	probeLandlock(f)
	probePrivilege(f)
	probeI386(f)
}

func probeSizes(f *Features) {
	sizes, err := NotifSizes()
	if err == nil {
		err = checkSizes(sizes)
	}
	f.Sizes = sizes
	f.decide(FeatureNotifSizes, err)
	if err == nil {
		f.set(FeatureNotifSizes, Yes, fmt.Sprintf("notification %d, response %d, data %d bytes", sizes.Notification,
			sizes.Response, sizes.Data), nil)
	}
}

func probeLandlock(f *Features) {
	abi, errno := landlockABI()
	switch errno {
	case 0:
		f.LandlockABI = abi
		f.set(FeatureLandlock, Yes, fmt.Sprintf("ABI version %d", abi), nil)
	case unix.ENOSYS:
		f.set(FeatureLandlock, No, "not in this kernel", errno)
	case unix.EOPNOTSUPP:
		f.set(FeatureLandlock, No, "switched off at boot", errno)
	default:
		f.set(FeatureLandlock, No, errno.Error(), errno)
	}
}

func probeI386(f *Features) {
	err := runI386()
	switch {
	case err == nil:
		f.set(FeatureI386, Yes, "", nil)
	case errors.Is(err, unix.ENOEXEC):
		f.set(FeatureI386, No, "the kernel does not run such programs", err)
	default:
		f.set(FeatureI386, Unknown, err.Error(), err)
	}
}

// neededCaps are the capabilities(7) that performing calls takes: entering a target's namespaces and root, reaching into it,
// acting under its ids.
func neededCaps() []struct {
	name string
	bit  int
} {
	return []struct {
		name string
		bit  int
	}{
		{"sys_admin", unix.CAP_SYS_ADMIN}, {"sys_ptrace", unix.CAP_SYS_PTRACE}, {"sys_chroot", unix.CAP_SYS_CHROOT},
		{"setuid", unix.CAP_SETUID}, {"setgid", unix.CAP_SETGID}, {"setpcap", unix.CAP_SETPCAP},
		{"dac_override", unix.CAP_DAC_OVERRIDE}, {"dac_read_search", unix.CAP_DAC_READ_SEARCH}, {"fowner", unix.CAP_FOWNER},
		{"chown", unix.CAP_CHOWN}, {"mknod", unix.CAP_MKNOD}, {"kill", unix.CAP_KILL},
	}
}

func probePrivilege(f *Features) {
	detail := fmt.Sprintf("effective user id %d", os.Geteuid())
	f.set(FeatureRoot, No, detail, nil)
	if os.Geteuid() == 0 {
		f.set(FeatureRoot, Yes, detail, nil)
	}
	caps, err := effectiveCaps()
	if err != nil {
		f.set(FeatureCapabilities, Unknown, err.Error(), err)
		return
	}
	var lacking []string
	for _, c := range neededCaps() {
		if caps>>c.bit&1 == 0 {
			lacking = append(lacking, c.name)
		}
	}
	if len(lacking) > 0 {
		f.set(FeatureCapabilities, No, "lacking: "+strings.Join(lacking, " "), nil)
	} else {
		f.set(FeatureCapabilities, Yes, "", nil)
	}
	probePtraceScope(f, caps>>unix.CAP_SYS_PTRACE&1 != 0)
}

// effectiveCaps asks for the calling thread, capget(2).
func effectiveCaps() (uint64, error) {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return 0, fmt.Errorf("get capabilities: %w", err)
	}
	return uint64(data[1].Effective)<<32 | uint64(data[0].Effective), nil
}

// probePtraceScope reads Yama's setting (Documentation/admin-guide/LSM/Yama.rst). Targets that the supervisor started are its
// descendants, so 1 is no hindrance; those of a container runtime are not.
func probePtraceScope(f *Features, mayTrace bool) {
	text, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope")
	if errors.Is(err, os.ErrNotExist) {
		f.set(FeaturePtraceScope, Yes, "no Yama in this kernel", nil)
		return
	}
	scope := strings.TrimSpace(string(text))
	state := Unknown
	switch {
	case err != nil:
		scope = err.Error()
	case scope == "0" || scope == "1" || (scope == "2" && mayTrace):
		state = Yes
	case scope == "2" || scope == "3":
		state = No
	}
	f.set(FeaturePtraceScope, state, scope, err)
}
