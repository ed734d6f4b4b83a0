package checks

import (
	"strings"

	"golang.org/x/sys/unix"
)

// The matrix makes every call that takes a path with every odd path, descriptor and flag. A call is its arguments, with places
// for those.
type (
	pathArg  struct{ plain string } // plain: what stands there while another argument is varied
	dirArg   struct{}
	flagsArg struct{ plain int }
)

// A form is one way to make one call.
type form struct {
	label string // unique; the call's name, and what is special
	args  []any
	is    trait
}

// A trait is what the matrix must know of a form.
type trait uint8

const (
	pure       trait = 1 << iota // it changes nothing, so that files need not be made again
	descriptor                   // it returns a descriptor
	waits                        // it waits on a FIFO
	touches                      // it changes an object that is there, whatever it is: not to be tried on the machine's own
	changes    trait = 0
)

func (f form) call() string {
	name, _, _ := strings.Cut(f.label, ":")
	return name
}

// has says whether one of the arguments is such a place.
func has[T any](f form) bool {
	for _, a := range f.args {
		if _, ok := a.(T); ok {
			return true
		}
	}
	return false
}

// A filling is what is put into the places; nil is the plain value. A null pointer is wild(0).
type filling struct{ path, dir, flags any }

func (f form) filled(p *P, with filling) []any {
	args := make([]any, len(f.args))
	for i, a := range f.args {
		args[i] = place(p, a, with)
	}
	return args
}

func place(p *P, a any, with filling) any {
	switch v := a.(type) {
	case pathArg:
		return or(with.path, v.plain)
	case dirArg:
		return or(with.dir, unix.AT_FDCWD)
	case flagsArg:
		return or(with.flags, v.plain)
	case func(*P) any:
		return v(p)
	}
	return a
}

func or(a, b any) any {
	if a != nil {
		return a
	}
	return b
}

// make makes the call. Where it changed something, it says what is there now and makes a new kit.
func (f form) make(p *P, with filling) {
	mark := p.mem.used
	defer func() { p.mem.used = mark }()
	args := f.filled(p, with)
	if f.is&descriptor != 0 {
		if fd := p.fd(f.call(), args...); fd >= 0 {
			p.close(fd)
			f.renew(p)
		}
		return
	}
	if p.call(f.call(), args...).ok() {
		f.renew(p)
	}
}

func (f form) renew(p *P) {
	if f.is&pure != 0 {
		return
	}
	p.must("chdir", p.dir)
	p.kits++
	p.kit(kitName(p.kits))
}

func kitName(n int) string { return "k" + string(rune('a'+n/26%26)) + string(rune('a'+n%26)) }

// matrixChecks has, for each form, its paths, and where it has them its descriptors and flags.
func matrixChecks() []Check {
	var all []Check
	for _, f := range append(pureForms(), changingForms()...) {
		all = append(all, Check{Name: "paths/" + f.label, Run: f.paths})
		if has[dirArg](f) {
			all = append(all, Check{Name: "dirfds/" + f.label, Run: f.dirfds})
		}
		if has[flagsArg](f) {
			all = append(all, Check{Name: "flags/" + f.label, Run: f.flags})
		}
	}
	return all
}

func (f form) paths(p *P) {
	p.kit(kitName(0))
	for _, path := range p.oddPaths() {
		if f.is&waits != 0 && path == any("p") || f.is&touches != 0 && foreign(path) {
			continue
		}
		f.make(p, filling{path: path})
	}
}

// foreign says whether a path leads out of what was made for the run.
func foreign(path any) bool {
	name, ok := path.(string)
	return ok && (name == "/" || name == "//" || name == "/proc/self/root")
}

// oddPaths are the paths that each call is given, beside the kit.
func (p *P) oddPaths() []any {
	name := func(n int) string { return strings.Repeat("n", n) }
	deep := func(n int) string { return strings.Repeat("./", n/2) + strings.Repeat("f", 1+n%2) }
	return []any{
		wild(0), wild(1), wild(p.mem.hole()), wild(^uintptr(0) - 4095), tail("f"), tail("d/e"), last("f"), last("nothing"),
		"", ".", "..", "/", "//", "./", "f", "./f", "f/", "f/.", "f/..", "f/x", "f//", "d", "d/", "d//", "d/.", "d/..", "d/../d",
		"d//e", "d/e", "d/e/", "empty", "empty/", "empty/.", "missing", "missing/", "missing/x", "to_f", "to_f/", "to_d", "to_d/",
		"to_d/e", "to_d/.", "dangling", "dangling/", "dangling/x", "loop", "loop/", "loop/x", "back", "back/f", "p", "p/",
		"\xff\xfe\n", "new\nline", "d/new", "secret", "secret/", "secret/x", "secret/new", name(255), name(256), "d/" + name(256),
		name(255) + "/x", deep(4094), deep(4095), deep(4096), deep(4200), "/dev/null/x", "/proc/self/cwd/f", "/proc/thread-self/cwd/d",
		"/proc/self/root", "/proc/self/fd/999",
	}
}

func (f form) dirfds(p *P) {
	p.kit(kitName(0))
	for _, d := range p.oddDirs() {
		if f.is&touches != 0 && d.label == standardInput {
			continue
		}
		for _, path := range []any{nil, "/", "", wild(0), "e", "../f"} {
			if f.is&touches != 0 && foreign(path) {
				continue
			}
			fd := d.get(p)
			p.printf("%s:", d.label)
			f.make(p, filling{dir: fd, path: path})
			if n, ok := fd.(int); ok && n > 2 {
				p.close(n)
			}
		}
	}
}

const standardInput = "standard input"

// An oddDir is a value for a directory's descriptor.
type oddDir struct {
	label string
	get   func(p *P) any
}

func (p *P) oddDirs() []oddDir {
	value := func(v any) func(*P) any { return func(*P) any { return v } }
	opened := func(name string, flags int) func(*P) any {
		return func(p *P) any { return p.open(name, flags|unix.O_NONBLOCK) }
	}
	return []oddDir{
		{"AT_FDCWD", value(unix.AT_FDCWD)},
		{"AT_FDCWD without a sign", value(hex(0xffffff9c))},
		{"AT_FDCWD with garbage above", value(hex(0x12345678ffffff9c & uint64(^uintptr(0))))},
		{"-1", value(-1)},
		{"-101", value(-101)},
		{"999", value(999)},
		{"the greatest", value(hex(0x7fffffff))},
		{"directory", opened("d", unix.O_RDONLY|unix.O_DIRECTORY)},
		{"directory with garbage above", func(p *P) any { return aboveWord(opened("d", unix.O_RDONLY)(p)) }},
		{"directory by O_PATH", opened("d", unix.O_PATH)},
		{"file", opened("f", unix.O_RDONLY)},
		{"file by O_PATH", opened("f", unix.O_PATH)},
		{"symlink by O_PATH", opened("to_d", unix.O_PATH|unix.O_NOFOLLOW)},
		{"FIFO", opened("p", unix.O_RDONLY)},
		{standardInput, value(0)},
	}
}

// aboveWord sets bits that a descriptor, an int, does not have.
func aboveWord(fd any) any {
	n, ok := fd.(int)
	if !ok || n < 0 || wordSize == 4 {
		return fd
	}
	return hex(0x700000000 | uint64(n))
}

func (f form) flags(p *P) {
	p.kit(kitName(0))
	fd := p.open("f", unix.O_RDONLY)
	for bit := 0; bit < 32; bit++ {
		flags := hex(1) << bit
		f.make(p, filling{flags: flags})
		f.make(p, filling{flags: flags, path: "to_f"})
	}
	for _, flags := range []hex{0xffffffff, unix.AT_EMPTY_PATH | unix.AT_SYMLINK_NOFOLLOW, 0x1_0000_0000 & hex(^uintptr(0))} {
		f.make(p, filling{flags: flags})
		f.make(p, filling{flags: flags, path: "dangling"})
	}
	if has[dirArg](f) {
		f.make(p, filling{flags: hex(unix.AT_EMPTY_PATH), dir: fd, path: ""})
		f.make(p, filling{flags: hex(unix.AT_EMPTY_PATH), dir: fd, path: wild(0)})
		f.make(p, filling{flags: hex(unix.AT_EMPTY_PATH), path: ""})
	}
}
