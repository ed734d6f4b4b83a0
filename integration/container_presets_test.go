package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/testneed"
)

// systemScript is what a system in a container does besides mounting. Its directory is the machine's, so that root can look at what came of it.
const systemScript = `
exec 2>&1
mknod null c 1 3 && echo x >null && echo "null made"
mknod disk b 7 0 || echo "disk refused"
mkdir dir && python3 -c 'import os; os.setxattr("dir", "trusted.overlay.opaque", b"y"); print("opaque")'
python3 -c 'import os; os.setxattr("dir", "trusted.other", b"y")' || echo "other refused"
head -c 1048576 /dev/zero >swap && chmod 600 swap && mkswap swap >/dev/null && swapon swap && echo "swap on"
mkdir m && mount -t tmpfs x m && mount -o remount,size=1m m && umount m && echo "mounted"
umount -l /proc || echo "proc stays"
`

// TestSystemContainer runs the preset of that name with real programs.
func TestSystemContainer(t *testing.T) {
	if os.Getuid() != 0 {
		testneed.Missing(t, "needs root, to make containers")
	}
	testneed.Programs(t, "unshare", "setpriv", "mount", "umount", "mknod", "python3", "swapon", "mkswap")
	dir := t.TempDir()
	before := mounts(t)
	got := (command{argv: []string{stead(t), "run", "--preset", "system-container", "--", "unshare", "-Urm", "setpriv", "--bounding-set=-sys_admin,-mknod",
		"--inh-caps=-sys_admin,-mknod", "sh", "-c", systemScript}, dir: dir}).run(t)
	for _, want := range []string{"null made\n", "disk refused\n", "opaque\n", "other refused\n", "swap on\n", "mounted\n", "proc stays\n"} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("no %q in\n%s%s", want, got.stdout, got.stderr)
		}
	}
	value := make([]byte, 8)
	if n, err := unix.Getxattr(filepath.Join(dir, "dir"), "trusted.overlay.opaque", value); err != nil || string(value[:n]) != "y" {
		t.Errorf("the attribute is %q, %v", value[:max(n, 0)], err)
	}
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(dir, "null"), &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != unix.Mkdev(1, 3) {
		t.Errorf("outside of the container null is %o %#x, %v: it was to be that device", st.Mode, st.Rdev, err)
	}
	if after := mounts(t); after != before {
		t.Errorf("mounts before:\n%s\nafter:\n%s", before, after)
	}
}
