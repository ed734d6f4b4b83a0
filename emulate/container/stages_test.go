package container

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/emulate/emulatetest"
	"github.com/stead-project/stead/internal/testneed"
	"github.com/stead-project/stead/policy"
)

func faultScenarios() map[string]scenario {
	return map[string]scenario{
		"stages": {prepareTree, everyMount},
		"exec":   {prepareTree, execMeanwhile},
		"races":  {prepareRaces, races},
		"hung":   {prepareTree, hung}, "stopped": {prepareTree, stopped}, "hung root": {prepareTree, hungRoot}, "served devices": {prepareTree, servedDevices},
	}
}

// everyMount makes calls of each kind. The second time, tasks and loop devices are there already.
func everyMount(c *container) {
	image := c.plan.Args[0]
	for _, dir := range []string{"up", "work"} {
		must("mkdir", os.MkdirAll("/media/"+dir, 0o755))
	}
	for i := range 2 {
		n := itoa(i)
		c.err("tmpfs "+n, unix.Mount("x", "/media/t", "tmpfs", 0, "size=1m"))
		c.err("bind "+n, unix.Mount("/media/a", "/media/b", "", unix.MS_BIND, ""))
		c.err("remount "+n, unix.Mount("", "/media/b", "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
		c.err("overlay "+n, unix.Mount("x", "/media/c", "overlay", 0, "lowerdir=/media/a:/media/d,upperdir=/media/up,workdir=/media/work"))
		c.err("image "+n, unix.Mount(image, "/media/d", "ext4", 0, ""))
		fs, err := unix.Fsopen("tmpfs", 0)
		c.err("fsopen "+n, err)
		c.err("fsconfig "+n, unix.FsconfigSetString(fs, "size", "1m"))
		c.err("create "+n, unix.FsconfigCreate(fs))
		m, err := unix.Fsmount(fs, 0, 0)
		c.err("fsmount "+n, err)
		c.err("setattr "+n, unix.MountSetattr(m, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NODEV}))
		c.err("move_mount "+n, unix.MoveMount(m, "", unix.AT_FDCWD, "/media/e/x", unix.MOVE_MOUNT_F_EMPTY_PATH))
		tree, err := unix.OpenTree(unix.AT_FDCWD, "/media/d", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		c.err("open_tree "+n, err)
		c.err("move tree "+n, unix.MoveMount(tree, "", unix.AT_FDCWD, "/media/e/y", unix.MOVE_MOUNT_F_EMPTY_PATH))
		c.err("null "+n, unix.Mknod("/media/null", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
		c.err("setxattr "+n, unix.Setxattr("/media/a", "trusted.overlay.opaque", []byte("y"), 0))
		for _, fd := range []int{fs, m, tree} {
			unix.Close(fd)
		}
		for _, dir := range []string{"e/y", "e/x", "d", "c", "b", "t"} {
			c.err("umount "+dir+" "+n, unix.Unmount("/media/"+dir, 0))
		}
		unix.Unmount("/media/null", unix.MNT_DETACH) //nolint:errcheck // in a user namespace it is a mount
		must("remove", os.Remove("/media/null"))
	}
}

// A left is what a supervisor has of the machine's.
type left struct {
	mounts, loops, tasks, links string
	fds                         int
}

func whatIsLeft(t *testing.T, image string) left {
	t.Helper()
	l := left{mounts: machineMounts(t), fds: openDescriptors(t)}
	if image != "" {
		l.loops = loopsOf(t, image)
	}
	fds, _ := filepath.Glob("/proc/self/fd/*")
	for _, fd := range fds {
		link, _ := os.Readlink(fd)
		l.links += filepath.Base(fd) + ":" + link + " "
	}
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	for _, name := range lists {
		text, _ := os.ReadFile(name)
		l.tasks += string(text)
	}
	return l
}

// nothingMore waits until no more is left than before: the kernel ends a namespace and a loop device when their last user has gone.
func nothingMore(t *testing.T, image string, before left, when string) {
	t.Helper()
	var now left
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if now = whatIsLeft(t, image); now.mounts == before.mounts && now.loops == before.loops && now.tasks == before.tasks && now.fds <= before.fds {
			return
		}
	}
	t.Fatalf("%s: before %+v\nafter %+v", when, before, now)
}

// deaths are the ways in which a caller dies.
func deaths() map[string]func(tid int) {
	return map[string]func(tid int){
		"the caller": nil,
		"the container's first process": func(tid int) {
			text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
			for line := range strings.Lines(string(text)) {
				var parent int
				if n, _ := fmt.Sscanf(line, "PPid:%d", &parent); n == 1 && parent > 1 {
					unix.Kill(parent, unix.SIGKILL) //nolint:errcheck // it may have ended by itself
				}
			}
			unix.Kill(tid, unix.SIGKILL) //nolint:errcheck // the same
		},
	}
}

// TestDeathAtEveryStage: whenever a container dies while its mounts are performed, nothing of them is left: no mount where the
// supervisor is, no loop device, no task, no descriptor.
func TestDeathAtEveryStage(t *testing.T) {
	asMachine(t, testDeathAtEveryStage)
}

func testDeathAtEveryStage(t *testing.T) {
	needRoot(t)
	if _, err := exec.LookPath("mkfs.ext4"); err != nil {
		testneed.Missing(t, "needs mkfs.ext4: %v", err)
	}
	steps := atomic.Int64{}
	run := func(p plan, delay time.Duration, kill func(tid int)) ([]report, error) {
		return supervision{grant: policy.Grant{IDMap: true, Sources: under("")}, source: func(s emulate.Source) emulate.Source {
			return &emulatetest.Deadly{Source: s, Step: &steps, Delay: delay, Kill: kill}
		}}.run(t, p)
	}
	tried := 0
	for _, p := range []plan{{PID: true}, {PID: true, User: true}} {
		image := makeImage(t)
		p.Scenario, p.Drop, p.Args = "stages", true, []string{image}
		steps.Store(1 << 40)
		list, err := run(p, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			if r.Result != "ok" {
				t.Errorf("without a death: %s: %s", r.Step, r.Result)
			}
		}
		total := int(1<<40 - steps.Load())
		before := whatIsLeft(t, image)
		runs := 25
		if os.Getenv("STEAD_STAGES") == "all" {
			runs = total
		}
		for who, kill := range deaths() {
			for n := range runs {
				at := total*n/runs + 1
				delay := time.Duration(n%4) * 120 * time.Microsecond // between the steps, there are calls of the tasks
				steps.Store(int64(at))
				if _, err := run(p, delay, kill); err == nil && at < total*9/10 {
					t.Errorf("step %d of %d: nobody died", at, total)
				}
				nothingMore(t, image, before, fmt.Sprintf("%s died at step %d of %d and %v, user namespace %v", who, at, total, delay, p.User))
				tried++
			}
		}
		t.Logf("user namespace %v: %d stages", p.User, total)
	}
	t.Logf("%d deaths", tried)
}

// execMeanwhile has a thread that mounts, and another one that executes a program, which ends the first one alone (execve(2)).
func execMeanwhile(c *container) {
	go func() {
		runtime.LockOSThread()
		must("drop", dropCapabilities(lentRights()...))
		for {
			unix.Mount("x", "/media/t", "tmpfs", 0, "")                                      //nolint:errcheck // until the end
			unix.Mount("x", "/media/c", "overlay", 0, "lowerdir=/media/a:/media/d")          //nolint:errcheck // the same
			fs, _ := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)                               //nolint:errcheck // the same
			unix.FsconfigCreate(fs)                                                          //nolint:errcheck // the same
			m, _ := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)                                //nolint:errcheck // the same
			unix.MoveMount(m, "", unix.AT_FDCWD, "/media/e/x", unix.MOVE_MOUNT_F_EMPTY_PATH) //nolint:errcheck // the same
			unix.Close(fs)                                                                   //nolint:errcheck // the same
			unix.Close(m)                                                                    //nolint:errcheck // the same
			for _, dir := range []string{"e/x", "c", "t"} {
				unix.Unmount("/media/"+dir, unix.MNT_DETACH) //nolint:errcheck // the same
			}
		}
	}()
	time.Sleep(20 * time.Millisecond)
	must("exec", unix.Exec("/bin/sh", []string{"sh", "-c", `echo '{"Step":"executed","Result":"ok"}'; ls /proc/self/fd >/dev/null`}, nil))
}

// TestExecMeanwhile: a caller that ends because another thread executes a program leaves nothing, and the program goes on.
func TestExecMeanwhile(t *testing.T) {
	asMachine(t, testExecMeanwhile)
}

func testExecMeanwhile(t *testing.T) {
	needRoot(t)
	first := plan{Scenario: "exec", Drop: true, PID: true}
	supervised(t, first, supervision{}) // what is kept for every family
	before := whatIsLeft(t, "")
	for _, p := range []plan{{PID: true}, {PID: true, User: true}} {
		for range 8 {
			p.Scenario, p.Drop = "exec", true
			want{"executed": "ok"}.check(t, supervised(t, p, supervision{}))
			nothingMore(t, "", before, fmt.Sprintf("%+v", p))
		}
	}
}
