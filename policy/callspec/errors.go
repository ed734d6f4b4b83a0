package callspec

import (
	"fmt"
	"strings"

	"github.com/stead-project/stead/arch"
)

// An Error says what is wrong with a written call and what to write instead.
type Error struct {
	Column int    // where in the text, counting bytes from 1; 0 in a record
	Arg    int    // which argument, counting from 1; 0: none
	Name   string // its parameter
	Msg    string

	at    int    // offset
	field string // the parameter, or field within it, that Msg is about
}

// Error is the place, the argument, and what to do.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Column > 0 {
		fmt.Fprintf(&b, "column %d: ", e.Column)
	}
	if e.Arg > 0 {
		fmt.Fprintf(&b, "argument %d (%s): ", e.Arg, e.Name)
	}
	if e.field != "" && e.field != e.Name {
		fmt.Fprintf(&b, "%s: ", e.field)
	}
	return b.String() + e.Msg
}

// failf is an error at an offset of the text.
func failf(at int, format string, args ...any) *Error {
	return &Error{Column: at + 1, at: at, Msg: fmt.Sprintf(format, args...)}
}

// failf is an error about a parameter or field.
func (e *encoder) failf(p *arch.Param, n *node, format string, args ...any) *Error {
	err := e.place(failf(n.at, format, args...))
	err.field = p.Name
	return err
}

// wrongForm says which form a parameter has.
func (e *encoder) wrongForm(p *arch.Param, n *node) *Error {
	return e.failf(p, n, "%s is not what it takes: write %s, like %s", n.what(), forms[p.Kind].form, e.example(p))
}

const exampleAddress = "tcp:10.0.0.1:443, unix:/run/x.sock, unix:@name or " +
	`{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}`

// forms is indexed by Kind.
var forms = [...]struct{ form, example string }{
	arch.KindNone:     {"a number", "0"},
	arch.KindInt:      {"a number", "3"},
	arch.KindUint:     {"a number", "4096"},
	arch.KindHex:      {"a number", "0x1f"},
	arch.KindAddr:     {"an address", "NULL or 0x7f0000001000"},
	arch.KindFD:       {"a file descriptor", "3"},
	arch.KindDirFD:    {"a directory's descriptor", "AT_FDCWD or 3"},
	arch.KindMode:     {"a file mode", "0644 or S_IFCHR|0600"},
	arch.KindDev:      {"a device number", "makedev(1, 3)"},
	arch.KindPID:      {"a process id", "1"},
	arch.KindUID:      {"a user or group id", "1000, or -1"},
	arch.KindSignal:   {"a signal", "SIGTERM"},
	arch.KindFlags:    {"flags joined by |", "0"},
	arch.KindEnum:     {"a constant", "0"},
	arch.KindString:   {"a string", `"text"`},
	arch.KindPath:     {"a path in quotes", `"/etc/passwd"`},
	arch.KindStrings:  {"a list of strings", `["ls", "-l"]`},
	arch.KindBytes:    {"bytes as a string", `"data\0\377"`},
	arch.KindChars:    {"a string", `"text"`},
	arch.KindStruct:   {"a struct", "{}"},
	arch.KindPtr:      {"what it points to in brackets, or an address", "[16] or NULL"},
	arch.KindArray:    {"a list", "[1, 2]"},
	arch.KindSockaddr: {"a socket address", exampleAddress},
	arch.KindSigset:   {"a set of signals", "[INT CHLD] or ~[KILL]"},
	arch.KindFDSet:    {"a set of descriptors", "[0 3]"},
}

// example prefers the names that the parameter really has.
func (e *encoder) example(p *arch.Param) string {
	switch {
	case p.Kind == arch.KindFlags && p.Set != nil:
		return strings.Join(firstNames(p.Set, e.abi, 2), "|")
	case p.Kind == arch.KindEnum && p.Set != nil:
		return strings.Join(firstNames(p.Set, e.abi, 2), " or ")
	case p.Kind == arch.KindStruct:
		return exampleStruct(p.Struct, e.abi)
	case p.Kind == arch.KindPtr && p.Elem.Kind.Pointer() && p.Elem.Kind != arch.KindPtr:
		return e.example(p.Elem)
	}
	return forms[p.Kind].example
}

func firstNames(s *arch.Set, abi arch.ABI, most int) (names []string) {
	for i := range s.Consts {
		if _, _, ok := s.Consts[i].In(abi); ok && len(names) < most {
			names = append(names, s.Consts[i].Name)
		}
	}
	return names
}

func exampleStruct(s *arch.Struct, abi arch.ABI) string {
	var names []string
	for _, n := range fieldNames(s, abi, 0) {
		if len(names) < 2 {
			names = append(names, n+"=…")
		}
	}
	return "{" + strings.Join(names, ", ") + "}"
}

// fieldNames are the names that a struct's text may have, those of nameless structs and unions within it included.
func fieldNames(s *arch.Struct, abi arch.ABI, depth int) (names []string) {
	if s = s.For(abi); s == nil || depth > MaxDepth {
		return nil
	}
	for i := range s.Fields {
		p := &s.Fields[i]
		switch {
		case p.Name == hidden:
		case p.Name != "":
			names = append(names, p.Name)
		case p.Kind == arch.KindStruct:
			names = append(names, fieldNames(p.Struct, abi, depth+1)...)
		}
	}
	return names
}

// hidden is the name of padding in the tables.
const hidden = "_"
