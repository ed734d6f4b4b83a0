package perform

import (
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
)

// A row says how one call is performed. Positions are those of the call's parameters.
type row struct {
	call  string
	note  string
	paths []pathArg
	raw   []rawArg
	how   func(o *op) unix.OpenHow // of the calls that open
	copy  func(o *op)              // of the calls on sockets: copies what the arguments lead to
	do    func(o *op) emulate.Result

	checked bool // judged, and then left to the kernel
	once    bool // performing it twice is not the same: what is made, removed, connected or sent
}

// A pathArg says what a path among the arguments names.
type pathArg struct {
	path     int    // position; none: the descriptor itself is meant
	dir      int    // of the descriptor that it is relative to; none: the working directory
	kind     kind   //
	flags    int    // of AT_* flags; none: there are none
	nofollow uint64 // the flag that means the link itself
	follow   uint64 // the flag that means what a link leads to, where the link itself is the rule
	empty    uint64 // the flag that lets an empty path mean the descriptor
	null     bool   // a null path means the descriptor
	maybe    bool   // a null path is an empty one
	link     bool   // an empty path means the link that the descriptor refers to
	place    bool   // with no path at all: a descriptor of O_PATH will do
}

// none is no position.
const none = -1

// A kind of thing that a path names.
type kind uint8

const (
	object kind = iota // what the path leads to
	link               // the same, but a symbolic link at its end is meant itself
	name               // a name in a directory, which may not exist
	opened             // what open(2) opens: an object, or a name if it is to be created
)

// A rawArg is memory that is copied as it is: structures whose bytes the kernel takes.
type rawArg struct {
	ptr  int // position of the pointer
	size int // position of the size in bytes; none: fixed
	// fixed is the size on 64-bit and on 32-bit ABIs.
	fixed [2]int
	// inside: the pointer is the first word of the copy before this one, the size the four bytes after it (struct xattr_args).
	inside bool
	// most is what the kernel takes at most; more is left to it to refuse.
	most int
}

// onlyPath is a call whose one path is its first parameter.
func onlyPath(k kind) []pathArg { return []pathArg{{path: 0, dir: none, kind: k, flags: none}} }

// atPath is a call that begins with a descriptor and a path.
func atPath(k kind) []pathArg { return []pathArg{{path: 1, dir: 0, kind: k, flags: none}} }

// rows are the calls of all families of files.
func rows() (list []row) {
	for _, group := range [][]row{openRows(), nameRows(), attributeRows(), statRows(), xattrRows(), watchRows(), listingRows(), socketRows()} {
		list = append(list, group...)
	}
	return list
}
