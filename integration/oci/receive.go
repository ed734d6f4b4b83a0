package oci

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/unotify"
)

// errNothing says that a connection ended before anything came: crun connects before it knows that it can start the container.
var errNothing = errors.New("the connection carried nothing")

// receive reads one state and its listener. It does not wait for the end of the connection: runc 1.1 and crun keep it open as long as
// the container runs. What comes after the state is refused, since there is one state per connection.
func receive(conn *net.UnixConn, patience time.Duration) (*State, *unotify.Listener, error) {
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, nil, err
	}
	r := &fdReader{conn: conn, left: maxState}
	defer r.closeAll()
	s := &State{}
	dec := json.NewDecoder(r)
	if err := dec.Decode(s); err != nil {
		return nil, nil, r.explain(err)
	}
	if err := onlySpace(dec.Buffered()); err != nil {
		return nil, nil, err
	}
	if err := s.check(); err != nil {
		return nil, nil, err
	}
	i, err := s.listener(len(r.fds))
	if err != nil {
		return nil, nil, err
	}
	l, err := unotify.FromFD(r.fds[i])
	if err != nil {
		return nil, nil, fmt.Errorf("the descriptor named %s: %w", listenerName, err)
	}
	r.fds[i] = -1
	return s, l, nil
}

// onlySpace: crun ends its state with a newline.
func onlySpace(r io.Reader) error {
	rest, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	for _, c := range rest {
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return errors.New("more than one state on a connection: open another one for each")
		}
	}
	return nil
}

// An fdReader reads a stream and keeps the descriptors that come with it.
type fdReader struct {
	conn *net.UnixConn
	left int
	some bool // anything came
	fds  []int
	oob  [4096]byte // room for SCM_MAX_FD descriptors, which is 253
}

// Read implements io.Reader.
func (r *fdReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, fmt.Errorf("the state has more than %d bytes", maxState)
	}
	n, oobn, flags, _, err := r.conn.ReadMsgUnix(p[:min(len(p), r.left)], r.oob[:])
	n = max(n, 0) // it is -1 with some errors
	r.left -= n
	r.some = r.some || n > 0
	fds, bad := descriptors(r.oob[:oobn])
	r.fds = append(r.fds, fds...)
	switch {
	case errors.Is(err, io.EOF):
		return n, io.EOF // as it is, for the decoder
	case err != nil:
		return n, err
	case bad != nil:
		return n, bad
	case flags&unix.MSG_CTRUNC != 0:
		return n, errors.New("descriptors were lost on the way: raise the agent's limit (ulimit -n)")
	case len(r.fds) > maxFDs:
		return n, fmt.Errorf("more than %d descriptors came with one state", maxFDs)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// explain says what an error of reading means to the sender.
func (r *fdReader) explain(err error) error {
	var timeout net.Error
	switch {
	case !r.some && errors.Is(err, io.EOF):
		return errNothing
	case errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("the state did not come in time")
	}
	return fmt.Errorf("read the state: %w", err)
}

func (r *fdReader) closeAll() { closeAll(r.fds) }

// descriptors takes those out of control messages. They are close-on-exec: package net asks for that.
func descriptors(oob []byte) ([]int, error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("read control messages: %w", err)
	}
	var all []int
	for i := range messages {
		if messages[i].Header.Level != unix.SOL_SOCKET || messages[i].Header.Type != unix.SCM_RIGHTS {
			continue
		}
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return all, fmt.Errorf("read descriptors: %w", err)
		}
		all = append(all, fds...)
	}
	return all, nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}
