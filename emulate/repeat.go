package emulate

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/audit"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/unotify"
)

// A Repeatable is a Work that says which of its calls must not be performed twice, where the kernel makes a call again whose caller a signal
// has interrupted.
type Repeatable interface {
	// Once says whether performing the call at hand twice is not the same as performing it once.
	Once() bool
	// Copied writes down everything that the call at hand was copied from, besides registers and what is decoded, and who its caller is
	// taken for. It comes between Start and End. False: that is not known.
	Copied(d *Digest) (unotify.Identity, bool)
}

// A Digest tells calls apart.
type Digest struct {
	h    maphash.Hash
	word [8]byte
}

// Number writes a number down.
func (d *Digest) Number(list ...uint64) {
	for _, v := range list {
		binary.NativeEndian.PutUint64(d.word[:], v)
		d.h.Write(d.word[:]) //nolint:errcheck // it cannot fail
	}
}

// Bytes writes bytes down.
func (d *Digest) Bytes(p []byte) {
	d.Number(uint64(len(p)))
	d.h.Write(p) //nolint:errcheck // the same
}

// repeats keep a call from being performed twice. Where a filter was installed without WAIT_KILLABLE_RECV, as runc before 1.2 and LXC install
// it, any signal ends the waiting of a call that is being performed; when its handler has returned, the kernel makes the call again
// (seccomp_do_user_notification() of kernel/seccomp.c). To make a directory twice, or to unmount what is gone, is not what the program asked
// for: the second gets the result of the first.
//
// Nothing is written down of a call that is performed at once and answered. Those that others wait for are, and those whose answer reached
// nobody.
type repeats struct {
	seed maphash.Seed
	live atomic.Int64 // as many as made has
	mu   sync.Mutex
	made map[callKey]*attempt
}

// A callKey says which thread makes which call, with everything that was copied of its arguments.
type callKey struct {
	who  unotify.Identity
	call uint64
}

// An attempt is a call being performed, or one whose caller was interrupted before it was answered.
type attempt struct {
	done  chan struct{} // closed when kept is set
	over  bool          // the same
	kept  *outcome      // nil: there is none
	timer *time.Timer   // of kept
}

// An outcome is what came of a call that was not answered.
type outcome struct {
	result   Result
	decision policy.Decision
}

const (
	// patience is how long a signal's handler may take. A program that makes the same call again later means it.
	patience = 10 * time.Second
	// impatience is the same for a call that opened something: as long as that is held, others wait for its end, or find it busy.
	impatience = time.Second
	// maxAttempts bounds what is kept: a program can interrupt itself as often as it likes.
	maxAttempts = 128
)

func newRepeats() *repeats { return &repeats{seed: maphash.MakeSeed(), made: map[callKey]*attempt{}} }

// A turn is one making of a call that must not be performed twice. The zero value is that of any other call.
type turn struct {
	r    *repeats
	work Repeatable
	call *arch.Call
	key  callKey
	mine *attempt // nil: nothing is written down of it
}

// turn begins one.
func (s *Server) turn(call *arch.Call, w Work) turn {
	if s.repeats == nil {
		return turn{}
	}
	if r, ok := w.(Repeatable); ok && r.Once() {
		return turn{r: s.repeats, work: r, call: call}
	}
	return turn{}
}

// meet says what came of the call when it was made before. first: it was performed, and this is what came of it. wait: that is not over,
// and nothing is known before wait is closed.
func (s *Server) meet(t *turn, tid int) (first *outcome, wait <-chan struct{}) {
	if t.r == nil {
		return nil, nil
	}
	if s.stalled.Load() > 0 {
		if wait := s.stuckWith(tid); wait != nil {
			return nil, wait
		}
	}
	if t.r.live.Load() == 0 {
		return nil, nil
	}
	return t.claim()
}

// claim is meet, and writes the call down as being performed if nothing has come of it before.
func (t *turn) claim() (first *outcome, wait <-chan struct{}) {
	if t.r == nil || t.mine != nil || !t.identify() {
		return nil, nil
	}
	t.r.mu.Lock()
	defer t.r.mu.Unlock()
	if a := t.r.made[t.key]; a != nil {
		if !a.over {
			return nil, a.done
		}
		first = a.take()
	}
	t.mine = &attempt{done: make(chan struct{})}
	t.r.put(t.key, t.mine)
	return first, nil
}

// identify finds the call's key; false: it has none.
func (t *turn) identify() bool {
	if t.key.who.TID != 0 {
		return true
	}
	d := Digest{}
	d.h.SetSeed(t.r.seed)
	d.Number(uint64(t.call.Raw.Nr), uint64(t.call.ABI))
	d.Number(t.call.Raw.Args[:]...)
	for i := range t.call.Args {
		v := &t.call.Args[i]
		d.Number(uint64(v.State))
		d.Bytes(v.Bytes)
	}
	who, ok := t.work.Copied(&d)
	t.key = callKey{who, d.h.Sum64()}
	return ok && who.TID != 0
}

// end says how the call ended. Of a result that reached nobody it keeps what there is to keep.
func (t *turn) end(ev *audit.Event, r *Result) {
	if t.r == nil {
		return
	}
	keep := ev.Outcome == audit.Gone && r.repeatable()
	if t.mine == nil && !(keep && t.identify()) {
		return
	}
	t.r.mu.Lock()
	defer t.r.mu.Unlock()
	a := t.mine
	if a == nil {
		a = &attempt{done: make(chan struct{})}
		t.r.put(t.key, a)
	}
	t.mine = nil
	if keep {
		a.kept = &outcome{result: r.keep(), decision: ev.Decision}
		r, key, long := t.r, t.key, a.kept.result.patience()
		a.timer = time.AfterFunc(long, func() { r.expire(key, a) })
	} else {
		t.r.drop(t.key, a)
	}
	a.over = true
	close(a.done)
}

// leave ends a turn in which nothing was performed.
func (t *turn) leave() {
	if t.mine != nil {
		t.end(&audit.Event{}, &Result{})
	}
}

// put writes an attempt down. One that nobody asks for makes room for it.
func (r *repeats) put(key callKey, a *attempt) {
	if len(r.made) >= maxAttempts {
		for other, old := range r.made {
			if old.over && other != key {
				r.drop(other, old)
				break
			}
		}
	}
	r.made[key] = a
	r.live.Store(int64(len(r.made)))
}

// drop forgets an attempt.
func (r *repeats) drop(key callKey, a *attempt) {
	if first := a.take(); first != nil {
		first.result.release()
	}
	if r.made[key] == a {
		delete(r.made, key)
		r.live.Store(int64(len(r.made)))
	}
}

// take gives what is kept away.
func (a *attempt) take() *outcome {
	first := a.kept
	if a.kept = nil; first != nil {
		a.timer.Stop()
	}
	return first
}

func (r *repeats) expire(key callKey, a *attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop(key, a)
}

// close forgets all that is kept.
func (r *repeats) close() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, a := range r.made {
		if a.over {
			r.drop(key, a)
		}
	}
}

// repeatable says whether a result is worth keeping: something was done. After a failure nothing was, but for a connection that is being
// made.
func (r *Result) repeatable() bool {
	switch r.kind {
	case resultValue:
		return true
	case resultFile:
		return r.fd > 0
	case resultErrno:
		return r.errno == unix.EINPROGRESS
	}
	return false
}

// keep takes a result over, with a copy of what the call's work holds.
func (r *Result) keep() Result {
	kept := *r
	if r.kind == resultFile {
		r.fd = -1
	}
	for i := range kept.out {
		kept.out[i].P = slices.Clone(kept.out[i].P)
	}
	kept.more = slices.Clone(kept.more)
	for i := range kept.more {
		kept.more[i].P = slices.Clone(kept.more[i].P)
	}
	return kept
}

func (r *Result) patience() time.Duration {
	if r.kind == resultFile {
		return impatience
	}
	return patience
}

// stuckWith is closed when the leader comes back that is stuck with a call of a thread; nil: none is. A thread makes one call at a time:
// what it makes now may be that one again.
func (s *Server) stuckWith(tid int) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.stuck {
		if int(l.tid.Load()) == tid {
			return l.done
		}
	}
	return nil
}

// await waits for the end of the same call, made before, and says what came of it. False: nobody waits for this one any more.
func (s *Server) await(j *job) (first *outcome, ok bool) {
	const often, seldom = time.Millisecond, 50 * time.Millisecond
	for pause := often; j.wait != nil; {
		select {
		case <-j.wait:
			if s.src.Valid(j.n.ID) != nil {
				return nil, false
			}
			first, j.wait = j.turn.claim()
		case <-time.After(pause):
			if pause = min(2*pause, seldom); s.src.Valid(j.n.ID) != nil {
				return nil, false
			}
		}
	}
	return first, true
}
