package perform

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/emulate/emulatetest"
	"github.com/stead-project/stead/internal/testneed"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/unotify"
	"github.com/stead-project/stead/unotify/launch"
	"github.com/stead-project/stead/unotify/unotifytest"
)

// everyCall makes calls of each kind, in one process, so that its death is the end.
const everyCall = `
import os, sys
os.chdir(sys.argv[1])
for i in range(3):
    os.mkdir("d"); f = os.open("d/f", os.O_RDWR | os.O_CREAT); os.write(f, b"x"); os.close(f)
    os.stat("d/f"); os.symlink("f", "d/l"); os.readlink("d/l"); os.link("d/f", "d/g"); os.rename("d/g", "d/h")
    os.chmod("d/f", 0o600); os.utime("d/f"); os.truncate("d/f", 3); os.listdir("d"); os.access("d/f", os.R_OK)
    os.stat("/proc/self/status"); os.statvfs("d")
    for n in "f", "l", "h": os.unlink("d/" + n)
    os.rmdir("d")
`

// TestDeathAtEveryStage: whenever the target dies, supervision ends, and the supervisor holds nothing afterwards.
func TestDeathAtEveryStage(t *testing.T) {
	const python = "/usr/bin/python3"
	testneed.Programs(t, python)
	steps := atomic.Int64{}
	steps.Store(1 << 40)
	dieAt(t, python, &steps)
	total := int(1<<40 - steps.Load())
	if total < 300 {
		t.Fatalf("%d steps without a death", total)
	}
	before := descriptors(t)
	runs := 120
	if os.Getenv("STEAD_STAGES") == "all" {
		runs = total
	}
	for n := range runs {
		at := total*n/runs + 1
		steps.Store(int64(at))
		dieAt(t, python, &steps)
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors before, %d after %d deaths", before, after, runs)
	}
	t.Logf("%d stages in a run, %d of them tried", total, runs)
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// A world is what a server that performs files' calls is made of. It ends before the test does, since tests make thousands.
type world struct {
	targets *unotify.Targets
	family  *Family
	table   *emulate.Table
	null    *os.File
}

func newWorld(t *testing.T) (w world) {
	t.Helper()
	var err [4]error
	w.targets, err[0] = unotify.NewTargets(unotify.TargetsOptions{})
	w.family, err[1] = New(Options{Targets: w.targets, Watched: true})
	w.table, err[2] = emulate.Families(w.family)
	w.null, err[3] = os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err := errors.Join(err[:]...); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w world) close() {
	w.null.Close()
	w.family.Close()
	w.targets.Close()
}

// dieAt runs the program once.
func dieAt(t *testing.T, python string, steps *atomic.Int64) {
	t.Helper()
	w := newWorld(t)
	defer w.close()
	child, err := launch.Start(launch.Options{Path: python, Args: []string{python, "-c", everyCall, t.TempDir()}, Filter: unotifytest.Notify(fileNumbers()...),
		FilterFlags: unotify.FlagWaitKillableRecv, Files: []*os.File{w.null, w.null, w.null}})
	if err != nil {
		t.Fatal(err)
	}
	defer child.Release()
	defer child.Listener.Close()
	source := &emulatetest.Deadly{Source: emulate.FromListener(child.Listener), Step: steps}
	server := emulate.New(source, emulate.Options{Decider: policy.Always(policy.Decision{Verdict: policy.Perform}), Table: w.table,
		Targets: emulate.FromTargets(w.targets)})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := server.Serve(ctx); err != nil {
		t.Fatalf("step %d: %v", steps.Load(), err)
	}
	var status unix.WaitStatus
	unix.Wait4(child.PID, &status, 0, nil) //nolint:errcheck // it has ended
	if s := server.Statistics(); s.Failed+s.Panics > 0 || s.Received == 0 {
		t.Errorf("%+v", s)
	}
	leftovers, _ := filepath.Glob("/proc/self/task/*/children")
	for _, name := range leftovers {
		if text, _ := os.ReadFile(name); len(text) > 0 {
			t.Errorf("children are left: %s", text)
		}
	}
}

// fileNumbers are the performed calls of the native ABI.
func fileNumbers() (list []int) {
	for _, s := range Calls() {
		if nr, ok := arch.Native().Number(s.Call); ok && !s.Checked {
			list = append(list, int(nr))
		}
	}
	return list
}
