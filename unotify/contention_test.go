package unotify_test

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/unotify"
)

// Threads that contend for the listener's lock get signals all the while, as the Go runtime sends them: what they ask is
// answered nevertheless, since the kernel waits for the lock interruptibly.
func TestSignalsDoNotInterruptOperations(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	l := filtered(t, 0, func() { <-release })
	var stop atomic.Bool
	var threads sync.WaitGroup
	var tids []int
	for range 8 {
		tid := make(chan int)
		threads.Add(1)
		go func() {
			defer threads.Done()
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			tid <- unix.Gettid()
			for id := uint64(1); !stop.Load(); id++ {
				if err := operate(l, id); !errors.Is(err, unotify.ErrGone) {
					t.Errorf("notification that does not exist: %v, want ErrGone", err)
					return
				}
			}
		}()
		tids = append(tids, <-tid)
	}
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
		for _, tid := range tids {
			unix.Tgkill(os.Getpid(), tid, unix.SIGURG) //nolint:errcheck // a thread that failed may have ended
		}
	}
	stop.Store(true)
	threads.Wait()
}

func operate(l *unotify.Listener, id uint64) error {
	if id%2 == 0 {
		return l.Valid(id)
	}
	return l.Respond(id, unotify.Response{})
}
