package oci

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A strange descriptor is none of a listener.
type strange struct {
	name string
	open func(t *testing.T) (int, error)
}

func strangeDescriptors() []strange {
	file := func(path string, flags int) func(t *testing.T) (int, error) {
		return func(*testing.T) (int, error) { return unix.Open(path, flags|unix.O_CLOEXEC, 0o600) }
	}
	return []strange{
		{"regular file", func(t *testing.T) (int, error) {
			return unix.Open(filepath.Join(t.TempDir(), "f"), unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
		}},
		{"directory", file("/", unix.O_RDONLY)},
		{"place", file("/", unix.O_PATH)},
		{"device", file("/dev/null", unix.O_RDWR)},
		{"endless device", file("/dev/zero", unix.O_RDWR)},
		{"namespace", file("/proc/self/ns/mnt", unix.O_RDONLY)},
		{"memory", file("/proc/self/mem", unix.O_RDWR)},
		{"event", func(*testing.T) (int, error) { return unix.Eventfd(0, unix.EFD_CLOEXEC) }},
		{"epoll", func(*testing.T) (int, error) { return unix.EpollCreate1(unix.EPOLL_CLOEXEC) }},
		{"timer", func(*testing.T) (int, error) { return unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC) }},
		{"memory file", func(*testing.T) (int, error) { return unix.MemfdCreate("strange", unix.MFD_CLOEXEC) }},
		{"process", func(*testing.T) (int, error) { return unix.PidfdOpen(os.Getpid(), 0) }},
		{"socket", func(*testing.T) (int, error) {
			return unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		}},
		{"listening socket", func(*testing.T) (int, error) {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			return fd, errors.Join(err, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, 1))
		}},
		{"pipe", func(t *testing.T) (int, error) {
			var p [2]int
			err := unix.Pipe2(p[:], unix.O_CLOEXEC)
			t.Cleanup(func() { unix.Close(p[1]) })
			return p[0], err
		}},
		{"inotify", func(*testing.T) (int, error) { return unix.InotifyInit1(unix.IN_CLOEXEC) }},
	}
}

// TestStrangeDescriptors: what is no listener is refused and closed, whatever it is.
func TestStrangeDescriptors(t *testing.T) {
	r := newRig(t, nil)
	before := openFiles(t)
	for _, s := range strangeDescriptors() {
		t.Run(s.name, func(t *testing.T) {
			fd, err := s.open(t)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			logged := len(r.log.String())
			c := r.dial()
			r.send(c, encode(state("strange", "web")), fd)
			silence(t, c, 5*time.Second)
			c.Close()
			if said := r.log.String()[logged:]; !strings.Contains(said, "not a seccomp listener") {
				t.Errorf("the log says %q", said)
			}
		})
	}
	eventually(t, "all descriptors closed", func() bool { return openFiles(t) <= before+4 })
	if list := r.agent.Containers(); len(list) != 0 {
		t.Errorf("containers %v", list)
	}
}

// TestListenerTwice: a listener that comes a second time, under another name and policy, is served by both and takes nothing from the first.
func TestListenerTwice(t *testing.T) {
	r := newRig(t, nil)
	x := start(t, making)
	first, second := r.dial(), r.dial()
	r.send(first, encode(state("c1", "web")), x.Listener.FD())
	eventually(t, "the first", func() bool { return r.one("c1") != nil })
	r.send(second, encode(state("c2", "none")), x.Listener.FD())
	x.Listener.Close()
	eventually(t, "the second", func() bool { return r.one("c2") != nil })
	for i := range 20 {
		x.say(fmt.Sprint("/forbidden/", i))
		if got := x.line(); !strings.Contains(got, "cross-device") && !strings.Contains(got, "not permitted") {
			t.Errorf("answer %q: neither of the two", got)
		}
	}
	x.end()
	eventually(t, "the end of both", func() bool { return len(r.agent.Containers()) == 0 })
}

// TestManyHTTPClients: clients of the control socket that say nothing take no more descriptors than a few, and hold up no container.
func TestManyHTTPClients(t *testing.T) {
	r := newRig(t, nil)
	before := openFiles(t)
	const many = 400
	var silent []net.Conn
	for range many {
		c, err := net.Dial("unix", filepath.Join(r.dir, "control.sock"))
		if err != nil {
			break // the queue of the socket is full
		}
		silent = append(silent, c)
	}
	time.Sleep(300 * time.Millisecond)
	took := openFiles(t) - before - len(silent) // their own ends are in this process, too
	t.Logf("%d silent clients, %d descriptors", len(silent), took)
	if len(silent) < maxClients || took > maxClients+10 {
		t.Errorf("%d silent clients took %d descriptors", len(silent), took)
	}
	x := start(t, making)
	r.hand(x, state("c1", "web"))
	x.say("/forbidden")
	x.wantLine("cross-device")
	for _, c := range silent {
		c.Close()
	}
	if got := get(t, httpClient(r), "/healthz"); got != "ok\n" {
		t.Errorf("health %q", got)
	}
	for _, request := range []string{"GET /../../etc/shadow HTTP/1.1\r\nHost: x\r\n\r\n", "POST /containers HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
		"\x00\xff\xfe\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET /metrics HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X: y\r\n", 1<<14) + "\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"} {
		answer := ask(t, filepath.Join(r.dir, "control.sock"), request)
		if strings.HasPrefix(answer, "HTTP/1.1 200") {
			t.Errorf("%.40q: %.80q", request, answer)
		}
	}
	x.say("/forbidden/again")
	x.wantLine("cross-device")
}

// ask sends text, and gives what comes until the end.
func ask(t *testing.T, path, text string) string {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(15 * time.Second))
	c.Write([]byte(text)) // it may be cut short
	buf := make([]byte, 4096)
	n, _ := c.Read(buf)
	return string(buf[:n])
}

// TestFullDisk: where records cannot be written they are lost and counted, and calls are decided as before.
func TestFullDisk(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Records = "/dev/full" })
	x := start(t, making)
	r.hand(x, state("c1", "web"))
	const calls = 50
	for i := range calls {
		x.say(fmt.Sprint("/forbidden/", i))
		x.wantLine("cross-device")
	}
	x.end()
	eventually(t, "the end", func() bool { return len(r.agent.Containers()) == 0 })
	client := httpClient(r)
	eventually(t, "the lost records", func() bool {
		return strings.Contains(get(t, client, "/metrics"), fmt.Sprint("stead_records_lost_total ", calls))
	})
	if !strings.Contains(r.log.String(), "records are lost") || !strings.Contains(r.log.String(), "no space left") {
		t.Errorf("the log says %s", r.log)
	}
}

// TestRestart: an agent that was killed is started again on its sockets; containers that start then are served.
func TestRestart(t *testing.T) {
	r, cmd := process(t)
	x := start(t, making)
	r.hand(x, state("c1", "web"))
	x.say("/forbidden")
	x.wantLine("cross-device")
	time.Sleep(400 * time.Millisecond) // records are written within 200 ms
	cmd.Process.Kill()
	cmd.Wait()
	again := restarted(t, r)
	y := start(t, making)
	r.hand(y, state("c2", "web"))
	y.say("/forbidden")
	y.wantLine("cross-device")
	x.say("/forbidden")
	x.wantLine("not implemented") // nobody holds its listener any more
	if text := r.records("c1"); !strings.Contains(text, "EXDEV") {
		t.Errorf("records of before: %s", text)
	}
	again()
}

// TestMetricsUnderLoad: metrics are whole and right while calls come and containers begin and end.
func TestMetricsUnderLoad(t *testing.T) {
	r := newRig(t, nil)
	const containers, calls, clients = 6, 300, 4
	stop := make(chan struct{})
	var scraping, working sync.WaitGroup
	var mu sync.Mutex
	scraped, most := 0, 0
	for range clients {
		scraping.Go(func() {
			client := httpClient(r)
			for {
				select {
				case <-stop:
					return
				default:
				}
				response, err := client.Get("http://stead/metrics")
				if err != nil {
					t.Error(err)
					return
				}
				n, ok := denied(response)
				mu.Lock()
				scraped++
				if ok && n < most-clients*calls || response.StatusCode != http.StatusOK {
					t.Errorf("%d calls denied after %d, status %d", n, most, response.StatusCode)
				}
				most = max(most, n)
				mu.Unlock()
			}
		})
	}
	for i := range containers {
		x := start(t, making)
		r.hand(x, state(fmt.Sprint("c", i), "web"))
		working.Go(func() {
			for n := range calls {
				fmt.Fprintln(x.in, "/forbidden/"+strconv.Itoa(n))
				x.line()
			}
		})
		defer x.end()
	}
	working.Wait()
	close(stop)
	scraping.Wait()
	response, err := httpClient(r).Get("http://stead/metrics")
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := denied(response); n != containers*calls {
		t.Errorf("%d calls were denied, %d counted", containers*calls, n)
	}
	t.Logf("%d answers while %d calls were made", scraped, containers*calls)
	if scraped < 10 {
		t.Errorf("only %d answers", scraped)
	}
}

// denied is the count of denied calls in an answer of /metrics.
func denied(r *http.Response) (n int, ok bool) {
	defer r.Body.Close()
	var b strings.Builder
	buf := make([]byte, 1<<16)
	for {
		k, err := r.Body.Read(buf)
		b.Write(buf[:k])
		if err != nil {
			break
		}
	}
	_, rest, ok := strings.Cut(b.String(), `stead_calls_denied_total{policy="web"} `)
	if !ok {
		return 0, false
	}
	line, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.Atoi(line)
	return n, err == nil
}

// heap is what is in use after a collection.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
