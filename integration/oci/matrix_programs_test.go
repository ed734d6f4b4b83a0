package oci

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Real programs in a small Debian root, in every runtime's containers, print what they print for the machine's root. The scripts are in
// testdata/matrix. STEAD_MATRIX_ROOT is another root for them, made by debootstrap or its like: newer programs make other calls.

// A script is one of those in testdata/matrix.
type script struct {
	name    string
	needs   []string // programs
	caps    []string // of a container with a user namespace, and only there: the kernel asks nobody else
	devices bool
	policy  string                     // "": the matrix's
	not     func(t *testing.T, s site) // skips, in an ordinary user's containers
}

func scripts() []script {
	return []script{
		{name: "mount"}, {name: "build", needs: []string{"chroot"}},
		{name: "nested", not: nestedOrdinary}, {name: "unshare", caps: []string{"CAP_SYS_ADMIN"}},
		{name: "fuse", needs: []string{"fuse2fs", "fusermount3", "mkfs.ext4"}, devices: true, not: fuseOrdinary},
		{name: "packages", needs: []string{"dpkg-deb", "apt-get"}, not: packagesOrdinary},
	}
}

func nestedOrdinary(t *testing.T, _ site) {
	t.Skip("a user namespace inside the container has the container's network, which an ordinary user's agent cannot join from there")
}

func fuseOrdinary(t *testing.T, s site) {
	if s.runtime != "runc" {
		t.Skipf("%s gives an ordinary user's container no /dev/fuse", s.runtime)
	}
}

func packagesOrdinary(t *testing.T, _ site) {
	t.Skip("the package has a device, and an ordinary user's agent has none to lend")
}

// programs are what the scripts run.
func programs() []string {
	return []string{"busybox", "sh", "ls", "cat", "cp", "mv", "rm", "ln", "mkdir", "rmdir", "chmod", "chown", "touch", "id", "echo", "test", "cut",
		"sed", "sort", "grep", "find", "tar", "ldd", "bash", "chroot", "mount", "umount", "findmnt", "mountpoint", "unshare", "pivot_root",
		"mknod", "stat", "sleep", "true"}
}

// debianPrograms are those that packages are installed by.
func debianPrograms() []string {
	return []string{"apt-get", "dpkg", "dpkg-deb", "dpkg-query", "dpkg-split", "dpkg-trigger", "ldconfig", "start-stop-daemon", "diff", "gzip", "xz",
		"zstd", "fuse2fs", "fusermount3"}
}

// debianRoot is a small Debian.
func debianRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "stead-root")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	os.Chmod(dir, 0o755)
	root := filepath.Join(dir, "root")
	if other := os.Getenv("STEAD_MATRIX_ROOT"); other != "" {
		if out, err := exec.Command("cp", "-a", other, root).CombinedOutput(); err != nil {
			t.Fatalf("copy %s: %v: %s", other, err, out)
		}
	} else {
		makeDebian(t, root)
	}
	addFeatures(t, root)
	addImages(t, root)
	addRepository(t, root)
	list, err := filepath.Glob("testdata/matrix/*.sh")
	for _, path := range list {
		text, err2 := os.ReadFile(path)
		err = errors.Join(err, err2, os.WriteFile(filepath.Join(root, filepath.Base(path)), text, 0o644))
	}
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// makeDebian copies programs of this machine, and what apt and dpkg expect to find.
func makeDebian(t testing.TB, root string) {
	t.Helper()
	makeRoot(t, root, programs()...)
	for _, p := range debianPrograms() {
		if _, err := exec.LookPath(p); err == nil {
			makeRoot(t, root, p)
		}
	}
	for _, method := range []string{"file", "copy", "store"} {
		if path := "/usr/lib/apt/methods/" + method; exists(path) {
			copyWithLibraries(t, root, path)
		}
	}
	for _, dir := range []string{"etc/apt/apt.conf.d", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "var/lib/dpkg/info",
		"var/lib/dpkg/updates", "var/lib/dpkg/triggers", "var/log/apt", "run", "usr/share/dpkg"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	tables, err := filepath.Glob("/usr/share/dpkg/*table")
	for _, table := range tables {
		copyTo(t, root, table)
	}
	if err := errors.Join(err, os.Symlink("../proc/self/mounts", filepath.Join(root, "etc/mtab"))); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{"var/lib/dpkg/status": "", "var/lib/dpkg/info/format": "1\n",
		"etc/passwd": "root:x:0:0:root:/root:/bin/sh\n_apt:x:42:65534::/nonexistent:/bin/false\n", "etc/group": "root:x:0:\nnogroup:x:65534:\n"} {
		if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

// addRepository makes a package and a repository of it.
func addRepository(t testing.TB, root string) {
	t.Helper()
	tree, repo := t.TempDir(), filepath.Join(root, "repo")
	const control = "Package: stead-matrix\nVersion: 1.0\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\nDescription: for a test\n"
	const postinst = "#!/bin/sh\nset -e\nmount -t tmpfs -o size=64k made /mnt\necho mounted >/mnt/x\ncp /mnt/x /media/from-postinst\numount /mnt\n"
	opt := filepath.Join(tree, "opt/stead")
	err := errors.Join(os.MkdirAll(filepath.Join(tree, "DEBIAN"), 0o755), os.MkdirAll(opt, 0o755), os.MkdirAll(repo, 0o755),
		os.WriteFile(filepath.Join(tree, "DEBIAN/control"), []byte(control), 0o644),
		os.WriteFile(filepath.Join(tree, "DEBIAN/postinst"), []byte(postinst), 0o755),
		os.WriteFile(filepath.Join(opt, "file"), []byte("text\n"), 0o640), os.Lchown(filepath.Join(opt, "file"), 7, 8),
		os.WriteFile(filepath.Join(opt, "set-id"), nil, 0o755), os.Chmod(filepath.Join(opt, "set-id"), 0o755|os.ModeSetuid),
		makeNull(filepath.Join(opt, "null")), os.Chmod(tree, 0o755))
	if err != nil {
		t.Fatal(err)
	}
	deb := filepath.Join(repo, "stead-matrix.deb")
	if out, err := exec.Command("dpkg-deb", "--build", "-Zgzip", tree, deb).CombinedOutput(); err != nil {
		t.Logf("no package: %v: %s", err, out)
		return
	}
	text, err := os.ReadFile(deb)
	if err != nil {
		t.Fatal(err)
	}
	index := fmt.Sprintf("%sFilename: ./stead-matrix.deb\nSize: %d\nSHA256: %x\n\n", control, len(text), sha256.Sum256(text))
	const apt = "Dir::Etc::sourceparts \"\";\nAPT::Get::AllowUnauthenticated \"true\";\nAcquire::AllowInsecureRepositories \"true\";\n"
	err = errors.Join(os.WriteFile(filepath.Join(repo, "Packages"), []byte(index), 0o644),
		os.WriteFile(filepath.Join(root, "etc/apt/sources.list"), []byte("deb [trusted=yes] file:/repo ./\n"), 0o644),
		os.WriteFile(filepath.Join(root, "etc/apt/apt.conf.d/matrix"), []byte(apt), 0o644))
	if err != nil {
		t.Fatal(err)
	}
}

func TestMatrixPrograms(t *testing.T) {
	need(t, programs()...)
	m := &matrix{machine: newMachine(t), used: map[acceptance]bool{}}
	m.policies()
	m.machine.root = debianRoot(t)
	m.roots = rootsOf(t, m.root)
	outputs := map[string]string{}
	for _, s := range scripts() {
		for _, userns := range []bool{false, true} {
			outputs[s.key(userns)] = m.natively(s, userns)
		}
	}
	for _, s := range sites() {
		t.Run(s.name(), func(t *testing.T) {
			need(t, s.needs...)
			here := m.at(t, s)
			for _, x := range scripts() {
				t.Run(x.name, func(t *testing.T) { here.program(t, s, x, outputs[x.key(s.userns)]) })
			}
		})
	}
}

// TestMatrixPreset: packages are installed and images are built under the preset for whole systems, too.
func TestMatrixPreset(t *testing.T) {
	need(t, programs()...)
	m := &matrix{machine: newMachine(t), used: map[acceptance]bool{}}
	m.policies()
	// The preset has overlay mark directories; who packs layers of images reads what overlay keeps, and sets all of it.
	m.write("system", `version: 1
name: system
include: [preset:system-container]
rules:
  - calls: [getxattr, lgetxattr, fgetxattr, listxattr, llistxattr, flistxattr, setxattr, lsetxattr, fsetxattr]
    then: perform
    as: supervisor
`)
	m.machine.root = debianRoot(t)
	m.roots = rootsOf(t, m.root)
	for _, s := range sites() {
		if s.runtime != "runc" || s.user {
			continue
		}
		t.Run(s.kind(), func(t *testing.T) {
			need(t, s.needs...)
			here := m.at(t, s)
			for _, x := range []script{{name: "build", policy: "system"}, {name: "packages", needs: []string{"dpkg-deb", "apt-get"}, policy: "system"}} {
				t.Run(x.name, func(t *testing.T) { here.program(t, s, x, m.natively(x, s.userns)) })
			}
		})
	}
}

func (x script) key(userns bool) string { return fmt.Sprint(x.name, userns) }

// line runs a script. In a user namespace, overlay wants another option; the machine's root may give it too.
func (x script) line(userns bool) []string {
	option := ""
	if userns {
		option = ",userxattr"
	}
	return []string{"/bin/sh", "-c", "mount -t tmpfs -o mode=755 work /media && mount --make-private /media && export OVERLAY=" + option + " && . /" + x.name + ".sh"}
}

func (m *matrix) natively(x script, userns bool) string {
	m.t.Helper()
	line := append([]string{filepath.Join(m.root, "usr/bin/features"), "enter", m.root}, x.line(userns)...)
	out, err := exec.Command(line[0], line[1:]...).CombinedOutput()
	if err != nil {
		m.t.Logf("natively, %s: %v: %s", x.name, err, out)
	}
	return string(out)
}

// program compares what a script prints.
func (m *matrix) program(t *testing.T, s site, x script, want string) {
	need(t, x.needs...)
	if x.caps != nil && !s.userns {
		t.Skip("without CAP_SYS_ADMIN the kernel refuses it, and nobody can do it in the program's stead")
	}
	if s.user && x.not != nil {
		x.not(t, s)
	}
	here := *m
	here.machine = m.with(t)
	j := here.job(s, cmp.Or(x.policy, "matrix"), x.line(s.userns)...)
	j.id += "-" + x.name
	j.devices = x.devices
	if s.userns {
		j.caps = x.caps
	}
	out, err := s.do(here.machine, j)
	if err != nil {
		t.Errorf("%v", err)
	}
	out = inside(strings.ReplaceAll(out, "\r\n", "\n"), s)
	if out != want {
		t.Errorf("natively:\n%s\nperformed:\n%s", want, out)
	}
}
