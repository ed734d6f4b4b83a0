package cond

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
)

// CallerInfo says who makes the call. Each is asked at most once for a call, and only if a condition needs it. An error makes
// the decision one.
type CallerInfo interface {
	UID() (uint32, error)  // effective, in the supervisor's user namespace
	GID() (uint32, error)  //
	Exe() (string, error)  // the program's path
	Comm() (string, error) // the thread's name
	Cwd() (string, error)  // absolute
}

// A Context is what a condition is decided on. It serves one call at a time and one goroutine; Reset prepares it for the next
// call and keeps its buffers, so that a decision allocates nothing.
type Context struct {
	Call   *arch.Call
	Caller CallerInfo // nil: what asks for the caller is an error
	// Paths gives the path that an argument of the call means to the kernel, absolute and clean; false: nobody knows, which is
	// an error. It is asked for the null pointer and the empty path too. nil: see the package's comment.
	Paths policy.Paths

	buf    []byte // what the slots hold
	cached [numCached]cached
	ids    [2]uint32
	known  [2]bool
}

// Slots of a Context after those of the arguments.
const (
	slotExe = 6 + iota
	slotCwd
	slotComm
	numCached
)

// A cached string is a part of the Context's buffer.
type cached struct {
	done       bool
	err        error
	start, end int
}

// Reset prepares for another call.
func (c *Context) Reset(call *arch.Call, caller CallerInfo) {
	c.Call, c.Caller = call, caller
	c.buf = c.buf[:0]
	c.cached = [numCached]cached{}
	c.known = [2]bool{}
}

var (
	errNoCaller  = errors.New("nothing is known of the caller")
	errUnread    = errors.New("was not read")
	errNoPath    = errors.New("the path cannot be resolved")
	errNoCwd     = errors.New("the working directory has no absolute path")
	errRelative  = errors.New("the path is relative to a descriptor that nobody resolved")
	errMultiplex = errors.New("the call has no such argument")
)

// unreadable are the errors of values that are not known, by arch.State.
var unreadable = [...]error{
	arch.Unread:       errUnread,
	arch.Unreadable:   errors.New("memory cannot be read"),
	arch.Unterminated: errors.New("string has no end"),
	arch.Truncated:    errors.New("longer than what is read"),
}

func stateError(s arch.State) error {
	if int(s) < len(unreadable) {
		return unreadable[s]
	}
	return errUnread
}

// firstBuffer is enough for most paths.
const firstBuffer = 512

// load fills a slot, once, with what fill appends.
func (c *Context) load(slot int, fill func(c *Context, slot int) error) ([]byte, error) {
	e := &c.cached[slot]
	if !e.done {
		if c.buf == nil {
			c.buf = make([]byte, 0, firstBuffer)
		}
		start := len(c.buf)
		err := fill(c, slot)
		if err != nil {
			c.buf = c.buf[:start]
		}
		*e = cached{done: true, err: err, start: start, end: len(c.buf)}
	}
	return c.buf[e.start:e.end:e.end], e.err
}

func fillCaller(c *Context, slot int) error {
	if c.Caller == nil {
		return errNoCaller
	}
	s, err := "", error(nil)
	switch slot {
	case slotExe:
		s, err = c.Caller.Exe()
	case slotComm:
		s, err = c.Caller.Comm()
	default:
		s, err = c.Caller.Cwd()
	}
	c.buf = append(c.buf, s...)
	return err
}

func (c *Context) cwd() ([]byte, error) {
	cwd, err := c.load(slotCwd, fillCaller)
	if err == nil && (len(cwd) == 0 || cwd[0] != '/') {
		return nil, errNoCwd
	}
	return cwd, err
}

// id returns the caller's uid (0) or gid (1).
func (c *Context) id(which int) (uint64, error) {
	if c.known[which] {
		return uint64(c.ids[which]), nil
	}
	if c.Caller == nil {
		return 0, errNoCaller
	}
	ask := c.Caller.UID
	if which == 1 {
		ask = c.Caller.GID
	}
	id, err := ask()
	c.ids[which], c.known[which] = id, err == nil
	return uint64(id), err
}

// PathOf returns the path that an argument means, good until the next Reset.
func (c *Context) PathOf(arg int) ([]byte, error) { return c.argPath(arg) }

// argPath returns the path that an argument means.
func (c *Context) argPath(arg int) ([]byte, error) {
	if arg < 0 || arg >= slotExe {
		return nil, errMultiplex
	}
	if c.Paths == nil && arg < len(c.Call.Args) {
		c.ready(c.Call.Args[arg].Bytes)
	}
	return c.load(arg, fillPath)
}

func fillPath(c *Context, arg int) error {
	if c.Paths != nil {
		p, ok := c.Paths.Path(arg)
		c.buf = append(c.buf, p...)
		if !ok {
			return errNoPath
		}
		return nil
	}
	if arg >= len(c.Call.Args) || c.Call.Args[arg].Param == nil {
		return nil
	}
	v := &c.Call.Args[arg]
	if v.State != arch.OK && v.State != arch.Null {
		return stateError(v.State)
	}
	return c.appendPath(v.Bytes, dirFD(c.Call, arg))
}

// atFDCWD is AT_FDCWD of include/uapi/linux/fcntl.h.
const atFDCWD = -100

// dirFD returns what a path argument is relative to; nil if there is no descriptor for it.
func dirFD(c *arch.Call, arg int) *arch.Value {
	if arg == 0 || c.Args[arg-1].Param == nil || c.Args[arg-1].Param.Kind != arch.KindDirFD {
		return nil
	}
	return &c.Args[arg-1]
}

// appendPath appends a path as the lexical rules have it. An empty one with a descriptor may mean the descriptor's file
// (AT_EMPTY_PATH, utimensat's null path).
func (c *Context) appendPath(p []byte, fd *arch.Value) error {
	if len(p) > 0 && p[0] == '/' {
		c.buf = appendClean(c.buf, nil, p)
		return nil
	}
	if fd != nil && (len(p) == 0 || int32(fd.Raw) != atFDCWD) {
		return errRelative
	}
	if len(p) == 0 {
		return nil
	}
	cwd, err := c.cwd()
	if err != nil {
		return err
	}
	c.buf = appendClean(c.buf, cwd, p)
	return nil
}

// ready keeps the working directory before a slot is filled, if a path needs it: what a slot holds is in one piece.
func (c *Context) ready(p []byte) {
	if len(p) > 0 && p[0] != '/' {
		_, _ = c.cwd() // whoever needs it sees the error
	}
}

// appendClean appends dir/p without empty components, "." and "..", which takes its predecessor away, at the root nothing.
func appendClean(buf, dir, p []byte) []byte {
	start := len(buf)
	for _, part := range [...][]byte{dir, p} {
		for len(part) > 0 {
			var name []byte
			name, part = cutComponent(part)
			switch {
			case len(name) == 0 || string(name) == ".":
			case string(name) == "..":
				buf = buf[:start+max(0, bytes.LastIndexByte(buf[start:], '/'))]
			default:
				buf = append(append(buf, '/'), name...)
			}
		}
	}
	if len(buf) == start {
		buf = append(buf, '/')
	}
	return buf
}

func valueError(ref *Ref, err error) error { return fmt.Errorf("%s: %w", ref.Text, err) }
