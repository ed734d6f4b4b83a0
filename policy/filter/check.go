package filter

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
)

// Check runs a filter for every call of every ABI and compares its answers with the spec. A difference is an error of this
// package or of libseccomp, and the filter must not be loaded.
func Check(prog Program, s Spec) error {
	abis := s.ABIs
	if len(abis) == 0 {
		abis = NativeABIs()
	}
	for _, abi := range abis {
		for nr, name := range abi.Calls() {
			if multiplexer(name) {
				continue // its own notification follows from what it multiplexes
			}
			if err := prog.expect(abi, nr, s.Notify.Has(abi.ID(nr))); err != nil {
				return err
			}
		}
		if err := prog.expect(abi, abi.NumberBase()|0x3fff, s.NotifyUnknown); err != nil {
			return err
		}
	}
	return nil
}

func (p Program) expect(abi arch.ABI, nr int32, notify bool) error {
	got, err := p.Run(abi, nr, [6]uint64{})
	if err != nil {
		return fmt.Errorf("check filter for %s %s: %w", abi, abi.Name(nr), err)
	}
	want := uint32(unix.SECCOMP_RET_ALLOW)
	if notify {
		want = unix.SECCOMP_RET_USER_NOTIF
	}
	if got != want {
		return fmt.Errorf("check filter: %s call %d (%s) gives %#x, want %#x", abi, nr, abi.Name(nr), got, want)
	}
	return nil
}

// multiplexer says whether libseccomp treats a call as others in disguise.
func multiplexer(name string) bool { return name == "socketcall" || name == "ipc" }
