package perform

import (
	"sync"
	"syscall"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/internal/procself"
	"github.com/stead-project/stead/unotify"
)

// A Family performs file-system calls. It implements emulate.Family.
type Family struct {
	targets *unotify.Targets
	*tables
	log     hclog.Logger
	procs   procself.Proc
	pid     int
	native  arch.ABI
	newstat uintptr // the number of newfstatat(2)
	callers callers
	pool    pool
	signal  sync.Once
}

// Options of a Family.
type Options struct {
	Targets *unotify.Targets
	// Watched says that every call of Watch is notified, so that what is known of a caller can be kept until it makes one. Else it is
	// read for every call, which costs about 15 microseconds.
	Watched bool
	Logger  hclog.Logger   // nil: silent
	Proc    *procself.Proc // nil: it is opened, and closed again
}

// New makes the family. Close frees what it holds. It needs a proc file system of the supervisor's pid namespace at /proc, and Linux
// 5.8.
func New(o Options) (*Family, error) {
	f := &Family{targets: o.Targets, tables: shared(), log: o.Logger, pid: unix.Getpid()}
	if f.log == nil {
		f.log = hclog.NewNullLogger()
	}
	var err error
	if f.procs, err = procself.OpenOr(o.Proc); err != nil {
		return nil, err
	}
	f.native = arch.Native()
	nr, _ := f.native.Number("newfstatat")
	f.newstat = uintptr(nr)
	return f, f.callers.open(f, o.Watched)
}

// rowOf is how the call of a name is performed.
func (f *Family) rowOf(name string) *row {
	id, _ := arch.LookupID(name)
	return f.rows[id]
}

// Close frees what the family holds, when nothing is performed any more.
func (f *Family) Close() error {
	f.pool.close()
	f.procs.Close()
	return nil
}

// Calls implements emulate.Family.
func (f *Family) Calls() []emulate.Support { return Calls() }

// Calls lists what the family performs.
func Calls() []emulate.Support {
	var list []emulate.Support
	for _, r := range rows() {
		list = append(list, emulate.Support{Call: r.call, Note: r.note, Checked: r.checked})
	}
	return list
}

// Thread implements emulate.Family.
func (f *Family) Thread() (emulate.Thread, error) {
	t, err := f.newThread()
	if err != nil {
		return nil, err
	}
	return t, nil
}

// Work implements emulate.Family.
func (f *Family) Work() emulate.Work { return newOp(f) }

// interruptSignal ends a system call of one of our threads: the one of unotify's receivers, whose handler does not restart calls.
func (f *Family) interrupt(tid int) {
	f.signal.Do(func() { unotify.ArmInterrupt() })                   //nolint:errcheck // then a call ends with its target
	unix.Tgkill(f.pid, tid, syscall.Signal(unotify.InterruptSignal)) //nolint:errcheck // the thread may be gone
}
