package conformance

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// tree describes all files below a directory, seen from outside: type and mode, owner, links, size, times, attributes and
// what is in them. It is sorted by name.
func tree(dir string) []string {
	var lines []string
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			lines = append(lines, fmt.Sprintf("tree: %s: %v", relative(dir, path), unwrap(err)))
			return nil
		}
		lines = append(lines, describe(dir, path))
		return nil
	})
	if err != nil {
		lines = append(lines, "tree: "+err.Error())
	}
	sort.Strings(lines)
	return lines
}

// unwrap leaves out the path, which differs.
func unwrap(err error) error {
	if e, ok := err.(*fs.PathError); ok {
		return e.Err
	}
	return err
}

func relative(dir, path string) string {
	name, err := filepath.Rel(dir, path)
	if err != nil {
		return path
	}
	if len(name) > 300 {
		name = fmt.Sprintf("%s...(%d)", name[:100], len(name))
	}
	return name
}

func describe(dir, path string) string {
	var s unix.Stat_t
	if err := unix.Lstat(path, &s); err != nil {
		return fmt.Sprintf("tree: %s: %v", relative(dir, path), err)
	}
	text := fmt.Sprintf("tree: %q mode=%#o nlink=%d uid=%d gid=%d rdev=%#x mtime=%s%s", relative(dir, path), s.Mode, s.Nlink, s.Uid, s.Gid, s.Rdev,
		when(s.Mtim), attributes(path))
	switch s.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return text + fmt.Sprintf(" size=%d %q", s.Size, content(path))
	case unix.S_IFLNK:
		target, err := os.Readlink(path)
		return text + fmt.Sprintf(" target %q %v", strings.ReplaceAll(target, filepath.Dir(dir), "WORK"), err)
	}
	return text
}

// when names a time as the probe does: what lies in the run is "now".
func when(t unix.Timespec) string {
	if d := time.Since(time.Unix(t.Sec, t.Nsec)); d > -5*time.Second && d < 5*time.Minute {
		return "now"
	}
	return fmt.Sprintf("%d.%09d", t.Sec, t.Nsec)
}

func attributes(path string) string {
	b := make([]byte, 4096)
	n, err := unix.Llistxattr(path, b)
	if err != nil || n <= 0 {
		return ""
	}
	var all []string
	for name := range strings.SplitSeq(strings.TrimRight(string(b[:n]), "\x00"), "\x00") {
		value := make([]byte, 4096)
		m, err := unix.Lgetxattr(path, name, value)
		all = append(all, fmt.Sprintf("%s=%q %v", name, value[:max(0, m)], err))
	}
	sort.Strings(all)
	return fmt.Sprintf(" %q", all)
}

// content is the beginning of a file; its size is compared too.
func content(path string) string {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOATIME|unix.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Sprint(unwrap(err))
	}
	defer f.Close()
	b := make([]byte, 256)
	n, _ := f.Read(b)
	return string(b[:n])
}
