package container

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A fuseServer is a server of files: directories whose names begin with "dir", files whose names begin with "file", and device nodes of
// /dev/zero. A question about a name that begins with "hang" it never answers, nor one about how much there is, nor a new attribute. The numbers are those of
// include/uapi/linux/fuse.h.
type fuseServer struct {
	dev   int
	mu    sync.Mutex
	names []string // of node n: names[n-2]
}

const (
	fuseLookup   = 1
	fuseForget   = 2
	fuseGetattr  = 3
	fuseOpen     = 14
	fuseStatfs   = 17
	fuseSetxattr = 21
	fuseInit     = 26
	fuseOpendir  = 27
	fuseMany     = 42 // FORGET
	fuseStop     = 36 // INTERRUPT
)

func (s *fuseServer) serve() {
	buf := make([]byte, 1<<18)
	for {
		n, err := unix.Read(s.dev, buf)
		switch err {
		case nil:
			s.answer(bytes.Clone(buf[:n]))
		case unix.EINTR, unix.EAGAIN, unix.ENOENT:
		case unix.EPERM: // it is not mounted yet
			time.Sleep(time.Millisecond)
		default:
			return
		}
	}
}

func (s *fuseServer) answer(q []byte) {
	order := binary.NativeEndian
	opcode, unique, node := order.Uint32(q[4:]), order.Uint64(q[8:]), order.Uint64(q[16:])
	body := q[40:]
	var out []byte
	errno := unix.Errno(0)
	switch opcode {
	case fuseForget, fuseMany, fuseStop, fuseStatfs, fuseSetxattr:
		return
	case fuseInit:
		out = make([]byte, 64)
		order.PutUint32(out, 7)
		order.PutUint32(out[4:], 31)
		order.PutUint32(out[12:], 1<<18) // FUSE_PARALLEL_DIROPS: one look-up does not hold up the next
		order.PutUint32(out[20:], 4096)  // the most that is written at once
	case fuseLookup:
		name := string(bytes.TrimRight(body, "\x00"))
		if strings.HasPrefix(name, "hang") {
			return
		}
		out = s.entry(name)
	case fuseGetattr:
		out = append(make([]byte, 16), s.attributes(node)...)
	case fuseOpen:
		if strings.HasPrefix(s.name(node), "filehang") {
			return
		}
		out = make([]byte, 16)
	case fuseOpendir:
		out = make([]byte, 16)
	default:
		errno = unix.ENOSYS
	}
	head := make([]byte, 16, 16+len(out))
	order.PutUint32(head, uint32(16+len(out)))
	order.PutUint32(head[4:], uint32(-int32(errno)))
	order.PutUint64(head[8:], unique)
	unix.Write(s.dev, append(head, out...)) //nolint:errcheck // nobody waits any more
}

func (s *fuseServer) entry(name string) []byte {
	s.mu.Lock()
	s.names = append(s.names, name)
	node := uint64(len(s.names) + 1)
	s.mu.Unlock()
	out := make([]byte, 40)
	binary.NativeEndian.PutUint64(out, node)
	return append(out, s.attributes(node)...)
}

func (s *fuseServer) name(node uint64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if node < 2 || int(node-2) >= len(s.names) {
		return "dir"
	}
	return s.names[node-2]
}

func (s *fuseServer) attributes(node uint64) []byte {
	out := make([]byte, 88)
	order := binary.NativeEndian
	mode, rdev := uint32(unix.S_IFDIR|0o777), uint32(0)
	switch name := s.name(node); {
	case strings.HasPrefix(name, "file"):
		mode = unix.S_IFREG | 0o666
		order.PutUint64(out[8:], 8<<20)
	case strings.HasPrefix(name, "zero"):
		mode, rdev = unix.S_IFCHR|0o666, uint32(unix.Mkdev(1, 5))
	}
	order.PutUint64(out, node)
	order.PutUint32(out[60:], mode)
	order.PutUint32(out[64:], 1)
	order.PutUint32(out[76:], rdev)
	return out
}

// startServer starts a server in a process of its own. What it serves is the descriptor dev, which stays the caller's.
func startServer(dev int) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = plan{Scenario: "serve", Inside: true}.environ()
	own, err := unix.Dup(dev)
	must("dup", err)
	file := os.NewFile(uintptr(own), "fuse")
	cmd.ExtraFiles, cmd.Stderr = []*os.File{file}, os.Stderr
	must("server", cmd.Start())
	file.Close()
	return cmd
}

func serve() {
	(&fuseServer{dev: 3}).serve()
	os.Exit(0)
}
