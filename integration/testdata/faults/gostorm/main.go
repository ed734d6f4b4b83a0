// Command gostorm makes and removes directories from many goroutines while the runtime signals its own threads. A call that
// is lost fails, and one that is made twice fails the second time (EEXIST, ENOENT).
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
)

const goroutines, rounds = 100, 100

func main() {
	var right atomic.Int64
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 4 { // busy goroutines: the runtime preempts them with SIGURG
		go func() {
			for x := 0; ; x++ {
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
	}
	for g := range goroutines {
		wg.Add(1)
		go func() {
			defer wg.Done()
			runtime.Gosched()
			for i := range rounds {
				name := filepath.Join(os.Args[1], fmt.Sprintf("d%d.%d", g, i))
				if os.Mkdir(name, 0o700) == nil && os.Remove(name) == nil {
					right.Add(1)
				}
			}
		}()
	}
	wg.Wait()
	close(stop)
	fmt.Println(right.Load())
}
