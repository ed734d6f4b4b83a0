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

// limit narrows what is known of the machine to what a thread's control group may use of it (cgroups(7)).
func (f *Family) limit(i *info, tid int) {
	if dir, ok := f.group(tid, "memory", "/sys/fs/cgroup/memory"); ok {
		i.memory(dir, groupFiles{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_cache", "total_shmem"})
		i.swapV1(dir)
	} else if dir, ok := f.group(tid, "", "/sys/fs/cgroup"); ok {
		i.memory(dir, groupFiles{"memory.max", "memory.current", "file", "shmem"})
		i.swap(dir)
	}
	for _, v := range [...]struct{ controller, root string }{{"pids", "/sys/fs/cgroup/pids"}, {"", "/sys/fs/cgroup"}} {
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
type groupFiles struct{ limit, usage, cache, shared string }

// group is the directory of a thread's control group; that of the second version has no controller.
func (f *Family) group(tid int, controller, root string) (string, bool) {
	dir, err := f.targets.OpenAt(tid, "", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return "", false
	}
	defer unix.Close(dir)
	text, err := procself.ReadAt(dir, "cgroup")
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

func hasName(list, name string) bool {
	for part := range strings.SplitSeq(list, ",") {
		if part == name {
			return true
		}
	}
	return false
}

// memory: a limit of the group or of one above it, whichever is least, and what is left of it. What is only kept to save reading counts
// as free, as far as it does in the machine's own account: not at all.
func (i *info) memory(dir string, names groupFiles) {
	limit, at := i.totalRAM, ""
	for d := dir; strings.HasPrefix(d, "/sys/fs/cgroup/"); d = filepath.Dir(d) {
		if n, ok := groupNumber(d, names.limit); ok && n < limit {
			limit, at = n, d
		}
	}
	if at == "" {
		return
	}
	used, _ := groupNumber(at, names.usage)
	stat := groupStat(at)
	i.totalRAM = limit
	i.freeRAM = limit - min(used, limit)
	i.sharedRAM = min(stat[names.shared], limit)
	i.bufferRAM = 0 // the kernel counts block devices' pages here, and tells no group of its own
}

func (i *info) swap(dir string) {
	limit, ok := groupNumber(dir, "memory.swap.max")
	if !ok || limit >= i.totalSwap {
		return
	}
	used, _ := groupNumber(dir, "memory.swap.current")
	i.totalSwap, i.freeSwap = limit, limit-min(used, limit)
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
	dir, err := f.targets.OpenAt(first, "", unix.O_PATH|unix.O_DIRECTORY)
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
	age := time.Duration(now.Nano()) - time.Duration(ticks)*(time.Second/perSecond)
	return uint64(max(age, 0) / time.Second), true
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
