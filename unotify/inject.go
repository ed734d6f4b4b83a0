package unotify

import (
	"time"

	"golang.org/x/sys/unix"
)

// An Injector ends calls with new descriptors in the cheapest way that the machine offers at the moment. It belongs to one thread, which
// is locked.
//
// ADDFD wakes the target as any wake-up does: on an idle CPU if there is one, since SYNC_WAKE_UP covers RECV and SEND only. Waking a CPU
// that sleeps takes ten times as long as all the rest. So the target's affinity is borrowed: it is allowed the caller's CPU only until it
// has taken the descriptor. Its call is pending all that time: it cannot see that, nor start a thread that would inherit it. That is why
// SEND is a step of its own then, which has to be sure that no signal comes in between (WAIT_KILLABLE_RECV).
//
// On a machine without an idle CPU the detour costs more than it saves. So both ways are timed, and the other one is tried now and then.
type Injector struct {
	l        *Listener
	own      unix.CPUSet // what the supervisor and, unless they chose otherwise, the targets may run on
	restore  unix.CPUSet
	may      bool
	killable bool
	ways     [2]way
	count    uint
}

// A way of injecting, and what it took lately.
type way struct{ cost time.Duration }

const (
	plain = iota
	borrowing
)

// NewInjector makes an injector for the calling thread. Without killable, which says that the filter was installed with
// WAIT_KILLABLE_RECV, it knows the plain way only.
func (l *Listener) NewInjector(killable bool) *Injector {
	i := &Injector{l: l, killable: killable}
	i.may = killable && unix.SchedGetaffinity(0, &i.own) == nil && i.own.Count() > 1 && i.learn()
	return i
}

// learn finds out how to give back what is borrowed. What a task may run on is what was asked for it, within its cpuset
// (__sched_setaffinity of kernel/sched/syscalls.c): if nothing was, all CPUs are asked for, so that the task still follows its cpuset.
func (i *Injector) learn() bool {
	var all, most unix.CPUSet
	all.Fill()
	if unix.SchedSetaffinity(0, &all) != nil || unix.SchedGetaffinity(0, &most) != nil {
		return false
	}
	if i.restore = all; most == i.own {
		return true
	}
	i.restore = i.own
	return unix.SchedSetaffinity(0, &i.own) == nil
}

// Inject is [Listener.AddFD] with Send, for the call of thread tid. early, unless nil, is called when the target has the descriptor and
// before it goes on, if that can be.
func (i *Injector) Inject(id uint64, tid, fd int, closeOnExec bool, early func()) (int, error) {
	steps := early != nil && i.killable
	if !i.may && !steps {
		return i.l.AddFD(id, fd, AddFDOptions{Send: true, CloseOnExec: closeOnExec})
	}
	begin, chosen := time.Now(), i.choose()
	if chosen == borrowing && !(i.may && i.borrow(tid)) {
		chosen = plain
	}
	steps = steps || chosen == borrowing
	n, err := i.l.AddFD(id, fd, AddFDOptions{Send: !steps, CloseOnExec: closeOnExec})
	if chosen == borrowing {
		unix.SchedSetaffinity(tid, &i.restore) //nolint:errcheck // it worked a moment ago; a target that has ended needs none
	}
	if steps && early != nil {
		early()
	}
	if steps && err == nil {
		err = i.l.Respond(id, Response{Value: int64(n)})
	}
	i.ways[chosen].took(time.Since(begin))
	return n, err
}

// retry is how often the other way is tried.
const retry = 64

func (i *Injector) choose() int {
	best := plain
	if i.ways[borrowing].cost < i.ways[plain].cost {
		best = borrowing
	}
	if i.count++; i.count%retry == 0 {
		return 1 - best
	}
	return best
}

// took keeps a moving average, of which one long wait is not allowed to be more than a part.
func (w *way) took(d time.Duration) {
	const longest, weight = 200 * time.Microsecond, 8
	if w.cost == 0 {
		w.cost = d
		return
	}
	w.cost += (min(d, longest) - w.cost) / weight
}

// borrow leaves alone a target that has an affinity of its own, and one that may not be touched.
func (i *Injector) borrow(tid int) bool {
	var theirs, here unix.CPUSet
	if unix.SchedGetaffinity(tid, &theirs) != nil || theirs != i.own {
		return false
	}
	here.Set(currentCPU())
	return unix.SchedSetaffinity(tid, &here) == nil
}
