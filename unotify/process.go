package unotify

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/procfs"
)

// IDs are one kind of user or group ids of a thread, in the supervisor's user namespace. 65534 also stands for ids that have no
// number there.
type IDs struct {
	Real, Effective, Saved, FS uint32
}

// Credentials are a target's rights as its status file has them (proc_pid_status(5), credentials(7)). Securebits are not among
// them: the kernel shows those to the thread itself only.
type Credentials struct {
	UID, GID   IDs
	Groups     []uint32
	Caps       CapSets
	NoNewPrivs bool   // Linux 4.10
	Seccomp    int    // SECCOMP_MODE_*: 2 for every target
	Filters    int    // seccomp filters, -1 before Linux 5.9
	Umask      uint32 // file mode bits
}

// CapSets are the five sets of capabilities(7); bit n is capability n.
type CapSets struct {
	Inheritable, Permitted, Effective, Bounding, Ambient uint64
}

// Credentials reads ids, capabilities, umask and restrictions at one moment.
func (t Target) Credentials() (Credentials, error) {
	s, err := t.targets.proc.Status(t.TID)
	if err := t.check("read target's credentials", err); err != nil {
		return Credentials{}, err
	}
	return credentials(&s), nil
}

func credentials(s *procfs.Status) Credentials {
	return Credentials{
		UID: ids(s.UID), GID: ids(s.GID), Groups: s.Groups,
		Caps:       CapSets{s.CapInh, s.CapPrm, s.CapEff, s.CapBnd, s.CapAmb},
		NoNewPrivs: s.NoNewPrivs, Seccomp: s.Seccomp, Filters: s.Filters, Umask: s.Umask,
	}
}

// Umask is the target's file mode creation mask; Credentials has it too. Linux 4.7.
func (t Target) Umask() (uint32, error) {
	s, err := t.targets.proc.Status(t.TID)
	if err == nil && !s.HasUmask {
		err = unix.ENOSYS
	}
	return s.Umask, t.check("read target's umask", err)
}

func ids(v [4]uint32) IDs { return IDs{v[0], v[1], v[2], v[3]} }

// A NamespaceKind is one of the kinds of namespaces(7).
type NamespaceKind uint8

// The kinds of namespaces.
const (
	CgroupNamespace NamespaceKind = iota
	IPCNamespace
	MountNamespace
	NetNamespace
	PIDNamespace
	TimeNamespace
	UserNamespace
	UTSNamespace
	namespaceKinds
)

// String is the kind's file name in /proc/TID/ns.
func (k NamespaceKind) String() string {
	if k >= namespaceKinds {
		return fmt.Sprintf("namespace(%d)", uint8(k))
	}
	return [namespaceKinds]string{"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"}[k]
}

// NamespaceID tells namespaces apart: two that are alive at the same time have different ones.
type NamespaceID struct {
	Dev, Ino uint64
}

// Namespaces are a thread's namespaces, indexed by NamespaceKind. A kind that the kernel lacks is zero.
type Namespaces [namespaceKinds]NamespaceID

// Namespaces says which namespaces the target is in.
func (t Target) Namespaces() (Namespaces, error) {
	var all Namespaces
	for kind := range all {
		st, err := t.targets.proc.Stat(t.TID, "ns/"+NamespaceKind(kind).String())
		if err == unix.ENOENT { //nolint:errorlint // Stat returns bare errnos
			continue
		}
		if err != nil {
			return Namespaces{}, t.check("read target's namespaces", err)
		}
		all[kind] = NamespaceID{Dev: uint64(st.Dev), Ino: st.Ino} //nolint:unconvert // 32 bits on some architectures
	}
	if err := t.check("", nil); err != nil {
		return Namespaces{}, err
	}
	return all, nil
}

// Namespace is a handle on one of the target's namespaces, for setns(2). ENOENT: the kernel has no such kind.
func (t Target) Namespace(kind NamespaceKind) (*os.File, error) {
	return t.open("open target's "+kind.String()+" namespace", "ns/"+kind.String(), unix.O_RDONLY)
}
