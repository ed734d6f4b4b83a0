package container

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/policy"
)

// A racedCall is made again and again on /media/swap, which is a directory and, the next moment, a link to a forbidden one.
type racedCall struct {
	name  string
	do    func() error
	undo  func()
	wrong func() bool // it has happened to the forbidden directory
}

const trustedName = "trusted.overlay.raced"

func hasMount(path string) bool {
	return strings.Contains(strings.Join(mountsBelow("/media"), "\n"), " "+path+" ")
}

// mountOptions are the options of the mount at a path, "" if there is none.
func mountOptions(path string) string {
	for _, line := range mountsBelow(path) {
		if f := strings.Fields(line); f[1] == path {
			return f[2]
		}
	}
	return ""
}

// restore tries until there is a mount on the directory again, under the name that it has then.
func restore(try func()) func() {
	return func() {
		for range 10_000 {
			if hasMount("/media/swap/kept") || hasMount("/media/other/kept") {
				return
			}
			try()
		}
	}
}

func racedCalls() []racedCall {
	nothing := func() {}
	detach := func(paths ...string) func() {
		return func() {
			for _, path := range paths {
				unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) //nolint:errcheck // one of them it is
			}
		}
	}
	newest := func() error {
		fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
		if err != nil {
			return err
		}
		defer unix.Close(fs)
		if err := unix.FsconfigCreate(fs); err != nil {
			return err
		}
		m, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(m)
		return unix.MoveMount(m, "", unix.AT_FDCWD, "/media/swap/m", unix.MOVE_MOUNT_F_EMPTY_PATH)
	}
	readOnly := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	changed := func() bool { return strings.HasPrefix(mountOptions("/media/forbidden/kept"), "ro") }
	return []racedCall{
		{"umount", func() error { return unix.Unmount("/media/swap/kept", unix.MNT_DETACH) }, restore(func() { unix.Mount("x", "/media/swap/kept", "tmpfs", 0, "") }),
			func() bool { return !hasMount("/media/forbidden/kept") }},
		{"remount", func() error {
			return unix.Mount("", "/media/swap/kept", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "")
		}, nothing, changed},
		{"mount_setattr", func() error { return unix.MountSetattr(unix.AT_FDCWD, "/media/swap/kept", 0, readOnly) }, nothing, changed},
		{"move_mount", newest, detach("/media/swap/m"), func() bool { return hasMount("/media/forbidden/m") }},
		{"move", func() error { return unix.Mount("/media/swap/kept", "/media/b", "", unix.MS_MOVE, "") }, restore(func() { unix.Mount("/media/b", "/media/swap/kept", "", unix.MS_MOVE, "") }),
			func() bool { return !hasMount("/media/forbidden/kept") }},
		{"open_tree", func() error {
			tree, err := unix.OpenTree(unix.AT_FDCWD, "/media/swap", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
			if err != nil {
				return err
			}
			defer unix.Close(tree)
			return unix.MoveMount(tree, "", unix.AT_FDCWD, "/media/t", unix.MOVE_MOUNT_F_EMPTY_PATH)
		}, detach("/media/t"), func() bool { _, err := os.Stat("/media/t/mark"); return err == nil }},
		{"mknod", func() error { return unix.Mknod("/media/swap/node", unix.S_IFCHR|0o666, 0x103) }, func() {
			unix.Unmount("/media/swap/node", unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) //nolint:errcheck // in a user namespace it is a mount
			unix.Unlink("/media/swap/node")                                        //nolint:errcheck // or it is not there
		}, func() bool { _, err := os.Lstat("/media/forbidden/node"); return err == nil }},
		{"setxattr", func() error { return unix.Setxattr("/media/swap/file", trustedName, []byte("x"), 0) }, nothing,
			func() bool { _, err := unix.Getxattr("/media/forbidden/file", trustedName, nil); return err == nil }},
		// What an overlay's layers are, no rule says: the caller's own rights bound them.
		{"lowerdir", func() error { return unix.Mount("x", "/media/t", "overlay", 0, "lowerdir=/media/swap2/up:/media/a") }, detach("/media/t"),
			func() bool { _, err := os.Stat("/media/t/mark"); return err == nil }},
	}
}

// prepareRaces makes a directory that rules forbid, one that nobody but its owner may enter, and others to exchange them with.
func prepareRaces(c *container) {
	prepareTree(c)
	const kept = "away" // it is mounted on before it is forbidden
	for _, dir := range []string{kept + "/kept", kept + "/m", "swap/kept", "swap/m", "closed/up", "closed/work", "swap2/up", "swap2/work"} {
		must("tree", os.MkdirAll("/media/"+dir, 0o755))
	}
	for _, dir := range []string{kept, "swap"} {
		must("file", os.WriteFile("/media/"+dir+"/file", nil, 0o666))
		must("tmpfs", unix.Mount("x", "/media/"+dir+"/kept", "tmpfs", 0, ""))
	}
	must("rename", os.Rename("/media/"+kept, "/media/forbidden"))
	for _, path := range []string{"/media/forbidden/mark", "/media/closed/mark", "/media/closed/up/mark"} {
		must("mark", os.WriteFile(path, nil, 0o644))
	}
	must("link", os.Symlink("forbidden", "/media/other"))
	must("link", os.Symlink("closed", "/media/other2"))
	must("close", os.Chmod("/media/closed", 0o700))
	must("owner", os.Chown("/media/closed", 1, 1))
	must("drop", dropCapabilities(unix.CAP_DAC_OVERRIDE, unix.CAP_DAC_READ_SEARCH))
}

// races exchanges names while calls are made.
func races(c *container) {
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !stop.Load() {
			unix.Renameat2(unix.AT_FDCWD, "/media/swap", unix.AT_FDCWD, "/media/other", unix.RENAME_EXCHANGE)   //nolint:errcheck // busy is fine
			unix.Renameat2(unix.AT_FDCWD, "/media/swap2", unix.AT_FDCWD, "/media/other2", unix.RENAME_EXCHANGE) //nolint:errcheck // the same
		}
	}()
	for _, r := range racedCalls() {
		did, refused, last := 0, 0, error(nil)
		end, late := time.Now().Add(350*time.Millisecond), time.Now().Add(5*time.Second)
		for time.Now().Before(end) || (did == 0 || refused == 0) && time.Now().Before(late) {
			if err := r.do(); err == nil {
				did++
			} else {
				refused++
				last = err
			}
			if r.wrong() {
				c.say("wrong "+r.name, fmt.Sprint(did, refused))
				break
			}
			r.undo()
		}
		c.say("raced "+r.name, fmt.Sprint(did > 0 && refused > 0))
		c.say("counts "+r.name, fmt.Sprintf("done %d, refused %d, last %v", did, refused, last))
	}
	stop.Store(true)
	<-done
}

// forbidding denies calls whose paths are forbidden.
func forbidding(r *policy.Request) policy.Decision {
	for i := range 4 {
		if path, ok := r.Paths.Path(i); ok && strings.Contains(path, "forbidden") {
			return policy.Decision{Verdict: policy.Deny, Errno: unix.EACCES}
		}
	}
	return policy.Decision{Verdict: policy.Perform, Grant: &policy.Grant{As: policy.AsSupervisor}}
}

// TestMoreRaces: for every call that takes paths, what is judged is what is changed.
func TestMoreRaces(t *testing.T) {
	needRoot(t)
	for _, p := range []plan{{}, {User: true}} {
		p.Scenario, p.Drop = "races", true
		list := supervised(t, p, supervision{decide: forbidding})
		w := want{}
		for _, r := range racedCalls() {
			w["raced "+r.name] = "true"
		}
		for _, r := range list {
			if strings.HasPrefix(r.Step, "wrong ") {
				t.Errorf("%+v: %s after %s", p, r.Step, r.Result)
			}
			if strings.HasPrefix(r.Step, "counts ") {
				t.Log(p.User, r.Step, r.Result)
			}
		}
		w.check(t, list)
	}
}

// prepareRoots makes a second root below the first, where the same paths are forbidden.
func prepareRoots(c *container) {
	prepareTree(c)
	must("tree", os.MkdirAll("/media/jail/media/e/x", 0o755))
	must("tree", os.MkdirAll("/media/jail/media/a", 0o755))
	must("file", os.WriteFile("/media/jail/media/a/mark", nil, 0o644))
	must("rename", os.Rename("/media/jail", "/media/forbidden"))
}

// rootsChange has a thread that changes the root, which all threads share, while another one mounts.
func rootsChange(c *container) {
	root, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must("root", err)
	jail, err := unix.Open("/media/forbidden", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must("jail", err)
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !stop.Load() {
			for _, fd := range []int{jail, root} {
				must("fchdir", unix.Fchdir(fd))
				must("chroot", unix.Chroot("."))
			}
		}
	}()
	mounted, refused := 0, 0
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		for _, err := range []error{unix.Mount("x", "/media/e/x", "tmpfs", 0, ""), unix.Mount("/media/a", "/media/e/x", "", unix.MS_BIND, "")} {
			if err != nil {
				refused++
				continue
			}
			mounted++
			for range 1000 { // it is there under one root only
				if unix.Unmount("/media/e/x", unix.MNT_DETACH) == nil {
					break
				}
			}
		}
	}
	stop.Store(true)
	<-done
	for _, line := range mountsBelow("/media") {
		if strings.Contains(line, "forbidden") {
			c.say("wrong "+line, "yes")
		}
	}
	c.say("raced", fmt.Sprint(mounted > 0 && refused > 0))
	c.say("counts", fmt.Sprintf("done %d, refused %d", mounted, refused))
}

// TestRootsChange: another thread that changes the caller's root between decision and action gains nothing.
func TestRootsChange(t *testing.T) {
	needRoot(t)
	for _, p := range []plan{{}, {User: true}} {
		p.Scenario, p.Drop = "roots change", true
		list := supervised(t, p, supervision{decide: forbidding})
		for _, r := range list {
			if strings.HasPrefix(r.Step, "wrong ") {
				t.Errorf("%+v: %s", p, r.Step)
			}
		}
		t.Log(list)
		want{"raced": "true"}.check(t, list)
	}
}
