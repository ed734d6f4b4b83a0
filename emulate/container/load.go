package container

import (
	"bytes"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/procself"
)

// loads are the load averages of the pid namespaces whose processes have asked for them lately. What has asked is looked at every five
// seconds, as the kernel looks at the machine; what nobody asks about any more is not looked at.
type loads struct {
	mu      sync.Mutex
	spaces  map[string]*load // by what readlink says of the namespace
	running bool
}

const (
	loadPeriod = 5 * time.Second  // LOAD_FREQ of include/linux/sched/loadavg.h
	loadMemory = 60 * time.Second // how long after the last question a namespace is looked at
	maxSpaces  = 64
	maxCounted = 2048 // threads of a namespace

	maxProcesses = 8192 // of the machine that are looked at
)

// A load is what is known of one namespace.
type load struct {
	first    int // its first process
	born     uint64
	averages averages
	seen     census
	asked    time.Time
}

// A census is what there was at some time.
type census struct {
	at              time.Time
	threads, active int
}

// averages are three load averages as the kernel keeps them, with 11 bits behind the point, up to some time.
type averages struct {
	value [3]uint64
	until time.Time
}

const (
	loadShift = 11             // FSHIFT
	loadOne   = 1 << loadShift // FIXED_1
)

// proceed brings the averages up to now, with so many active tasks since they were last brought up to date: calc_load_n() of
// kernel/sched/loadavg.c.
func (a *averages) proceed(now time.Time, active int) {
	n := uint64(max(now.Sub(a.until), 0) / loadPeriod)
	if n == 0 {
		return
	}
	a.until = a.until.Add(time.Duration(n) * loadPeriod)
	for i, exp := range [3]uint64{1884, 2014, 2037} { // EXP_1, EXP_5, EXP_15
		a.value[i] = decayed(a.value[i], power(exp, n), uint64(active)*loadOne)
	}
}

// decayed is calc_load() of include/linux/sched/loadavg.h.
func decayed(load, exp, active uint64) uint64 {
	v := load*exp + active*(loadOne-exp)
	if active >= load {
		v += loadOne - 1
	}
	return v / loadOne
}

// power is x to the n, both fixed-point numbers of which 1 is loadOne: fixed_power_int() of kernel/sched/loadavg.c.
func power(x, n uint64) uint64 {
	const half = loadOne / 2
	result := uint64(loadOne)
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			result = (result*x + half) >> loadShift
		}
		x = (x*x + half) >> loadShift
	}
	return result
}

// shown are the averages in sysinfo(2)'s form, with 16 bits behind the point.
func (a *averages) shown() (list [3]uint64) {
	for i, v := range a.value {
		list[i] = v << (16 - loadShift)
	}
	return list
}

// load narrows the load averages and the number of threads to those of a thread's pid namespace, if that is another than the
// supervisor's. Before it is asked for the first time a namespace is taken to have been as busy as it is then.
func (f *Family) load(i *info, tid int) {
	space, err := f.targets.Readlink(tid, "ns/pid")
	if err != nil || space == f.own.ns[nsPID] {
		return
	}
	now := time.Now()
	f.loads.mu.Lock()
	defer f.loads.mu.Unlock()
	l := f.loads.spaces[space]
	if l == nil || !f.is(l.first, l.born) {
		if l = f.newLoad(space, tid, now); l == nil {
			return
		}
	}
	l.asked = now
	f.look(space, l, now)
	i.loads, i.procs = l.averages.shown(), uint16(min(l.seen.threads, 1<<16-1))
	if !f.loads.running {
		f.loads.running = true
		go f.watchLoads()
	}
}

func (f *Family) newLoad(space string, tid int, now time.Time) *load {
	first := f.first(tid, space)
	who, err := f.targets.Identify(first)
	age, ok := f.age(first)
	if err != nil || !ok {
		return nil
	}
	if f.loads.spaces == nil {
		f.loads.spaces = map[string]*load{}
	}
	if len(f.loads.spaces) >= maxSpaces {
		clear(f.loads.spaces)
	}
	l := &load{first: first, born: who.StartTime, averages: averages{until: now.Add(-age)}}
	f.loads.spaces[space] = l
	return l
}

func (f *Family) is(pid int, born uint64) bool {
	who, err := f.targets.Identify(pid)
	return err == nil && who.StartTime == born
}

// look counts what is active, at most once a second.
func (f *Family) look(space string, l *load, now time.Time) {
	if now.Sub(l.seen.at) >= time.Second {
		l.seen = f.count(space)
		l.seen.at = now
	}
	l.averages.proceed(now, l.seen.active)
}

// watchLoads looks at everything that is asked about, until nothing is.
func (f *Family) watchLoads() {
	tick := time.NewTicker(loadPeriod)
	defer tick.Stop()
	for {
		select {
		case <-f.closed:
			return
		case now := <-tick.C:
			if !f.lookAll(now) {
				return
			}
		}
	}
}

func (f *Family) lookAll(now time.Time) bool {
	f.loads.mu.Lock()
	defer f.loads.mu.Unlock()
	busy := false
	for space, l := range f.loads.spaces {
		switch {
		case !f.is(l.first, l.born):
			delete(f.loads.spaces, space)
		case now.Sub(l.asked) < loadMemory:
			f.look(space, l, now)
			busy = true
		}
	}
	f.loads.running = busy
	return busy
}

// count finds the threads of a namespace and of those in it. A process is in it if its parent is, or if it has joined it.
func (f *Family) count(space string) (c census) {
	members := f.members(space)
	for pid, m := range members {
		if m.in(members) && c.threads < maxCounted {
			f.countThreads(pid, &c)
		}
	}
	return c
}

// A member is a process, as far as it may be one of a namespace.
type member struct {
	parent int
	joined bool
}

// in goes up from a process. Between processes that end while they are read there may be any number of steps.
func (m member) in(all map[int]member) bool {
	const deepest = 256
	for range deepest {
		if m.joined {
			return true
		}
		parent, ok := all[m.parent]
		if !ok {
			return false
		}
		m = parent
	}
	return false
}

func (f *Family) members(space string) map[int]member {
	all := map[int]member{}
	proc, err := os.Open("/proc")
	if err != nil {
		return all
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1) //nolint:errcheck // what could be read
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || len(all) >= maxProcesses {
			continue
		}
		is, err := f.targets.Readlink(pid, "ns/pid")
		if err == nil && is == space {
			all[pid] = member{joined: true}
		} else if parent, ok := f.parent(pid); ok {
			all[pid] = member{parent: parent}
		}
	}
	return all
}

func (f *Family) countThreads(pid int, c *census) {
	fd, err := f.targets.OpenAt(pid, "task", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	for _, tid := range f.threads(pid) {
		c.threads++
		if stat, err := procself.ReadAt(fd, tid+"/stat"); err == nil && isActive(stat) {
			c.active++
		}
	}
}

// isActive says whether a thread runs, wants to, or waits for a device: field 3 of proc_pid_stat(5), behind a name that may hold anything.
func isActive(stat []byte) bool {
	rest := bytes.TrimSpace(stat[bytes.LastIndexByte(stat, ')')+1:])
	return len(rest) > 0 && (rest[0] == 'R' || rest[0] == 'D')
}
