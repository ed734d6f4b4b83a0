package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stead-project/stead/internal/testneed"
)

// containerPolicy lets a container mount what does no harm to the machine, always without set-id programs and devices.
const containerPolicy = `
version: 1
name: container-mount
default: allow
rules:
  - name: memory and kernel file systems
    calls: [mount]
    when:
      - '!mountflags.has("MS_REMOUNT") && !mountflags.has("MS_BIND") && !mountflags.has("MS_MOVE")'
      - 'filesystemtype in ["tmpfs", "ramfs", "proc", "sysfs", "devpts", "mqueue", "overlay"]'
    then: perform
    force: [nosuid, nodev]
  - name: binds, moves and propagation
    calls: [mount]
    when: mountflags.has("MS_BIND") || mountflags.has("MS_MOVE") || mountflags.any("MS_SHARED|MS_PRIVATE|MS_SLAVE|MS_UNBINDABLE")
    then: perform
  - name: any other mount
    calls: [mount]
    then: {deny: EPERM}
  - name: what the container began with stays
    calls: [umount2]
    when: target.under("/proc") || target.under("/sys") || target.under("/dev")
    then: {deny: EBUSY}
  - calls: [umount2]
    then: perform
`

// containerScript is what a program in the container does, whatever rights it has.
const containerScript = `
mount -t tmpfs -o mode=755 t /media && cd /media && mkdir m n low up work ov &&
mount -t tmpfs -o size=1m x m && mount --bind m n && mount -o remount,bind,ro n &&
mount -t overlay -o lowerdir=low,upperdir=up,workdir=work ov ov && echo text >ov/file && cat up/file
touch n/file 2>/dev/null || echo read-only
mount -t ext4 /dev/null m 2>/dev/null || echo refused
umount /proc 2>/dev/null || echo busy
cut -d' ' -f5- /proc/self/mountinfo | grep '^/media' | sed 's/uid=[0-9]*,gid=[0-9]*//; s/lowerdir+=/lowerdir=/' | sort
umount n && umount ov && umount m && echo unmounted
umount /media/none 2>&1; umount /media/low 2>&1; mount --bind /media/none /media/low 2>&1
true
`

// TestContainerMounts runs mount(8) and umount(8) in containers without the capability, by the command itself.
func TestContainerMounts(t *testing.T) {
	if os.Getuid() != 0 {
		testneed.Missing(t, "needs root, to make containers")
	}
	testneed.Programs(t, "unshare", "setpriv", "mount", "umount")
	if out := (command{argv: []string{stead(t), "syscalls"}}).run(t); !performs(out.stdout, "mount") {
		testneed.Missing(t, "this build of stead does not perform mount")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "policy.yaml")
	if err := os.WriteFile(file, []byte(containerPolicy), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, enter := range map[string][]string{
		"rootful":        {"unshare", "-m", "--propagation", "private"},
		"user namespace": {"unshare", "-U", "-r", "-m", "--propagation", "private"},
	} {
		t.Run(name, func(t *testing.T) {
			before := mounts(t)
			drop := []string{"setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", "sh", "-c", containerScript}
			argv := append(append([]string{stead(t), "run", "--policy", file, "--"}, enter...), drop...)
			got := (command{argv: argv, dir: dir}).run(t)
			checkContainer(t, got)
			native := (command{argv: append(enter, drop...), dir: dir}).run(t)
			if strings.Contains(native.stdout, "unmounted") {
				t.Errorf("without stead the same program may mount: %+v", native)
			}
			if after := mounts(t); after != before {
				t.Errorf("mounts before:\n%s\nafter:\n%s", before, after)
			}
		})
	}
}

func checkContainer(t *testing.T, got result) {
	t.Helper()
	for _, want := range []string{
		"text\nread-only\nrefused\nbusy\n", "unmounted\n", "/media rw,nosuid,nodev,relatime - tmpfs t rw,mode=755",
		"/media/m rw,nosuid,nodev,relatime - tmpfs x rw,size=1024k", "/media/n ro,nosuid,nodev,relatime - tmpfs x rw,size=1024k",
		"/media/ov rw,nosuid,nodev,relatime - overlay ov rw,lowerdir=/media/low,upperdir=/media/up,workdir=/media/work",
		"umount: /media/none: no mount point specified.", "umount: /media/low: not mounted.",
		"mount: /media/low: special device /media/none does not exist.",
	} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("there is no %q in:\n%s\nstandard error: %s", want, got.stdout, got.stderr)
		}
	}
}

// performs reads the table of stead syscalls.
func performs(table, call string) bool {
	for line := range strings.Lines(table) {
		if f := strings.Fields(line); len(f) > 4 && f[3] == "yes" && strings.HasPrefix(f[4], call+"(") {
			return true
		}
	}
	return false
}

func mounts(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(fmt.Errorf("read mounts: %w", err))
	}
	return string(text)
}
