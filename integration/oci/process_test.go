package oci

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// steadPath is the command under test.
var steadPath = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("STEAD"); path != "" {
		return filepath.Abs(path)
	}
	dir, err := os.MkdirTemp("", "stead-built")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "stead")
	out, err := exec.Command("go", "build", "-o", path, "../../cmd/stead").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build stead: %w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	var before, after unix.Stat_t
	unix.Stat("/dev/null", &before) //nolint:errcheck // then both are nothing
	code := m.Run()
	unix.Stat("/dev/null", &after) //nolint:errcheck // see above
	if before.Uid != after.Uid || before.Mode != after.Mode {
		fmt.Fprintf(os.Stderr, "FAIL: the machine's /dev/null was given away (%d, %o): see noInput\n", after.Uid, after.Mode)
		code = 1
	}
	if path, err := steadPath(); err == nil && os.Getenv("STEAD") == "" {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

func stead(t testing.TB) string {
	t.Helper()
	path, err := steadPath()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// process is a rig whose agent is a process of its own.
func process(t testing.TB, args ...string) (*rig, *exec.Cmd) {
	t.Helper()
	return agentOf(t, stead(t), args...)
}

// agentOf is one of another program.
func agentOf(t testing.TB, program string, args ...string) (*rig, *exec.Cmd) {
	t.Helper()
	needRoot(t)
	dir, err := os.MkdirTemp("", "stead-oci")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	r := &rig{t: t, dir: dir, log: &logBuffer{}}
	r.write("web", webPolicy)
	cmd := r.process(program, args...)
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("the agent's log:\n%s", r.log)
		}
	})
	eventually(t, "the agent's sockets", func() bool { _, err := os.Stat(dir + "/control.sock"); return err == nil })
	return r, cmd
}

// process starts an agent on the rig's sockets.
func (r *rig) process(program string, args ...string) *exec.Cmd {
	r.t.Helper()
	cmd := exec.Command(program, append([]string{"agent", "--log-level", "info", "--policies", r.dir, "--listen", r.dir + "/agent.sock",
		"--lxc-listen", r.dir + "/lxc.sock", "--records", r.dir + "/recs/"}, args...)...)
	cmd.Stderr = r.log
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	return cmd
}

// restarted starts an agent where one was killed; the function ends it.
func restarted(t testing.TB, r *rig) func() {
	t.Helper()
	cmd := r.process(stead(t))
	end := sync.OnceFunc(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	t.Cleanup(end)
	eventually(t, "the agent's socket", func() bool {
		c, err := net.Dial("unix", r.dir+"/agent.sock")
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return end
}

// TestKilled: the kernel answers for an agent that is gone.
func TestKilled(t *testing.T) {
	r, cmd := process(t)
	fifo := filepath.Join(r.dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	x, y := start(t, making), start(t, "echo begun; (: <"+fifo+") 2>&1; echo over", "openat")
	r.hand(x, state("c1", "web"))
	r.hand(y, state("c2", "web"))
	x.say(r.dir + "/made")
	x.wantLine("made")
	y.wantLine("begun")
	time.Sleep(50 * time.Millisecond) // the opening of the FIFO is pending
	cmd.Process.Kill()
	cmd.Wait()
	x.say(r.dir + "/late")
	x.wantLine("not implemented")
	y.wantLine("not implemented")
	y.wantLine("over")
}

func TestGracefulProcess(t *testing.T) {
	r, cmd := process(t)
	x := start(t, making)
	r.hand(x, state("c1", "web"))
	x.say(r.dir + "/made")
	x.wantLine("made")
	cmd.Process.Signal(unix.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	x.say(r.dir + "/late")
	x.wantLine("not implemented")
	for _, name := range []string{"agent.sock", "lxc.sock", "control.sock"} {
		if _, err := os.Stat(filepath.Join(r.dir, name)); err == nil {
			t.Errorf("%s is left", name)
		}
	}
	if text := r.records("c1"); !strings.Contains(text, "made") {
		t.Errorf("records %s", text)
	}
}

// TestPS: the command's two forms, and SIGHUP.
func TestPS(t *testing.T) {
	r, cmd := process(t)
	x := start(t, making)
	s := state("c1", "web")
	s.Container.PID = x.PID
	r.hand(x, s)
	x.say(r.dir + "/made")
	x.wantLine("made")
	ps := func(args ...string) string {
		out, err := exec.Command(stead(t), append([]string{"agent", "ps", "--control", r.dir + "/control.sock"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	if out := ps(); !strings.HasPrefix(out, "CONTAINER") || !strings.Contains(out, "c1 ") || !strings.Contains(out, " web ") {
		t.Errorf("table %s", out)
	}
	if out := ps("--format", "json"); !strings.Contains(out, `"calls": 1,`) || !strings.Contains(out, `"pid": `+strconv.Itoa(x.PID)) {
		t.Errorf("JSON %s", out)
	}
	cmd.Process.Signal(unix.SIGHUP)
	x.say(r.dir + "/made2")
	x.wantLine("made")
	if out, err := exec.Command(stead(t), "agent", "ps", "--control", r.dir+"/none").CombinedOutput(); err == nil || !bytes.Contains(out, []byte("is it running")) {
		t.Errorf("without an agent: %v: %s", err, out)
	}
}

// TestActivation: sockets of a service manager, and its being told.
func TestActivation(t *testing.T) {
	r := newRig(t, nil)
	r.stop()
	l, err := ListenStates(r.dir + "/activated.sock")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	file, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	notify, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(notify)
	if err := unix.Bind(notify, &unix.SockaddrUnix{Name: r.dir + "/notify"}); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0" agent --policies "$1" --control "$1/c.sock"`, stead(t), r.dir)
	cmd.Env = append(os.Environ(), "LISTEN_FDS=1", "LISTEN_FDNAMES=agent", "NOTIFY_SOCKET="+r.dir+"/notify")
	cmd.ExtraFiles = []*os.File{file}
	cmd.Stderr = r.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	buf := make([]byte, 100)
	unix.SetsockoptTimeval(notify, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 20})
	n, err := unix.Read(notify, buf)
	if err != nil || string(buf[:n]) != "READY=1" {
		t.Fatalf("told %q, %v", buf[:max(n, 0)], err)
	}
	os.Rename(r.dir+"/activated.sock", r.dir+"/agent.sock")
	x := start(t, making)
	r.hand(x, state("c1", "web"))
	x.say("/forbidden")
	x.wantLine("cross-device")
}

// A cost is what a process takes.
type cost struct {
	threads, fds, rss int // kB
	cpu               time.Duration
}

func costOf(t testing.TB, pid int) (c cost) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		f := strings.Fields(line)
		switch f[0] {
		case "Threads:":
			c.threads, _ = strconv.Atoi(f[1])
		case "VmRSS:":
			c.rss, _ = strconv.Atoi(f[1])
		}
	}
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')'):]))
	user, _ := strconv.Atoi(f[12])
	system, _ := strconv.Atoi(f[13])
	c.cpu = time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100 on all architectures that Go runs on
	list, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	c.fds = len(list)
	return c
}

// TestIdleCost: five hundred containers that do nothing cost next to nothing.
func TestIdleCost(t *testing.T) {
	const containers, window = 500, 10 * time.Second
	r, cmd := process(t)
	one := start(t, making)
	r.hand(one, state("first", "web")) // compiles the policy
	one.say("/forbidden")
	one.wantLine("cross-device")
	before := costOf(t, cmd.Process.Pid)
	begun := time.Now()
	var all []*target
	for i := range containers {
		x := start(t, "read x")
		c := r.hand(x, state(fmt.Sprint("c", i), "web"))
		c.Close()
		all = append(all, x)
	}
	client := httpClient(r)
	eventually(t, "all containers", func() bool {
		return strings.Contains(get(t, client, "/metrics"), fmt.Sprintf(`stead_listeners{policy="web"} %d`, containers+1))
	})
	connected := time.Since(begun)
	time.Sleep(3 * time.Second) // what looks after a new leader slows down
	idle := costOf(t, cmd.Process.Pid)
	time.Sleep(window)
	after := costOf(t, cmd.Process.Pid)
	share := float64(after.cpu-idle.cpu) / float64(window)
	t.Logf("%d containers connected in %v (targets included); for each: %.1f kB of memory, %.2f threads, %.2f descriptors, %.5f %% of a CPU while idle",
		containers, connected, float64(after.rss-before.rss)/containers, float64(after.threads-before.threads)/containers,
		float64(after.fds-before.fds)/containers, 100*share/containers)
	if share > 0.1 || after.rss-before.rss > containers*256 || after.threads-before.threads > containers*3/2+20 || after.fds-before.fds > containers*9 {
		t.Errorf("idle containers cost too much: before %+v, after %+v, %.1f %% of a CPU", before, after, 100*share)
	}
	for _, x := range all {
		x.end()
	}
	eventually(t, "their end", func() bool { return strings.Contains(get(t, client, "/metrics"), `stead_listeners{policy="web"} 1`) })
	end := costOf(t, cmd.Process.Pid)
	t.Logf("after their end: %+v; before: %+v", end, before)
	if end.fds > before.fds+8 {
		t.Errorf("%d descriptors are left of %d", end.fds, before.fds)
	}
}

// TestChurn: a thousand containers, started and stopped, leave nothing.
func TestChurn(t *testing.T) {
	const rounds, atOnce = 20, 50
	r := newRig(t, nil)
	round := func(n int) {
		var wg sync.WaitGroup
		for i := range atOnce {
			x := start(t, making)
			r.hand(x, state(fmt.Sprintf("c%d-%d", n, i), "web")).Close()
			wg.Go(func() {
				fmt.Fprintln(x.in, "/forbidden")
				x.line()
			})
			defer x.end()
		}
		wg.Wait()
	}
	settled := func() bool { return len(r.agent.Containers()) == 0 }
	round(-1)
	eventually(t, "the first end", settled)
	time.Sleep(200 * time.Millisecond)
	before, fds := runtime.NumGoroutine(), openFiles(t)
	threads, memory := costOf(t, os.Getpid()).threads, heap()
	begun := time.Now()
	for n := range rounds {
		round(n)
	}
	eventually(t, "the last end", settled)
	took := time.Since(begun)
	eventually(t, "goroutines ended", func() bool { return runtime.NumGoroutine() <= before+3 })
	after := openFiles(t)
	t.Logf("%d containers in %v; goroutines %d, before %d; descriptors %d, before %d; threads %d, before %d", rounds*atOnce, took,
		runtime.NumGoroutine(), before, after, fds, costOf(t, os.Getpid()).threads, threads)
	if after > fds+5 {
		t.Errorf("%d descriptors, %d before", after, fds)
	}
	now := heap()
	t.Logf("memory in use: %d kB, before %d kB", now>>10, memory>>10)
	const forEach = 1 << 10 // what the test itself keeps of a target, and the log
	if now > memory+rounds*atOnce*forEach+1<<20 {
		t.Errorf("%d kB of memory, %d kB before", now>>10, memory>>10)
	}
	if n := costOf(t, os.Getpid()).threads; n > threads+60 { // Go keeps threads that it has no work for
		t.Errorf("%d threads, %d before", n, threads)
	}
	r.stop()
	list, _ := os.ReadDir(filepath.Join(r.dir, "recs"))
	if len(list) != (rounds+1)*atOnce {
		t.Errorf("%d files of records", len(list))
	}
	if len(r.agent.policies.live) != 1 || len(r.agent.records.files) != 0 {
		t.Errorf("policies %v, files %v", r.agent.policies.live, r.agent.records.files)
	}
}
