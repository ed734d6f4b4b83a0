package oci

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// watchEvents are what editors, package managers, and Kubernetes' exchange of a symbolic link do to a directory.
const watchEvents = unix.IN_CLOSE_WRITE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_CREATE | unix.IN_DELETE | unix.IN_ONLYDIR

// settle is how long a directory must be left alone before it is read: what changes several files means all of them.
const settle = 200 * time.Millisecond

// watchDir opens a watch on the policies' directory. What policies include from elsewhere takes a SIGHUP.
func watchDir(dir string) (*os.File, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watch the policies: %w", err)
	}
	if _, err := unix.InotifyAddWatch(fd, dir, watchEvents); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("watch the policies in %s: %w", dir, err)
	}
	return os.NewFile(uintptr(fd), "inotify"), nil
}

// follow calls changed after the watch has seen something, until ctx is done.
func follow(ctx context.Context, watch *os.File, changed func()) {
	defer context.AfterFunc(ctx, func() { watch.Close() })()
	defer watch.Close()
	buf := make([]byte, 16<<10)
	for {
		watch.SetReadDeadline(time.Time{}) //nolint:errcheck // fails only where reading does
		if _, err := watch.Read(buf); err != nil {
			return
		}
		for err := error(nil); err == nil; { // until nothing more comes
			watch.SetReadDeadline(time.Now().Add(settle)) //nolint:errcheck // the same
			_, err = watch.Read(buf)
		}
		if ctx.Err() != nil {
			return
		}
		changed()
	}
}
