//go:build embedpolicy

package main

// The condition language brings protobuf with it, whose packages take a millisecond to initialise at every start, used or not:
// a third of a start without a policy. So scripts/build.sh builds this program twice. The whole one is put into the one without
// policies, which hands over to it when a policy is wanted. Without the tag there is one program, and no hand-over.

import (
	_ "embed"
	"fmt"
	"os"
	"runtime"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/session"
	"github.com/stead-project/stead/unotify/launch"
)

//go:embed stead-whole
var whole string

func newPolicy() *cobra.Command {
	return &cobra.Command{
		Use:                "policy",
		Short:              "Check, explain, test, show, import and export policies",
		DisableFlagParsing: true,
		RunE:               func(*cobra.Command, []string) error { return handOver() },
	}
}

// An enforcement is never made: the program that makes one takes over.
type enforcement struct{}

func (*enforcement) apply(*session.Options) {}
func (*enforcement) close()                 {}

func (f *runFlags) enforcement(hclog.Logger) (*enforcement, error) { return nil, handOver() }

// handOver executes the whole program in this one's place, with its arguments, from memory.
func handOver() error {
	fd, err := unix.MemfdCreate("stead", unix.MFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("make room for the policy engine: %w", err)
	}
	file := os.NewFile(uintptr(fd), "stead")
	defer file.Close()
	if _, err := file.WriteString(whole); err != nil {
		return fmt.Errorf("unpack the policy engine: %w", err)
	}
	// What this program was started with, and the Go runtime has changed, is what the other one has to see.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	launch.RestoreStart()
	err = unix.Exec(fmt.Sprintf("/proc/self/fd/%d", fd), os.Args, os.Environ())
	return fmt.Errorf("start the policy engine (a kernel with vm.memfd_noexec=2 forbids it; build without the tag embedpolicy there): %w", err)
}
