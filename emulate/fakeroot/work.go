package fakeroot

import (
	"encoding/binary"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/internal/snapshot"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/unotify"
)

// A work is one call. Those on files are the embedded work's; those on ids are answered here.
type work struct {
	emulate.Work
	f      *Family
	row    *idRow // nil: it is the embedded work's
	who    unotify.Identity
	lost   error // why it is not known who calls
	call   *arch.Call
	env    emulate.Env
	mem    snapshot.Overlay
	pieces [2]snapshot.Piece
}

// Copy implements emulate.Work.
func (w *work) Copy(tid int, raw *arch.Data, mem arch.Memory) arch.Memory {
	w.row = w.f.idRow(raw.ABI.ID(raw.Nr))
	if w.row == nil {
		return w.Work.Copy(tid, raw, mem)
	}
	w.who, w.lost = w.f.targets.Identify(tid)
	w.pieces[0].P, w.pieces[1].P = nil, nil
	if w.row.copy == nil {
		return mem
	}
	w.row.copy(w, raw, mem)
	w.mem = snapshot.Overlay{Under: mem, List: w.pieces[:]}
	return &w.mem
}

// word is a register as the ABI has it.
func word(raw *arch.Data, i int) uint64 {
	if raw.ABI.Word() == 4 {
		return uint64(uint32(raw.Args[i]))
	}
	return raw.Args[i]
}

// take reads a piece of the target's memory.
func (w *work) take(i int, addr uint64, size int, mem arch.Memory) {
	p := &w.pieces[i]
	p.Addr, p.Size = addr, uint64(size)
	p.Read(size, mem)
}

// Start implements emulate.Work.
func (w *work) Start(t emulate.Thread, env emulate.Env, call *arch.Call) {
	if w.row == nil {
		w.Work.Start(t, env, call)
		return
	}
	w.call, w.env, w.mem.Under = call, env, nil
}

// On implements emulate.Work. The calls on ids wait for nothing.
func (w *work) On(t emulate.Thread) {
	if w.row == nil {
		w.Work.On(t)
	}
}

// Interrupt implements emulate.Work.
func (w *work) Interrupt() {
	if w.row == nil {
		w.Work.Interrupt()
	}
}

// Path implements policy.Paths: the calls on ids have none.
func (w *work) Path(arg int) (string, bool) {
	if w.row == nil {
		return w.Work.Path(arg)
	}
	return "", true
}

// Held implements policy.Paths.
func (w *work) Held(arg int) bool { return w.row == nil && w.Work.Held(arg) }

// New implements policy.Paths.
func (w *work) New(arg int) bool { return w.row == nil && w.Work.New(arg) }

// Perform implements emulate.Work.
func (w *work) Perform(hide policy.Hider, wait bool) emulate.Result {
	if w.row == nil {
		return w.Work.Perform(hide, wait)
	}
	if w.lost != nil {
		return emulate.Result{} // EPERM
	}
	return w.row.do(w)
}

// Once implements emulate.Repeatable: of the calls on ids only those are not the same twice that tell what was before.
func (w *work) Once() bool {
	if w.row == nil {
		r, ok := w.Work.(emulate.Repeatable)
		return ok && r.Once()
	}
	return w.row.once
}

// Copied implements emulate.Repeatable.
func (w *work) Copied(d *emulate.Digest) (unotify.Identity, bool) {
	if w.row == nil {
		return w.Work.(emulate.Repeatable).Copied(d)
	}
	for i := range w.pieces {
		d.Bytes(w.pieces[i].P)
	}
	return w.who, w.lost == nil
}

// End implements emulate.Work.
func (w *work) End() {
	if w.row == nil {
		w.Work.End()
	}
	w.row, w.call, w.mem.Under = nil, nil, nil
}

// order is the byte order of the caller's memory.
func (w *work) order() binary.ByteOrder { return w.call.ABI.ByteOrder() }

// register is a number as the caller gave it, pointer an address.
func (w *work) register(i int) uint64 { return w.call.Raw.Args[i] }

func (w *work) pointer(i int) uint64 { return word(&w.call.Raw, i) }

// now is what the caller is taken for.
func (w *work) now() creds { return w.f.crowd.of(w.who) }
