package audit

import (
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
)

// NewDenials makes a sink that tells a person what was refused: the call, the rule, and the rule that would allow it. Everything
// also goes to next.
func NewDenials(w io.Writer, next Sink) Sink {
	return &denialSink{newLineWriter(w, false), next}
}

type denialSink struct {
	*lineWriter
	next Sink
}

func (s *denialSink) Needs() Needs {
	n := s.next.Needs()
	n.Args = true
	return n
}

func (s *denialSink) Dropped() uint64 { return s.droppedLines() + s.next.Dropped() }

func (s *denialSink) Close() error {
	if err := s.close(); err != nil {
		s.next.Close() //nolint:errcheck // the first error counts
		return err
	}
	return s.next.Close()
}

func (s *denialSink) Record(e *Event) {
	if e.Outcome == Killed || e.Outcome == Answered && e.Errno != 0 && e.Decision.Verdict != policy.Perform {
		s.add(func(b []byte) []byte { return appendDenial(b, e) })
	}
	s.next.Record(e)
}

// appendDenial is two lines: what was refused, and what would allow it, if one knows.
func appendDenial(b []byte, e *Event) []byte {
	b = append(b, "stead: refused "...)
	b = e.Call.AppendText(b, &arch.TextOptions{})
	if e.Outcome == Killed {
		b = append(b, " and killed the process"...)
	} else {
		b = append(append(b, " with "...), arch.Native().ErrnoName(int(e.Errno))...)
	}
	if e.Decision.Rule != "" {
		b = append(append(b, ", by rule "...), e.Decision.Rule...)
	}
	if e.Decision.Reason != "" {
		b = append(append(b, ": "...), e.Decision.Reason...)
	}
	if way := remedy(e); way != "" {
		b = append(append(b, "\nstead: to allow it: "...), way...)
	}
	return append(b, '\n')
}

// remedy is the rule, or the entry of a short form, that would allow a call. A rule that allows what a short form's guard refuses
// would open what the short form closes, so for network: it is never a rule.
func remedy(e *Event) string {
	c := e.Call
	name := c.Name
	if e.Decision.Rule == "network" {
		return "an entry of network: for it (stead policy check says whether it can be enforced here)"
	}
	if mounting(name) {
		return mountRemedy(e)
	}
	if e.Decision.Rule == "files" && e.Decision.Reason != "" {
		return "take it out of hide or deny in files:, or put a rule before: - {calls: [" + name + "], when: …, then: allow}"
	}
	if path := c.Arg("pathname"); path != nil && path.State == arch.OK && strings.HasPrefix(string(path.Bytes), "/") {
		return "files: {" + area(c) + ": [" + string(path.Bytes) + "]}, or - {calls: [" + name + "], then: allow}"
	}
	return "- {calls: [" + name + "], then: allow}"
}

// mounting says whether a call is about mounts: allowing it is of no use to who may not mount.
func mounting(name string) bool {
	switch name {
	case "mount", "umount", "umount2", "fsopen", "fsconfig", "fspick", "fsmount", "move_mount", "open_tree", "open_tree_attr", "mount_setattr":
		return true
	}
	return false
}

func mountRemedy(e *Event) string {
	if e.Decision.Reason != "" {
		return "" // it says itself what is wrong
	}
	for _, name := range []string{"filesystemtype", "fsname"} {
		if v := e.Call.Arg(name); v != nil && v.State == arch.OK && len(v.Bytes) > 0 {
			return "- {calls: [" + e.Call.Name + "], when: '" + name + " == " + strconv.Quote(string(v.Bytes)) + "', then: perform}"
		}
	}
	return "- {calls: [" + e.Call.Name + "], then: perform}"
}

// area is the list of files: that a call's access belongs to.
func area(c *arch.Call) string {
	const access, create = 0o3, 0o100 // O_ACCMODE and O_CREAT of include/uapi/asm-generic/fcntl.h
	flags := uint64(0)
	if f := c.Arg("flags"); f != nil && strings.HasPrefix(c.Name, "open") {
		flags = f.Raw
	}
	for _, a := range [...]struct {
		list  string
		calls []string // or what they begin with
		flags uint64
	}{
		{"exec", []string{"execve"}, 0},
		{"create", []string{"creat", "mkdir", "mknod", "unlink", "rmdir", "rename", "link", "symlink"}, create},
		{"write", []string{"truncate", "chmod", "chown", "fchmod", "fchown", "lchown", "utime", "setxattr", "lsetxattr", "removexattr", "lremovexattr"}, access},
	} {
		if flags&a.flags != 0 || slices.ContainsFunc(a.calls, func(begin string) bool { return strings.HasPrefix(c.Name, begin) }) {
			return a.list
		}
	}
	return "read"
}
