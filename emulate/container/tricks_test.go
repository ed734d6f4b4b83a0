package container

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// smuggled gives mounts what is more than it seems.
func smuggled(c *container) {
	for _, dir := range []string{"l1", "l,2", "x=y", `b\c`, "n\nl", "up", "work"} {
		must("mkdir", os.MkdirAll("/media/"+dir, 0o755))
		must("mark", os.WriteFile("/media/"+dir+"/"+strings.ReplaceAll(dir, "/", "_"), nil, 0o644))
	}
	show := func(step string, err error) {
		c.err("mount "+step, err)
		if !strings.Contains(step, `\\`) { // what is escaped is shown as overlay was given it: one by one, and unescaped
			c.say("mounted "+step, oneLowerdir(strings.Join(mountsBelow("/media/t"), "\n")))
		}
		names := []string{}
		entries, _ := os.ReadDir("/media/t")
		for _, e := range entries {
			names = append(names, e.Name())
		}
		c.say("shows "+step, strings.Join(names, " "))
		if err == nil {
			c.err("umount "+step, unix.Unmount("/media/t", 0))
		}
	}
	for _, data := range []string{
		"size=1m,\nmode=700", "size=1m\\,mode=700", "size=1m,mode=7\x00size=2m", "mode=700,,,,", ",,,size=1m", "=", "=x,size=1m", "size==1m", "\xff\xfe\x80",
		"size=1m,\xff=\xfe", "context=system_u:object_r:tmp_t:s0", `context="a,b",size=1m`, "fscontext=x", "defcontext=x", "rootcontext=x", "seclabel",
		strings.Repeat("x", 4095), strings.Repeat("x", 5000), strings.Repeat("size=1m,", 511), "mode=700," + strings.Repeat("y", 4000), "source=/etc/shadow", "source=x,source=y",
		"ro,rw,size=1m", "nosuid,nodev", "suid,dev", "bind", "remount", "fd=3", "lowerdir=/", "uid=4294967295", "uid=-1", "gid=99999999999", "mpol=bind:0", "huge=always", "casefold",
	} {
		show(fmt.Sprintf("tmpfs %.40q %d", data, len(data)), unix.Mount("x", "/media/t", "tmpfs", 0, data))
	}
	for _, data := range []string{
		`lowerdir=/media/l1:/media/l\,2`, `lowerdir=/media/l1\:/media/l1`, `lowerdir=/media/b\\c:/media/l1`, `lowerdir=/media/b\c:/media/l1`, "lowerdir=/media/n\nl:/media/l1",
		`lowerdir=/media/x=y:/media/l1`, `lowerdir=/media/l1:/media/a,lowerdir=/media/b:/media/c`, `lowerdir=/media/l1:/media/l1`, `lowerdir=/media/l1\`, `lowerdir=\`, `lowerdir=\/media\/l1:/media/a`,
		`lowerdir=/media/l1:/media/a,upperdir=/media/up,workdir=/media/up`, `lowerdir=/media/l1:/media/a,upperdir=/media/up,workdir=/media/up/x`,
		`lowerdir=/media/l1,upperdir=/media/up,workdir=/media/work,upperdir=/media/a`, `lowerdir=/media/l1:/media/a,context=x`, "lowerdir=/media/l1:/media/a,\x00nope",
		`lowerdir=/media/l1:/media/a,metacopy=on,redirect_dir=on`, `lowerdir=/media/l1:/media/a,xino=maybe`, `lowerdir=/media/l1::/media/a`, `lowerdir=:/media/l1`, `lowerdir=/media/l1:/media/a:`,
		`lowerdir=` + strings.Repeat("/media/l1:", 300) + "/media/a", `lowerdir=` + strings.Repeat("/media/l1:", 600), `workdir=/media/work,lowerdir=/media/l1:/media/a`,
	} {
		show(fmt.Sprintf("overlay %.60q %d", data, len(data)), unix.Mount("x", "/media/t", "overlay", unix.MS_NODEV, data))
	}
	for _, kind := range []string{"tmpfs\n", "tmpfs ", " tmpfs", "TMPFS", "tmpfs,x", "tmpfs.x", "overlay.x", "fuse.", "fuse..", "proc.x", "\xff", "tmpfs\x00overlay"} {
		show(fmt.Sprintf("kind %q", kind), raw(unix.SYS_MOUNT, str("x"), str("/media/t"), str(kind), 0, 0))
	}
	for _, source := range []string{"a,b", "a\nb", "a b\tc", `a\040b`, "#x", "\xff\xfe", "none", "x - overlay y", strings.Repeat("s", 4000)} {
		show(fmt.Sprintf("source %.40q %d", source, len(source)), unix.Mount(source, "/media/t", "tmpfs", 0, ""))
	}
}

// standIns gives calls descriptors that stand for mounts, or do not.
func standIns(c *container) {
	tree := func() int {
		fd, err := unix.OpenTree(unix.AT_FDCWD, "/media/a", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		must("open_tree", err)
		return fd
	}
	move := func(fd int, to string) error {
		err := unix.MoveMount(fd, "", unix.AT_FDCWD, to, unix.MOVE_MOUNT_F_EMPTY_PATH)
		if err == nil {
			must("umount", unix.Unmount(to, unix.MNT_DETACH))
		}
		return err
	}
	var p [2]int
	must("pipe", unix.Pipe2(p[:], unix.O_CLOEXEC))
	for i, fd := range p {
		c.err(fmt.Sprint("own pipe ", i), move(fd, "/media/b"))
		c.err(fmt.Sprint("own pipe's attributes ", i), unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}))
	}
	real := tree()
	c.err("attach it", move(real, "/media/b"))
	c.err("attach it twice", move(real, "/media/b"))
	unix.Close(real)
	// Its number is used again by something else, and by another stand-in.
	fd := tree()
	unix.Close(fd)
	must("pipe", unix.Pipe2(p[:], unix.O_CLOEXEC))
	c.err("a pipe with its number", move(p[0], "/media/b"))
	file, err := os.Open("/dev/null")
	must("open", err)
	c.err("a file", move(int(file.Fd()), "/media/b"))
	c.mounts("left")
}

// below runs a program in namespaces of its own below the container's.
func below(c *container, step, flags, script string) {
	out, err := exec.Command("unshare", append(strings.Fields(flags), "sh", "-c", script)...).CombinedOutput()
	c.say(step, fmt.Sprintf("%v %.300s", err == nil, strings.TrimSpace(string(out))))
}

// nestedRights makes namespaces, and asks for what belongs to the outer ones.
func nestedRights(c *container) {
	const quiet = " 2>/dev/null"
	below(c, "tmpfs in a user namespace", "-Ur", "mount -t tmpfs x /media/t"+quiet+"; grep -c ' /media/t ' /proc/self/mountinfo")
	below(c, "outer mount", "-Ur", "umount /media/b"+quiet+"; umount -l /media/b"+quiet+"; mount -o remount,ro,bind /media/b"+quiet+"; grep -o ' /media/b rw' /proc/self/mountinfo")
	below(c, "locked mount", "-Urm", "umount /media/b"+quiet+"; grep -o ' /media/b rw' /proc/self/mountinfo")
	below(c, "own mount", "-Urm", "mount -t tmpfs x /media/t && umount /media/t && echo done")
	below(c, "locked flags", "-Urm", "mount -o remount,bind,suid,dev /media/c"+quiet+"; grep -o ' /media/c rw,nosuid,nodev' /proc/self/mountinfo")
	below(c, "name", "-Ur", "hostname elsewhere"+quiet+"; hostname")
	below(c, "overlay", "-Urm", "mount -t overlay -o lowerdir=/media/a:/media/d x /media/t && ls /media/t && umount /media/t")
	c.mounts("after")
}

// elsewhere goes into another container's mount namespace with what it has.
func elsewhere(c *container) {
	before := strings.Join(mountsBelow("/media"), "\n")
	cmd := exec.Command("unshare", "-m", "--propagation", "private", "sleep", "60")
	must("other", cmd.Start())
	other := fmt.Sprintf("/proc/%d/ns/mnt", cmd.Process.Pid)
	own, _ := os.Readlink("/proc/self/ns/mnt")
	for range 200 {
		if link, _ := os.Readlink(other); link != "" && link != own {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	for _, program := range [][]string{{"-m", "mount", "-t", "tmpfs", "x", "/media/t"}, {"-m", "umount", "/media/b"}} {
		args := append([]string{"-t", itoa(cmd.Process.Pid)}, program...)
		out, err := exec.Command("nsenter", args...).CombinedOutput()
		c.say(strings.Join(program, " "), fmt.Sprintf("%v %s", err == nil, out))
	}
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", cmd.Process.Pid))
	c.say("there", fmt.Sprint(strings.Contains(string(text), " /media/t "), strings.Contains(string(text), " /media/b ")))
	c.say("not here", fmt.Sprint(strings.Join(mountsBelow("/media"), "\n") == before))
	must("kill", cmd.Process.Kill())
	cmd.Wait() //nolint:errcheck // it was killed
}

// covering mounts over the paths that a supervisor could be thought to use, and then mounts by descriptors and paths in procfs.
func covering(c *container) {
	fd, err := unix.Open("/media/a", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must("open", err)
	for i, over := range []string{"/proc", "/proc/self/fd", "/dev", "/sys", "/tmp"} {
		if i == 0 { // a proc file system that is none: files with the names of links
			must("mkdir", os.MkdirAll("/media/c/self/fd", 0o755))
			must("mkdir", os.MkdirAll("/media/c/thread-self/fd", 0o755))
			for n := range 64 {
				for _, self := range []string{"self", "thread-self"} {
					os.Symlink("/media/d", "/media/c/"+self+"/fd/"+itoa(n)) //nolint:errcheck // it is there
				}
			}
			c.err("cover "+over, unix.Mount("/media/c", over, "", unix.MS_BIND, ""))
		} else {
			c.err("cover "+over, unix.Mount("x", over, "tmpfs", 0, "mode=755"))
		}
		c.err("mount under "+over, unix.Mount("x", "/media/t", "tmpfs", 0, ""))
		c.err("bind under "+over, unix.Mount("/media/a", "/media/b", "", unix.MS_BIND, ""))
		_, err = os.Stat("/media/b/inner")
		c.err("what it shows under "+over, err)
		c.err("overlay under "+over, unix.Mount("x", "/media/e/x", "overlay", 0, "lowerdir=/media/a:/media/e/y"))
		err = unix.Mount("x", "/proc/self/fd/"+itoa(fd), "tmpfs", 0, "")
		c.err("by a descriptor under "+over, err)
		for _, dir := range []string{"/media/e/x", "/media/b", "/media/t", "/media/d", "/media/a"} {
			c.err("umount "+dir+" under "+over, unix.Unmount(dir, unix.MNT_DETACH))
		}
		c.err("uncover "+over, unix.Unmount(over, unix.MNT_DETACH))
	}
	c.mounts("left")
}

// wide makes devices whose numbers are encoded in other ways (new_decode_dev() of include/linux/kdev_t.h).
func wide(c *container) {
	for _, d := range []struct {
		name string
		mode uint32
		dev  uint64
	}{
		{"null", unix.S_IFCHR, 0x103}, {"block null", unix.S_IFBLK, 0x103}, {"minor 259", unix.S_IFCHR, 0x100103}, {"major 257", unix.S_IFCHR, 0x10103},
		{"old 16 bits", unix.S_IFCHR, 0x0103}, {"above 32 bits", unix.S_IFCHR, 1<<32 | 0x101}, {"null above 32 bits", unix.S_IFCHR, 1<<32 | 0x103},
		{"mem", unix.S_IFCHR, 0x101}, {"kmem", unix.S_IFCHR, 0x102}, {"port", unix.S_IFCHR, 0x104}, {"disk", unix.S_IFBLK, 0x800}, {"all ones", unix.S_IFCHR, 0xffffffff},
		{"loop-control", unix.S_IFCHR, 10<<8 | 237}, {"kvm", unix.S_IFCHR, 10<<8 | 232}, {"console", unix.S_IFCHR, 0x501}, {"tty1", unix.S_IFCHR, 0x401},
		{"fuse by a wide minor", unix.S_IFCHR, 10<<8 | 0xe5}, {"all types", 0o170000, 0x103}, {"upper bits of the mode", 0x10000 | unix.S_IFCHR, 0x103},
		{"directory with a device", unix.S_IFDIR, 0x103}, {"socket with a device", unix.S_IFSOCK, 0x101}, {"fifo with a device", unix.S_IFIFO, 0x101},
		{"file with a device", unix.S_IFREG, 0x101}, {"whiteout as a block", unix.S_IFBLK, 0},
	} {
		path := "/media/" + d.name
		c.err("mknod "+d.name, raw(unix.SYS_MKNOD, str(path), uintptr(d.mode|0o600), uintptr(d.dev)))
		var st unix.Stat_t
		if unix.Stat(path, &st) == nil {
			c.say("is "+d.name, fmt.Sprintf("%o %d:%d", st.Mode&unix.S_IFMT, unix.Major(st.Rdev), unix.Minor(st.Rdev)))
		}
	}
}

// roots asks for the supervisor's and the machine's root by every name that procfs has for it.
func roots(c *container) {
	supervisor := c.plan.Args[0]
	reached := 0
	for _, who := range []string{supervisor, "1", itoa(os.Getppid()), "self", "thread-self"} {
		for _, what := range []string{"root", "root/../..", "cwd", "root/proc/1/root", "root/proc/" + supervisor + "/root", "task/" + who + "/root"} {
			path := "/proc/" + who + "/" + what
			native := os.Chdir(path) == nil
			must("chdir", os.Chdir("/media/a"))
			for _, data := range []string{"", "overlay"} {
				var err error
				if data == "" {
					err = unix.Mount(path, "/media/t", "", unix.MS_BIND, "")
				} else {
					err = unix.Mount("x", "/media/t", "overlay", 0, "lowerdir="+path+":/media/a")
				}
				if err == nil && !native {
					c.say("reached "+path+" "+data, strings.Join(mountsBelow("/media/t"), ";"))
				}
				if err == nil {
					reached++
					must("umount", unix.Unmount("/media/t", unix.MNT_DETACH))
				}
			}
			if err := unix.Mount("x", path, "tmpfs", 0, ""); err == nil && !native {
				c.say("mounted on "+path, "yes")
			} else if err == nil {
				must("umount", unix.Unmount(path, unix.MNT_DETACH))
			}
		}
	}
	list, _ := filepath.Glob("/proc/" + supervisor + "/*")
	for _, path := range list {
		if _, err := os.ReadDir(path); err == nil {
			continue // it is no secret
		}
		if err := unix.Mount(path, "/media/t", "", unix.MS_BIND, ""); err == nil {
			_, err := os.ReadDir("/media/t")
			if !errors.Is(err, unix.EACCES) {
				c.say("reached "+path, "yes")
			}
			must("umount", unix.Unmount("/media/t", unix.MNT_DETACH))
		}
	}
	c.say("own ones", fmt.Sprint(reached > 0))
}

func trickScenarios() map[string]scenario {
	return map[string]scenario{
		"smuggled": {prepareTree, smuggled}, "stand-ins": {prepareTree, standIns}, "elsewhere": {prepareNested, elsewhere},
		"nested rights": {prepareNested, nestedRights}, "covering": {prepareTree, covering}, "wide": {nil, wide}, "supervisor's roots": {prepareTree, roots},
		"roots change": {prepareRoots, rootsChange}, "other program": {prepareTree, otherProgram}, "oddities": {prepareTree, oddities}, "random": {prepareTree, random}, "held up": {prepareTree, heldUp}, "killers": {prepareTree, killers},
	}
}

func prepareNested(c *container) {
	prepareTree(c)
	must("tmpfs", unix.Mount("outer", "/media/b", "tmpfs", 0, ""))
	must("tmpfs", unix.Mount("flags", "/media/c", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, ""))
}

// TestTricks: what root itself would get is what is performed, whatever it is called.
func TestTricks(t *testing.T) {
	needRoot(t)
	for _, program := range []string{"unshare", "nsenter", "mount"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("needs %s: %v", program, err)
		}
	}
	for _, name := range []string{"smuggled", "covering", "stand-ins", "elsewhere"} {
		for env, p := range map[string]plan{"rootful": {}, "user namespace": {User: true}} {
			t.Run(name+"/"+env, func(t *testing.T) {
				p.Scenario = name
				list := native(t, p)
				p.Drop = name != "elsewhere" // setns(2) wants rights of its own
				same(t, list, supervised(t, p, supervision{}))
			})
		}
	}
}

// TestNestedRights: who is in a namespace below the container's gets there what it would get without a supervisor.
func TestNestedRights(t *testing.T) {
	needRoot(t)
	for _, p := range []plan{{}, {User: true}} {
		p.Scenario = "nested rights"
		list := native(t, p)
		p.Drop = true
		same(t, list, supervised(t, p, supervision{}))
	}
}

// TestWideDevices: no way of writing a device's number makes one that is not granted.
func TestWideDevices(t *testing.T) {
	needRoot(t)
	for _, p := range []plan{{}, {User: true}} {
		p.Scenario, p.Drop = "wide", true
		made := 0
		for _, r := range supervised(t, p, supervision{}) {
			if !strings.HasPrefix(r.Step, "is ") {
				continue
			}
			switch strings.TrimPrefix(r.Step, "is ") {
			case "null", "old 16 bits", "null above 32 bits", "upper bits of the mode", "console", "fuse by a wide minor":
				made++
			default:
				if strings.HasPrefix(r.Result, "20000 ") || strings.HasPrefix(r.Result, "60000 ") {
					if !strings.HasSuffix(r.Result, " 0:0") {
						t.Errorf("%+v: %s %s", p, r.Step, r.Result)
					}
				}
			}
		}
		if made < 4 {
			t.Errorf("%d of the harmless ones were made", made)
		}
	}
}

// TestRoots: no name reaches a root or a descriptor of the supervisor.
func TestRoots(t *testing.T) {
	needRoot(t)
	for _, p := range []plan{{}, {User: true}, {Chroot: true}} {
		p.Scenario, p.Drop, p.Args = "supervisor's roots", true, []string{itoa(os.Getpid())}
		list := supervised(t, p, supervision{})
		for _, r := range list {
			if strings.HasPrefix(r.Step, "reached ") || strings.HasPrefix(r.Step, "mounted on ") {
				t.Errorf("%+v: %s: %s", p, r.Step, r.Result)
			}
		}
		want{"own ones": "true"}.check(t, list)
	}
}
