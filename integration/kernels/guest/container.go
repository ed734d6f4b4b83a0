package main

import (
	"fmt"
	"os/exec"
	"strings"
)

// containerScript mounts in namespaces of its own what the preset allows, and one thing that it does not.
const containerScript = `dir=$1 overlay=$2; cd "$dir" && mkdir c && mount -t tmpfs -o size=1m scratch c && cd c && mkdir p low up work m && echo tmpfs
mount -t proc proc p && set -- p/[0-9]* && echo "proc $#"
echo below >low/f
[ "$overlay" != overlay ] || { mount -t overlay -o lowerdir=low,upperdir=up,workdir=work ov m && echo above >m/f && cat low/f up/f && umount m; }
mount -t ext4 /dev/null m 2>/dev/null || echo refused
umount /proc 2>/dev/null || echo busy
umount p && cd / && umount "$dir/c" && echo over
`

// containerMounts has mounts performed in a user namespace. Overlay can be mounted in one since Linux 5.11.
func containerMounts(m *machine) (string, error) {
	enter := []string{"unshare", "-U", "-r", "-m", "-p", "-f"}
	if out, err := exec.Command(enter[0], append(enter[1:], "true")...).CombinedOutput(); err != nil {
		return "", skipped(fmt.Sprintf("nobody may make user namespaces here: %v: %s", err, strings.TrimSpace(string(out))))
	}
	overlay, want := "", "tmpfs\nproc 1\nrefused\nbusy\nover\n"
	if m.kernel.atLeast(5, 11) {
		overlay, want = "overlay", "tmpfs\nproc 1\nbelow\nabove\nrefused\nbusy\nover\n"
	}
	args := append([]string{"run", "--preset", "container-mount", "--"}, enter...)
	o, err := m.stead(append(args, "sh", "-c", containerScript, "sh", m.dir, overlay)...)
	if err != nil {
		return "", err
	}
	return "", m.expect(o, 0, want)
}
