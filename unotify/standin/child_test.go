package standin

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A child makes a call with the task's descriptors, and not as the task.
func TestCallInChild(t *testing.T) {
	var s Starter
	defer s.Close()
	task, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer task.Close()
	parent, errno := task.CallInChild(unix.SYS_GETPPID)
	if errno != 0 || int(parent) != task.TID() {
		t.Errorf("the child's parent is %d (%v), not the task %d", parent, errno, task.TID())
	}
	if _, errno := task.CallInChild(unix.SYS_CLOSE, ^uintptr(0)); errno != unix.EBADF {
		t.Errorf("close(-1): %v", errno)
	}
	fd, errno := task.CallInChild(unix.SYS_EVENTFD2, 0, unix.EFD_CLOEXEC)
	if errno != 0 {
		t.Fatal(errno)
	}
	if _, err := unix.FcntlInt(fd, unix.F_GETFD, 0); err != nil {
		t.Errorf("the child's descriptor is not the supervisor's: %v", err)
	}
	unix.Close(int(fd))
	begun := time.Now()
	if _, errno := task.CallInChild(unix.SYS_KILL, uintptr(os.Getpid()), 0); errno != 0 {
		t.Errorf("kill: %v", errno)
	}
	if took := time.Since(begun); took > time.Second {
		t.Errorf("two calls took %v", took)
	}
}

// A child that waits for ever is ended, and the call fails.
func TestStuckChild(t *testing.T) {
	var s Starter
	defer s.Close()
	task, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer task.Close()
	begun := time.Now()
	if _, errno := task.CallInChild(unix.SYS_PAUSE); errno != unix.EINTR {
		t.Errorf("pause: %v", errno)
	}
	if took := time.Since(begun); took < patience || took > 3*patience {
		t.Errorf("it took %v", took)
	}
	if _, errno := task.Call(unix.SYS_GETPID, 0, 0, 0, 0, 0, 0); errno != 0 {
		t.Errorf("the task after that: %v", errno)
	}
}
