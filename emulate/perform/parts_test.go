package perform

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/internal/snapshot"
)

func TestSplit(t *testing.T) {
	for text, want := range map[string][2]string{
		"a": {"", "a"}, "a/b": {"a/", "b"}, "/a": {"/", "a"}, "/": {"", "/"}, "//": {"", "//"}, "a/": {"", "a/"}, "a/b//": {"a/", "b//"},
		"/a///": {"/", "a///"}, ".": {"", "."}, "../..": {"../", ".."}, "a//b": {"a//", "b"}, "//a": {"//", "a"}, "\xff/\x01": {"\xff/", "\x01"},
	} {
		dir, last := split([]byte(text + "\x00"))
		if string(dir) != want[0] || string(last) != want[1]+"\x00" {
			t.Errorf("%q: %q and %q, want %q and %q", text, dir, last, want[0], want[1])
		}
	}
}

// timesOp is a call with times of an ABI.
func timesOp(abi arch.ABI, width int, values ...int64) *op {
	native := arch.X86_64
	o := &op{f: &Family{native: native}, call: &arch.Call{ABI: abi}}
	raw := make([]byte, width*len(values))
	for i, v := range values {
		put(raw[i*width:(i+1)*width], uint64(v), abi)
	}
	o.raws[0] = snapshot.Piece{Addr: 1, Size: uint64(len(raw)), P: raw, Wanted: len(raw)}
	o.call.Args = []arch.Value{{Raw: 0x1000}}
	return o
}

func TestTimes(t *testing.T) {
	for _, test := range []struct {
		abi   arch.ABI
		width int
		u     unit
		in    []int64
		want  [4]int64
		errno error
	}{
		{arch.X86_64, 8, seconds, []int64{5, -6}, [4]int64{5, 0, -6, 0}, nil},
		{arch.I386, 4, seconds, []int64{5, -6}, [4]int64{5, 0, -6, 0}, nil},
		{arch.X86_64, 8, microseconds, []int64{1, 999999, -2, 0}, [4]int64{1, 999999000, -2, 0}, nil},
		{arch.I386, 4, microseconds, []int64{1, 999999, -2, 3}, [4]int64{1, 999999000, -2, 3000}, nil},
		{arch.X86_64, 8, microseconds, []int64{1, 1000000, 1, 1}, [4]int64{}, unix.EINVAL},
		{arch.X86_64, 8, microseconds, []int64{1, 1, 1, -1}, [4]int64{}, unix.EINVAL},
		{arch.I386, 4, microseconds, []int64{1, -1, 1, 1}, [4]int64{}, unix.EINVAL},
		{arch.I386, 4, nanoseconds, []int64{7, 999999999, -8, unix.UTIME_OMIT}, [4]int64{7, 999999999, -8, unix.UTIME_OMIT}, nil},
		{arch.I386, 8, nanoseconds, []int64{1 << 40, 5 | 7<<32, 2, unix.UTIME_NOW}, [4]int64{1 << 40, 5, 2, unix.UTIME_NOW}, nil},
		{arch.S390X, 8, nanoseconds, []int64{1 << 40, 5, 2, 9}, [4]int64{1 << 40, 5, 2, 9}, nil},
	} {
		o := timesOp(test.abi, test.width, test.in...)
		at, errno := o.times(0, test.u)
		if test.errno != nil {
			if errno != test.errno {
				t.Errorf("%v %v: %v, want %v", test.abi, test.in, errno, test.errno)
			}
			continue
		}
		var got [4]int64
		for i := range got {
			got[i] = int64(o.nums[i])
		}
		if errno != 0 || at == 0 || got != test.want {
			t.Errorf("%v, %d bytes, %v: %v %v, want %v", test.abi, test.width, test.in, got, errno, test.want)
		}
	}
}

func TestTimesUnreadable(t *testing.T) {
	o := timesOp(arch.X86_64, 8, 1, 2, 3, 4)
	o.raws[0].P = o.raws[0].P[:31]
	if _, errno := o.times(0, nanoseconds); errno != unix.EFAULT {
		t.Errorf("a part of the times: %v", errno)
	}
	o.call.Args[0].Raw = 0
	if at, errno := o.times(0, nanoseconds); at != 0 || errno != 0 {
		t.Errorf("no times: %#x, %v", at, errno)
	}
}

// TestStatValues: what does not fit fails, or is said as the kernel says it.
func TestStatValues(t *testing.T) {
	big := unix.Stat_t{Ino: 1 << 33, Size: 1 << 31, Uid: 70000, Gid: 65535, Rdev: unix.Mkdev(300, 5), Dev: unix.Mkdev(8, 1)}
	for _, test := range []struct {
		field string
		width int
		full  bool
		want  uint64
		errno error
	}{
		{"st_ino", 4, false, 0, unix.EOVERFLOW}, {"st_ino", 8, true, 1 << 33, nil}, {"st_size", 4, false, 0, unix.EOVERFLOW},
		{"st_size", 8, true, 1 << 31, nil}, {"st_uid", 2, false, 65534, nil}, {"st_uid", 4, false, 70000, nil}, {"st_gid", 2, false, 65535, nil},
		{"st_rdev", 2, false, 0, unix.EOVERFLOW}, {"st_dev", 2, false, 0x801, nil}, {"st_rdev", 4, false, unix.Mkdev(300, 5), nil},
	} {
		v := statValues{st: &big, full: test.full}
		got, _, errno := v.value(test.field, test.width)
		if test.errno != nil && errno != test.errno || test.errno == nil && (errno != 0 || got != test.want) {
			t.Errorf("%s of %d bytes: %d %v, want %d %v", test.field, test.width, got, errno, test.want, test.errno)
		}
	}
}

// TestPut stores numbers in the byte order of an ABI, sign-extended beyond 64 bits' worth of bytes.
func TestPut(t *testing.T) {
	b := make([]byte, 4)
	put(b, 0x01020304, arch.X86_64)
	if b[0] != 4 || b[3] != 1 {
		t.Errorf("little-endian: %x", b)
	}
	put(b, 0x01020304, arch.S390X)
	if b[0] != 1 || b[3] != 4 {
		t.Errorf("big-endian: %x", b)
	}
}

// TestHowOpen: open(2) ignores what openat2(2) refuses (build_open_how of fs/open.c).
func TestHowOpen(t *testing.T) {
	for _, test := range []struct {
		flags, mode, wantFlags, wantMode uint64
	}{
		{1 << 31, 0o644, 0, 0}, {unix.O_CREAT, 0o177777, unix.O_CREAT, 0o7777}, {unix.O_RDWR, 0o644, unix.O_RDWR, 0},
		{unix.O_PATH | unix.O_RDWR | unix.O_CREAT | unix.O_NOFOLLOW, 0o644, unix.O_PATH | unix.O_NOFOLLOW, 0},
		{unix.O_TMPFILE | unix.O_RDWR, 0o600, unix.O_TMPFILE | unix.O_RDWR, 0o600}, {0xffff_ffff_0000_0000 | unix.O_WRONLY, 0, unix.O_WRONLY, 0},
	} {
		o := &op{call: &arch.Call{Args: []arch.Value{{}, {Raw: test.flags}, {Raw: test.mode}}}}
		how := howOpen(1, 2)(o)
		if how.Flags != test.wantFlags || how.Mode != test.wantMode || how.Resolve != 0 {
			t.Errorf("%#x %#o: %#x %#o", test.flags, test.mode, how.Flags, how.Mode)
		}
		how.Flags |= unix.O_CLOEXEC
		fd, err := unix.Openat2(unix.AT_FDCWD, "/dev/null/none", &how)
		if err == nil {
			unix.Close(fd)
		}
		if err == unix.EINVAL {
			t.Errorf("%#x: the kernel does not take %+v", test.flags, how)
		}
	}
}
