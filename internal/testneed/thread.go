package testneed

import (
	"os"
	"runtime"
	"syscall"
)

// OwnThread runs f in the background on a thread that ends with it, and with it the thread's filter and namespaces. The process's first
// thread is none: the Go runtime parks it when its goroutine has ended.
func OwnThread(f func()) {
	go func() {
		runtime.LockOSThread()
		if syscall.Gettid() != os.Getpid() {
			f()
			return
		}
		defer runtime.UnlockOSThread()
		begun := make(chan struct{})
		OwnThread(func() {
			close(begun)
			f()
		})
		<-begun
	}()
}
