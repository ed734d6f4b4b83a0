// Package container performs calls inside a container that the container itself has no right to: mounting and its relatives above all.
//
// Six kinds of stand-in tasks (package standin) act, each in the caller's mount namespace and with the caller's root and ids:
//
//	asTarget  with exactly the caller's rights: it finds what the paths mean
//	granted   with CAP_SYS_ADMIN in the caller's user namespace besides: it mounts
//	layers    for overlay in a user namespace, with CAP_DAC_OVERRIDE, CAP_CHOWN, CAP_FOWNER and CAP_FSETID there as well
//	host      in the supervisor's user namespace, with CAP_SYS_ADMIN and CAP_MKNOD and nothing else: it does what the kernel allows
//	          nobody in a user namespace (trusted.* attributes, device nodes, quotas)
//
//	programming and timekeeping, as host, with CAP_BPF and CAP_NET_ADMIN, or with CAP_SYS_TIME
//
// A path is resolved once, as the caller, to an O_PATH descriptor. The policy judges the path of what is held, and the call is carried
// out on what is held: the tasks' working directory is their own descriptors' directory in proc, so that "12" is what descriptor 12
// refers to for calls that take nothing but a path. So mount(2) itself is what is called, and its errno is the kernel's.
//
// Options of file systems that are paths or descriptors (overlay's lowerdir, fuse's fd) would mean the supervisor's; they are
// replaced by what the caller means by them. A file system whose options are not known here is not mounted.
//
// What the new mount API gives out as O_PATH descriptors cannot be injected (kernel/seccomp.c takes its descriptor with fget()).
// The caller gets the reading end of a pipe instead, whose inode number only this package can redeem, and whose last copy's end
// is seen at the other end.
//
// File systems that a rule has a program serve (policy.Grant.FUSE) are mounted by that program, which is the container's own and is started
// as the caller would start it: fuse.go says what it is told and waits for, program.go how it is started, program_like.go what it has to
// be like.
//
// Linux 5.12 for all of it; 5.8 for mount(2) and umount2(2) alone.
package container
