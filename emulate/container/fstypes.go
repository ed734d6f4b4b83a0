package container

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// An fsType is a file system whose options are known. An option that is a path or a descriptor means the caller's; everything else
// is the kernel's to judge.
type fsType struct {
	name   string
	paths  []string // options whose value is a path
	fds    []string // options whose value is a descriptor's number
	refuse []string // options, or options with a value, that would reach beyond the caller
	users  []string // options whose value is a user's id
	groups []string // and a group's
	owned  bool     // it has no ids but those of whoever makes it: there is nothing to map
	made   making
}

// A making says who makes a file system.
type making uint8

const (
	inside  making = iota // whoever has CAP_SYS_ADMIN in the user namespace (FS_USERNS_MOUNT)
	layered               // overlay: the same, by handles on its layers
	outside               // only who has it in the first one
	device                // the same, from a block device
)

// fsTypes are the file systems that can be mounted. `source` as an option says where from a second time (fs/fs_context.c). 9p's can be the
// path of a socket (net/9p/trans_fd.c). f2fs is missing because it opens the devices that its first one names (fs/f2fs/super.c).
func fsTypes() map[string]*fsType {
	list := []fsType{
		{name: "tmpfs"}, {name: "ramfs"}, {name: "sysfs"}, {name: "devpts"}, {name: "mqueue"}, {name: "cgroup2"}, {name: "binfmt_misc"},
		{name: "bpf"}, {name: "proc", paths: []string{"pidns"}}, {name: "fuse", fds: []string{"fd"}},
		{name: "overlay", made: layered},
		{name: "hugetlbfs", made: outside, users: []string{"uid"}, groups: []string{"gid"}, owned: true},
		{name: "nfs", made: outside}, {name: "nfs4", made: outside},
		{name: "cifs", made: outside, users: []string{"uid", "cruid", "backupuid"}, groups: []string{"gid", "backupgid"}},
		{name: "smb3", made: outside, users: []string{"uid", "cruid", "backupuid"}, groups: []string{"gid", "backupgid"}},
		{name: "9p", fds: []string{"rfdno", "wfdno"}, refuse: []string{"trans=unix"}, made: outside, users: []string{"dfltuid"}, groups: []string{"dfltgid"}},
		{name: "ext2", made: device}, {name: "ext3", made: device, refuse: []string{"journal_path", "journal_dev"}},
		{name: "ext4", made: device, refuse: []string{"journal_path", "journal_dev"}},
		{name: "xfs", made: device, refuse: []string{"logdev", "rtdev"}}, {name: "btrfs", made: device, refuse: []string{"device"}},
		{name: "squashfs", made: device}, {name: "erofs", made: device, refuse: []string{"device", "fsid", "domain_id"}},
		{name: "vfat", made: device}, {name: "msdos", made: device}, {name: "exfat", made: device}, {name: "iso9660", made: device},
		{name: "udf", made: device}, {name: "ntfs3", made: device},
	}
	types := make(map[string]*fsType, len(list))
	for i := range list {
		t := &list[i]
		if t.made == device || t.made == outside {
			t.refuse = append(t.refuse, "source")
		}
		types[t.name] = t
	}
	return types
}

// refuses says whether an option would reach beyond the caller.
func (t *fsType) refuses(v option) bool {
	return slices.Contains(t.refuse, v.key) || slices.Contains(t.refuse, v.String())
}

// An option is one of a comma-separated list, as generic_parse_monolithic() of fs/fs_context.c takes it apart.
type option struct {
	key, value string
	flag       bool // without a value
}

func (v option) String() string {
	if v.flag {
		return v.key
	}
	return v.key + "=" + v.value
}

func parseOptions(data string) (list []option) {
	for part := range strings.SplitSeq(data, ",") {
		if part == "" {
			continue
		}
		key, value, ok := strings.Cut(part, "=")
		list = append(list, option{key: key, value: value, flag: !ok})
	}
	return list
}

func joinOptions(list []option) string {
	texts := make([]string, len(list))
	for i := range list {
		texts[i] = list[i].String()
	}
	return strings.Join(texts, ",")
}

// remountRefused are options of any type that are paths or descriptors: a remount does not name its type.
func remountRefused() []string {
	return []string{"fd", "rfdno", "wfdno", "pidns", "journal_path", "journal_dev", "logdev", "rtdev", "device", "source"}
}

// The parts of a mount's flags that belong to the file system, as fsconfig(2) has them (fs/fs_context.c).
func superFlags(flags uint64) (list []option) {
	for _, f := range [...]struct {
		flag uint64
		name string
	}{{unix.MS_RDONLY, "ro"}, {unix.MS_SYNCHRONOUS, "sync"}, {unix.MS_DIRSYNC, "dirsync"}, {unix.MS_MANDLOCK, "mand"}, {unix.MS_LAZYTIME, "lazytime"}} {
		if flags&f.flag != 0 {
			list = append(list, option{key: f.name, flag: true})
		}
	}
	return list
}

// mountAttrs are mount flags as fsmount(2) and mount_setattr(2) have them. What is set of the access times stands for all of them.
func mountAttrs(flags uint64) (set uint64) {
	for _, f := range [...]struct{ flag, attr uint64 }{
		{unix.MS_RDONLY, unix.MOUNT_ATTR_RDONLY}, {unix.MS_NOSUID, unix.MOUNT_ATTR_NOSUID}, {unix.MS_NODEV, unix.MOUNT_ATTR_NODEV},
		{unix.MS_NOEXEC, unix.MOUNT_ATTR_NOEXEC}, {unix.MS_NODIRATIME, unix.MOUNT_ATTR_NODIRATIME},
		{unix.MS_NOSYMFOLLOW, unix.MOUNT_ATTR_NOSYMFOLLOW},
	} {
		if flags&f.flag != 0 {
			set |= f.attr
		}
	}
	switch {
	case flags&unix.MS_STRICTATIME != 0:
		set |= unix.MOUNT_ATTR_STRICTATIME
	case flags&unix.MS_NOATIME != 0:
		set |= unix.MOUNT_ATTR_NOATIME
	}
	return set
}
