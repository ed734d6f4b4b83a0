package session

import (
	"errors"
	"strconv"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/internal/procfs"
	"github.com/stead-project/stead/policy"
)

// losesPrivilege is the note of such a call.
const losesPrivilege = "set-id or file capabilities have no effect under no_new_privs"

// A privilegeNoter notes executions that would gain privileges and do not, since the filter was installed under no_new_privs
// (execve(2), capabilities(7)). It looks at execve and execveat only; the decision is left as it is.
type privilegeNoter struct {
	policy.Decider
	registers    policy.RegisterDecider // the same; nil if it is none
	log          hclog.Logger
	once         *sync.Once
	execve, atID arch.ID
}

func notePrivileges(d policy.Decider, log hclog.Logger) policy.Decider {
	if d == nil {
		return nil
	}
	n := privilegeNoter{Decider: d, log: log, once: new(sync.Once)}
	n.registers, _ = d.(policy.RegisterDecider)
	n.execve, _ = arch.LookupID("execve")
	n.atID, _ = arch.LookupID("execveat")
	return n
}

// DecideRegisters leaves executions to Decide, which needs the path.
func (n privilegeNoter) DecideRegisters(raw arch.Data) (policy.Decision, bool) {
	if id := raw.ABI.ID(raw.Nr); n.registers == nil || id == n.execve || id == n.atID {
		return policy.Decision{}, false
	}
	return n.registers.DecideRegisters(raw)
}

// Decide implements policy.Decider.
func (n privilegeNoter) Decide(r *policy.Request) policy.Decision {
	d := n.Decider.Decide(r)
	if (r.Call.ID != n.execve && r.Call.ID != n.atID) || !d.Verdict.Continues() || !gainsPrivilege(r) {
		return d
	}
	d.Note = losesPrivilege
	n.once.Do(func() { n.log.Warn(losesPrivilege, "path", string(r.Call.Arg("pathname").Bytes), "tid", r.Caller.TID) })
	return d
}

// gainsPrivilege says whether the file would give the caller another user, group or capabilities. The file may be exchanged
// until the kernel opens it, and a caller that is killed meanwhile may be somebody else: good for a note, not for a decision.
func gainsPrivilege(r *policy.Request) bool {
	path := r.Call.Arg("pathname")
	if path == nil || path.State != arch.OK {
		return false
	}
	fd, err := openProgram(r, path)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return false
	}
	capable := hasCapabilities(fd)
	setuid := st.Mode&unix.S_ISUID != 0
	setgid := st.Mode&(unix.S_ISGID|unix.S_IXGRP) == unix.S_ISGID|unix.S_IXGRP // without S_IXGRP it is a mark for locking (inode(7))
	if !setuid && !setgid && !capable {
		return false
	}
	who, err := callerStatus(r.Caller.TID)
	if err != nil || ignoresSetID(fd) {
		return false
	}
	return setuid && st.Uid != who.UID[1] || setgid && st.Gid != who.GID[1] || capable && who.UID[1] != 0
}

// openProgram opens the file as the caller would find it. Only links within an absolute path are followed below the caller's root;
// what a relative path leads through is usually no link to an absolute one.
func openProgram(r *policy.Request, path *arch.Value) (int, error) {
	proc := "/proc/" + strconv.Itoa(r.Caller.TID) + "/"
	name := string(path.Bytes)
	if !strings.HasPrefix(name, "/") {
		return unix.Open(strings.TrimSuffix(proc+startDir(r)+"/"+name, "/"), unix.O_PATH|unix.O_CLOEXEC, 0)
	}
	root, err := unix.Open(proc+"root", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(root)
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	return unix.Openat2(root, name, &how)
}

// startDir is the name in proc of what a relative path starts from.
func startDir(r *policy.Request) string {
	if dir := r.Call.Arg("dirfd"); dir != nil && dir.Int() != unix.AT_FDCWD {
		return "fd/" + strconv.FormatInt(dir.Int(), 10)
	}
	return "cwd"
}

// hasCapabilities asks through /proc/self/fd: fgetxattr takes no O_PATH descriptor.
func hasCapabilities(fd int) bool {
	_, err := unix.Getxattr("/proc/self/fd/"+strconv.Itoa(fd), "security.capability", nil)
	return err == nil
}

// ignoresSetID says whether the file's mount takes no notice of such bits anyway (mount(2), MS_NOSUID).
func ignoresSetID(fd int) bool {
	var fs unix.Statfs_t
	return unix.Fstatfs(fd, &fs) == nil && fs.Flags&unix.ST_NOSUID != 0
}

func callerStatus(tid int) (procfs.Status, error) {
	proc, err := procfs.Open("")
	if err != nil {
		return procfs.Status{}, err
	}
	defer proc.Close()
	status, err := proc.Status(tid)
	if err == nil && !status.NoNewPrivs {
		err = errors.New("privileges are gained")
	}
	return status, err
}
