//go:build !amd64

package oci

// legacyMkdir are the numbers of the calls that only older architectures have.
var legacyMkdir []int
