// Program repeats makes calls that cannot be made twice, while its thread gets all the time what the Go runtime has threads yield by. It prints
// what went wrong.
package main

import (
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	runtime.LockOSThread()
	pid, tid := unix.Getpid(), unix.Gettid()
	go func() {
		for range time.Tick(500 * time.Microsecond) {
			unix.Tgkill(pid, tid, unix.SIGURG) //nolint:errcheck // the thread is there
		}
	}()
	wrong := map[string]int{}
	check := func(step string, err error) {
		if err != nil {
			wrong[step+": "+err.Error()]++
		}
	}
	check("create", os.WriteFile("f", nil, 0o600))
	for range 500 {
		check("mkdir", unix.Mkdir("d", 0o755))
		check("rename", unix.Rename("d", "e"))
		check("rmdir", unix.Rmdir("e"))
		check("link", unix.Link("f", "l"))
		check("unlink", unix.Unlink("l"))
		fd, err := unix.Open("o", unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
		check("open", err)
		unix.Close(fd)
		check("unlink opened", unix.Unlink("o"))
	}
	total := 0
	for _, n := range wrong {
		total += n
	}
	fmt.Println(total, "went wrong", wrong)
}
