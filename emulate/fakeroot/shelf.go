package fakeroot

import (
	"maps"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// A shelf keeps what files are taken for, by device and inode number.
//
// A number is used again when its file has gone. So the file's birth is written down with it (STATX_BTIME, which most file systems have),
// and a file that was born at another time is another file. Births are only as fine as the kernel's tick, some milliseconds; so what the
// program removes or replaces is forgotten at once, too.
type shelf struct {
	mu    sync.Mutex
	files map[fileID]*file
	bytes int // that extended attributes take
}

type fileID struct {
	major, minor uint32
	ino          uint64
}

// A file is what is written down of one.
type file struct {
	born     unix.StatxTimestamp // 0 where the file system does not say it
	owned    bool                // uid and gid count
	uid, gid uint32
	moded    bool // perm counts
	perm     uint16
	kind     uint16 // S_IFCHR or S_IFBLK of what is an empty file; 0: it is what it is
	rdev     [2]uint32
	xattrs   map[string][]byte // nil for one that was removed and is still there
}

// Bounds of what is written down. Beyond them calls fail with ENOSPC, as on a file system that is full.
const (
	maxFiles      = 1 << 20
	maxXattrBytes = 64 << 20
)

func idOf(st *unix.Statx_t) fileID { return fileID{st.Dev_major, st.Dev_minor, st.Ino} }

func bornOf(st *unix.Statx_t) unix.StatxTimestamp {
	if st.Mask&unix.STATX_BTIME == 0 {
		return unix.StatxTimestamp{}
	}
	return unix.StatxTimestamp{Sec: st.Btime.Sec, Nsec: st.Btime.Nsec}
}

// find gives what is written down of a file; nil: nothing. The shelf is locked.
func (s *shelf) find(st *unix.Statx_t) *file {
	f := s.files[idOf(st)]
	if f == nil || f.born == bornOf(st) {
		return f
	}
	s.drop(idOf(st), f)
	return nil
}

func (s *shelf) drop(id fileID, f *file) {
	for name, v := range f.xattrs {
		s.bytes -= cost(name, v)
	}
	delete(s.files, id)
}

// change writes something down of a file.
func (s *shelf) change(st *unix.Statx_t, to func(f *file) syscall.Errno) syscall.Errno {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.find(st)
	if f == nil {
		if len(s.files) >= maxFiles {
			return unix.ENOSPC
		}
		f = &file{born: bornOf(st)}
	}
	if errno := to(f); errno != 0 {
		return errno
	}
	if f.blank() {
		delete(s.files, idOf(st))
		return 0
	}
	s.files[idOf(st)] = f
	return 0
}

// blank says whether nothing is written down.
func (f *file) blank() bool { return !f.owned && !f.moded && f.kind == 0 && len(f.xattrs) == 0 }

// look makes a file's description what the file is taken for, and says whether its owner is written down.
func (s *shelf) look(st *unix.Statx_t) (owned bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.find(st)
	st.Uid, st.Gid = 0, 0
	if f == nil {
		return false
	}
	if f.owned {
		st.Uid, st.Gid = f.uid, f.gid
	}
	if f.moded {
		st.Mode = st.Mode&unix.S_IFMT | f.perm
	}
	if f.kind != 0 {
		st.Mode = st.Mode&^unix.S_IFMT | f.kind
		st.Rdev_major, st.Rdev_minor = f.rdev[0], f.rdev[1]
	}
	return f.owned
}

// forget drops what is written down of a file that has lost its last name.
func (s *shelf) forget(st *unix.Statx_t) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.find(st); f != nil {
		s.drop(idOf(st), f)
	}
}

// cost is what keeping an attribute takes, roughly.
func cost(name string, value []byte) int {
	const place = 64
	return place + len(name) + len(value)
}

// xattr is what is written down of an attribute.
func (s *shelf) xattr(st *unix.Statx_t, name string) (value []byte, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.find(st); f != nil {
		value, known = f.xattrs[name]
	}
	return value, known
}

// xattrs are the attributes that are written down; those that were removed have no value.
func (s *shelf) xattrs(st *unix.Statx_t) map[string][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.find(st)
	if f == nil {
		return nil
	}
	return maps.Clone(f.xattrs)
}

// setXattr writes an attribute down; nil: as removed.
func (s *shelf) setXattr(st *unix.Statx_t, name string, value []byte) syscall.Errno {
	return s.change(st, func(f *file) syscall.Errno {
		more := cost(name, value)
		if old, known := f.xattrs[name]; known {
			more -= cost(name, old)
		}
		if s.bytes+more > maxXattrBytes {
			return unix.ENOSPC
		}
		if f.xattrs == nil {
			f.xattrs = map[string][]byte{}
		}
		s.bytes += more
		f.xattrs[name] = slices.Clone(value)
		return 0
	})
}
