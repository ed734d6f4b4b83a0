package fakeroot

import (
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/unotify"
)

// An idRow says how a call on ids is answered.
type idRow struct {
	call string
	note string
	copy func(w *work, raw *arch.Data, mem arch.Memory)
	do   func(w *work) emulate.Result
	once bool // performing it twice is not the same
}

// idRows are the calls on ids, with the forms that some ABIs have of 32 bits where the plain ones have 16 (kernel/uid16.c).
func idRows() []idRow {
	var rows []idRow
	for _, r := range plainRows() {
		rows = append(rows, r)
		r.call += "32"
		rows = append(rows, r)
	}
	return append(rows, capRows()...)
}

func plainRows() []idRow {
	u, g := users(), groups()
	return []idRow{
		{call: "getuid", do: get(u, func(ids *unotify.IDs) uint32 { return ids.Real })},
		{call: "geteuid", do: get(u, func(ids *unotify.IDs) uint32 { return ids.Effective })},
		{call: "getgid", do: get(g, func(ids *unotify.IDs) uint32 { return ids.Real })},
		{call: "getegid", do: get(g, func(ids *unotify.IDs) uint32 { return ids.Effective })},
		{call: "getresuid", do: getRES(u)}, {call: "getresgid", do: getRES(g)},
		{call: "getgroups", do: getGroups}, {call: "setgroups", copy: copyGroups, do: setGroups},
		{call: "setuid", do: set(func(c *creds, id []uint32) syscall.Errno { return u.set(c, id[0]) })},
		{call: "setgid", do: set(func(c *creds, id []uint32) syscall.Errno { return g.set(c, id[0]) })},
		{call: "setreuid", do: set(func(c *creds, id []uint32) syscall.Errno { return u.setRE(c, id[0], id[1]) })},
		{call: "setregid", do: set(func(c *creds, id []uint32) syscall.Errno { return g.setRE(c, id[0], id[1]) })},
		{call: "setresuid", do: set(func(c *creds, id []uint32) syscall.Errno { return u.setRES(c, id[0], id[1], id[2]) })},
		{call: "setresgid", do: set(func(c *creds, id []uint32) syscall.Errno { return g.setRES(c, id[0], id[1], id[2]) })},
		{call: "setfsuid", once: true, do: setFS(u)}, {call: "setfsgid", once: true, do: setFS(g)},
	}
}

// width is how many bytes the call's ids have: 2 where there is another form for 4.
func (w *work) width() int {
	if strings.HasSuffix(w.call.Name, "32") {
		return 4
	}
	if _, ok := w.call.ABI.Number(w.call.Name + "32"); ok {
		return 2
	}
	return 4
}

// short is high2lowuid() of include/linux/highuid.h: an id that 16 bits cannot say is 65534.
func (w *work) short(id uint32) uint32 {
	if w.width() == 2 && id > 0xffff {
		return 65534
	}
	return id
}

// pack is ids as the caller's memory has them.
func (w *work) pack(ids ...uint32) []byte {
	width := w.width()
	b := make([]byte, width*len(ids))
	for i, id := range ids {
		if width == 2 {
			w.order().PutUint16(b[2*i:], uint16(w.short(id)))
			continue
		}
		w.order().PutUint32(b[4*i:], id)
	}
	return b
}

func get(k kind, which func(ids *unotify.IDs) uint32) func(w *work) emulate.Result {
	return func(w *work) emulate.Result {
		now := w.now()
		return emulate.Return(int64(w.short(which(k.of(&now)))))
	}
}

func getRES(k kind) func(w *work) emulate.Result {
	return func(w *work) emulate.Result {
		now := w.now()
		ids := k.of(&now)
		var out []emulate.Out
		for i, id := range [...]uint32{ids.Real, ids.Effective, ids.Saved} {
			out = append(out, emulate.Out{Addr: w.pointer(i), P: w.pack(id)})
		}
		return emulate.Return(0).Scatter(out)
	}
}

// set is a call whose arguments are ids.
func set(rule func(c *creds, ids []uint32) syscall.Errno) func(w *work) emulate.Result {
	return func(w *work) emulate.Result {
		var ids [3]uint32
		for i := range w.call.Args {
			ids[i] = idArg(w.call, i)
		}
		return w.change(func(now *creds) syscall.Errno { return rule(now, ids[:]) })
	}
}

// change changes what the caller is taken for, or fails.
func (w *work) change(rule func(now *creds) syscall.Errno) emulate.Result {
	return emulate.Errno(w.f.crowd.change(w.who, rule))
}

func setFS(k kind) func(w *work) emulate.Result {
	return func(w *work) emulate.Result {
		var old uint32
		w.change(func(now *creds) syscall.Errno {
			old = k.setFS(now, idArg(w.call, 0))
			return 0
		})
		return emulate.Return(int64(old))
	}
}

// getGroups is getgroups(2), with the errors of kernel/groups.c.
func getGroups(w *work) emulate.Result {
	size, now := int32(w.register(0)), w.now()
	count := len(now.groups)
	switch {
	case size < 0, size > 0 && count > int(size):
		return emulate.Errno(unix.EINVAL)
	case size == 0 || count == 0:
		return emulate.Return(int64(count))
	}
	return emulate.Return(int64(count)).Write(w.pointer(1), w.pack(now.groups...))
}

// copyGroups reads the ids that setgroups(2) is given.
func copyGroups(w *work, raw *arch.Data, mem arch.Memory) {
	width := 4
	if s := raw.ABI.Signature(raw.ABI.ID(raw.Nr)); s != nil && s.Params[1].Elem != nil && s.Params[1].Elem.Width == 2 {
		width = 2
	}
	if n := int(int32(raw.Args[0])); n > 0 && n <= maxGroups {
		w.take(0, word(raw, 1), n*width, mem)
	}
}

func setGroups(w *work) emulate.Result {
	size := int(int32(w.register(0)))
	return w.change(func(now *creds) syscall.Errno {
		switch {
		case !now.can(unix.CAP_SETGID):
			return unix.EPERM
		case size < 0 || size > maxGroups:
			return unix.EINVAL
		}
		raw := w.pieces[0].Whole()
		if size > 0 && raw == nil {
			return unix.EFAULT
		}
		return now.setGroups(w.unpack(raw, size))
	})
}

// unpack reads ids of the caller's memory.
func (w *work) unpack(raw []byte, count int) []uint32 {
	ids := make([]uint32, count)
	for i := range ids {
		if w.width() == 4 {
			ids[i] = w.order().Uint32(raw[4*i:])
			continue
		}
		ids[i] = uint32(w.order().Uint16(raw[2*i:]))
		if ids[i] == 0xffff {
			ids[i] = unchanged
		}
	}
	return ids
}
