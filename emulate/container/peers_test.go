package container

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// ownEnv makes the test binary run one test, in a mount namespace of its own.
const ownEnv = "STEAD_CONTAINER_TEST_OWN"

// peers changes mounts that the supervisor's mount namespace has, too.
func peers(c *container) {
	c.err("mount", unix.Mount("x", "/media/shared/p", "tmpfs", 0, ""))
	c.err("bind", unix.Mount("/media/shared/q", "/media/shared/p", "", unix.MS_BIND, ""))
	c.err("umount", unix.Unmount("/media/shared/q", 0))
	tree, err := unix.OpenTree(unix.AT_FDCWD, "/media/shared/q", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	c.err("open_tree", err)
	c.err("move_mount", unix.MoveMount(tree, "", unix.AT_FDCWD, "/media/shared/p", unix.MOVE_MOUNT_F_EMPTY_PATH))
	c.err("on what is private", unix.Mount("x", "/media/private", "tmpfs", 0, ""))
	must("hold", os.Chdir("/media/shared/p")) // a place that the new root does not show
	must("chroot", unix.Chroot("/media/private"))
	c.err("outside the root", unix.Mount("x", ".", "tmpfs", 0, ""))
	c.err("umount outside the root", unix.Unmount("../q", 0))
	must("chroot", unix.Chroot("../.."))
	must("chdir", os.Chdir("/"))
	c.err("slave", unix.Mount("", "/shared", "", unix.MS_SLAVE, ""))
	c.err("mount on a slave", unix.Mount("x", "/shared/p", "tmpfs", 0, ""))
	c.err("umount from a slave", unix.Unmount("/shared/q", 0))
	c.err("shared again", unix.Mount("", "/shared", "", unix.MS_SHARED, ""))
	c.err("mount on what is shared with others", unix.Mount("x", "/shared/r", "tmpfs", 0, ""))
}

// TestPeers: no mount and no unmounting reaches the supervisor's mount namespace, however little the kernel tells.
func TestPeers(t *testing.T) {
	needRoot(t)
	if os.Getenv(ownEnv) == "" {
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestPeers$", "-test.v")
		cmd.Env = append(os.Environ(), ownEnv+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
		out, err := cmd.CombinedOutput()
		if t.Logf("in a mount namespace of its own:\n%s", out); err != nil {
			t.Error(err)
		}
		return
	}
	err := errors.Join(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""), unix.Mount("own", "/media", "tmpfs", 0, ""),
		os.Mkdir("/media/private", 0o755), os.Mkdir("/media/shared", 0o755), unix.Mount("shared", "/media/shared", "tmpfs", 0, ""),
		os.Mkdir("/media/shared/p", 0o755), os.Mkdir("/media/shared/q", 0o755), os.Mkdir("/media/shared/r", 0o755),
		unix.Mount("q", "/media/shared/q", "tmpfs", 0, ""), unix.Mount("", "/media/shared", "", unix.MS_SHARED, ""))
	if err != nil {
		t.Fatal(err)
	}
	before := strings.Join(mountsBelow("/media"), "\n")
	for finder := byNamespace; finder <= byText; finder++ {
		const no = "operation not permitted"
		want{"mount": no, "bind": no, "umount": no, "open_tree": "ok", "move_mount": no, "on what is private": "ok", "outside the root": no,
			"umount outside the root": no, "slave": "ok", "mount on a slave": "ok", "umount from a slave": "ok", "shared again": "ok",
			"mount on what is shared with others": "ok"}.check(t,
			supervised(t, plan{Scenario: "peers", Peers: true}, supervision{options: Options{Watched: true}, finder: finder}))
		if after := strings.Join(mountsBelow("/media"), "\n"); after != before {
			t.Errorf("finder %d: mounts before:\n%s\nafter:\n%s", finder, before, after)
		}
	}
}
