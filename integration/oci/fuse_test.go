package oci

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// served is a policy under which a program of the container's serves images.
const served = `version: 1
name: served
default: allow
rules:
  - name: images
    calls: [mount]
    when: filesystemtype == "image" && source.under("/images")
    then: perform
    force: [nosuid, nodev]
    fuse: {image: fuse2fs}
  - name: unmounting
    calls: [umount2]
    when: target.under("/mnt")
    then: perform
  - name: no other mounts
    calls: [mount, fsopen, umount2]
    then: {deny: EPERM}
`

// serves is what the container does: it mounts, and compares what serves the mount with itself.
const serves = `set -e
mount -t image -o noatime /images/img /mnt
cat /mnt/file
echo written >/mnt/new
pid=$(pgrep -x fuse2fs)
for file in status cgroup limits oom_score_adj; do
	pick() { grep -vE '^(Name|State|Tgid|Ngid|Pid|PPid|NS|Vm|Rss|Huge|Core|THP|Threads|Sig|Shd|Seccomp_f|Cpus|Mems|vol|nonvol|FDSize|untag|x86|Spec)' $1 || true; }
	[ "$(pick /proc/$$/$file)" = "$(pick /proc/$pid/$file)" ] || { diff /proc/$$/$file /proc/$pid/$file; echo $file differs; }
done
for ns in user mnt pid net ipc uts cgroup; do
	[ "$(readlink /proc/$$/ns/$ns)" = "$(readlink /proc/$pid/ns/$ns)" ] || echo $ns differs
done
grep -E '^(Seccomp|NoNewPrivs):' /proc/$pid/status
umount /mnt
mount -t image /images/none /mnt || echo none $?
mount -t tmpfs none /mnt || echo tmpfs $?
mount -t image /images/img /mnt
echo over`

// fuseBundle is a container that has the machine's programs, an image, and /dev/fuse.
func (m *machine) fuseBundle(name string, profile json.RawMessage, userns bool, args ...string) string {
	m.t.Helper()
	dir := m.bundle(name, profile, userns, args...)
	file := filepath.Join(dir, "config.json")
	text, err := os.ReadFile(file)
	var config object
	if err == nil {
		err = json.Unmarshal(text, &config)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	bind := func(from, to string) object {
		return object{"destination": to, "type": "bind", "source": from, "options": []string{"rbind", "rw"}}
	}
	config["mounts"] = append(config["mounts"].([]any), bind("/usr", "/usr"), bind(filepath.Join(m.dir, "fuse"), "/dev/fuse"))
	config["process"].(object)["env"] = []string{"PATH=/usr/sbin:/usr/bin"}
	linux := config["linux"].(object)
	linux["resources"] = object{"devices": []object{{"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"}}}
	if text, err = json.Marshal(config); err == nil {
		err = os.WriteFile(file, text, 0o644)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	return dir
}

// prepareFUSE makes the image and the device.
func (m *machine) prepareFUSE(owner int) {
	m.t.Helper()
	for _, dir := range []string{"usr", "images", "mnt"} {
		if err := os.MkdirAll(filepath.Join(m.root, dir), 0o755); err != nil {
			m.t.Fatal(err)
		}
	}
	os.RemoveAll(filepath.Join(m.root, "bin"))
	for _, dir := range []string{"bin", "lib", "lib64", "sbin"} {
		os.Symlink("usr/"+dir, filepath.Join(m.root, dir))
	}
	img := filepath.Join(m.root, "images/img")
	m.run("sh", "-c", `mkdir "$0.d" && echo inside >"$0.d/file" && truncate -s 8M "$0" && mkfs.ext4 -q -F -d "$0.d" "$0"`, img)
	node := filepath.Join(m.dir, "fuse")
	err := errors.Join(os.Chown(img, owner, owner), unix.Mknod(node, unix.S_IFCHR|0o666, int(unix.Mkdev(10, 229))), os.Chmod(node, 0o666))
	if err != nil {
		m.t.Fatal(err)
	}
}

// A program of the container's serves what it mounts, and is in the container like everything else there.
func TestRuntimeFUSE(t *testing.T) {
	for _, name := range []string{"runc", "crun"} {
		for _, userns := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/userns=%v", name, userns), func(t *testing.T) {
				need(t, name, "fuse2fs", "mkfs.ext4", "pgrep")
				m := newMachine(t)
				owner := 0
				if userns {
					owner = firstID
				}
				m.prepareFUSE(owner)
				m.write("web", served)
				m.works(name, m.runtime(name, "run", "--bundle", m.fuseBundle("probe", json.RawMessage(`{"defaultAction":"SCMP_ACT_ALLOW"}`), userns, "/usr/bin/true"), "probe"))
				line := m.runtime(name, "run", "--bundle", m.fuseBundle("served", m.profile("web"), userns, "/usr/bin/sh", "-c", serves), "served")
				out, err := exec.Command(line[0], line[1:]...).CombinedOutput()
				if err != nil {
					t.Errorf("%v", err)
				}
				for _, want := range []string{"inside\n", "NoNewPrivs:\t1\n", "Seccomp:\t2\n", "none 32\n", "tmpfs 32\n", "over\n"} {
					if !strings.Contains(string(out), want) {
						t.Errorf("no %q in %s", want, out)
					}
				}
				if strings.Contains(string(out), "differs") {
					t.Errorf("%s", out)
				}
				eventually(t, "the end of the container", func() bool { return !strings.Contains(m.ps(), "served") })
				if text := m.records("served"); !strings.Contains(text, "the mount that a program was started for") {
					t.Errorf("records %s", text)
				}
			})
		}
	}
}
