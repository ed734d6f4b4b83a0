package container

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/unotify/standin"
)

// lookingRights are what lets a container without a user namespace look into every process of the machine that it sees (mm_access() of
// kernel/fork.c).
func lookingRights() []int { return []int{unix.CAP_SYS_PTRACE, unix.CAP_PERFMON} }

// heldUp makes three calls that a server of files holds up: one for each kind of task. Meanwhile it tries to get at the tasks.
func heldUp(c *container) {
	must("drop", dropCapabilities(lookingRights()...))
	for name, do := range map[string]func() error{
		"as the target": func() error { return unix.Mknod("/mnt/served/hang/node", unix.S_IFIFO, 0) },
		"granted":       func() error { return unix.Mount("x", "/media/t", "overlay", 0, "lowerdir=/mnt/served/dir:/media/a") },
		"host":          func() error { return unix.Setxattr("/mnt/served/dir", "trusted.overlay.x", []byte("x"), 0) },
	} {
		go func() {
			runtime.LockOSThread()
			must("drop", dropCapabilities(append(lookingRights(), lentRights()...)...))
			c.err("over "+name, do())
		}()
	}
	time.Sleep(700 * time.Millisecond)
	tasks := 0
	for _, pid := range standInTasks("/proc", c.plan.Args[0]) {
		tasks++
		dir := "/proc/" + itoa(pid)
		for _, name := range []string{"mem", "environ", "maps", "auxv", "io", "syscall", "stack"} {
			f, err := os.Open(dir + "/" + name)
			if err == nil {
				_, err = f.Read(make([]byte, 1))
				f.Close()
			}
			if err == nil {
				c.say("read "+name, "yes")
			}
		}
		for _, name := range []string{"root", "cwd", "exe", "fd/0", "ns/mnt"} {
			if _, err := os.Readlink(dir + "/" + name); err == nil {
				c.say("looked at "+name, "yes")
			}
		}
		for request, name := range map[int]string{unix.PTRACE_ATTACH: "attach", unix.PTRACE_SEIZE: "seize"} {
			if raw(unix.SYS_PTRACE, uintptr(request), uintptr(pid), 0, 0) == nil {
				c.say("traced by "+name, "yes")
			}
		}
		if _, err := unix.PidfdOpen(pid, 0); err == nil && c.plan.PID {
			c.say("opened", "yes")
		}
		if unix.Kill(pid, 0) == nil && c.plan.PID {
			c.say("signalled", "yes")
		}
	}
	c.say("tasks", itoa(tasks))
	must("mkdir", os.MkdirAll("/media/proc", 0o755))
	c.err("proc", unix.Mount("proc", "/media/proc", "proc", 0, ""))
	c.say("own processes", fmt.Sprint(len(standInTasks("/media/proc", ""))))
	c.say("ready", "") // the supervisor looks meanwhile, and then ends the server
	time.Sleep(1500 * time.Millisecond)
}

// standInTasks are the tasks that a proc file system shows, of one supervisor or, without one, of all.
func standInTasks(proc, supervisor string) (list []int) {
	names, _ := filepath.Glob(proc + "/[0-9]*/comm")
	for _, name := range names {
		text, _ := os.ReadFile(name)
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name))); err == nil && strings.HasPrefix(string(text), "stead-standin") &&
			(supervisor == "" || statusOf(pid)["PPid"] == supervisor) {
			list = append(list, pid)
		}
	}
	return list
}

// statusOf are lines of a process's status.
func statusOf(pid int) map[string]string {
	text, _ := os.ReadFile("/proc/" + itoa(pid) + "/status")
	lines := map[string]string{}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		lines[key] = strings.TrimSpace(value)
	}
	return lines
}

func capabilities(text string) uint64 {
	n, _ := strconv.ParseUint(text, 16, 64)
	return n
}

func allCapabilities(t *testing.T) uint64 {
	t.Helper()
	text, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	last, convErr := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || convErr != nil {
		t.Fatal(err, convErr)
	}
	return 1<<(last+1) - 1
}

// ownTasks are the tasks of this process.
func ownTasks() (list []int) {
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	for _, name := range lists {
		text, _ := os.ReadFile(name)
		for _, word := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(word); err == nil && strings.HasPrefix(statusOf(pid)["Name"], "stead-standin") {
				list = append(list, pid)
			}
		}
	}
	return list
}

// serveHere has the machine itself serve files at /mnt/served; the function ends the server.
func serveHere(t *testing.T) func() {
	t.Helper()
	dev, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	server := startServer(dev)
	must("mkdir", os.MkdirAll("/mnt/served", 0o755))
	data := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", dev)
	if err := unix.Mount("served", "/mnt/served", "fuse", 0, data); err != nil {
		t.Fatal(err)
	}
	unix.Close(dev)
	return func() {
		server.Process.Kill() //nolint:errcheck // it may have ended
		server.Wait()         //nolint:errcheck // it was killed
	}
}

// TestRightsOfTasks: seen from outside, tasks have no more rights than the package says, and their container cannot get at them.
func TestRightsOfTasks(t *testing.T) {
	needFuse(t)
	asMachine(t, func(t *testing.T) {
		for _, p := range []plan{{PID: true}, {PID: true, User: true}} {
			end := serveHere(t)
			p.Scenario, p.Drop, p.Args = "held up", true, []string{itoa(os.Getpid())}
			whole := capabilities(statusOf(os.Getpid())["CapEff"])
			if p.User {
				whole = allCapabilities(t) // in a namespace of its own, root has them
			}
			target := whole
			for _, c := range append(lookingRights(), lentRights()...) {
				target &^= 1 << c
			}
			kinds := map[uint64]string{target: "as the target", target | capSysAdmin: "granted", capSysAdmin | capMknod: "host"}
			seen, begun := map[string]bool{}, map[int]int{}
			look := func(int) {
				defer end()
				for n := 0; n < 40 || n < 200 && len(seen) < len(kinds); n++ {
					time.Sleep(20 * time.Millisecond)
					for _, pid := range ownTasks() {
						s := statusOf(pid)
						if s["CapEff"] == "" {
							continue // it has ended
						}
						kind, ok := kinds[capabilities(s["CapEff"])]
						if begun[pid]++; !ok && capabilities(s["CapEff"]) == capabilities(statusOf(os.Getpid())["CapEff"]) && begun[pid] < 5 {
							continue // it has become nobody yet
						}
						if capabilities(s["CapEff"]) == whole {
							continue // it acted before the container dropped its rights
						}
						if !ok || capabilities(s["CapPrm"])&^capabilities(s["CapEff"]) != 0 || capabilities(s["CapInh"])|capabilities(s["CapAmb"]) != 0 {
							seen["strange: "+fmt.Sprint(s["CapEff"], " ", s["CapPrm"], " ", s["CapInh"], " ", s["CapAmb"], " ", s["Uid"])] = true
						}
						seen[kind] = true
					}
				}
			}
			looked := make(chan struct{})
			list := supervised(t, p, supervision{pid: func(pid int) { look(pid); close(looked) }})
			<-looked
			for what := range seen {
				if strings.HasPrefix(what, "strange") {
					t.Errorf("%+v: %s", p, what)
				}
			}
			for _, kind := range kinds {
				if !seen[kind] {
					t.Errorf("%+v: no task %s was seen: %v", p, kind, seen)
				}
			}
			for _, r := range list {
				if r.Result == "yes" {
					t.Errorf("%+v: %s", p, r.Step)
				}
			}
			for _, r := range list {
				if r.Step == "tasks" && (r.Result == "0" || r.Result == "1" || r.Result == "2") {
					t.Errorf("%+v: the container saw %s tasks, so nothing was tried", p, r.Result)
				}
			}
			want{"proc": "ok", "own processes": "0"}.check(t, list)
			must("umount", unix.Unmount("/mnt/served", unix.MNT_DETACH))
		}
	})
}

// killers ends and stops the tasks that act for it, as far as it may, while it mounts.
func killers(c *container) {
	stop, done := make(chan struct{}), make(chan struct{})
	killed := 0
	most, err := strconv.Atoi(c.plan.Args[1])
	must("number", err)
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
			for i, pid := range standInTasks("/proc", c.plan.Args[0]) {
				if killed == most {
					break
				}
				unix.Kill(pid, []unix.Signal{unix.SIGKILL, unix.SIGSTOP, unix.SIGSEGV, unix.SIGABRT}[(i+pid)%4]) //nolint:errcheck // it may be gone
				killed++
			}
		}
	}()
	did, failed := 0, 0
	for end := time.Now().Add(1500 * time.Millisecond); time.Now().Before(end); {
		if unix.Mount("x", "/media/t", "tmpfs", 0, "") == nil {
			did++
		} else {
			failed++
		}
		for unix.Unmount("/media/t", unix.MNT_DETACH) == nil { //nolint:revive // what a killed task had mounted as well
		}
	}
	close(stop)
	<-done
	c.say("raced", fmt.Sprint(did > 0 && killed > 0))
	c.say("counts", fmt.Sprint(did, " mounts, ", failed, " failed, ", killed, " signals"))
	for range 100 { // a stopped task is noticed after half a second
		if err := unix.Mount("x", "/media/t", "tmpfs", 0, ""); err == nil {
			break
		}
	}
	c.err("afterwards", unix.Unmount("/media/t", 0))
}

// TestKillers: a container that may signal the tasks that act for it, because they have its ids, harms its own calls only. Those are
// performed again when it leaves off, unless it has killed too many; what the killed had open is bounded by that.
func TestKillers(t *testing.T) {
	asMachine(t, testKillers)
}

func testKillers(t *testing.T) {
	needRoot(t)
	supervised(t, plan{Scenario: "many", Drop: true}, supervision{}) // what is kept for every family
	before := whatIsLeft(t, "")
	kill := func(most int, want want) {
		for _, p := range []plan{{}, {User: true}} {
			p.Scenario, p.Drop, p.Args = "killers", true, []string{itoa(os.Getpid()), itoa(most)}
			list := supervised(t, p, supervision{})
			t.Log(list)
			want.check(t, list)
		}
	}
	within(t, time.Minute, func() {
		kill(standin.MaxKilled/2, want{"raced": "true", "afterwards": "ok"})
		kill(math.MaxInt, want{"raced": "true"})
		before.fds += 4 * standin.MaxKilled
		nothingMore(t, "", before, "after the killing")
	})
}
