package container

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A generator makes calls at random, the same ones for the same seed.
type generator struct {
	*rand.Rand
	fds []int // contexts, mounts and others, opened so far
}

func pick[T any](g *generator, list ...T) T { return list[g.IntN(len(list))] }

func (g *generator) path() string {
	return pick(g, "/media/a", "/media/b", "/media/c", "/media/d", "/media/e/x", "/media/e/y", "/media/t", "/media/e", "/media/a/sub", "/media/b/sub", "/media/file",
		"/media/a/inner", "/media/b/inner", "/media/link", "/media/none", "/media/file/x", "/media/loop", "/media/c/../d", "/media/t/.", "", "/media/notdir")
}

func (g *generator) fd() int {
	if len(g.fds) == 0 || g.IntN(8) == 0 {
		return pick(g, -1, 999, 0)
	}
	return g.fds[g.IntN(len(g.fds))]
}

func (g *generator) mask(bits ...int) (mask int) {
	for _, bit := range bits {
		if g.IntN(3) == 0 {
			mask |= bit
		}
	}
	return mask
}

func (g *generator) keep(fd int, err error) error {
	if err == nil {
		g.fds = append(g.fds, fd)
	}
	return err
}

func (g *generator) attr() *unix.MountAttr {
	bits := []int{unix.MOUNT_ATTR_RDONLY, unix.MOUNT_ATTR_NOSUID, unix.MOUNT_ATTR_NODEV, unix.MOUNT_ATTR_NOEXEC, unix.MOUNT_ATTR_NODIRATIME}
	a := &unix.MountAttr{Attr_set: uint64(g.mask(bits...)), Attr_clr: uint64(g.mask(bits...))}
	switch g.IntN(6) {
	case 0:
		a.Attr_set |= unix.MOUNT_ATTR_NOATIME
		a.Attr_clr |= unix.MOUNT_ATTR__ATIME
	case 1:
		a.Propagation = uint64(pick(g, unix.MS_SHARED, unix.MS_PRIVATE, unix.MS_SLAVE, unix.MS_UNBINDABLE, 3))
	}
	return a
}

// A move is one kind of random call.
type move struct {
	name string
	do   func(g *generator) error
}

func moves() []move {
	mountBits := []int{unix.MS_RDONLY, unix.MS_NOSUID, unix.MS_NODEV, unix.MS_NOEXEC, unix.MS_NOATIME, unix.MS_STRICTATIME, unix.MS_NODIRATIME, unix.MS_SILENT, unix.MS_NOSYMFOLLOW}
	return []move{
		{"tmpfs", func(g *generator) error {
			return unix.Mount(pick(g, "x", "", "none"), g.path(), "tmpfs", uintptr(g.mask(mountBits...)), pick(g, "", "size=1m", "mode=711", "nope", "size=x", "nr_inodes=5,size=64k"))
		}},
		{"tmpfs", func(g *generator) error { return unix.Mount("y", g.path(), "tmpfs", 0, "") }},
		{"bind", func(g *generator) error {
			return unix.Mount(g.path(), g.path(), "", uintptr(unix.MS_BIND|g.mask(unix.MS_REC)), "")
		}},
		{"remount", func(g *generator) error {
			return unix.Mount("", g.path(), "", uintptr(unix.MS_REMOUNT|unix.MS_BIND|g.mask(mountBits...)), "")
		}},
		{"remount the file system", func(g *generator) error {
			return unix.Mount("", g.path(), "", uintptr(unix.MS_REMOUNT|g.mask(mountBits...)), pick(g, "", "size=2m", "nope"))
		}},
		{"propagation", func(g *generator) error {
			return unix.Mount("", g.path(), "", uintptr(pick(g, unix.MS_SHARED, unix.MS_PRIVATE, unix.MS_SLAVE, unix.MS_UNBINDABLE, unix.MS_SHARED|unix.MS_SLAVE)|g.mask(unix.MS_REC, unix.MS_SILENT)), "")
		}},
		{"move", func(g *generator) error { return unix.Mount(g.path(), g.path(), "", unix.MS_MOVE, "") }},
		{"any flags", func(g *generator) error {
			return unix.Mount(g.path(), g.path(), pick(g, "tmpfs", "overlay", "nosuchfs", "ramfs", ""), uintptr(g.Uint32()), pick(g, "", "size=1m", "lowerdir=/media/a:/media/d"))
		}},
		{"umount", func(g *generator) error { return unix.Unmount(g.path(), g.mask(unix.MNT_DETACH, unix.UMOUNT_NOFOLLOW)) }},
		{"umount", func(g *generator) error { return unix.Unmount(g.path(), unix.MNT_DETACH) }},
		{"umount by any flags", func(g *generator) error { return unix.Unmount(g.path(), g.IntN(32)&^unix.MNT_EXPIRE) }},
		{"overlay", func(g *generator) error {
			data := "lowerdir=" + g.path() + ":" + g.path()
			if g.IntN(2) == 0 {
				data = "lowerdir=" + g.path() + ",upperdir=/media/up,workdir=" + pick(g, "/media/work", "/media/up", "/media/none")
			}
			return unix.Mount("ov", g.path(), "overlay", 0, data)
		}},
		{"open_tree", func(g *generator) error {
			fd, err := unix.OpenTree(pick(g, unix.AT_FDCWD, g.fd()), g.path(), uint(g.mask(unix.OPEN_TREE_CLONE, unix.OPEN_TREE_CLOEXEC, unix.AT_RECURSIVE, unix.AT_EMPTY_PATH, unix.AT_SYMLINK_NOFOLLOW)))
			return g.keep(fd, err)
		}},
		{"copy", func(g *generator) error {
			fd, err := unix.OpenTree(unix.AT_FDCWD, g.path(), uint(unix.OPEN_TREE_CLONE|g.mask(unix.AT_RECURSIVE)))
			return g.keep(fd, err)
		}},
		{"move_mount", func(g *generator) error {
			return unix.MoveMount(g.fd(), "", unix.AT_FDCWD, g.path(), unix.MOVE_MOUNT_F_EMPTY_PATH|g.mask(unix.MOVE_MOUNT_T_SYMLINKS))
		}},
		{"move_mount of paths", func(g *generator) error {
			return unix.MoveMount(unix.AT_FDCWD, g.path(), unix.AT_FDCWD, g.path(), g.mask(1, 2, 4, 16, 32, 64, 256))
		}},
		{"setattr", func(g *generator) error {
			return unix.MountSetattr(unix.AT_FDCWD, g.path(), uint(g.mask(unix.AT_RECURSIVE, unix.AT_SYMLINK_NOFOLLOW)), g.attr())
		}},
		{"setattr of a descriptor", func(g *generator) error {
			return unix.MountSetattr(g.fd(), "", unix.AT_EMPTY_PATH, g.attr()) // with AT_RECURSIVE nodev would stay
		}},
		{"fsopen", func(g *generator) error {
			fd, err := unix.Fsopen(pick(g, "tmpfs", "overlay", "ramfs", "nosuchfs"), g.mask(1, 2))
			return g.keep(fd, err)
		}},
		{"fsconfig", func(g *generator) error {
			fd := g.fd()
			switch g.IntN(5) {
			case 0:
				key := pick(g, "size", "lowerdir+", "lowerdir", "nope", "mode")
				err := unix.FsconfigSetString(fd, key, pick(g, "1m", "/media/a", "700", ""))
				if err != nil && strings.HasPrefix(key, "lowerdir") {
					return unix.EINVAL // the path is looked up first
				}
				return err
			case 1:
				return unix.FsconfigSetFlag(fd, pick(g, "ro", "rw", "nope", ""))
			case 2:
				return unix.FsconfigReconfigure(fd)
			}
			return unix.FsconfigCreate(fd)
		}},
		{"fsmount", func(g *generator) error {
			fd, err := unix.Fsmount(g.fd(), g.mask(1), g.mask(1, 2, 4, 8, 0x10))
			return g.keep(fd, err)
		}},
		{"fspick", func(g *generator) error {
			fd, err := unix.Fspick(unix.AT_FDCWD, g.path(), g.mask(1, 2, 4)) // an empty path would be the machine's own root
			return g.keep(fd, err)
		}},
		{"close", func(g *generator) error {
			if len(g.fds) == 0 {
				return nil
			}
			i := g.IntN(len(g.fds))
			fd := g.fds[i]
			g.fds = append(g.fds[:i], g.fds[i+1:]...)
			return unix.Close(fd)
		}},
		{"mknod", func(g *generator) error {
			path := g.path() + pick(g, "", "/new", "new")
			err := unix.Mknod(path, uint32(pick(g, unix.S_IFIFO, unix.S_IFREG, unix.S_IFSOCK, unix.S_IFCHR, unix.S_IFDIR)|g.IntN(0o1000)), 0)
			if err == nil {
				unix.Unlink(path) //nolint:errcheck // it was made a moment ago
			}
			return err
		}},
		{"setxattr", func(g *generator) error {
			return unix.Setxattr(g.path(), pick(g, "user.x", "user.", "x"), []byte("v"), g.mask(1, 2, 4))
		}},
		{"removexattr", func(g *generator) error { return unix.Removexattr(g.path(), pick(g, "user.x", "user.y")) }},
		{"symlink", func(g *generator) error {
			os.Remove("/media/link")
			return os.Symlink(pick(g, "b", "d", "/media/none"), "/media/link")
		}},
	}
}

// random makes as many calls as it is told, of the seed that it is told.
func random(c *container) {
	seed, err := strconv.ParseUint(c.plan.Args[0], 10, 64)
	must("seed", err)
	steps, err := strconv.Atoi(c.plan.Args[1])
	must("steps", err)
	for _, dir := range []string{"up", "work"} {
		must("mkdir", os.MkdirAll("/media/"+dir, 0o755))
	}
	must("chdir", unix.Chdir("/media")) // whatever a relative or empty path means, it is not the machine's
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0))}
	all := moves()
	for i := range steps {
		m := all[g.IntN(len(all))]
		err := m.do(g)
		if err != nil && m.name == "overlay" {
			err = unix.EINVAL // of several mistakes, another one may be met first: layers are given one by one
		}
		c.err(fmt.Sprintf("%d %s", i, m.name), err)
		if i%25 == 24 {
			c.say(fmt.Sprintf("%d mounts", i), withoutLayers())
		}
	}
	c.say("end", withoutLayers())
}

// withoutLayers are the mounts, without the layers of overlays, which are shown as they were found and not as they were written.
func withoutLayers() string {
	layers := regexp.MustCompile(`,?(lowerdir\+?|upperdir|workdir)=[^, \n]*`)
	return layers.ReplaceAllString(strings.Join(mountsBelow("/media"), "\n"), "")
}

// TestRandom: the same calls, made by root natively and performed, have the same results and leave the same mounts. STEAD_RANDOM is how
// many sequences are tried; STEAD_SEED is the first one's.
func TestRandom(t *testing.T) {
	needRoot(t)
	runs, seed := 6, uint64(1)
	if n, err := strconv.Atoi(os.Getenv("STEAD_RANDOM")); err == nil {
		runs, seed = n, uint64(time.Now().UnixNano())
	}
	if n, err := strconv.ParseUint(os.Getenv("STEAD_SEED"), 10, 64); err == nil {
		seed = n
	}
	const steps = 200
	did := map[string]int{}
	for i := range runs {
		for _, user := range []bool{false, true} {
			p := plan{Scenario: "random", User: user, Args: []string{strconv.FormatUint(seed+uint64(i), 10), itoa(steps)}}
			list := native(t, p)
			p.Drop = true
			same(t, list, supervised(t, p, supervision{}))
			for _, r := range list {
				did[r.Result]++
			}
			if t.Failed() {
				t.Fatalf("seed %s, user namespace %v", p.Args[0], user)
			}
		}
	}
	t.Logf("%d calls succeeded, %d results in all", did["ok"], len(did))
	if did["ok"] < runs*steps/3 {
		t.Errorf("only %d of %d calls succeeded: too few of them mean anything", did["ok"], 2*runs*steps)
	}
}
