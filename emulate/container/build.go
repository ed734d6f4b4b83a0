package container

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/unotify"
)

// A caller makes system calls: an actor, or the supervisor itself.
type caller func(nr uintptr, args ...uintptr) (uintptr, syscall.Errno)

// A setting is an option that is a string, a flag or a descriptor.
type setting struct {
	option
	fd int // instead of the value, if it is not 0
}

func settings(list []option) (out []setting) {
	for _, v := range list {
		out = append(out, setting{option: v})
	}
	return out
}

// build makes a file system and a mount of it that is attached nowhere. The descriptor goes with the call.
func (o *op) build(call caller, kind, source string, flags uint64, list []setting) (int, syscall.Errno) {
	fs, errno := opened(call(unix.SYS_FSOPEN, o.cstring(kind), unix.FSOPEN_CLOEXEC))
	if errno != 0 {
		return -1, errno
	}
	o.closing(fs)
	list = append(settings(superFlags(flags)), list...)
	if source != "" {
		list = append([]setting{{option: option{key: "source", value: source}}}, list...)
	}
	for _, s := range list {
		if errno := o.set(call, fs, s); errno != 0 {
			return -1, errno
		}
	}
	if _, errno := call(unix.SYS_FSCONFIG, uintptr(fs), unix.FSCONFIG_CMD_CREATE, 0, 0, 0); errno != 0 {
		return -1, errno
	}
	tree, errno := opened(call(unix.SYS_FSMOUNT, uintptr(fs), unix.FSMOUNT_CLOEXEC, uintptr(mountAttrs(flags))))
	if errno != 0 {
		return -1, errno
	}
	return o.closing(tree), 0
}

// set gives a file system one option. Where a descriptor is not taken (overlay before Linux 6.13), its name is.
func (o *op) set(call caller, fs int, s setting) syscall.Errno {
	key := o.cstring(s.key)
	if s.flag {
		_, errno := call(unix.SYS_FSCONFIG, uintptr(fs), unix.FSCONFIG_SET_FLAG, key, 0, 0)
		return errno
	}
	if s.fd > 0 {
		_, errno := call(unix.SYS_FSCONFIG, uintptr(fs), unix.FSCONFIG_SET_FD, key, 0, uintptr(s.fd))
		if errno != unix.EINVAL && errno != unix.EBADF {
			return errno
		}
		s.value = itoa(s.fd)
	}
	_, errno := call(unix.SYS_FSCONFIG, uintptr(fs), unix.FSCONFIG_SET_STRING, key, o.cstring(s.value), 0)
	return errno
}

// mountOverlay hands the layers over as descriptors: by their names, the kernel would look them up with what the actor may do. Overlay does
// its own work with the rights of who mounts it, and needs some that a container's root has without mounting: its work directory has no
// mode, and copies get their originals' owners. Whoever uses the mount is asked for his own rights first (fs/overlayfs/inode.c,
// ovl_permission).
func (o *op) mountOverlay(t *fsType, flags uint64) emulate.Result {
	k := granted
	if o.foreign(nsUser) {
		k = layers
	}
	a, errno := o.actor(k)
	if errno != 0 {
		return emulate.Errno(errno)
	}
	var list []setting
	for _, v := range overlayOptions(o.optionText()) {
		layers, errno := o.layers(v)
		if errno != 0 {
			return emulate.Errno(errno)
		}
		list = append(list, layers...)
	}
	if !o.overlayTakesLayers(a) {
		return o.mountLayers(a, flags, list)
	}
	tree, errno := o.build(a.call, t.name, o.text(0).Text(), flags, list)
	if errno == 0 {
		errno = o.attach(a, tree)
	}
	return result(0, errno)
}

// overlayOptions takes options apart at commas that no backslash is before (ovl_next_opt() of fs/overlayfs/params.c).
func overlayOptions(data string) (list []option) {
	for data != "" {
		part := data
		for i := 0; i < len(data); i++ {
			if data[i] == '\\' {
				i++
				continue
			}
			if data[i] == ',' {
				part = data[:i]
				break
			}
		}
		data = strings.TrimPrefix(data[len(part):], ",")
		if key, value, ok := strings.Cut(part, "="); part != "" {
			list = append(list, option{key: key, value: value, flag: !ok})
		}
	}
	return list
}

// layers is an option with its paths held. Two colons come before layers of data only.
func (o *op) layers(v option) ([]setting, syscall.Errno) {
	key := v.key
	switch {
	case v.flag:
		return []setting{{option: v}}, 0
	case key == "upperdir", key == "workdir", key == "lowerdir+", key == "datadir+":
		fd, errno := o.layer(v.value)
		return []setting{{option: option{key: key}, fd: fd}}, errno
	case key != "lowerdir":
		return []setting{{option: v}}, 0
	}
	if slashes := len(v.value) - len(strings.TrimRight(v.value, `\`)); slashes%2 != 0 {
		return nil, unix.EINVAL // it would escape the end
	}
	list := []setting{{option: option{key: key}}} // without a value it takes back what was given before
	if v.value == "" {
		return list, 0
	}
	layers := splitLayers(v.value)
	key = "lowerdir+"
	for i, layer := range layers {
		if layer == "" {
			if i == 0 || i == len(layers)-1 || layers[i-1] == "" {
				return nil, unix.EINVAL
			}
			key = "datadir+"
			continue
		}
		fd, errno := o.layer(layer)
		if errno != 0 {
			return nil, errno
		}
		list = append(list, setting{option: option{key: key}, fd: fd})
	}
	return list, 0
}

// layer holds one layer. Overlay does not ask what its layers' mounts forbid: where nothing else keeps the devices of a stranger's file
// system from counting, it is not to make them count.
func (o *op) layer(text string) (int, syscall.Errno) {
	fd, errno := o.pathFD(unescape(text))
	if errno == 0 && !o.foreign(nsUser) && o.kept(fd)&unix.MS_NODEV != 0 {
		o.refuse("the layer's mount forbids devices, and overlay would not")
		return -1, unix.EPERM
	}
	return fd, errno
}

// maxLayers is OVL_MAX_STACK of fs/overlayfs/params.h.
const maxLayers = 500

func splitLayers(text string) (list []string) {
	start := 0
	for i := 0; i < len(text) && len(list) <= 2*maxLayers; i++ {
		switch text[i] {
		case '\\':
			i++
		case ':':
			list, start = append(list, text[start:i]), i+1
		}
	}
	return append(list, text[min(start, len(text)):])
}

func unescape(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) {
			i++
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// mountOutside makes a file system with the supervisor's rights, in the caller's network namespace, and attaches it with the
// container's.
func (o *op) mountOutside(t *fsType, flags uint64, options []option) emulate.Result {
	h, errno := o.actor(host)
	if errno != 0 {
		return emulate.Errno(errno)
	}
	for i := range options {
		v := &options[i]
		if !v.flag && slices.Contains(t.fds, v.key) {
			v.value = o.heldFD(v.value)
		}
		if v.value, errno = o.ownersID(t, *v); errno != 0 {
			return emulate.Errno(errno)
		}
	}
	tree, errno := o.build(h.call, t.name, o.text(0).Text(), flags|safe, settings(options))
	return o.attachMade(t, tree, errno)
}

// ownersID is an option's value with the id of a user or group as the supervisor has it; one that the caller's user namespace has not is
// none (fs_param_is_uid() of fs/fs_parser.c).
func (o *op) ownersID(t *fsType, v option) (string, syscall.Errno) {
	for kind, list := range [...][]string{t.users, t.groups} {
		id, err := strconv.ParseUint(v.value, 0, 32)
		if err != nil || !slices.Contains(list, v.key) {
			continue
		}
		ids := o.ids(uint32(kind), false)
		there, ok := ids.out(uint32(id))
		if !ok {
			return "", unix.EINVAL
		}
		return strconv.FormatUint(uint64(there), 10), 0
	}
	return v.value, 0
}

// safe is forced on what the supervisor's rights have mounted for a user namespace: it shows the supervisor's devices and ids.
const safe = unix.MS_NODEV | unix.MS_NOSUID

func (o *op) attachMade(t *fsType, tree int, errno syscall.Errno) emulate.Result {
	if errno != 0 {
		return emulate.Errno(errno)
	}
	if o.grant.IDMap && o.foreign(nsUser) && !t.owned {
		if errno := o.idmap(tree); errno != 0 {
			return emulate.Errno(errno)
		}
	}
	a, errno := o.actor(granted)
	if errno == 0 {
		errno = o.attach(a, tree)
	}
	return result(0, errno)
}

// idmap makes the ids on a mount those of the caller's user namespace: Linux 5.12.
func (o *op) idmap(tree int) syscall.Errno {
	user, errno := o.namespace(unotify.UserNamespace)
	if errno != 0 {
		return errno
	}
	err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(user)})
	if err != nil {
		return errnoOf(err)
	}
	return 0
}

// mountDevice mounts what is on a block device or, if allowed, in a file.
func (o *op) mountDevice(t *fsType, flags uint64, options []option) emulate.Result {
	p := &o.pins[1]
	if p.state != held {
		if p.state == failed {
			return emulate.Errno(p.errno)
		}
		return o.plainMount(0, o.pointer(2), flags, o.data())
	}
	if o.foreign(nsUser) {
		flags |= safe
	}
	listed := o.grant.mayMountFrom(o.linkOf(p.fd))
	if o.grant.Sources != nil && !listed {
		return o.refuse("the rule's sources do not have " + o.linkOf(p.fd))
	}
	path, _, errno := o.blockSource(p.fd, flags, listed)
	if errno != 0 {
		return emulate.Errno(errno)
	}
	if o.foreignContent(t) {
		flags |= unix.MS_NODEV
	}
	tree, errno := o.build(direct, t.name, path, flags, settings(options))
	return o.attachMade(t, tree, errno)
}

// blockSource is where the supervisor has the block device that is held, or that it makes of a file, if that may be.
func (o *op) blockSource(fd int, flags uint64, image bool) (path string, isImage bool, errno syscall.Errno) {
	st, _ := statOf(fd, unix.STATX_BASIC_STATS)
	switch {
	case st.Mode&unix.S_IFMT == unix.S_IFBLK:
		path, errno = o.blockDevice(fd, unix.Mkdev(st.Rdev_major, st.Rdev_minor), flags)
		return path, false, errno
	case st.Mode&unix.S_IFMT == unix.S_IFREG && image:
		path, errno = o.loop(fd, flags)
		return path, true, errno
	}
	return "", false, unix.ENOTBLK
}

// blockDevice is where the supervisor has a device. The caller must have the right to use what is held of it.
func (o *op) blockDevice(fd int, rdev, flags uint64) (string, syscall.Errno) {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil || fs.Flags&unix.ST_NODEV != 0 {
		return "", unix.EACCES // lookup_bdev() of block/bdev.c
	}
	use, errno := o.reopen(fd, flags)
	if errno != 0 {
		return "", errno
	}
	o.closing(use)
	return devicePath(rdev)
}

// reopen opens what is held for reading and, unless the mount is to be read-only, for writing, with the caller's rights.
func (o *op) reopen(fd int, flags uint64) (int, syscall.Errno) {
	a, errno := o.actor(asTarget)
	if errno != 0 {
		return -1, errno
	}
	how := unix.OpenHow{Flags: unix.O_RDWR | unix.O_CLOEXEC | unix.O_NONBLOCK}
	if flags&unix.MS_RDONLY != 0 {
		how.Flags = unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK
	}
	return a.openat2(unix.AT_FDCWD, itoa(fd), &how)
}

func devicePath(rdev uint64) (string, syscall.Errno) {
	link, err := os.Readlink(fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(rdev), unix.Minor(rdev)))
	if err != nil {
		return "", unix.ENXIO
	}
	path := filepath.Join("/dev", strings.ReplaceAll(filepath.Base(link), "!", "/"))
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK || st.Rdev != rdev {
		return "", unix.ENXIO
	}
	return path, 0
}

// loop makes a file a block device that goes with its last user (LO_FLAGS_AUTOCLEAR of loop(4)).
func (o *op) loop(fd int, flags uint64) (string, syscall.Errno) {
	file, errno := o.reopen(fd, flags)
	if errno != 0 {
		return "", errno
	}
	o.closing(file)
	control, err := unix.Open("/dev/loop-control", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", errnoOf(err)
	}
	defer unix.Close(control)
	config := unix.LoopConfig{Fd: uint32(file), Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_AUTOCLEAR}}
	if flags&unix.MS_RDONLY != 0 {
		config.Info.Flags |= unix.LO_FLAGS_READ_ONLY
	}
	const tries = 16 // another may take the free one first
	for range tries {
		n, err := unix.IoctlRetInt(control, unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return "", errnoOf(err)
		}
		path := "/dev/loop" + itoa(n)
		dev, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return "", errnoOf(err)
		}
		o.closing(dev)
		if err = unix.IoctlLoopConfigure(dev, &config); err == nil {
			return path, 0
		}
		if errnoOf(err) != unix.EBUSY {
			return "", errnoOf(err)
		}
	}
	return "", unix.EBUSY
}
