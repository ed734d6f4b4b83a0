package cond

import (
	"slices"
	"strings"
	"testing"

	"github.com/stead-project/stead/arch"
)

const atCWD = -100

type evalCase struct {
	call string
	args []any
	when string
	want string // true, false, or part of an error
}

func args(list ...any) []any { return list }

func openArgs(path any, flags int) []any { return args(atCWD, path, flags, 0o644) }

func evalCases() []evalCase {
	six := [16]byte{10: 0xff, 11: 0xff, 12: 10, 13: 1, 14: 2, 15: 3}
	inet := args(3, sockaddr4(5432, 10, 1, 2, 3), 16)
	return []evalCase{
		{"openat", openArgs("/etc/passwd", 0), "", "true"},
		{"openat", openArgs("/etc/passwd", 0), `pathname.under("/etc")`, "true"},
		{"openat", openArgs("/etc", 0), `pathname.under("/etc")`, "true"},
		{"openat", openArgs("/etc/", 0), `pathname.under("/etc/")`, "true"},
		{"openat", openArgs("/etcetera", 0), `pathname.under("/etc")`, "false"},
		{"openat", openArgs("/etc/../home", 0), `pathname.under("/etc")`, "false"},
		{"openat", openArgs("/x/..//./etc/y", 0), `pathname.under("/etc")`, "true"},
		{"openat", openArgs("../../../etc/x", 0), `pathname.under("/etc")`, "true"},
		{"openat", openArgs("../../../../../etc/x", 0), `pathname.under("/etc")`, "true"},
		{"openat", openArgs("a.c", 0), `pathname == "/home/ann/src/a.c"`, "true"},
		{"openat", openArgs("a.c", 0), `pathname in ["/x", "/home/ann/src/a.c"]`, "true"},
		{"openat", openArgs("a.c", 0), `pathname != "/home/ann/src/a.c"`, "false"},
		{"openat", openArgs("a.c", 0), `pathname.dir == caller.cwd`, "true"},
		{"openat", openArgs("a.c", 0), `pathname.dir == "/home/ann/src"`, "true"},
		{"openat", openArgs("a.c", 0), `pathname.dir.dir.base == "ann"`, "true"},
		{"openat", openArgs("/", 0), `pathname.dir == "/"`, "true"},
		{"openat", openArgs("/", 0), `pathname.under("/")`, "true"},
		{"openat", openArgs("/x/lib.so", 0), `pathname.base.matches("*.so")`, "true"},
		{"openat", openArgs("/x/lib.so.1", 0), `pathname.base.matches("*.so")`, "false"},
		{"openat", openArgs("/x/lib.so", 0), `pathname.base in ["a", "lib.so"]`, "true"},
		{"openat", openArgs("/x/lib.so", 0), `pathname.endsWith(".so")`, "true"},
		{"openat", openArgs("/x/lib.so", 0), `pathname.contains("lib")`, "true"},
		{"openat", openArgs("/home/ann/.ssh/id", 0), `pathname.matches("/home/*/.ssh/**")`, "true"},
		{"openat", openArgs("/home/ann/.ssh", 0), `pathname.matches("/home/*/.ssh/**")`, "false"},
		{"openat", openArgs("/etc/x\xff", 0), `pathname == b"/etc/x\xff"`, "true"},
		{"openat", openArgs("/b/x", 0), `pathname.under(["/a", "/b"])`, "true"},
		{"openat", openArgs("/c/x", 0), `pathname.under(["/a", "/b"])`, "false"},
		{"openat", openArgs(bad{}, 0), `pathname.under("/a")`, "memory cannot be read"},
		{"openat", openArgs(bad{}, 0), `!pathname.under("/a")`, "memory cannot be read"},
		{"openat", openArgs(bad{}, 0), `pathname.under("/a") || flags == O_RDONLY`, "true"},
		{"openat", openArgs(bad{}, 1), `pathname.under("/a") && flags == O_RDONLY`, "false"},
		{"openat", openArgs(strings.Repeat("x", 5000), 0), `pathname.under("/a")`, "has no end"},
		{"openat", args(5, "x", 0, 0), `pathname.under("/a")`, "relative to a descriptor"},
		{"openat", args(5, "/a/x", 0, 0), `pathname.under("/a")`, "true"},
		{"openat", args(uint64(0xffffff9c), "x", 0, 0), `pathname.under("/home")`, "true"},
		{"open", args(nil, 0, 0), `pathname.under("/a")`, "false"},
		{"utimensat", args(5, nil, nil, 0), `pathname.under("/a")`, "relative to a descriptor"},

		{"openat", openArgs("/x", 0o1), `flags.has("O_WRONLY")`, "true"},
		{"openat", openArgs("/x", 0o2), `flags.has("O_WRONLY")`, "false"},
		{"openat", openArgs("/x", 0o3), `flags.has("O_WRONLY")`, "false"},
		{"openat", openArgs("/x", 0), `flags.has("O_RDONLY")`, "true"},
		{"openat", openArgs("/x", 0o100|1), `flags.has("O_CREAT|O_WRONLY")`, "true"},
		{"openat", openArgs("/x", 0o100), `flags.has("O_CREAT | O_EXCL")`, "false"},
		{"openat", openArgs("/x", 0o100), `flags.any("O_CREAT|O_EXCL")`, "true"},
		{"openat", openArgs("/x", 2), `flags.any("O_WRONLY|O_RDWR|O_CREAT")`, "true"},
		{"openat", openArgs("/x", 0o1000), `flags.any("O_WRONLY|O_RDWR|O_CREAT")`, "false"},
		{"openat", openArgs("/x", 0o1000), `flags.none("O_WRONLY|O_RDWR|O_CREAT")`, "true"},
		{"openat", openArgs("/x", 0o1000), `flags.has(O_TRUNC)`, "true"},
		{"openat", openArgs("/x", 0o2000000), `flags.only("O_CLOEXEC|O_RDWR")`, "true"},
		{"openat", openArgs("/x", 0o2000100), `flags.only("O_CLOEXEC|O_RDWR")`, "false"},
		{"openat", openArgs("/x", 0o101), `flags == "O_CREAT|O_WRONLY"`, "true"},
		{"openat", openArgs("/x", 0o101), `flags == O_CREAT + O_WRONLY`, "true"},
		{"openat", openArgs("/x", 0), `writes(flags)`, "false"},
		{"openat", openArgs("/x", 0o100), `writes(flags)`, "true"},
		{"openat", openArgs("/x", 0o1000), `writes(flags)`, "true"},
		{"openat", openArgs("/x", 2), `!writes(flags)`, "false"},
		{"openat2", args(atCWD, "/x", le(1, 0, 8), 24), `writes(how.flags) && how.resolve.has("RESOLVE_BENEATH")`, "true"},
		{"openat2", args(atCWD, "/x", bad{}, 24), `writes(how.flags)`, "memory cannot be read"},

		{"openat", args(atCWD, "/x", 0, 0), `dirfd == AT_FDCWD`, "true"},
		{"openat", args(uint64(0xabcdef01ffffff9c), "/x", 0, 0), `dirfd == AT_FDCWD`, "true"},
		{"openat", args(uint64(0xffffffff), "/x", 0, 0), `dirfd < 0`, "true"},
		{"openat", args(uint64(0xffffffff00000001), "/x", 0, 0), `dirfd < 0`, "false"},
		{"openat", args(7, "/x", 0, 0), `5 < dirfd && dirfd <= 7`, "true"},
		{"openat", args(7, "/x", 0, 0), `dirfd in [1, 2, 7]`, "true"},
		{"openat", args(7, "/x", 0, 0), `!(dirfd in [1, 2, 7])`, "false"},
		{"openat", args(7, "/x", 0, 0), `dirfd == 3 ? flags.has("O_CREAT") : dirfd == 7`, "true"},
		{"ioctl", args(1, 0x5401, 0), `op in [TCGETS, TIOCGWINSZ]`, "true"},
		{"ioctl", args(1, uint64(0xffffffff00005401), 0), `op == TCGETS`, "true"},
		{"ioctl", args(1, 0x5402, 0), `op in [TCGETS, TIOCGWINSZ]`, "false"},
		{"socket", args(38, 5, 0), `domain == AF_ALG`, "true"},
		{"kill", args(12, 9), `sig == SIGKILL && pid > 0`, "true"},
		{"kill", args(-1, 9), `pid == -1`, "true"},
		{"setresuid", args(-1, 5, 5), `ruid == -1 && euid != 0`, "true"},
		{"mmap", args(0, 4096, 7, 0x22, -1, 0), `prot.has("PROT_WRITE|PROT_EXEC") && fd == -1`, "true"},
		{"mmap", args(0, uint64(1)<<63, 7, 0x22, -1, 0), `length >= 9223372036854775808u`, "true"},
		{"mmap", args(0, uint64(1)<<63, 7, 0x22, -1, 0), `length > 9223372036854775808u`, "false"},
		{"execve", args("/bin/ls", nil, nil), `argv == null`, "true"},
		{"execve", args("/bin/ls", nil, nil), `argv.size() == 0`, "true"},
		{"execve", args("/bin/ls", []string{"ls", "-l"}, nil), `argv.contains("-l")`, "true"},
		{"execve", args("/bin/ls", []string{"ls", "-l"}, nil), `argv.contains(["-x", "-l"])`, "true"},
		{"execve", args("/bin/ls", []string{"ls", "-l"}, nil), `"-l" in argv`, "true"},
		{"execve", args("/bin/ls", []string{"ls", "-l"}, nil), `argv[0] == "ls" && argv[1].startsWith("-")`, "true"},
		{"execve", args("/bin/ls", []string{"ls", "-l"}, nil), `argv[7] == ""`, "true"},
		{"execve", args("/bin/ls", []string{"ls", "-l"}, nil), `size(argv) > 2`, "false"},
		{"execve", args("/bin/ls", bad{}, nil), `argv.contains("-l")`, "memory cannot be read"},
		{"execve", args("/bin/ls", []string{"ls", "-l", "--x=3"}, nil), `argv.exists(a, a.startsWith("--x"))`, "true"},
		{"execve", args("/bin/ls", []string{"ls", "-l", "--x=3"}, nil), `argv.all(a, a != "-l" || pathname.under("/usr"))`, "false"},
		{"execve", args("/bin/ls", slices.Repeat([]string{"x"}, 900), nil), `argv.all(a, argv.all(b, size(b) < 9))`, "takes too long"},
		{"execve", args("/bin/ls", []string{"ls"}, nil), `argv.all(a, argv.all(b, size(b) < 9))`, "true"},
		{"execve", args("/bin/ls", []string{"ls"}, nil), `pathname.base == argv[0]`, "true"},
		{"mount", args("tmpfs", "/jobs/x", "tmpfs", 0, nil),
			`filesystemtype in ["tmpfs", "proc"] && target.under("/jobs") && !mountflags.has("MS_REMOUNT")`, "true"},
		{"mount", args("tmpfs", "/jobs/x", "tmpfs", 0x20, nil),
			`filesystemtype in ["tmpfs", "proc"] && target.under("/jobs") && !mountflags.has("MS_REMOUNT")`, "false"},
		{"mount", args("tmpfs", "/jobs/x", "tmpfs", 0, nil), `source == "tmpfs"`, "true"},
		{"mount", args("/dev/x", "/jobs/x", "ext4", 0, nil), `source in ["tmpfs", "/dev/x"]`, "true"},
		{"mount", args("/dev/x", "/jobs/x", "ext4", 0, "a=1,b"), `data.matches("^a=[0-9]+,")`, "true"},
		{"mount", args("/dev/x", "/jobs/x", "ext4", 0, "a=1,b"), `data.size() == 5`, "true"},
		{"rename", args("/a/x", "/b/y"), `paths.under("/b")`, "true"},
		{"rename", args("/a/x", "/b/y"), `paths == "/a/x"`, "true"},
		{"rename", args("/a/x", "/b/y"), `paths != "/a/x"`, "false"},
		{"rename", args("/a/x", "/b/y"), `paths in ["/q", "/b/y"]`, "true"},
		{"rename", args("/a/x", "/b/y"), `oldpath.base == newpath.base`, "false"},
		{"connect", inet, `addr.ip in cidr("10.0.0.0/8") && addr.port == 5432 && addr.family == AF_INET`, "true"},
		{"connect", inet, `addr.ip in cidr("192.168.0.0/16", "10.1.0.0/16")`, "true"},
		{"connect", inet, `addr.ip in ["192.168.0.0/16", "10.1.2.3"]`, "true"},
		{"connect", inet, `addr.ip == "10.1.2.3"`, "true"},
		{"connect", inet, `addr.ip != ip("10.1.2.3")`, "false"},
		{"connect", inet, `addr.path.under("/run")`, "false"},
		{"connect", args(3, sockaddr6(80, six), 28), `addr.ip in cidr("10.0.0.0/8")`, "true"},
		{"connect", args(3, sockaddr6(80, [16]byte{0x20, 1, 0xd, 0xb8}), 28), `addr.ip in cidr("2001:db8::/32") && addr.port == 80`, "true"},
		{"connect", args(3, sockaddrUnix("/run/x.sock\x00"), 14), `addr.path == "/run/x.sock"`, "true"},
		{"connect", args(3, sockaddrUnix("x.sock\x00"), 9), `addr.path.under("/home/ann")`, "true"},
		{"connect", args(3, sockaddrUnix("\x00name"), 7), `addr.abstract == "name" && addr.path == ""`, "true"},
		{"connect", args(3, bad{}, 16), `addr.port == 80`, "memory cannot be read"},
		{"sendto", args(3, "hi", 2, 0, nil, 0), `addr.port == 0 || dest_addr.port == 0`, ""},
		{"sendto", args(3, "hi", 2, 0, nil, 0), `dest_addr.port == 0 && !(dest_addr.ip in cidr("0.0.0.0/0"))`, "true"},
		{"openat", openArgs("/x", 0), `caller.uid == 1000 && caller.gid != 0 && caller.comm == "tool"`, "true"},
		{"openat", openArgs("/x", 0), `caller.exe.under("/usr") && caller.cwd.base == "src"`, "true"},
		{"openat", openArgs("/x", 0), `caller.abi == "x86_64"`, "true"},
		{"openat", openArgs("/x", 0), `caller.abi == "i386"`, "false"},
		{"openat", openArgs("/x", 0), `caller.uid % 2 == 0`, "true"},
		{"openat", openArgs("/x", 0), `caller.uid == dirfd`, "false"},
		{"openat", openArgs("/x", 0), `caller.uid % (caller.uid - caller.uid) == 0`, "modulus by zero"},
		{"openat", openArgs("/x", 0), `string(caller.uid).startsWith("1")`, "true"},
		{"prlimit64", args(0, 7, le(5, 6), nil), `new_limit.rlim_cur == 5 && new_limit.rlim_max > 5`, "true"},
		{"prlimit64", args(0, 7, nil, nil), `new_limit.rlim_cur == 0 && new_limit == null`, "true"},
		{"clone", args(0x10000000, 0, 0, 0, 0), `flags.has("CLONE_NEWUSER")`, "true"},
		{"fcntl", args(3, 6, append([]byte{1, 0, 0, 0, 0, 0, 0, 0}, le(1, 2)...)), `arg.l_type == F_WRLCK`, "true"},
	}
}

func TestEval(t *testing.T) {
	for _, tc := range evalCases() {
		id, _ := arch.LookupID(tc.call)
		if tc.want == "" {
			if _, err := mustParse(t, tc.when).Bind(arch.X86_64, id); err == nil {
				t.Errorf("%s: %s: no error", tc.call, tc.when)
			}
			continue
		}
		e := mustBind(t, arch.X86_64, tc.call, tc.when)
		got := outcome(e, &Context{Call: makeCall(t, arch.X86_64, tc.call, tc.args...), Caller: somebody()})
		if got != tc.want && (len(tc.want) < 6 || !strings.Contains(got, tc.want)) {
			t.Errorf("%s(%v): %s (%s): %s, want %s", tc.call, tc.args, tc.when, e, got, tc.want)
		}
		negated(t, e, got, tc)
	}
}

// negated evaluates the negation: the opposite, or an error as well.
func negated(t *testing.T, e *Expr, got string, tc evalCase) {
	t.Helper()
	not := outcome(e.Negate(), &Context{Call: makeCall(t, arch.X86_64, tc.call, tc.args...), Caller: somebody()})
	if want := map[string]string{"true": "false", "false": "true"}[got]; not != want && want != "" || want == "" && not != got {
		t.Errorf("%s(%v): not %s: %s", tc.call, tc.args, tc.when, not)
	}
}

func outcome(e *Expr, c *Context) string {
	v, err := e.Eval(c)
	switch {
	case err != nil:
		return err.Error()
	case v:
		return "true"
	}
	return "false"
}

func TestEvalOtherABIs(t *testing.T) {
	for _, tc := range []struct {
		abi  arch.ABI
		call string
		args []any
		when string
		want string
	}{
		{arch.I386, "openat", openArgs("/etc/x", 0o101), `pathname.under("/etc") && writes(flags)`, "true"},
		{arch.I386, "openat", args(uint64(0xffffff9c), "x", 0), `dirfd == AT_FDCWD`, "true"},
		{arch.I386, "execve", args("/bin/ls", []string{"ls", "-l"}, nil), `argv[1] == "-l"`, "true"},
		{arch.I386, "pread64", args(3, nil, 5, 1, 2), `offset == 8589934593`, "true"},
		{arch.ARM, "pread64", args(3, nil, 5, 0, 1, 2), `offset == 8589934593`, "true"},
		{arch.PPC, "pread64", args(3, nil, 5, 0, 2, 1), `offset == 8589934593`, "true"},
		{arch.PPC, "pread64", args(3, nil, 5, 0, 2, 1), `offset < 8589934593`, "false"},
		{arch.I386, "mount", args("a", "/b", "c", uint64(0xffffffff00000020), nil), `mountflags.has("MS_REMOUNT")`, "true"},
		{arch.MIPS64, "openat", openArgs("/x", 0o400), `flags.has("O_CREAT")`, "true"},
		{arch.I386, "mmap2", args(0, 5, 7, 0, -1, 0), `length > 4294967296`, "false"},
	} {
		e := mustBind(t, tc.abi, tc.call, tc.when)
		c := &Context{Call: makeCall(t, tc.abi, tc.call, tc.args...), Caller: somebody()}
		if got := outcome(e, c); got != tc.want {
			t.Errorf("%s %s%v: %s: %s, want %s", tc.abi, tc.call, tc.args, tc.when, got, tc.want)
		}
	}
}

// A call in socketcall's clothes: its arguments are in memory.
func TestMultiplexed(t *testing.T) {
	nr, _ := arch.I386.Number("socketcall")
	m := &memory{order: arch.I386.ByteOrder(), word: 4, blocks: map[uint64][]byte{}, next: 0x100000}
	block := m.put(append(append(m.pointer(38), m.pointer(5)...), m.pointer(0)...))
	c := new(arch.Call)
	new(arch.Decoder).Decode(c, arch.Data{ABI: arch.I386, Nr: nr, Args: [6]uint64{1, block}}, m)
	if got := outcome(mustBind(t, arch.I386, "socket", "domain == AF_ALG"), &Context{Call: c}); got != "true" {
		t.Error(got)
	}
	new(arch.Decoder).Decode(c, arch.Data{ABI: arch.I386, Nr: nr, Args: [6]uint64{1, 0x7000}}, m)
	if got := outcome(mustBind(t, arch.I386, "socket", "domain == AF_ALG"), &Context{Call: c}); got == "true" || got == "false" {
		t.Errorf("arguments that cannot be read: %s", got)
	}
}

func TestResolver(t *testing.T) {
	e := mustBind(t, arch.X86_64, "openat", `pathname.under("/etc")`)
	call := makeCall(t, arch.X86_64, "openat", 5, "x", 0, 0)
	c := &Context{Call: call, Paths: resolved(1)}
	if got := outcome(e, c); got != "true" {
		t.Error(got)
	}
	c = &Context{Call: call, Paths: resolved(-1)}
	if got := outcome(e, c); !strings.Contains(got, "cannot be resolved") {
		t.Error(got)
	}
}

func TestCallerAskedOnce(t *testing.T) {
	p := somebody()
	e := mustBind(t, arch.X86_64, "rename",
		`paths.under("/q") || oldpath.base == "q" || caller.cwd.under("/q") || newpath.matches("/q/*") && newpath.dir == "/z"`)
	c := &Context{}
	c.Reset(makeCall(t, arch.X86_64, "rename", "a", "b"), p)
	if got := outcome(e, c); got != "false" || p.asked != 1 {
		t.Errorf("%s, asked %d times", got, p.asked)
	}
	c.Reset(makeCall(t, arch.X86_64, "rename", "a", "b"), nil)
	if got := outcome(e, c); !strings.Contains(got, "nothing is known of the caller") {
		t.Error(got)
	}
}

// resolved knows one argument's path.
type resolved int

func (r resolved) Path(arg int) (string, bool) { return "/etc/x", arg == int(r) }

func (r resolved) Held(int) bool { return true }
func (r resolved) New(int) bool  { return false }
