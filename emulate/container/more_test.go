package container

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/testneed"
)

// machineMounts are the supervisor's own mounts.
func machineMounts(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// busy mounts and unmounts until it is killed.
func busy(c *container) {
	c.say("begin", "")
	for {
		unix.Mount("x", "/media/t", "tmpfs", 0, "")                                    //nolint:errcheck // it goes on until the end
		unix.Mount("/media/a", "/media/b", "", unix.MS_BIND, "")                       //nolint:errcheck // the same
		unix.Mknod("/media/t/null", unix.S_IFCHR|0o666, 0x103)                         //nolint:errcheck // the same
		fs, _ := unix.Fsopen("tmpfs", 0)                                               //nolint:errcheck // the same
		unix.FsconfigCreate(fs)                                                        //nolint:errcheck // the same
		m, _ := unix.Fsmount(fs, 0, 0)                                                 //nolint:errcheck // the same
		unix.MoveMount(m, "", unix.AT_FDCWD, "/media/d", unix.MOVE_MOUNT_F_EMPTY_PATH) //nolint:errcheck // the same
		unix.Unmount("/media/t", unix.MNT_DETACH)                                      //nolint:errcheck // the same
		unix.Unmount("/media/b", 0)                                                    //nolint:errcheck // the same
	}
}

// A container that is killed while its calls are performed leaves nothing behind: no mount, no descriptor, no task.
func TestKilled(t *testing.T) {
	needRoot(t)
	killed := func(p plan, after time.Duration) {
		p.Scenario, p.Drop = "busy", true
		kill := func(pid int) {
			time.Sleep(after)
			killTree(pid)
		}
		if list, err := (supervision{pid: kill}).run(t, p); err == nil {
			t.Errorf("the program ended by itself: %v", list)
		}
	}
	killed(plan{PID: true}, 200*time.Millisecond) // what the Go runtime opens once is open after that
	before := machineMounts(t)
	descriptors := openDescriptors(t)
	for _, p := range []plan{{PID: true}, {PID: true, User: true}} {
		for i := range 5 {
			killed(p, time.Duration(150+37*i)*time.Millisecond)
		}
	}
	if after := machineMounts(t); after != before {
		t.Errorf("mounts before:\n%s\nafter:\n%s", before, after)
	}
	for range 40 {
		if openDescriptors(t) <= descriptors+2 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("%d descriptors before, %d after", descriptors, openDescriptors(t))
}

func openDescriptors(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// killTree kills a process's children, then itself.
func killTree(pid int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, child := range strings.Fields(string(text)) {
		var n int
		fmt.Sscan(child, &n) //nolint:errcheck // the kernel wrote it
		killTree(n)
	}
	unix.Kill(pid, unix.SIGKILL) //nolint:errcheck // it may have ended
}

// programs runs mount(8) and its relatives.
func programs(c *container) {
	script := `
cd /media
mkdir -p m n o up work low ov
mount -t tmpfs -o size=1m,nosuid,mode=711 tmp m
mount --bind m n
mount -o remount,bind,ro n
touch n/x 2>/dev/null && echo writable
mount --make-rshared n
mount --rbind m o
mount -t overlay -o lowerdir=/media/low,upperdir=/media/up,workdir=/media/work ov ov
echo hi > ov/file; cat up/file
cut -d' ' -f4- /proc/self/mountinfo | grep ' /media' | sed 's/:[0-9]*//; s/uid=[0-9]*,gid=[0-9]*//' | sort
umount ov || echo status $?
umount o || echo status $?
mount --move n ov 2>&1 || echo status $?
umount -l ov || echo status $?
umount m || echo status $?
umount m 2>&1 || echo status $?
umount /media/none 2>&1 || echo status $?
mount -t tmpfs -o nope x m 2>&1 || echo status $?
`
	out, err := exec.Command("sh", "-c", script).CombinedOutput()
	c.err("script", err)
	c.say("output", strings.ReplaceAll(string(out), "lowerdir+=", "lowerdir="))
	c.mounts("left")
}

func TestPrograms(t *testing.T) {
	needRoot(t)
	for _, program := range []string{"mount", "umount"} {
		if _, err := exec.LookPath(program); err != nil {
			testneed.Missing(t, "needs %s: %v", program, err)
		}
	}
	for env, p := range environments() {
		t.Run(env, func(t *testing.T) {
			p.Scenario = "programs"
			list := native(t, p)
			p.Drop = true
			same(t, list, supervised(t, p, supervision{}))
			want{"script": "ok"}.check(t, list)
		})
	}
}

// often is how many times many mounts and unmounts a tmpfs.
const often = 500

func many(c *container) {
	for range often {
		must("mount", unix.Mount("x", "/media/t", "tmpfs", 0, ""))
		must("umount", unix.Unmount("/media/t", 0))
	}
	c.say("done", itoa(often))
}

// processorTime is what this process and those that it has waited for have used. Others that want the processors do not count.
func processorTime(t *testing.T) (sum time.Duration) {
	t.Helper()
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var u unix.Rusage
		if err := unix.Getrusage(who, &u); err != nil {
			t.Fatal(err)
		}
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return sum
}

// Performing is much faster than a process for each call. How much is measured where nothing else runs (make bench).
func TestFaster(t *testing.T) {
	needRoot(t)
	if _, err := exec.LookPath("nsenter"); err != nil {
		testneed.Missing(t, "needs nsenter: %v", err)
	}
	p := plan{Scenario: "many", User: true, Drop: true}
	start := processorTime(t)
	supervised(t, p, supervision{options: Options{Watched: true}})
	performed := processorTime(t) - start
	p.Drop = false
	start = processorTime(t)
	native(t, p)
	alone := processorTime(t) - start
	start = processorTime(t)
	const times = 40
	for range times {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if out, err := exec.CommandContext(ctx, "nsenter", "-t", itoa(os.Getpid()), "-m", "true").CombinedOutput(); err != nil {
			t.Fatalf("nsenter: %v: %s", err, out)
		}
		cancel()
	}
	process := (processorTime(t) - start) / times * 2
	t.Logf("tmpfs mounted and unmounted: by root %v, performed %v, two processes %v", alone/often, performed/often, process)
	if performed/often*3 > process {
		t.Errorf("performed %v, two processes %v: not even three times faster", performed/often, process)
	}
}
