package emulate

import "github.com/stead-project/stead/unotify"

// A Source is where notifications come from and answers go: a listener, or a script in a test.
type Source interface {
	NewReceiver() (Receiver, error)
	Respond(id uint64, r unotify.Response) error
	AddFD(id uint64, fd int, o unotify.AddFDOptions) (int, error)
	Valid(id uint64) error
	SetFlags(flags uint64) error
}

// A Receiver is the side of a source that one thread waits on. See [unotify.Receiver].
type Receiver interface {
	Receive(n *unotify.Notification) error
	Interrupt()
	Close()
}

// FromListener makes a source of a listener. The listener stays the caller's to close.
func FromListener(l *unotify.Listener) Source { return listenerSource{l} }

type listenerSource struct{ *unotify.Listener }

func (s listenerSource) NewReceiver() (Receiver, error) { return s.Listener.NewReceiver() }
