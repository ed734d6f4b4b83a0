package integration

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
)

// servers listen on loopback for a test; their ports, and some that nobody listens on.
func servers(t *testing.T) (ports []int) {
	t.Helper()
	for i := range 6 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
		if i%2 == 1 {
			l.Close()
			continue
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				c.Close()
			}
		}()
	}
	return ports
}

// endpoints are random ports, as Landlock has them.
func endpoints(r *rand.Rand, ports []int) (list []string) {
	for range r.IntN(4) {
		p := ports[r.IntN(len(ports))]
		list = append(list, []string{fmt.Sprintf(`":%d"`, p), fmt.Sprintf(`"*:%d"`, p), fmt.Sprintf(`":%d-%d"`, p-1, p+1)}[r.IntN(3)])
	}
	return list
}

// TestPortsAlike: what Landlock makes of lists of ports is what the supervisor makes of them.
func TestPortsAlike(t *testing.T) {
	needLandlock(t)
	program := compile(t, "network/ports.c", "-static")
	ports := servers(t)
	dir := t.TempDir()
	for seed := range uint64(seeds(t)) {
		r := rand.New(rand.NewPCG(seed, 2))
		connect, listen := endpoints(r, ports), endpoints(r, ports)
		var calls strings.Builder
		for range 100 {
			addresses := []string{"127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::"}
			fmt.Fprintf(&calls, "%c %s %d\n", "cccbblB"[r.IntN(7)], addresses[r.IntN(len(addresses))], append(ports, 0)[r.IntN(len(ports)+1)])
		}
		run := func(more ...string) ([]string, string) {
			text := fmt.Sprintf("version: 1\ndefault: allow\nnetwork:\n  connect: [%s]\n  listen: [%s]\n",
				strings.Join(append(connect[:len(connect):len(connect)], more...), ", "), strings.Join(append(listen[:len(listen):len(listen)], more...), ", "))
			return tryCalls(t, dir, program, text, calls.String()), text
		}
		kernel, text := run()
		judged, _ := run(`"192.0.2.1:9"`) // an address
		for i := range kernel {
			if i >= len(judged) || kernel[i] != judged[i] {
				t.Errorf("seed %d, line %d: Landlock: %s, judged: %s\n%s", seed, i, kernel[i], judged[min(i, len(judged)-1)], text)
				break
			}
		}
	}
}
