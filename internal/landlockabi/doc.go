// Package landlockabi says what Landlock can say: its rights, ABI by ABI, and how a wanted set of rules becomes what one ABI
// takes. It is pure: nothing here asks a kernel, so that a policy can be checked for a machine that is not this one.
//
// The facts are those of include/uapi/linux/landlock.h (up to Linux 7.3) and landlock(7).
package landlockabi
