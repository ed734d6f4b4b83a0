package container

import (
	"math"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/unotify"
)

// sysOpenTreeAttr has the same number everywhere: Linux 6.15.
const sysOpenTreeAttr = 467

// apiRows are the calls that mount by descriptors: Linux 5.2, mount_setattr 5.12, open_tree_attr 6.15.
func apiRows() []row {
	tree := []pathArg{{text: 1, dir: 0, flags: 2, stay: unix.AT_SYMLINK_NOFOLLOW, empty: unix.AT_EMPTY_PATH, null: unix.AT_EMPTY_PATH}}
	return []row{
		{call: "fsopen", texts: []int{0}, do: fsopen},
		{call: "fsconfig", texts: []int{2, 3}, do: fsconfig, slow: always,
			paths: []pathArg{{text: 3, dir: 4, flags: 1, empty: unix.FSCONFIG_SET_PATH_EMPTY, only: func(o *op) bool { return o.setsPath() }}}},
		{call: "fsmount", do: fsmount, note: standInNote},
		{call: "fspick", texts: []int{1}, do: fspick,
			paths: []pathArg{{text: 1, dir: 0, flags: 2, stay: unix.FSPICK_SYMLINK_NOFOLLOW, empty: unix.FSPICK_EMPTY_PATH}}},
		{call: "move_mount", texts: []int{1, 3}, do: moveMount, paths: []pathArg{
			{text: 1, dir: 0, flags: 4, absent: unix.MOVE_MOUNT_F_SYMLINKS, empty: unix.MOVE_MOUNT_F_EMPTY_PATH, null: unix.MOVE_MOUNT_F_EMPTY_PATH},
			{text: 3, dir: 2, flags: 4, absent: unix.MOVE_MOUNT_T_SYMLINKS, empty: unix.MOVE_MOUNT_T_EMPTY_PATH, null: unix.MOVE_MOUNT_T_EMPTY_PATH}}},
		{call: "open_tree", texts: []int{1}, do: openTree(none), paths: tree, note: standInNote},
		{call: "open_tree_attr", texts: []int{1}, raw: []rawArg{{ptr: 3, size: 4, most: 4096}}, do: openTree(0), paths: tree, note: standInNote},
		{call: "mount_setattr", texts: []int{1}, raw: []rawArg{{ptr: 3, size: 4, most: 4096}}, do: mountSetattr, paths: tree},
	}
}

const standInNote = "the descriptor stands for the mount; nothing but the calls of the mount API takes it for one"

func always(*op) bool { return true }

// creator is who makes file systems of a type for this caller.
func (o *op) creator(t *fsType) (caller, syscall.Errno) {
	k := granted
	switch {
	case t == nil:
	case t.made == device:
		if !o.foreign(nsMount) && !o.f.o.OwnMounts {
			return nil, unix.EPERM
		}
		return direct, 0
	case t.made == outside && o.foreign(nsUser):
		k = host
	case t.made == layered && o.foreign(nsUser):
		k = layers
	}
	a, errno := o.actor(k)
	if errno != 0 {
		return nil, errno
	}
	return a.call, 0
}

func fsopen(o *op) emulate.Result {
	if errno := o.look(); errno != 0 {
		return emulate.Errno(errno)
	}
	s := o.text(0)
	if o.programFor(s.Text()) != "" {
		return emulate.Errno(unix.ENOSYS) // programs mount by mount(2), so their callers have to
	}
	t := o.f.types[s.Text()]
	call, errno := o.creator(t)
	if errno != 0 {
		return emulate.Errno(errno)
	}
	if t != nil && t.made == layered {
		if a, errno := o.actor(granted); errno == 0 && !o.overlayTakesLayers(a) {
			return emulate.Errno(unix.ENOSYS) // the layers are held until the call is over
		}
	}
	byChild := t != nil && t.name == "proc" && o.foreign(nsPID) && !o.f.procOption()
	if byChild {
		a, errno := o.actor(granted)
		if errno != 0 {
			return emulate.Errno(errno)
		}
		call = o.inCallersPIDs(a)
	}
	kind := o.pointer(0)
	if t == nil && s.Ended() {
		kind = o.cstring("") // no file system's name: see mountUnknown
	}
	fd, errno := opened(call(unix.SYS_FSOPEN, kind, uintptr(o.flags(1)|unix.FSOPEN_CLOEXEC)))
	switch {
	case errno == unix.ENODEV && t == nil && listed(s.Text()):
		return o.refuse("nothing is known of the options of " + s.Text())
	case errno != 0:
		return emulate.Errno(errno)
	case t.name == "proc" && o.foreign(nsPID) && !byChild:
		errno = o.ownProcesses(call, fd)
	}
	return o.giveContext(fd, errno, t, o.flags(1)&unix.FSOPEN_CLOEXEC != 0)
}

// ownProcesses makes a proc file system one of the caller's pid namespace: Linux 6.17.
func (o *op) ownProcesses(call caller, fs int) syscall.Errno {
	pid, errno := o.namespace(unotify.PIDNamespace)
	if errno != 0 {
		return errno
	}
	_, errno = call(unix.SYS_FSCONFIG, uintptr(fs), unix.FSCONFIG_SET_FD, o.cstring("pidns"), 0, uintptr(pid))
	return errno
}

// giveContext gives the caller the descriptor itself: what it may do with it, the kernel asks for the caller's own rights.
func (o *op) giveContext(fd int, errno syscall.Errno, t *fsType, closeOnExec bool) emulate.Result {
	if errno == 0 {
		errno = o.f.opened.add(o, fd, t)
	}
	if errno != 0 {
		unix.Close(fd)
		return emulate.Errno(errno)
	}
	return emulate.Install(fd, closeOnExec)
}

func fspick(o *op) emulate.Result {
	a, errno := o.actor(granted)
	if errno != 0 {
		return emulate.Errno(errno)
	}
	if o.pins[0].state == held && o.machines(o.pins[0].fd) {
		return o.refuse("the file system is the machine's too: only its mount can be changed (mount_setattr)")
	}
	dir, path := o.at(0)
	flags := o.flags(2)&^unix.FSPICK_SYMLINK_NOFOLLOW | unix.FSPICK_EMPTY_PATH | unix.FSPICK_CLOEXEC
	fd, errno := opened(a.call(unix.SYS_FSPICK, dir, path, uintptr(flags)))
	if errno != 0 {
		return emulate.Errno(o.or(0, errno))
	}
	return o.giveContext(fd, 0, nil, o.flags(2)&unix.FSPICK_CLOEXEC != 0)
}

// setsPath says whether fsconfig's value is a path.
func (o *op) setsPath() bool {
	cmd := o.flags(1)
	return cmd == unix.FSCONFIG_SET_PATH || cmd == unix.FSCONFIG_SET_PATH_EMPTY
}

// context is what the caller's descriptor is, and who acts on it. One that nothing is known of is refused.
func (o *op) context() (fd int, x fsContext, call caller, errno syscall.Errno) {
	if errno := o.look(); errno != 0 {
		return -1, x, nil, errno
	}
	fd, errno = o.descriptor(o.int(0))
	switch errno {
	case 0:
		o.closing(fd)
	case unix.EBADF:
		fd = missingFD(o.int(0)) // for the kernel to say, after what it looks at before
	default:
		return -1, x, nil, errno
	}
	if _, mount := o.f.given.redeem(fd); mount {
		fd = missingFD(o.int(0)) // what it stands for is a place (O_PATH), which such calls do not take
	}
	x, ok := o.f.opened.find(fd)
	if !ok && o.linkOf(fd) == "anon_inode:[fscontext]" {
		// What an option means is not known: for whoever acts, a path would be the supervisor's.
		o.refuse("nothing is known of the context: more than " + itoa(maxContexts) + " were opened since, or it came from elsewhere")
		return -1, x, nil, unix.EPERM
	}
	call, errno = o.creator(x.kind) // what is no context at all, the kernel refuses
	return fd, x, call, errno
}

// missing is a descriptor that is not there for one that the caller does not have.
func missingFD(n int) int {
	const unused = 1 << 30
	if n < 0 {
		return n
	}
	return unused
}

func fsconfig(o *op) emulate.Result {
	fd, x, call, errno := o.context()
	if errno != 0 {
		return emulate.Errno(errno)
	}
	key := o.text(2).Text()
	cmd := o.flags(1)
	v := option{key: key, value: o.text(3).Text(), flag: cmd != unix.FSCONFIG_SET_STRING}
	switch {
	case x.fd > 0 && cmd <= unix.FSCONFIG_SET_FD && x.refuses(v):
		return o.refuse("option " + key + " would mean the supervisor's")
	case cmd <= unix.FSCONFIG_SET_FD && (o.refuses(v) || x.grant.refuses(v)):
		return o.refuse("the policy refuses option " + v.String())
	case cmd == unix.FSCONFIG_CMD_RECONFIGURE && o.machinesOwn(x):
		return o.refuse("the file system may be the machine's too: only its mount can be changed (mount_setattr)")
	case cmd == unix.FSCONFIG_SET_STRING && x.kind != nil && o.text(3).Ended() && o.int(4) == 0 && key != "":
		return result(0, o.setString(call, fd, x, option{key: key, value: o.text(3).Text()}))
	case cmd == unix.FSCONFIG_SET_BINARY:
		return o.setBinary(call, fd)
	case o.setsPath():
		return o.setPath(call, fd, x)
	case cmd == unix.FSCONFIG_SET_FD:
		return o.setFD(call, fd, key)
	}
	if cmd == unix.FSCONFIG_CMD_CREATE && x.readOnly {
		call(unix.SYS_FSCONFIG, uintptr(fd), unix.FSCONFIG_SET_FLAG, o.cstring("ro"), 0, 0) // one that is no new context is refused below
	}
	if cmd == unix.FSCONFIG_CMD_CREATE {
		defer o.f.opened.source(x.fd, -1, x.readOnly) // the file system has its device now
	}
	value := o.pointer(3)
	if v, ok := o.ownID(option{key: key, value: o.text(3).Text()}); ok && cmd == unix.FSCONFIG_SET_STRING {
		value = o.cstring(v.value)
	}
	r, errno := call(unix.SYS_FSCONFIG, uintptr(fd), uintptr(cmd), o.pointer(2), value, uintptr(o.int(4)))
	return result(r, errno)
}

// setString sets an option whose value may mean something of the caller's.
func (o *op) setString(call caller, fs int, x fsContext, v option) syscall.Errno {
	t := x.kind
	list := []setting{{option: v}}
	errno := syscall.Errno(0)
	switch {
	case slices.Contains(t.fds, v.key):
		list[0].value = o.heldFD(v.value)
	case slices.Contains(t.paths, v.key):
		list[0].fd, errno = o.pathFD(v.value)
	case t.made == outside && o.foreign(nsUser):
		list[0].value, errno = o.ownersID(t, v)
	case t.made == layered:
		list, errno = o.layers(v)
	case t.made == device && v.key == "source":
		list[0].value, errno = o.deviceNamed(&x, v.value)
	}
	for _, s := range list {
		if errno == 0 {
			errno = o.set(call, fs, s)
		}
	}
	return errno
}

// deviceNamed is where the supervisor has the device that the caller names. The options may come later: what the caller cannot write to is
// mounted read-only, whatever they say. A loop device lasts as long as the context.
func (o *op) deviceNamed(x *fsContext, path string) (string, syscall.Errno) {
	fd, errno := o.pathFD(path)
	if errno != 0 {
		return "", errno
	}
	if !x.grant.mayMountFrom(o.linkOf(fd)) {
		o.refuse("no rule's sources has " + o.linkOf(fd))
		return "", unix.EPERM
	}
	flags := x.grant.Force | o.grant.Force
	path, image, errno := o.blockSource(fd, flags, true)
	if errno == unix.EACCES || errno == unix.EROFS {
		flags |= unix.MS_RDONLY
		path, image, errno = o.blockSource(fd, flags, true)
	}
	if errno != 0 {
		return "", errno
	}
	loop := -1
	if image {
		if loop, errno = o.keepOpen(path); errno != 0 {
			return "", errno
		}
	}
	o.f.opened.source(x.fd, loop, flags&unix.MS_RDONLY != 0)
	return path, 0
}

func (o *op) keepOpen(path string) (int, syscall.Errno) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, errnoOf(err)
	}
	return fd, 0
}

// maxBinary is the largest value of an option (fsconfig(2)).
const maxBinary = 1 << 20

// setBinary: no file system that can be mounted here has such an option, so what the bytes are does not matter.
func (o *op) setBinary(call caller, fs int) emulate.Result {
	value := o.pointer(3)
	if n := o.int(4); value > nowhere && n > 0 && n <= maxBinary {
		value = o.block(make([]byte, n))
	}
	return result(call(unix.SYS_FSCONFIG, uintptr(fs), unix.FSCONFIG_SET_BINARY, o.pointer(2), value, uintptr(o.int(4))))
}

// setPath names what is held, which an actor can; the supervisor itself takes no options that are paths.
func (o *op) setPath(call caller, fs int, x fsContext) emulate.Result {
	if x.kind != nil && x.kind.made == device {
		return emulate.Errno(unix.EINVAL)
	}
	if o.pins[0].state == loose {
		return result(call(unix.SYS_FSCONFIG, uintptr(fs), uintptr(o.flags(1)), o.pointer(2), o.pointer(3), uintptr(o.int(4))))
	}
	r, errno := call(unix.SYS_FSCONFIG, uintptr(fs), unix.FSCONFIG_SET_PATH, o.pointer(2), o.name(0), atCwd)
	return result(r, o.or(0, errno))
}

// setFD hands over a copy of the caller's descriptor, or the mount that it stands for.
func (o *op) setFD(call caller, fs int, _ string) emulate.Result {
	fd, errno := o.descriptor(o.int(4))
	if errno != 0 {
		fd = missingFD(o.int(4))
	} else {
		o.closing(fd)
	}
	if real, ok := o.f.given.redeem(fd); ok {
		fd = real
	}
	return result(call(unix.SYS_FSCONFIG, uintptr(fs), unix.FSCONFIG_SET_FD, o.pointer(2), o.pointer(3), uintptr(fd)))
}

func fsmount(o *op) emulate.Result {
	fd, x, call, errno := o.context()
	if errno != 0 {
		return emulate.Errno(errno)
	}
	made := x.kind != nil && x.kind.made >= outside && o.foreign(nsUser)
	attrs := uint64(o.flags(2)) | mountAttrs(o.grant.Force|x.grant.Force)
	if made {
		attrs |= mountAttrs(safe)
	}
	if o.foreignContent(x.kind) {
		attrs |= unix.MOUNT_ATTR_NODEV
	}
	tree, errno := opened(call(unix.SYS_FSMOUNT, uintptr(fd), uintptr(o.flags(1)|unix.FSMOUNT_CLOEXEC), uintptr(attrs)))
	if errno == 0 && made && !x.kind.owned && (o.grant.IDMap || x.grant.IDMap) {
		errno = o.idmap(tree)
	}
	if errno == 0 {
		o.f.opened.made(fd, rootDevice(tree))
	}
	return o.giveTree(tree, errno, o.flags(1)&unix.FSMOUNT_CLOEXEC != 0)
}

// giveTree gives the caller a stand-in.
func (o *op) giveTree(tree int, errno syscall.Errno, closeOnExec bool) emulate.Result {
	if errno != 0 {
		if tree >= 0 {
			unix.Close(tree)
		}
		return emulate.Errno(errno)
	}
	fd, errno := o.f.given.give(tree)
	if errno != 0 {
		return emulate.Errno(errno)
	}
	return emulate.Install(fd, closeOnExec)
}

// openTree: attr is the position among raw of the attributes, if there are any.
func openTree(attr int) func(o *op) emulate.Result {
	return func(o *op) emulate.Result {
		k := granted
		if o.flags(2)&unix.OPEN_TREE_CLONE == 0 {
			k = asTarget // it opens, and does nothing else
		}
		a, errno := o.actor(k)
		if errno != 0 {
			return emulate.Errno(errno)
		}
		dir, path := o.at(0)
		flags := o.flags(2)&^unix.AT_SYMLINK_NOFOLLOW | unix.AT_EMPTY_PATH | unix.OPEN_TREE_CLOEXEC
		args := []uintptr{dir, path, uintptr(flags)}
		nr := uintptr(unix.SYS_OPEN_TREE)
		if attr != none {
			nr = sysOpenTreeAttr
			args = append(args, o.attributes(), uintptr(o.raws[0].Size))
		}
		tree, errno := opened(a.call(nr, args...))
		if errno == 0 && k == granted {
			errno = o.setForced(a, tree)
		}
		return o.giveTree(tree, o.or(0, errno), o.flags(2)&unix.OPEN_TREE_CLOEXEC != 0)
	}
}

// attributes is struct mount_attr as it was copied, with the user namespace that the caller means, and without taking away what is
// forced.
func (o *op) attributes() uintptr {
	b := o.raws[0].Whole()
	if len(b) < unix.MOUNT_ATTR_SIZE_VER0 {
		return o.block(b)
	}
	order := o.call.ABI.ByteOrder()
	set, forced := order.Uint64(b), mountAttrs(o.grant.Force)|o.keptAttrs(0, order.Uint64(b[8:]))
	if forced&unix.MOUNT_ATTR__ATIME != 0 {
		forced |= unix.MOUNT_ATTR__ATIME
	}
	cleared := order.Uint64(b[8:])
	order.PutUint64(b[8:], cleared&^forced)
	if propagation := order.Uint64(b[16:]); set|cleared&^forced|propagation == 0 {
		order.PutUint64(b, cleared&forced&^unix.MOUNT_ATTR__ATIME) // what asks for nothing the kernel does not look at
	}
	if set&unix.MOUNT_ATTR_IDMAP != 0 {
		o.userNamespace(b[24:])
	}
	return o.block(b)
}

// userNamespace puts a copy of the caller's descriptor into its place.
func (o *op) userNamespace(field []byte) {
	order := o.call.ABI.ByteOrder()
	n := order.Uint64(field)
	if n > math.MaxInt32 {
		return // EINVAL
	}
	fd, errno := o.descriptor(int(n))
	if errno != 0 {
		fd = missingFD(int(n))
	} else {
		o.closing(fd)
	}
	order.PutUint64(field, uint64(fd))
}

func mountSetattr(o *op) emulate.Result {
	a, errno := o.actor(granted)
	if errno != 0 {
		return emulate.Errno(errno)
	}
	dir, path := o.at(0)
	flags := o.flags(2)&^unix.AT_SYMLINK_NOFOLLOW | unix.AT_EMPTY_PATH
	r, errno := a.call(unix.SYS_MOUNT_SETATTR, dir, path, uintptr(flags), o.attributes(), uintptr(o.raws[0].Size))
	return result(r, o.or(0, errno))
}

// moveMount attaches or moves what is held. Where both paths lead nowhere, the kernel speaks of the target's.
func moveMount(o *op) emulate.Result {
	a, errno := o.actor(granted)
	if errno != 0 {
		return emulate.Errno(errno)
	}
	if o.pins[1].state == held && o.machineSees(o.pins[1].fd) {
		return o.refuse("the machine's mount namespace would get the mount, too: make the place private or a slave (mount_namespaces(7))")
	}
	const links = unix.MOVE_MOUNT_F_SYMLINKS | unix.MOVE_MOUNT_T_SYMLINKS
	flags := o.flags(4)&^links | unix.MOVE_MOUNT_F_EMPTY_PATH | unix.MOVE_MOUNT_T_EMPTY_PATH
	from, fromPath := o.at(0)
	to, toPath := o.at(1)
	r, errno := a.call(unix.SYS_MOVE_MOUNT, from, fromPath, to, toPath, uintptr(flags))
	if errno = o.or(1, errno); o.pins[1].state != failed {
		errno = o.or(0, errno)
	}
	return result(r, errno)
}
