package container

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/policy"
)

// initialMountsStay takes away and changes what the container began with, and what it has mounted itself.
func initialMountsStay(c *container) {
	const bound = unix.MS_REMOUNT | unix.MS_BIND
	c.err("proc", unix.Unmount("/proc", unix.MNT_DETACH))
	c.err("proc read-write", unix.Mount("", "/proc", "", bound, ""))
	c.err("proc by a descriptor", unix.Unmount("/proc/self/root/proc", unix.MNT_DETACH))
	c.err("own", unix.Mount("x", "/media/a", "tmpfs", 0, ""))
	c.err("own read-only", unix.Mount("", "/media/a", "", bound|unix.MS_RDONLY, ""))
	c.err("own away", unix.Unmount("/media/a", 0))
	c.err("bind", unix.Mount("/proc", "/media/b", "", unix.MS_BIND, ""))
	c.err("bind away", unix.Unmount("/media/b", 0))
	c.err("no mount", unix.Unmount("/media/c/none", 0))
	c.err("unshare", unix.Unshare(unix.CLONE_NEWNS))
	c.err("own in a copy", unix.Mount("x", "/media/a", "tmpfs", 0, ""))
	c.err("own away in a copy", unix.Unmount("/media/a", 0))
	c.err("proc in a copy", unix.Unmount("/proc", unix.MNT_DETACH))
	must("root", os.MkdirAll("/media/c/old", 0o755))
	c.err("root", unix.Mount("/", "/media/c", "", unix.MS_BIND|unix.MS_REC, ""))
	must("chroot", unix.Chroot("/media/c"))
	c.err("proc in a chroot", unix.Unmount("/proc", unix.MNT_DETACH))
}

// TestInitialMounts: what `target.initial` says of a mount is true in the container's mount namespace and in copies of it.
func TestInitialMounts(t *testing.T) {
	needRoot(t)
	decide := func(r *policy.Request) policy.Decision {
		d := policy.Decision{Verdict: policy.Perform}
		m, at := r.Paths.(policy.Mounts), 0
		changes := r.Call.Name == "umount2"
		if r.Call.Name == "mount" {
			at, changes = 1, r.Call.Args[3].Raw&unix.MS_REMOUNT != 0
		}
		if !changes {
			return d
		}
		initial, known := m.Initial(at)
		if !known || initial {
			return policy.Decision{Verdict: policy.Deny, Errno: unix.EBUSY}
		}
		return d
	}
	const busy = "device or resource busy"
	for _, p := range []plan{{}, {User: true}} {
		// Only who has CAP_SYS_ADMIN can unshare the mount namespace; what is decided does not depend on it.
		p.Scenario = "initial"
		want{"proc": busy, "proc read-write": busy, "proc by a descriptor": busy, "own": "ok", "own read-only": "ok", "own away": "ok", "bind": "ok", "bind away": "ok",
			"no mount": "no such file or directory", "unshare": "ok", "own in a copy": "ok", "own away in a copy": "ok", "proc in a copy": busy, "root": "ok",
			"proc in a chroot": busy}.check(t, supervised(t, p, supervision{decide: decide}))
	}
}
