package fakeroot

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/procself"
	"github.com/stead-project/stead/unotify"
)

// A crowd knows what threads are taken for.
//
// Credentials are a thread's, as the kernel has them: setuid(2) by hand changes the calling thread alone, and the C library has every
// thread make the call (nptl(7)). New threads and processes have those of whoever made them; clone and fork are not notified, so whoever
// is met for the first time is taken for what its process's leader is or, if that was never met, its parent. Before somebody changes,
// those who were there already are written down: they have what it had.
type crowd struct {
	targets *unotify.Targets
	pid     int // the supervisor's

	mu    sync.Mutex
	known map[int]member // by thread id
}

type member struct {
	who   unotify.Identity
	creds creds
}

// sweepAt is how many members it takes to look for those that have gone.
const sweepAt = 4096

// of is what a thread is taken for.
func (c *crowd) of(who unotify.Identity) creds {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m, ok := c.known[who.TID]; ok && m.who == who {
		return m.creds
	}
	found := c.find(who, maxDepth)
	c.remember(who, found)
	return found
}

// change lets a rule change what a thread is taken for, or fail and leave it.
func (c *crowd) change(who unotify.Identity, rule func(now *creds) syscall.Errno) syscall.Errno {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.find(who, maxDepth)
	now := old
	if errno := rule(&now); errno != 0 || now.equal(&old) {
		return errno
	}
	if len(now.groups) > manyGroups && c.groups()+len(now.groups) > maxAllGroups {
		return unix.ENOMEM // as the kernel has it where its memory ends
	}
	c.writeDown(who.TGID, maxDepth)
	c.remember(who, now)
	return 0
}

// Bounds of what is remembered of groups, of all threads together.
const (
	manyGroups   = 1024
	maxAllGroups = 1 << 24
)

// groups counts those of all threads.
func (c *crowd) groups() (n int) {
	for _, m := range c.known {
		n += len(m.creds.groups)
	}
	return n
}

// maxDepth bounds how many generations are looked at.
const maxDepth = 256

// find looks for the nearest that is known: the thread, its process's leader, that one's parent and so on; root in the end.
func (c *crowd) find(who unotify.Identity, depth int) creds {
	if m, ok := c.known[who.TID]; ok && m.who == who {
		return m.creds
	}
	if who.TID != who.TGID {
		leader := who
		leader.TID = who.TGID
		return c.find(leader, depth)
	}
	parent, err := c.parent(who.TGID)
	if err != nil || depth == 0 {
		return root()
	}
	return c.find(parent, depth-1)
}

// parent is the thread that made a process, if it is one of ours.
func (c *crowd) parent(pid int) (unotify.Identity, error) {
	dir, err := c.targets.OpenAt(pid, "", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return unotify.Identity{}, err
	}
	defer unix.Close(dir)
	ppid, err := strconv.Atoi(string(procself.StatField(dir, ppidField)))
	if err != nil || ppid <= 1 || ppid == c.pid {
		return unotify.Identity{}, errStranger
	}
	return c.targets.Identify(c.maker(ppid, pid))
}

// maker is the thread of a process that has a child; the leader if no other has.
func (c *crowd) maker(pid, child int) int {
	threads := c.list(pid, "task")
	if len(threads) < 2 {
		return pid
	}
	for _, tid := range threads {
		if slices.Contains(c.children(pid, tid), child) {
			return tid
		}
	}
	return pid
}

// ppidField is the parent's place in proc_pid_stat(5).
const ppidField = 4

// errStranger says that the parent is no target.
var errStranger = errors.New("not supervised")

// writeDown remembers a process's threads and their children, as far as they are not known, before one of them changes.
func (c *crowd) writeDown(pid, depth int) {
	for _, tid := range c.list(pid, "task") {
		who, err := c.targets.Identify(tid)
		if err != nil || who.TGID != pid {
			continue
		}
		as := c.find(who, maxDepth)
		c.remember(who, as)
		for _, child := range c.children(pid, tid) {
			if depth > 0 {
				c.writeDownChild(child, as, depth-1)
			}
		}
	}
}

func (c *crowd) writeDownChild(pid int, as creds, depth int) {
	who, err := c.targets.Identify(pid)
	if m, ok := c.known[pid]; err != nil || ok && m.who == who {
		return // its own children are taken for what it is
	}
	c.remember(who, as)
	c.writeDown(pid, depth)
}

// remember writes down what a thread is taken for.
func (c *crowd) remember(who unotify.Identity, as creds) {
	if len(c.known) >= sweepAt && len(c.known)%sweepAt == 0 {
		c.sweep()
	}
	c.known[who.TID] = member{who, as}
}

// sweep forgets whose process has gone.
func (c *crowd) sweep() {
	for tid, m := range c.known {
		if who, err := c.targets.Identify(tid); err != nil || who != m.who {
			delete(c.known, tid)
		}
	}
}

// list are the numbers in a directory of a process in proc.
func (c *crowd) list(pid int, name string) (numbers []int) {
	fd, err := c.targets.OpenAt(pid, name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil
	}
	dir := os.NewFile(uintptr(fd), name)
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil // it has gone
	}
	return atois(names)
}

// children are a thread's, by proc_pid_task_tid_children(5).
func (c *crowd) children(pid, tid int) []int {
	fd, err := c.targets.OpenAt(pid, "task/"+strconv.Itoa(tid)+"/children", unix.O_RDONLY)
	if err != nil {
		return nil
	}
	file := os.NewFile(uintptr(fd), "children")
	defer file.Close()
	text := make([]byte, maxChildren)
	n, err := file.Read(text)
	if err != nil {
		return nil
	}
	return atois(strings.Fields(string(text[:n])))
}

// maxChildren bounds the list of children that is read, in bytes.
const maxChildren = 1 << 16

func atois(texts []string) (numbers []int) {
	for _, text := range texts {
		if n, err := strconv.Atoi(text); err == nil {
			numbers = append(numbers, n)
		}
	}
	return numbers
}
