// Command plain runs a program with mkdirat notified and answers each call with ENOTDIR, looking at nothing: what a round
// trip through package unotify costs, to be held against the same in C (bench/floor.c).
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/unotify"
	"github.com/stead-project/stead/unotify/launch"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: plain PROGRAM [ARGS...]")
		os.Exit(2)
	}
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "plain: %v\n", err)
		os.Exit(125)
	}
	os.Exit(code)
}

// filter notifies mkdirat and allows everything else. The program is this machine's own, so that the ABI is not looked at.
var filter = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // seccomp_data.nr
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_MKDIRAT, Jf: 1},
	{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF},
	{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
}

// run returns the program's exit status, as a shell has it.
func run(argv []string) (int, error) {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return 0, err
	}
	child, err := launch.Start(launch.Options{
		Path: path, Args: argv, Filter: filter, FilterFlags: unotify.FlagWaitKillableRecv,
	})
	if err != nil {
		return 0, err
	}
	defer child.Release()
	defer child.Listener.Close()
	if err := child.Listener.SetFlags(unotify.SyncWakeUp); err != nil {
		fmt.Fprintf(os.Stderr, "plain: %v\n", err) // slower, but a measurement all the same
	}
	if err := answer(child.Listener); err != nil {
		return 0, err
	}
	return wait(child.PID)
}

// answer serves until the last target has gone.
func answer(l *unotify.Listener) error {
	r, err := l.NewReceiver()
	if err != nil {
		return err
	}
	defer r.Close()
	var n unotify.Notification
	for {
		err := r.Receive(&n)
		if errors.Is(err, unotify.ErrHangup) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := l.Respond(n.ID, unotify.Response{Errno: unix.ENOTDIR}); err != nil && !errors.Is(err, unotify.ErrGone) {
			return err
		}
	}
}

func wait(pid int) (int, error) {
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(pid, &status, 0, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("wait for the program: %w", err)
		}
		if status.Signaled() {
			return 128 + int(status.Signal()), nil
		}
		return status.ExitStatus(), nil
	}
}
