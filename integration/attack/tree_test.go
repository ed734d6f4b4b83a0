package attack

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/testneed"
)

// A tree is what an attack happens in:
//
//	forbid/ vault/forbid/   forbidden: secret, link, empty/, only (which permit/ has not), linked
//	permit/                 the permitted twin; hard is another name of forbid/linked
//	swing/                  where peers swap names: middle and other, real/ and false, step/carried/; a second forbid/ that is permitted
//	hold/                   where swing/step/carried/ is carried to
//	readonly/file           may be read
//	shared                  a page that a peer writes
type tree struct{ root string }

// secretTime is the time of the forbidden objects.
var secretTime = time.Unix(1_234_567_890, 0)

func newTree(t *testing.T, root string) *tree {
	t.Helper()
	x := &tree{root}
	for _, dir := range []string{"permit", "swing/forbid", "swing/real", "forbid", "vault/forbid"} {
		x.fill(t, dir, strings.HasSuffix(dir, "forbid") && dir != "swing/forbid")
	}
	for _, dir := range []string{"swing/step/carried", "hold", "readonly", "mnt", "fuse"} {
		check(t, os.MkdirAll(x.at(dir), 0o755))
	}
	for name, text := range map[string]string{"readonly/file": "look", "spare": "", "shared": strings.Repeat("\x00", 4096)} {
		check(t, os.WriteFile(x.at(name), []byte(text), 0o644))
	}
	for name, to := range map[string]string{"swing/middle": "../permit", "swing/other": "../forbid", "swing/false": "../forbid",
		"permit/chain": "chain2", "permit/chain2": "../swing/other/secret"} {
		check(t, os.Symlink(to, x.at(name)))
	}
	check(t, os.Link(x.at("forbid/linked"), x.at("permit/hard")))
	return x
}

// fill makes a directory of the forbidden kind or its twin.
func (x *tree) fill(t *testing.T, dir string, secret bool) {
	t.Helper()
	check(t, os.MkdirAll(filepath.Join(x.at(dir), "empty"), 0o755))
	text, files := "public", []string{"secret"}
	if secret {
		text, files = "SECRET", []string{"secret", "only", "linked"}
	}
	for _, name := range files {
		path := filepath.Join(x.at(dir), name)
		check(t, os.WriteFile(path, []byte(text), 0o644))
		if err := unix.Lsetxattr(path, "user.secret", []byte(text), 0); err != nil {
			testneed.Missing(t, "needs a file system with user attributes: %v", err)
		}
		if secret {
			check(t, os.Chtimes(path, secretTime, secretTime))
		}
	}
	check(t, os.Symlink(text+"LINK", filepath.Join(x.at(dir), "link")))
}

func (x *tree) at(name string) string { return filepath.Join(x.root, name) }

// give hands the tree over to a user.
func (x *tree) give(t *testing.T, id int) {
	t.Helper()
	check(t, filepath.WalkDir(x.root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, id, id)
	}))
	above := filepath.Dir(x.root) // a directory of t.TempDir, which only its owner may enter
	for _, dir := range []string{above, filepath.Dir(above)} {
		check(t, os.Chmod(dir, 0o755))
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// snapshot is the state of all that may not change. Times of access may.
func (x *tree) snapshot(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, top := range []string{"forbid", "vault/forbid", "readonly"} {
		err := filepath.WalkDir(x.at(top), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			line, err := describe(path)
			fmt.Fprintf(&b, "%s %s\n", strings.TrimPrefix(path, x.root), line)
			return err
		})
		if err != nil {
			fmt.Fprintf(&b, "%s: %v\n", top, err)
		}
	}
	return b.String()
}

func describe(path string) (string, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return "", err
	}
	content := ""
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		text, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		content = string(text)
	case unix.S_IFLNK:
		content, _ = os.Readlink(path)
	}
	value := make([]byte, 64)
	n, err := unix.Lgetxattr(path, "user.secret", value)
	return fmt.Sprintf("mode %o owner %d:%d links %d size %d mtime %d.%d ctime %d.%d attribute %q %v content %q", st.Mode, st.Uid, st.Gid, st.Nlink,
		st.Size, st.Mtim.Sec, st.Mtim.Nsec, st.Ctim.Sec, st.Ctim.Nsec, value[:max(n, 0)], err, content), nil
}

// witnesses opens what the program inherits: in the order of attack.h, without the right to read or write.
func (x *tree) witnesses(t *testing.T) (files []*os.File) {
	t.Helper()
	for _, name := range []string{"forbid", "forbid/secret", "forbid/empty", "forbid/link"} {
		fd, err := unix.Open(x.at(name), unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		check(t, err)
		files = append(files, os.NewFile(uintptr(fd), name))
	}
	return files
}
