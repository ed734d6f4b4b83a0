package container

import (
	"fmt"
	"os"
	"os/signal"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// dropped is how many of the calls may go wrong: the kernel may take an answer from the supervisor at the very moment at which a signal ends the
// waiting for it, and drop it (docs/decisions.md, 72: one of thousands). Where nothing is remembered it is dozens.
const dropped = 2

// signalled mounts and unmounts while signals come all the time, whose handler has calls repeated (Go installs it with SA_RESTART).
func signalled(c *container) {
	alarms := make(chan os.Signal, 1)
	signal.Notify(alarms, unix.SIGALRM)
	const period = 2 * time.Millisecond
	every := unix.Timeval{Usec: period.Microseconds()}
	_, err := unix.Setitimer(unix.ITIMER_REAL, unix.Itimerval{Interval: every, Value: every})
	must("timer", err)
	wrong, times := map[string]int{}, 0
	check := func(step string, err error) {
		if err != nil {
			wrong[step+": "+err.Error()]++
			times++
		}
	}
	for range 300 {
		check("mount", unix.Mount("x", "/media/t", "tmpfs", 0, ""))
		check("mkdir", os.Mkdir("/media/t/d", 0o755))
		check("umount", unix.Unmount("/media/t", 0))
		fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
		check("fsopen", err)
		check("create", unix.FsconfigCreate(fs))
		m, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
		check("fsmount", err)
		check("move_mount", unix.MoveMount(m, "", unix.AT_FDCWD, "/media/d", unix.MOVE_MOUNT_F_EMPTY_PATH))
		unix.Close(fs)
		unix.Close(m)
		check("umount moved", unix.Unmount("/media/d", 0))
	}
	_, err = unix.Setitimer(unix.ITIMER_REAL, unix.Itimerval{})
	must("stop the timer", err)
	for _, at := range []string{"/media/t", "/media/d"} { // what was mounted twice fails nowhere
		for times <= 10*dropped && unix.Unmount(at, 0) == nil {
			check(at, unix.EEXIST)
		}
	}
	if times <= dropped {
		wrong = map[string]int{}
	}
	c.say("wrong", fmt.Sprint(wrong))
	c.mounts("left")
	c.say("signals", fmt.Sprint(len(alarms) > 0))
}

// A call that the kernel makes again after a signal is performed once.
func TestRepeated(t *testing.T) {
	needRoot(t)
	for _, p := range []plan{{}, {User: true}} {
		p.Scenario = "signals"
		list := native(t, p)
		p.Drop = true
		same(t, list, supervised(t, p, supervision{signals: true}))
		want{"wrong": "map[]", "signals": "true"}.check(t, list)
	}
}
