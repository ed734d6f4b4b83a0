package landlock

import "github.com/stead-project/stead/internal/landlockabi"

// gaps lists what goes around the areas that are closed. Each was found to be so on Linux 6.18.
func (b *builder) gaps() {
	if b.doc.Files != nil {
		b.r.Gaps = append(b.r.Gaps, fileGaps()...)
	}
	if b.doc.Files != nil || b.doc.Exec != nil {
		b.r.Gaps = append(b.r.Gaps, execGaps()...)
	}
	if b.doc.Network == nil {
		return
	}
	ip := b.lists(isIP)
	b.r.Gaps = append(b.r.Gaps, socketGap(ip, b.lists(isUnix)), ringGap())
	if !ip {
		return // there are no such sockets
	}
	if b.r.Ruleset.HandledNet&landlockabi.ConnectTCP != 0 {
		b.r.Gaps = append(b.r.Gaps, fastOpenGap())
	}
	if b.r.Ruleset.HandledNet&landlockabi.BindTCP != 0 {
		b.r.Gaps = append(b.r.Gaps, listenGap())
	}
}

func fileGaps() []Gap {
	return []Gap{
		{Area: Files, Text: "who owns a file, its mode, times and extended attributes can be changed wherever the user may",
			Calls: []string{"chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchown", "fchownat", "utime", "utimes",
				"futimesat", "utimensat", "setxattr", "lsetxattr", "fsetxattr", "setxattrat", "removexattr", "lremovexattr",
				"fremovexattr", "removexattrat"}},
		{Area: Files, Text: "that a file exists, its metadata, link target and extended attributes can be seen wherever the user may",
			Calls: []string{"stat", "lstat", "newfstatat", "statx", "statfs", "access", "faccessat", "faccessat2", "readlink",
				"readlinkat", "getxattr", "lgetxattr", "getxattrat", "listxattr", "llistxattr", "listxattrat", "name_to_handle_at",
				"inotify_add_watch"}},
		{Area: Files, Text: "any directory that the user may search can become the working or the root directory",
			Calls: []string{"chdir", "fchdir", "chroot"}},
		{Area: Files, Text: "files that can be opened can be locked", Calls: []string{"flock"}},
	}
}

func execGaps() []Gap {
	return []Gap{{Area: Exec, Calls: []string{"memfd_create"},
		Text: "a file in memory has no path, and can be executed",
		Harm: "programs that share memory by memfd_create(2) and do not ask for MFD_NOEXEC_SEAL (Linux 6.3)",
		Guards: []Guard{{Call: "memfd_create", Errno: "EACCES",
			Tests: []Test{{Param: "flags", Op: NoBit, Names: []string{"MFD_NOEXEC_SEAL"}}}}},
	}}
}

// sockType leaves SOCK_NONBLOCK and SOCK_CLOEXEC out of socket(2)'s type.
const sockType = 0xf

// socketGap: the rules on ports look at sockets whose protocol is TCP (or UDP) and at nothing else. Families of which the
// policy names no endpoint are not needed. AF_NETLINK stays: the C library lists addresses by it.
func socketGap(ip, unix bool) Gap {
	families := []string{"AF_NETLINK"}
	if unix {
		families = append(families, "AF_UNIX")
	}
	if ip {
		families = append(families, "AF_INET", "AF_INET6")
	}
	g := Gap{Area: Network, Calls: []string{"socket"},
		Text: "MPTCP, SCTP, raw, packet, vsock and other sockets obey no rule on ports",
		Guards: []Guard{{Call: "socket", Errno: "EACCES",
			Tests: []Test{{Param: "domain", Op: NotIn, Names: families}}}}}
	if ip {
		g.Guards = append(g.Guards, protocolGuards()...)
	}
	return g
}

func protocolGuards() []Guard {
	inet := Test{Param: "domain", Op: In, Names: []string{"AF_INET", "AF_INET6"}}
	kind := func(op TestOp, names ...string) Test {
		return Test{Param: "type", Mask: sockType, Op: op, Names: names}
	}
	proto := func(names ...string) Test { return Test{Param: "protocol", Op: NotIn, Names: append(names, "0")} }
	return []Guard{
		{Call: "socket", Errno: "EACCES", Tests: []Test{inet, kind(NotIn, "SOCK_STREAM", "SOCK_DGRAM")}},
		{Call: "socket", Errno: "EPROTONOSUPPORT", Tests: []Test{inet, kind(In, "SOCK_STREAM"), proto("IPPROTO_TCP")}},
		{Call: "socket", Errno: "EPROTONOSUPPORT", Tests: []Test{inet, kind(In, "SOCK_DGRAM"), proto("IPPROTO_UDP")}},
	}
}

// ringGap: requests in a ring obey Landlock, but pass by a filter, and with it by the guards of the other gaps. EPERM is what
// programs get where the system switched rings off (kernel.io_uring_disabled).
func ringGap() Gap {
	return Gap{Area: Network, Calls: []string{"io_uring_setup"}, Text: "requests in a ring are not seen by the filter",
		Guards: []Guard{{Call: "io_uring_setup", Errno: "EPERM"}}}
}

// fastOpenGap: sending with MSG_FASTOPEN connects, and no rule is asked. Without it programs connect(2) first; EOPNOTSUPP is
// what they get where the system switched it off (tcp(7), tcp_fastopen).
func fastOpenGap() Gap {
	calls := []string{"sendto", "sendmsg", "sendmmsg"}
	g := Gap{Area: Network, Calls: calls, Text: "sending the first bytes with MSG_FASTOPEN connects to any port"}
	for _, call := range calls {
		g.Guards = append(g.Guards, Guard{Call: call, Errno: "EOPNOTSUPP",
			Tests: []Test{{Param: "flags", Op: AnyBit, Names: []string{"MSG_FASTOPEN"}}}})
	}
	return g
}

func listenGap() Gap {
	return Gap{Area: Network, Calls: []string{"listen"},
		Text: "listen(2) on a socket that was not bound takes a port of the kernel's choice, and no rule is asked"}
}
