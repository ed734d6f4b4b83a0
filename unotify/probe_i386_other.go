//go:build !amd64

package unotify

import "golang.org/x/sys/unix"

// runI386 has nothing to try on other architectures.
func runI386() error { return unix.ENOEXEC }
