package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stead-project/stead/internal/testneed"
)

// fusePolicy has a program of the container's serve images, and lets nothing else be mounted: FUSE neither. Landlock holds for the
// program, too.
const fusePolicy = `
version: 1
name: images
default: allow
files: {read: [/], write: [/tmp, /dev, /proc], create: [/tmp], exec: [/]}
rules:
  - name: images
    calls: [mount]
    when: filesystemtype == "image"
    then: perform
    force: [nosuid, nodev]
    fuse: {image: fuse2fs}
  - name: a container of its own
    calls: [mount]
    when: mountflags.has("MS_PRIVATE")
    then: perform
  - name: unmounting
    calls: [umount2]
    then: perform
  - name: no other mounts
    calls: [mount, fsopen]
    then: {deny: EPERM}
`

const fuseScript = `
mount -t image -o noatime "$PWD/img" m && cat m/file && echo new >m/new && cat m/new
grep " $PWD/m " /proc/$$/mountinfo | cut -d' ' -f6-
touch /usr/stead-test 2>/dev/null || echo refused to the container
pid=$(pgrep -x -n fuse2fs) && grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/$pid/status
mount -t image "$PWD/none" m 2>/dev/null || echo no image
mount -t tmpfs none m 2>/dev/null || echo no other
umount m && echo unmounted
`

// TestContainerFUSE has stead run start a program that serves a mount, in containers without the capability.
func TestContainerFUSE(t *testing.T) {
	if os.Getuid() != 0 {
		testneed.Missing(t, "needs root, to make containers")
	}
	testneed.Programs(t, "unshare", "setpriv", "mount", "umount", "fuse2fs", "mkfs.ext4", "pgrep")
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skipf("needs a kernel with FUSE: %v", err)
	}
	for name, enter := range map[string][]string{
		"rootful":        {"unshare", "-m", "--propagation", "private"},
		"user namespace": {"unshare", "-U", "-r", "-m", "--propagation", "private"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "policy.yaml")
			if err := os.WriteFile(file, []byte(strings.ReplaceAll(fusePolicy, "/tmp", dir)), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command("sh", "-c", `cd "$0" && mkdir d m && echo inside >d/file && truncate -s 8M img && mkfs.ext4 -q -d d img`, dir).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			argv := append(append([]string{stead(t), "run", "--policy", file, "--"}, enter...),
				"setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", "sh", "-c", fuseScript)
			got := (command{argv: argv, dir: dir}).run(t)
			for _, want := range []string{"inside\nnew\n", "rw,nosuid,nodev,noatime - fuse.ext4 " + dir + "/img rw,", "refused to the container\n",
				"NoNewPrivs:\t1\nSeccomp:\t2\n", "no image\nno other\nunmounted\n"} {
				if !strings.Contains(got.stdout, want) {
					t.Errorf("there is no %q in:\n%s\nstandard error: %s", want, got.stdout, got.stderr)
				}
			}
			if strings.Contains(mounts(t), dir) {
				t.Error("the container's mount is the machine's, too")
			}
		})
	}
}
