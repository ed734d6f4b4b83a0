package stracecmp

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

func recorded(t *testing.T, name string) *Trace {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	trace, err := ParseStrace(f)
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

// Two recordings of one shell script by strace: processes, pipes, a background job, a killed child.
func TestRecordedRunsMatch(t *testing.T) {
	a, b := recorded(t, "first.strace"), recorded(t, "second.strace")
	if len(a.Noise)+len(b.Noise) != 0 {
		t.Errorf("unread lines: %q %q", a.Noise, b.Noise)
	}
	r := Compare(a, b, Options{Ignore: Unseen})
	if r.Percent() < 99.9 || r.LinesA < 300 || r.Threads < 6 {
		t.Errorf("%v", r)
	}
}

// Numbers of the recording count once more when one side lacks a thread, a line, or has an argument changed.
func TestRecordedRunsWithDamage(t *testing.T) {
	a, b := recorded(t, "first.strace"), recorded(t, "first.strace")
	clean := Compare(a, b, Options{Ignore: Unseen})
	if clean.Matched != clean.LinesA || len(clean.Differences) != 0 {
		t.Fatalf("a run differs from itself: %v", clean)
	}
	b.Calls[4].Args = []string{"damaged"}
	r := Compare(a, b, Options{Ignore: Unseen})
	if r.Matched != clean.Matched-1 || len(r.Differences) != 1 || r.Differences[0].Name() != b.Calls[4].Name {
		t.Errorf("one changed argument: %v", r)
	}
}

func TestNormalisedAlike(t *testing.T) {
	for _, pair := range [][2]string{
		{`fstat(3, {st_mode=S_IFREG|0644, st_size=7, ...}) = 0`, `fstat(3, 0x7ffe1234)`},
		{`openat(AT_FDCWD, "/etc", O_RDONLY) = -1 ENOENT (No)`, `openat(AT_FDCWD, "/etc", O_RDONLY)`},
		{`mmap(0x7f0123456000, 4096, PROT_READ, MAP_PRIVATE, 3, 0) = 0x7f0123456000`, `mmap(0x7fffff000, 4096, PROT_READ, MAP_PRIVATE, 3, 0)`},
		{`getsockname(3, {sa_family=AF_UNIX}, [128 => 2]) = 0`, `getsockname(3, 0x55501234, [128])`},
		{`sendfile(1, 3, [0] => [11], 11) = 11`, `sendfile(1, 3, [0], 11)`},
		{`ioctl(0, TCGETS, {B38400 opost isig icanon echo ...}) = 0`, `ioctl(0, TCGETS, 0x7ffe00001234)`},
		{`execve("/a", ["a"], 0x7ffc12345678 /* 2 vars */) = 0`, `execve("/a", ["a"], ["A=1, 2", "B="])`},
		{`kill(4321, SIGTERM) = 0`, `kill(77, SIGTERM)`},
		{`openat(AT_FDCWD, "/proc/4321/maps", O_RDONLY) = 4`, `openat(AT_FDCWD, "/proc/77/maps", O_RDONLY)`},
		{`wait4(-1, [{WIFEXITED(s)}], 0, NULL) = 4`, `wait4(-1, 0x7ffe00001234, 0, NULL)`},
		{`utimensat(3, NULL, [{tv_sec=1, tv_nsec=0} /* 1970-01-01T00:00:01+0000 */, UTIME_OMIT], 0) = 0`,
			`utimensat(3, NULL, [{tv_sec=1, tv_nsec=0}, UTIME_OMIT], 0)`},
		{`unlink("/tmp/abcdef") = 0`, `unlink("/tmp/xyzxyz")`},
	} {
		if r := compareText(t, pair[0], pair[1]); r.Matched != 1 {
			t.Errorf("should match:\n%v", r)
		}
	}
}

func TestNormalisedApart(t *testing.T) {
	for _, pair := range [][2]string{
		{`f({sa_mask=[INT], sa_flags=0}) = 0`, `f({sa_flags=0, sa_mask=[INT]})`},
		{`fstat(3, NULL) = -1 EFAULT`, `fstat(3, 0x7ffe1234)`},
		{`fstat(3, {}) = 0`, `fstat(4, 0x7ffe1234)`},
		{`open("/a", O_RDONLY) = 0`, `open("/a", O_RDONLY|O_CLOEXEC)`},
		{`open("/0x123456", O_RDONLY) = 0`, `open("/0x654321", O_RDONLY)`},
		{`mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|0x1000000, 3, 0) = 0`, `mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|0x2000000, 3, 0)`},
		{`execve("/a", ["a"], 0x7ffc12345678 /* 2 vars */) = 0`, `execve("/a", ["a"], 0x7ffc12345678 /* 3 vars */)`},
		{`kill(4321, SIGTERM) = 0`, `kill(-77, SIGTERM)`},
		{`wait4(-1, NULL, 0, NULL) = 4`, `wait4(0, NULL, 0, NULL)`},
		{`getsockname(3, {}, [128 => 2]) = 0`, `getsockname(3, 0x55501234, [2])`},
		{`ioctl(0, TCSETS, {B38400}) = 0`, `ioctl(0, TCSETS, 0x7ffe00001234)`},
		{`f({a=1, b=2}) = 0`, `f({a=2, b=1})`},
		{`f({3, 1}) = 0`, `f({1, 3})`},
		{`setuid(0) = 0`, `setgid(0)`},
		{`read(0) = 0`, `read(0, NULL)`},
	} {
		if r := compareText(t, pair[0], pair[1]); r.Matched != 0 {
			t.Errorf("should differ: %s and %s", pair[0], pair[1])
		}
	}
}

func compareText(t *testing.T, a, b string) *Report {
	t.Helper()
	o := Options{Replace: []Replacement{{regexp.MustCompile(`^"/tmp/[a-z]{6}"$`), `"/tmp/XXXXXX"`}}}
	return Compare(parseText(t, "1 "+a+"\n"), parseText(t, "2 "+b+"\n"), o)
}

// Threads are paired by what they do, whatever their numbers and order.
func TestThreadsArePaired(t *testing.T) {
	a := parseText(t, "1 getpid()\n1 getuid()\n2 chdir(\"/a\")\n2 chdir(\"/b\")\n3 umask(022)\n")
	b := parseText(t, "9 umask(022)\n8 chdir(\"/a\")\n8 chdir(\"/c\")\n7 getpid()\n7 getuid()\n6 pause()\n")
	r := Compare(a, b, Options{})
	if r.Matched != 4 || r.Threads != 3 || r.LoneA != 0 || r.LoneB != 1 || len(r.Differences) != 2 {
		t.Errorf("%+v\n%v", r, r)
	}
}

func TestMultisetKnowsNoOrder(t *testing.T) {
	a := parseText(t, "1 getpid()\n1 getuid()\n2 getpid()\n")
	b := parseText(t, "5 getuid()\n6 getpid()\n6 getgid()\n")
	r := Compare(a, b, Options{Multiset: true})
	if r.Matched != 2 || r.LinesA != 3 || r.LinesB != 3 || len(r.Differences) != 2 {
		t.Errorf("%+v\n%v", r, r)
	}
}

// A restarted call is two lines under one tracer and may be one under the other.
func TestRestartedCallCountsOnce(t *testing.T) {
	a := parseText(t, "1 accept(3, NULL, NULL) = ? ERESTARTSYS (To be restarted)\n1 accept(3, NULL, NULL) = 4\n")
	b := parseText(t, "1 accept(3, NULL, NULL)\n")
	if r := Compare(a, b, Options{}); r.Percent() != 100 {
		t.Errorf("%v", r)
	}
	c := parseText(t, "1 accept(3, NULL, NULL) = 4\n1 accept(3, NULL, NULL) = 5\n")
	if r := Compare(c, b, Options{}); r.Percent() == 100 {
		t.Error("two calls count as one although none was restarted")
	}
}

func TestCutLineMatchesWhatThereIs(t *testing.T) {
	a := parseText(t, "1 openat(3,  <unfinished ...>\n")
	same, other := parseText(t, "1 openat(3, \"a\", O_RDONLY)\n"), parseText(t, "1 openat(4, \"a\", O_RDONLY)\n")
	if r := Compare(a, same, Options{}); r.Matched != 1 {
		t.Errorf("%v", r)
	}
	if r := Compare(a, other, Options{}); r.Matched != 0 {
		t.Errorf("%v", r)
	}
}

func TestReportGroupsByCall(t *testing.T) {
	a := parseText(t, "1 umask(022)\n1 umask(033)\n1 getpid()\n")
	b := parseText(t, "1 umask(000)\n1 umask(001)\n1 getuid()\n")
	text := Compare(a, b, Options{Samples: 1}).String()
	for _, want := range []string{"0 of 3 and 3 lines match: 0.000 %", "2  umask: argument 1\n", "- 022  in  umask(022)",
		"1  getpid: only in the first", "1  getuid: only in the second"} {
		if !strings.Contains(text, want) {
			t.Errorf("report lacks %q:\n%s", want, text)
		}
	}
}

func TestEmptyRunsDoNotMatch(t *testing.T) {
	if p := Compare(&Trace{}, &Trace{}, Options{}).Percent(); p != 0 {
		t.Errorf("two empty traces match to %v %%", p)
	}
}

func TestAcceptedDifference(t *testing.T) {
	o := Options{Accept: []Acceptance{
		{Line: regexp.MustCompile(`^f\(1\)`), Reason: "a reason"},
		{Line: regexp.MustCompile(`^h\(`), Reason: "no such line"},
	}}
	a, b := parseText(t, "f(1) = 0\nf(2) = 0\ng(1) = 0\n"), parseText(t, "f(one)\nf(two)\ng(1)\n")
	r := Compare(a, b, o)
	if r.Accepted != 1 || r.Matched != 1 || len(r.Differences) != 1 || r.Percent() != 50 {
		t.Errorf("%d accepted, %v", r.Accepted, r)
	}
	if len(r.Unused) != 1 || r.Unused[0] != `^h\(` {
		t.Errorf("unused %q", r.Unused)
	}
	if r := Compare(a, parseText(t, "f(two)\ng(1)\n"), o); r.Accepted != 1 || len(r.Differences) != 1 {
		t.Errorf("a line that one run lacks: %d accepted, %v", r.Accepted, r)
	}
}
