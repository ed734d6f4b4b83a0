package oci

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// silence makes sure that the agent ends a connection.
func silence(t *testing.T, c *net.UnixConn, within time.Duration) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(within))
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil || os.IsTimeout(err) {
		t.Errorf("the agent keeps the connection: %d bytes, %v", n, err)
	}
}

// A client sends what no runtime sends. fd is a listener's.
type client struct {
	name string
	send func(r *rig, c *net.UnixConn, fd int)
	says string // in the agent's log
}

func encode(s State) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return text
}

func changed1(change func(*State)) []byte {
	s := state("hostile", "web")
	change(&s)
	return encode(s)
}

func hostileClients() []client {
	plain := func(text []byte, fds ...int) func(*rig, *net.UnixConn, int) {
		return func(r *rig, c *net.UnixConn, fd int) { r.send(c, text, append([]int{fd}, fds...)...) }
	}
	stdin := 0
	return []client{
		{"garbage", plain([]byte("\x00\xff\x17 what\n")), "invalid character"},
		{"text", plain([]byte(`"state" `)), "cannot unmarshal"},
		{"list", plain([]byte(`[1,2,3]`)), "cannot unmarshal"},
		{"deep", plain([]byte(strings.Repeat(`[`, 200_00))), "exceeded max depth"},
		{"wrong type", plain([]byte(`{"ociVersion":"1.0.2","fds":"seccompFd"}`)), "cannot unmarshal"},
		{"no version", plain(changed1(func(s *State) { s.Version = "" })), "version"},
		{"wrong version", plain(changed1(func(s *State) { s.Version = "2.0.0" })), "version"},
		{"no id", plain(changed1(func(s *State) { s.Container.ID = "" })), "container id"},
		{"long id", plain(changed1(func(s *State) { s.Container.ID = strings.Repeat("x", maxID+1) })), "container id"},
		{"long metadata", plain(changed1(func(s *State) { s.Metadata = strings.Repeat("x", maxMetadata+1) })), "metadata"},
		{"no name", plain(changed1(func(s *State) { s.FDs = nil })), "1 descriptors came, and the state names 0"},
		{"too many names", plain(changed1(func(s *State) { s.FDs = append(s.FDs, "other") })), "names 2"},
		{"wrong name", plain(changed1(func(s *State) { s.FDs = []string{"fd"} })), "is named seccompFd"},
		{"two listeners", plain(changed1(func(s *State) { s.FDs = []string{listenerName, listenerName} }), stdin), "several"},
		{"no listener", plain(changed1(func(s *State) { s.FDs = []string{"other", listenerName} }), stdin), "not a seccomp listener"},
		{"many descriptors", plain(changed1(func(s *State) {}), make([]int, 200)...), "201 descriptors came"},
		{"many messages", func(r *rig, c *net.UnixConn, fd int) {
			for range 20 {
				c.WriteMsgUnix([]byte(" "), unix.UnixRights(fd, fd), nil)
			}
		}, "more than 16"},
		{"two states", plain(append(changed1(func(s *State) {}), changed1(func(s *State) {})...)), "more than one state"},
		{"half a state", func(r *rig, c *net.UnixConn, fd int) {
			r.send(c, changed1(func(s *State) {})[:30], fd)
			c.CloseWrite()
		}, "unexpected EOF"},
		{"too large", func(r *rig, c *net.UnixConn, fd int) {
			r.send(c, []byte(`{"ociVersion":"1.0.2","annotations":"`), fd)
			c.SetWriteDeadline(time.Now().Add(5 * time.Second))
			for piece := []byte(strings.Repeat("x", 1<<16)); ; {
				if _, err := c.Write(piece); err != nil {
					return
				}
			}
		}, "more than 1048576 bytes"},
		{"slow", func(r *rig, c *net.UnixConn, fd int) {
			r.send(c, []byte(`{`), fd)
			for range 30 {
				time.Sleep(50 * time.Millisecond)
				c.Write([]byte(" ")) // fails when the agent has had enough
			}
		}, "in time"},
	}
}

// TestHostileClients: whatever a client sends, its descriptors are closed (a target gets ENOSYS), and others are served.
func TestHostileClients(t *testing.T) {
	r := newRig(t, nil)
	before := openFiles(t)
	for _, h := range hostileClients() {
		t.Run(h.name, func(t *testing.T) {
			x := start(t, making)
			logged := len(r.log.String())
			c := r.dial()
			h.send(r, c, x.Listener.FD())
			x.Listener.Close()
			silence(t, c, 5*time.Second)
			x.say(r.dir + "/hostile")
			x.wantLine("not implemented")
			if said := r.log.String()[logged:]; !strings.Contains(said, h.says) || !strings.Contains(said, fmt.Sprintf("from_pid=%d", os.Getpid())) {
				t.Errorf("the log says %q, want %q", said, h.says)
			}
			c.Close()
		})
	}
	good := start(t, making)
	r.hand(good, state("good", "web"))
	good.say(r.dir + "/good")
	good.wantLine("made")
	good.end()
	eventually(t, "all descriptors closed", func() bool { return openFiles(t) <= before+4 }) // the poller's, and a kept worker's
	if len(r.agent.Containers()) != 0 {
		t.Errorf("containers %v", r.agent.Containers())
	}
}

// TestPieces: a state may come in any pieces, its descriptors with any of them; and unknown descriptors are closed.
func TestPieces(t *testing.T) {
	r := newRig(t, nil)
	extra, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(extra)
	text := append(changed1(func(s *State) { s.FDs = []string{"unknown", listenerName} }), '\n')
	for _, with := range []int{0, 1, len(text) / 2, len(text) - 2} {
		x := start(t, making)
		c := r.dial()
		for i := range text {
			if i == with {
				r.send(c, text[i:i+1], extra, x.Listener.FD())
				continue
			}
			c.Write(text[i : i+1]) // the agent may have closed the connection before the newline
		}
		x.Listener.Close()
		x.say("/forbidden")
		x.wantLine("cross-device")
		x.end()
		eventually(t, "the end", func() bool { return len(r.agent.Containers()) == 0 })
	}
}

// TestKeptOpen: runc 1.1 and crun keep the connection; some send nothing at all.
func TestKeptOpen(t *testing.T) {
	r := newRig(t, nil)
	x := start(t, making)
	r.hand(x, state("c1", "web"))
	x.say("/forbidden")
	x.wantLine("cross-device")
	r.dial().Close()
	time.Sleep(50 * time.Millisecond)
	if strings.Contains(r.log.String(), "refused") {
		t.Error("a connection without anything is taken for an attack")
	}
}

// TestManyWaiting: the oldest of too many silent clients gives way, the newest is served.
func TestManyWaiting(t *testing.T) {
	r := newRig(t, func(o *Options) { o.MaxWaiting, o.Patience = 10, time.Hour })
	var silent []*net.UnixConn
	for range 30 {
		silent = append(silent, r.dial())
	}
	silence(t, silent[0], 5*time.Second)
	x := start(t, making)
	r.hand(x, state("c1", "web"))
	x.say("/forbidden")
	x.wantLine("cross-device")
}

func TestChoice(t *testing.T) {
	with := func(metadata string, annotations map[string]string) *State {
		s := state("c", metadata)
		s.Container.Annotations = annotations
		return &s
	}
	kubernetes := map[string]string{AnnotationKubernetes: "pod", AnnotationKubernetes + ".app": "app", AnnotationPolicy: "oci"}
	named := map[string]string{AnnotationKubernetes: "pod", AnnotationKubernetes + ".app": "app", "io.kubernetes.cri.container-name": "app"}
	for _, c := range []struct {
		s    *State
		o    Options
		want choice
		fail bool
	}{
		{with("web", kubernetes), Options{Default: "d"}, choice{policy: "web"}, false},
		{with("web@abc\n", nil), Options{}, choice{"web", "abc"}, false},
		{with("", kubernetes), Options{Default: "d"}, choice{policy: "pod"}, false},
		{with("", named), Options{Default: "d"}, choice{policy: "app"}, false},
		{with("", map[string]string{AnnotationPolicy: "oci"}), Options{Default: "d"}, choice{policy: "oci"}, false},
		{with("", kubernetes), Options{Default: "d", NoAnnotations: true}, choice{policy: "d"}, false},
		{with("", nil), Options{Default: "d"}, choice{policy: "d"}, false},
		{with("", nil), Options{}, choice{}, true},
		{with("../web", nil), Options{Default: "d"}, choice{}, true},
		{with("", map[string]string{AnnotationPolicy: "a/b"}), Options{Default: "d"}, choice{}, true},
		{with("KEY=VAL", nil), Options{Default: "d"}, choice{}, true},
		{with(strings.Repeat("x", maxName+1), nil), Options{}, choice{}, true},
	} {
		got, err := choose(c.s, c.o)
		if got != c.want || (err != nil) != c.fail {
			t.Errorf("%q, %v: %+v, %v", c.s.Metadata, c.s.Container.Annotations, got, err)
		}
	}
	if got := podName(map[string]string{"io.kubernetes.cri.sandbox-namespace": "ns", "io.kubernetes.cri.sandbox-name": "pod", "io.kubernetes.cri.container-name": "app"}); got != "ns/pod/app" {
		t.Errorf("pod %q", got)
	}
}

func TestFileName(t *testing.T) {
	seen := map[string]string{}
	for _, id := range []string{"plain", "a/b", "a_b", "../../etc", "..", ".", "x\x00y", strings.Repeat("long", 400), "ünï", "a:b", "_a_b"} {
		name := fileName(id)
		if strings.Contains(name, "/") || strings.HasPrefix(name, ".") || len(name) > 255 || seen[name] != "" {
			t.Errorf("%q: file %q (also of %q)", id, name, seen[name])
		}
		seen[name] = id
	}
}
