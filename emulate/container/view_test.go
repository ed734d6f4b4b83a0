package container

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func viewScenarios() map[string]scenario {
	return map[string]scenario{
		"ids":      {prepareViews, changingIDs},
		"roots":    {prepareViews, changingRoots},
		"spaces":   {prepareViews, changingNamespaces},
		"execute":  {prepareViews, executing},
		"executed": {nil, func(c *container) { c.tryMount("after execve", "/media/private/in") }},
		"pivot":    {prepareViews, pivoted},
		"pivoting": {nil, pivoting},
		"peers":    {nil, peers},
	}
}

// prepareViews makes a directory that nobody but user 5 may enter, and another root.
func prepareViews(*container) {
	prepareTree(nil)
	for _, dir := range []string{"private/in", "root/only/here", "root/media", "root/old"} {
		must("directory", os.MkdirAll(filepath.Join("/media", dir), 0o755))
	}
	must("chown", os.Chown("/media/private", 5, 5))
	must("chmod", os.Chmod("/media/private", 0o700))
}

// tryMount mounts and takes away again, twice: the second time everything about the caller is known.
func (c *container) tryMount(step, path string) {
	for _, time := range []string{", first", ", again"} {
		err := unix.Mount("x", path, "tmpfs", 0, "")
		c.err(step+time, err)
		if err == nil {
			c.err(step+time+", taken away", unix.Unmount(path, 0))
		}
	}
}

// An aside is a thread of its own.
type aside chan func()

func newAside() aside {
	a := make(aside)
	go func() {
		runtime.LockOSThread()
		for f := range a {
			f()
		}
	}()
	return a
}

func (a aside) do(f func()) {
	done := make(chan struct{})
	a <- func() { defer close(done); f() }
	<-done
}

// setCapabilities gives the thread effective ones; they stay permitted.
func setCapabilities(without ...int) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	for i := range data {
		data[i].Effective = data[i].Permitted
	}
	for _, n := range without {
		data[n/32].Effective &^= 1 << (n % 32)
	}
	return unix.Capset(&header, &data[0])
}

// changingIDs changes the ids and capabilities of one thread, by calls that concern it alone.
func changingIDs(c *container) {
	const dir = "/media/private/in"
	a := newAside()
	c.tryMount("at first", dir)
	a.do(func() {
		c.tryMount("aside", dir)
		must("capset", setCapabilities(unix.CAP_DAC_OVERRIDE, unix.CAP_DAC_READ_SEARCH))
		c.tryMount("aside, without capabilities", dir)
		must("setfsuid", raw(unix.SYS_SETFSUID, 5))
		c.tryMount("aside, as its owner", dir)
	})
	c.tryMount("still", dir)
	a.do(func() {
		must("setfsuid", raw(unix.SYS_SETFSUID, 0))
		must("setfsgid", raw(unix.SYS_SETFSGID, 5))
		c.tryMount("aside, as another", dir)
		must("chmod", os.Chmod("/media/private", 0o770))
		c.tryMount("aside, of its group", dir)
		must("setfsgid", raw(unix.SYS_SETFSGID, 0))
		c.err("setgroups", raw(unix.SYS_SETGROUPS, 1, str("\x05\x00\x00\x00")))
		c.tryMount("aside, with its group", dir)
		c.err("no groups", raw(unix.SYS_SETGROUPS, 0, 0))
		c.tryMount("aside, without groups", dir)
		must("capset", setCapabilities())
		c.tryMount("aside, with capabilities again", dir)
		must("setresuid", raw(unix.SYS_SETRESUID, 7, 7, 7))
		c.tryMount("aside, as nobody", dir)
	})
	c.tryMount("at last", dir)
}

// changingRoots changes the root of all threads by one of them, and of one that has its own.
func changingRoots(c *container) {
	old, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY, 0)
	must("root", err)
	a, b := newAside(), newAside()
	back := func() {
		must("fchdir", unix.Fchdir(old))
		must("chroot", unix.Chroot("."))
	}
	c.tryMount("at first", "/media/t")
	a.do(func() { c.tryMount("aside", "/media/t"); must("chroot", unix.Chroot("/media/root")) })
	c.tryMount("another's chroot", "/only/here")
	c.tryMount("not there any more", "/media/t")
	a.do(back)
	c.tryMount("back again", "/media/t")
	b.do(func() {
		must("unshare", unix.Unshare(unix.CLONE_FS))
		c.tryMount("unshared", "/media/t")
		must("chroot", unix.Chroot("/media/root"))
		c.tryMount("of its own", "/only/here")
	})
	c.tryMount("undisturbed", "/media/t")
	b.do(func() { back(); c.tryMount("back again, aside", "/media/t") })
	c.mounts("in the end")
}

// changingNamespaces goes to another mount namespace and back, by one thread.
func changingNamespaces(c *container) {
	home, err := unix.Open("/proc/self/ns/mnt", unix.O_RDONLY, 0)
	must("namespace", err)
	a := newAside()
	mount := func(step, path string) {
		c.err(step, unix.Mount(step, path, "tmpfs", 0, ""))
		c.mounts(step + ": mounts")
	}
	mount("at first", "/media/a")
	a.do(func() {
		must("unshare", unix.Unshare(unix.CLONE_NEWNS))
		mount("in another namespace", "/media/b")
	})
	mount("still at home", "/media/c")
	a.do(func() {
		away, err := unix.Open("/proc/thread-self/ns/mnt", unix.O_RDONLY, 0)
		must("namespace", err)
		must("setns", unix.Setns(home, unix.CLONE_NEWNS))
		mount("at home again", "/media/d")
		must("setns", unix.Setns(away, unix.CLONE_NEWNS))
		mount("away again", "/media/e")
		must("network", unix.Unshare(unix.CLONE_NEWNET))
		must("directory", os.MkdirAll("/media/t", 0o755))
		c.err("sysfs", unix.Mount("x", "/media/t", "sysfs", 0, ""))
		list, _ := filepath.Glob("/media/t/class/net/*")
		c.say("of which network", itoa(len(list)))
	})
	mount("at last", "/media/t")
}

// executing: a thread without rights is known; another one executes a program and gets its number.
func executing(c *container) {
	leader := unix.Gettid() == os.Getpid()
	if !leader {
		must("leader", unix.ESRCH) // the test's first goroutine is locked to it
	}
	must("capset", setCapabilities(unix.CAP_DAC_OVERRIDE, unix.CAP_DAC_READ_SEARCH))
	c.tryMount("the leader", "/media/private/in")
	next := c.plan
	next.Scenario, next.Peers = "executed", true
	newAside().do(func() {
		must("capset", setCapabilities())
		c.tryMount("who executes", "/media/private/in")
		must("execve", unix.Exec("/proc/self/exe", []string{"program"}, next.environ()))
	})
}

// pivoted: another process moves this one's root.
func pivoted(c *container) {
	c.tryMount("at first", "/media/t")
	must("new root", unix.Mount("new", "/media/root", "tmpfs", 0, "mode=755"))
	for _, dir := range []string{"old", "only/here"} {
		must("new root", os.MkdirAll("/media/root/"+dir, 0o755))
	}
	c.tryMount("before", "/media/t")
	next := c.plan
	next.Scenario, next.Peers = "pivoting", true
	cmd := exec.Command("/proc/self/exe")
	cmd.Env, cmd.Stderr = next.environ(), os.Stderr
	must("pivot", cmd.Run())
	c.tryMount("after pivot_root", "/only/here")
	c.tryMount("not there any more", "/media/t")
	c.tryMount("the old place", "/old/media/t")
	newAside().do(func() { // what has acted for the old root has the new one now
		must("unshare", unix.Unshare(unix.CLONE_FS))
		must("chroot", unix.Chroot("/old"))
		c.tryMount("from the old root", "/media/t")
		c.tryMount("not seen from there", "/only/here")
	})
}

func pivoting(*container) { must("pivot_root", unix.PivotRoot("/media/root", "/media/root/old")) }

// TestViews: what is known of a caller is forgotten when it, another thread or another process has changed it. Natively the same is
// done by callers that have all rights.
func TestViews(t *testing.T) {
	needRoot(t)
	for env, p := range map[string]plan{"rootful": {}, "user namespace": {User: true}} {
		for _, name := range []string{"ids", "roots", "spaces", "execute", "pivot"} {
			for _, watched := range []bool{true, false} {
				t.Run(env+"/"+name+map[bool]string{true: "/watched"}[watched], func(t *testing.T) {
					p := p
					p.Scenario = name
					same(t, native(t, p), supervised(t, p, supervision{options: Options{Watched: watched}}))
				})
			}
		}
	}
}

// TestWatched repeats what is compared with root, with callers that are remembered, and with kernels that say less of mounts.
func TestWatched(t *testing.T) {
	needRoot(t)
	for finder, p := range []plan{{User: true}, {}, {Chroot: true}} {
		for _, name := range []string{"binds", "odd", "api", "nodes"} {
			t.Run(name+"/"+itoa(finder), func(t *testing.T) {
				p := p
				p.Scenario = name
				want := native(t, p)
				p.Drop = true
				same(t, want, supervised(t, p, supervision{options: Options{Watched: true}, finder: mountFinder(finder)}))
			})
		}
	}
}

// TestRemembered: a caller that changes nothing is not looked at again and again, which shows in what is allocated.
func TestRemembered(t *testing.T) {
	needRoot(t)
	allocated := func(watched bool) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		supervised(t, plan{Scenario: "many", User: true, Drop: true}, supervision{options: Options{Watched: watched}})
		runtime.ReadMemStats(&after)
		return (after.Mallocs - before.Mallocs) / often
	}
	watched, unwatched := allocated(true), allocated(false)
	t.Logf("allocations for mounting and unmounting a tmpfs: remembered %d, looked at each time %d", watched, unwatched)
	if watched > 50 || watched*2 > unwatched {
		t.Errorf("%d allocations where the caller is remembered, %d where not", watched, unwatched)
	}
}
