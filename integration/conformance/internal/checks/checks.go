package checks

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Check is one of the suite.
type Check struct {
	Name string   // family/what
	Run  func(*P) // prints lines
	// Alone says that it needs a process of its own: it changes what a process cannot change back, or ends it.
	Alone bool
}

// All are the checks, in the order in which they are run. Their names are different.
func All() []Check {
	var all []Check
	for _, family := range []func() []Check{
		openChecks, openat2Checks, fifoChecks, deviceChecks, procChecks, createChecks, removeChecks, renameChecks, linkChecks,
		modeChecks, ownerChecks, timeChecks, truncateChecks, statChecks, accessChecks, xattrChecks, watchChecks, directoryChecks,
		rootChecks, limitChecks, signalChecks, mountChecks, permissionChecks, attributeChecks, adminChecks, matrixChecks,
	} {
		all = append(all, family()...)
	}
	return all
}

// Options say where and how checks are run.
type Options struct {
	Dir    string // every check makes a directory in it; absolute
	Fix    string // what was prepared: see the suite's fixtures; absolute
	Self   string // the program, to be started again for checks that must be alone
	Only   string // one check, in this process; "" for all
	Thread bool   // make the calls on a thread that does not lead the process

	kept [most]bool // descriptors that are not the checks'
}

// header begins the lines of each check; the suite looks for it.
const header = "### "

// Main runs checks and prints their lines on standard output. It returns the exit status.
func Main(opt Options) int {
	syscall.Umask(0o022)
	if !opt.Thread {
		return run(opt)
	}
	status := make(chan int)
	go func() {
		runtime.LockOSThread()
		status <- run(opt)
	}()
	return <-status
}

func run(opt Options) int {
	mem, err := newArena()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	opt.kept = openNow()
	for _, c := range All() {
		if opt.Only == "" || opt.Only == c.Name {
			newP(opt, mem, c.Name).check(c)
		}
	}
	return 0
}

func newP(opt Options, mem *arena, name string) *P {
	mem.used = 0
	p := &P{mem: mem, opt: opt, fix: opt.Fix, dir: opt.Dir + "/" + strings.ReplaceAll(name, "/", ".")}
	pid, tid := strconv.Itoa(os.Getpid()), strconv.Itoa(unix.Gettid())
	p.names = []string{p.dir, "DIR", p.fix, "FIX", opt.Dir, "TOP", opt.Self, "PROBE", "/" + pid + "/task/" + tid, "/PID/task/TID",
		"/proc/" + pid, "/proc/PID", pid + "/task/" + tid, "PID/task/TID", "/task/" + tid, "/task/TID"}
	return p
}

// check runs one check in this process, or starts one that does.
func (p *P) check(c Check) {
	if c.Alone && p.opt.Only == "" {
		p.out.WriteString(header + c.Name + "\n")
		p.flush()
		p.elsewhere(c)
		p.flush()
		return
	}
	if p.opt.Only == "" {
		p.out.WriteString(header + c.Name + "\n")
	}
	p.must("mkdirat", unix.AT_FDCWD, p.dir, oct(0o755))
	p.must("chdir", p.dir)
	p.guarded(c.Run)
	p.flush() // before a terminal is closed, whose hang-up ends its session
	p.closeAll()
	unix.Chdir("/")
	syscall.Umask(0o022)
}

// guarded makes a fault in a check one that names it.
func (p *P) guarded(run func(*P)) {
	defer func() {
		if fault := recover(); fault != nil {
			p.broken("panic: %v", fault)
		}
	}()
	run(p)
}

// elsewhere runs a check in a process of its own and says how that ended.
func (p *P) elsewhere(c Check) {
	args := []string{p.opt.Self, "-dir", p.opt.Dir, "-fix", p.opt.Fix, "-only", c.Name}
	if p.opt.Thread {
		args = append(args, "-thread")
	}
	pid, err := syscall.ForkExec(p.opt.Self, args, &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 1, 2}})
	if err != nil {
		p.broken("start %s: %v", p.opt.Self, err)
		return
	}
	var status unix.WaitStatus
	for {
		_, err = unix.Wait4(pid, &status, 0, nil)
		if err != unix.EINTR {
			break
		}
	}
	if status.Signaled() {
		p.printf("ended by %s", unix.SignalName(status.Signal()))
		return
	}
	p.printf("exit %d", status.ExitStatus())
}
