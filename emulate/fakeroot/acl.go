package fakeroot

import (
	"encoding/binary"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/emulate/perform"
)

// accessACL is the attribute that is a file's mode in another form (acl(5)); cp -p sets modes by it.
const accessACL = "system.posix_acl_access"

// setACL is chmod by an access control list: set_posix_acl() and posix_acl_update_mode() of fs/posix_acl.c.
func setACL(f *Family, h perform.Held) emulate.Result {
	value := h.Raw().Whole()
	perm, owner, ok := modeOfACL(value)
	if !ok {
		return h.Do()
	}
	s := f.subject(h)
	if !s.owns() {
		return emulate.Errno(unix.EPERM)
	}
	mode := s.shown.Mode&(permissions&^0o777) | perm
	if !s.keepsGroupBit() {
		mode &^= unix.S_ISGID
	}
	given := value[owner]
	value[owner] |= byte(usable(0, s.is.Mode&unix.S_IFMT) >> 6) // it is our copy
	r := h.Do()
	value[owner] = given
	if _, failed := r.Failed(); failed {
		return r
	}
	return emulate.Errno(f.shelf.change(&s.is, func(to *file) syscall.Errno {
		to.moded, to.perm = true, mode
		return 0
	}))
}

// modeOfACL are the permissions that a list gives a file, and where in it the owner's are. The form is that of struct
// posix_acl_xattr_header and its entries (include/uapi/linux/posix_acl_xattr.h), which are little-endian.
func modeOfACL(value []byte) (perm uint16, owner int, ok bool) {
	const header, entry, version = 4, 8, 2
	if len(value) < header || (len(value)-header)%entry != 0 || binary.LittleEndian.Uint32(value) != version {
		return 0, 0, false
	}
	classes := map[uint16]uint16{}
	for at := header; at < len(value); at += entry {
		tag := binary.LittleEndian.Uint16(value[at:])
		classes[tag] = binary.LittleEndian.Uint16(value[at+2:]) & 7
		if tag == aclUserObj {
			owner = at + 2
		}
	}
	group, masked := classes[aclMask]
	if !masked {
		group = classes[aclGroupObj]
	}
	return classes[aclUserObj]<<6 | group<<3 | classes[aclOther], owner, owner > 0
}

// Tags of entries: include/uapi/linux/posix_acl.h.
const (
	aclUserObj  = 1
	aclGroupObj = 4
	aclMask     = 16
	aclOther    = 32
)
