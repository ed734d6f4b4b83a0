//go:build !amd64 && !arm64

package filter

// precompiled is empty: filters are built at every start.
var precompiled [0]Program
