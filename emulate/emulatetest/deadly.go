// Package emulatetest has a source of notifications whose targets die at a step of the tester's choice.
package emulatetest

import (
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/unotify"
)

// A Deadly source kills the target at its nth step: when a call has been received, whenever the supervisor asks whether the call is still
// pending (after reading, after opening, before acting, before writing results), and just before a descriptor or an answer is given.
type Deadly struct {
	emulate.Source
	Step *atomic.Int64 // counts down to the death
	// Delay is how long after the step death comes, while the supervisor goes on; 0: the step is made when the target is dead, most times.
	Delay time.Duration
	Kill  func(tid int) // nil: SIGKILL for the caller's process
	tid   atomic.Int64  // of the last caller
}

func (d *Deadly) next() {
	if d.Step.Add(-1) != 0 {
		return
	}
	if d.Delay > 0 {
		time.AfterFunc(d.Delay, d.kill)
		return
	}
	d.kill()
	time.Sleep(200 * time.Microsecond)
}

func (d *Deadly) kill() {
	tid := int(d.tid.Load())
	if d.Kill != nil {
		d.Kill(tid)
		return
	}
	unix.Kill(tid, unix.SIGKILL) //nolint:errcheck // it may have ended by itself
}

// Valid implements emulate.Source.
func (d *Deadly) Valid(id uint64) error {
	d.next()
	return d.Source.Valid(id)
}

// Respond implements emulate.Source.
func (d *Deadly) Respond(id uint64, r unotify.Response) error {
	d.next()
	return d.Source.Respond(id, r)
}

// AddFD implements emulate.Source.
func (d *Deadly) AddFD(id uint64, fd int, o unotify.AddFDOptions) (int, error) {
	d.next()
	return d.Source.AddFD(id, fd, o)
}

// NewReceiver implements emulate.Source. What it makes is no injector, so that AddFD is used.
func (d *Deadly) NewReceiver() (emulate.Receiver, error) {
	r, err := d.Source.NewReceiver()
	return &deadlyReceiver{r, d}, err
}

type deadlyReceiver struct {
	emulate.Receiver
	d *Deadly
}

// Receive implements emulate.Receiver.
func (r *deadlyReceiver) Receive(n *unotify.Notification) error {
	err := r.Receiver.Receive(n)
	if err == nil {
		r.d.tid.Store(int64(n.TID))
		r.d.next()
	}
	return err
}
