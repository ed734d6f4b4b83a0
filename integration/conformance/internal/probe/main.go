// Command probe makes the system calls of the conformance suite and prints what it sees of them. It is built by the suite.
package main

import (
	"flag"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/integration/conformance/internal/checks"
)

func main() {
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	var opt checks.Options
	flag.StringVar(&opt.Dir, "dir", "", "the directory to work in; absolute")
	flag.StringVar(&opt.Fix, "fix", "", "the directory of prepared files; absolute")
	flag.StringVar(&opt.Only, "only", "", "one check, without the line of its name")
	flag.BoolVar(&opt.Thread, "thread", false, "make the calls on another thread than the first")
	flag.Parse()
	opt.Self = os.Args[0]
	onFirstThread()
	time.Sleep(time.Microsecond) // the first timer takes descriptors: let it be before the first check
	os.Exit(checks.Main(opt))
}

// onFirstThread starts the program again where the Go runtime has moved main to another thread: the checks say which thread
// they mean.
func onFirstThread() {
	if unix.Gettid() == unix.Getpid() || os.Getenv("PROBE_AGAIN") != "" {
		return
	}
	syscall.Exec(os.Args[0], os.Args, append(os.Environ(), "PROBE_AGAIN=1"))
}
