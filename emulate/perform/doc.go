// Package perform performs file-system calls in the target's stead.
//
// The kernel resolves every path, on a thread that has the target's root, credentials and namespaces, from the target's own working
// directory or descriptor. What it finds is held by an O_PATH descriptor: the object itself, or the directory in which a name is to
// be made, removed or replaced. The policy judges the path of what is held, and the call is carried out on what is held, never by
// looking up the path again. So there is nothing that a program could exchange between the decision and the act.
//
//	target's arguments -> copies -> pins (O_PATH) -> judged paths -> act on the pins -> result
//
// Links that depend on who follows them (/proc/self, /proc/thread-self and, through them, /dev/fd, /dev/stdin and the like) mean the
// target: a path that meets procfs is walked again component by component, with the target in the place of the supervisor. The
// supervisor's own entries in procfs are refused.
package perform
