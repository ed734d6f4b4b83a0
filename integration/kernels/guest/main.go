// Command guest is the first process of a machine that exists to try Stead under another kernel: it mounts what programs
// expect, makes the checks as root and as an ordinary user, reports each on the console, and restarts the machine, which ends
// the emulator. scripts/kernels.sh puts it into an archive with the programs under test; docs/kernels.md describes the result.
//
// As "guest checks" it makes the checks alone, on whatever machine it is; as "guest try" it is a program under a policy.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

func main() {
	verb := ""
	if len(os.Args) > 1 {
		verb = os.Args[1]
	}
	switch {
	case verb == "checks":
		os.Exit(checkAll(os.Args[2:]))
	case verb == "try":
		try(os.Args[2])
	case os.Getpid() == 1:
		boot()
	default:
		fmt.Fprintln(os.Stderr, "usage: guest checks [NAME...] | guest try DIRECTORY; or as the first process of a machine")
		os.Exit(2)
	}
}

// ordinary is the user and group of the second round.
const ordinary = 1000

// boot is the life of the first process.
func boot() {
	fmt.Println() // what the firmware wrote need not end a line
	for _, step := range []func() error{mounts, modules, directories, asRoot, asOrdinary} {
		if err := step(); err != nil {
			fmt.Printf("guest: %v\n", err)
		}
	}
	fmt.Println("guest: end")
	unix.Sync()
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART); err != nil {
		fmt.Printf("guest: restart: %v\n", err)
	}
	select {} // the end of the first process would be a panic
}

// mounts gives the guest the file systems that every system has.
func mounts() error {
	for _, m := range []struct{ kind, where string }{
		{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}, {"tmpfs", "/home"},
	} {
		if err := os.MkdirAll(m.where, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, m.where, m.kind, 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.where, err)
		}
	}
	return nil
}

// modules loads what the kernel's package has apart and containers use.
func modules() error {
	f, err := os.Open("/overlay.ko")
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.FinitModule(int(f.Fd()), "", 0); err != nil {
		return fmt.Errorf("load %s: %w", f.Name(), err)
	}
	return nil
}

func directories() error {
	if err := os.Chmod("/tmp", 0o1777); err != nil {
		return err
	}
	if err := os.MkdirAll("/home/user", 0o755); err != nil {
		return err
	}
	return os.Chown("/home/user", ordinary, ordinary)
}

func asRoot() error { return round("/tmp", nil) }

func asOrdinary() error {
	return round("/home/user", &syscall.Credential{Uid: ordinary, Gid: ordinary})
}

// round makes all checks as one user, in a process of its own.
func round(home string, as *syscall.Credential) error {
	cmd := exec.Command("/proc/self/exe", "checks")
	cmd.Args[0] = os.Args[0]
	cmd.Dir = home
	cmd.Env = []string{"PATH=/bin", "HOME=" + home, "TMPDIR=" + home, "LC_ALL=C"}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	return cmd.Run()
}
