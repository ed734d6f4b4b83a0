// Package testneed says what tests do where something that they need is missing: they are skipped with the reason, and fail where CI says
// that everything must be there.
package testneed

import (
	"os"
	"os/exec"
	"testing"
)

// Missing skips the test, or fails it if STEAD_REQUIRE is 1. The message says what is missing.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("STEAD_REQUIRE") == "1" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// Programs is Missing for each program that is not in the path.
func Programs(t testing.TB, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			Missing(t, "needs %s: %v", p, err)
		}
	}
}
