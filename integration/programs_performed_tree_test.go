package integration

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// settled is the time of files whose time nobody set: long ago, with a fraction that a copy must keep.
const settled = 1_500_000_000_123_456_789

// settle gives every entry that is newer than a time the same one, and all of them an access time that says that they
// have not been read since.
func settle(dir string, since time.Time) error {
	return filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(name, &st); err != nil {
			return err
		}
		when := st.Mtim
		// The kernel's time of files lags by a tick, and a test may set one to the far future.
		if age := time.Unix(when.Unix()).Sub(since); age > -time.Second && age < time.Hour {
			when = unix.NsecToTimespec(settled)
		}
		return unix.UtimesNanoAt(unix.AT_FDCWD, name, []unix.Timespec{when, when}, unix.AT_SYMLINK_NOFOLLOW)
	})
}

// A snapshot describes the entries of a tree, one line each.
type snapshot struct {
	began, ended time.Time
	ignored      ignored
	first        map[uint64]string // path that an inode was met under first
	lines        map[string]string
}

// treeOf describes a tree as a run that began at a time left it. Times that the run did not set are "now".
func treeOf(dir string, began time.Time, unsteady ignored) (map[string]string, error) {
	s := snapshot{began.Add(-time.Second), time.Now().Add(time.Second), unsteady, map[uint64]string{}, map[string]string{}}
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		return s.add(relative, name)
	})
	return s.lines, err
}

func (s *snapshot) add(relative, name string) error {
	var st unix.Stat_t
	if err := unix.Lstat(name, &st); err != nil {
		return fmt.Errorf("lstat %q: %w", name, err)
	}
	attributes, err := attributesOf(name)
	if err != nil {
		return err
	}
	line := fmt.Sprintf("%s %#o %d:%d%s%s", kind(st.Mode), st.Mode&0o7777, st.Uid, st.Gid, s.times(relative, &st), attributes)
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		line += fmt.Sprintf(" links %d", st.Nlink)
		if at, met := s.first[st.Ino]; met {
			line += fmt.Sprintf(" same as %q", at)
		} else {
			s.first[st.Ino] = relative
		}
	}
	content, err := s.content(relative, name, &st)
	if err != nil {
		return err
	}
	s.lines[relative] = line + content
	return nil
}

func (s *snapshot) times(relative string, st *unix.Stat_t) string {
	if s.ignored.time != "" && strings.Contains(relative, s.ignored.time) {
		return ""
	}
	return " mtime " + s.when(st.Mtim) + " atime " + s.when(st.Atim)
}

func (s *snapshot) when(ts unix.Timespec) string {
	when := time.Unix(ts.Unix())
	if when.After(s.began) && when.Before(s.ended) {
		return "now"
	}
	return when.UTC().Format(time.RFC3339Nano)
}

func (s *snapshot) content(relative, name string, st *unix.Stat_t) (string, error) {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		target, err := os.Readlink(name)
		return fmt.Sprintf(" to %q", target), err
	case unix.S_IFCHR, unix.S_IFBLK:
		return fmt.Sprintf(" device %d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev)), nil
	case unix.S_IFREG:
		if slices.ContainsFunc(s.ignored.content, func(p string) bool { ok, _ := path.Match(p, relative); return ok }) {
			return "", nil
		}
		sum, err := sumOf(name)
		holes := ""
		if st.Blocks*512 < st.Size {
			holes = " with holes"
		}
		return fmt.Sprintf(" size %d%s content %s", st.Size, holes, sum), err
	}
	return "", nil
}

func kind(mode uint32) string {
	kinds := map[uint32]string{unix.S_IFREG: "file", unix.S_IFDIR: "directory", unix.S_IFLNK: "link", unix.S_IFIFO: "FIFO",
		unix.S_IFSOCK: "socket", unix.S_IFCHR: "character device", unix.S_IFBLK: "block device"}
	return kinds[mode&unix.S_IFMT]
}

func sumOf(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read %q: %w", name, err)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8]), nil
}

// attributesOf lists the extended attributes, access control lists and capabilities among them.
func attributesOf(name string) (string, error) {
	buffer := make([]byte, 64<<10) // the most that there can be: XATTR_LIST_MAX, XATTR_SIZE_MAX
	n, err := unix.Llistxattr(name, buffer)
	if errors.Is(err, unix.ENOTSUP) || n == 0 && err == nil {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("llistxattr %q: %w", name, err)
	}
	var text strings.Builder
	for _, key := range slices.Sorted(slices.Values(strings.Split(string(bytes.TrimSuffix(buffer[:n], []byte{0})), "\x00"))) {
		value := make([]byte, 64<<10)
		m, err := unix.Lgetxattr(name, key, value)
		if err != nil {
			return "", fmt.Errorf("lgetxattr %q of %q: %w", key, name, err)
		}
		fmt.Fprintf(&text, " %s=%x", key, value[:m])
	}
	return text.String(), nil
}

// most is how many differences are worth reading.
const most = 30

// treesApart lists the entries that differ; empty if none does.
func treesApart(native, other map[string]string) string {
	var differences []string
	for _, name := range slices.Sorted(maps.Keys(native)) {
		if got, there := other[name]; !there {
			differences = append(differences, fmt.Sprintf("%q is missing: %s", name, native[name]))
		} else if got != native[name] {
			differences = append(differences, fmt.Sprintf("%q is\n    %s\n  natively\n    %s", name, got, native[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(other)) {
		if _, there := native[name]; !there {
			differences = append(differences, fmt.Sprintf("%q is there, natively not: %s", name, other[name]))
		}
	}
	return shortened(differences)
}

// apart lists the lines that only one of two outputs has, in their order.
func apart(native, other string) string {
	n, o := strings.Split(native, "\n"), strings.Split(other, "\n")
	var differences []string
	for common := commonLines(n, o); len(n)+len(o) > 0; {
		switch {
		case len(n) > 0 && len(o) > 0 && n[0] == o[0]:
			n, o = n[1:], o[1:]
		case len(o) == 0 || len(n) > 0 && common(len(n)-1, len(o)) >= common(len(n), len(o)-1):
			differences = append(differences, fmt.Sprintf("only natively: %q", n[0]))
			n = n[1:]
		default:
			differences = append(differences, fmt.Sprintf("only here: %q", o[0]))
			o = o[1:]
		}
	}
	return shortened(differences)
}

// commonLines counts the lines that the last i of a and the last j of b have in common, in their order.
func commonLines(a, b []string) func(i, j int) int {
	table := make([][]int, len(a)+1)
	for i := range table {
		table[i] = make([]int, len(b)+1)
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			table[i][j] = max(table[i-1][j], table[i][j-1])
			if a[len(a)-i] == b[len(b)-j] {
				table[i][j] = table[i-1][j-1] + 1
			}
		}
	}
	return func(i, j int) int { return table[i][j] }
}

func shortened(lines []string) string {
	if rest := len(lines) - most; rest > 0 {
		lines = append(lines[:most:most], fmt.Sprintf("and %d more", rest))
	}
	return strings.Join(lines, "\n")
}

// TestApart shows that a missing line does not make all that follow it different.
func TestApart(t *testing.T) {
	for _, tt := range []struct{ native, other, want string }{
		{"a\nb\nc\n", "a\nb\nc\n", ""},
		{"a\nb\nc\n", "a\nc\n", `only natively: "b"`},
		{"a\nc\n", "x\na\nc\n", `only here: "x"`},
		{"a\nb\nc", "a\nB\nc", "only natively: \"b\"\nonly here: \"B\""},
		{"", "x", "only natively: \"\"\nonly here: \"x\""},
		{strings.Repeat("a\n", 40), "", strings.Repeat("only natively: \"a\"\n", 30) + "and 10 more"},
	} {
		if got := apart(tt.native, tt.other); got != tt.want {
			t.Errorf("apart(%q, %q) = %q, want %q", tt.native, tt.other, got, tt.want)
		}
	}
}

// TestTreeSeesDifferences changes a tree in every way that the comparison is for, and finds each.
func TestTreeSeesDifferences(t *testing.T) {
	for name, change := range map[string]string{
		"content": "echo z >f", "mode": "chmod 640 f", "mtime": "touch -d 2001-01-01 f", "link count": "ln f g; rm h; mv g h; ln f g; rm g; ln h i",
		"target": "ln -sfn other l", "gone": "rm l", "new": "mkdir new", "kind": "rm f; mkfifo f", "holes": "rm s; head -c 1000000 /dev/zero >s",
		"link structure": "rm h; cp -p other h; ln f k; rm k", "fraction": "touch -d 2001-01-01T00:00:00.000000001Z dated",
	} {
		t.Run(name, func(t *testing.T) {
			const made = `echo a >f; ln f h; cp -p f other; ln -s f l; truncate -s 1000000 s; touch -d 2001-01-01T00:00:00Z dated`
			trees := [3]map[string]string{}
			for i, script := range [3]string{made, made, made + "\n" + change} {
				trees[i] = treeAfter(t, script)
			}
			if text := treesApart(trees[0], trees[1]); text != "" {
				t.Errorf("two trees made alike differ:\n%s", text)
			}
			if treesApart(trees[0], trees[2]) == "" {
				t.Errorf("%q is not seen", change)
			}
		})
	}
}

func treeAfter(t *testing.T, script string) map[string]string {
	t.Helper()
	dir, began := t.TempDir(), time.Now()
	if r := (command{argv: []string{"sh", "-ec", script}, dir: dir}).run(t); r.code != 0 {
		t.Fatalf("%q: %s", script, r.stderr)
	}
	tree, err := treeOf(dir, began, ignored{})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}
