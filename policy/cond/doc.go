// Package cond is the condition of a rule: a CEL expression about one call, typed against that call's parameters under their
// manual-page names.
//
// [Parse] reads the text once; [Source.Bind] gives it a meaning for one call of one ABI, with every name, constant and type
// checked. What comes out is a tree of this package's own leaves, which say what they compare, so that a compiler can put them
// where they are enforced best, and which are decided without CEL: only what has no leaf of its own is a [Program].
//
// # What can be said
//
//	op in [TCGETS, TIOCGWINSZ]               numbers and the headers' constants; == != < <= > >= in
//	flags.has("O_CREAT|O_EXCL")              all of them; any, none; only: nothing else is set
//	writes(flags)                            open for writing, creating or truncating
//	how.resolve.has("RESOLVE_BENEATH")       fields of structs, [i] of arrays, .value of a pointer to a number
//	data == null                             the address itself
//	pathname.under("/etc")                   /etc and all below it; a list: any of them
//	pathname.matches("/home/*/.ssh/**")      * ? [a-z] within a component, ** for any number of components
//	pathname == "/etc/passwd"                .dir is a path again, .base a name whose matches is a glob too
//	paths.under("/etc")                      any path of the call
//	target.initial, target.fstype == "tmpfs" on a mount that the container began with; on such a file system (calls that mount and unmount)
//	filesystemtype in ["tmpfs", "proc"]      strings; contains, startsWith, endsWith, matches (a regular expression, RE2)
//	argv.contains("-x"), argv[0], argv.size()
//	addr.ip in cidr("10.0.0.0/8"), addr.port, addr.family == AF_INET, addr.path, addr.abstract
//	caller.uid, gid, exe, comm, cwd, abi
//
// # Values that are not there
//
// A null pointer, an argument that the array does not have, a path of an address that has none read as "", and a number as 0:
// nothing is under or matches "". Memory that cannot be read, a string without an end and everything else that makes a value
// unknown is an error of [Expr.Eval], and the call has to be denied. As in CEL, an operand of && or || whose error does not
// matter (false && error, true || error) does not count.
//
// A number in a register is what the register holds, whether or not the call looks at it (open's mode without O_CREAT), as for
// the kernel's filter; bits above the parameter's width don't count.
//
// # Paths
//
// A path is what [Context.Paths] says it is, else the argument made absolute and free of ".", ".." and empty components without
// looking at any file system. Bytes are compared as they are: a path need not be UTF-8.
package cond
