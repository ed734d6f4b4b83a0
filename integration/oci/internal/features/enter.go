package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

const insideCommand = "enter-inside"

// enter makes what a container runtime would, but leaves root all its rights: what is done there is what the machine's root may do.
func enter(args []string) int {
	cmd := exec.Command("/proc/self/exe", append([]string{insideCommand}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWNET |
		unix.CLONE_NEWCGROUP,
		Pdeathsig: unix.SIGKILL}
	if err := cmd.Run(); err != nil {
		return max(cmd.ProcessState.ExitCode(), 1)
	}
	return 0
}

// inside finishes the namespaces and executes the command.
func inside(args []string) {
	root := args[0]
	must("private mounts", unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	must("root", unix.Mount(root, root, "", unix.MS_BIND|unix.MS_REC, ""))
	must("proc", unix.Mount("proc", root+"/proc", "proc", 0, ""))
	must("sys", unix.Mount("sysfs", root+"/sys", "sysfs", unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""))
	must("dev", unix.Mount("tmpfs", root+"/dev", "tmpfs", unix.MS_NOSUID, "mode=755"))
	must("tmp", unix.Mount("tmpfs", root+"/tmp", "tmpfs", 0, "mode=1777"))
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty", "fuse", "loop-control"} {
		device(root, name)
	}
	must("devices", os.Mkdir(root+"/dev/pts", 0o755))
	must("pts", unix.Mount("devpts", root+"/dev/pts", "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620"))
	must("hostname", unix.Sethostname([]byte("native")))
	must("old root", os.MkdirAll(filepath.Join(root, "mnt"), 0o755))
	must("pivot", unix.PivotRoot(root, root+"/mnt"))
	must("chdir", os.Chdir("/"))
	must("old root", unix.Unmount("/mnt", unix.MNT_DETACH))
	path := args[1]
	must("exec "+path, syscall.Exec(path, args[1:], []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=/root"}))
}

// device is the machine's, where it has it.
func device(root, name string) {
	var st unix.Stat_t
	if unix.Stat("/dev/"+name, &st) != nil {
		return
	}
	must("device", unix.Mknod(root+"/dev/"+name, unix.S_IFCHR|0o666, int(st.Rdev)))
	must("device", os.Chmod(root+"/dev/"+name, 0o666))
}
