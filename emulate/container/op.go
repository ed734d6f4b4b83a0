package container

import (
	"bytes"
	"path/filepath"
	"strings"
	"sync"
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

// The most that a row names.
const (
	maxTexts = 4
	maxRaws  = 2
)

// maxText is what the kernel reads of any string here: PATH_MAX, and a page of mount options (copy_mount_options of fs/namespace.c).
const maxText = unix.PathMax

// An op is one call being performed. It implements emulate.Work and is used again and again.
type op struct {
	f      *Family
	env    emulate.Env
	call   *arch.Call
	row    *row
	grant  lending // what the rule says
	why    string  // the call is refused
	who    callerbook.Who
	lost   error // why it is not known who calls
	view   *view // nil: not looked at yet
	mounts mountCache
	ask    mountQuestion

	mem       snapshot.Overlay
	module    string                             // what a module in memory is called
	pieces    [maxTexts + maxRaws]snapshot.Piece // of row.texts, then of row.raw
	raws      []snapshot.Piece                   // of row.raw
	pins      [2]pin                             // of row.paths
	actors    [numActors]atomic.Pointer[actor]
	interrupt sync.Mutex // held while an actor is interrupted, or given back
	keep      [][]byte   // what the kernel reads and writes
	open      []int      // closed at the end
}

// Copy implements emulate.Work.
func (o *op) Copy(tid int, raw *arch.Data, mem arch.Memory) arch.Memory {
	o.who.Identity, o.who.Serial, o.lost = o.f.targets.Recognize(tid)
	o.row = o.f.rows[raw.ABI.ID(raw.Nr)]
	texts := len(o.row.texts)
	o.raws = o.pieces[texts : texts+maxRaws]
	for i, arg := range o.row.texts {
		o.pieces[i].ReadText(word(raw, arg), maxText, mem)
	}
	for i := range o.row.raw {
		a := &o.row.raw[i]
		s := &o.raws[i]
		s.Addr, s.Size = word(raw, a.ptr), uint64(a.fixed)
		if a.size != none {
			s.Size = word(raw, a.size)
		}
		s.Read(a.most, mem)
	}
	o.mem = snapshot.Overlay{Under: mem, List: o.pieces[:texts+len(o.row.raw)]}
	if o.row.copy != nil {
		o.row.copy(o, raw, mem)
	}
	return &o.mem
}

// word is a register as the ABI has it.
func word(raw *arch.Data, i int) uint64 {
	if raw.ABI.Word() == 4 {
		return uint64(uint32(raw.Args[i]))
	}
	return raw.Args[i]
}

// Start implements emulate.Work.
func (o *op) Start(_ emulate.Thread, env emulate.Env, call *arch.Call) {
	o.env, o.call = env, call
	o.mem.Under = nil
}

// On implements emulate.Work: whatever thread it is on, tasks act.
func (o *op) On(emulate.Thread) {}

// Grant implements emulate.Grantee.
func (o *op) Grant(g *policy.Grant) {
	if g != nil {
		o.grant.Grant = *g
	}
}

// End implements emulate.Work.
func (o *op) End() {
	o.release()
	o.letGo()
	if o.row != nil && o.row.large {
		clear(o.pieces[:])
	}
	clear(o.keep)
	o.keep = o.keep[:0]
	o.call, o.row, o.mem, o.grant, o.why, o.view, o.mounts = nil, nil, snapshot.Overlay{}, lending{}, "", nil, mountCache{}
}

// release closes what is held. That comes before the answer: what is held is busy, and the caller may be about to unmount it.
func (o *op) release() {
	for i := range o.pins {
		o.pins[i].close()
	}
	for _, fd := range o.open {
		unix.Close(fd)
	}
	o.open = o.open[:0]
}

// letGo gives the actors back. Nobody interrupts them for this call any more.
func (o *op) letGo() {
	defer o.f.tidy()
	o.interrupt.Lock()
	defer o.interrupt.Unlock()
	for i := range o.actors {
		if a := o.actors[i].Swap(nil); a != nil {
			o.f.pool.give(a)
		}
	}
}

// Perform implements emulate.Work.
func (o *op) Perform(_ policy.Hider, wait bool) emulate.Result {
	if o.row.checked {
		return emulate.Result{} // there is nothing to perform
	}
	if !wait && o.row.slow != nil && o.row.slow(o) {
		return emulate.Later()
	}
	defer o.release()
	for i := range o.row.paths {
		o.hold(i)
	}
	if o.env.Valid() != nil {
		return emulate.Errno(unix.EPERM) // nobody is there to be answered
	}
	r := o.row.do(o)
	if _, failed := r.Failed(); failed && o.why != "" {
		r = r.Refused(o.why)
	}
	return r
}

// Once implements emulate.Repeatable: to mount twice, or to unmount what is gone, is not what a program asks for.
func (o *op) Once() bool { return !o.row.checked }

// Copied implements emulate.Repeatable.
func (o *op) Copied(d *emulate.Digest) (unotify.Identity, bool) {
	for i := range o.pieces[:len(o.row.texts)+len(o.row.raw)] {
		d.Bytes(o.pieces[i].P)
	}
	if o.lost != nil || o.look() != 0 {
		return unotify.Identity{}, false
	}
	c := &o.view.cred
	d.Number(uint64(c.UID.Effective), uint64(c.UID.FS), uint64(c.GID.FS), c.Caps.Effective, c.Caps.Permitted, o.view.root.ino, o.view.root.mount)
	for i := range o.view.ns {
		d.Bytes([]byte(o.view.ns[i]))
	}
	return o.who.Identity, true
}

// Path implements policy.Paths: what an argument would reach, from the supervisor's root or, in another mount namespace, from that
// one's.
func (o *op) Path(arg int) (string, bool) {
	i := o.pathIndex(arg)
	if i < 0 {
		return "", true // it is not looked up
	}
	if only := o.row.paths[i].only; only != nil && !only(o) {
		return o.text(arg).Text(), true // it is no path: a name that mountinfo shows
	}
	o.hold(i)
	path := o.pathName(i)
	return path, path != ""
}

// Held implements policy.Paths.
func (o *op) Held(arg int) bool {
	i := o.pathIndex(arg)
	if i < 0 {
		return false
	}
	o.hold(i)
	return o.pins[i].state == held
}

// New implements policy.Paths.
func (o *op) New(arg int) bool {
	i := o.pathIndex(arg)
	if i < 0 {
		return false
	}
	o.hold(i)
	return o.pins[i].state == named
}

func (o *op) pathIndex(arg int) int {
	for i := range o.row.paths {
		if o.row.paths[i].text == arg {
			return i
		}
	}
	return -1
}

// pathName is the path of what is held.
func (o *op) pathName(i int) string {
	switch p := &o.pins[i]; p.state {
	case held:
		return o.linkOf(p.fd)
	case named:
		return strings.TrimSuffix(o.linkOf(p.fd), "/") + "/" + strings.TrimRight(p.name, "/")
	}
	return o.leftOver(&o.row.paths[i])
}

// leftOver is what a path that leads nowhere would be: as much of it as there is, and the rest as it is written. The call fails whatever
// is decided.
func (o *op) leftOver(a *pathArg) string {
	s := o.text(a.text)
	if !s.Ended() || len(s.P) == 1 {
		return ""
	}
	base, errno := o.from(a, s.Text())
	if errno != 0 {
		return ""
	}
	if base >= 0 {
		defer unix.Close(base)
	}
	dir, rest := split(s.Text())
	const deepest = 64 // of what is not there
	for range deepest {
		if fd, errno := o.lookup(base, dir, false); errno == 0 {
			defer unix.Close(fd)
			return filepath.Join(o.linkOf(fd), rest)
		}
		if dir == "/" || dir == "." {
			return ""
		}
		var last string
		dir, last = split(dir)
		rest = last + "/" + rest
	}
	return ""
}

// linkOf is what a descriptor refers to: d_path() of fs/d_path.c.
func (o *op) linkOf(fd int) string {
	var buf [unix.PathMax]byte
	n, err := unix.Readlinkat(o.f.procs.FDs, itoa(fd), buf[:])
	if err != nil {
		return ""
	}
	return string(buf[:n])
}

// text is a parameter's copied string.
func (o *op) text(arg int) *snapshot.Piece {
	for i, a := range o.row.texts {
		if a == arg {
			return &o.pieces[i]
		}
	}
	return &snapshot.Piece{}
}

// pointer is a copied string for the kernel: null, nowhere and endless as it was.
func (o *op) pointer(arg int) uintptr {
	s := o.text(arg)
	switch {
	case s.Addr == 0:
		return 0
	case len(s.P) == 0:
		return nowhere
	case !s.Ended() && len(s.P) < maxText:
		return nowhere // it runs into memory that is not there
	case !s.Ended():
		return o.block(append(bytes.Clone(s.P), make([]byte, 16)...)[: len(s.P)+1 : len(s.P)+1])
	}
	return o.block(s.P)
}

// arg is the number in a parameter's register.
func (o *op) arg(i int) uint64 { return word(&o.call.Raw, i) }

func (o *op) int(i int) int { return int(int32(uint32(o.call.Raw.Args[i]))) }

func (o *op) flags(i int) uint32 { return uint32(o.call.Raw.Args[i]) }

// closing remembers a descriptor that goes with the call.
func (o *op) closing(fd int) int {
	o.open = append(o.open, fd)
	return fd
}

func result(r uintptr, errno syscall.Errno) emulate.Result {
	if errno != 0 {
		return emulate.Errno(errno)
	}
	return emulate.Return(int64(r))
}
