package stracecmp

import (
	"slices"
	"strings"
	"testing"
)

func parseText(t *testing.T, text string) *Trace {
	t.Helper()
	trace, err := ParseStrace(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

func TestParseLines(t *testing.T) {
	for _, test := range []struct {
		line   string
		name   string
		args   []string
		result string
	}{
		{`12 getpid() = 12`, "getpid", nil, "12"},
		{`12    openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3`, "openat",
			[]string{"AT_FDCWD", `"/etc/passwd"`, "O_RDONLY|O_CLOEXEC"}, "3"},
		{`[pid  12] chdir("/")`, "chdir", []string{`"/"`}, ""},
		{`chdir("/")`, "chdir", []string{`"/"`}, ""},
		{`1 rename("a\", b) = 0", "c")`, "rename", []string{`"a\", b) = 0"`, `"c"`}, ""},
		{`1 unlink("ends in a backslash\\") = 0`, "unlink", []string{`"ends in a backslash\\"`}, "0"},
		{`1 open("long"..., O_RDONLY) = -1 ENOENT (No such file or directory)`, "open",
			[]string{`"long"...`, "O_RDONLY"}, "-1 ENOENT (No such file or directory)"},
		{`1 execve("/bin/true", ["true"], 0x7ffc1c0 /* 5 vars */) = 0`, "execve",
			[]string{`"/bin/true"`, `["true"]`, "0x7ffc1c0 /* 5 vars */"}, "0"},
		{`1 f(0x1 /* not "a string, (nor) this */, 2) = 0`, "f", []string{`0x1 /* not "a string, (nor) this */`, "2"}, "0"},
		{`1 connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16) = 0`, "connect",
			[]string{"3", `{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}`, "16"}, "0"},
		{`1 poll([{fd=3, events=POLLIN}], 1, -1) = 1 ([{fd=3, revents=POLLIN}])`, "poll",
			[]string{"[{fd=3, events=POLLIN}]", "1", "-1"}, "1 ([{fd=3, revents=POLLIN}])"},
		{`1 rt_sigprocmask(SIG_SETMASK, ~[RTMIN RT_1], NULL, 8) = 0`, "rt_sigprocmask",
			[]string{"SIG_SETMASK", "~[RTMIN RT_1]", "NULL", "8"}, "0"},
		{`1 accept(3, NULL, NULL)                 = ? ERESTARTSYS (To be restarted if SA_RESTART is set)`, "accept",
			[]string{"3", "NULL", "NULL"}, "? ERESTARTSYS (To be restarted if SA_RESTART is set)"},
	} {
		trace := parseText(t, test.line+"\n")
		if len(trace.Calls) != 1 {
			t.Errorf("%s: %d calls, noise %q", test.line, len(trace.Calls), trace.Noise)
			continue
		}
		c := trace.Calls[0]
		if c.Name != test.name || !slices.Equal(c.Args, test.args) || c.Result != test.result || c.Cut {
			t.Errorf("%s:\n got %+v\nwant %s %q %q", test.line, c, test.name, test.args, test.result)
		}
	}
}

const interleaved = `7     wait4(-1,  <unfinished ...>
8     --- SIGUSR1 {si_signo=SIGUSR1, si_code=SI_USER, si_pid=7, si_uid=0} ---
8     rt_sigprocmask(SIG_BLOCK, [CHLD],  <unfinished ...>
7     <... wait4 resumed>[{WIFEXITED(s) && WEXITSTATUS(s) == 0}], WNOHANG, NULL) = 9
8     <... rt_sigprocmask resumed>NULL, 8) = 0
8     getppid( <unfinished ...>
strace: a remark
8     <... getppid resumed>)            = 7
8     ???( <unfinished ...>
7     [ Process PID=7 runs in 32 bit mode. ]
9     <... nanosleep resumed>NULL)      = 0
8     nanosleep({tv_sec=5, tv_nsec=0},  <unfinished ...>
7     kill(8, SIGKILL)                  = 0
8     <... nanosleep resumed> <unfinished ...>) = ?
8     +++ killed by SIGKILL +++
8     <... ??? resumed>)                = ?
21    execve("/bin/sh", ["sh"], 0x7ffe12345678 /* 1 var */ <unfinished ...>
20    getppid( <unfinished ...>
20    +++ superseded by execve in pid 21 +++
20    <... execve resumed>)             = 0
20    getuid( <unfinished ...>
20    <... getuid resumed>)             = 0
31    execve("/bin/ls", ["ls"], 0x7ffe12345678 /* 1 var */ <pid changed to 30 ...>
30    +++ superseded by execve in pid 31 +++
30    <... execve resumed>)             = 0
7     pause( <unfinished ...>
7     +++ exited with 0 +++
`

func TestParseJoinsInterruptedLines(t *testing.T) {
	trace := parseText(t, interleaved)
	want := []struct {
		tid  int
		text string
		cut  bool
	}{
		{7, "wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 0}], WNOHANG, NULL)", false},
		{8, "rt_sigprocmask(SIG_BLOCK, [CHLD], NULL, 8)", false},
		{8, "getppid()", false},
		{8, "nanosleep({tv_sec=5, tv_nsec=0})", true},
		{7, "kill(8, SIGKILL)", false},
		{21, `execve("/bin/sh", ["sh"], 0x7ffe12345678 /* 1 var */)`, false},
		{20, "getppid()", true},
		{20, "getuid()", false},
		{31, `execve("/bin/ls", ["ls"], 0x7ffe12345678 /* 1 var */)`, false},
		{7, "pause()", true},
	}
	if len(trace.Calls) != len(want) {
		t.Fatalf("%d calls, want %d: %v", len(trace.Calls), len(want), trace.Calls)
	}
	for i, w := range want {
		c := trace.Calls[i]
		if c.TID != w.tid || c.String() != w.text || c.Cut != w.cut {
			t.Errorf("call %d is %d %v (cut %v), want %d %s (cut %v)", i, c.TID, &c, c.Cut, w.tid, w.text, w.cut)
		}
	}
	if len(trace.Noise) != 1 {
		t.Errorf("noise %q, want the one line that resumes nothing", trace.Noise)
	}
}
