// Package csys holds sys.h, the system calls of C code in other packages. It has no code of its own: those packages import it so that a
// vendored copy of the module has the header too.
package csys
