package perform

import (
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/internal/callerbook"
	"github.com/stead-project/stead/internal/snapshot"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/unotify"
)

// An op is one call being performed. It implements emulate.Work and is used again and again; its buffers are what the kernel reads
// and writes.
type op struct {
	f    *Family
	own  *thread // the supervisor's, that the op runs on
	t    *thread // what acts: own, or one that has become what the target is
	env  emulate.Env
	call *arch.Call
	row  *row
	hide policy.Hider
	view view
	base [2]int // what the paths are relative to; -1: not opened
	who  callerbook.Who
	wrap *Wrap        // whose the call is; nil: this family's
	seen unix.Statx_t // scratch of look
	lost error        // why it is not known who calls
	// unsure: something of the target has been opened by its number since its call was found pending.
	unsure bool

	acting   atomic.Pointer[thread] // while Perform may block
	pins     [2]pin
	linkText []byte // of the link to oneself that the path just walked ends in
	raws     [2]snapshot.Piece
	mem      snapshot.Overlay
	bufs     [4][unix.PathMax + 1]byte // names and paths, with NUL
	nums     [8]uint64                 // times and the like
	out      []byte                    // what the kernel fills
	sock     *socketCall               // of the calls on sockets
}

func newOp(f *Family) *op { return &op{f: f, base: [2]int{-1, -1}} }

// maxRaw is the largest value of an extended attribute: XATTR_SIZE_MAX of include/uapi/linux/limits.h.
const maxRaw = 64 << 10

// Copy implements emulate.Work.
func (o *op) Copy(tid int, raw *arch.Data, mem arch.Memory) arch.Memory {
	o.who.Identity, o.who.Serial, o.lost = o.f.targets.Recognize(tid)
	o.unsure = false
	o.row = o.f.rows[raw.ABI.ID(raw.Nr)]
	if o.row.copy != nil {
		return o.copySocket(raw, mem)
	}
	o.mem = snapshot.Overlay{Under: mem, List: o.raws[:len(o.row.raw)]}
	for i := range o.row.raw {
		if a := &o.row.raw[i]; a.inside {
			takeInside(&o.raws[i], a, o.raws[i-1].P, raw.ABI.ByteOrder(), mem)
			continue
		}
		take(&o.raws[i], &o.row.raw[i], raw, mem)
	}
	if len(o.row.raw) == 0 {
		return mem
	}
	return &o.mem
}

// Start implements emulate.Work.
func (o *op) Start(t emulate.Thread, env emulate.Env, call *arch.Call) {
	o.own, o.t, o.env, o.call = t.(*thread), nil, env, call
	o.mem.Under = nil
}

// On implements emulate.Work.
func (o *op) On(t emulate.Thread) {
	if o.t == o.own {
		o.t = t.(*thread)
	}
	o.own, o.unsure = t.(*thread), true
	if o.t != nil {
		o.t.interrupted.Store(false)
	}
}

// Interrupt implements emulate.Work.
func (o *op) Interrupt() {
	if t := o.acting.Load(); t != nil {
		t.interrupt()
	}
}

// End implements emulate.Work.
func (o *op) End() {
	o.letGo()
	if o.t != nil && o.t != o.own {
		o.f.pool.give(o.t)
	}
	if o.sock != nil {
		o.sock.end()
	}
	o.own, o.t, o.call, o.row, o.mem.Under = nil, nil, nil, nil, nil
}

func (o *op) closeBase(i int) {
	if o.base[i] >= 0 {
		unix.Close(o.base[i])
	}
	o.base[i] = -1
}

// Perform implements emulate.Work.
func (o *op) Perform(hide policy.Hider, wait bool) emulate.Result {
	o.hide = hide
	if o.row.checked {
		return emulate.Result{} // there is nothing to perform
	}
	if r, ok := o.ready(); !ok {
		o.letGo()
		return r
	}
	o.t.interrupted.Store(false)
	if !wait && o.waits() {
		return emulate.Later()
	}
	o.acting.Store(o.t)
	defer o.acting.Store(nil)
	if o.sock != nil {
		o.sock.wait = wait
	}
	r := o.carryOut()
	if !r.Deferred() { // what is done later is done on what was judged
		o.letGo()
	}
	return r
}

// Once implements emulate.Repeatable. What is opened for a look only can be opened twice.
func (o *op) Once() bool {
	if o.row.how == nil || !o.row.once {
		return o.row.once
	}
	return o.row.how(o).Flags&(unix.O_PATH|unix.O_DIRECTORY) == 0
}

// Copied implements emulate.Repeatable. A caller with other rights or another root, after execve(2) say, does not make the same call.
func (o *op) Copied(d *emulate.Digest) (unotify.Identity, bool) {
	if o.sock != nil && o.row.copy != nil {
		for i := range o.sock.seen {
			d.Bytes(o.sock.seen[i].P)
		}
	}
	for i := range o.raws[:len(o.row.raw)] {
		d.Bytes(o.raws[i].P)
	}
	if o.lost != nil || o.become() != 0 {
		return unotify.Identity{}, false
	}
	v := &o.view
	d.Number(uint64(v.cred.UID.Real), uint64(v.cred.UID.Effective), uint64(v.cred.UID.FS), uint64(v.cred.GID.Real), uint64(v.cred.GID.Effective),
		uint64(v.cred.GID.FS), v.cred.Caps.Effective, v.cred.Caps.Permitted, uint64(v.umask), v.root.ino, v.root.mount)
	for _, gid := range v.cred.Groups {
		d.Number(uint64(gid))
	}
	d.Bytes(v.user[:])
	return o.who.Identity, true
}

// letGo closes what is held, before the target goes on: it would keep mounts busy.
func (o *op) letGo() {
	for i := range o.pins {
		o.pins[i].close()
		o.closeBase(i)
	}
}

// ready makes sure that the op has a thread and holds what the paths name.
func (o *op) ready() (emulate.Result, bool) {
	if errno := o.become(); errno != 0 {
		return emulate.Errno(errno), false
	}
	for i := range o.row.paths {
		o.hold(i)
	}
	if o.unsure && o.env.Valid() != nil {
		return emulate.Errno(unix.EPERM), false // nobody is there to be answered
	}
	for i := range o.row.paths {
		if o.pins[i].state == failed {
			return o.refusal(i), false
		}
	}
	return emulate.Result{}, true
}

// refusal is what the kernel says of a path that leads nowhere. What it finds wrong with the other arguments first, it says first: the
// call is made with a path that is too long in the path's place, and ENAMETOOLONG means that it came as far as the path.
func (o *op) refusal(i int) emulate.Result {
	pin := &o.pins[i]
	if o.row.paths[i].path == none {
		return emulate.Errno(pin.errno)
	}
	pin.unusable = true
	r := o.row.do(o)
	if errno, ok := r.Failed(); !ok || errno != unix.ENAMETOOLONG {
		return r
	}
	if v := &o.call.Args[o.row.paths[i].path]; o.row.how != nil && v.State == arch.OK && len(v.Bytes) > 0 && o.full() {
		return emulate.Errno(unix.EMFILE)
	}
	return emulate.Errno(pin.errno)
}

// become takes a thread that is what the target is.
func (o *op) become() syscall.Errno {
	if o.t != nil {
		return 0
	}
	known, errno := o.f.callers.view(o)
	if errno != 0 {
		return errno
	}
	o.unsure = o.unsure || !known
	if o.view.direct {
		o.t = o.own
		return 0
	}
	t, errno := o.f.pool.take(o.f, &o.view, o.env)
	if errno == 0 {
		o.t = t
	} else {
		o.f.callers.wrong(o.env.TID)
	}
	return errno
}

// arg is the number in a parameter's register or, where it was decoded from memory, its value.
func (o *op) arg(i int) uint64 {
	if i < 0 || i >= len(o.call.Args) {
		return 0
	}
	return o.call.Args[i].Raw
}

// reg is a register's number.
func (o *op) reg(i int) uint64 { return o.call.Raw.Args[i] }

// pointer is where in the target an argument points to.
func (o *op) pointer(i int) uint64 {
	if o.call.ABI.Word() == 4 {
		return uint64(uint32(o.arg(i)))
	}
	return o.arg(i)
}

func (o *op) int(i int) int { return int(int32(o.arg(i))) }

func (o *op) flags(i int) uintptr { return uintptr(uint32(o.arg(i))) }

// text is a string argument with its NUL, copied to buffer b; nil where it could not be read. One without an end within what the
// kernel reads stays without.
func (o *op) text(i, b int) []byte {
	v := &o.call.Args[i]
	if v.State != arch.OK && v.State != arch.Unterminated && v.State != arch.Truncated {
		return nil
	}
	buf := o.bufs[b][:]
	n := copy(buf[:len(buf)-1], v.Bytes)
	if v.State != arch.OK {
		for ; n < len(buf)-1; n++ {
			buf[n] = 'x'
		}
	}
	buf[n] = 0
	return buf[:n+1]
}

// buffer is memory for the kernel to fill.
func (o *op) buffer(size int) []byte {
	if cap(o.out) < size {
		o.out = make([]byte, max(size, 4096))
	}
	return o.out[:size]
}

func result(r uintptr, errno syscall.Errno) emulate.Result {
	if errno != 0 {
		return emulate.Errno(errno)
	}
	return emulate.Return(int64(r))
}
