package procself

import (
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

func opened(t *testing.T, path string) int {
	t.Helper()
	fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("open %s: %v", path, err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// sleeper is a process of somebody else.
func sleeper(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill() //nolint:errcheck // it may have been ended already
		cmd.Wait()         //nolint:errcheck // as above
	})
	return cmd
}

func TestOwn(t *testing.T) {
	var tasks Tasks
	cmd := sleeper(t)
	other := "/proc/" + strconv.Itoa(cmd.Process.Pid)
	check := func(path string, fd int, want bool) {
		t.Helper()
		if got := tasks.Own(fd); got != want {
			t.Errorf("%s: own %v, want %v", path, got, want)
		}
	}
	for path, want := range map[string]bool{
		"/proc/self": true, "/proc/self/fd": true, "/proc/thread-self/ns": true, "/proc/self/task": true,
		"/proc/sys/kernel": false, "/proc/1": os.Getpid() == 1, other: false, other + "/fd": false,
		"/dev": true, // nothing above it is a process's: in doubt
	} {
		check(path, opened(t, path), want)
	}
	held := opened(t, other+"/fd")
	tasks.Add(cmd.Process.Pid)
	check(other+" added", held, true)
	tasks.Remove(cmd.Process.Pid)
	check(other+" removed", held, false)
	gone := opened(t, other)
	cmd.Process.Kill()                  //nolint:errcheck // Wait says whether it ended
	cmd.Wait()                          //nolint:errcheck // it was killed
	check("a dead process", gone, true) // nothing can be seen above it: in doubt
}

func TestEntry(t *testing.T) {
	dir, root, ok := Entry(opened(t, "/proc/thread-self/ns"))
	if !ok {
		t.Fatal("no entry above a directory of procfs")
	}
	defer unix.Close(dir)
	defer unix.Close(root)
	var got, want, top unix.Stat_t
	if unix.Fstat(dir, &got) != nil || unix.Stat("/proc/self", &want) != nil || unix.Fstat(root, &top) != nil {
		t.Fatal("what was found cannot be looked at")
	}
	if got.Dev != want.Dev || got.Ino != want.Ino || top.Ino != Root {
		t.Errorf("entry %d below %d, want %d below %d", got.Ino, top.Ino, want.Ino, Root)
	}
	if _, _, ok := Entry(-1); ok {
		t.Error("a closed descriptor has an entry")
	}
}

func TestIDsIn(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	proc, fds, err := open()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(proc)
	defer unix.Close(fds)
	pid, tid, ok := IDsIn(proc, opened(t, "/proc/thread-self"))
	if !ok || pid != os.Getpid() || tid != unix.Gettid() {
		t.Errorf("ids %d and %d, %v, want %d and %d", pid, tid, ok, os.Getpid(), unix.Gettid())
	}
	if _, _, ok := IDsIn(fds, opened(t, "/proc/thread-self")); ok {
		t.Error("ids were found in a directory that is no proc file system's root")
	}
}

func TestStatusIDs(t *testing.T) {
	const status = "Name:\tNSpid:\t9\nPPid:\t7\nNSpid:\t812\t30\t1\nBad:\t1 x\nNone:\t\n"
	for key, want := range map[string][]int{"PPid:": {7}, "NSpid:": {812, 30, 1}, "Bad:": nil, "None:": nil, "Name:": nil, "Other:": nil} {
		if got := StatusIDs([]byte(status), key); !slices.Equal(got, want) {
			t.Errorf("%s %v, want %v", key, got, want)
		}
	}
}

func TestStatField(t *testing.T) {
	dir := t.TempDir()
	const stat = "1 (a) 9 (b) S 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23\n"
	if err := os.WriteFile(dir+"/stat", []byte(stat), 0o600); err != nil {
		t.Fatal(err)
	}
	fd := opened(t, dir)
	for number, want := range map[int]string{2: "", 3: "S", 7: "7", 22: "22", 23: "23", 24: "", -1: ""} {
		if got := string(StatField(fd, number)); got != want {
			t.Errorf("field %d is %q, want %q", number, got, want)
		}
	}
	if got := string(StartTime(fd)); got != "22" {
		t.Errorf("started at %q", got)
	}
	if got := StartTime(opened(t, t.TempDir())); got != nil {
		t.Errorf("a thread that has gone started at %q", got)
	}
}
