package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// try makes the accesses that the policies below speak of, in a directory that the check made, and says what came of each.
func try(dir string) {
	inside := func(name string) string { return filepath.Join(dir, name) }
	for _, a := range []struct {
		what string
		do   func() error
	}{
		{"read inside", func() error { return open(inside("file"), unix.O_RDONLY) }},
		{"write inside", func() error { return open(inside("file"), unix.O_WRONLY) }},
		{"truncate inside", func() error { return unix.Truncate(inside("file"), 0) }},
		{"make inside", func() error { return unix.Mkdir(inside("made"), 0o755) }},
		{"move inside", func() error { return unix.Rename(inside("file"), inside("made/file")) }},
		{"make forbidden", func() error { return unix.Mkdir(inside("forbidden"), 0o755) }},
		{"read outside", func() error { return open("/etc/passwd", unix.O_RDONLY) }},
		{"internet socket", func() error { return socket(unix.AF_INET) }},
		{"local socket", func() error { return socket(unix.AF_UNIX) }},
	} {
		fmt.Printf("%s: %s\n", a.what, word(a.do()))
	}
}

func open(name string, flags int) error {
	fd, err := unix.Open(name, flags|unix.O_CLOEXEC, 0)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func socket(domain int) error {
	fd, err := unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func word(err error) string {
	var errno syscall.Errno
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &errno):
		return unix.ErrnoName(errno)
	}
	return err.Error()
}

// tried is what try prints; "" stands for ok.
type tried struct{ read, write, truncate, make, move, forbidden, outside, internet string }

// String is try's output.
func (t tried) String() string {
	text := ""
	for _, line := range []struct{ what, result string }{
		{"read inside", t.read}, {"write inside", t.write}, {"truncate inside", t.truncate}, {"make inside", t.make},
		{"move inside", t.move}, {"make forbidden", t.forbidden}, {"read outside", t.outside}, {"internet socket", t.internet},
		{"local socket", ""},
	} {
		if line.result == "" {
			line.result = "ok"
		}
		text += line.what + ": " + line.result + "\n"
	}
	return text
}

// prepare makes what try finds.
func (m *machine) prepare() error { return os.WriteFile(m.file("file"), []byte("text\n"), 0o644) }
