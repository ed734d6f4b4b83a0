// Package landlock makes Landlock rulesets: access rights on file hierarchies and ports that the kernel enforces by itself, at
// no round trip, for a process and all its descendants. See landlock(7).
//
// A [Ruleset] says what is wanted, [Compile] says it in the words of one ABI (a pure function, for any ABI), [Open] makes the
// kernel's object of it, and the launcher applies that to the program it starts.
//
// # What Landlock has no word for
//
// As of Linux 7.3, no ruleset restricts
//
//   - chdir(2), fchdir(2), chroot(2)
//   - stat(2) and its kin, access(2) and faccessat2(2), readlink(2), statfs(2), name_to_handle_at(2)
//   - chmod(2), chown(2), utimensat(2), setxattr(2), getxattr(2), listxattr(2), removexattr(2) and their kin, and the FS_IOC_*
//     ioctls on regular files and directories
//   - flock(2), fcntl(2), inotify_add_watch(2), and open(2) with O_PATH
//   - what is done through descriptors opened before, or received from outside, and memfd_create(2), executing it included
//   - listen(2) on a socket that was not bound: the kernel picks a port without a check
//   - sockets other than TCP (from ABI 10: and UDP): MPTCP, SCTP, raw, packet, netlink, vsock
//   - addresses: a rule is about a port, whatever host or interface it is on
//   - the creation of abstract UNIX sockets, and, before ABI 9, connecting to UNIX sockets that have a path
//
// Handling any right on files also refuses mount(2), umount2(2), pivot_root(2) and move_mount(2) with EPERM, and a domain may
// trace (ptrace(2)) only processes in it. A process can be in 16 domains at most (E2BIG).
package landlock

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/landlockabi"
)

// The pure part, which a policy's compiler shares.
type (
	FS               = landlockabi.FS
	Net              = landlockabi.Net
	Scope            = landlockabi.Scope
	Restrict         = landlockabi.Restrict
	Ruleset          = landlockabi.Ruleset
	Path             = landlockabi.Path
	Ports            = landlockabi.Ports
	Plan             = landlockabi.Plan
	Loss             = landlockabi.Loss
	Mode             = landlockabi.Mode
	Facts            = landlockabi.Facts
	UnsupportedError = landlockabi.UnsupportedError
)

// The rights on files. See landlock(7) for each.
const (
	Execute     = landlockabi.Execute
	WriteFile   = landlockabi.WriteFile
	ReadFile    = landlockabi.ReadFile
	ReadDir     = landlockabi.ReadDir
	RemoveDir   = landlockabi.RemoveDir
	RemoveFile  = landlockabi.RemoveFile
	MakeChar    = landlockabi.MakeChar
	MakeDir     = landlockabi.MakeDir
	MakeReg     = landlockabi.MakeReg
	MakeSock    = landlockabi.MakeSock
	MakeFifo    = landlockabi.MakeFifo
	MakeBlock   = landlockabi.MakeBlock
	MakeSym     = landlockabi.MakeSym
	Refer       = landlockabi.Refer
	Truncate    = landlockabi.Truncate
	IoctlDev    = landlockabi.IoctlDev
	ResolveUnix = landlockabi.ResolveUnix
)

// The rights on ports, the scopes, the flags and the modes.
const (
	BindTCP          = landlockabi.BindTCP
	ConnectTCP       = landlockabi.ConnectTCP
	BindUDP          = landlockabi.BindUDP
	ConnectSendUDP   = landlockabi.ConnectSendUDP
	AbstractUnix     = landlockabi.AbstractUnix
	Signal           = landlockabi.Signal
	LogSameExecOff   = landlockabi.LogSameExecOff
	LogNewExecOn     = landlockabi.LogNewExecOn
	LogSubdomainsOff = landlockabi.LogSubdomainsOff
	Strict           = landlockabi.Strict
	BestEffort       = landlockabi.BestEffort
)

// ErrEmpty says that a plan restricts nothing, of which no ruleset can be made: start the program without one.
var ErrEmpty = errors.New("nothing to restrict")

// FactsOf lists the words of an ABI.
func FactsOf(abi int) Facts { return landlockabi.FactsOf(abi) }

// Compile says a ruleset in the words of an ABI; see [landlockabi.Compile].
func Compile(r Ruleset, abi int, mode Mode) (Plan, []Loss, error) {
	return landlockabi.Compile(r, abi, mode)
}

// ABI is the running kernel's Landlock ABI, from 1. The errors say why there is none: ENOSYS, not in this kernel (Linux 5.13
// is the first); EOPNOTSUPP, switched off at boot.
func ABI() (int, error) {
	abi, errno := createRuleset(nil, unix.LANDLOCK_CREATE_RULESET_VERSION)
	switch errno {
	case 0:
		return abi, nil
	case unix.ENOSYS:
		return 0, fmt.Errorf("this kernel has no Landlock, use Linux 5.13 or later: %w", errno)
	case unix.EOPNOTSUPP:
		return 0, fmt.Errorf("landlock is switched off: add it to lsm= on the kernel's command line: %w", errno)
	}
	return 0, fmt.Errorf("ask for the Landlock ABI: %w", errno)
}

// Errata is the set of the running kernel's fixed faults of its ABI, bit n-1 for erratum n; 0 where the kernel does not tell
// (before Linux 6.15). Erratum 1: TCP rules concern only TCP; 2: signals between threads; 3: disconnected directories.
func Errata() uint32 {
	set, errno := createRuleset(nil, unix.LANDLOCK_CREATE_RULESET_ERRATA)
	if errno != 0 {
		return 0
	}
	return uint32(set)
}

// Open makes the kernel's ruleset of a plan. The file is close-on-exec; closing it changes nothing for those it was applied
// to. The optional paths that were not there, or could not be reached, are returned: nothing below them is allowed, not even
// if they appear later.
func Open(p Plan) (f *os.File, missing []Path, err error) {
	if p.Empty() {
		return nil, nil, ErrEmpty
	}
	fd, errno := createRuleset(&rulesetAttr{
		handledFS: uint64(p.HandledFS), handledNet: uint64(p.HandledNet), scoped: uint64(p.Scopes),
		quietFS: uint64(p.QuietFS), quietNet: uint64(p.QuietNet), quietScoped: uint64(p.QuietScopes),
	}, 0)
	if errno != 0 {
		return nil, nil, fmt.Errorf("create Landlock ruleset for ABI %d: %w", p.ABI, errno)
	}
	f = os.NewFile(uintptr(fd), "landlock ruleset")
	if missing, err = addRules(fd, p); err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, missing, nil
}

func addRules(fd int, p Plan) (missing []Path, err error) {
	for i := range p.Paths {
		there, err := addPath(fd, &p.Paths[i])
		if err != nil {
			return nil, wrap(p.Paths[i].Origin, fmt.Errorf("allow %v on %s: %w", p.Paths[i].Allow, p.Paths[i].Path, err))
		}
		if !there {
			missing = append(missing, p.Paths[i])
		}
	}
	for _, e := range p.Ports {
		if errno := addPortRule(fd, uint64(e.Allow), uint64(e.From), ruleFlags(e.Quiet)); errno != 0 {
			return nil, wrap(e.Origin, fmt.Errorf("allow %v on port %d: %w", e.Allow, e.From, errno))
		}
	}
	return missing, nil
}

func wrap(origin string, err error) error {
	if origin == "" {
		return err
	}
	return fmt.Errorf("%s: %w", origin, err)
}

func ruleFlags(quiet bool) uint32 {
	if quiet {
		return unix.LANDLOCK_ADD_RULE_QUIET
	}
	return 0
}

func addPath(ruleset int, e *Path) (there bool, err error) {
	fd, err := openPath(e.Path)
	if err != nil {
		if e.Optional && unreachable(err) {
			return false, nil
		}
		return false, err
	}
	defer unix.Close(fd)
	allow, err := meaningful(fd, e.Allow)
	if err != nil || allow == 0 && !e.Quiet {
		return true, err
	}
	switch errno := addPathRule(ruleset, uint64(allow), fd, ruleFlags(e.Quiet)); errno {
	case 0:
		return true, nil
	case unix.EBADFD: // a pipe, a socket or the like below /proc/PID/fd: Landlock never refuses those
		return true, fmt.Errorf("it is not in a file system that rules can name: leave it out: %w", errno)
	default:
		return true, errno
	}
}

// openPath needs no right on the file, only the way to it; see O_PATH in open(2).
func openPath(path string) (int, error) {
	for {
		fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

func unreachable(err error) bool {
	return err == unix.ENOENT || err == unix.ENOTDIR || err == unix.EACCES
}

// meaningful drops the rights of directories on what is none: landlock_add_rule(2) would fail with EINVAL.
func meaningful(fd int, allow FS) (FS, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		allow &= landlockabi.OnFile
	}
	return allow, nil
}

// RestrictThread applies a ruleset to the calling thread, for ever; its children inherit it, its process's other threads do
// not get it. The caller has locked the goroutine to the thread and has set no_new_privs (or has CAP_SYS_ADMIN: else EPERM).
// E2BIG: the thread is in 16 domains already. Programs are better started by the launcher, which does this in the child.
func RestrictThread(f *os.File, flags Restrict) error {
	if errno := restrictSelf(int(f.Fd()), uint32(flags)); errno != 0 {
		return fmt.Errorf("restrict thread with Landlock: %w", errno)
	}
	return nil
}
