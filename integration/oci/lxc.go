package oci

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/stead-project/stead/unotify"
)

// LXC's monitor keeps the listener and sends each notification as one message (struct seccomp_notify_proxy_msg of its lxcseccomp.h,
// then the notification, room for the response, and the cookie), with descriptors of the caller's directory in proc, of its memory and of
// the listener. It takes the same back without the cookie, one at a time.
const (
	lxcHeader   = 32
	maxLXC      = 8 << 10
	maxLXCFDs   = 3
	maxCookie   = 4096
	notifSize   = 80 // struct seccomp_notif of include/uapi/linux/seccomp.h as this package reads it; newer kernels may append
	respSize    = 24 // struct seccomp_notif_resp
	maxLXCPart  = 1024
	lxcListener = 2 // position of the listener among the descriptors
)

// An lxcRequest is one message.
type lxcRequest struct {
	head    [lxcHeader]byte
	monitor int // its process
	init    int // the container's first process
	notif   []byte
	resp    int // size of the response
	cookie  string
	n       unotify.Notification

	listener *listenerSource // until it is answered
}

var errShort = errors.New("the message is too short")

// parseLXC reads a message; p is not kept.
func parseLXC(p []byte) (*lxcRequest, error) {
	if len(p) < lxcHeader {
		return nil, errShort
	}
	le := binary.NativeEndian
	r := &lxcRequest{monitor: int(int32(le.Uint32(p[8:]))), init: int(int32(le.Uint32(p[12:])))}
	notif, resp, cookie := int(le.Uint16(p[16:])), int(le.Uint16(p[18:])), le.Uint64(p[24:])
	switch {
	case notif < notifSize || notif > maxLXCPart || resp < respSize || resp > maxLXCPart:
		return nil, fmt.Errorf("a notification of %d and a response of %d bytes are not known", notif, resp)
	case cookie > maxCookie:
		return nil, fmt.Errorf("the cookie has %d bytes, at most %d", cookie, maxCookie)
	case len(p) != lxcHeader+notif+resp+int(cookie):
		return nil, fmt.Errorf("the message has %d bytes, and says that it has %d", len(p), lxcHeader+notif+resp+int(cookie))
	}
	copy(r.head[:], p)
	r.notif, r.resp = append([]byte{}, p[lxcHeader:lxcHeader+notif]...), resp
	r.cookie = strings.TrimRight(string(p[lxcHeader+notif+resp:]), "\x00")
	r.n = parseNotification(r.notif)
	return r, nil
}

func parseNotification(p []byte) (n unotify.Notification) {
	le := binary.NativeEndian
	n.ID, n.TID, n.Flags = le.Uint64(p), le.Uint32(p[8:]), le.Uint32(p[12:])
	n.Data.NR, n.Data.Arch, n.Data.IP = int32(le.Uint32(p[16:])), le.Uint32(p[20:]), le.Uint64(p[24:])
	for i := range n.Data.Args {
		n.Data.Args[i] = le.Uint64(p[32+8*i:])
	}
	return n
}

// reply is the message's answer.
func (r *lxcRequest) reply(to unotify.Response) []byte {
	const flagContinue = 1 // SECCOMP_USER_NOTIF_FLAG_CONTINUE
	b := append(append(append([]byte{}, r.head[:]...), r.notif...), make([]byte, r.resp)...)
	p, le := b[lxcHeader+len(r.notif):], binary.NativeEndian
	le.PutUint64(p, r.n.ID)
	le.PutUint64(p[8:], uint64(to.Value))
	le.PutUint32(p[16:], uint32(-int32(to.Errno)))
	if to.Continue {
		le.PutUint32(p[20:], flagContinue)
	}
	return b
}

// state makes one of what LXC says: the cookie is the metadata.
func (r *lxcRequest) state() *State {
	return &State{PID: r.init, Metadata: r.cookie, Container: Container{ID: lxcName(r.monitor, r.init), PID: r.init, Status: "running"}}
}

// lxcName is the container's name as its monitor's arguments have it: "[lxc monitor] PATH NAME" in one piece (lxccontainer.c), or
// those of lxc-start -F. Where they have none it is lxc-INIT.
func lxcName(monitor, init int) string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(monitor) + "/cmdline")
	if err == nil && len(text) <= maxID {
		if name := lxcArgument(strings.Split(strings.TrimRight(string(text), "\x00"), "\x00")); name != "" {
			return name
		}
	}
	return "lxc-" + strconv.Itoa(init)
}

func lxcArgument(args []string) string {
	title := strings.Fields(args[0])
	if len(args) == 1 && len(title) == 4 && title[0] == "[lxc" {
		return title[3]
	}
	for i, arg := range args {
		if name, ok := strings.CutPrefix(arg, "--name="); ok {
			return name
		}
		if (arg == "-n" || arg == "--name") && i+1 < len(args) {
			return args[i+1]
		}
	}
	return ""
}

// handshakeLXC serves one container: its monitor connects once. The container is known with its first notification.
func (a *Agent) handshakeLXC(ctx context.Context, conn *net.UnixConn) {
	defer a.recovered()
	defer conn.Close()
	a.shaking.Add(-1) // it may say nothing for long, and connects again where it must
	who := peer(conn)
	if a.monitors.Add(1) > int64(a.o.MaxListeners) {
		a.log.Error("a monitor of LXC was refused: there are too many (--max-listeners)", "from_pid", who.Pid)
	} else if err := a.serveLXC(ctx, conn, who.Uid); err != nil && ctx.Err() == nil {
		a.metrics.refuse()
		a.log.Error("a container of LXC was refused: its notified calls fail with ENOSYS", "from_pid", who.Pid, "from_uid", who.Uid, "error", err)
	}
	a.monitors.Add(-1)
}

func (a *Agent) serveLXC(ctx context.Context, conn *net.UnixConn, uid uint32) error {
	src := newLXCSource(conn, a.log)
	defer src.close()
	defer context.AfterFunc(ctx, src.Interrupt)()
	first, err := src.next(new(atomic.Bool))
	if errors.Is(err, unotify.ErrHangup) {
		return nil
	}
	if err != nil {
		return err
	}
	c, err := a.join(first.state(), uid, true, src)
	if err != nil {
		first.listener.close()
		return err
	}
	src.log = c.log
	src.first.Store(first)
	defer a.drop(ctx, src)
	a.serve(ctx, c, src, nil)
	a.drop(ctx, src)
	src.close()
	a.leave(c)
	return nil
}
