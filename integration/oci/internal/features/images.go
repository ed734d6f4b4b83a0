package main

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// images mounts every file NAME.TYPE of /images. The machine's root makes a device of it first, as mount(8) does; in a container it is
// mounted as it is.
func images(r *report) {
	list, err := filepath.Glob("/images/*.*")
	must("images", err)
	for _, image := range list {
		r.dirs("t")
		kind := strings.TrimPrefix(filepath.Ext(image), ".")
		flags, ro := uintptr(unix.MS_NOSUID|unix.MS_NODEV), false // as it is forced in a user namespace
		if kind == "squashfs" || kind == "erofs" {
			flags, ro = flags|unix.MS_RDONLY, true
		}
		err := mountImage(image, kind, flags)
		r.both("mount "+kind, err)
		if err != nil {
			continue
		}
		text, err := os.ReadFile("t/file")
		r.err("read "+kind, err)
		r.say("text "+kind, string(text))
		r.stat("owner "+kind, "t/file")
		if !ro {
			r.err("write "+kind, os.WriteFile("t/new", []byte("x"), 0o644))
			r.stat("written "+kind, "t/new")
			r.both("remount "+kind, unix.Mount("", "t", "", unix.MS_REMOUNT|unix.MS_RDONLY|unix.MS_NODEV, "")) // an image stays without devices
		}
		r.both("umount "+kind, unix.Unmount("t", 0))
	}
}

func mountImage(image, kind string, flags uintptr) error {
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		return unix.Mount(image, "t", kind, flags, "")
	}
	device, path := loop(image)
	defer unix.Close(device)
	return unix.Mount(path, "t", kind, flags, "")
}

// loop makes a file a device that goes with its last user (loop(4)).
func loop(image string) (int, string) {
	file, err := unix.Open(image, unix.O_RDWR|unix.O_CLOEXEC, 0)
	must("image", err)
	defer unix.Close(file)
	control, err := unix.Open("/dev/loop-control", unix.O_RDWR|unix.O_CLOEXEC, 0)
	must("loop", err)
	defer unix.Close(control)
	config := unix.LoopConfig{Fd: uint32(file), Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_AUTOCLEAR}}
	for {
		n, err := unix.IoctlRetInt(control, unix.LOOP_CTL_GET_FREE)
		must("loop", err)
		path := "/dev/loop" + itoa(n)
		unix.Mknod(path, unix.S_IFBLK|0o600, int(unix.Mkdev(7, uint32(n)))) //nolint:errcheck // it may be there
		device, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
		must("loop", err)
		if err = unix.IoctlLoopConfigure(device, &config); err == nil {
			return device, path
		}
		if err != unix.EBUSY {
			fatal("loop", err)
		}
		unix.Close(device)
	}
}
