package arch

import "testing"

func TestStyles(t *testing.T) {
	octal := Set{Base: BaseOctal, Consts: []Const{{Name: "T_A", Value: 0o1000}}}
	decimal := Set{Base: BaseDecimal, Prefix: "T_", Consts: []Const{{Name: "T_A", Value: 1}}}
	remark := Set{Base: BaseDecimal, Remark: true, Prefix: "T_", Consts: []Const{{Name: "T_A", Value: 1}}}
	requests := Set{Requests: true, Consts: []Const{{Name: "T_Z", Value: 1}, {Name: "T_A", Value: 1}}}
	separate := Set{Separate: true, Prefix: "T_", Consts: []Const{{Name: "T_A", Value: 1, Mask: 3}, {Name: "T_B", Value: 4}}}
	digits := Set{Consts: []Const{{Name: "<<T", Mask: 0xf0, Digits: NonzeroDigits}, {Mask: 0xf, Digits: HexDigits}}}
	tests := []struct {
		p          Param
		abi        ABI
		raw        uint64
		text, json string
	}{
		{Param{Kind: KindFlags, Width: 4, Set: &octal}, X86_64, 0o1600, "T_A|0600", `["T_A",384]`},
		{Param{Kind: KindFlags, Width: 4, Set: &octal}, X86_64, 0, "000", `[]`},
		{Param{Kind: KindFlags, Width: 4, Set: &octal}, X86_64, 0o644, "0644", `[420]`},
		{Param{Kind: KindEnum, Width: 4, Set: &decimal}, X86_64, 1<<32 - 9, "-9 /* T_??? */", `-9`},
		{Param{Kind: KindEnum, Width: 4, Set: &remark}, X86_64, 1, "1 /* T_A */", `"T_A"`},
		{Param{Kind: KindEnum, Width: 4, Set: &remark}, X86_64, 7, "7 /* T_??? */", `7`},
		{Param{Kind: KindEnum, Width: 4, Set: &requests}, X86_64, 1, "T_A or T_Z", `"T_Z"`},
		{Param{Kind: KindFlags, Width: 4, Set: &separate}, X86_64, 0x11, "T_A|0x10 /* T_??? */", `["T_A",16]`},
		{Param{Kind: KindFlags, Width: 4, Set: &separate}, X86_64, 0x15, "T_A|T_B|0x10", `["T_A","T_B",16]`},
		{Param{Kind: KindFlags, Width: 4, Set: &digits}, X86_64, 0x50, "5<<T|0", `["5<<T"]`},
		{Param{Kind: KindFlags, Width: 4, Set: &digits}, X86_64, 0x3, "0x3", `[3]`},
		{Param{Kind: KindUint, Width: 2, Style: StyleNetwork}, X86_64, 0x5000, "htons(80)", "80"},
		{Param{Kind: KindUint, Width: 2, Style: StyleNetwork}, S390X, 80, "htons(80)", "80"},
		{Param{Kind: KindUint, Width: 4, Style: StyleNetwork}, X86_64, 0x01000000, "htonl(1)", "1"},
		{Param{Kind: KindUint, Style: StyleLimit}, X86_64, 1<<64 - 1, "RLIM64_INFINITY", `"18446744073709551615"`},
		{Param{Kind: KindUint, Style: StyleLimit}, I386, 1<<32 - 1, "RLIM_INFINITY", "4294967295"},
		{Param{Kind: KindUint, Style: StyleLimit}, X86_64, 4 << 20, "4096*1024", "4194304"},
		{Param{Kind: KindUint, Style: StyleLimit}, X86_64, 1024, "1024", "1024"},
		{Param{Kind: KindHex, Width: 4, Style: StyleWide}, X86_64, 0x1f, "0x00001f", "31"},
		{Param{Kind: KindHex, Width: 4, Style: StyleWide}, X86_64, 0x12345678, "0x12345678", "305419896"},
	}
	for _, tt := range tests {
		c := valueOf(tt.p, tt.abi, tt.raw, nil)
		if got := c.String(); got != "f("+tt.text+")" {
			t.Errorf("%s, %#x: text %s, want f(%s)", tt.abi, tt.raw, got, tt.text)
		}
		if got := string(c.Args[0].AppendJSON(nil, tt.abi)); got != tt.json {
			t.Errorf("%s, %#x: JSON %s, want %s", tt.abi, tt.raw, got, tt.json)
		}
	}
}

func TestComposedNumbers(t *testing.T) {
	mem := memory(map[uint64][]byte{at: []byte("/dev/x\x00")})
	wantText(t, decode(t, X86_64, "quotactl", mem, 0x80000101, at), `quotactl(QCMD(Q_SYNC, GRPQUOTA), "/dev/x")`)
	wantText(t, decode(t, X86_64, "quotactl", mem, 0x12345609, at, 5, 0), `quotactl(QCMD(0x123456 /* Q_??? */, 0x9 /* ???QUOTA */), "/dev/x", 5, NULL)`)
	wantText(t, decode(t, X86_64, "ioprio_set", mem, 1, 5, 2<<13|4), `ioprio_set(IOPRIO_WHO_PROCESS, 5, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 4))`)
}

func TestStructStyles(t *testing.T) {
	times := le(uint64(5), uint64(0x3fffffff), uint64(6), uint64(7))
	mem := memory(map[uint64][]byte{
		at: []byte("file\x00"), at + page: times,
		at + 2*page: le(uint32(1), uint32(7), uint32(9)),
		at + 3*page: le(uint64(4096*1024), uint64(1<<64-1)),
	})
	c := decode(t, X86_64, "utimensat", mem, noFD, at, at+page, 0)
	wantText(t, c, `utimensat(AT_FDCWD, "file", [UTIME_NOW, {tv_sec=6, tv_nsec=7}], 0)`)
	c = decode(t, X86_64, "epoll_ctl", mem, 3, 1, 4, at+2*page)
	wantText(t, c, `epoll_ctl(3, EPOLL_CTL_ADD, 4, {events=EPOLLIN, data={u32=7, u64=38654705671}})`)
	if got, want := string(c.Arg("event").Field("data").AppendJSON(nil, X86_64)), `{"u32":7,"u64":38654705671}`; got != want {
		t.Errorf("JSON %s, want %s", got, want)
	}
	wantText(t, decode(t, X86_64, "setrlimit", mem, 7, at+3*page), `setrlimit(RLIMIT_NOFILE, {rlim_cur=4096*1024, rlim_max=RLIM64_INFINITY})`)
}

func TestBitSets(t *testing.T) {
	mem := memory(map[uint64][]byte{at: le(uint64(0xf00f), uint64(0)), at + page: be(uint32(5), uint32(1))})
	wantText(t, decode(t, X86_64, "sched_setaffinity", mem, 7, 16, at), "sched_setaffinity(7, 16, [0 1 2 3 12 13 14 15])")
	wantText(t, decode(t, X86_64, "sched_setaffinity", mem, 7, 0, at), "sched_setaffinity(7, 0, [])")
	wantText(t, decode(t, X86_64, "set_mempolicy", mem, 3, at, 64), "set_mempolicy(MPOL_INTERLEAVE, [0x0000000000f00f], 64)")
	c := decode(t, PPC, "set_mempolicy", mem, 3, at+page, 64)
	wantText(t, c, "set_mempolicy(MPOL_INTERLEAVE, [0x000005, 0x000001], 64)")
	if got := string(c.Arg("nodemask").AppendJSON(nil, PPC)); got != "[0,2,32]" {
		t.Errorf("nodes %s", got)
	}
}

// Both words of a capability set are one number.
func TestJoinedSets(t *testing.T) {
	mem := memory(map[uint64][]byte{
		at: le(uint32(0x20080522), int32(0)), at + page: le(uint32(1), uint32(0), uint32(0), uint32(0x100), uint32(1), uint32(0)),
	})
	c := decode(t, X86_64, "capset", mem, at, at+page)
	wantText(t, c, `capset({version=_LINUX_CAPABILITY_VERSION_3, pid=0}, {effective=1<<CAP_CHOWN|1<<CAP_CHECKPOINT_RESTORE, `+
		`permitted=1<<CAP_MAC_OVERRIDE, inheritable=0})`)
}

func TestControlMessages(t *testing.T) {
	creds := le(uint64(28), uint32(1), uint32(2), uint32(7), uint32(8), uint32(9), uint32(0))
	odd := le(uint64(17), uint32(77), uint32(66), "x", make([]byte, 7))
	short := le(uint64(3), uint32(0), uint32(1))
	tests := []struct {
		b    []byte
		abi  ABI
		want string
	}{
		{creds, X86_64, `[{cmsg_len=28, cmsg_level=SOL_SOCKET, cmsg_type=SCM_CREDENTIALS, cmsg_data={pid=7, uid=8, gid=9}}]`},
		{append(odd, creds...), X86_64, `[{cmsg_len=17, cmsg_level=0x4d /* SOL_??? */, cmsg_type=0x42}, ` +
			`{cmsg_len=28, cmsg_level=SOL_SOCKET, cmsg_type=SCM_CREDENTIALS, cmsg_data={pid=7, uid=8, gid=9}}]`},
		{short, X86_64, `[{cmsg_len=3, cmsg_level=SOL_IP, cmsg_type=IP_TOS}, ... /* 0x10010 */]`},
		{short[:15], X86_64, `0x10000`},
		{be(uint32(16), uint32(1), uint32(1), int32(-1)), PPC, `[{cmsg_len=16, cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[-1]}]`},
	}
	for _, tt := range tests {
		p := Param{Kind: KindBytes, Style: StyleControl, Count: uint16(len(tt.b))}
		wantText(t, valueOf(p, tt.abi, at, memory(map[uint64][]byte{at: tt.b})), "f("+tt.want+")")
	}
}

func TestAddressBytes(t *testing.T) {
	join := le("\xe0\x00\x00\x01", "\x7f\x00\x00\x01")
	six := append(make([]byte, 15), 1, 3, 0, 0, 0)
	mem := memory(map[uint64][]byte{at: join, at + page: six})
	c := decode(t, X86_64, "setsockopt", mem, 3, 0, 35, at, 8)
	wantText(t, c, `setsockopt(3, SOL_IP, IP_ADD_MEMBERSHIP, {imr_multiaddr=inet_addr("224.0.0.1"), imr_interface=inet_addr("127.0.0.1")}, 8)`)
	if got, want := string(c.Arg("optval").AppendJSON(nil, X86_64)), `{"imr_multiaddr":"224.0.0.1","imr_interface":"127.0.0.1"}`; got != want {
		t.Errorf("JSON %s, want %s", got, want)
	}
	c = decode(t, X86_64, "setsockopt", mem, 3, 41, 20, at+page, 20)
	wantText(t, c, `setsockopt(3, SOL_IPV6, IPV6_ADD_MEMBERSHIP, {inet_pton(AF_INET6, "::1", &ipv6mr_multiaddr), ipv6mr_interface=3}, 20)`)
}

func TestBPFInstructions(t *testing.T) {
	for want, code := range map[string][]byte{
		"BPF_STMT(BPF_LD|BPF_W|BPF_ABS, 0x4)":                             le(uint16(0x20), "\x00\x00", uint32(4)),
		"BPF_JUMP(BPF_JMP|BPF_K|BPF_JEQ, 0x800, 0, 0x1)":                  le(uint16(0x15), "\x00\x01", uint32(0x800)),
		"BPF_STMT(BPF_RET|BPF_K, SECCOMP_RET_ERRNO|0x1)":                  le(uint16(0x6), "\x00\x00", uint32(0x50001)),
		"BPF_STMT(BPF_JMP|BPF_K|BPF_JA, 0x2)":                             le(uint16(0x5), "\x00\x00", uint32(2)),
		"BPF_STMT(BPF_ST, 0x2)":                                           le(uint16(0x2), "\x00\x00", uint32(2)),
		"BPF_STMT(BPF_MISC|0xf8 /* BPF_??? */|0xff00 /* BPF_??? */, 0x7)": le(uint16(0xffff), "\x00\x00", uint32(7)),
		"BPF_STMT(BPF_MISC|BPF_TXA, 0)":                                   le(uint16(0x87), "\x00\x00", uint32(0)),
	} {
		mem := memory(map[uint64][]byte{at: le(uint64(1), uint64(at+page)), at + page: code})
		c := decode(t, X86_64, "seccomp", mem, 1, 0, at)
		wantText(t, c, `seccomp(SECCOMP_SET_MODE_FILTER, 0, {len=1, filter=0x11000})`)
		if got := string(c.AppendText(nil, &TextOptions{Verbose: true})); got != `seccomp(SECCOMP_SET_MODE_FILTER, 0, {len=1, filter=[`+want+`]})` {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
