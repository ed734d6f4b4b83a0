package oci

import (
	"errors"
	"sync"

	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/unotify"
)

// A tracked source knows which notifications have been received and not answered.
type tracked struct {
	emulate.Source
	mu      sync.Mutex
	pending map[uint64]struct{}
}

func track(s emulate.Source) *tracked { return &tracked{Source: s, pending: map[uint64]struct{}{}} }

// manyPending is when those are looked for that ended without an answer, because their targets died.
const manyPending = 1024

// Pending counts the calls that wait for their answers.
func (t *tracked) Pending() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sweep()
	return len(t.pending)
}

func (t *tracked) sweep() {
	for id := range t.pending {
		if errors.Is(t.Source.Valid(id), unotify.ErrGone) {
			delete(t.pending, id)
		}
	}
}

func (t *tracked) begin(id uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.pending) >= manyPending {
		t.sweep()
	}
	t.pending[id] = struct{}{}
}

func (t *tracked) end(id uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.pending, id)
}

// NewReceiver implements emulate.Source.
func (t *tracked) NewReceiver() (emulate.Receiver, error) {
	r, err := t.Source.NewReceiver()
	if err != nil {
		return nil, err
	}
	return &trackedReceiver{r, t}, nil
}

type trackedReceiver struct {
	emulate.Receiver
	t *tracked
}

// Receive implements emulate.Receiver.
func (r *trackedReceiver) Receive(n *unotify.Notification) error {
	err := r.Receiver.Receive(n)
	if err == nil {
		r.t.begin(n.ID)
	}
	return err
}

// Respond implements emulate.Source.
func (t *tracked) Respond(id uint64, r unotify.Response) error {
	err := t.Source.Respond(id, r)
	if err == nil || errors.Is(err, unotify.ErrGone) {
		t.end(id)
	}
	return err
}

// AddFD implements emulate.Source.
func (t *tracked) AddFD(id uint64, fd int, o unotify.AddFDOptions) (int, error) {
	n, err := t.Source.AddFD(id, fd, o)
	if err == nil && o.Send || errors.Is(err, unotify.ErrGone) {
		t.end(id)
	}
	return n, err
}
