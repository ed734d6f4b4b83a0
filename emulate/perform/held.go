package perform

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/internal/snapshot"
	"github.com/stead-project/stead/unotify"
)

// A Wrap is how a family that answers some of what calls are about itself has them carried out by this one.
type Wrap struct {
	// Around carries out each call, by way of [Held.Do].
	Around func(h Held) emulate.Result
	// Look changes what the stat calls say of a file.
	Look func(st *unix.Statx_t)
}

// WrappedWork makes room for one call at a time, also for those on descriptors that tell of an inode or change it (fstat, fchmod, fchown,
// fsetxattr and the like), which Calls does not list.
func (f *Family) WrappedWork(w *Wrap) emulate.Work {
	o := newOp(f)
	o.wrap = w
	return o
}

// A Held is a call all of whose paths are held. It is good until [Wrap.Around] returns.
type Held struct{ o *op }

// A Change replaces a parameter's number.
type Change struct {
	Param int
	Value uint64
}

// Call is the decoded call.
func (h Held) Call() *arch.Call { return h.o.call }

// Who makes it.
func (h Held) Who() unotify.Identity { return h.o.who.Identity }

// Umask is the caller's.
func (h Held) Umask() uint32 { return h.o.view.umask }

// Raw is what was copied of a call's bytes; nil where it has none.
func (h Held) Raw() *snapshot.Piece { return &h.o.raws[0] }

// Stat describes what path i leads to: the object, or what has the name that the call is about. False: nothing is there.
func (h Held) Stat(i int) (st unix.Statx_t, ok bool) {
	p := &h.o.pins[i]
	switch p.state {
	case held:
		return p.stat, true
	case named:
		dir, name := h.o.at(i)
		return st, h.o.t.statName(dir, name, &st) == 0
	}
	return st, false
}

// Do carries the call out, with other numbers than the program gave.
func (h Held) Do(changes ...Change) emulate.Result {
	args := h.o.call.Args
	for i := range changes {
		c := &changes[i]
		args[c.Param].Raw, c.Value = c.Value, args[c.Param].Raw
	}
	defer func() { // the record says what the program gave
		for _, c := range changes {
			args[c.Param].Raw = c.Value
		}
	}()
	return h.o.row.do(h.o)
}

// carryOut does what the call is for.
func (o *op) carryOut() emulate.Result {
	if o.wrap != nil {
		return o.wrap.Around(Held{o})
	}
	return o.row.do(o)
}

// look is how the held object is to look; nil: as it is.
func (o *op) look() *unix.Statx_t {
	if o.wrap == nil || o.pins[0].state != held {
		return nil
	}
	o.seen = o.pins[0].stat
	o.wrap.Look(&o.seen)
	return &o.seen
}

// descriptorRows are the calls on a file that is open.
func descriptorRows() []row {
	file, place := []pathArg{{path: none, flags: none}}, []pathArg{{path: none, flags: none, place: true}}
	value := []rawArg{{ptr: 2, size: 3, most: maxRaw}}
	return []row{
		{call: "fstat", paths: place, do: stat(1, none)},
		{call: "fstat64", paths: place, do: stat(1, none)},
		{call: "oldfstat", paths: place, do: stat(1, none)},
		{call: "fchmod", paths: file, do: chmod(1, none)},
		{call: "fchown", paths: file, do: chown(1, none)},
		{call: "fchown32", paths: file, do: chown(1, none)},
		{call: "fsetxattr", paths: file, raw: value, once: true, do: setxattr},
		{call: "fgetxattr", paths: file, do: getxattr},
		{call: "flistxattr", paths: file, do: listxattr(1, 2)},
		{call: "fremovexattr", paths: file, once: true, do: removexattr(1)},
	}
}

// holdFile takes hold of what a descriptor refers to.
func (o *op) holdFile(i int) {
	pin, a := &o.pins[i], &o.row.paths[i]
	pin.descriptor = true
	fd, errno := o.descriptor(o.int(a.dir))
	if errno != 0 {
		pin.fail(errno)
		return
	}
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); !a.place && (err != nil || flags&unix.O_PATH != 0) {
		unix.Close(fd)
		pin.fail(unix.EBADF) // as fdget() of include/linux/file.h has it
		return
	}
	o.took(pin, fd)
}

// Xattrs are the names of the extended attributes that the first path's object has, as far as the caller may see them.
func (h Held) Xattrs() []string {
	out := h.o.buffer(maxXattr)
	n, errno := h.o.t.call(unix.SYS_LISTXATTR, h.o.path(), address(out), uintptr(len(out)), 0, 0, 0)
	if errno != 0 || n == 0 {
		return nil
	}
	return strings.Split(string(out[:n-1]), "\x00")
}
