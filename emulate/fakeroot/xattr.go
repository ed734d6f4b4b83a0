package fakeroot

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/emulate/perform"
)

// capability is the attribute that gives a program capabilities.
const capability = "security.capability"

// xattrRows are the calls on extended attributes. Those that only root may set are written down, all others are the kernel's (xattr(7)).
func xattrRows() (rows []fileRow) {
	for _, prefix := range [...]string{"", "l", "f"} {
		rows = append(rows, fileRow{call: prefix + "setxattr", do: setxattr}, fileRow{call: prefix + "getxattr", do: getxattr},
			fileRow{call: prefix + "listxattr", do: listxattr}, fileRow{call: prefix + "removexattr", do: removexattr})
	}
	return rows
}

// attribute is the name that a call gives; false: it is one that everybody may set who may write to the file, or none at all.
func attribute(h perform.Held) (string, bool) {
	v := &h.Call().Args[1]
	const longest = 255 // XATTR_NAME_MAX of include/uapi/linux/limits.h
	if v.State != arch.OK || len(v.Bytes) > longest {
		return "", false
	}
	name := string(v.Bytes)
	for _, prefix := range [...]string{"security.", "trusted."} {
		if rest, ok := strings.CutPrefix(name, prefix); ok && rest != "" {
			return name, true
		}
	}
	return "", false
}

// mayChange is cap_inode_setxattr() of security/commoncap.c and xattr_permission() of fs/xattr.c.
func mayChange(who *creds, name string) bool {
	if name == capability {
		return who.can(unix.CAP_SETFCAP)
	}
	return who.can(unix.CAP_SYS_ADMIN)
}

// maySee: trusted attributes are not there for those who may not set them.
func maySee(who *creds, name string) bool {
	return !strings.HasPrefix(name, "trusted.") || who.can(unix.CAP_SYS_ADMIN)
}

// maxXattr is XATTR_SIZE_MAX of include/uapi/linux/limits.h.
const maxXattr = 64 << 10

func setxattr(f *Family, h perform.Held) emulate.Result {
	name, ours := attribute(h)
	if !ours && string(h.Call().Args[1].Bytes) == accessACL {
		return setACL(f, h)
	}
	if !ours {
		return h.Do()
	}
	is, _ := h.Stat(0)
	who := f.crowd.of(h.Who())
	old, known := f.shelf.xattr(&is, name)
	flags, value := uint32(h.Call().Args[4].Raw), h.Raw()
	switch {
	case flags&^(unix.XATTR_CREATE|unix.XATTR_REPLACE) != 0:
		return emulate.Errno(unix.EINVAL)
	case value.Size > maxXattr:
		return emulate.Errno(unix.E2BIG)
	case value.Size > 0 && value.Whole() == nil:
		return emulate.Errno(unix.EFAULT)
	case name == capability && value.Size > 0 && !validCapability(value.Whole()):
		return emulate.Errno(unix.EINVAL)
	case !mayChange(&who, name):
		return emulate.Errno(unix.EPERM)
	case flags&unix.XATTR_CREATE != 0 && old != nil:
		return emulate.Errno(unix.EEXIST)
	case flags&unix.XATTR_REPLACE != 0 && old == nil && (known || !slices.Contains(h.Xattrs(), name)):
		return emulate.Errno(unix.ENODATA)
	}
	if value.Size == 0 {
		return emulate.Errno(f.shelf.setXattr(&is, name, []byte{}))
	}
	return emulate.Errno(f.shelf.setXattr(&is, name, value.Whole()))
}

// validCapability is validheader() of security/commoncap.c, for struct vfs_cap_data and vfs_ns_cap_data of include/uapi/linux/capability.h.
func validCapability(value []byte) bool {
	const version2, version3, revision = 0x02000000, 0x03000000, 0xff000000
	if len(value) < 4 {
		return false
	}
	magic := binary.LittleEndian.Uint32(value) & revision
	return len(value) == 20 && magic == version2 || len(value) == 24 && magic == version3
}

func getxattr(f *Family, h perform.Held) emulate.Result {
	name, ours := attribute(h)
	if !ours {
		return h.Do()
	}
	is, _ := h.Stat(0)
	value, known := f.shelf.xattr(&is, name)
	if !known {
		return h.Do()
	}
	who := f.crowd.of(h.Who())
	if value == nil || !maySee(&who, name) {
		return emulate.Errno(unix.ENODATA)
	}
	return filled(h, 2, value)
}

// filled gives the program what it has room for; size zero asks how much there is.
func filled(h perform.Held, to int, value []byte) emulate.Result {
	c := h.Call()
	switch size := number(c, to+1); {
	case size == 0:
		return emulate.Return(int64(len(value)))
	case size < uint64(len(value)):
		return emulate.Errno(unix.ERANGE)
	case len(value) == 0:
		return emulate.Return(0)
	}
	return emulate.Return(int64(len(value))).Write(number(c, to), value)
}

// number is an argument of a word's width.
func number(c *arch.Call, i int) uint64 {
	if c.ABI.Word() == 4 {
		return uint64(uint32(c.Args[i].Raw))
	}
	return c.Args[i].Raw
}

func listxattr(f *Family, h perform.Held) emulate.Result {
	is, _ := h.Stat(0)
	known := f.shelf.xattrs(&is)
	if len(known) == 0 {
		return h.Do()
	}
	who := f.crowd.of(h.Who())
	names := slices.DeleteFunc(h.Xattrs(), func(name string) bool { _, ok := known[name]; return ok })
	for name, value := range known {
		if value != nil && maySee(&who, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var list bytes.Buffer
	for _, name := range names {
		list.WriteString(name)
		list.WriteByte(0)
	}
	return filled(h, 1, list.Bytes())
}

// removexattr leaves a mark in the place of an attribute that the file has: it may be one that the program cannot remove.
func removexattr(f *Family, h perform.Held) emulate.Result {
	name, ours := attribute(h)
	if !ours {
		return h.Do()
	}
	is, _ := h.Stat(0)
	value, known := f.shelf.xattr(&is, name)
	who := f.crowd.of(h.Who())
	switch {
	case !mayChange(&who, name):
		return emulate.Errno(unix.EPERM)
	case known && value == nil, !known && !slices.Contains(h.Xattrs(), name):
		return emulate.Errno(syscall.Errno(unix.ENODATA))
	}
	return emulate.Errno(f.shelf.setXattr(&is, name, nil))
}
