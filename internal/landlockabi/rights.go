package landlockabi

import (
	"fmt"
	"math/bits"
	"strings"
)

// FS is a set of rights on files, the kernel's LANDLOCK_ACCESS_FS_*.
type FS uint64

// The rights on files. The first six concern what the rule names and all below it; from RemoveDir to Refer they concern what a
// directory holds; all but Execute, WriteFile, ReadFile, Truncate, IoctlDev and ResolveUnix mean nothing on a plain file.
const (
	Execute FS = 1 << iota
	WriteFile
	ReadFile
	ReadDir
	RemoveDir
	RemoveFile
	MakeChar
	MakeDir
	MakeReg
	MakeSock
	MakeFifo
	MakeBlock
	MakeSym
	Refer       // link or rename between directories
	Truncate    //
	IoctlDev    //
	ResolveUnix // connect or send to a UNIX socket by its path
)

// OnFile are the rights that a rule on something other than a directory may hold; the kernel refuses the others (EINVAL).
const OnFile = Execute | WriteFile | ReadFile | Truncate | IoctlDev | ResolveUnix

// Net is a set of rights on ports, the kernel's LANDLOCK_ACCESS_NET_*.
type Net uint64

// The rights on ports. BindUDP on port 0 is what a datagram socket needs that binds itself when it first sends.
const (
	BindTCP Net = 1 << iota
	ConnectTCP
	BindUDP
	ConnectSendUDP
)

// Scope is a set of things that stop at the domain's border, the kernel's LANDLOCK_SCOPE_*. A scope has no exceptions.
type Scope uint64

// The scopes.
const (
	AbstractUnix Scope = 1 << iota // connecting to abstract UNIX sockets of processes outside
	Signal                         // signalling processes outside
)

// Restrict is a set of flags of landlock_restrict_self(2). None of them changes what is allowed.
type Restrict uint32

// The flags.
const (
	LogSameExecOff   Restrict = 1 << iota // no audit records before the first execve
	LogNewExecOn                          // audit records also after it
	LogSubdomainsOff                      // none of domains that the program makes for itself
	AllThreads                            // TSYNC: all threads of the process
	SetNoNewPrivs                         // no_new_privs is set with the restriction
)

// A word is one bit of one of the sets.
type word struct {
	name string // as in the header, without the prefix
	abi  int    // the first ABI that has it
	what string // what the bit is about: fits "…is not restricted"
}

var fsWords = [...]word{
	{"EXECUTE", 1, "executing files"},
	{"WRITE_FILE", 1, "opening files for writing"},
	{"READ_FILE", 1, "opening files for reading"},
	{"READ_DIR", 1, "listing directories"},
	{"REMOVE_DIR", 1, "removing directories"},
	{"REMOVE_FILE", 1, "removing files"},
	{"MAKE_CHAR", 1, "making character devices"},
	{"MAKE_DIR", 1, "making directories"},
	{"MAKE_REG", 1, "making files"},
	{"MAKE_SOCK", 1, "making UNIX sockets"},
	{"MAKE_FIFO", 1, "making named pipes"},
	{"MAKE_BLOCK", 1, "making block devices"},
	{"MAKE_SYM", 1, "making symbolic links"},
	{"REFER", 2, "linking and renaming between directories"},
	{"TRUNCATE", 3, "truncating files"},
	{"IOCTL_DEV", 5, "ioctl(2) on devices"},
	{"RESOLVE_UNIX", 9, "connecting to UNIX sockets by path"},
}

var netWords = [...]word{
	{"BIND_TCP", 4, "binding TCP ports"},
	{"CONNECT_TCP", 4, "connecting to TCP ports"},
	{"BIND_UDP", 10, "binding UDP ports"},
	{"CONNECT_SEND_UDP", 10, "connecting and sending to UDP ports"},
}

var scopeWords = [...]word{
	{"ABSTRACT_UNIX_SOCKET", 6, "connecting to abstract UNIX sockets outside"},
	{"SIGNAL", 6, "signalling processes outside"},
}

var restrictWords = [...]word{
	{"LOG_SAME_EXEC_OFF", 7, "silence before the first execve"},
	{"LOG_NEW_EXEC_ON", 7, "audit records after execve"},
	{"LOG_SUBDOMAINS_OFF", 7, "silence of nested domains"},
	{"TSYNC", 8, "restricting all threads at once"},
	{"NO_NEW_PRIVS", 11, "no_new_privs set by the restriction"},
}

// The kinds of words, with the header's prefixes.
const (
	fsPrefix       = "LANDLOCK_ACCESS_FS_"
	netPrefix      = "LANDLOCK_ACCESS_NET_"
	scopePrefix    = "LANDLOCK_SCOPE_"
	restrictPrefix = "LANDLOCK_RESTRICT_SELF_"
)

// String lists the rights by the header's names, in lower case and without the prefix.
func (a FS) String() string { return text(fsWords[:], uint64(a)) }

// String lists the rights by the header's names, in lower case and without the prefix.
func (a Net) String() string { return text(netWords[:], uint64(a)) }

// String lists the scopes by the header's names, in lower case and without the prefix.
func (a Scope) String() string { return text(scopeWords[:], uint64(a)) }

// String lists the flags by the header's names, in lower case and without the prefix.
func (a Restrict) String() string { return text(restrictWords[:], uint64(a)) }

func text(words []word, set uint64) string {
	if set == 0 {
		return "nothing"
	}
	var list []string
	for ; set != 0; set &= set - 1 {
		if i := bits.TrailingZeros64(set); i < len(words) {
			list = append(list, strings.ToLower(words[i].name))
		} else {
			list = append(list, fmt.Sprintf("%#x", uint64(1)<<i))
		}
	}
	return strings.Join(list, ",")
}
