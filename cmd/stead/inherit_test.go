package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/internal/testneed"
)

// circumstances are ways to start a program; "$@" is the program, with stead before it or not.
var circumstances = []struct{ name, script string }{
	{"plain", `exec "$@"`},
	{"umask", `umask 027; exec "$@"`},
	{"directory", `cd /usr/lib; exec "$@"`},
	{"limits", `ulimit -c 0; ulimit -t 1000; ulimit -S -s 4096; ulimit -S -n 64; exec "$@"`},
	{"no soft limit left", `ulimit -S -n 5; exec "$@"`},
	{"hard limit of files", `ulimit -n 100; exec "$@"`},
	{"inherited files", `exec 5</dev/null 7>/dev/full 9</; exec "$@"`},
	{"closed input", `exec "$@" <&-`},
	{"closed errors", `exec "$@" 2>&-`},
	{"closed input and errors", `exec "$@" 2>&- <&-`},
	{"nice", `exec nice -n 7 "$@"`},
	{"idle", `exec chrt -i 0 "$@"`},
	{"one processor", `exec taskset 1 "$@"`},
	{"ignored signals", `exec env --ignore-signal=HUP,USR1,PIPE,CHLD,WINCH,TSTP,TTOU,RTMIN+3 "$@"`},
	{"blocked signals", `exec env --block-signal=TERM,USR2,CHLD,URG,PROF,RTMIN+9 "$@"`},
	{"background", `"$@" & wait $!`},
	{"own session", `exec setsid -w "$@"`},
	{"personality", `exec setarch -R "$@"`},
	{"group", `exec setpriv --reuid 1234 --regid 1235 --groups 5,6 "$@"`},
	{"capabilities", `exec setpriv --bounding-set -net_raw --inh-caps +chown --ambient-caps +chown "$@"`},
	{"no new privileges", `exec setpriv --no-new-privs "$@"`},
	{"oom", `echo 321 >/proc/self/oom_score_adj; echo 7f >/proc/self/coredump_filter; exec "$@"`},
}

// TestInheritance compares what a program finds with what it finds when it is started directly.
func TestInheritance(t *testing.T) {
	program := state(t)
	for _, c := range circumstances {
		t.Run(c.name, func(t *testing.T) {
			start := []string{"/bin/sh", "-c", c.script, "sh"}
			want := launch{argv: append(start, program...)}.run(t)
			if want.code != 0 {
				testneed.Missing(t, "cannot be set up here: %+v", want)
			}
			got := launch{argv: append(append(start, steadPath(), "run", "--"), program...)}.run(t)
			if got.code != 0 || got.stderr != want.stderr {
				t.Errorf("%d, %q; without stead %q", got.code, got.stderr, want.stderr)
			}
			sameLines(t, got.stdout, want.stdout)
		})
	}
}

// state is the program with the process group and session of the test.
func state(t *testing.T) []string {
	t.Helper()
	sid, err := unix.Getsid(0)
	if err != nil {
		t.Fatal(err)
	}
	path := compile(t, "state")
	if err := os.Chmod(work, 0o755); err != nil { // for users without privilege
		t.Fatal(err)
	}
	return []string{path, strconv.Itoa(unix.Getpgrp()), strconv.Itoa(sid)}
}

func sameLines(t *testing.T, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		var a, b string
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			t.Errorf("%q, without stead %q", a, b)
		}
	}
	if !strings.Contains(want, "/proc/self/cgroup: ") { // the last it says; the number of lines is the machine's
		t.Errorf("the program says only %q", want)
	}
}

// TestTerminal compares on a terminal of its own, in the foreground and in the background of a shell with job control.
func TestTerminal(t *testing.T) {
	if _, err := exec.LookPath("script"); err != nil {
		testneed.Missing(t, "needs script(1) for a terminal: %v", err)
	}
	program := strings.Join(state(t), " ")
	for _, how := range []string{"%s", "bash -c 'set -m; %s; true'", "bash -c 'set -m; %s & wait'"} {
		want := launch{argv: []string{"script", "-qec", fmt.Sprintf(how, program), "/dev/null"}}.run(t)
		got := launch{argv: []string{"script", "-qec", fmt.Sprintf(how, steadPath()+" run -- "+program), "/dev/null"}}.run(t)
		if got.code != 0 || !strings.Contains(want.stdout, "terminal: 1") {
			t.Errorf("%+v, without stead %+v", got, want)
		}
		sameLines(t, strings.ReplaceAll(got.stdout, steadPath()+" run -- ", ""), want.stdout) // the shell names its jobs
	}
}
