package perform

import (
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/testneed"
	"github.com/stead-project/stead/unotify"
)

// A stand-in whose root somebody has moved is seen to be elsewhere, by the supervisor and when it is asked itself.
func TestMovedRoot(t *testing.T) {
	if os.Getuid() != 0 {
		testneed.Missing(t, "needs root, to change a stand-in's root")
	}
	targets, err := unotify.NewTargets(unotify.TargetsOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer targets.Close()
	f, err := New(Options{Targets: targets})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	task, err := f.pool.starter.Start()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{strconv.Itoa(task.TID()) + "/root", "not/to/be/seen"} {
		th := &thread{f: f, task: task, tid: task.TID(), rootName: name}
		for _, dir := range []string{t.TempDir(), t.TempDir(), "/"} {
			fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			var st unix.Statx_t
			if errno := th.fstat(fd, &st); errno != 0 {
				t.Fatal(errno)
			}
			here := placeOf(&st)
			if dir != "/" && th.isAt(here) {
				t.Errorf("%s: at %s, where it has not been", name, dir)
			}
			_, first := th.call(unix.SYS_FCHDIR, uintptr(fd), 0, 0, 0, 0, 0)
			_, second := th.call(unix.SYS_CHROOT, address([]byte(".\x00")), 0, 0, 0, 0, 0)
			if first != 0 || second != 0 || !th.isAt(here) {
				t.Errorf("%s: %v, %v, and not at %s, where it was put", name, first, second, dir)
			}
		}
	}
}
