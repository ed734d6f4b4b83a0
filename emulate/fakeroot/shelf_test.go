package fakeroot

import (
	"bytes"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func inode(ino uint64, born int64) *unix.Statx_t {
	st := &unix.Statx_t{Ino: ino, Dev_major: 8, Mode: unix.S_IFREG | 0o644, Uid: 1000, Gid: 1000}
	if born != 0 {
		st.Mask, st.Btime.Sec = unix.STATX_BTIME, born
	}
	return st
}

func give(t *testing.T, s *shelf, st *unix.Statx_t, uid uint32) {
	t.Helper()
	if errno := s.change(st, func(f *file) syscall.Errno { f.owned, f.uid, f.gid = true, uid, uid; return 0 }); errno != 0 {
		t.Fatal(errno)
	}
}

func (s *shelf) owner(st *unix.Statx_t) (uint32, bool) {
	seen := *st
	owned := s.look(&seen)
	return seen.Uid, owned
}

// TestRecycled: another file with the same number has nothing of the one before, whether the file system says when files were born or the
// program has removed the first.
func TestRecycled(t *testing.T) {
	s := shelf{files: map[fileID]*file{}}
	give(t, &s, inode(7, 100), 12)
	if uid, owned := s.owner(inode(7, 100)); uid != 12 || !owned {
		t.Errorf("the file belongs to %d, %v", uid, owned)
	}
	if uid, owned := s.owner(inode(7, 101)); uid != 0 || owned {
		t.Errorf("a file that was born later belongs to %d, %v", uid, owned)
	}
	if len(s.files) != 0 {
		t.Error("a file that has gone is not forgotten")
	}
	give(t, &s, inode(8, 0), 12)
	s.forget(inode(8, 0))
	if uid, owned := s.owner(inode(8, 0)); uid != 0 || owned {
		t.Errorf("after the last name has gone: %d, %v", uid, owned)
	}
	other := inode(9, 5)
	other.Dev_minor = 1
	give(t, &s, inode(9, 5), 3)
	if uid, _ := s.owner(other); uid != 0 {
		t.Errorf("the same number on another device belongs to %d", uid)
	}
}

// TestShelfBounds: extended attributes are bounded by their bytes, and room comes back.
func TestShelfBounds(t *testing.T) {
	s := shelf{files: map[fileID]*file{}}
	value := bytes.Repeat([]byte{1}, maxXattr)
	var errno syscall.Errno
	n := 0
	for ; errno == 0 && n < 2*maxXattrBytes/maxXattr; n++ {
		errno = s.setXattr(inode(uint64(n), 1), "trusted.a", value)
	}
	if errno != unix.ENOSPC || s.bytes > maxXattrBytes {
		t.Fatalf("%d attributes of %d bytes, %v", n, s.bytes, errno)
	}
	if errno := s.setXattr(inode(0, 1), "trusted.a", nil); errno != 0 {
		t.Errorf("remove: %v", errno)
	}
	for i := range n {
		s.forget(inode(uint64(i), 1))
	}
	if s.bytes != 0 || len(s.files) != 0 {
		t.Errorf("%d bytes and %d files are left", s.bytes, len(s.files))
	}
}

// TestBlank: what is as it is, is not kept.
func TestBlank(t *testing.T) {
	s := shelf{files: map[fileID]*file{}}
	if errno := s.change(inode(1, 1), func(*file) syscall.Errno { return 0 }); errno != 0 || len(s.files) != 0 {
		t.Errorf("%v, %d files", errno, len(s.files))
	}
	if errno := s.change(inode(1, 1), func(f *file) syscall.Errno { f.owned = true; return unix.EPERM }); errno != unix.EPERM || len(s.files) != 0 {
		t.Errorf("%v, %d files", errno, len(s.files))
	}
}

func TestModeOfACL(t *testing.T) {
	entry := func(tag, perm byte) []byte { return []byte{tag, 0, perm, 0, 255, 255, 255, 255} }
	list := func(parts ...[]byte) []byte { return append([]byte{2, 0, 0, 0}, bytes.Join(parts, nil)...) }
	for name, test := range map[string]struct {
		acl   []byte
		perm  uint16
		owner int
		ok    bool
	}{
		"minimal":  {list(entry(1, 6), entry(4, 4), entry(32, 1)), 0o641, 6, true},
		"masked":   {list(entry(1, 7), entry(2, 7), entry(4, 7), entry(16, 5), entry(32, 0)), 0o750, 6, true},
		"no owner": {list(entry(4, 7)), 0o070, 0, false},
		"version":  {append([]byte{1, 0, 0, 0}, entry(1, 7)...), 0, 0, false},
		"cut":      {list(entry(1, 7))[:10], 0, 0, false},
		"empty":    {nil, 0, 0, false},
	} {
		perm, owner, ok := modeOfACL(test.acl)
		if ok != test.ok || ok && (perm != test.perm || owner != test.owner) {
			t.Errorf("%s: %o at %d, %v, want %o at %d, %v", name, perm, owner, ok, test.perm, test.owner, test.ok)
		}
	}
}
