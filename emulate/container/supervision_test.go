package container

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/unotify"
	"github.com/stead-project/stead/unotify/launch"
	"github.com/stead-project/stead/unotify/unotifytest"
)

// A supervision is how a plan is run under a supervisor.
type supervision struct {
	options  Options
	grant    policy.Grant                            // as a rule says it
	decide   func(r *policy.Request) policy.Decision // nil: everything is performed
	pid      func(pid int)                           // told of the program
	narrow   bool                                    // every call of another ABI is notified, too
	finder   mountFinder                             // the best that is used
	byChild  bool                                    // proc as before Linux 6.17
	old      bool                                    // overlay as before Linux 6.7
	signals  bool                                    // any signal ends the program's waiting for an answer
	deadline time.Duration
	notify   []unix.SockFilter                   // nil: of the native calls
	source   func(emulate.Source) emulate.Source // nil: the listener itself
}

var hideOnce sync.Once

// supervised runs a plan with the family's calls performed.
func supervised(t *testing.T, p plan, s supervision) []report {
	t.Helper()
	list, err := s.run(t, p)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func (s supervision) run(t testing.TB, p plan) ([]report, error) {
	t.Helper()
	hideOnce.Do(func() { must("dumpable", unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)) })
	targets, err := unotify.NewTargets(unotify.TargetsOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer targets.Close()
	s.options.Targets = targets
	s.options.Logger = hclog.New(&hclog.LoggerOptions{Output: testWriter{t}, Level: hclog.Debug})
	var programs served
	defer programs.wait(t)
	var family *Family
	s.options.Programs = &Confinement{Filter: func() ([]unix.SockFilter, error) { return s.filter(family), nil }, Serve: programs.serve}
	family, err = New(s.options)
	if err != nil {
		t.Fatal(err)
	}
	defer family.Close()
	family.finder = max(family.finder, s.finder)
	family.procByChild, family.overlayOld = s.byChild, s.old
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	flags := uint(unotify.FlagWaitKillableRecv)
	if s.signals {
		flags = 0
	}
	if s.notify == nil {
		s.notify = s.filter(family)
	}
	child, err := launch.Start(launch.Options{Path: "/proc/self/exe", Env: p.environ(), Filter: s.notify,
		FilterFlags: flags, Files: []*os.File{nil, w, os.Stderr}})
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer child.Listener.Close()
	table, err := emulate.Families(family)
	if err != nil {
		t.Fatal(err)
	}
	decide := s.decide
	if decide == nil {
		s.grant.As = policy.AsSupervisor
		decide = func(r *policy.Request) policy.Decision { return s.everything(family, r) }
	}
	source := emulate.FromListener(child.Listener)
	if s.source != nil {
		source = s.source(source)
	}
	programs.options = emulate.Options{Decider: decider(decide), Table: table, Targets: emulate.FromTargets(targets), Logger: s.options.Logger,
		Deadline: s.deadline}
	server := emulate.New(source, programs.options)
	served := make(chan error, 1)
	go func() { served <- server.Serve(context.Background()) }()
	if s.pid != nil {
		go s.pid(child.PID)
	}
	var out bytes.Buffer
	if _, err := out.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	var status unix.WaitStatus
	if _, err := unix.Wait4(child.PID, &status, 0, nil); err != nil {
		t.Fatal(err)
	}
	if err := <-served; err != nil {
		t.Errorf("server: %v", err)
	}
	child.Release()
	if n := server.Statistics(); n.Failed+n.Panics > 0 {
		t.Errorf("statistics %+v", n)
	}
	if status != 0 {
		return nil, fmt.Errorf("the program ended with %v; exec error %v; it said %s", status, child.ExecError(), out.String())
	}
	return parseReports(t.(*testing.T), out.Bytes()), nil
}

// everything that can be performed is.
func (s *supervision) everything(f *Family, r *policy.Request) policy.Decision {
	if row := f.rows[r.Call.ID]; row == nil || row.checked {
		return policy.Decision{Verdict: policy.Allow} // it is only watched
	}
	return policy.Decision{Verdict: policy.Perform, Grant: &s.grant}
}

func (s supervision) filter(f *Family) []unix.SockFilter {
	filter := unotifytest.Notify(numbers(f.Watch())...)
	if !s.narrow {
		return filter
	}
	return append([]unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 4},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 1, K: arch.Native().Audit()},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF}}, filter...)
}

// served are the listeners of programs that the supervisor has started.
type served struct {
	options emulate.Options
	all     sync.WaitGroup
	faults  atomic.Int64
}

func (s *served) serve(l *unotify.Listener, around func(policy.Decider) policy.Decider, ended func()) {
	o := s.options
	o.Decider = around(o.Decider)
	s.all.Go(func() {
		defer ended()
		s.serveOne(l, o)
	})
}

func (s *served) serveOne(l *unotify.Listener, o emulate.Options) {
	defer l.Close()
	server := emulate.New(emulate.FromListener(l), o)
	if err := server.Serve(context.Background()); err != nil {
		s.faults.Add(1)
	}
	if n := server.Statistics(); n.Failed+n.Panics > 0 {
		s.faults.Add(1)
	}
}

// wait waits until all of them have ended: nothing outlives its container.
func (s *served) wait(t testing.TB) {
	t.Helper()
	s.all.Wait()
	if n := s.faults.Load(); n > 0 {
		t.Errorf("%d servers of programs failed", n)
	}
}

type decider func(r *policy.Request) policy.Decision

func (d decider) Decide(r *policy.Request) policy.Decision { return d(r) }

// numbers are the native numbers of the family's calls, but for those that are only judged, and of those that are watched.
func numbers(watch arch.Selection) (list []int) {
	for _, s := range Calls() {
		if id, ok := arch.LookupID(s.Call); ok && !s.Checked {
			watch.Add(id)
		}
	}
	for _, id := range watch.IDs() {
		if nr, ok := arch.Native().Number(id.Name()); ok {
			list = append(list, int(nr))
		}
	}
	return list
}

// A testWriter puts the log into a test's.
type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}
