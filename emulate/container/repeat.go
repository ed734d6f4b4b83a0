package container

import (
	"encoding/binary"
	"hash/maphash"
	"sync"
	"time"

	"github.com/stead-project/stead/emulate"
)

// repeats keep a call from being performed twice. Where a filter was installed without WAIT_KILLABLE_RECV, as runc before 1.2 and LXC install
// it, any signal ends the waiting of a call that is being performed; when its handler has returned, the kernel makes the call again
// (seccomp_do_user_notification() of kernel/seccomp.c). To mount twice, or to unmount what is gone, is not what the program asked for: the
// second gets the result of the first.
type repeats struct {
	seed maphash.Seed
	mu   sync.Mutex
	made map[callKey]*attempt
}

// A callKey says which thread makes which call, with everything that was copied of its arguments.
type callKey struct {
	tid  int
	call uint64
}

// An attempt is a call being performed, or one whose caller was interrupted before it was answered.
type attempt struct {
	done   chan struct{} // closed when the rest is set
	born   uint64        // of the caller
	result emulate.Result
	kept   bool
	until  time.Time
}

// patience is how long a signal's handler may take. A program that makes the same call again later means it.
const patience = 10 * time.Second

func (r *repeats) key(o *op) callKey {
	if r.made == nil {
		r.seed, r.made = maphash.MakeSeed(), map[callKey]*attempt{}
	}
	var h maphash.Hash
	h.SetSeed(r.seed)
	word := make([]byte, 8)
	number := func(v uint64) {
		binary.NativeEndian.PutUint64(word, v)
		h.Write(word) //nolint:errcheck // it cannot fail
	}
	number(uint64(o.call.Raw.Nr))
	number(uint64(o.call.ABI))
	for _, v := range o.call.Raw.Args {
		number(v)
	}
	for i := range o.pieces[:len(o.row.texts)+len(o.row.raw)] {
		number(uint64(len(o.pieces[i].P)))
		h.Write(o.pieces[i].P) //nolint:errcheck // the same
	}
	return callKey{o.env.TID, h.Sum64()}
}

// begin says what came of the call when it was made before. later: that is not over, and the caller of begin must not wait.
func (r *repeats) begin(o *op, wait bool) (old *attempt, later bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := r.key(o)
	for a := r.made[key]; a != nil; a = r.made[key] {
		select {
		case <-a.done:
			delete(r.made, key)
			if a.kept && time.Now().Before(a.until) && r.same(o, a) {
				r.add(o, key, a.result)
				return a, false
			}
			a.drop()
		default:
			if !wait {
				return nil, true
			}
			r.mu.Unlock()
			<-a.done
			r.mu.Lock()
		}
	}
	r.add(o, key, emulate.Result{})
	return nil, false
}

// add begins an attempt. A result that there is already may not reach its caller the second time either.
func (r *repeats) add(o *op, key callKey, result emulate.Result) {
	o.attempt, o.key = &attempt{done: make(chan struct{})}, key
	o.attempt.keep(result)
	r.made[key] = o.attempt
}

// keep remembers a success; after a failure nothing was done that could be done twice.
func (a *attempt) keep(result emulate.Result) {
	if _, failed := result.Failed(); !failed {
		a.result, a.kept = result.Again()
	}
}

// same: thread ids are used again.
func (r *repeats) same(o *op, a *attempt) bool {
	who, err := o.f.targets.Identify(o.env.TID)
	return err == nil && who.StartTime == a.born
}

// Unanswered implements emulate.Unanswered: the result may be asked for once more.
func (o *op) Unanswered() {
	a := o.attempt
	if a == nil {
		return
	}
	if who, err := o.f.targets.Identify(o.env.TID); err == nil {
		a.born, a.until = who.StartTime, time.Now().Add(patience)
	}
	o.attempt = nil
	close(a.done)
}

// answered forgets the call.
func (r *repeats) answered(o *op) {
	a := o.attempt
	if a == nil {
		return
	}
	o.attempt = nil
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.made[o.key] == a {
		delete(r.made, o.key)
	}
	a.drop()
	a.kept = false
	close(a.done)
}

// forget drops what nobody has asked for, and says how much is left.
func (r *repeats) forget(now time.Time) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, a := range r.made {
		select {
		case <-a.done:
			if !a.kept || now.After(a.until) {
				a.drop()
				delete(r.made, key)
			}
		default:
		}
	}
	return len(r.made)
}

func (r *repeats) close() { r.forget(time.Now().Add(2 * patience)) }

func (a *attempt) drop() {
	if a.kept {
		a.result.Discard()
	}
}
