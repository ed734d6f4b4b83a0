package callspec

import (
	"errors"
	"strings"
	"testing"

	"github.com/stead-project/stead/arch"
)

func verbose(c *arch.Call) string {
	return string(c.AppendText(nil, &arch.TextOptions{Verbose: true, StringLimit: -1}))
}

func TestParseAsPrinted(t *testing.T) {
	for _, text := range []string{
		`openat(AT_FDCWD, "/etc/shadow", O_RDONLY|O_CLOEXEC)`,
		`openat(7, "a\303\244\0012", O_RDWR|O_CREAT|0x80000000, 0644)`,
		`mount("none", "/mnt", "tmpfs", MS_NOSUID, NULL)`,
		`execve("/bin/ls", ["ls", "-l"], ["A=1", "B=\"\\"])`,
		`connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16)`,
		`connect(3, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "2001:db8::1", &sin6_addr), sin6_scope_id=2}, 28)`,
		`connect(3, {sa_family=AF_UNIX, sun_path=@"name\0x"}, 9)`,
		`connect(3, {sa_family=AF_UNIX, sun_path="/run/x.sock"}, 110)`,
		`bind(3, {sa_family=AF_NETLINK, nl_pid=5, nl_groups=0x000010}, 12)`,
		`bind(3, {sa_family=AF_PACKET, sll_protocol=htons(ETH_P_ALL), sll_ifindex=2, sll_hatype=ARPHRD_NETROM, sll_pkttype=PACKET_HOST, sll_halen=6, sll_addr=[0x1, 0x2, 0x3, 0x4, 0x5, 0x6]}, 20)`,
		`bind(3, {sa_family=AF_VSOCK, svm_cid=VMADDR_CID_ANY, svm_port=0x400, svm_flags=0}, 16)`,
		`mknodat(AT_FDCWD, "/dev/x", S_IFCHR|0600, makedev(0x1, 0x3))`,
		`rt_sigprocmask(SIG_BLOCK, [INT CHLD RTMIN RT_3], NULL, 8)`,
		`rt_sigprocmask(SIG_BLOCK, ~[KILL STOP], NULL, 8)`,
		`kill(-5, SIGTERM)`,
		`ioctl(0, TCGETS, 0x7ffe1000)`,
		`ioctl(3, _IOC(_IOC_READ|_IOC_WRITE, 0xab, 0x12, 0x20), 0)`,
		`nanosleep({tv_sec=1, tv_nsec=5}, NULL)`,
		`write(1, "hello\n", 6)`,
		`fcntl(3, F_DUPFD_CLOEXEC, 10)`,
		`chown("/x", -1, 1000)`,
		`mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)`,
	} {
		c, err := Parse(text, arch.X86_64)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := verbose(c); got != text {
			t.Errorf("%s\n became %s", text, got)
		}
	}
}

func TestParseAsPeopleWrite(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{`connect(3, tcp:10.0.0.1:443, 16)`, `connect(3, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("10.0.0.1")}, 16)`},
		{`connect(3, tcp:[::1]:443)`, `connect(3, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "::1", &sin6_addr), sin6_scope_id=0}, 28)`},
		{`connect(3, unix:/run/x.sock)`, `connect(3, {sa_family=AF_UNIX, sun_path="/run/x.sock"}, 14)`},
		{`connect(3, unix:@name)`, `connect(3, {sa_family=AF_UNIX, sun_path=@"name"}, 7)`},
		{`connect(3, unix:"/a b")`, `connect(3, {sa_family=AF_UNIX, sun_path="/a b"}, 7)`},
		{`write(1, "abc")`, `write(1, "abc", 3)`},
		{`open("/x", O_RDONLY, 0644)`, `open("/x", O_RDONLY)`},
		{`openat(dirfd=3, flags=O_RDONLY)`, `openat(3, NULL, O_RDONLY)`},
		{`getuid()`, `getuid()`},
		{"[pid 41] 12:00:01.000001 \x1b[36mgetuid\x1b[0m() = 0", `getuid()`},
		{`41 1700000000.5 chdir("/") = -1 EPERM (deny by x: it said "no")`, `chdir("/")`},
		{`read(3</etc/pass>wd>, 0x7ffe, 10) = 10 <0.0001>`, `read(3, 0x7ffe, 10)`},
		{`read(3, "contents"..., 10) = 10`, ``},
		{`execve("/bin/ls", ["ls"], 0x7ffe10 /* 23 vars */) = 0`, `execve("/bin/ls", ["ls"], 0x7ffe10)`},
		{`writev(1, [{iov_base="ab", iov_len=2}, {iov_base="c"}])`, `writev(1, [{iov_base="ab", iov_len=2}, {iov_base="c", iov_len=1}], 2)`},
		{`clone3({flags=CLONE_VM, exit_signal=SIGCHLD})`, `clone3({flags=CLONE_VM, exit_signal=SIGCHLD, stack=NULL, stack_size=0, set_tid=NULL, set_tid_size=0}, 88)`},
	} {
		c, err := Parse(tt.text, arch.X86_64)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		if got := verbose(c); got != tt.want && tt.want != "" {
			t.Errorf("%s\n became %s\n   want %s", tt.text, got, tt.want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{``, `column 1: no call begins here`},
		{`opnat(3)`, `did you mean openat?`},
		{`openat(AT_FDCWD, "/x", O_RDONYL)`, `column 24: argument 3 (flags): "O_RDONYL" is not one of its flags on x86_64: did you mean O_RDONLY?`},
		{`openat(AT_FDCWD, /x, O_RDONLY)`, `column 18: "/" where a value belongs: put strings in double quotes`},
		{`openat(AT_FDCWD, "/x, O_RDONLY)`, `column 18: the string that begins here has no closing quote`},
		{`openat(AT_FDCWD, 5|O_RDONLY, 0)`, `argument 2 (pathname): an expression is not what it takes: write a path in quotes, like "/etc/passwd"`},
		{`openat(AT_FDCWD, "/x", O_RDONLY`, `the end where a comma or ")" belongs`},
		{`openat(AT_FDCWD, "/x"..., 0)`, `only its beginning was recorded`},
		{`openat(99999999999, "/x", 0)`, `argument 1 (dirfd): 99999999999 does not fit in its 32 bits`},
		{`openat(pathnam="/x")`, `openat has no argument "pathnam": did you mean pathname?`},
		{`close(1, 2)`, `column 10: close takes 1 argument (fd), this is one more`},
		{`nanosleep({tv_sec=1, tv_nsc=5}, NULL)`, `has no field "tv_nsc": did you mean tv_nsec?`},
		{`connect(3, tcp:host:80)`, `"host:80" is not IP:PORT`},
		{`connect(3, udpp:1.2.3.4:80)`, `"udpp" is no kind of address: did you mean udp?`},
		{`connect(3, "x")`, `write a socket address, like tcp:10.0.0.1:443`},
		{`write(1, "abc", 5)`, `argument 2 (buf): count says 5, but 3 bytes are written`},
		{`kill(1, SIGTREM)`, `write a signal, like SIGTERM`},
		{`mount("a\0b", "/", NULL, 0)`, `a string ends at its first NUL`},
		{`getuid() + 1`, `after the call`},
		{`read(3, <unfinished ...>`, `the trace ends before the arguments do`},
		{`write(1, "a", 08)`, `"08" is not a number`},
	} {
		_, err := Parse(tt.text, arch.X86_64)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s\n gave %v\n want %s", tt.text, err, tt.want)
		}
	}
}

func TestParseOtherABIs(t *testing.T) {
	for _, tt := range []struct {
		abi        arch.ABI
		text, want string
	}{
		{arch.I386, `accept(3, NULL, NULL)`, `accept(3, NULL, NULL)`},
		{arch.I386, `semop(1, [{sem_num=0, sem_op=-1, sem_flg=IPC_NOWAIT}], 1)`, ``},
		{arch.I386, `pread64(3, 0x1000, 16, 0x100000001)`, `pread64(3, 0x1000, 16, 4294967297)`},
		{arch.ARM, `pread64(3, 0x1000, 16, 0x100000001)`, `pread64(3, 0x1000, 16, 4294967297)`},
		{arch.PPC, `nanosleep({tv_sec=1, tv_nsec=5}, NULL)`, `nanosleep({tv_sec=1, tv_nsec=5}, NULL)`},
		{arch.S390X, `msgrcv(1, 0x5000, 100, 7, 0)`, `msgrcv(1, 0x5000, 100, 7, 0)`},
		{arch.S390X, `semtimedop(1, NULL, 0, {tv_sec=1, tv_nsec=2})`, `semtimedop(1, NULL, 0, {tv_sec=1, tv_nsec=2})`},
		{arch.MIPS, `kill(1, SIGUSR1)`, `kill(1, SIGUSR1)`},
		{arch.AArch64, `connect(3, {sa_family=AF_BLUETOOTH, l2_psm=htobs(1), l2_bdaddr=00:11:22:33:44:55, l2_cid=htobs(2), l2_bdaddr_type=1}, 14)`,
			`connect(3, {sa_family=AF_BLUETOOTH, l2_psm=htobs(1), l2_bdaddr=00:11:22:33:44:55, l2_cid=htobs(2), l2_bdaddr_type=1}, 14)`},
	} {
		c, err := Parse(tt.text, tt.abi)
		if err != nil {
			t.Errorf("%s %s: %v", tt.abi, tt.text, err)
		} else if got := verbose(c); got != tt.want && tt.want != "" {
			t.Errorf("%s %s\n became %s", tt.abi, tt.text, got)
		}
	}
	if _, err := Parse(`open("/x", O_RDONLY)`, arch.AArch64); err == nil || !strings.Contains(err.Error(), "aarch64 has no call open") {
		t.Errorf("open on aarch64: %v", err)
	}
}
