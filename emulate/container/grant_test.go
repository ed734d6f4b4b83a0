package container

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/testneed"
	"github.com/stead-project/stead/policy"
)

// A want is what a step must have come to.
type want map[string]string

// check compares some steps.
func (w want) check(t *testing.T, got []report) {
	t.Helper()
	byStep := map[string]string{}
	for _, r := range got {
		byStep[r.Step] = r.Result
	}
	for step, result := range w {
		if g, ok := byStep[step]; !ok || g != result {
			t.Errorf("%s: %q (done: %v), want %q", step, g, ok, result)
		}
	}
}

func grantScenarios() map[string]scenario {
	return map[string]scenario{
		"devices":   {prepareTree, grantedDevices},
		"trusted":   {prepareTree, grantedAttributes},
		"forced":    {prepareTree, forcedFlags},
		"proc":      {nil, ownProc},
		"image":     {prepareTree, images},
		"host":      {nil, func(c *container) { c.err("mount", unix.Mount("x", "/media", "tmpfs", 0, "")) }},
		"nested":    {nil, nested},
		"race":      {prepareTree, race},
		"self":      {prepareTree, selfTricks},
		"chown":     {nil, harmless},
		"busy":      {prepareTree, busy},
		"programs":  {nil, programs},
		"many":      {prepareTree, many},
		"initial":   {prepareTree, initialMountsStay},
		"refuse":    {prepareTree, refusedOptions},
		"shown ids": {prepareTree, shownIDs},
		"signals":   {prepareTree, signalled},
	}
}

// grantedDevices makes devices and uses them.
func grantedDevices(c *container) {
	c.err("null", unix.Mknod("/media/null", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	c.err("write null", os.WriteFile("/media/null", []byte("x"), 0))
	zero := make([]byte, 3)
	c.err("zero", unix.Mknod("/media/zero", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))))
	f, err := os.Open("/media/zero")
	c.err("open zero", err)
	if err == nil {
		n, err := f.Read(zero)
		c.err("read zero", err)
		c.say("zeros", fmt.Sprint(n, zero))
		f.Close()
	}
	var st unix.Stat_t
	c.err("stat", unix.Stat("/media/zero", &st))
	c.say("is", fmt.Sprintf("%o %d:%d", st.Mode&unix.S_IFMT, unix.Major(st.Rdev), unix.Minor(st.Rdev)))
	c.err("again", unix.Mknod("/media/zero", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))))
	c.err("mem", unix.Mknod("/media/mem", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 1))))
	c.err("disk", unix.Mknod("/media/disk", unix.S_IFBLK|0o666, int(unix.Mkdev(1, 3))))
	c.err("wide", unix.Mknod("/media/wide", unix.S_IFCHR|0o666, int(unix.Mkdev(0x101, 3))))
	c.err("none", unix.Mknod("/media/none/null", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	_, err = os.Lstat("/media/mem")
	c.say("nothing is left", fmt.Sprint(errors.Is(err, os.ErrNotExist)))
}

func TestDevices(t *testing.T) {
	needRoot(t)
	for _, p := range []plan{{}, {User: true}, {Chroot: true}, {User: true, Chroot: true}} {
		p.Scenario, p.Drop = "devices", true
		want{"null": "ok", "write null": "ok", "zero": "ok", "zeros": "3 [0 0 0]", "is": "20000 1:5", "again": "file exists",
			"mem": "operation not permitted", "disk": "operation not permitted", "wide": "operation not permitted",
			"none": "no such file or directory", "nothing is left": "true"}.check(t, supervised(t, p, supervision{}))
	}
}

func grantedAttributes(c *container) {
	const opaque = "trusted.overlay.opaque"
	must("read-only", os.Mkdir("/media/others", 0o755))
	for _, path := range []string{"/media/a", "/media/file", "/media/link"} {
		c.err("set "+path, unix.Setxattr(path, opaque, []byte("y"), 0))
		buf := make([]byte, 10)
		n, err := unix.Getxattr(path, opaque, buf)
		c.err("get "+path, err)
		c.say("value "+path, string(buf[:max(n, 0)]))
	}
	buf := make([]byte, 100)
	n, err := unix.Listxattr("/media/a", buf)
	c.err("list", err)
	c.say("names", strings.ReplaceAll(string(buf[:max(n, 0)]), "\x00", " "))
	n, err = unix.Listxattr("/media/a", nil)
	c.err("list size", err)
	c.say("size", itoa(n))
	f, err := os.Open("/media/a")
	must("open", err)
	c.err("fset", unix.Fsetxattr(int(f.Fd()), "trusted.overlay.x", nil, 0))
	c.err("fget", raw(unix.SYS_FGETXATTR, f.Fd(), str("trusted.overlay.x"), 0, 0))
	c.err("remove", unix.Removexattr("/media/a", opaque))
	c.err("removed", raw(unix.SYS_GETXATTR, str("/media/a"), str(opaque), 0, 0))
	c.err("other trusted", unix.Setxattr("/media/a", "trusted.other", nil, 0))
	c.err("machine's", unix.Setxattr("/usr", "trusted.overlay.stead", nil, 0))
}

func TestTrustedAttributes(t *testing.T) {
	needRoot(t)
	for _, p := range []plan{{}, {User: true}} {
		p.Scenario, p.Drop = "trusted", true
		w := want{"set /media/a": "ok", "value /media/a": "y", "set /media/file": "ok", "value /media/link": "y", "names": "trusted.overlay.opaque ",
			"size": "23", "fset": "ok", "fget": "ok", "remove": "ok", "removed": "no data available", "other trusted": "operation not permitted"}
		if p.User {
			w["machine's"] = "permission denied" // it is another's
		} else {
			unix.Removexattr("/usr", "trusted.overlay.stead") //nolint:errcheck // the machine as it was
		}
		w.check(t, supervised(t, p, supervision{}))
	}
	unix.Removexattr("/usr", "trusted.overlay.stead") //nolint:errcheck // the machine as it was
}

func forcedFlags(c *container) {
	c.err("tmpfs", unix.Mount("x", "/media/t", "tmpfs", 0, ""))
	c.err("bind", unix.Mount("/media/a", "/media/b", "", unix.MS_BIND, ""))
	c.err("rbind", unix.Mount("/media/a", "/media/c", "", unix.MS_BIND|unix.MS_REC, ""))
	c.err("bind none", unix.Mount("/media/nothing", "/media/c", "", unix.MS_BIND, ""))
	c.err("bind onto none", unix.Mount("/media/a", "/media/nothing", "", unix.MS_BIND, ""))
	c.err("remount", unix.Mount("", "/media/b", "", unix.MS_BIND|unix.MS_REMOUNT, ""))
	c.err("clear", unix.MountSetattr(unix.AT_FDCWD, "/media/c", 0, &unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV}))
	tree, err := unix.OpenTree(unix.AT_FDCWD, "/media/a", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	c.err("open_tree", err)
	c.err("move", unix.MoveMount(tree, "", unix.AT_FDCWD, "/media/d", unix.MOVE_MOUNT_F_EMPTY_PATH))
	fs, err := unix.Fsopen("tmpfs", 0)
	c.err("fsopen", err)
	c.err("create", unix.FsconfigCreate(fs))
	m, err := unix.Fsmount(fs, 0, 0)
	c.err("fsmount", err)
	c.err("move_mount", unix.MoveMount(m, "", unix.AT_FDCWD, "/media/e", unix.MOVE_MOUNT_F_EMPTY_PATH))
	for _, line := range mountsBelow("/media/") {
		f := strings.Fields(line)
		c.say(f[1], f[2])
	}
}

// What a rule forces is there from the first moment and cannot be taken away.
func TestForcedFlags(t *testing.T) {
	needRoot(t)
	for _, p := range []plan{{}, {User: true}} {
		p.Scenario, p.Drop = "forced", true
		w := want{"bind none": "no such file or directory", "bind onto none": "no such file or directory", "clear": "ok"}
		for _, dir := range []string{"t", "b", "c", "d", "e"} {
			w["/media/"+dir] = "rw,nosuid,nodev,relatime"
		}
		w.check(t, supervised(t, p, supervision{grant: policy.Grant{Force: unix.MS_NOSUID | unix.MS_NODEV}}))
	}
}

func ownProc(c *container) {
	must("mkdir", os.MkdirAll("/media/proc", 0o755))
	c.say("pid", itoa(os.Getpid()))
	c.err("proc", unix.Mount("proc", "/media/proc", "proc", unix.MS_NOSUID, ""))
	self, err := os.Readlink("/media/proc/self")
	c.err("self", err)
	c.say("self is", self)
	list, _ := filepath.Glob("/media/proc/[0-9]*")
	c.say("processes", strings.Join(list, " "))
	must("mkdir", os.MkdirAll("/media/proc2", 0o755))
	fs, err := unix.Fsopen("proc", 0)
	c.err("fsopen", err)
	c.err("create", unix.FsconfigCreate(fs))
	m, err := unix.Fsmount(fs, 0, 0)
	c.err("fsmount", err)
	c.err("move", unix.MoveMount(m, "", unix.AT_FDCWD, "/media/proc2", unix.MOVE_MOUNT_F_EMPTY_PATH))
	list, _ = filepath.Glob("/media/proc2/[0-9]*")
	c.say("processes again", strings.Join(list, " "))
	must("mkdir", os.MkdirAll("/media/proc3", 0o755))
	c.err("options", unix.Mount("some", "/media/proc3", "proc", unix.MS_RDONLY|unix.MS_NODEV|unix.MS_NOATIME, "hidepid=2,gid=0"))
	c.err("bad option", unix.Mount("proc", "/media/proc3", "proc", 0, "nonsense"))
	c.err("bad value", unix.Mount("proc", "/media/proc3", "proc", 0, "hidepid=9"))
	must("file", os.WriteFile("/media/plain", nil, 0o644))
	c.err("on a file", unix.Mount("proc", "/media/plain", "proc", 0, ""))
	c.err("nowhere", unix.Mount("proc", "/media/none", "proc", 0, ""))
	c.mounts("mounts of proc")
}

// A container sees its own processes, and no others.
func TestOwnProcesses(t *testing.T) {
	needRoot(t)
	for _, p := range []plan{{PID: true}, {PID: true, User: true}} {
		p.Scenario = "proc"
		list := native(t, p)
		p.Drop = true
		for _, byChild := range []bool{false, true} {
			same(t, list, supervised(t, p, supervision{byChild: byChild}))
		}
		want{"self is": "1", "processes": "/media/proc/1"}.check(t, list)
	}
}

func images(c *container) {
	image := c.plan.Args[0]
	c.err("mount", unix.Mount(image, "/media/t", "ext4", 0, "noload"))
	c.mounts("mounted")
	var st unix.Stat_t
	c.err("stat", unix.Stat("/media/t/tool", &st))
	c.say("owner", fmt.Sprintf("%d %o", st.Uid, st.Mode))
	c.err("device", readByte("/media/t/dev"))
	c.err("umount", unix.Unmount("/media/t", 0))
	imageByCalls(c, image)
	c.err("smuggled", unix.Mount(image, "/media/t", "ext4", 0, "journal_path=/dev/null"))
	c.err("smuggled source", unix.Mount("", "/media/t", "ext4", 0, "source=/dev/loop0"))
	c.err("not a device", unix.Mount("/media/a", "/media/t", "ext4", 0, ""))
	c.err("none", unix.Mount("/media/none", "/media/t", "ext4", 0, ""))
	c.err("other's", unix.Mount("/etc/shadow", "/media/t", "ext4", 0, ""))
	c.err("garbage", unix.Mount("/media/file", "/media/t", "ext4", 0, ""))
}

// imageByCalls mounts the image by the newer calls.
func imageByCalls(c *container, image string) {
	fs, err := unix.Fsopen("ext4", unix.FSOPEN_CLOEXEC)
	c.err("fsopen", err)
	c.err("smuggled key", unix.FsconfigSetString(fs, "journal_path", "/dev/null"))
	c.err("source", unix.FsconfigSetString(fs, "source", image))
	c.err("noload", unix.FsconfigSetFlag(fs, "noload"))
	c.err("create", unix.FsconfigCreate(fs))
	m, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	c.err("fsmount", err)
	unix.Close(fs)
	c.err("move_mount", unix.MoveMount(m, "", unix.AT_FDCWD, "/media/t", unix.MOVE_MOUNT_F_EMPTY_PATH))
	unix.Close(m)
	c.mounts("mounted by calls")
	var st unix.Stat_t
	c.err("stat by calls", unix.Stat("/media/t/tool", &st))
	c.say("owner by calls", fmt.Sprintf("%d %o", st.Uid, st.Mode))
	c.err("device by calls", readByte("/media/t/dev"))
	c.err("writable by calls", unix.Access("/media/t/tool", unix.W_OK))
	c.err("umount by calls", unix.Unmount("/media/t", 0))
	fs, err = unix.Fsopen("ext4", unix.FSOPEN_CLOEXEC)
	c.err("fsopen again", err)
	c.err("other's source", unix.FsconfigSetString(fs, "source", "/etc/shadow"))
	unix.Close(fs)
}

func readByte(path string) error {
	f, err := os.Open(path)
	if err != nil {
		var e *os.PathError
		errors.As(err, &e)
		return e.Err
	}
	defer f.Close()
	_, err = f.Read(make([]byte, 1))
	return err
}

// TestImage mounts a file system that its maker has filled with what should do no harm.
func TestImage(t *testing.T) {
	needRoot(t)
	for _, program := range []string{"mkfs.ext4", "debugfs"} {
		if _, err := exec.LookPath(program); err != nil {
			testneed.Missing(t, "needs %s: %v", program, err)
		}
	}
	for _, p := range []plan{{}, {User: true}} {
		image := makeImage(t)
		p.Scenario, p.Drop, p.Args = "image", true, []string{image}
		w := want{"mount": "ok", "stat": "ok", "owner": "0 104755", "device": "permission denied", "umount": "ok",
			"smuggled": "operation not permitted", "smuggled source": "operation not permitted", "not a device": "block device required",
			"none": "no such file or directory", "garbage": "input/output error",
			"fsopen": "ok", "smuggled key": "operation not permitted", "source": "ok", "noload": "ok", "create": "ok", "fsmount": "ok",
			"move_mount": "ok", "stat by calls": "ok", "owner by calls": "0 104755", "device by calls": "permission denied", "umount by calls": "ok"}
		if p.User {
			w["other's"], w["other's source"] = "permission denied", "permission denied"
		}
		w.check(t, supervised(t, p, supervision{grant: policy.Grant{IDMap: true, Sources: under(""), Force: unix.MS_NOSUID}}))
		if left := loopsOf(t, image); left != "" {
			t.Errorf("loop devices are left: %s", left)
		}
		p.Args = []string{image}
		want{"mount": "block device required"}.check(t, supervised(t, p, supervision{}))
		want{"mount": "operation not permitted"}.check(t, supervised(t, p, supervision{grant: policy.Grant{Sources: under("/images")}}))
	}
}

// under holds for a directory and all below it.
type under string

func (u under) Holds(path []byte) bool { return strings.HasPrefix(string(path)+"/", string(u)+"/") }

func makeImage(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "stead-image")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	image := filepath.Join(dir, "image")
	tree := filepath.Join(dir, "tree")
	for _, err := range []error{os.Chmod(dir, 0o755), os.Mkdir(tree, 0o755), os.WriteFile(filepath.Join(tree, "tool"), []byte("#!"), 0o755),
		os.Chmod(filepath.Join(tree, "tool"), 0o755|os.ModeSetuid), unix.Mknod(filepath.Join(tree, "dev"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))),
		os.WriteFile(image, nil, 0o666), os.Chmod(image, 0o666), os.Truncate(image, 8<<20)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-d", tree, image).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return image
}

// loopsOf are the loop devices of an image, a moment after they were let go.
func loopsOf(t *testing.T, image string) (left string) {
	t.Helper()
	for range 50 {
		text, err := exec.Command("losetup", "-l", "-n", "-O", "NAME", "-j", image).Output()
		if err != nil {
			testneed.Missing(t, "needs losetup: %v", err)
		}
		if left = string(text); left == "" {
			return ""
		}
		time.Sleep(10 * time.Millisecond)
	}
	return left
}

// Who is in no container mounts nothing on the machine.
func TestSupervisorsOwnMounts(t *testing.T) {
	needRoot(t)
	list, err := supervision{decide: func(r *policy.Request) policy.Decision { return policy.Decision{Verdict: policy.Perform} }}.run(t,
		plan{Scenario: "outside", Inside: true})
	if err != nil {
		t.Fatal(err)
	}
	want{"mount": "operation not permitted", "umount": "operation not permitted", "fsopen": "operation not permitted",
		"ext4": "operation not permitted"}.check(t, list)
}

// nested makes a user namespace in the container's, without a mount namespace: there, nobody may mount.
func nested(c *container) {
	cmd := exec.Command("unshare", "-U", "-r", "mount", "-t", "tmpfs", "x", "/media")
	out, err := cmd.CombinedOutput()
	c.say("user namespace only", fmt.Sprint(err != nil, bytes.Contains(out, []byte("permi"))))
	cmd = exec.Command("unshare", "-U", "-r", "-m", "sh", "-c", "mount -t tmpfs x /media && grep -c ' /media ' /proc/self/mountinfo")
	out, err = cmd.CombinedOutput()
	c.say("both", fmt.Sprint(err == nil, strings.TrimSpace(string(out))))
	c.mounts("not here")
}

func TestNested(t *testing.T) {
	needRoot(t)
	for _, p := range []plan{{}, {User: true}} {
		p.Scenario, p.Drop = "nested", true
		want{"user namespace only": "true true", "both": "true2"}.check(t, supervised(t, p, supervision{}))
	}
}

func harmless(c *container) {
	c.err("swapon", raw(unix.SYS_SWAPON, str("/nowhere"), 0))
	c.err("swapoff", raw(unix.SYS_SWAPOFF, str("/nowhere")))
	c.err("reboot", unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_OFF))
}

func TestHarmless(t *testing.T) {
	needRoot(t)
	want{"swapon": "ok", "swapoff": "ok", "reboot": "ok"}.check(t, supervised(t, plan{Scenario: "chown", Drop: true}, supervision{}))
}

// refusedOptions has options that the rule refuses, and others.
func refusedOptions(c *container) {
	c.err("name", unix.Mount("x", "/media/t", "tmpfs", 0, "nr_inodes=5,mode=700"))
	c.err("value", unix.Mount("x", "/media/t", "tmpfs", 0, "mode=777"))
	c.err("later", unix.Mount("x", "/media/t", "tmpfs", 0, "size=1m,,mode=777"))
	c.err("another value", unix.Mount("x", "/media/t", "tmpfs", 0, "mode=711"))
	c.err("remount", unix.Mount("x", "/media/t", "", unix.MS_REMOUNT, "nr_inodes=7"))
	c.err("remount otherwise", unix.Mount("x", "/media/t", "", unix.MS_REMOUNT, "size=2m"))
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	c.err("fsopen", err)
	c.err("fsconfig name", unix.FsconfigSetString(fs, "nr_inodes", "5"))
	c.err("fsconfig value", unix.FsconfigSetString(fs, "mode", "777"))
	c.err("fsconfig another value", unix.FsconfigSetString(fs, "mode", "711"))
	c.err("fsconfig flag", unix.FsconfigSetFlag(fs, "ro"))
}

func TestRefusedOptions(t *testing.T) {
	needRoot(t)
	const refused = "operation not permitted"
	want{"name": refused, "value": refused, "later": refused, "another value": "ok", "remount": refused, "remount otherwise": "ok", "fsopen": "ok",
		"fsconfig name": refused, "fsconfig value": refused, "fsconfig another value": "ok", "fsconfig flag": refused}.check(t,
		supervised(t, plan{Scenario: "refuse", Drop: true}, supervision{grant: policy.Grant{Refuse: []string{"nr_inodes", "mode=777", "ro"}}}))
}
