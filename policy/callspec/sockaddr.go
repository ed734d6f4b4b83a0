package callspec

import (
	"net"
	"net/netip"
	"strings"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/internal/nearest"
)

// Sizes of addresses, with their family: the headers named in sockaddrFields. An AF_UNIX address is as long as its name.
const (
	maxSockaddr = 128 // struct sockaddr_storage
	maxUnix     = 108 // sun_path: unix(7)
	afUnix      = 1
	afInet      = 2
	afInet6     = 10
)

// An addrForm is how a field of an address is stored.
type addrForm uint8

const (
	hostNumber    addrForm = iota // in the target's byte order
	networkNumber                 // most significant byte first
	littleNumber                  // least significant byte first
	ipAddress
	macAddress
	plainBytes
)

// An addrField is a field of an address: by its header's name, and by its name in records.
type addrField struct {
	family       uint16
	name, record string
	off, size    uint8
	form         addrForm
	total        uint8 // the address's length, by which the protocols of AF_BLUETOOTH are told apart
}

// sockaddrFields: include/uapi/linux/{in,in6,netlink,if_packet,can,if_alg,vm_sockets}.h and net/bluetooth/*.h. Of two fields for
// one name in a record the longest address comes last.
var sockaddrFields = [...]addrField{
	{afInet, "sin_port", "port", 2, 2, networkNumber, 16},
	{afInet, "sin_addr", "addr", 4, 4, ipAddress, 16},
	{afInet6, "sin6_port", "port", 2, 2, networkNumber, 28},
	{afInet6, "sin6_flowinfo", "flowinfo", 4, 4, networkNumber, 28},
	{afInet6, "sin6_addr", "addr", 8, 16, ipAddress, 28},
	{afInet6, "sin6_scope_id", "scope_id", 24, 4, hostNumber, 28},
	{16, "nl_pid", "pid", 4, 4, hostNumber, 12},
	{16, "nl_groups", "groups", 8, 4, hostNumber, 12},
	{17, "sll_protocol", "protocol", 2, 2, networkNumber, 20},
	{17, "sll_ifindex", "ifindex", 4, 4, hostNumber, 20},
	{17, "sll_hatype", "hatype", 8, 2, hostNumber, 20},
	{17, "sll_pkttype", "pkttype", 10, 1, hostNumber, 20},
	{17, "sll_halen", "", 11, 1, hostNumber, 20},
	{17, "sll_addr", "hwaddr", 12, 8, macAddress, 20},
	{29, "can_ifindex", "ifindex", 4, 4, hostNumber, 24},
	{38, "salg_type", "type", 2, 14, plainBytes, 88},
	{38, "salg_feat", "feat", 16, 4, hostNumber, 88},
	{38, "salg_mask", "mask", 20, 4, hostNumber, 88},
	{38, "salg_name", "name", 24, 64, plainBytes, 88},
	{40, "svm_port", "port", 4, 4, hostNumber, 16},
	{40, "svm_cid", "cid", 8, 4, hostNumber, 16},
	{40, "svm_flags", "flags", 12, 1, hostNumber, 16},
	{31, "sco_bdaddr", "hwaddr", 2, 6, macAddress, 8},
	{31, "rc_bdaddr", "hwaddr", 2, 6, macAddress, 10},
	{31, "rc_channel", "channel", 8, 1, hostNumber, 10},
	{31, "hci_dev", "dev", 2, 2, hostNumber, 6},
	{31, "hci_channel", "channel", 4, 2, hostNumber, 6},
	{31, "l2_psm", "psm", 2, 2, littleNumber, 14},
	{31, "l2_bdaddr", "hwaddr", 4, 6, macAddress, 14},
	{31, "l2_cid", "cid", 10, 2, littleNumber, 14},
	{31, "l2_bdaddr_type", "bdaddr_type", 12, 1, hostNumber, 14},
}

// addrNames are the constants that traces print in addresses: include/uapi/linux/{if_ether,if_packet,if_arp,vm_sockets}.h.
var addrNames = [...]namedNumber{
	{"ETH_P_ALL", 0x3}, {"ETH_P_IP", 0x800}, {"ETH_P_ARP", 0x806}, {"ETH_P_IPV6", 0x86dd},
	{"PACKET_HOST", 0}, {"PACKET_BROADCAST", 1}, {"PACKET_MULTICAST", 2}, {"PACKET_OTHERHOST", 3}, {"PACKET_OUTGOING", 4},
	{"PACKET_LOOPBACK", 5}, {"PACKET_USER", 6}, {"PACKET_KERNEL", 7},
	{"ARPHRD_NETROM", 0}, {"ARPHRD_ETHER", 1}, {"ARPHRD_LOOPBACK", 772},
	{"VMADDR_CID_HYPERVISOR", 0}, {"VMADDR_CID_LOCAL", 1}, {"VMADDR_CID_HOST", 2}, {"VMADDR_CID_ANY", 1<<32 - 1},
	{"VMADDR_PORT_ANY", 1<<32 - 1},
}

// sockaddrAt lays out an address behind a pointer. A length beyond it means zeros, as programs have them that give a whole
// sockaddr_un.
func (e *encoder) sockaddrAt(p *arch.Param, n *node, f *frame) (uint64, *Error) {
	b, err := e.sockaddr(p, n)
	if err != nil {
		return 0, err
	}
	s, size, given := e.length(p, f)
	e.measured(p, s, len(b))
	if given && size > uint64(len(b)) {
		b = append(b, make([]byte, min(size, maxSockaddr)-min(uint64(len(b)), maxSockaddr))...)
	}
	return e.alloc(b), nil
}

func (e *encoder) sockaddr(p *arch.Param, n *node) ([]byte, *Error) {
	switch n.kind {
	case nodeAddr:
		return e.shortAddress(p, n)
	case nodeStruct:
		return e.longAddress(p, n)
	}
	return nil, e.wrongForm(p, n)
}

// shortAddress is tcp:IP:PORT, udp:IP:PORT, unix:PATH or unix:@NAME.
func (e *encoder) shortAddress(p *arch.Param, n *node) ([]byte, *Error) {
	text := string(n.bytes)
	switch n.scheme {
	case "unix":
		return e.unix(p, n, n.bytes, n.abstract)
	case "tcp", "udp":
	default:
		kinds := []string{"tcp", "udp", "unix"}
		return nil, e.failf(p, n, "%q is no kind of address%s", shorten(n.scheme), nearest.DidYouMean(n.scheme, kinds))
	}
	ap, err := netip.ParseAddrPort(text)
	if err != nil {
		return nil, e.failf(p, n, "%q is not IP:PORT: write tcp:10.0.0.1:443 or tcp:[2001:db8::1]:443; names are not looked up",
			shorten(text))
	}
	if ip := ap.Addr(); ip.Is4() {
		b := e.family(afInet, 16)
		copy(b[4:], ip.AsSlice())
		b[2], b[3] = byte(ap.Port()>>8), byte(ap.Port())
		return b, nil
	}
	b := e.family(afInet6, 28)
	copy(b[8:], ap.Addr().AsSlice())
	b[2], b[3] = byte(ap.Port()>>8), byte(ap.Port())
	return b, nil
}

// family begins an address of a size.
func (e *encoder) family(family uint16, size int) []byte {
	b := make([]byte, size)
	e.order.PutUint16(b, family)
	return b
}

// unix: unix(7), "Address format".
func (e *encoder) unix(p *arch.Param, n *node, name []byte, abstract bool) ([]byte, *Error) {
	b := e.family(afUnix, 2)
	if abstract {
		b = append(b, 0)
	}
	if b = append(b, name...); len(b) > 2+maxUnix {
		return nil, e.failf(p, n, "the name has %d bytes: the kernel takes %d", len(name), maxUnix)
	}
	if !abstract && len(b) < 2+maxUnix {
		b = append(b, 0)
	}
	return b, nil
}

// longAddress is a struct as traces print it, or a record's object.
func (e *encoder) longAddress(p *arch.Param, n *node) ([]byte, *Error) {
	q := newPool(n.list)
	first := q.take("sa_family")
	if e.json {
		first = q.take("family")
	}
	if first == nil {
		return nil, e.wrongForm(p, n)
	}
	v, err := e.numberOf(&arch.Param{Name: "sa_family", Kind: arch.KindEnum, Width: 2, Set: arch.LookupSet("af")}, first)
	if err != nil {
		return nil, err
	}
	b, err := e.addressFields(p, n, uint16(v), q)
	if err != nil {
		return nil, err
	}
	if rest := q.rest(); rest != nil {
		return nil, e.failf(p, rest, "an address of %s has no field %q%s", first.what(), shorten(rest.name),
			nearest.DidYouMean(rest.name, addrFieldNames(uint16(v))))
	}
	return b, nil
}

func addrFieldNames(family uint16) []string {
	names := []string{"sa_data"}
	for i := range sockaddrFields {
		if f := &sockaddrFields[i]; f.family == family {
			names = append(names, f.name)
		}
	}
	if family == afUnix {
		names = append(names, "sun_path")
	}
	return names
}

func (e *encoder) addressFields(p *arch.Param, n *node, family uint16, q *pool) ([]byte, *Error) {
	if data := takeAny(q, "sa_data", "data"); data != nil {
		return e.rawAddress(p, data, family)
	}
	if family == afUnix {
		return e.unixFields(p, n, q)
	}
	b := e.family(family, maxSockaddr)
	size := e.addressSize(family, q)
	for i := range sockaddrFields {
		f := &sockaddrFields[i]
		if f.family != family || int(f.total) != size {
			continue
		}
		if v := e.takeField(f, q); v != nil {
			if err := e.addressField(p, f, v, b); err != nil {
				return nil, err
			}
		}
	}
	return b[:size], nil
}

// addressSize is how long an address of the family is; of AF_BLUETOOTH the shortest that has all the fields which are written.
func (e *encoder) addressSize(family uint16, q *pool) int {
	const other = 2
	best, most := other, -1
	for i := range sockaddrFields {
		f := &sockaddrFields[i]
		if f.family != family {
			continue
		}
		if n := e.matching(family, f.total, q); n > most {
			best, most = int(f.total), n
		}
	}
	return best
}

// matching counts the written fields that an address of a length has.
func (e *encoder) matching(family uint16, total uint8, q *pool) (n int) {
	for i := range q.list {
		for j := range sockaddrFields {
			f := &sockaddrFields[j]
			if f.family == family && f.total == total && q.list[i].name == e.fieldName(f) {
				n++
			}
		}
	}
	return n
}

func (e *encoder) fieldName(f *addrField) string {
	if e.json {
		return f.record
	}
	return f.name
}

func takeAny(q *pool, names ...string) *node {
	for _, name := range names {
		if n := q.take(name); n != nil {
			return n
		}
	}
	return nil
}

// takeField also finds inet_pton(AF_INET6, "…", &sin6_addr), which has no name before it.
func (e *encoder) takeField(f *addrField, q *pool) *node {
	if n := q.take(e.fieldName(f)); n != nil || f.form != ipAddress {
		return n
	}
	return q.take("")
}

func (e *encoder) rawAddress(p *arch.Param, n *node, family uint16) ([]byte, *Error) {
	if n.kind != nodeString || n.abstract {
		return nil, e.wrongForm(p, n)
	}
	return append(e.family(family, 2), n.bytes...), nil
}

func (e *encoder) unixFields(p *arch.Param, n *node, q *pool) ([]byte, *Error) {
	path := takeAny(q, "sun_path", "path")
	abstract := path != nil && path.abstract
	if path == nil && e.json {
		path = q.take("abstract")
		abstract = path != nil
	}
	if path == nil {
		return e.family(afUnix, 2), nil
	}
	if path.kind != nodeString {
		return nil, e.failf(p, path, `sun_path is a string: write "/run/x.sock", or @"name" for an abstract one`)
	}
	return e.unix(p, n, path.bytes, abstract)
}

func (e *encoder) addressField(p *arch.Param, f *addrField, n *node, b []byte) *Error {
	at := b[f.off:][:f.size]
	switch f.form {
	case ipAddress:
		return e.ip(p, n, at)
	case macAddress:
		return e.hardware(p, f, n, b)
	case plainBytes:
		if n.kind != nodeString || len(n.bytes) > len(at) {
			return e.failf(p, n, "%s is a string of at most %d bytes", f.name, len(at))
		}
		copy(at, n.bytes)
		return nil
	}
	v, err := e.addressNumber(f, n)
	if err != nil {
		return err
	}
	for i := range at {
		shift := 8 * i
		if f.form == networkNumber || f.form == hostNumber && e.abi.BigEndian() {
			shift = 8 * (len(at) - 1 - i)
		}
		at[i] = byte(v >> shift)
	}
	return nil
}

// addressNumber knows the names that traces print, also within htons().
func (e *encoder) addressNumber(f *addrField, n *node) (uint64, *Error) {
	inner := n
	if n.kind == nodeExpr && len(n.terms) == 1 && n.terms[0].function && len(n.terms[0].args) == 1 {
		inner = &n.terms[0].args[0]
	}
	if inner.kind == nodeExpr && len(inner.terms) == 1 {
		if v, ok := lookup(addrNames[:], inner.terms[0].word); ok {
			return v, nil
		}
	}
	return e.numberOf(&arch.Param{Name: f.name, Kind: arch.KindUint, Width: max(f.size, 1)}, n)
}

// ip takes inet_addr("…"), inet_pton(AF_INET6, "…", &sin6_addr), or a string.
func (e *encoder) ip(p *arch.Param, n *node, b []byte) *Error {
	text := n
	if n.kind == nodeExpr && len(n.terms) == 1 && strings.HasPrefix(n.terms[0].word, "inet_") {
		args := n.terms[0].args
		for i := range args {
			if args[i].kind == nodeString {
				text = &args[i]
			}
		}
	}
	ip, err := netip.ParseAddr(string(text.bytes))
	if text.kind != nodeString || err != nil || ip.BitLen() != 8*len(b) || ip.Zone() != "" {
		return e.failf(p, n, `%s is not an address of %d bytes: write inet_addr("127.0.0.1") or `+
			`inet_pton(AF_INET6, "::1", &sin6_addr)`, n.what(), len(b))
	}
	copy(b, ip.AsSlice())
	return nil
}

// hardware takes 00:11:22:33:44:55, as a string in records, or a list of bytes. AF_PACKET says how long it is.
func (e *encoder) hardware(p *arch.Param, f *addrField, n *node, b []byte) *Error {
	hw, ok := n.bytes, n.kind == nodeMAC
	switch n.kind {
	case nodeString:
		hw, ok = parseMAC(string(n.bytes))
	case nodeList:
		one := arch.Param{Name: f.name, Kind: arch.KindHex, Width: 1}
		list, err := e.elements(&one, n, nil)
		if err != nil {
			return err
		}
		hw, ok = list, true
	}
	if !ok || len(hw) > int(f.size) {
		return e.failf(p, n, "%s is not a hardware address: write 00:11:22:33:44:55", n.what())
	}
	copy(b[f.off:], hw)
	if e.json && f.record == "hwaddr" && f.name == "sll_addr" {
		b[f.off-1] = byte(len(hw))
	}
	return nil
}

// parseMAC takes any number of bytes: packet(7) has up to eight.
func parseMAC(s string) (net.HardwareAddr, bool) {
	var out net.HardwareAddr
	for i := 0; i+1 < len(s); i += 3 {
		high, low := digitOf(s[i]), digitOf(s[i+1])
		if high > 15 || low > 15 || i+2 < len(s) && s[i+2] != ':' {
			return nil, false
		}
		out = append(out, byte(high<<4|low))
	}
	return out, len(s)%3 == 2
}
