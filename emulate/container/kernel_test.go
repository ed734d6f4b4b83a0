package container

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/testneed"
	"github.com/stead-project/stead/policy"
)

// hugePages mounts a file system of huge pages and uses it, as far as there are such pages.
func hugePages(c *container) {
	for i, data := range []string{"", "mode=711", "uid=5,gid=6,mode=700", "pagesize=2M", "size=4M,min_size=2M", "size=4M,nr_inodes=3", "pagesize=3", "nope=1", "uid=x", "size"} {
		step := itoa(i) + " " + data
		err := unix.Mount("huge", "/media/t", "hugetlbfs", unix.MS_NOSUID, data)
		c.err("mount "+step, err)
		if err != nil {
			continue
		}
		c.mounts("mounted " + step)
		var st unix.Stat_t
		c.err("stat "+step, unix.Stat("/media/t", &st))
		c.say("owner "+step, ownerAndMode(&st))
		c.err("make "+step, os.WriteFile("/media/t/f", nil, 0o600))
		c.err("statfile "+step, unix.Stat("/media/t/f", &st))
		c.say("owner of a file "+step, ownerAndMode(&st))
		c.err("umount "+step, unix.Unmount("/media/t", 0))
	}
	c.hugePagesByAPI()
	c.err("mount an unmapped id", unix.Mount("huge", "/media/t", "hugetlbfs", 0, "uid=100000"))
}

// hugePagesByAPI does the same by the newer calls.
func (c *container) hugePagesByAPI() {
	fs, err := unix.Fsopen("hugetlbfs", unix.FSOPEN_CLOEXEC)
	c.err("fsopen", err)
	c.err("fsconfig uid", unix.FsconfigSetString(fs, "uid", "0x7"))
	c.err("fsconfig gid", unix.FsconfigSetString(fs, "gid", "8"))
	c.err("fsconfig word", unix.FsconfigSetString(fs, "uid", "x"))
	c.err("create", unix.FsconfigCreate(fs))
	tree, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	c.err("fsmount", err)
	c.err("move_mount", unix.MoveMount(tree, "", unix.AT_FDCWD, "/media/t", unix.MOVE_MOUNT_F_EMPTY_PATH))
	var st unix.Stat_t
	c.err("stat by the API", unix.Stat("/media/t", &st))
	c.say("owner by the API", ownerAndMode(&st))
	unix.Close(fs)
	unix.Close(tree)
	c.err("umount by the API", unix.Unmount("/media/t", 0))
}

// TestHugePages compares with the machine's root. In a user namespace, where nobody may mount it, files are the container's.
func TestHugePages(t *testing.T) {
	needRoot(t)
	if !listed("hugetlbfs") {
		testneed.Missing(t, "needs a kernel with hugetlbfs")
	}
	p := plan{Scenario: "huge pages"}
	list := native(t, p)
	p.Drop = true
	same(t, list, supervised(t, p, supervision{}))
	p.User = true
	w := want{}
	for _, r := range list {
		if strings.HasPrefix(r.Step, "owner") || strings.HasPrefix(r.Step, "mount ") || strings.HasPrefix(r.Step, "make ") {
			w[r.Step] = r.Result
		}
	}
	w["mount an unmapped id"] = "invalid argument"
	for _, mapped := range []bool{false, true} {
		w.check(t, supervised(t, p, supervision{grant: policy.Grant{IDMap: mapped}}))
	}
}

// interpreters registers an interpreter in the container and runs what it is for.
func interpreters(c *container) {
	err := unix.Mount("b", "/media/t", "binfmt_misc", 0, "")
	c.err("mount", err)
	script := "#!/bin/sh\necho \"interpreted $(basename \"$1\")\"\n"
	must("interpreter", os.WriteFile("/media/interpreter", []byte(script), 0o755))
	must("program", os.WriteFile("/media/program", []byte("STEADTEST\n"), 0o755))
	register, err := os.OpenFile("/media/t/register", os.O_WRONLY, 0)
	c.err("open", err)
	if err == nil {
		_, err = register.WriteString(":steadtest:M::STEADTEST::/media/interpreter:")
		c.err("register", err)
		register.Close()
	}
	out, err := exec.Command("/media/program").Output()
	c.say("run", fmt.Sprint(err, " ", string(out)))
	c.err("umount", unix.Unmount("/media/t", 0))
}

// TestInterpreters: a user namespace has interpreters of its own (Linux 6.7).
func TestInterpreters(t *testing.T) {
	needRoot(t)
	p := plan{Scenario: "interpreters", User: true}
	list := native(t, p)
	if said := kernelSays(list, "register"); said != "ok" {
		testneed.Missing(t, "needs a kernel where a user namespace has binfmt_misc: %q", said)
	}
	p.Drop = true
	same(t, list, supervised(t, p, supervision{}))
	want{"run": "<nil> interpreted program\n"}.check(t, list)
}
