package container

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/internal/snapshot"
	"github.com/stead-project/stead/unotify"
)

func (o *op) mountFlags() uint64 { return withoutMagic(o.arg(3)) }

// withoutMagic are mount(2)'s flags without the magic number that they had before Linux 2.4 (path_mount() of fs/namespace.c).
func withoutMagic(flags uint64) uint64 {
	if flags&unix.MS_MGC_MSK == unix.MS_MGC_VAL {
		flags &^= unix.MS_MGC_MSK
	}
	return flags
}

// propagation are the flags that change how mounts propagate.
const propagation = unix.MS_SHARED | unix.MS_PRIVATE | unix.MS_SLAVE | unix.MS_UNBINDABLE

// A change is what a mount(2) does, in the kernel's order of looking.
type change uint8

const (
	remounting change = iota
	binding
	propagating
	moving
	mounting
)

func changeOf(flags uint64) change {
	switch {
	case flags&unix.MS_REMOUNT != 0:
		return remounting
	case flags&unix.MS_BIND != 0:
		return binding
	case flags&propagation != 0:
		return propagating
	case flags&unix.MS_MOVE != 0:
		return moving
	}
	return mounting
}

// sourceIsPath says whether mount's source is a path: for binding and moving, and for what is on a device.
func (o *op) sourceIsPath() bool {
	s := o.text(0)
	if s.Addr == 0 || s.Ended() && len(s.P) == 1 {
		return false // the kernel says EINVAL
	}
	switch changeOf(o.mountFlags()) {
	case binding, moving:
		return true
	case mounting:
		t := o.f.typeOf(o.text(2).Text())
		return t != nil && t.made == device
	}
	return false
}

// slowMount: what is in memory only is mounted at once.
func (o *op) slowMount() bool {
	flags := o.mountFlags()
	if changeOf(flags) == mounting && o.programFor(o.text(2).Text()) != "" {
		return true
	}
	t := o.f.typeOf(o.text(2).Text())
	return changeOf(flags) == mounting && t != nil && (t.made != inside || len(t.fds) > 0) || changeOf(flags) == remounting && flags&unix.MS_BIND == 0
}

func mount(o *op) emulate.Result {
	flags := o.mountFlags()
	if o.pins[0].state == failed {
		return o.plainMount(o.pointer(0), o.pointer(2), flags, o.data())
	}
	if change := changeOf(flags); change != propagating && change != remounting && o.machineSees(o.pins[0].fd) {
		return o.refuse("the machine's mount namespace would get the mount, too: make the place private or a slave (mount_namespaces(7))")
	}
	switch changeOf(flags) {
	case remounting:
		return o.remount(flags | o.grant.Force)
	case binding:
		if o.grant.Force != 0 && o.pins[1].state == held {
			return result(0, o.bindForced(flags))
		}
		return o.plainMount(o.source(), o.pointer(2), flags, o.data())
	case propagating:
		return o.plainMount(o.pointer(0), o.pointer(2), flags, o.data())
	case moving:
		return o.plainMount(o.source(), o.pointer(2), flags, o.data())
	}
	if program := o.programFor(o.text(2).Text()); program != "" && o.pins[0].state == held {
		return o.serveBy(program, flags|o.grant.Force)
	}
	return o.mountNew(flags | o.grant.Force)
}

// plainMount is mount(2) on what is held.
func (o *op) plainMount(source, kind uintptr, flags uint64, data uintptr) emulate.Result {
	a, errno := o.actor(granted)
	if errno != 0 {
		return emulate.Errno(errno)
	}
	r, errno := a.call(unix.SYS_MOUNT, source, o.name(0), kind, uintptr(flags), data)
	if o.pins[0].state != failed && o.pins[1].state == failed && errno == unix.ENOENT {
		errno = o.pins[1].errno
	}
	return result(r, o.or(0, errno))
}

// source is what is held of mount's source. One that leads nowhere is a name that is not there (ENOENT): one that is too long the kernel
// refuses before it looks at anything.
func (o *op) source() uintptr {
	switch {
	case o.pins[1].state == loose || !o.text(0).Ended():
		return o.pointer(0)
	case o.pins[1].state == failed:
		return o.cstring("nowhere")
	}
	return o.fdName(o.pins[1].fd)
}

// data is mount's last argument: as much of a page as is there.
func (o *op) data() uintptr {
	s := o.text(4)
	switch {
	case s.Addr == 0:
		return 0
	case len(s.P) == 0:
		return nowhere
	}
	return o.page(o.optionText())
}

// typeOf is what is known of a file system. fuse can be given a name of what serves it (fs/namespace.c, FS_HAS_SUBTYPE).
func (f *Family) typeOf(name string) *fsType {
	if base, _, ok := strings.Cut(name, "."); ok && base == "fuse" {
		return f.types[base]
	}
	return f.types[name]
}

// remount gives options to a file system that is mounted. Overlay takes none from mount(2) (fs/overlayfs/params.c).
func (o *op) remount(flags uint64) emulate.Result {
	data := o.data()
	a, errno := o.actor(granted)
	if errno != 0 {
		return emulate.Errno(errno)
	}
	magic, ok := a.magic(o.pins[0].fd)
	overlay := ok && magic == unix.OVERLAYFS_SUPER_MAGIC
	for _, v := range parseOptions(o.text(4).Text()) {
		if !overlay && slices.Contains(remountRefused(), v.key) {
			return o.refuse("option " + v.key + " of a remount would mean the supervisor's")
		}
	}
	if overlay && data > nowhere {
		data = 0
	}
	if v := o.refusedOption(); v != "" {
		return o.refuse("the policy refuses option " + v)
	}
	if text, changed := o.ownIDs(o.optionText()); changed && data > nowhere {
		data = o.page(text)
	}
	if flags&unix.MS_BIND == 0 && o.machines(o.pins[0].fd) {
		return o.refuse("the file system is the machine's too: only its mount can be changed (MS_REMOUNT with MS_BIND)")
	}
	return o.plainMount(o.pointer(0), o.pointer(2), flags|o.kept(o.pins[0].fd), data)
}

// refuse fails a call that would reach beyond what is granted. The record says why.
func (o *op) refuse(why string) emulate.Result {
	o.why = why
	return emulate.Errno(unix.EPERM)
}

// mountNew mounts a new file system.
func (o *op) mountNew(flags uint64) emulate.Result {
	s := o.text(2)
	t := o.f.typeOf(s.Text())
	if t == nil {
		return o.mountUnknown(s, flags)
	}
	if len(o.text(4).P) == 0 && o.text(4).Addr != 0 || !o.text(0).Ended() && o.text(0).Addr != 0 {
		return o.plainMount(o.pointer(0), o.pointer(2), flags, o.data()) // memory that is not there, or a name that is too long
	}
	options := parseOptions(o.optionText())
	for _, v := range options {
		if t.refuses(v) {
			return o.refuse("option " + v.key + " of " + t.name + " would mean the supervisor's")
		}
	}
	if v := o.refusedOption(); v != "" {
		return o.refuse("the policy refuses option " + v)
	}
	switch {
	case t.made == layered:
		return o.mountOverlay(t, flags)
	case t.made == device:
		return o.mountDevice(t, flags, options)
	case t.made == outside && o.foreign(nsUser):
		return o.mountOutside(t, flags, options)
	}
	return o.mountInside(t, flags, options)
}

// optionText is mount's data: a page whose last byte the kernel takes for a NUL.
func (o *op) optionText() string {
	p := o.text(4).P
	if len(p) == maxText {
		p = p[:maxText-1]
	}
	text, _, _ := strings.Cut(string(p), "\x00")
	return text
}

// mountUnknown: the kernel is asked about the other arguments with a type that does not exist. A type that does, but that nothing is
// known of here, is refused.
func (o *op) mountUnknown(s *snapshot.Piece, flags uint64) emulate.Result {
	kind := o.pointer(2)
	if s.Ended() {
		kind = o.cstring("") // no file system's name
	}
	r := o.plainMount(o.pointer(0), kind, flags, o.data())
	if errno, _ := r.Failed(); errno == unix.ENODEV && listed(s.Text()) {
		return o.refuse("nothing is known of the options of " + s.Text())
	}
	return r
}

// listed says whether the kernel has a file system (proc_filesystems(5)).
func listed(name string) bool {
	text, err := os.ReadFile("/proc/filesystems")
	if err != nil {
		return true
	}
	for line := range bytes.Lines(text) {
		if fields := bytes.Fields(line); len(fields) > 0 && string(fields[len(fields)-1]) == name {
			return true
		}
	}
	return false
}

// mountInside is mount(2) with what options mean replaced by what is held of it.
func (o *op) mountInside(t *fsType, flags uint64, options []option) emulate.Result {
	changed := false
	for i := range options {
		v := &options[i]
		errno := syscall.Errno(0)
		switch {
		case v.flag:
		case slices.Contains(t.fds, v.key):
			v.value, changed = o.heldFD(v.value), true
		case slices.Contains(t.paths, v.key):
			v.value, errno = o.heldPath(v.value)
			changed = true
		}
		if errno != 0 {
			return emulate.Errno(errno)
		}
	}
	if t.name == "proc" && o.foreign(nsPID) && !o.f.procOption() {
		return o.mountProc(flags, options)
	}
	if t.name == "proc" && o.foreign(nsPID) && !slices.ContainsFunc(options, func(v option) bool { return v.key == "pidns" }) {
		fd, errno := o.namespace(unotify.PIDNamespace)
		if errno != 0 {
			return emulate.Errno(errno)
		}
		options, changed = append(options, option{key: "pidns", value: itoa(fd)}), true
	}
	if o.foreignContent(t) {
		flags |= unix.MS_NODEV
	}
	if !changed {
		return o.plainMount(o.pointer(0), o.pointer(2), flags, o.data())
	}
	text := joinOptions(options)
	if len(text) >= maxText {
		return o.refuse("with what the supervisor puts into them, the options are longer than a page: give fewer")
	}
	return o.plainMount(o.pointer(0), o.pointer(2), flags, o.page(text))
}

// page is a string in a page of its own, of which the kernel takes as much as is there.
func (o *op) page(text string) uintptr {
	b := make([]byte, maxText)
	copy(b[:maxText-1], text)
	return o.block(b)
}

// heldFD is the number of a copy of the caller's descriptor; one that does not exist is one that does not exist here either.
func (o *op) heldFD(text string) string {
	const none = "2147483647"
	n, err := strconv.Atoi(text)
	if err != nil {
		return none
	}
	fd, errno := o.descriptor(n)
	if errno != 0 {
		return none
	}
	return itoa(o.closing(fd))
}

// heldPath is what a path among the options leads to, as a name for an actor.
func (o *op) heldPath(text string) (string, syscall.Errno) {
	fd, errno := o.pathFD(text)
	return itoa(fd), errno
}

func (o *op) pathFD(text string) (int, syscall.Errno) {
	if text == "" {
		return -1, unix.ENOENT
	}
	base, errno := o.from(&pathArg{dir: none}, text)
	if errno != 0 {
		return -1, errno
	}
	if base >= 0 {
		defer unix.Close(base)
	}
	fd, errno := o.lookup(base, text, false)
	if errno != 0 {
		return -1, errno
	}
	return o.closing(fd), 0
}

// namespace is a handle on one of the caller's namespaces.
func (o *op) namespace(kind unotify.NamespaceKind) (int, syscall.Errno) {
	target, err := o.pin()
	if err != nil {
		return -1, targetErrno(err)
	}
	f, err := target.Namespace(kind)
	if err != nil {
		return -1, targetErrno(err)
	}
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return -1, errnoOf(err)
	}
	return o.closing(fd), 0
}

// bindForced binds with flags that the copy has before anybody sees it. Linux 5.12.
func (o *op) bindForced(flags uint64) syscall.Errno {
	a, errno := o.actor(granted)
	if errno != 0 {
		return errno
	}
	how := uintptr(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_EMPTY_PATH)
	if flags&unix.MS_REC != 0 {
		how |= unix.AT_RECURSIVE
	}
	tree, errno := opened(a.call(unix.SYS_OPEN_TREE, uintptr(o.pins[1].fd), o.cstring(""), how))
	if errno != 0 {
		return errno
	}
	o.closing(tree)
	if errno := o.setForced(a, tree); errno != 0 {
		return errno
	}
	return o.attach(a, tree)
}

// setForced gives a whole tree the flags that are forced.
func (o *op) setForced(a *actor, tree int) syscall.Errno {
	attr := mountAttrs(o.grant.Force)
	if attr == 0 {
		return 0
	}
	words4 := []uint64{attr, 0, 0, 0}
	if attr&unix.MOUNT_ATTR__ATIME != 0 {
		words4[1] = unix.MOUNT_ATTR__ATIME
	}
	_, errno := a.call(unix.SYS_MOUNT_SETATTR, uintptr(tree), o.cstring(""), unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, o.block(words(words4)), 32)
	return errno
}

// attach moves a mount that is nowhere yet to what is held of the target.
func (o *op) attach(a *actor, tree int) syscall.Errno { return o.attachAt(a, tree, o.pins[0].fd) }

func (o *op) attachAt(a *actor, tree, at int) syscall.Errno {
	const flags = unix.MOVE_MOUNT_F_EMPTY_PATH | unix.MOVE_MOUNT_T_EMPTY_PATH
	_, errno := a.call(unix.SYS_MOVE_MOUNT, uintptr(tree), o.cstring(""), uintptr(at), o.cstring(""), flags)
	if errno == unix.EINVAL && (kindOf(tree) == unix.S_IFDIR) != (kindOf(at) == unix.S_IFDIR) {
		return unix.ENOTDIR // what mount(2) says (graft_tree() of fs/namespace.c)
	}
	return errno
}
