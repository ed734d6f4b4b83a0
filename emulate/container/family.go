package container

import (
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/internal/callerbook"
	"github.com/stead-project/stead/internal/procself"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/unotify"
	"github.com/stead-project/stead/unotify/standin"
)

// Options of a Family. Only Targets is needed.
type Options struct {
	Targets *unotify.Targets
	Logger  hclog.Logger // nil: silent
	// Watched says that every call that Family.Watch lists is notified, so that what is known of a caller can be kept until it makes one.
	// Else it is read for every call, which costs some 20 system calls.
	Watched bool
	Proc    *procself.Proc // nil: it is opened, and closed again

	// OwnMounts allows mounting for callers in the supervisor's own mount namespace. They are in no container; what they mount is the
	// machine's.
	OwnMounts bool
	// Programs is what programs are under that a rule has serve file systems (policy.Grant.FUSE); nil: none is started, and what they would
	// serve is not mounted.
	Programs *Confinement
	// Patience is how long one may take to mount; 0: 20 s.
	Patience time.Duration
	// Modprobe loads kernel modules; "": /sbin/modprobe.
	Modprobe string

	// Keep keeps what the family learns once of a container, for a supervisor that takes the container over; Kept is what an earlier one
	// kept. Nil: nothing was learnt before.
	Keep func([]byte)
	Kept []byte
}

// A Family performs containers' calls. It implements emulate.Family.
type Family struct {
	o       Options
	targets *unotify.Targets
	log     hclog.Logger
	*tables
	procSpace
	overlaySpace
	procs   procself.Proc
	finder  mountFinder
	own     *view
	book    *callerbook.Book[view] // of callers; nil: they are looked at for every call
	pool    pool
	parents standin.Starter // of programs: tasks without a filter of their own, which the programs would inherit
	serving atomic.Int32    // programs that were started and are supervised
	given   registry
	opened  contexts
	initial initialMounts
	loaded  programList
	groups  groups
	loads   loads
	unmount [64]sync.Mutex // by mount namespace: between a look at what is mounted and its going
	tidying atomic.Bool
	closed  chan struct{}
}

// New makes the family. Close frees what it holds. It needs a proc file system of the supervisor's pid namespace at /proc. The
// supervisor must be non-dumpable (PR_SET_DUMPABLE(2const)) before it performs anything; see package standin.
func New(o Options) (*Family, error) {
	f := &Family{o: o, targets: o.Targets, log: o.Logger, tables: shared(), closed: make(chan struct{}),
		parents: standin.Starter{Options: standin.Options{Futex: true}}}
	if f.o.Patience <= 0 {
		f.o.Patience = usual
	}
	if f.log == nil {
		f.log = hclog.NewNullLogger()
	}
	if o.Watched {
		f.book = callerbook.New[view](o.Targets.Identify)
	}
	f.initial.remember(o.Kept)
	if err := f.open(); err != nil {
		f.Close() //nolint:errcheck // the error before counts
		return nil, err
	}
	return f, nil
}

func (f *Family) open() error {
	var err error
	if f.procs, err = procself.OpenOr(f.o.Proc); err != nil {
		return err
	}
	f.own, err = f.read(os.Getpid(), func() (unotify.Credentials, error) { return f.targets.CredentialsOf(os.Getpid()) })
	if err == nil {
		f.finder = f.find()
	}
	return err
}

// Close frees what the family holds, when nothing is performed any more. Mounts that were not attached go with it.
func (f *Family) Close() error {
	close(f.closed)
	f.pool.close()
	f.parents.Close() //nolint:errcheck // the tasks end with us
	f.given.close()
	f.opened.close()
	f.procs.Close()
	return nil
}

// Calls implements emulate.Family.
func (f *Family) Calls() []emulate.Support { return Calls() }

// Calls lists what the family performs.
func Calls() []emulate.Support {
	var list []emulate.Support
	for _, r := range rows() {
		list = append(list, emulate.Support{Call: r.call, Note: r.note, Checked: r.checked, As: policy.AsSupervisor})
	}
	return list
}

// Thread implements emulate.Family.
func (f *Family) Thread() (emulate.Thread, error) { return thread{}, nil }

// Work implements emulate.Family.
func (f *Family) Work() emulate.Work { return &op{f: f} }

// tidy lets go, once a second, of what containers have left behind, as long as there is anything that they could.
func (f *Family) tidy() {
	if !f.tidying.CompareAndSwap(false, true) {
		return
	}
	go func() {
		for left := 1; left > 0; {
			select {
			case <-f.closed:
				return
			case now := <-time.After(time.Second):
				left = f.given.sweep() + f.opened.forget(f) + f.pool.expire(now)
			}
		}
		f.tidying.Store(false)
	}()
}

// Watch implements emulate.Family.
func (f *Family) Watch() arch.Selection {
	if f.book == nil {
		return arch.Selection{}
	}
	return callerbook.Watch()
}

// Calling implements emulate.Family.
func (f *Family) Calling(tid int) {
	if f.book != nil {
		f.book.Calling(tid)
	}
}

// Changing implements emulate.Family.
func (f *Family) Changing(tid int, call arch.ID) {
	if f.book != nil {
		f.book.Changing(tid, call)
	}
}
