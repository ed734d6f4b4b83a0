package container

import (
	"bytes"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
)

// overlayPrefix begins the attributes that overlay keeps its own things in; the kernel reserves trusted.* to CAP_SYS_ADMIN in the
// first user namespace (xattr(7)).
const overlayPrefix = "trusted.overlay."

// maxXattr is XATTR_SIZE_MAX and XATTR_LIST_MAX of include/uapi/linux/limits.h.
const maxXattr = 64 << 10

// xattrRows are the calls on extended attributes, each on a path, on a link itself and on a descriptor.
func xattrRows() (list []row) {
	for _, v := range []struct {
		prefix string
		stay   bool
		fd     bool
	}{{"", false, false}, {"l", true, false}, {"f", false, true}} {
		paths := []pathArg{{text: 0, dir: none}}
		if v.stay {
			paths[0].flags, paths[0].absent = 0, 1<<63 // never given: a link is meant itself
		}
		texts := []int{0, 1}
		if v.fd {
			paths, texts = nil, []int{1}
		}
		value := []rawArg{{ptr: 2, size: 3, most: maxXattr}}
		list = append(list,
			row{call: v.prefix + "setxattr", texts: texts, raw: value, paths: paths, do: setxattr},
			row{call: v.prefix + "getxattr", texts: texts, paths: paths, do: getxattr},
			row{call: v.prefix + "listxattr", texts: texts[:len(texts)-1], paths: paths, do: listxattr},
			row{call: v.prefix + "removexattr", texts: texts, paths: paths, do: removexattr})
	}
	return list
}

// attributed is what the call is about, as a path for an actor.
func (o *op) attributed() uintptr {
	if len(o.row.paths) > 0 {
		return o.name(0)
	}
	fd, errno := o.descriptor(o.int(0))
	if errno == 0 && onlyPlace(fd) {
		unix.Close(fd)
		errno = unix.EBADF
	}
	if errno != 0 {
		o.pins[0].fail(errno)
		return o.tooLong()
	}
	o.pins[0] = pin{state: held, fd: fd}
	return o.fdName(fd)
}

// onlyPlace says whether a descriptor is one of O_PATH, which such calls do not take (open(2)).
func onlyPlace(fd int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	return err == nil && flags&unix.O_PATH != 0
}

// attributeActor is who may. What overlay keeps is given to those who could write to the file, since the kernel does not ask that of
// whoever may see trusted.*.
func (o *op) attributeActor(path uintptr, change bool) (*actor, syscall.Errno) {
	a, errno := o.actor(asTarget)
	if errno != 0 || !strings.HasPrefix(o.text(1).Text(), overlayPrefix) || o.pins[0].state != held || !o.grant.lends() {
		return a, errno
	}
	if change {
		if _, errno := a.call(unix.SYS_FACCESSAT2, atCwd, path, unix.W_OK, unix.AT_EACCESS); errno != 0 {
			return nil, errno
		}
	}
	return o.actor(host)
}

func setxattr(o *op) emulate.Result {
	path := o.attributed()
	a, errno := o.attributeActor(path, true)
	if errno != 0 {
		return emulate.Errno(errno)
	}
	v := &o.raws[0]
	value := o.block(v.Whole())
	if v.Size == 0 {
		value = 0
	}
	r, errno := a.call(unix.SYS_SETXATTR, path, o.pointer(1), value, uintptr(v.Size), uintptr(o.flags(4)))
	return result(r, o.or(0, errno))
}

func removexattr(o *op) emulate.Result {
	path := o.attributed()
	a, errno := o.attributeActor(path, true)
	if errno != 0 {
		return emulate.Errno(errno)
	}
	r, errno := a.call(unix.SYS_REMOVEXATTR, path, o.pointer(1))
	return result(r, o.or(0, errno))
}

func getxattr(o *op) emulate.Result {
	path := o.attributed()
	a, errno := o.attributeActor(path, false)
	if errno != 0 {
		return emulate.Errno(errno)
	}
	out := make([]byte, min(o.arg(3), maxXattr))
	at := uintptr(0)
	if len(out) > 0 {
		at = o.block(out)
	}
	r, errno := a.call(unix.SYS_GETXATTR, path, o.pointer(1), at, uintptr(len(out)))
	return o.filled(r, o.or(0, errno), 2, out)
}

// filled gives the target what the kernel put into out.
func (o *op) filled(r uintptr, errno syscall.Errno, param int, out []byte) emulate.Result {
	res := result(r, errno)
	if errno == 0 && len(out) > 0 && r > 0 {
		res = res.Write(o.arg(param), out[:r])
	}
	return res
}

// listxattr shows the names that its caller may see and those that overlay keeps.
func listxattr(o *op) emulate.Result {
	path := o.attributed()
	k := host
	if o.pins[0].state != held || !o.grant.lends() {
		k = asTarget
	}
	a, errno := o.actor(k)
	if errno != 0 && k == host {
		a, errno = o.actor(asTarget)
	}
	if errno != 0 {
		return emulate.Errno(errno)
	}
	all := make([]byte, maxXattr)
	r, errno := a.call(unix.SYS_LISTXATTR, path, o.block(all), maxXattr)
	if errno != 0 {
		return emulate.Errno(o.or(0, errno))
	}
	names := o.visible(all[:r])
	size := o.arg(2)
	switch {
	case size == 0:
		return emulate.Return(int64(len(names)))
	case size < uint64(len(names)):
		return emulate.Errno(unix.ERANGE)
	case len(names) == 0:
		return emulate.Return(0)
	}
	return emulate.Return(int64(len(names))).Write(o.arg(1), names)
}

func (o *op) visible(all []byte) (names []byte) {
	for name := range bytes.SplitAfterSeq(all, []byte{0}) {
		if bytes.HasPrefix(name, []byte("trusted.")) && !bytes.HasPrefix(name, []byte(overlayPrefix)) {
			continue
		}
		names = append(names, name...)
	}
	return names
}
