package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const opaque = "trusted.overlay.opaque"

// overlay stacks layers as image builders do: changes, whiteouts and replaced directories, and what is in the upper layer afterwards.
func overlay(r *report) { r.stack(opaque, "") }

// userOverlay is the same with the option of those who have no rights (Documentation/filesystems/overlayfs.rst).
func userOverlay(r *report) { r.stack("user.overlay.opaque", ",userxattr") }

func (r *report) stack(opaque, option string) {
	r.dirs("l1/dir", "l2/dir", "l2/gone", "up", "work", "m", "with:colon", "ro")
	r.file("l1/one", "one")
	r.file("l1/dir/deep", "deep")
	r.file("l2/one", "below")
	r.file("l2/two", "two")
	r.file("l2/gone/x", "x")
	r.both("mount", unix.Mount("ov", "m", "overlay", 0, r.layer("lowerdir=", "l1:", "l2,upperdir=", "up,workdir=", "work")+option))
	for _, s := range []step{
		{"change", func() error { return os.WriteFile("m/two", []byte("2"), 0o644) }},
		{"remove", func() error { return unix.Unlink("m/one") }},
		{"remove a tree", func() error { return errors.Join(unix.Unlink("m/gone/x"), unix.Rmdir("m/gone")) }},
		{"make it again", func() error { return unix.Mkdir("m/gone", 0o755) }},
		{"rename a directory", func() error { return renamed("m/dir", "m/moved") }},
		{"new owner", func() error { return os.Chown("m/dir/deep", 3, 4) }},
		{"attribute", func() error { return unix.Setxattr("m/two", "user.x", []byte("v"), 0) }},
		{"socket", func() error { return unix.Mknod("m/sock", unix.S_IFSOCK|0o600, 0) }},
	} {
		r.err(s.name, s.do())
	}
	r.say("merged", list("m", opaque))
	r.say("upper", list("up", opaque))
	r.both("remount", unix.Mount("", "m", "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	r.err("write", unix.Mkdir("m/late", 0o755))
	r.both("umount", unix.Unmount("m", 0))
	layers := r.layer("lowerdir=", "l1,upperdir=", "up,workdir=", "work") + option
	r.all([]step{
		mount("read-only", "ov", "ro", "overlay", 0, r.layer("lowerdir=", "l1:", "l2")+option),
		unmount("umount read-only", "ro", 0),
		mount("relative", "ov", "ro", "overlay", unix.MS_RDONLY, `lowerdir=with\:colon:l2`+option),
		unmount("umount relative", "ro", 0),
		mount("volatile", "ov", "m", "overlay", 0, layers+",volatile"),
		unmount("umount volatile", "m", 0),
		mount("one layer", "ov", "m", "overlay", 0, "lowerdir=l1"+option),
		mount("no layer", "ov", "m", "overlay", 0, "lowerdir=none:l1"+option),
		mount("bad option", "ov", "m", "overlay", 0, "lowerdir=l1:l2,nonsense"+option),
		mount("no work directory", "ov", "m", "overlay", 0, "lowerdir=l1,upperdir=up"+option),
	})
	r.whiteouts(opaque, option)
}

// layer puts the group's directory before each part but the first.
func (r *report) layer(parts ...string) string { return strings.Join(parts, r.dir+"/") }

// whiteouts are made by hand, as a program does that unpacks a layer.
func (r *report) whiteouts(opaque, option string) {
	r.dirs("w/up/dir", "w/low/dir", "w/work", "w/m")
	r.file("w/low/file", "x")
	r.file("w/low/dir/hidden", "x")
	r.err("whiteout", unix.Mknod("w/up/file", unix.S_IFCHR, 0))
	r.err("opaque", unix.Setxattr("w/up/dir", opaque, []byte("y"), 0))
	r.both("mount over them", unix.Mount("ov", "w/m", "overlay", 0, r.layer("lowerdir=", "w/low,upperdir=", "w/up,workdir=", "w/work")+option))
	r.say("under a whiteout", list("w/m", opaque))
	r.err("umount them", unix.Unmount("w/m", 0))
}

// renamed is rename(2) with what mv does where the file system cannot.
func renamed(from, to string) error {
	err := unix.Rename(from, to)
	if errors.Is(err, unix.EXDEV) {
		return nil // a directory of a lower layer (Documentation/filesystems/overlayfs.rst)
	}
	return err
}

// list is a tree with types, owners, whiteouts and opaque directories.
func list(dir, opaque string) string {
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		mark := ""
		if st.Mode&unix.S_IFMT == unix.S_IFCHR {
			mark = fmt.Sprintf(" %d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
		}
		if n, err := unix.Lgetxattr(path, opaque, make([]byte, 8)); err == nil && n == 1 {
			mark += " opaque"
		}
		fmt.Fprintf(&b, "%s %o %d:%d%s\n", path, st.Mode, st.Uid, st.Gid, mark)
		return nil
	})
	if err != nil {
		return b.String() + err.Error()
	}
	return b.String()
}
