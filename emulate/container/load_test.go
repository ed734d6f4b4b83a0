package container

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/testneed"
	"github.com/stead-project/stead/unotify"
)

// loaded keeps two processors busy in a pid namespace, then asks for the load.
func loaded(c *container) {
	var busy []*exec.Cmd
	for range 2 {
		cmd := exec.Command("sh", "-c", "while :; do :; done")
		must("start", cmd.Start())
		busy = append(busy, cmd)
	}
	ask := func(step string) {
		var info unix.Sysinfo_t
		must("sysinfo", unix.Sysinfo(&info))
		one := float64(info.Loads[0]) / (1 << 16)
		c.say(step, fmt.Sprint(one > 0.02 && one < 1.5, info.Loads[0] >= info.Loads[1], info.Loads[1] >= info.Loads[2], info.Procs >= 3 && info.Procs < 64))
	}
	time.Sleep(5200 * time.Millisecond)
	ask("busy")
	for _, cmd := range busy {
		must("kill", cmd.Process.Kill())
		cmd.Wait() //nolint:errcheck // it was killed
	}
}

// TestLoad: a container's load is its own, however busy the machine is.
func TestLoad(t *testing.T) {
	needRoot(t)
	want{"busy": "true true true true"}.check(t, supervised(t, plan{Scenario: "loaded", PID: true, User: true, Drop: true}, supervision{}))
}

// limited says what a group leaves.
func limited(c *container) {
	var info unix.Sysinfo_t
	c.err("sysinfo", unix.Sysinfo(&info))
	c.say("total", fmt.Sprint(uint64(info.Totalram)*uint64(info.Unit)))                                                                      //nolint:unconvert // 32 bits on some architectures
	c.say("less", fmt.Sprint(info.Freeram <= info.Totalram, info.Sharedram <= info.Totalram, info.Bufferram, info.Totalhigh, info.Freehigh)) //nolint:unconvert // the same
}

// TestGroupLimits is about a real group of memory, with one in it that has no limit.
func TestGroupLimits(t *testing.T) {
	needRoot(t)
	targets, err := unotify.NewTargets(unotify.TargetsOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer targets.Close()
	f := &Family{targets: targets}
	limit := "memory.limit_in_bytes"
	above, ok := f.group(os.Getpid(), "memory", "/sys/fs/cgroup/memory")
	if !ok {
		limit = "memory.max"
		above, ok = f.group(os.Getpid(), "", "/sys/fs/cgroup")
	}
	outer, err := os.MkdirTemp(above, "stead-test-")
	if !ok || err != nil {
		testneed.Missing(t, "needs control groups of memory: %v", err)
	}
	defer os.Remove(outer)
	inner := outer + "/inner"
	const size = 256 << 20
	if err := os.WriteFile(outer+"/"+limit, []byte(fmt.Sprint(size)), 0); err != nil {
		testneed.Missing(t, "needs control groups of memory: %v", err)
	}
	if err := os.Mkdir(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(inner)
	want{"sysinfo": "ok", "total": fmt.Sprint(size), "less": "true true 0 0 0"}.check(t,
		supervised(t, plan{Scenario: "limited", Group: inner, Drop: true}, supervision{}))
}

// TestAverages holds the averages against what the kernel's own formula gives for each five seconds.
func TestAverages(t *testing.T) {
	start := time.Unix(1000, 0)
	step := averages{until: start}
	for i := range 360 {
		step.proceed(start.Add(time.Duration(i+1)*loadPeriod), 3)
	}
	leap := averages{until: start}
	leap.proceed(start.Add(360*loadPeriod+time.Second), 3)
	for i := range step.value {
		if d := int64(step.value[i]) - int64(leap.value[i]); d < -100 || d > 100 {
			t.Errorf("average %d: %d step by step, %d at once", i, step.value[i], leap.value[i])
		}
	}
	if got := step.shown(); got[0]>>16 != 3 && got[0] < 3<<16-2000 {
		t.Errorf("three tasks for half an hour: %v", got)
	}
	if got := (&averages{value: [3]uint64{2048, 1024, 1}}).shown(); got != [3]uint64{65536, 32768, 32} {
		t.Errorf("shown %v", got)
	}
	before := leap.value
	leap.proceed(leap.until.Add(loadPeriod-1), 100)
	leap.proceed(leap.until.Add(-time.Hour), 100)
	if leap.value != before {
		t.Error("the averages move before five seconds are over")
	}
	for _, v := range []struct{ load, active, want uint64 }{{0, 0, 0}, {0, 2048, 164}, {2048, 0, 1884}, {2048, 2048, 2048}} {
		if got := decayed(v.load, 1884, v.active); got != v.want {
			t.Errorf("load %d with %d active: %d, want %d", v.load, v.active, got, v.want)
		}
	}
}

// files makes a hierarchy of control groups as files.
func files(t *testing.T, list map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range list {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestGroupMemory(t *testing.T) {
	machine := info{totalRAM: 1000, freeRAM: 500, sharedRAM: 50, bufferRAM: 40, totalSwap: 200, freeSwap: 100}
	for name, test := range map[string]struct {
		files map[string]string
		dir   string
		names groupFiles
		want  info
	}{
		"no limit": {map[string]string{"a/memory.max": "max", "a/memory.high": "max", "a/memory.current": "5", "a/memory.swap.max": "max"}, "a", secondVersion(), machine},
		"its own": {map[string]string{"a/memory.max": "300", "a/memory.current": "100", "a/memory.stat": "file 5\nshmem 7", "a/memory.swap.max": "20", "a/memory.swap.current": "5"},
			"a", secondVersion(), info{totalRAM: 300, freeRAM: 200, sharedRAM: 7, totalSwap: 20, freeSwap: 15}},
		"slowed down": {map[string]string{"a/memory.max": "300", "a/memory.high": "200", "a/memory.current": "250"}, "a", secondVersion(),
			info{totalRAM: 200, totalSwap: 200, freeSwap: 100}},
		"the one above": {map[string]string{"a/memory.max": "300", "a/memory.current": "290", "a/b/memory.max": "max", "a/b/memory.current": "20", "a/b/memory.stat": "shmem 3",
			"a/b/memory.swap.max": "max", "a/memory.swap.max": "0", "a/memory.swap.current": "0"}, "a/b", secondVersion(), info{totalRAM: 300, freeRAM: 10, sharedRAM: 3}},
		"less is left above": {map[string]string{"a/memory.max": "800", "a/memory.current": "790", "a/b/memory.max": "100", "a/b/memory.current": "20"}, "a/b", secondVersion(),
			info{totalRAM: 100, freeRAM: 10, totalSwap: 200, freeSwap: 100}},
		"more than there is": {map[string]string{"a/memory.max": "3000", "a/memory.current": "1"}, "a", secondVersion(), machine},
		"first version": {map[string]string{"a/memory.limit_in_bytes": "300", "a/memory.usage_in_bytes": "100", "a/memory.stat": "shmem 1\ntotal_shmem 7",
			"a/memory.memsw.limit_in_bytes": "350", "a/memory.memsw.usage_in_bytes": "120"}, "a", firstVersion(),
			info{totalRAM: 300, freeRAM: 200, sharedRAM: 7, totalSwap: 50, freeSwap: 30}},
	} {
		root, got := files(t, test.files), machine
		dir := filepath.Join(root, test.dir)
		got.memory(root, dir, test.names)
		if test.names.usage == "memory.current" {
			got.swap(root, dir)
		} else {
			got.swapV1(dir)
		}
		if got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

// TestNarrowSysinfo: where a word is too narrow, memory is counted in pages (compat_sysinfo of kernel/sys.c).
func TestNarrowSysinfo(t *testing.T) {
	i := info{uptime: 5, loads: [3]uint64{1, 2, 3}, totalRAM: 8 << 30, freeRAM: 1 << 30, procs: 9}
	got := i.bytes(4, binary.NativeEndian)
	page := uint32(os.Getpagesize())
	b := bpfUnion(got)
	if len(got) != 64 || b.u32(0) != 5 || b.u32(12) != 3 || b.u32(16) != uint32(uint64(8<<30)/uint64(page)) || b.u32(20) != 1<<30/page || b.u32(52) != page {
		t.Errorf("%v", got)
	}
	i.totalRAM = 1 << 31
	if b = bpfUnion(i.bytes(4, binary.NativeEndian)); b.u32(16) != 1<<31 || b.u32(52) != 1 {
		t.Errorf("%v", b)
	}
	if wide := i.bytes(8, binary.NativeEndian); len(wide) != 112 || bpfUnion(wide).u64(32) != 1<<31 {
		t.Errorf("%v", wide)
	}
}
