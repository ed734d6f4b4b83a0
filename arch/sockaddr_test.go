package arch

import (
	"net/netip"
	"strings"
	"testing"
)

func addrText(t *testing.T, b []byte, n uint64) string {
	t.Helper()
	mem := memory(map[uint64][]byte{at: b})
	s := decode(t, X86_64, "connect", mem, 3, at, n).String()
	s = strings.TrimPrefix(s, "connect(3, ")
	return s[:strings.LastIndex(s, ", ")]
}

var inet = le(uint16(2), "\x00\x50\x7f\x00\x00\x01", uint64(0))

func inet6(scope uint32) []byte {
	ip := netip.MustParseAddr("fe80::1").As16()
	return le(uint16(10), "\x01\xbb\x00\x00\x00\x05", string(ip[:]), scope)
}

// The right column is what strace 6.1 prints for the same bytes.
func TestSockaddrText(t *testing.T) {
	z := strings.Repeat("z", 108)
	tests := []struct {
		b    []byte
		n    int
		want string
	}{
		{inet, 16, `{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}`},
		{inet, 8, `{sa_family=AF_INET, sa_data="\0P\177\0\0\1"}`},
		{inet, 2, `{sa_family=AF_INET}`},
		{inet, 1, `0x10000`},
		{inet, 0, `0x10000`},
		{inet, -1, `0x10000`},
		{inet[:15], 16, `0x10000`},
		{inet6(7), 28, `{sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(5), inet_pton(AF_INET6, "fe80::1", &sin6_addr), sin6_scope_id=7}`},
		{inet6(7), 24, `{sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(5), inet_pton(AF_INET6, "fe80::1", &sin6_addr)}`},
		{le(uint16(1), "/tmp/s\x00more"), 13, `{sa_family=AF_UNIX, sun_path="/tmp/s"}`},
		{le(uint16(1), "/tmp/s"), 6, `{sa_family=AF_UNIX, sun_path="/tmp"}`},
		{le(uint16(1), "/tmp/s"), 2, `{sa_family=AF_UNIX}`},
		{le(uint16(1), "\x00abs\x00x"), 8, `{sa_family=AF_UNIX, sun_path=@"abs\0x"}`},
		{le(uint16(1), "\x00abs\x00x"), 3, `{sa_family=AF_UNIX, sun_path=@""}`},
		{le(uint16(1), z), 110, `{sa_family=AF_UNIX, sun_path="` + z + `"}`},
		{le(uint16(16), uint16(0), uint32(12), uint32(0x10)), 12, `{sa_family=AF_NETLINK, nl_pid=12, nl_groups=0x000010}`},
		{le(uint16(16), uint16(0), uint32(12), uint32(0)), 12, `{sa_family=AF_NETLINK, nl_pid=12, nl_groups=00000000}`},
		{le(uint16(40), uint16(0), uint32(1024), uint32(2), uint32(0)), 16, `{sa_family=AF_VSOCK, svm_cid=VMADDR_CID_HOST, svm_port=0x400, svm_flags=0}`},
		{le(uint16(38), "hash\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", uint32(0), uint32(0), "sha256", make([]byte, 58)), 88,
			`{sa_family=AF_ALG, salg_type="hash", salg_feat=0, salg_mask=0, salg_name="sha256"}`},
		{le(uint16(17), "\x08\x00", uint32(1), uint16(1), "\x04\x06\x01\x02\x03\x04\x05\x06\x00\x00"), 20,
			`{sa_family=AF_PACKET, sll_protocol=htons(ETH_P_IP), sll_ifindex=1, sll_hatype=ARPHRD_ETHER, sll_pkttype=PACKET_OUTGOING, ` +
				`sll_halen=6, sll_addr=[0x1, 0x2, 0x3, 0x4, 0x5, 0x6]}`},
		{le(uint16(31), "\x01\x02\x03\x04\x05\x06\x04\x00"), 10, `{sa_family=AF_BLUETOOTH, rc_bdaddr=01:02:03:04:05:06, rc_channel=4}`},
		{le(uint16(0), "abcdefgh\x00\x00"), 12, `{sa_family=AF_UNSPEC, sa_data="abcdefgh\0\0"}`},
	}
	for _, tt := range tests {
		if got := addrText(t, tt.b, uint64(tt.n)); got != tt.want {
			t.Errorf("length %d:\n got %s\nwant %s", tt.n, got, tt.want)
		}
	}
}

func TestSockaddrTooLong(t *testing.T) {
	mem := memory(map[uint64][]byte{at: append(inet[:16:16], make([]byte, 1000)...)})
	v := decode(t, X86_64, "connect", mem, 3, at, 900).Arg("addr")
	if v.State != Truncated || len(v.Bytes) != maxSockaddr || len(mem.reads) != maxSockaddr {
		t.Errorf("state %d, %d bytes kept, %d read", v.State, len(v.Bytes), len(mem.reads))
	}
}

func TestSockaddrFields(t *testing.T) {
	s, ok := ParseSockaddr(inet6(7), X86_64)
	if ap, is := s.AddrPort(); !ok || !is || ap != netip.MustParseAddrPort("[fe80::1]:443") || s.ScopeID != 7 {
		t.Errorf("%+v", s)
	}
	s, _ = ParseSockaddr(be(uint16(2), "\x00\x50\x7f\x00\x00\x01", uint64(0)), S390X)
	if ap, _ := s.AddrPort(); ap != netip.MustParseAddrPort("127.0.0.1:80") {
		t.Errorf("big-endian family: %+v", s)
	}
	s, _ = ParseSockaddr(le(uint16(1), "\x00name"), X86_64)
	if !s.Abstract || string(s.Path) != "name" {
		t.Errorf("abstract: %+v", s)
	}
	if _, ok := ParseSockaddr([]byte{1}, X86_64); ok {
		t.Error("one byte is an address")
	}
}

func TestSockaddrJSON(t *testing.T) {
	tests := []struct {
		b    []byte
		n    int
		want string
	}{
		{inet6(7), 28, `{"family":"AF_INET6","addr":"fe80::1","port":443,"flowinfo":5,"scope_id":7}`},
		{inet, 8, `{"family":"AF_INET","data":"\u0000P\u007f\u0000\u0000\u0001"}`},
		{le(uint16(1), "/tmp/s\x00more"), 13, `{"family":"AF_UNIX","path":"/tmp/s"}`},
		{le(uint16(1), "\x00\xffname"), 8, `{"family":"AF_UNIX","abstract":{"bytes":"/25hbWU="}}`},
		{le(uint16(1)), 2, `{"family":"AF_UNIX"}`},
		{le(uint16(16), uint16(0), uint32(12), uint32(0x10)), 12, `{"family":"AF_NETLINK","pid":12,"groups":16}`},
		{le(uint16(40), uint16(0), uint32(1024), uint32(2), uint32(0)), 16, `{"family":"AF_VSOCK","cid":2,"port":1024,"flags":0}`},
		{le(uint16(38), "hash", make([]byte, 10), uint32(1), uint32(2), "sha256", make([]byte, 58)), 88,
			`{"family":"AF_ALG","type":"hash","name":"sha256","feat":1,"mask":2}`},
		{le(uint16(17), "\x08\x00", uint32(1), uint16(1), "\x04\x06\x01\x02\x03\x04\x05\x06\x00\x00"), 20,
			`{"family":"AF_PACKET","protocol":2048,"ifindex":1,"hatype":1,"pkttype":4,"hwaddr":"01:02:03:04:05:06"}`},
		{le(uint16(29), uint16(0), uint32(3), make([]byte, 16)), 24, `{"family":"AF_CAN","ifindex":3}`},
		{le(uint16(31), "\x01\x02\x03\x04\x05\x06\x04\x00"), 10, `{"family":"AF_BLUETOOTH","hwaddr":"01:02:03:04:05:06","channel":4}`},
		{le(uint16(31), uint16(1), "\x01\x02\x03\x04\x05\x06", uint16(4), uint16(1)), 14,
			`{"family":"AF_BLUETOOTH","hwaddr":"01:02:03:04:05:06","psm":1,"cid":4,"bdaddr_type":1}`},
		{le(uint16(200), "ab"), 4, `{"family":200,"data":"ab"}`},
	}
	for _, tt := range tests {
		c := decode(t, X86_64, "connect", memory(map[uint64][]byte{at: tt.b}), 3, at, uint64(tt.n)).Clone()
		if got := string(c.Arg("addr").AppendJSON(nil, X86_64)); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}
