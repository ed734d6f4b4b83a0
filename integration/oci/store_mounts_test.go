package oci

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/testneed"
)

// mountsPolicy lets a container mount, and take away what it has mounted itself.
const mountsPolicy = `version: 1
name: mounts
default: allow
rules:
  - calls: [umount2]
    when: target.initial
    then: {deny: EBUSY}
  - calls: [mount, umount2]
    then: perform
`

// contained starts a shell that does what it is told, in a mount namespace of its own in which dir/began is mounted.
func contained(t *testing.T, dir string) (x *target) {
	t.Helper()
	done := make(chan error, 1)
	testneed.OwnThread(func() { // it ends with its namespace
		defer close(done)
		err := unix.Unshare(unix.CLONE_NEWNS)
		if err == nil {
			err = errors.Join(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""), unix.Mount("x", dir+"/began", "tmpfs", 0, ""))
		}
		if err == nil {
			x = start(t, `while read l; do (eval "$l") 2>&1 && echo ok; done`, "mount", "umount2")
		}
		done <- err
	})
	if err := <-done; err != nil || x == nil {
		t.Fatalf("make a container: %v", err)
	}
	return x
}

// TestCrashMounts: what a container began with is so also for the agent that comes later, and what it has mounted is its own; where that was
// lost, nothing is its own.
func TestCrashMounts(t *testing.T) {
	need(t, "mount", "umount")
	m := newManager(t)
	m.write("mounts", mountsPolicy)
	for _, name := range []string{"began", "own", "own2"} {
		if err := os.Mkdir(filepath.Join(m.dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	m.run()
	x := contained(t, m.dir)
	m.hand(x, state("c1", "mounts"))
	tell := func(line, want string) {
		t.Helper()
		x.say(strings.ReplaceAll(line, "DIR", m.dir))
		x.wantLine(want)
	}
	tell("mount -t tmpfs x DIR/own", "ok")
	tell("mount -t tmpfs x DIR/own2", "ok")
	tell("umount DIR/began", "busy")
	m.kill()
	m.run()
	tell("umount DIR/own", "ok")
	tell("umount DIR/began", "busy")
	m.kill()
	for _, s := range m.stored {
		if book, err := openLedger(dupOf(t, int(s.file.Fd()))); err == nil {
			book.put(headKept, keptLost)
			book.close()
		}
	}
	m.run()
	tell("umount DIR/own2", "busy")
	tell("umount DIR/began", "busy")
	tell("mount -t tmpfs x DIR/own", "ok")
	tell("umount DIR/own", "busy")
}
