package oci

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestContainer(t *testing.T) {
	r := newRig(t, nil)
	x := start(t, making)
	r.hand(x, state("c1", "web"))
	made := filepath.Join(r.dir, "made")
	x.say(made)
	x.wantLine("made")
	x.say("/forbidden")
	x.wantLine("Invalid cross-device link")
	if _, err := os.Stat(made); err != nil {
		t.Error(err)
	}
	s := r.one("c1")
	if s == nil || s.Policy != "web" || s.Calls != 2 || s.Denied != 1 || s.Errors != 0 || s.Pending != 0 || s.Listeners != 1 || s.Filter != FilterAssumed {
		t.Fatalf("status %+v", s)
	}
	x.end()
	eventually(t, "the container's end", func() bool { return r.one("c1") == nil })
	text := r.records("c1")
	if strings.Count(text, `{"container":"c1","time":`) != 2 || strings.Count(text, "\n") != 2 || !strings.Contains(text, `"errno":"EXDEV","rule":"forbidden"`) {
		t.Errorf("records %s", text)
	}
}

// TestBrokenPolicy: what cannot be supervised as it should is denied, with the reason, until it can be.
func TestBrokenPolicy(t *testing.T) {
	r := newRig(t, nil)
	r.write("broken", "version: 1\nrules: [{calls: [nosuchcall], then: allow}]\n")
	for id, metadata := range map[string]string{"broken": "broken", "missing": "absent", "path": "../../etc/x", "none": ""} {
		x := start(t, making)
		r.hand(x, state(id, metadata))
		x.say(r.dir + "/" + id)
		x.wantLine("Operation not permitted")
		if s := r.one(id); s == nil || s.Error == "" || s.Denied != 1 || s.Version != 0 {
			t.Errorf("%s: status %+v", id, s)
		}
		eventually(t, "the reason in the record of "+id, func() bool { return strings.Contains(r.records(id), `"reason":`) })
		if id != "broken" {
			continue
		}
		r.write("broken", webPolicy)
		eventually(t, "the policy's reload", func() bool { return r.one(id).Version != 0 })
		x.say(r.dir + "/" + id)
		x.wantLine("made")
	}
	if _, err := os.Stat(r.dir + "/missing"); err == nil {
		t.Error("a denied directory was made")
	}
}

// TestReload: a version takes effect for containers that run; of what their filters decide, the agent says that it does not.
func TestReload(t *testing.T) {
	r := newRig(t, nil)
	known, err := loadTest(filepath.Join(r.dir, "web.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	x, y := start(t, making), start(t, making)
	r.hand(x, state("c1", "web"))
	r.hand(y, state("c2", Metadata("web", known.Lists)))
	for _, one := range []*target{x, y} {
		one.say("/forbidden")
		one.wantLine("cross-device")
	}
	if a, b := r.one("c1"), r.one("c2"); a.Filter != FilterAssumed || b.Filter != FilterCurrent {
		t.Errorf("filters %s, %s", a.Filter, b.Filter)
	}
	first := r.one("c1").Version
	r.write("web", strings.Replace(webPolicy, "EXDEV", "EROFS", 1))
	eventually(t, "the first reload", func() bool { return r.one("c1").Version != first })
	for _, one := range []*target{x, y} {
		one.say("/forbidden")
		one.wantLine("Read-only")
	}
	if a, b := r.one("c1"), r.one("c2"); a.Filter != FilterAssumed || b.Filter != FilterCurrent || strings.Contains(r.log.String(), "stays as it is") {
		t.Errorf("filters %s, %s", a.Filter, b.Filter)
	}
	r.write("web", webPolicy+"  - {calls: [sethostname], then: deny}\n")
	eventually(t, "the second reload", func() bool { return r.one("c1").Filter == FilterOlder && r.one("c2").Filter == FilterOlder })
	if !strings.Contains(r.log.String(), "stays as it is") || !strings.Contains(r.log.String(), "calls=sethostname") {
		t.Error("the log does not say which calls the kernel filter still decides as before")
	}
	r.write("web", "version: 7\n")
	eventually(t, "the failed reload", func() bool { return strings.Contains(r.one("c1").Error, "reload failed") })
	x.say("/forbidden")
	x.wantLine("cross-device")
	z := start(t, making)
	r.hand(z, state("c3", "web"))
	z.say(r.dir + "/z")
	z.wantLine("not permitted")
	r.write("web", webPolicy)
	eventually(t, "the last reload", func() bool { return r.one("c1").Error == "" && r.one("c3").Error == "" })
	z.say(r.dir + "/z")
	z.wantLine("made")
}

// TestExec: whoever joins a container gets its policy and its records, and the container lasts as long as either.
func TestExec(t *testing.T) {
	r := newRig(t, nil)
	r.write("other", "version: 1\ndefault: allow\n")
	x, y, z := start(t, making), start(t, making), start(t, making)
	s := state("c1", "web")
	s.Container.PID = x.PID
	r.hand(x, s)
	x.say("/forbidden/1")
	x.wantLine("cross-device")
	crun := state("c1", "other") // as crun says it: no pid
	r.hand(y, crun)
	y.say("/forbidden/2")
	y.wantLine("cross-device")
	if st := r.one("c1"); st.Listeners != 2 || st.Calls != 2 || st.Policy != "web" || st.PID != x.PID {
		t.Errorf("status %+v", st)
	}
	stranger := state("c1", "other") // another runtime's container of the same name
	stranger.Container.PID = z.PID
	r.hand(z, stranger)
	z.say(r.dir + "/z")
	z.wantLine("made")
	if n := len(r.agent.Containers()); n != 2 {
		t.Errorf("%d containers", n)
	}
	z.end()
	eventually(t, "the stranger's end", func() bool { return len(r.agent.Containers()) == 1 })
	x.end()
	eventually(t, "the end of the first", func() bool { st := r.one("c1"); return st != nil && st.Listeners == 1 })
	y.say("/forbidden/3")
	y.wantLine("cross-device")
	y.end()
	eventually(t, "the container's end", func() bool { return r.one("c1") == nil })
	if text := r.records("c1"); strings.Count(text, "forbidden/") != 3 {
		t.Errorf("records %s", text)
	}
}

// TestIsolation: a container whose calls block, and a client that says nothing, hold up nobody.
func TestIsolation(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Patience = time.Hour })
	fifo := filepath.Join(r.dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	x := start(t, "echo begun; exec cat "+fifo, "openat")
	r.hand(x, state("slow", "web"))
	x.wantLine("begun")
	eventually(t, "the pending call", func() bool { return r.one("slow").Pending == 1 })
	for range 20 {
		r.dial() // and not a word
	}
	y := start(t, making)
	begun := time.Now()
	r.hand(y, state("quick", "web"))
	y.say("/forbidden")
	y.wantLine("cross-device")
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("a container waited %v for the others", took)
	}
}

// TestStop: calls under way are finished, later ones fail with ENOSYS.
func TestStop(t *testing.T) {
	r := newRig(t, nil)
	fifo := filepath.Join(r.dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	x := start(t, "echo begun; read line <"+fifo+"; echo got $line; (: <"+r.dir+"/web.yaml) 2>&1; echo over", "openat")
	r.hand(x, state("c1", "web"))
	x.wantLine("begun")
	eventually(t, "the pending call", func() bool { return r.one("c1").Pending == 1 })
	r.cancel()
	time.Sleep(100 * time.Millisecond)
	if err := os.WriteFile(fifo, []byte("answered\n"), 0); err != nil {
		t.Fatal(err)
	}
	x.wantLine("got answered")
	x.wantLine("not implemented")
	x.wantLine("over")
	r.stop()
	if _, _, err := r.agent.find(&State{}, 0, false); err == nil {
		t.Error("a stopped agent takes containers")
	}
}

func TestTooManyListeners(t *testing.T) {
	r := newRig(t, func(o *Options) { o.MaxListeners = 1 })
	x, y := start(t, making), start(t, making)
	r.hand(x, state("c1", "web"))
	eventually(t, "the first", func() bool { return r.one("c1") != nil })
	r.hand(y, state("c2", "web"))
	y.say(r.dir + "/y")
	y.wantLine("not implemented")
	x.say(r.dir + "/x")
	x.wantLine("made")
}

func TestMetrics(t *testing.T) {
	r := newRig(t, nil)
	x := start(t, making)
	r.hand(x, state("c1", "web"))
	x.say("/forbidden")
	x.wantLine("cross-device")
	client := httpClient(r)
	eventually(t, "the measured call", func() bool { return strings.Contains(get(t, client, "/metrics"), `verdict="deny"} 1`) })
	text := get(t, client, "/metrics")
	for _, want := range []string{`stead_containers{policy="web"} 1`, `stead_calls_denied_total{policy="web"} 1`, `stead_calls_pending{policy="web"} 0`,
		`stead_call_errors_total{policy="web"} 0`, `verdict="deny",le="+Inf"} 1`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	if got := get(t, client, "/healthz"); got != "ok\n" {
		t.Errorf("health %q", got)
	}
	if got := get(t, client, "/containers"); !strings.Contains(got, `"id":"c1"`) {
		t.Errorf("containers %s", got)
	}
	x.end()
	eventually(t, "the container's end", func() bool { return r.one("c1") == nil })
	if text := get(t, client, "/metrics"); !strings.Contains(text, `stead_calls_denied_total{policy="web"} 1`) || !strings.Contains(text, `stead_containers{policy="web"} 0`) {
		t.Errorf("after the end: %s", text)
	}
}

func TestMetricsAddress(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "example.org:0", "10.0.0.1:0", "nonsense"} {
		if l, err := ListenMetrics(address, false); err == nil {
			l.Close()
			t.Errorf("%s was taken", address)
		}
	}
	for _, address := range []string{"127.0.0.1:0", "localhost:0", "unix:" + filepath.Join(t.TempDir(), "m")} {
		l, err := ListenMetrics(address, false)
		if err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		l.Close()
	}
	l, err := ListenMetrics("0.0.0.0:0", true)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

// TestSockets: what is left of a killed agent is replaced; what is somebody's is not.
func TestSockets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := ListenStates(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := ListenStates(path); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("a second agent on one socket: %v", err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	again, err := ListenStates(path)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ListenStates(path); err == nil {
		t.Error("a file was replaced")
	}
}

// TestOneRecordFile: lines of several containers, whole, each with its container's id; and a limit for each.
func TestOneRecordFile(t *testing.T) {
	var file string
	r := newRig(t, func(o *Options) {
		file = filepath.Join(o.Policies, "all.jsonl")
		o.Records = file
		o.RecordsLimit = 4000
	})
	var all []*target
	for i := range 4 {
		x := start(t, making)
		r.hand(x, state(fmt.Sprintf("c\"%d", i), "web"))
		all = append(all, x)
	}
	for range 30 {
		for _, x := range all {
			x.say("/forbidden")
			x.wantLine("cross-device")
		}
	}
	time.Sleep(300 * time.Millisecond) // what is buffered is written within 200
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	r.agent.Reopen()
	for _, x := range all {
		x.say("/forbidden/reopened")
		x.wantLine("cross-device")
		x.end()
	}
	eventually(t, "the end", func() bool { return len(r.agent.Containers()) == 0 })
	text, _ := os.ReadFile(file + ".1")
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	for _, line := range lines {
		if !strings.HasPrefix(line, `{"container":"c\"`) || !strings.HasSuffix(line, "}") {
			t.Errorf("line %q", line)
		}
	}
	if len(lines) < 12 || len(lines) >= 120 || len(text) > 4*4000 {
		t.Errorf("%d lines, %d bytes", len(lines), len(text))
	}
	text, _ = os.ReadFile(file)
	if strings.Count(string(text), "reopened") != 4 {
		t.Errorf("after reopening: %s", text)
	}
	if !strings.Contains(r.log.String(), "records are lost") {
		t.Error("nothing says that records were lost")
	}
}
