package oci

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// makeRoot makes a root directory with programs of this machine and what they need to run.
func makeRoot(t testing.TB, root string, programs ...string) {
	t.Helper()
	for _, dir := range []string{"usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "proc", "dev", "sys", "tmp", "etc", "media", "mnt", "root", "var/tmp"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"", "tmp", "var/tmp"} {
		os.Chmod(filepath.Join(root, dir), map[bool]os.FileMode{true: 0o755, false: 0o1777 | os.ModeSticky}[dir == ""])
	}
	for _, dir := range []string{"bin", "sbin", "lib", "lib64"} {
		os.Symlink("usr/"+dir, filepath.Join(root, dir))
	}
	for _, p := range programs {
		path, err := exec.LookPath(p)
		if err != nil {
			noRuntime(t, "needs %s: %v", p, err)
		}
		if !strings.Contains(path, "/sbin/") {
			path = "/usr/bin/" + filepath.Base(path)
		}
		copyWithLibraries(t, root, path)
	}
}

// copyWithLibraries copies a program and the libraries that the loader finds for it.
func copyWithLibraries(t testing.TB, root, path string) {
	t.Helper()
	copyTo(t, root, path)
	out, err := exec.Command("ldd", path).Output()
	if err != nil {
		return // it is a script, or linked statically
	}
	for _, library := range regexp.MustCompile(`/\S+`).FindAllString(string(out), -1) {
		copyTo(t, root, library)
	}
}

// copyTo copies a file to the same place in another root.
func copyTo(t testing.TB, root, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(root, path)
	if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, text, 0o755)); err != nil {
		t.Fatal(err)
	}
}

// outside is an id of a container with a user namespace as the machine has it. Root of an ordinary user's is that user.
func outside(user bool, id int) int {
	switch {
	case user && id == 0:
		return ordinary
	case user:
		return firstID + id - 1
	}
	return firstID + id
}

// mapping is the same for the runtimes (user_namespaces(7)).
func mapping(user bool) []object {
	if user {
		return []object{{"containerID": 0, "hostID": ordinary, "size": 1}, {"containerID": 1, "hostID": firstID, "size": 65535}}
	}
	return []object{{"containerID": 0, "hostID": firstID, "size": 65536}}
}

// shifted is a copy of a root whose files belong to the users of a container with a user namespace.
func shifted(t testing.TB, root string, user bool) string {
	t.Helper()
	to := fmt.Sprintf("%s-shifted-%v", root, user)
	if out, err := exec.Command("cp", "-a", root, to).CombinedOutput(); err != nil {
		t.Fatalf("copy a root: %v: %s", err, out)
	}
	err := filepath.WalkDir(to, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		if err := os.Lchown(path, outside(user, int(st.Uid)), outside(user, int(st.Gid))); err != nil || info.Mode()&os.ModeSymlink != 0 {
			return err
		}
		return unix.Chmod(path, st.Mode&0o7777) // a new owner takes set-id bits away
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// addFeatures builds the program that makes the matrix's calls into a root.
func addFeatures(t testing.TB, root string) string {
	t.Helper()
	path := filepath.Join(root, "usr/bin/features")
	cmd := exec.Command("go", "build", "-o", path, "./internal/features")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the features: %v: %s", err, out)
	}
	return path
}

// addImages puts file systems in files into a root, as far as there are programs that make them.
func addImages(t testing.TB, root string) {
	t.Helper()
	tree, images := t.TempDir(), filepath.Join(root, "images")
	err := errors.Join(os.WriteFile(filepath.Join(tree, "file"), []byte("in an image\n"), 0o644), os.Mkdir(images, 0o755))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []struct {
		kind string
		size int64
		line []string // the image, and where it wants it the tree, come last
	}{
		{"ext4", 8 << 20, []string{"mkfs.ext4", "-q", "-d", tree}}, {"btrfs", 128 << 20, []string{"mkfs.btrfs", "-q", "--rootdir", tree}},
		{"squashfs", 0, []string{"mksquashfs", tree}}, {"erofs", 0, []string{"mkfs.erofs", "--quiet"}},
		{"xfs", 320 << 20, []string{"mkfs.xfs", "-q"}}, {"vfat", 8 << 20, []string{"mkfs.vfat"}},
	} {
		if _, err := exec.LookPath(v.line[0]); err != nil || !fileSystem(t, v.kind) {
			continue
		}
		image := filepath.Join(images, "image."+v.kind)
		if v.size > 0 {
			err = errors.Join(os.WriteFile(image, nil, 0o644), os.Truncate(image, v.size))
		}
		line := append(v.line, image)
		if v.kind == "erofs" {
			line = append(line, tree)
		}
		if out, err2 := exec.Command(line[0], line[1:]...).CombinedOutput(); err != nil || err2 != nil {
			t.Fatalf("%v: %v, %v: %s", line, err, err2, out)
		}
	}
}

// fileSystem says whether the kernel has one.
func fileSystem(t testing.TB, kind string) bool {
	text, err := os.ReadFile("/proc/filesystems")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(text), "\t"+kind+"\n")
}

// makeNull makes a device that nothing can be hidden in.
func makeNull(path string) error {
	const null = 1<<8 | 3
	return unix.Mknod(path, unix.S_IFCHR|0o666, null)
}
