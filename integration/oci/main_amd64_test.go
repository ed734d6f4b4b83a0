package oci

import "golang.org/x/sys/unix"

// legacyMkdir are the numbers of the calls that only older architectures have.
var legacyMkdir = []int{unix.SYS_MKDIR}
