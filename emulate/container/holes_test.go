package container

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/testneed"
	"github.com/stead-project/stead/policy"
)

func holeScenarios() map[string]scenario {
	return map[string]scenario{
		"long options":     {prepareTree, longOptions},
		"kept flags":       {prepareTree, keptFlags},
		"forgotten":        {prepareTree, forgottenContext},
		"machine's files":  {prepareTree, machinesFiles},
		"machine's root":   {prepareTree, machinesRoot},
		"machine's device": {prepareTree, machinesDevice},
		"covered":          {prepareShared, covered},
		"sockets":          {prepareTree, socketSource},
	}
}

// longOptions fills the page of options, so that what the supervisor adds or makes longer has no room (copy_mount_options() of
// fs/namespace.c takes a page).
func longOptions(c *container) {
	must("mkdir", os.MkdirAll("/media/proc", 0o755))
	for _, n := range []int{4095, 4094, 4093, 4092, 4091, 4088, 4085, 4080, 4000} {
		const option = "hidepid=0"
		zeros := n%(len(option)+1) + len(option) + 1 - len("gid=")
		data := "gid=" + strings.Repeat("0", zeros) + strings.Repeat(","+option, (n-zeros-len("gid="))/(len(option)+1))
		err := unix.Mount("proc", "/media/proc", "proc", 0, data)
		c.err(fmt.Sprint("proc with options of ", len(data)), err)
		if err != nil {
			continue
		}
		self, _ := os.Readlink("/media/proc/self")
		list, _ := filepath.Glob("/media/proc/[0-9]*")
		c.say(fmt.Sprint("processes ", n), fmt.Sprint(self, " ", len(list)))
		must("umount", unix.Unmount("/media/proc", 0))
	}
}

// What is added to a file system's options is there, or the file system is not mounted: a container never sees other processes.
func TestLongOptions(t *testing.T) {
	needRoot(t)
	for _, p := range []plan{{PID: true}, {PID: true, User: true}} {
		p.Scenario, p.Drop = "long options", true
		list := supervised(t, p, supervision{})
		mounted := 0
		for _, r := range list {
			if strings.HasPrefix(r.Step, "processes ") {
				mounted++
				if r.Result != "1 1" {
					t.Errorf("%+v: %s: %s", p, r.Step, r.Result)
				}
			}
		}
		if len(list) < 8 || mounted == 0 {
			t.Errorf("%d steps, %d mounts: nothing was tried", len(list), mounted)
		}
	}
}

// keptFlags mounts what may hold devices and set-id files, and tries to make them count again in every way.
func keptFlags(c *container) {
	image := c.plan.Args[0]
	flags := func(step, dir string) {
		var st unix.Statfs_t
		if err := unix.Statfs(dir, &st); err != nil {
			c.err(step, err)
			return
		}
		c.say("flags "+step, fmt.Sprintf("nodev %v nosuid %v", st.Flags&unix.ST_NODEV != 0, st.Flags&unix.ST_NOSUID != 0))
		c.err("device "+step, readByte(dir+"/dev"))
	}
	clear := &unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOSUID}
	c.err("image", unix.Mount(image, "/media/t", "ext4", 0, "noload"))
	flags("mounted", "/media/t")
	c.err("remount bind", unix.Mount("", "/media/t", "", unix.MS_REMOUNT|unix.MS_BIND, ""))
	flags("remounted, bind", "/media/t")
	c.err("setattr", unix.MountSetattr(unix.AT_FDCWD, "/media/t", 0, clear))
	flags("cleared", "/media/t")
	c.err("recursively", unix.MountSetattr(unix.AT_FDCWD, "/media", unix.AT_RECURSIVE, clear))
	flags("cleared recursively", "/media/t")
	tree, err := unix.OpenTree(unix.AT_FDCWD, "/media/t", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	c.err("open_tree", err)
	c.err("setattr of a copy", unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, clear))
	c.err("setattr of a copy, recursively", unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, clear))
	c.err("move", unix.MoveMount(tree, "", unix.AT_FDCWD, "/media/b", unix.MOVE_MOUNT_F_EMPTY_PATH))
	flags("copied", "/media/b")
	c.err("bind", unix.Mount("/media/t", "/media/d", "", unix.MS_BIND, ""))
	c.err("remount of the bind", unix.Mount("", "/media/d", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_NOATIME, ""))
	flags("bound", "/media/d")
	below, err := unix.OpenTree(unix.AT_FDCWD, "/media", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	c.err("open_tree of all", err)
	c.err("setattr of all", unix.MountSetattr(below, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, clear))
	c.err("move of all", unix.MoveMount(below, "", unix.AT_FDCWD, "/media/e/y", unix.MOVE_MOUNT_F_EMPTY_PATH))
	flags("copied with all", "/media/e/y/t")
	c.err("overlay", unix.Mount("ov", "/media/c", "overlay", 0, "lowerdir=/media/t:/media/a"))
	flags("overlay", "/media/c")
	c.err("remount overlay", unix.Mount("", "/media/c", "", unix.MS_REMOUNT|unix.MS_BIND, ""))
	flags("overlay remounted", "/media/c")
	fs, err := unix.Fsopen("overlay", 0)
	c.err("fsopen overlay", err)
	c.err("lowerdir", unix.FsconfigSetString(fs, "lowerdir+", "/media/t"))
	c.err("lowerdir, plain", unix.FsconfigSetString(fs, "lowerdir+", "/media/a"))
	c.err("create", unix.FsconfigCreate(fs))
	m, err := unix.Fsmount(fs, 0, 0)
	c.err("fsmount", err)
	c.err("move overlay", unix.MoveMount(m, "", unix.AT_FDCWD, "/media/e/x", unix.MOVE_MOUNT_F_EMPTY_PATH))
	flags("overlay of the new calls", "/media/e/x")
	c.err("remount", unix.Mount("", "/media/t", "", unix.MS_REMOUNT, ""))
	flags("remounted", "/media/t")
}

// TestKeptFlags: what the devices of an image's maker are kept from by, no later call takes away.
func TestKeptFlags(t *testing.T) {
	needRoot(t)
	for _, program := range []string{"mkfs.ext4", "debugfs"} {
		if _, err := exec.LookPath(program); err != nil {
			testneed.Missing(t, "needs %s: %v", program, err)
		}
	}
	for _, p := range []plan{{}, {User: true}} {
		image := makeImage(t)
		p.Scenario, p.Drop, p.Args = "kept flags", true, []string{image}
		list := supervised(t, p, supervision{grant: policy.Grant{IDMap: true, Sources: under("")}})
		devices := 0
		for _, r := range list {
			kept := "nodev true"
			if p.User {
				kept = "nodev true nosuid true"
			}
			if strings.HasPrefix(r.Step, "flags ") && !strings.HasPrefix(r.Result, kept) && !strings.Contains(r.Step, "overlay") {
				t.Errorf("%+v: %s: %s", p, r.Step, r.Result)
			}
			if strings.HasPrefix(r.Step, "device ") {
				devices++
				if r.Result != "permission denied" && !(!p.User && strings.Contains(r.Step, "overlay") && r.Result == "no such file or directory") {
					t.Errorf("%+v: %s: %s", p, r.Step, r.Result)
				}
			}
		}
		w := want{"image": "ok", "overlay": "ok", "lowerdir": "ok", "move": "ok", "bind": "ok", "remount bind": "ok"}
		if !p.User {
			w["overlay"], w["lowerdir"] = "operation not permitted", "operation not permitted"
		}
		w.check(t, list)
		if devices < 10 {
			t.Errorf("the device was tried %d times: %v", devices, list)
		}
		if left := loopsOf(t, image); left != "" {
			t.Errorf("loop devices are left: %s", left)
		}
	}
}

// forgottenContext opens more contexts than are remembered, and gives the first one names of the supervisor's descriptors.
func forgottenContext(c *container) {
	first, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	must("fsopen", err)
	for range maxContexts + 1 {
		fd, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
		must("fsopen", err)
		unix.Close(fd)
	}
	c.err("own", unix.FsconfigSetString(first, "lowerdir+", "/media/a"))
	for n := range 64 {
		for _, name := range []string{itoa(n), itoa(n) + "/..", itoa(n) + "/self"} {
			if err := unix.FsconfigSetString(first, "lowerdir+", name); err == nil {
				c.say("took "+name, "yes")
			}
		}
	}
	c.say("end", "reached")
}

// A context that is not remembered takes nothing that could be a name of the supervisor's.
func TestForgottenContext(t *testing.T) {
	needRoot(t)
	for _, p := range []plan{{}, {User: true}} {
		p.Scenario = "forgotten" // with the right to mount, which counts for contexts that nobody knows
		list := supervised(t, p, supervision{})
		for _, r := range list {
			if strings.HasPrefix(r.Step, "took ") {
				t.Errorf("%+v: %s", p, r.Step)
			}
		}
		want{"own": "operation not permitted", "end": "reached"}.check(t, list)
	}
}

// machineEnv says that a test runs in a mount namespace that it may take for the machine's.
const machineEnv = "STEAD_CONTAINER_MACHINE"

// asMachine runs a test once more in a mount namespace of its own: what is mounted there is the supervisor's, and nobody else's.
func asMachine(t *testing.T, run func(t *testing.T)) {
	t.Helper()
	needRoot(t)
	if os.Getenv(machineEnv) != "" {
		must("private mounts", unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
		must("machine", unix.Mount("machine", "/mnt", "tmpfs", 0, "mode=755"))
		run(t)
		return
	}
	cmd := exec.Command("unshare", "-m", "--propagation", "private", "/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Args[4] = exe
	cmd.Env = append(os.Environ(), machineEnv+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("%v: %s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "_test.go:") && !strings.Contains(line, "main_test.go") {
			t.Log(strings.TrimSpace(line))
		}
	}
}

// machinesFiles changes what is mounted on the machine, too.
func machinesFiles(c *container) {
	c.err("bind", unix.Mount("/mnt", "/media/b", "", unix.MS_BIND, ""))
	c.err("remount", unix.Mount("", "/media/b", "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	_, err := unix.Fspick(unix.AT_FDCWD, "/media/b", 0)
	c.err("fspick", err)
	c.err("force", unix.Unmount("/media/b", unix.MNT_FORCE))
	c.err("force, lazily", unix.Unmount("/media/b", unix.MNT_FORCE|unix.MNT_DETACH))
	c.err("own", unix.Mount("x", "/media/c", "tmpfs", 0, ""))
	c.err("force own", unix.Unmount("/media/c", unix.MNT_FORCE))
	c.err("umount", unix.Unmount("/media/b", 0))
}

// machinesRoot has a root that is the machine's.
func machinesRoot(c *container) {
	must("chroot", unix.Chroot("/mnt"))
	must("chdir", unix.Chdir("/"))
	c.err("root", unix.Unmount("/", 0))
	c.err("root, by a dot", unix.Unmount(".", 0))
	c.err("write", os.WriteFile("/file", nil, 0o600))
}

func writable(t *testing.T, dir string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "probe"), nil, 0o600); err != nil {
		t.Errorf("the machine's file system was changed: %v", err)
	}
}

// TestMachinesFiles: a file system that the machine has mounted too is not changed.
func TestMachinesFiles(t *testing.T) {
	asMachine(t, func(t *testing.T) {
		const refused = "operation not permitted"
		list := supervised(t, plan{Scenario: "machine's files", Drop: true}, supervision{})
		want{"bind": "ok", "remount": refused, "fspick": refused, "force": refused, "force, lazily": refused, "own": "ok", "force own": "ok",
			"umount": "ok"}.check(t, list)
		writable(t, "/mnt")
		list = supervised(t, plan{Scenario: "machine's root", Drop: true}, supervision{})
		want{"root": refused, "root, by a dot": refused, "write": "ok"}.check(t, list)
		writable(t, "/mnt")
	})
}

// machinesDevice makes a file system anew that is mounted on the machine, and changes that.
func machinesDevice(c *container) {
	device := c.plan.Args[0]
	fs, err := unix.Fsopen("ext4", unix.FSOPEN_CLOEXEC)
	c.err("fsopen", err)
	c.err("source", unix.FsconfigSetString(fs, "source", device))
	c.err("create", unix.FsconfigCreate(fs))
	_, err = unix.Fsmount(fs, 0, 0)
	c.err("fsmount", err)
	c.err("ro", unix.FsconfigSetFlag(fs, "ro"))
	c.err("reconfigure", unix.FsconfigReconfigure(fs))
	c.err("mount", unix.Mount(device, "/media/t", "ext4", 0, ""))
	c.err("remount", unix.Mount("", "/media/t", "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	own, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	c.err("fsopen own", err)
	c.err("create own", unix.FsconfigCreate(own))
	_, err = unix.Fsmount(own, 0, 0)
	c.err("fsmount own", err)
	c.err("ro own", unix.FsconfigSetFlag(own, "ro"))
	c.err("reconfigure own", unix.FsconfigReconfigure(own))
}

// TestMachinesDevice: a device that is mounted on the machine can be mounted in a container, and its file system stays as it is.
func TestMachinesDevice(t *testing.T) {
	if _, err := exec.LookPath("mkfs.ext4"); err != nil {
		testneed.Missing(t, "needs mkfs.ext4: %v", err)
	}
	asMachine(t, func(t *testing.T) {
		image := makeImage(t)
		out, err := exec.Command("losetup", "-f", "--show", image).Output()
		if err != nil {
			testneed.Missing(t, "needs losetup and a loop device: %v", err)
		}
		device := strings.TrimSpace(string(out))
		t.Cleanup(func() { exec.Command("losetup", "-d", device).Run() }) //nolint:errcheck // it is a temporary one
		must("mkdir", os.Mkdir("/mnt/disk", 0o755))
		if err := unix.Mount(device, "/mnt/disk", "ext4", 0, ""); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Unmount("/mnt/disk", 0) }) //nolint:errcheck // it goes with the namespace
		list := supervised(t, plan{Scenario: "machine's device", Drop: true, Args: []string{device}},
			supervision{grant: policy.Grant{Sources: under("/dev")}})
		const refused = "operation not permitted"
		want{"fsopen": "ok", "source": "ok", "create": "ok", "fsmount": "ok", "reconfigure": refused, "mount": "ok", "remount": refused,
			"fsmount own": "ok", "reconfigure own": "ok"}.check(t, list)
		writable(t, "/mnt/disk")
	})
}

// prepareShared makes a mount that has a peer on the machine, with others on it.
func prepareShared(c *container) {
	prepareTree(c)
	must("bind", unix.Mount("/mnt/shared", "/media/t", "", unix.MS_BIND|unix.MS_REC, ""))
	must("closed", os.Chmod("/media/t/closed", 0))
	must("mkdir", os.Mkdir("/media/t/inner", 0o755))
}

// covered takes mounts away that are covered, closed or held, which have no name of their own any more.
func covered(c *container) {
	fd, err := unix.Open("/media/t/covered", unix.O_PATH|unix.O_DIRECTORY, 0)
	must("open", err)
	c.err("cover", unix.Mount("x", "/proc/self/fd/"+itoa(fd), "tmpfs", 0, ""))
	for _, how := range []int{0, unix.MNT_DETACH} {
		c.err(fmt.Sprint("covered ", how), unix.Unmount("/proc/self/fd/"+itoa(fd), how))
		c.err(fmt.Sprint("plain ", how), unix.Unmount("/media/t/plain", how))
		must("drop", dropCapabilities(unix.CAP_DAC_OVERRIDE, unix.CAP_DAC_READ_SEARCH))
		c.err(fmt.Sprint("closed ", how), unix.Unmount("/media/t/closed", how))
	}
	must("fchdir", os.Chdir("/media/t/plain"))
	must("chroot", unix.Chroot("/media/a")) // from here on mountinfo has none of these mounts
	c.err("umount outside of the root", unix.Unmount(".", unix.MNT_DETACH))
	c.err("mount outside of the root", unix.Mount("x", "../inner", "tmpfs", 0, ""))
}

// TestCovered: what would vanish from the machine stays, whatever name it is given.
func TestCovered(t *testing.T) {
	asMachine(t, func(t *testing.T) {
		must("mkdir", os.Mkdir("/mnt/shared", 0o755))
		must("tmpfs", unix.Mount("shared", "/mnt/shared", "tmpfs", 0, "mode=755"))
		must("shared", unix.Mount("", "/mnt/shared", "", unix.MS_SHARED, ""))
		for _, dir := range []string{"covered", "plain", "closed"} {
			must("mkdir", os.Mkdir("/mnt/shared/"+dir, 0o755))
			must("tmpfs", unix.Mount(dir, "/mnt/shared/"+dir, "tmpfs", 0, ""))
			must("private", unix.Mount("", "/mnt/shared/"+dir, "", unix.MS_PRIVATE, ""))
		}
		before := machineMounts(t)
		list := supervised(t, plan{Scenario: "covered", Drop: true, Peers: true, Args: []string{"work"}}, supervision{})
		for _, r := range list {
			if r.Step != "cover" && r.Result != "operation not permitted" {
				t.Errorf("%s: %s", r.Step, r.Result)
			}
		}
		if after := machineMounts(t); after != before {
			t.Errorf("mounts before:\n%s\nafter:\n%s", before, after)
		}
	})
}

// socketSource: 9p's source can be the path of a socket, which the kernel would look up for a task of the supervisor's.
func socketSource(c *container) {
	for n := range 40 {
		err := unix.Mount(itoa(n)+"/../mnt/socket", "/media/t", "9p", 0, "trans=unix")
		if !errors.Is(err, unix.EPERM) {
			c.err("mount "+itoa(n), err)
		}
	}
	c.say("end", "reached")
}

func TestSocketSource(t *testing.T) {
	needRoot(t)
	for _, p := range []plan{{}, {User: true}} {
		p.Scenario, p.Drop = "sockets", true
		list := supervised(t, p, supervision{})
		for _, r := range list {
			if strings.HasPrefix(r.Step, "mount ") {
				t.Errorf("%+v: %s: %s", p, r.Step, r.Result)
			}
		}
		want{"end": "reached"}.check(t, list)
	}
}
