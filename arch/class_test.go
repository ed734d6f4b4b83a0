package arch

import (
	"slices"
	"strings"
	"testing"
)

func TestClasses(t *testing.T) {
	names := Classes()
	if !slices.IsSorted(names) || len(names) < 45 {
		t.Fatalf("%d classes, sorted: %v", len(names), slices.IsSorted(names))
	}
	for _, name := range names {
		ids, ok := Class(name)
		if !ok || len(ids) == 0 {
			t.Errorf("Class(%q) is empty or unknown", name)
		}
	}
	if _, ok := Class("%nothing"); ok {
		t.Error("Class of an unknown name is there")
	}
	if known, _ := ClassSelection("@known"); known != AllCalls() {
		t.Error("@known is not every call")
	}
}

func TestClassMembers(t *testing.T) {
	for _, c := range []struct {
		class    string
		has, not string
	}{
		{"%file", "open openat openat2 execve mount statx renameat2 file_getattr", "read close dup fchdir"},
		{"%desc", "read close openat epoll_wait mmap fchmod", "stat getpid kill"},
		{"%process", "clone3 execve exit_group wait4", "open getpid"},
		{"%network", "socket connect sendmsg socketcall", "pipe read"},
		{"%signal", "kill rt_sigaction sigreturn", "alarm wait4"},
		{"%ipc", "semop shmat msgget", "mq_open pipe"},
		{"%memory", "mmap brk mseal", "read"},
		{"%creds", "setuid setresgid32 capset", "setpgid"},
		{"%%stat", "stat lstat64 newfstatat statx", "statfs"},
		{"%pure", "getpid gettid", "getppid64 setuid"},
		{"@mount", "mount fsopen umount2 pivot_root fchroot", "open"},
		{"@privileged", "chroot init_module reboot swapon chown setuid fchroot", "open read"},
		{"@system-service", "read socket openat landlock_add_rule seccomp", "mount reboot ptrace"},
		{"@debug", "ptrace perf_event_open pidfd_getfd", "read"},
		{"@keyring", "keyctl add_key request_key", "read"},
	} {
		s, ok := ClassSelection(c.class)
		if !ok {
			t.Errorf("no class %s", c.class)
		}
		for _, name := range strings.Fields(c.has) {
			if id, ok := LookupID(name); !ok || !s.Has(id) {
				t.Errorf("%s has no %s", c.class, name)
			}
		}
		for _, name := range strings.Fields(c.not) {
			if id, _ := LookupID(name); s.Has(id) {
				t.Errorf("%s has %s", c.class, name)
			}
		}
	}
	net, _ := ClassSelection("%net")
	if network, _ := ClassSelection("%network"); net != network {
		t.Error("%net and %network differ")
	}
}

func selection(names ...string) Selection {
	var s Selection
	for _, n := range names {
		id, ok := LookupID(n)
		if !ok {
			panic("no call " + n)
		}
		s.Add(id)
	}
	return s
}

func TestParseSelection(t *testing.T) {
	file, _ := ClassSelection("%file")
	mount, _ := ClassSelection("@mount")
	for _, c := range []struct {
		expr string
		base Selection
		want Selection
	}{
		{"openat", Selection{}, selection("openat")},
		{" openat , mount", Selection{}, selection("openat", "mount")},
		{"openat", selection("read"), selection("openat", "read")},
		{"%file", Selection{}, file},
		{"%file,!open,!openat", Selection{}, file.Minus(selection("open", "openat"))},
		{"@mount,%file", Selection{}, mount.Union(file)},
		{"!open,openat", Selection{}, AllCalls().Minus(selection("open", "openat"))},
		{"!open,!openat", Selection{}, AllCalls().Minus(selection("open", "openat"))},
		{"!%file", Selection{}, AllCalls().Minus(file)},
		{"!read", selection("read", "write"), selection("write")},
		{"all", Selection{}, AllCalls()},
		{"none", selection("read"), Selection{}},
		{"all,!read", Selection{}, AllCalls().Minus(selection("read"))},
		{"!none", Selection{}, AllCalls()},
		{"none,write", selection("read"), selection("write")},
		{"accept*", Selection{}, selection("accept", "accept4")},
		{"openat,!open*", Selection{}, Selection{}},
		{"?nosuch,read", Selection{}, selection("read")},
		{"?%nosuch,?no*such", Selection{}, Selection{}},
		{"!?nosuch", Selection{}, AllCalls()},
	} {
		if got, err := ParseSelection(c.expr, c.base); err != nil || got != c.want {
			t.Errorf("ParseSelection(%q) = %v, %v; want %v", c.expr, got, err, c.want)
		}
	}
}

func TestParseSelectionErrors(t *testing.T) {
	base := selection("read")
	for expr, want := range map[string]string{
		"opnat":      `unknown call "opnat": did you mean openat?`,
		"opneat":     `unknown call "opneat": did you mean openat?`,
		"%fiel":      `unknown class "%fiel": did you mean %file?`,
		"@mounts":    `unknown class "@mounts": did you mean @mount?`,
		"file":       `unknown call "file": did you mean %file?`,
		"qqqqqqqq":   `unknown call "qqqqqqqq"`,
		"no*such":    `match calls "no*such": no call has such a name`,
		"[a":         `match calls "[a": no call has such a name`,
		"":           `read list of calls: empty item`,
		"read,,open": `read list of calls: empty item`,
		"?":          `read list of calls: empty item`,
		"!":          `read list of calls: empty item`,
	} {
		got, err := ParseSelection(expr, base)
		if err == nil || err.Error() != want {
			t.Errorf("ParseSelection(%q): %v; want %s", expr, err, want)
		}
		if got != base {
			t.Errorf("ParseSelection(%q) fails and changes the selection", expr)
		}
	}
}

func TestSelection(t *testing.T) {
	var s Selection
	s.Add(0)
	s.Add(NumIDs)
	if s != (Selection{}) || s.Len() != 0 || s.Has(0) || s.Has(NumIDs) || s.String() != "none" {
		t.Errorf("what is no call was added: %v", s)
	}
	s.Add(1)
	s.Add(NumIDs - 1)
	if got := s.IDs(); !slices.Equal(got, []ID{1, NumIDs - 1}) || s.Len() != 2 {
		t.Errorf("IDs() = %v, Len() = %d", got, s.Len())
	}
	s.Remove(1)
	s.Remove(2)
	if s.Has(1) || !s.Has(NumIDs-1) {
		t.Errorf("after Remove: %v", s)
	}
	if all := AllCalls(); all.Len() != NumIDs-1 || all.String() != "all" {
		t.Errorf("AllCalls has %d calls, String is %q", all.Len(), all.String())
	}
}

func TestSelectionString(t *testing.T) {
	for _, name := range Classes() {
		s, _ := ClassSelection(name)
		if back, err := ParseSelection(s.String(), Selection{}); err != nil || back != s {
			t.Errorf("%s as a string reads back as %v, %v", name, back, err)
		}
	}
}

func FuzzParseSelection(f *testing.F) {
	for _, e := range []string{"openat", "!%file,open*", "?x,all,!none", "[", "a,,b"} {
		f.Add(e)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		s, err := ParseSelection(expr, Selection{})
		if err != nil {
			return
		}
		if back, err := ParseSelection(s.String(), Selection{}); err != nil || back != s {
			t.Errorf("%q selects %v, which reads back as %v, %v", expr, s, back, err)
		}
	})
}
