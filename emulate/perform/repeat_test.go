package perform

import (
	"bytes"
	"context"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/internal/testneed"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/unotify/launch"
	"github.com/stead-project/stead/unotify/unotifytest"
)

// bombarded makes calls that cannot be made twice, while signals come whose handler has calls repeated. What goes wrong it says.
const bombarded = `
import collections, os, signal, socket, stat, sys
os.chdir(sys.argv[1])
rounds, every = int(sys.argv[2]), float(sys.argv[3])
wrong, handled = collections.Counter(), 0
def handler(*_):
    global handled
    handled += 1
def check(step, f, *args):
    try: return f(*args)
    except OSError as e: wrong[step + ": " + e.strerror] += 1
def exclusive():
    os.close(os.open("o", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
server = socket.create_server(("127.0.0.1", 0), backlog=64)
def connect():
    with socket.socket() as c:
        c.connect(server.getsockname())
    server.accept()[0].close()
inbox, outbox = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
inbox.setblocking(False)
def send(i):
    outbox.sendmsg([b"%d" % i])
    if inbox.recv(100) != b"%d" % i: wrong["another message"] += 1
    try:
        inbox.recv(100)
        wrong["a message twice"] += 1
    except BlockingIOError: pass
udp, to = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
udp.bind(("127.0.0.1", 0)); udp.setblocking(False)
there = udp.getsockname()
def datagram(i):
    to.sendto(b"%d" % i, there)
    n = 0
    try:
        while True: udp.recv(100); n += 1
    except BlockingIOError: pass
    if n != 1: wrong["%d datagrams" % n] += 1
open("f", "w").close()
signal.signal(signal.SIGALRM, handler)
signal.siginterrupt(signal.SIGALRM, False)
signal.setitimer(signal.ITIMER_REAL, every, every)
for i in range(rounds):
    check("mkdir", os.mkdir, "d"); check("rmdir", os.rmdir, "d")
    check("open", exclusive); check("unlink", os.unlink, "o")
    check("rename", os.rename, "f", "g"); check("rename back", os.rename, "g", "f")
    check("link", os.link, "f", "l"); check("unlink l", os.unlink, "l")
    check("symlink", os.symlink, "f", "s"); check("unlink s", os.unlink, "s")
    check("mknod", os.mknod, "p", stat.S_IFIFO | 0o600); check("unlink p", os.unlink, "p")
    check("connect", connect); check("sendmsg", send, i); check("sendto", datagram, i)
signal.setitimer(signal.ITIMER_REAL, 0)
left = sorted(os.listdir("."))
print(sum(wrong.values()), left, handled > 0, dict(wrong))
`

// bombard runs the program under a filter without WAIT_KILLABLE_RECV. It gives what went wrong and is left, and how many calls had gone before
// they were answered. killable is what the supervisor takes the filter for.
func bombard(t *testing.T, killable bool) (wrong int, left string, gone uint64) {
	t.Helper()
	const python = "/usr/bin/python3"
	testneed.Programs(t, python)
	args := []string{python, "-c", bombarded, t.TempDir(), "400", "0.0007"}
	world := newWorld(t)
	defer world.close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	child, err := launch.Start(launch.Options{Path: python, Args: args, Env: os.Environ(), Filter: unotifytest.Notify(fileNumbers()...),
		Files: []*os.File{world.null, w, os.Stderr}})
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer child.Release()
	defer child.Listener.Close()
	server := emulate.New(emulate.FromListener(child.Listener), emulate.Options{Decider: policy.Always(policy.Decision{Verdict: policy.Perform}),
		Table: world.table, Targets: emulate.FromTargets(world.targets), Killable: killable})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := server.Serve(ctx); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	out.ReadFrom(r) //nolint:errcheck // what is missing is missed
	var status unix.WaitStatus
	unix.Wait4(child.PID, &status, 0, nil) //nolint:errcheck // it has ended
	s := server.Statistics()
	if s.Failed+s.Panics > 0 || status != 0 {
		t.Errorf("status %v, %+v", status, s)
	}
	first, rest, _ := strings.Cut(strings.TrimSpace(out.String()), " ")
	if wrong, err = strconv.Atoi(first); err != nil {
		t.Fatalf("the program said %q", out.String())
	}
	t.Logf("killable %v: %d calls were interrupted; %s", killable, s.Gone, out.String())
	return wrong, rest, s.Gone
}

// A call that the kernel makes again after a signal is performed once. The kernel may take an answer from the supervisor at the very moment at
// which a signal ends the waiting for it, and drop it; of some thousand calls that are interrupted one is.
func TestRepeated(t *testing.T) {
	if wrong, _, gone := bombard(t, true); uint64(wrong) < gone/10 {
		t.Errorf("%d of %d went wrong where nothing is remembered: the program shows nothing", wrong, gone)
	}
	before := descriptors(t)
	wrong, left, gone := bombard(t, false)
	if gone < 20 {
		t.Fatalf("%d calls were interrupted", gone)
	}
	if uint64(wrong) > 1+gone/100 || !strings.HasPrefix(left, "['f'] True") {
		t.Errorf("%d of %d went wrong; it said %s", wrong, gone, left)
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// TestOnce: what makes, removes, connects or sends is not performed twice; what looks or sets may be.
func TestOnce(t *testing.T) {
	rows := shared().rows
	for name, want := range map[string]bool{"mkdir": true, "mknodat": true, "unlinkat": true, "rmdir": true, "renameat2": true, "link": true,
		"symlinkat": true, "connect": true, "bind": true, "sendto": true, "sendmsg": true, "sendmmsg": true, "setxattr": true, "fremovexattr": true,
		"creat": true, "stat": false, "readlink": false, "chmod": false, "utimensat": false, "truncate": false, "getxattr": false} {
		id, _ := arch.LookupID(name)
		o := &op{row: rows[id]}
		if o.row.how != nil {
			o.call = &arch.Call{Args: make([]arch.Value, 4)}
		}
		if o.Once() != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
	for flags, want := range map[uint64]bool{unix.O_RDONLY: true, unix.O_CREAT | unix.O_EXCL: true, unix.O_PATH: false, unix.O_DIRECTORY: false} {
		id, _ := arch.LookupID("open")
		o := &op{row: rows[id], call: &arch.Call{Args: []arch.Value{{}, {Raw: flags}, {}}}}
		if o.Once() != want {
			t.Errorf("open with %#x: %v", flags, !want)
		}
	}
}
