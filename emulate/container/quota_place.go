package container

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/procself"
)

// quotaDevice says whether the file system on a device is the container's, and whether its mount maps ids.
func (o *op) quotaDevice(fd int) (mine, mapped bool) {
	st, ok := statOf(fd, unix.STATX_BASIC_STATS)
	if !ok || st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return false, false
	}
	return o.quotaMount(mountFrom(fmt.Sprintf("/proc/%d/mountinfo", o.env.TID), fmt.Appendf(nil, "%d:%d", st.Rdev_major, st.Rdev_minor)))
}

// quotaMount: what the machine has mounted, too, is the machine's.
func (o *op) quotaMount(mount [][]byte) (mine, mapped bool) {
	const device, options = 2, 5 // proc_pid_mountinfo(5)
	if len(mount) <= options || !o.foreign(nsMount) || mountFrom("/proc/self/mountinfo", mount[device]) != nil || o.env.Valid() != nil {
		return false, false
	}
	for option := range bytes.SplitSeq(mount[options], []byte(",")) {
		mapped = mapped || string(option) == "idmapped"
	}
	return true, mapped
}

// mountFrom finds the first mount of a device. In doubt there is one, which has no fields.
func mountFrom(mountinfo string, device []byte) [][]byte {
	text, err := os.ReadFile(mountinfo)
	if err != nil {
		return [][]byte{}
	}
	for line := range bytes.Lines(text) {
		if f := bytes.Fields(line); len(f) > 6 && bytes.Equal(f[2], device) {
			return f
		}
	}
	return nil
}

// An idMap translates ids between the caller's user namespace and what the supervisor is to say in their stead.
type idMap struct {
	all    bool // they are the same
	ranges []idRange
}

// An idRange is a line of uid_map and its relatives (user_namespaces(7)).
type idRange struct{ inside, outside, count uint64 }

// ids: a mount that maps ids has on its device those that the caller sees.
func (o *op) ids(kind uint32, mapped bool) idMap {
	kinds := [...]string{"uid_map", "gid_map", "projid_map"}
	if !o.foreign(nsUser) || int(kind) >= len(kinds) {
		return idMap{all: true}
	}
	dir, err := o.f.targets.OpenAt(o.env.TID, "", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return idMap{}
	}
	defer unix.Close(dir)
	text, err := procself.ReadAt(dir, kinds[kind])
	if err != nil || o.env.Valid() != nil {
		return idMap{}
	}
	ids := idMap{ranges: parseRanges(text)}
	for i := range ids.ranges {
		if mapped {
			ids.ranges[i].outside = ids.ranges[i].inside
		}
	}
	return ids
}

func parseRanges(text []byte) (list []idRange) {
	for line := range bytes.Lines(text) {
		var r idRange
		if n, _ := fmt.Sscan(string(line), &r.inside, &r.outside, &r.count); n == 3 {
			list = append(list, r)
		}
	}
	return list
}

// out is the id that the supervisor names.
func (m *idMap) out(id uint32) (uint32, bool) {
	for _, r := range m.ranges {
		if v := uint64(id); v >= r.inside && v-r.inside < r.count {
			return uint32(v - r.inside + r.outside), true
		}
	}
	return id, m.all
}

// in makes an id that the kernel has written the caller's; one without a mapping is what from_kqid() of kernel/quota.c gives.
func (m *idMap) in(at []byte) {
	id := uint64(binary.NativeEndian.Uint32(at))
	for _, r := range m.ranges {
		if id >= r.outside && id-r.outside < r.count {
			binary.NativeEndian.PutUint32(at, uint32(id-r.outside+r.inside))
			return
		}
	}
	if !m.all {
		binary.NativeEndian.PutUint32(at, ^uint32(0))
	}
}
