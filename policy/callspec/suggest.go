package callspec

import (
	"strconv"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/internal/nearest"
)

// unknownName is the error for a call that no ABI has.
func unknownName(name string) *Error {
	all := arch.AllCalls()
	var names []string
	for _, id := range all.IDs() {
		names = append(names, id.Name())
	}
	return failf(0, "no call is named %q%s", shorten(name), nearest.DidYouMean(name, names))
}

// counted is "1 argument", "2 arguments".
func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}
