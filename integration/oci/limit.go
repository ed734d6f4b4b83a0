package oci

import (
	"net"
	"sync"
)

// maxClients bounds the connections of one HTTP socket. Each has a descriptor, of which the agent needs many for its containers; one that
// says nothing is closed after a while (serveHTTP).
const maxClients = 64

// A limited listener accepts no more connections than it may have at once; others wait to be accepted.
type limited struct {
	net.Listener
	room   chan struct{}
	closed chan struct{}
	once   sync.Once
}

func limit(l net.Listener) net.Listener {
	return &limited{Listener: l, room: make(chan struct{}, maxClients), closed: make(chan struct{})}
}

// Accept implements net.Listener.
func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.room <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.room
		return nil, err
	}
	return &limitedConn{Conn: conn, leave: func() { <-l.room }}, nil
}

// Close implements net.Listener.
func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type limitedConn struct {
	net.Conn
	leave func()
	once  sync.Once
}

// Close implements net.Conn.
func (c *limitedConn) Close() error {
	defer c.once.Do(c.leave)
	return c.Conn.Close()
}
