package oci

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// upgraded is a rig whose agent is a copy of the program, which can be replaced.
func upgraded(t testing.TB, args ...string) (r *rig, cmd *exec.Cmd, program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "stead")
	install(t, stead(t), program)
	r, cmd = agentOf(t, program, args...)
	return r, cmd, program
}

// install replaces a program, as package managers do.
func install(t testing.TB, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	replaceProgram(t, to, text)
}

func replaceProgram(t testing.TB, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", text, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// generation is the agent's; 0: nobody answers.
func (r *rig) generation() int {
	resp, err := httpClient(r).Get("http://agent/agent")
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	var i Incarnation
	if json.NewDecoder(resp.Body).Decode(&i) != nil {
		return 0
	}
	return i.Generation
}

// status is what ps says of a container; nil: nothing.
func (r *rig) status(id string) *Status {
	r.t.Helper()
	var list []Status
	if err := json.Unmarshal([]byte(get(r.t, httpClient(r), "/containers")), &list); err != nil {
		r.t.Fatal(err)
	}
	for _, s := range list {
		if s.ID == id {
			return &s
		}
	}
	return nil
}

func upgradeCommand(t testing.TB, r *rig) (string, error) {
	t.Helper()
	out, err := exec.Command(stead(t), "agent", "upgrade", "--control", r.dir+"/control.sock").CombinedOutput()
	return string(out), err
}

// busy calls as often as it can: directories that it may make, and one that it may not. It says how often something else came out.
const busy = `import os, errno, sys
wrong = {}
def note(what):
    wrong[what] = wrong.get(what, 0) + 1
n = 0
end = sys.argv[1]
while not os.path.exists(end):
    try:
        os.mkdir("/forbidden/x")
        note("made")
    except OSError as e:
        if e.errno != errno.EXDEV: note(errno.errorcode[e.errno])
    d = "%s/%d" % (sys.argv[2], n)
    try:
        os.mkdir(d)
        os.rmdir(d)
    except OSError as e:
        note(errno.errorcode[e.errno])
    n += 2
print(n, wrong, flush=True)
`

func (r *rig) startBusy(i int, end string) *target {
	r.t.Helper()
	work := fmt.Sprintf("%s/work%d", r.dir, i)
	if err := os.Mkdir(work, 0o700); err != nil {
		r.t.Fatal(err)
	}
	return start(r.t, "exec python3 -c '"+busy+"' "+end+" "+work)
}

// TestUpgradeUnderLoad: five upgrades while a container calls without a break, and every call is answered as the policy says.
func TestUpgradeUnderLoad(t *testing.T) {
	const upgrades, targets = 5, 3
	need(t, "python3")
	r, cmd, program := upgraded(t)
	end := filepath.Join(r.dir, "end")
	var all []*target
	for i := range targets {
		x := r.startBusy(i, end)
		s := state(fmt.Sprint("busy", i), "web")
		s.Container.PID = x.PID
		r.hand(x, s)
		all = append(all, x)
	}
	idle := start(t, making)
	r.hand(idle, state("idle", "web"))
	idle.say(r.dir + "/first")
	idle.wantLine("made")
	since := r.status("idle").Since
	for n := range upgrades {
		time.Sleep(200 * time.Millisecond)
		install(t, stead(t), program)
		begun := time.Now()
		if n%2 == 0 {
			cmd.Process.Signal(unix.SIGUSR2)
			eventually(t, "the next generation", func() bool { return r.generation() == n+2 })
		} else if out, err := upgradeCommand(t, r); err != nil || !strings.Contains(out, fmt.Sprint("with ", targets+1, " containers")) {
			t.Fatalf("%v: %s", err, out)
		}
		t.Logf("upgrade %d took %v", n+1, time.Since(begun))
	}
	late := start(t, making) // on the socket that was handed over five times
	r.hand(late, state("late", "web"))
	late.say("/forbidden")
	late.wantLine("cross-device")
	if err := os.WriteFile(end, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	total := uint64(0)
	for i, x := range all {
		var calls uint64
		said := x.line()
		if _, err := fmt.Sscanf(said, "%d {}", &calls); err != nil {
			t.Errorf("target %d: %s", i, said)
		}
		total += calls
		if text := r.records(fmt.Sprint("busy", i)); strings.Contains(text, "ENOSYS") || strings.Contains(text, lostReason) {
			t.Errorf("target %d: a call was lost", i)
		}
	}
	s := r.status("idle")
	if s == nil || s.Calls != 1 || !s.Since.Equal(since) || s.Policy != "web" || s.Filter != FilterAssumed || s.Errors != 0 {
		t.Errorf("status %+v, since %v", s, since)
	}
	idle.say("/forbidden")
	idle.wantLine("cross-device")
	if text := get(t, httpClient(r), "/metrics"); !strings.Contains(text, `stead_containers{policy="web"}`) {
		t.Errorf("metrics %s", text)
	}
	if total < 1000 {
		t.Errorf("only %d calls were made, which shows little", total)
	}
	t.Logf("%d calls of %d targets across %d upgrades", total, targets, upgrades)
	cmd.Process.Signal(unix.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"agent.sock", "lxc.sock", "control.sock"} {
		if _, err := os.Stat(filepath.Join(r.dir, name)); err == nil {
			t.Errorf("%s is left", name)
		}
	}
}

// TestUpgradeCounts: what ps and the metrics say goes on, also of containers that have ended, and execs stay with their containers.
func TestUpgradeCounts(t *testing.T) {
	r, _, _ := upgraded(t)
	r.write("other", "version: 1\ndefault: allow\n")
	x, y, gone := start(t, making), start(t, making), start(t, making)
	s := state("c1", "web")
	s.Container.PID = x.PID
	r.hand(x, s)
	x.say("/forbidden")
	x.wantLine("cross-device")
	r.hand(y, state("c1", "other")) // an exec, under the container's policy whatever it says
	y.say("/forbidden")
	y.wantLine("cross-device")
	r.hand(gone, state("c2", "web"))
	gone.say("/forbidden")
	gone.wantLine("cross-device")
	gone.end()
	eventually(t, "the end of c2", func() bool { return r.status("c2") == nil })
	x.end()
	eventually(t, "the end of the first process", func() bool { return r.status("c1").Listeners == 1 })
	if out, err := upgradeCommand(t, r); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if s := r.status("c1"); s.Calls != 2 || s.Denied != 2 || s.Policy != "web" || s.PID != x.PID {
		t.Errorf("status %+v", s)
	}
	y.say("/forbidden")
	y.wantLine("cross-device")
	z := start(t, making)
	s = state("c1", "other")
	s.Container.PID = x.PID
	r.hand(z, s)
	z.say("/forbidden")
	z.wantLine("cross-device")
	if s := r.status("c1"); s.Calls != 4 || s.Denied != 4 || s.Listeners != 2 {
		t.Errorf("status %+v", s)
	}
	if text := get(t, httpClient(r), "/metrics"); !strings.Contains(text, `stead_calls_denied_total{policy="web"} 5`) {
		t.Errorf("metrics %s", text)
	}
}

// TestUpgradeBlocked: a call that waits for something does not hold the others up longer than the grace, and fails then.
func TestUpgradeBlocked(t *testing.T) {
	r, cmd, _ := upgraded(t, "--grace", "2s")
	fifo := filepath.Join(r.dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	x, y := start(t, "echo begun; (: <"+fifo+") 2>&1; echo over; read x", "openat"), start(t, making)
	r.hand(x, state("slow", "web"))
	r.hand(y, state("quick", "web"))
	x.wantLine("begun")
	eventually(t, "the pending call", func() bool { return r.status("slow").Pending == 1 })
	cmd.Process.Signal(unix.SIGUSR2)
	time.Sleep(500 * time.Millisecond)
	begun := time.Now()
	y.say("/forbidden") // while the other one is waited for
	y.wantLine("cross-device")
	if took := time.Since(begun); took > time.Second {
		t.Errorf("a container waited %v for another", took)
	}
	x.wantLine("not implemented")
	x.wantLine("over")
	eventually(t, "the next generation", func() bool { return r.generation() == 2 })
	eventually(t, "the reason in the record", func() bool { return strings.Contains(r.records("slow"), lostReason) })
	if text := r.records("slow"); !strings.Contains(text, `"call":"openat"`) || !strings.Contains(text, `"errno":"ENOSYS"`) {
		t.Errorf("records %s", text)
	}
	if s := r.status("slow"); s == nil || s.Errors != 1 || s.Pending != 0 {
		t.Errorf("status %+v", s)
	}
}

// TestUpgradeRefused: a program that does not start, or would not go on, leaves everything as it is.
func TestUpgradeRefused(t *testing.T) {
	r, cmd, program := upgraded(t)
	x := start(t, making)
	r.hand(x, state("c1", "web"))
	for what, text := range map[string]string{
		"no program":            "\x7fELF what",
		"a failing one":         "#!/bin/sh\necho unknown flag: --check-handover >&2\nexit 1\n",
		"one that says nothing": "#!/bin/sh\nexit 3\n",
	} {
		replaceProgram(t, program, []byte(text))
		out, err := upgradeCommand(t, r)
		if err == nil || !strings.Contains(out, "cannot go on in this one's place") {
			t.Errorf("%s: %v: %s", what, err, out)
		}
		x.say("/forbidden")
		x.wantLine("cross-device")
	}
	cmd.Process.Signal(unix.SIGUSR2)
	eventually(t, "the log", func() bool { return strings.Count(r.log.String(), "no upgrade: this program goes on") == 4 })
	if n := r.generation(); n != 1 {
		t.Errorf("generation %d", n)
	}
	// One that answers, and cannot be executed when it comes to that: the same agent takes up what it has laid down.
	replaceProgram(t, program, []byte("#!/bin/sh\nrm -f \"$0\"\nexit 0\n"))
	cmd.Process.Signal(unix.SIGUSR2)
	eventually(t, "the log", func() bool {
		return strings.Contains(r.log.String(), "the next program does not start: this one goes on")
	})
	eventually(t, "the agent", func() bool { return r.generation() == 2 })
	x.say("/forbidden")
	x.wantLine("cross-device")
	if s := r.status("c1"); s == nil || s.Calls != 4 {
		t.Errorf("status %+v", s)
	}
	y := start(t, making)
	r.hand(y, state("c2", "web"))
	y.say(r.dir + "/y")
	y.wantLine("made")
	install(t, stead(t), program)
	if out, err := upgradeCommand(t, r); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	x.say("/forbidden")
	x.wantLine("cross-device")
}
