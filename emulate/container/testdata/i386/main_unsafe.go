// Command i386 makes a container's calls as a 32-bit program. It prints a line for each.
package main

import (
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

func say(step string, err error) {
	text := "ok"
	if err != nil {
		text = err.Error()
	}
	fmt.Println(step + ": " + text)
}

func raw(nr uintptr, args ...uintptr) error {
	var p [6]uintptr
	copy(p[:], args)
	if _, _, errno := unix.Syscall6(nr, p[0], p[1], p[2], p[3], p[4], p[5]); errno != 0 {
		return errno
	}
	return nil
}

func str(s string) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(append([]byte(s), 0)))) }

func main() {
	say("tmpfs", unix.Mount("x", "/media/t", "tmpfs", unix.MS_NOSUID, "size=1m,mode=711"))
	say("bind", unix.Mount("/media/a", "/media/b", "", unix.MS_BIND, ""))
	say("remount", unix.Mount("", "/media/b", "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	say("overlay", unix.Mount("x", "/media/c", "overlay", unix.MS_NODEV, "lowerdir=/media/a:/media/d"))
	say("move", unix.Mount("/media/c", "/media/e/x", "", unix.MS_MOVE, ""))
	say("no type", unix.Mount("x", "/media/c", "nosuchfs", 0, ""))
	say("all flags", raw(unix.SYS_MOUNT, str("x"), str("/media/c"), str("tmpfs"), ^uintptr(0), 0))
	say("bad pointer", raw(unix.SYS_MOUNT, str("x"), ^uintptr(0), str("tmpfs"), 0, 0))
	say("high pointer", raw(unix.SYS_MOUNT, str("x"), 0xfffff000, str("tmpfs"), 0, 0))
	say("null", raw(unix.SYS_MOUNT, 0, 0, 0, 0, 0))
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	say("fsopen", err)
	say("fsconfig", unix.FsconfigSetString(fs, "size", "1m"))
	say("fsconfig bad", unix.FsconfigSetString(fs, "nope", "1m"))
	say("create", unix.FsconfigCreate(fs))
	m, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NODEV)
	say("fsmount", err)
	say("setattr", unix.MountSetattr(m, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOEXEC}))
	say("move_mount", unix.MoveMount(m, "", unix.AT_FDCWD, "/media/c", unix.MOVE_MOUNT_F_EMPTY_PATH))
	tree, err := unix.OpenTree(unix.AT_FDCWD, "/media/a", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	say("open_tree", err)
	say("move tree", unix.MoveMount(tree, "", unix.AT_FDCWD, "/media/e/y", unix.MOVE_MOUNT_F_EMPTY_PATH))
	say("fifo", unix.Mknod("/media/fifo", unix.S_IFIFO|0o640, 0))
	say("mem", unix.Mknod("/media/mem", unix.S_IFIFO, 0x101))
	say("setxattr", unix.Setxattr("/media/file", "user.x", []byte("value"), 0))
	buf := make([]byte, 20)
	n, err := unix.Getxattr("/media/file", "user.x", buf)
	say("getxattr "+string(buf[:max(n, 0)]), err)
	say("huge value", raw(unix.SYS_SETXATTR, str("/media/file"), str("user.x"), str("v"), ^uintptr(0), 0))
	say("chown", unix.Chown("/media/file", 3, -1))
	say("old chown", raw(unix.SYS_CHOWN, str("/media/file"), 4, 0xffff))
	var st unix.Stat_t
	say("stat", unix.Stat("/media/file", &st))
	fmt.Println("owner", st.Uid, st.Gid)
	text, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); strings.HasPrefix(f[4], "/media/") {
			fmt.Println(f[4], f[5])
		}
	}
	say("umount", unix.Unmount("/media/e/y", 0))
	say("old umount", raw(unix.SYS_UMOUNT, str("/media/e/x")))
	say("umount flags", unix.Unmount("/media/c", 0x100))
	say("umount none", unix.Unmount("/media/none", 0))
}
