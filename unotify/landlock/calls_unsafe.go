package landlock

import (
	"encoding/binary"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rulesetAttr is struct landlock_ruleset_attr as of ABI 10. Older kernels take it as long as what they do not know is zero.
type rulesetAttr struct {
	handledFS, handledNet, scoped  uint64
	quietFS, quietNet, quietScoped uint64
}

// createRuleset is landlock_create_ruleset(2): a descriptor, or, without attr, what the flags ask for.
func createRuleset(attr *rulesetAttr, flags uint) (int, syscall.Errno) {
	var size uintptr
	if attr != nil {
		size = unsafe.Sizeof(*attr)
	}
	r, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(attr)), size, uintptr(flags))
	return int(r), errno
}

// addPathRule is landlock_add_rule(2). Its struct is packed: 12 bytes.
func addPathRule(ruleset int, allow uint64, fd int, flags uint32) syscall.Errno {
	var attr [12]byte
	binary.NativeEndian.PutUint64(attr[:], allow)
	binary.NativeEndian.PutUint32(attr[8:], uint32(fd))
	return addRule(ruleset, unix.LANDLOCK_RULE_PATH_BENEATH, unsafe.Pointer(&attr), flags)
}

// rulePort is LANDLOCK_RULE_NET_PORT, struct landlock_net_port_attr's type.
const rulePort = 2

func addPortRule(ruleset int, allow, port uint64, flags uint32) syscall.Errno {
	attr := [2]uint64{allow, port}
	return addRule(ruleset, rulePort, unsafe.Pointer(&attr), flags)
}

func addRule(ruleset, kind int, attr unsafe.Pointer, flags uint32) syscall.Errno {
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), uintptr(kind), uintptr(attr), uintptr(flags), 0, 0)
	return errno
}

func restrictSelf(ruleset int, flags uint32) syscall.Errno {
	_, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(ruleset), uintptr(flags), 0)
	return errno
}
