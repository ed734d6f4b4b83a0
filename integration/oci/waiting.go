package oci

import (
	"container/list"
	"net"
	"sync"
)

// waiting are the connections whose state has not come. Where there are too many, the oldest gives way: who is slow delays nobody
// who is not.
type waiting struct {
	max   int
	mu    sync.Mutex
	conns list.List
}

// enter gives the function that takes the connection out again.
func (w *waiting) enter(conn *net.UnixConn) (leave func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conns.Len() >= w.max {
		w.conns.Remove(w.conns.Front()).(*net.UnixConn).Close()
	}
	e := w.conns.PushBack(conn)
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.conns.Remove(e) // nothing, if it is out already
	}
}

// closeAll gives all of them up.
func (w *waiting) closeAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.conns.Len() > 0 {
		w.conns.Remove(w.conns.Front()).(*net.UnixConn).Close()
	}
}
