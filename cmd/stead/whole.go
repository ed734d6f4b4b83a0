//go:build embedwhole

package main

// Go initialises every package that is linked, used or not: what the agent brings with it, Prometheus' client for one, would cost every start
// of a program two milliseconds, as much as the rest of this program's own. So scripts/build.sh builds it twice. The whole one is put into
// the one that runs programs, which hands the other verbs over: to its copy beside this program if there is one, which costs an
// execve(2), or else from memory, which costs copying it. Without the tag there is one program, and no hand-over.

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/unotify/launch"
)

//go:embed stead-whole
var whole string

func newPolicy() *cobra.Command {
	return handedOver("policy", "Check, explain, test, show, import and export policies")
}

func newAgent(*globals) *cobra.Command {
	return handedOver("agent", "Supervise the containers that runc, crun, containerd, podman and LXC hand over")
}

func handedOver(verb, what string) *cobra.Command {
	return &cobra.Command{Use: verb, Short: what, DisableFlagParsing: true, RunE: func(*cobra.Command, []string) error { return handOver() }}
}

// handOver executes the whole program in this one's place, with its arguments.
func handOver() error {
	file, path, err := wholeProgram()
	if err != nil {
		return err
	}
	defer file.Close()
	// What this program was started with, and the Go runtime has changed, is what the other one has to see.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	launch.RestoreStart()
	err = unix.Exec(path, os.Args, os.Environ())
	return fmt.Errorf("start the whole program (a kernel with vm.memfd_noexec=2 forbids it without %s beside the program): %w", wholeName, err)
}

// wholeName is the whole program's, beside this one or below libexec.
const wholeName = "stead-whole"

// wholeProgram opens the whole program, on disk or in memory, and says by which path to execute what is open.
func wholeProgram() (*os.File, string, error) {
	if exe, err := os.Executable(); err == nil {
		dir := filepath.Dir(exe)
		for _, path := range []string{filepath.Join(dir, wholeName), filepath.Join(dir, "../libexec/stead", wholeName)} {
			if file, err := os.Open(path); err == nil {
				if isWhole(file) {
					return file, fmt.Sprintf("/proc/self/fd/%d", file.Fd()), nil
				}
				file.Close()
			}
		}
	}
	file, err := inMemory()
	if err != nil {
		return nil, "", err
	}
	return file, fmt.Sprintf("/proc/self/fd/%d", file.Fd()), nil
}

// isWhole says whether a file is the program that is built in: nobody but root or whoever owns this process can have written it, it is as
// long, and it begins alike, which is where the linker puts the build's hash.
func isWhole(file *os.File) bool {
	var st unix.Stat_t
	if unix.Fstat(int(file.Fd()), &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Mode&0o022 != 0 || st.Mode&0o111 == 0 ||
		st.Uid != 0 && st.Uid != uint32(os.Geteuid()) || st.Size != int64(len(whole)) {
		return false
	}
	head := make([]byte, 4096)
	n, err := file.ReadAt(head, 0)
	return err == nil && string(head[:n]) == whole[:n]
}

func inMemory() (*os.File, error) {
	fd, err := unix.MemfdCreate("stead", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make room for the whole program: %w", err)
	}
	file := os.NewFile(uintptr(fd), "stead")
	if _, err := file.WriteString(whole); err != nil {
		file.Close()
		return nil, fmt.Errorf("unpack the whole program: %w", err)
	}
	return file, nil
}
