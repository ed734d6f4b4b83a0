package container

import (
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/emulate"
)

// A row says how one call is performed. Positions are those of the call's parameters.
type row struct {
	call    string
	note    string
	texts   []int // strings that are copied
	raw     []rawArg
	paths   []pathArg
	copy    func(o *op, raw *arch.Data, mem arch.Memory) // what else is read of the target's memory
	do      func(o *op) emulate.Result
	slow    func(o *op) bool // it may wait for a device, a server or another process; nil: it never does
	checked bool             // judged, and then left to the kernel
	large   bool             // what is copied may be large: it is not kept for the next call
}

// none is no position.
const none = -1

// A pathArg says what a path among the arguments names.
type pathArg struct {
	text   int // position
	dir    int // of the descriptor that it is relative to; none: the working directory
	kind   kind
	flags  int    // of the flags that the next two are of
	absent uint64 // without any of these flags the link at the path's end is meant itself
	stay   uint64 // with one of these flags the link at the path's end is meant itself
	empty  uint64 // the flag that lets an empty path mean the descriptor
	null   uint64 // the flag that lets a null path mean it, too
	only   func(o *op) bool
}

// A kind of thing that a path names.
type kind uint8

const (
	object kind = iota // what the path leads to
	name               // a name in a directory, which may not exist
)

// A rawArg is a structure or a value that is copied as it is.
type rawArg struct {
	ptr   int
	size  int // position of the size in bytes; none: fixed
	fixed int
	most  int // what the kernel takes at most
}

func onlyPath(arg int) []pathArg { return []pathArg{{text: arg, dir: none}} }

// rows are the calls of all groups.
func rows() (list []row) {
	for _, group := range [][]row{mountRows(), apiRows(), deviceRows(), xattrRows(), systemRows(), moduleRows(), bpfRows(), clockRows(), quotaRows()} {
		list = append(list, group...)
	}
	return list
}

const mountNote = "of file systems whose options are known; overlay shows its layers one by one, and as absolute paths"

func mountRows() []row {
	return []row{
		{call: "mount", texts: []int{0, 1, 2, 4}, do: mount, slow: func(o *op) bool { return o.slowMount() }, note: mountNote,
			paths: []pathArg{{text: 1, dir: none}, {text: 0, dir: none, only: func(o *op) bool { return o.sourceIsPath() }}}},
		{call: "umount", texts: []int{0}, paths: onlyPath(0), do: umount(none)},
		{call: "umount2", texts: []int{0}, do: umount(1), note: "with MNT_EXPIRE always EAGAIN: looking at a mount is using it",
			paths: []pathArg{{text: 0, dir: none, flags: 1, stay: unix.UMOUNT_NOFOLLOW}}},
		{call: "pivot_root", texts: []int{0, 1}, checked: true, paths: []pathArg{{text: 0, dir: none}, {text: 1, dir: none}}},
	}
}
