package container

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/procself"
)

// limit narrows what is known of the machine to what a thread's control group may use of it (cgroups(7)), and to what its pid namespace
// has.
func (f *Family) limit(i *info, tid int) {
	const v1, v2 = "/sys/fs/cgroup/memory", "/sys/fs/cgroup"
	if dir, ok := f.group(tid, "memory", v1); ok {
		i.memory(v1, dir, firstVersion())
		i.swapV1(dir)
	} else if dir, ok := f.group(tid, "", v2); ok {
		i.memory(v2, dir, secondVersion())
		i.swap(v2, dir)
	}
	f.load(i, tid)
	for _, v := range [...]struct{ controller, root string }{{"pids", "/sys/fs/cgroup/pids"}, {"", v2}} {
		if dir, ok := f.group(tid, v.controller, v.root); ok {
			if n, ok := groupNumber(dir, "pids.current"); ok {
				i.procs = uint16(min(n, 1<<16-1))
				break
			}
		}
	}
	if up, ok := f.uptime(tid); ok {
		i.uptime = up
	}
}

// groupFiles are what the two versions call the same things.
type groupFiles struct {
	limits        []string
	usage, shared string
}

func firstVersion() groupFiles {
	return groupFiles{limits: []string{"memory.limit_in_bytes"}, usage: "memory.usage_in_bytes", shared: "total_shmem"}
}

// secondVersion: what goes over memory.high is slowed down until it is below again. It is a limit to whoever asks how much there is.
func secondVersion() groupFiles {
	return groupFiles{limits: []string{"memory.max", "memory.high"}, usage: "memory.current", shared: "shmem"}
}

// group is the directory of a thread's control group; that of the second version has no controller.
func (f *Family) group(tid int, controller, root string) (string, bool) {
	text, err := f.cgroups(tid)
	if err != nil {
		return "", false
	}
	for line := range strings.Lines(string(text)) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) < 3 || !hasName(part[1], controller) {
			continue
		}
		path := filepath.Join(root, filepath.Clean("/"+part[2]))
		_, err := os.Stat(path)
		return path, err == nil
	}
	return "", false
}

// cgroups is the text of a thread's /proc/PID/task/TID/cgroup (cgroups(7)).
func (f *Family) cgroups(tid int) ([]byte, error) {
	dir, err := f.targets.OpenAt(tid, "", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(dir)
	return procself.ReadAt(dir, "cgroup")
}

func hasName(list, name string) bool {
	for part := range strings.SplitSeq(list, ",") {
		if part == name {
			return true
		}
	}
	return false
}

// memory: a limit of the group or of one above it, whichever is least, and the least that any of them has left. What is only kept to save
// reading does not count as free, as in the machine's own account.
func (i *info) memory(root, dir string, names groupFiles) {
	at := ""
	for d := dir; isBelow(d, root) && d != root; d = filepath.Dir(d) {
		limit, ok := leastOf(d, names.limits)
		if !ok || limit >= i.totalRAM && at == "" {
			continue
		}
		used, _ := groupNumber(d, names.usage)
		if at == "" || limit-min(used, limit) < i.freeRAM {
			i.freeRAM = limit - min(used, limit)
		}
		if at == "" || limit < i.totalRAM {
			i.totalRAM, at = limit, d
		}
	}
	if at == "" {
		return
	}
	i.freeRAM = min(i.freeRAM, i.totalRAM)
	i.sharedRAM = min(groupStat(dir)[names.shared], i.totalRAM)
	i.bufferRAM = 0 // the kernel counts block devices' pages here, and tells no group of its own
}

// leastOf is the least of a group's limits.
func leastOf(dir string, names []string) (least uint64, ok bool) {
	for _, name := range names {
		if n, is := groupNumber(dir, name); is && (!ok || n < least) {
			least, ok = n, true
		}
	}
	return least, ok
}

// swap: the same of what memory is written out to.
func (i *info) swap(root, dir string) {
	for d := dir; isBelow(d, root) && d != root; d = filepath.Dir(d) {
		limit, ok := groupNumber(d, "memory.swap.max")
		if !ok {
			continue
		}
		used, _ := groupNumber(d, "memory.swap.current")
		i.totalSwap = min(i.totalSwap, limit)
		i.freeSwap = min(i.freeSwap, i.totalSwap, limit-min(used, limit))
	}
}

// swapV1: the first version limits memory and swap together.
func (i *info) swapV1(dir string) {
	both, ok := groupNumber(dir, "memory.memsw.limit_in_bytes")
	memory, ok2 := groupNumber(dir, "memory.limit_in_bytes")
	if !ok || !ok2 || both < memory || both-memory >= i.totalSwap {
		return
	}
	usedBoth, _ := groupNumber(dir, "memory.memsw.usage_in_bytes")
	used, _ := groupNumber(dir, "memory.usage_in_bytes")
	i.totalSwap = both - memory
	i.freeSwap = i.totalSwap - min(usedBoth-min(used, usedBoth), i.totalSwap)
}

// groupNumber reads a file of one number; "max" is none.
func groupNumber(dir, name string) (uint64, bool) {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 64)
	return n, err == nil
}

func groupStat(dir string) map[string]uint64 {
	stat := map[string]uint64{}
	text, err := os.ReadFile(filepath.Join(dir, "memory.stat"))
	if err != nil {
		return stat
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.ParseUint(value, 10, 64); err == nil {
			stat[name] = n
		}
	}
	return stat
}

// uptime is the age in seconds of the first process of a thread's pid namespace; the machine's own for one that is in the supervisor's.
func (f *Family) uptime(tid int) (uint64, bool) {
	space, err := f.targets.Readlink(tid, "ns/pid")
	if err != nil || space == f.own.ns[nsPID] {
		return 0, false
	}
	age, ok := f.age(f.first(tid, space))
	return uint64(age / time.Second), ok
}

// first is the first process of a thread's pid namespace.
func (f *Family) first(tid int, space string) int {
	first := tid
	const deepest = 1 << 12
	for range deepest {
		parent, ok := f.parent(first)
		if !ok || parent == 0 {
			break
		}
		if above, err := f.targets.Readlink(parent, "ns/pid"); err != nil || above != space {
			break
		}
		first = parent
	}
	return first
}

// age is how long ago a process started.
func (f *Family) age(pid int) (time.Duration, bool) {
	dir, err := f.targets.OpenAt(pid, "", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return 0, false
	}
	defer unix.Close(dir)
	ticks, err := strconv.ParseUint(string(procself.StartTime(dir)), 10, 64)
	var now unix.Timespec
	if err != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) != nil {
		return 0, false
	}
	const perSecond = 100 // USER_HZ of include/asm-generic/param.h
	return max(time.Duration(now.Nano())-time.Duration(ticks)*(time.Second/perSecond), 0), true
}

func (f *Family) parent(tid int) (int, bool) {
	dir, err := f.targets.OpenAt(tid, "", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return 0, false
	}
	defer unix.Close(dir)
	status, err := procself.ReadAt(dir, "status")
	ids := procself.StatusIDs(status, "PPid:")
	if err != nil || len(ids) != 1 {
		return 0, false
	}
	return ids[0], true
}
