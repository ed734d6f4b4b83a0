package conformance

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// A fixture is a file that the checks find: the suite's user owns it, unless a group is named.
type fixture struct {
	name  string
	mode  uint32 // with the type
	group int
}

func fixtures() []fixture {
	const file, dir, link = unix.S_IFREG, unix.S_IFDIR, unix.S_IFLNK
	return []fixture{
		{"private", file | 0o600, 0},
		{"readable", file | 0o644, 0},
		{"writable", file | 0o666, 0},
		{"setuid", file | 0o6755, 0},
		{"of-group", file | 0o660, group},
		{"of-foreign", file | 0o660, foreign},
		{"closed", dir | 0o700, 0},
		{"closed/file", file | 0o644, 0},
		{"closed/inner", dir | 0o755, 0},
		{"search", dir | 0o711, 0},
		{"search/file", file | 0o644, 0},
		{"list", dir | 0o744, 0},
		{"list/file", file | 0o644, 0},
		{"group", dir | 0o2775, group},
		{"group/file", file | 0o664, group},
		{"foreign", dir | 0o2777, foreign},
		{"foreign/file", file | 0o664, foreign},
		{"sticky", dir | 0o1777, 0},
		{"sticky/file", file | 0o666, 0},
		{"sticky/dir", dir | 0o777, 0},
		{"sticky/link", link, 0},
	}
}

// prepare makes the directories of a run and what is in them.
func (e Env) prepare(at place) error {
	work, fix := filepath.Join(at.base, "work"), filepath.Join(at.base, "fix")
	for _, dir := range []string{at.base, work, fix} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make the directory of a run: %w", err)
		}
	}
	if e.user {
		if err := os.Chown(work, uid, gid); err != nil {
			return fmt.Errorf("give the directory to the user: %w", err)
		}
	}
	for _, f := range fixtures() {
		if err := f.make(fix); err != nil {
			return fmt.Errorf("make %s in %s: %w", f.name, fix, err)
		}
	}
	if e.chroot {
		return e.prepareRoot(at.base)
	}
	return nil
}

func (f fixture) make(dir string) error {
	name := filepath.Join(dir, f.name)
	switch f.mode & unix.S_IFMT {
	case unix.S_IFLNK:
		return os.Symlink("file", name)
	case unix.S_IFDIR:
		if err := os.Mkdir(name, 0o755); err != nil {
			return err
		}
	default:
		if err := os.WriteFile(name, []byte("fixture"), 0o644); err != nil {
			return err
		}
	}
	if f.group != 0 && os.Geteuid() == 0 {
		if err := os.Chown(name, -1, f.group); err != nil {
			return err
		}
	}
	return unix.Chmod(name, f.mode&0o7777)
}

// prepareRoot makes what a program below a root of its own wants: itself and a few devices.
func (e Env) prepareRoot(base string) error {
	if err := copyFile(filepath.Join(e.suite.dir, "probe-"+e.arch()), filepath.Join(base, "probe")); err != nil {
		return err
	}
	var errs []error
	for _, dir := range []string{"dev", "proc"} {
		errs = append(errs, os.Mkdir(filepath.Join(base, dir), 0o755))
	}
	for name, minor := range map[string]uint32{"null": 3, "zero": 5, "full": 7, "urandom": 9} {
		dev := filepath.Join(base, "dev", name)
		errs = append(errs, unix.Mknod(dev, unix.S_IFCHR|0o666, int(unix.Mkdev(1, minor))), unix.Chmod(dev, 0o666))
	}
	errs = append(errs, os.Symlink("/proc/self/fd", filepath.Join(base, "dev/fd")), os.Symlink("/proc/self/fd/0", filepath.Join(base, "dev/stdin")))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("make what is below the root %s: %w", base, err)
	}
	return nil
}

// copyFile copies a program that is executed at once. A child that was forked meanwhile, and has not executed its own program yet, would
// have it open for writing (ETXTBSY; go.dev/issue/22315).
func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("copy a program: %w", err)
	}
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(to, b, 0o755); err != nil {
		return fmt.Errorf("copy a program: %w", err)
	}
	return os.Chmod(to, 0o755)
}
