package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stead-project/stead/internal/testneed"
)

// socketPolicy has every call that takes a socket address performed.
const socketPolicy = `version: 1
name: sockets
default: allow
rules:
  - calls: [connect, bind, sendto, sendmsg, sendmmsg]
    then: perform
`

// socketForms are the ways of making these calls: by number, of a 32-bit program, and in socketcall(2).
func socketForms() map[string][]string {
	return map[string][]string{"x86_64": nil, "i386": {"-m32"}, "socketcall": {"-m32", "-DMUX"}}
}

// socketDir is a directory that every user may use, of one name for all runs: programs print it.
func socketDir(t *testing.T) string {
	t.Helper()
	base, err := built()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(base, "socket-run")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for d, mode := range map[string]os.FileMode{dir: 0o777, base: 0o755} {
		if err := os.Chmod(d, mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func writePolicy(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSocketsPerformed compares everything that a program sees of these calls with a native run.
func TestSocketsPerformed(t *testing.T) {
	rules := writePolicy(t, socketPolicy)
	for form, flags := range socketForms() {
		for _, user := range []bool{false, true} {
			t.Run(fmt.Sprint(form, map[bool]string{true: " as a user"}[user]), func(t *testing.T) {
				argv := []string{compile(t, "sockets/sockets.c", flags...), socketDir(t)}
				if user {
					testneed.Programs(t, "setpriv")
					if os.Getuid() != 0 {
						testneed.Missing(t, "needs root, to become another user")
					}
					argv = append([]string{"setpriv", "--reuid=12345", "--regid=12345", "--groups=54321"}, argv...)
				}
				native := command{argv: argv, dir: "/"}.run(t)
				socketDir(t)
				record := filepath.Join(t.TempDir(), "record")
				got := command{argv: append([]string{stead(t), "run", "--policy", rules, "--log", record, "--"}, argv...), dir: "/"}.run(t)
				if lines := strings.Count(native.stdout, "\n"); native.code != 0 || lines < 350 {
					t.Fatalf("natively it ended with %d after %d lines: %s", native.code, lines, native.stderr)
				}
				if got.code != native.code {
					t.Errorf("ended with %d: %s", got.code, got.stderr)
				}
				sameLines(t, got.stdout, native.stdout)
				allPerformed(t, record)
			})
		}
	}
}

// sameLines shows where two outputs differ.
func sameLines(t *testing.T, got, want string) {
	t.Helper()
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	if len(a) != len(b) {
		t.Errorf("%d lines, natively %d", len(a), len(b))
	}
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Errorf("line %d: %s\nnatively: %s", i+1, a[i], b[i])
		}
	}
}

// allPerformed wants every one of the calls to have been performed, and the comparison not to have been of nothing.
func allPerformed(t *testing.T, record string) {
	t.Helper()
	text, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	performed := 0
	for line := range strings.Lines(string(text)) {
		for _, call := range []string{"connect", "bind", "sendto", "sendmsg", "sendmmsg"} {
			if !strings.Contains(line, `"call":"`+call+`"`) {
				continue
			}
			if performed++; !strings.Contains(line, `"verdict":"perform"`) {
				t.Errorf("not performed: %.500s", line)
			}
		}
	}
	if performed < 200 {
		t.Errorf("%d calls performed", performed)
	}
}

// flipPolicy forbids one port and one directory of sockets.
func flipPolicy(dir, race string) string {
	rule := func(call, when string) string {
		return fmt.Sprintf("  - calls: [%s]\n    when: %s\n    then: {deny: EACCES}\n%s", call, when, race)
	}
	const name = "msg_hdr.msg_name.port == 47002"
	return "version: 1\ndefault: allow\nrules:\n" +
		rule("connect", fmt.Sprintf("addr.port == 47002 || addr.path.under(%q)", dir+"/evil")) +
		rule("sendto", "dest_addr.port == 47002") +
		rule("sendmsg", "msg.msg_name.port == 47002") +
		rule("sendmmsg", "msgvec[0]."+name+" || msgvec[1]."+name)
}

// TestSocketAddressesAreNotRaced has a thread exchange allowed and forbidden addresses during the calls. Where races are accepted it
// wins, which shows that it can.
func TestSocketAddressesAreNotRaced(t *testing.T) {
	total := 100_000
	if testing.Short() {
		total = 10_000
	}
	kinds := []string{"tcp", "sendto", "sendmsg", "sendmmsg", "overlap", "unix", "unixlink", "carried"}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			times := total / len(kinds)
			var flags []string
			if kind == "carried" {
				flags = []string{"-m32"}
			}
			program := compile(t, "sockets/flip.c", flags...)
			if a := flipped(t, program, kind, times, ""); a.forbidden != 0 || a.allowed == 0 || a.denied == 0 {
				t.Errorf("performed: %+v", a)
			}
			if kind == "carried" {
				return // refused in a multiplexer, race or no race
			}
			for range 5 {
				if a := flipped(t, program, kind, times, "    race: accepted\n"); a.forbidden > 0 {
					return
				}
			}
			t.Errorf("with race: accepted it never reaches what is forbidden, so it shows nothing")
		})
	}
}

// An arrival is what came of an attack.
type arrival struct{ allowed, forbidden, denied int }

func flipped(t *testing.T, program, kind string, times int, race string) (a arrival) {
	t.Helper()
	dir := socketDir(t)
	for _, d := range []string{"good", "evil", "swap"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	rules := writePolicy(t, flipPolicy(dir, race))
	r := command{argv: []string{stead(t), "run", "--policy", rules, "--", program, kind, fmt.Sprint(times)}, dir: dir, limit: 2 * time.Minute}.run(t)
	if _, err := fmt.Sscanf(r.stdout, "allowed %d, forbidden %d, denied %d", &a.allowed, &a.forbidden, &a.denied); err != nil {
		t.Fatalf("ended with %d: %s%s", r.code, r.stdout, r.stderr)
	}
	return a
}
