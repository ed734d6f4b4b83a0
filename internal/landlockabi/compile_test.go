package landlockabi

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestConstants compares the bits with the headers, as x/sys has them.
func TestConstants(t *testing.T) {
	for _, c := range []struct{ got, want uint64 }{
		{uint64(Execute), unix.LANDLOCK_ACCESS_FS_EXECUTE}, {uint64(WriteFile), unix.LANDLOCK_ACCESS_FS_WRITE_FILE},
		{uint64(ReadFile), unix.LANDLOCK_ACCESS_FS_READ_FILE}, {uint64(ReadDir), unix.LANDLOCK_ACCESS_FS_READ_DIR},
		{uint64(RemoveDir), unix.LANDLOCK_ACCESS_FS_REMOVE_DIR}, {uint64(RemoveFile), unix.LANDLOCK_ACCESS_FS_REMOVE_FILE},
		{uint64(MakeChar), unix.LANDLOCK_ACCESS_FS_MAKE_CHAR}, {uint64(MakeDir), unix.LANDLOCK_ACCESS_FS_MAKE_DIR},
		{uint64(MakeReg), unix.LANDLOCK_ACCESS_FS_MAKE_REG}, {uint64(MakeSock), unix.LANDLOCK_ACCESS_FS_MAKE_SOCK},
		{uint64(MakeFifo), unix.LANDLOCK_ACCESS_FS_MAKE_FIFO}, {uint64(MakeBlock), unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK},
		{uint64(MakeSym), unix.LANDLOCK_ACCESS_FS_MAKE_SYM}, {uint64(Refer), unix.LANDLOCK_ACCESS_FS_REFER},
		{uint64(Truncate), unix.LANDLOCK_ACCESS_FS_TRUNCATE}, {uint64(IoctlDev), unix.LANDLOCK_ACCESS_FS_IOCTL_DEV},
		{uint64(ResolveUnix), unix.LANDLOCK_ACCESS_FS_RESOLVE_UNIX},
		{uint64(BindTCP), unix.LANDLOCK_ACCESS_NET_BIND_TCP}, {uint64(ConnectTCP), unix.LANDLOCK_ACCESS_NET_CONNECT_TCP},
		{uint64(BindUDP), unix.LANDLOCK_ACCESS_NET_BIND_UDP}, {uint64(ConnectSendUDP), unix.LANDLOCK_ACCESS_NET_CONNECT_SEND_UDP},
		{uint64(AbstractUnix), unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET}, {uint64(Signal), unix.LANDLOCK_SCOPE_SIGNAL},
		{uint64(LogSameExecOff), unix.LANDLOCK_RESTRICT_SELF_LOG_SAME_EXEC_OFF},
		{uint64(LogNewExecOn), unix.LANDLOCK_RESTRICT_SELF_LOG_NEW_EXEC_ON},
		{uint64(LogSubdomainsOff), unix.LANDLOCK_RESTRICT_SELF_LOG_SUBDOMAINS_OFF}, {uint64(AllThreads), unix.LANDLOCK_RESTRICT_SELF_TSYNC},
		{uint64(SetNoNewPrivs), 1 << 4},
	} {
		if c.got != c.want {
			t.Errorf("%#x, the header has %#x", c.got, c.want)
		}
	}
}

// TestFacts: how many words of each kind an ABI has, by the header's "available since".
func TestFacts(t *testing.T) {
	want := [][5]int{{}, {13}, {14}, {15}, {15, 2}, {16, 2}, {16, 2, 2}, {16, 2, 2, 3}, {16, 2, 2, 4}, {17, 2, 2, 4}, {17, 4, 2, 4, 1}, {17, 4, 2, 5, 1}}
	for abi, w := range want {
		f := FactsOf(abi)
		count := [5]int{count(uint64(f.FS)), count(uint64(f.Net)), count(uint64(f.Scopes)), count(uint64(f.Restrict))}
		if f.Quiet {
			count[4] = 1
		}
		if count != w || f.ABI != abi || (f.Kernel == "") != (abi == 0) {
			t.Errorf("ABI %d: %+v, want %v", abi, f, w)
		}
	}
	if Newest != len(want)-1 || FactsOf(99) != FactsOf(Newest) || FactsOf(-1) != FactsOf(0) || Kernel(99) != "" {
		t.Error("the ends are wrong")
	}
}

func count(set uint64) (n int) {
	for ; set != 0; set &= set - 1 {
		n++
	}
	return n
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		(Execute | Truncate).String(): "execute,truncate", FS(0).String(): "nothing", (BindTCP | 1<<40).String(): "bind_tcp,0x10000000000",
		Signal.String(): "signal", (LogNewExecOn | SetNoNewPrivs).String(): "log_new_exec_on,no_new_privs",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// everything asks for all words, ABI by ABI unknown ones included.
func everything() Ruleset {
	f := FactsOf(Newest)
	return Ruleset{HandledFS: f.FS, HandledNet: f.Net, Scopes: f.Scopes, Restrict: f.Restrict, QuietFS: f.FS,
		Paths: []Path{{Path: "/a", Allow: f.FS}, {Path: "/b", Allow: ResolveUnix | Refer}, {Path: "/b", Allow: ReadFile, Quiet: true}},
		Ports: []Ports{{From: 80, To: 82, Allow: BindTCP | BindUDP}, {From: 81, To: 81, Allow: ConnectTCP}}}
}

// TestEveryABI: strictly, all but the newest refuse; with best effort no bit is left that the ABI lacks, and each lost word is
// listed with the ABI that has it.
func TestEveryABI(t *testing.T) {
	for abi := range Newest + 1 {
		f := FactsOf(abi)
		_, _, err := Compile(everything(), abi, Strict)
		var u *UnsupportedError
		if (err == nil) != (abi == Newest) || err != nil && (!errors.As(err, &u) || u.ABI != abi) {
			t.Errorf("ABI %d: strict error %v", abi, err)
		}
		p, losses, err := Compile(everything(), abi, BestEffort)
		if err != nil || p.HandledFS != f.FS || p.HandledNet != f.Net || p.Scopes != f.Scopes || p.Restrict != f.Restrict {
			t.Errorf("ABI %d: %+v, %v", abi, p, err)
		}
		quiet := 0
		if !f.Quiet {
			quiet = 1
		}
		if want := 17 + 4 + 2 + 5 + quiet - count(uint64(f.FS)) - count(uint64(f.Net)) - count(uint64(f.Scopes)) - count(uint64(f.Restrict)); len(losses) != want {
			t.Errorf("ABI %d: %d losses, want %d: %v", abi, len(losses), want, losses)
		}
		for _, l := range losses {
			if l.ABI <= abi || !strings.Contains(l.String(), l.Name) || Kernel(l.ABI) == "" {
				t.Errorf("ABI %d: loss %+v", abi, l)
			}
		}
		for _, e := range p.Paths {
			if e.Allow&^f.FS != 0 || e.Quiet && !f.Quiet || e.Allow == 0 && !e.Quiet {
				t.Errorf("ABI %d: path %+v", abi, e)
			}
		}
		for _, e := range p.Ports {
			if e.Allow&^f.Net != 0 || e.From != e.To {
				t.Errorf("ABI %d: ports %+v", abi, e)
			}
		}
	}
}

func TestStrictErrors(t *testing.T) {
	for _, c := range []struct {
		r    Ruleset
		abi  int
		want string
	}{
		{Ruleset{HandledFS: Truncate | ReadFile}, 2, "this kernel's Landlock (ABI 2) says less than is asked for: truncating files is not restricted " +
			"(LANDLOCK_ACCESS_FS_TRUNCATE needs Landlock ABI 3, Linux 6.2); use Linux 6.2 or later, or best effort, which goes without"},
		{Ruleset{HandledNet: ConnectTCP, Scopes: Signal}, 3, "this kernel's Landlock (ABI 3) says less than is asked for: connecting to TCP ports is not " +
			"restricted (LANDLOCK_ACCESS_NET_CONNECT_TCP needs Landlock ABI 4, Linux 6.7); signalling processes outside is not restricted " +
			"(LANDLOCK_SCOPE_SIGNAL needs Landlock ABI 6, Linux 6.12); use Linux 6.12 or later, or best effort, which goes without"},
		{Ruleset{HandledFS: Execute}, 0, "no Landlock on this kernel: nothing of what it was to restrict would be; use Linux 5.13 or later " +
			"with landlock among the security modules (lsm=), or best effort, which goes without"},
		{Ruleset{HandledFS: Execute, Paths: []Path{{Path: "/", Allow: Refer}}}, 1, "this kernel's Landlock (ABI 1) says less than is asked for: linking and " +
			"renaming between directories is always refused, with EXDEV (LANDLOCK_ACCESS_FS_REFER needs Landlock ABI 2, Linux 5.19); " +
			"use Linux 5.19 or later, or best effort, which goes without"},
		{Ruleset{HandledFS: ReadFile, Paths: []Path{{Path: "etc", Allow: ReadFile, Origin: "p.yaml:3:5"}}}, 7,
			`make Landlock rules: p.yaml:3:5: "etc" is no absolute path: write it from / on, in less than 4096 bytes and without NUL`},
		{Ruleset{HandledFS: ReadFile, Paths: []Path{{Path: "/a", Allow: WriteFile}}}, 7, "make Landlock rules: /a: allows write_file, which the ruleset does not handle"},
		{Ruleset{HandledFS: ReadFile, Paths: []Path{{Path: "/a"}}}, 7, "make Landlock rules: /a: allows nothing: leave it out"},
		{Ruleset{HandledFS: 1 << 40}, 7, "make Landlock rules: unknown rights on files: 0x10000000000"},
		{Ruleset{QuietNet: BindTCP}, 11, "make Landlock rules: unknown quiet rights on ports that are not handled: 0x1"},
		{Ruleset{HandledNet: BindTCP, Ports: []Ports{{From: 9, To: 8, Allow: BindTCP}}}, 7, "make Landlock rules: ports 9-8: the second is less than the first"},
		{Ruleset{HandledNet: BindTCP, Ports: []Ports{{From: 1, To: 65535, Allow: BindTCP, Origin: "x:1:1"}}}, 7,
			"make Landlock rules: x:1:1: more than 4096 ports: Landlock has a rule for each; allow any port, or fewer"},
		{Ruleset{HandledFS: ReadFile, Paths: make([]Path, MaxPaths+1)}, 7, "make Landlock rules: 16385 path rules, more than 16384: name directories that are further up"},
	} {
		if _, _, err := Compile(c.r, c.abi, Strict); err == nil || err.Error() != c.want {
			t.Errorf("error\n%v\nwant\n%s", err, c.want)
		}
	}
}

// TestStrictWithoutLoss: what an older ABI lacks matters only if it is asked for.
func TestStrictWithoutLoss(t *testing.T) {
	for _, c := range []struct {
		r   Ruleset
		abi int
	}{
		{Ruleset{}, 0}, {Ruleset{HandledFS: FactsOf(1).FS}, 1}, {Ruleset{HandledFS: FactsOf(1).FS | Refer}, 1},
		{Ruleset{HandledFS: ReadFile, Restrict: LogNewExecOn}, 1}, {Ruleset{HandledFS: ReadFile, QuietFS: ReadFile}, 7},
	} {
		if _, _, err := Compile(c.r, c.abi, Strict); err != nil {
			t.Errorf("%+v on ABI %d: %v", c.r, c.abi, err)
		}
	}
}

func TestMerging(t *testing.T) {
	p, _, err := Compile(everything(), 10, BestEffort)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Paths) != 2 || p.Paths[1].Allow != ResolveUnix|Refer|ReadFile || !p.Paths[1].Quiet {
		t.Errorf("paths %+v", p.Paths)
	}
	want := []Ports{{From: 80, To: 80, Allow: BindTCP | BindUDP}, {From: 81, To: 81, Allow: BindTCP | BindUDP | ConnectTCP}, {From: 82, To: 82, Allow: BindTCP | BindUDP}}
	if !slices.Equal(p.Ports, want) {
		t.Errorf("ports %+v", p.Ports)
	}
	one, _, err := Compile(Ruleset{HandledFS: Execute}, 7, Strict)
	if err != nil || one.HandledFS != Execute|Refer || one.Empty() {
		t.Errorf("plan %+v, %v: the kernel refuses Refer with any right", one, err)
	}
}

func FuzzCompile(f *testing.F) {
	f.Add(uint64(3), uint64(1), uint64(2), uint64(1), "/a", "/a", uint16(1), uint16(3), 7)
	f.Fuzz(func(t *testing.T, handled, allow, net, scopes uint64, a, b string, from, to uint16, abi int) {
		r := Ruleset{HandledFS: FS(handled), HandledNet: Net(net), Scopes: Scope(scopes),
			Paths: []Path{{Path: a, Allow: FS(allow)}, {Path: b, Allow: FS(handled)}}, Ports: []Ports{{From: from, To: to, Allow: Net(net)}}}
		p, _, err := Compile(r, abi, BestEffort)
		if err != nil {
			return
		}
		facts := FactsOf(abi)
		if p.HandledFS&^facts.FS != 0 || p.HandledNet&^facts.Net != 0 || p.Scopes&^facts.Scopes != 0 {
			t.Errorf("%+v has words that ABI %d lacks", p, abi)
		}
	})
}
