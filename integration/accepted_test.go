package integration

import (
	"regexp"

	"github.com/stead-project/stead/integration/stracecmp"
)

// shapes are calls that are not notified by themselves, for the program that makes each call once: to compare their form.
const shapes = "poll,ppoll,select,_newselect,pselect6,pread64,preadv,preadv2,pwrite64,pwritev,pwritev2,readv,writev,nanosleep," +
	"clock_nanosleep,futex,wait4,waitid,waitpid,rt_sigprocmask,sigprocmask,clock_gettime,gettimeofday,sched_yield," +
	"set_robust_list,get_robust_list,rseq,epoll_wait,epoll_pwait,futex_waitv,clock_gettime64,clock_nanosleep_time64,ppoll_time64," +
	"pselect6_time64,futex_time64"

// A meant difference: strace's line, and why stead prints another.
type meant struct{ line, reason string }

func accepted(lists ...[]meant) (out []stracecmp.Acceptance) {
	for _, list := range lists {
		for _, m := range list {
			out = append(out, stracecmp.Acceptance{Line: regexp.MustCompile(m.line), Reason: m.reason})
		}
	}
	return out
}

// Reasons that several differences share.
const (
	newer      = "the name is newer than strace 6.1"
	raw        = "strace prints the registers: it has no decoder"
	number     = "strace prints the number or the bytes, stead decodes"
	untouched  = "strace does not read what the kernel would refuse; stead shows what is there"
	interfaces = "strace looks interface numbers up in its own network namespace, which need not be the program's"
)

// everywhere are the differences of both ABIs.
var everywhere = []meant{
	{`^fallocate\(3, 0x80 `, newer},
	{`^fsmount\(-1, 0x2 `, newer},
	{`^preadv2\(.*0x100\)$`, newer},
	{`^pidfd_send_signal\(.*, 0x8\)$`, newer},
	{`^landlock_add_rule\(.*, 0x1\)$`, newer},
	{`^fcntl\(-1, 0x40c `, newer},
	{`^mount_setattr\(.*\|0x40,`, "MOUNT_ATTR__ATIME is a mask of its own name"},
	{`^mount_setattr\(.*, 8\)$`, untouched},
	{`^sched_setattr\(-1, \{size=20\}`, untouched},
	{`^setsockopt\(-1, SOL_SOCKET, SO_REUSEADDR, 0x`, untouched},
	{`^setsockopt\(-1, SOL_SOCKET, SO_KEEPALIVE, 0x.*, -1\)$`, untouched},
	{`^sethostname\(.*, 4294967295\)$`, untouched},
	{`^futex_waitv\(.*FUTEX_32`, "the header calls the size FUTEX2_SIZE_U32 now"},
	{`^sysfs\(`, raw},
	{`^rseq\(`, raw},
	{`^swapon\(.*\|0\)$`, "a priority that is not asked for is not printed"},
	{`^mremap\(.*MREMAP_DONTUNMAP`, "the new address is used as a hint"},
	{`^sched_setscheduler\(-1, 0x40000003 `, "SCHED_RESET_ON_FORK is a flag of the policy"},
	{`^capset\(\{version=0x12345678 `, "the version is not known while the sets are read, stead takes the usual one"},
	{`^capset\(\{version=_LINUX_CAPABILITY_VERSION_1,`, "the version is not known while the sets are read, stead takes the usual one"},
	{`^mq_open\(.*mq_flags=0x800`, number},
	{`^io_submit\(.*IOCB_CMD_FSYNC`, "strace leaves out the fields that the operation ignores"},
	{`^connect\(.*if_nametoindex`, interfaces},
	{`^setsockopt\(.*if_nametoindex`, interfaces},
	{`^setsockopt\(-1, SOL_SOCKET, SO_RCVTIMEO`, number},
	{`^setsockopt\(-1, SOL_IP, IP_MTU_DISCOVER`, number},
	{`^setsockopt\(-1, SOL_IP, IP_ADD_MEMBERSHIP.*, 12\)$`, number},
	{`^setsockopt\(-1, SOL_IP, IP_MULTICAST_IF`, number},
	{`^setsockopt\(-1, SOL_IP, IP_ADD_SOURCE_MEMBERSHIP`, number},
	{`^setsockopt\(-1, SOL_TCP, TCP_REPAIR_QUEUE`, number},
	{`^setsockopt\(-1, SOL_RAW, ICMP_FILTER`, number},
	{`^bpf\(BPF_MAP_LOOKUP_ELEM`, number},
	{`^perf_event_open\(\{`, "strace names the configuration and abbreviates, stead lists the fields"},
	{`^ioctl\(-1, TIOCGPTPEER`, number},
	{`^ioctl\(-1, TUNSETIFF`, number},
}

// verbose are those of strace -v.
var verbose = []meant{
	{`^ioctl\(-1, SNDCTL_TMR_START or TCSETS, `, "strace names the control characters' places"},
}

// native are the differences of x86_64 only.
var native = []meant{}

// compat are those of i386.
var compat = []meant{
	{`^ioctl\(-1, FS_IOC32_`, "both names have the number on a 32-bit ABI"},
	{`^msgrcv\(-1, 0x1000, 3, 0\)$`, "the type cannot be read, stead says so"},
	{`^vm86\(`, raw},
	{`^ssetmask\(`, "a mask by value is a number"},
}
