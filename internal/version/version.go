// Package version says which build this is.
package version

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Version and Commit are set by the linker (scripts/build.sh).
var Version, Commit = "", "" //nolint:gochecknoglobals // the linker can set nothing else

// String is one line for people.
func String() string {
	v, c := Version, Commit
	if v == "" {
		v = "development version"
	}
	if c == "" {
		c = vcsRevision()
	}
	return fmt.Sprintf("stead %s (commit %s, %s, %s/%s)", v, c, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func vcsRevision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return "unknown"
}
