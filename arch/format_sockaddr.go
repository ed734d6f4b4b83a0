package arch

import "strconv"

// appendFamily appends AF_ and the family's name, from the set that socket's first parameter has.
func appendFamily(b []byte, family uint16, abi ABI) []byte {
	if s := LookupSet("af"); s != nil {
		return s.AppendEnum(b, uint64(family), abi)
	}
	return strconv.AppendUint(b, uint64(family), 10)
}

// sockaddr appends an address as strace does: the header's field names, numbers in network order in htons().
func (t *text) sockaddr(b []byte, s *Sockaddr) []byte {
	b = appendFamily(append(b, "{sa_family="...), s.Family, t.abi)
	switch {
	case s.Known && s.Family == afUnix:
		b = appendUnix(b, s)
	case s.Known && s.Family == afInet:
		b = appendInet(b, s)
	case s.Known && s.Family == afInet6:
		b = appendInet6(b, s)
	case s.Known && s.Family == afNetlink:
		b = appendNetlink(b, s)
	case s.Known && s.Family == afPacket:
		b = t.packet(b, s)
	case s.Known && s.Family == afBluetooth:
		b = appendBluetooth(b, s)
	case s.Known && s.Family == afALG:
		b = appendALG(b, s)
	case s.Known && s.Family == afVSOCK:
		b = appendVSOCK(b, s)
	case len(s.Data) > 0:
		b = appendQuoted(append(b, ", sa_data="...), s.Data)
	}
	return append(b, '}')
}

func appendUnix(b []byte, s *Sockaddr) []byte {
	switch {
	case s.Abstract:
		return appendQuoted(append(b, ", sun_path=@"...), s.Path)
	case len(s.Data) == 0:
		return b
	}
	return appendQuoted(append(b, ", sun_path="...), s.Path)
}

// named appends ", name=value".
func named(b []byte, name string, v uint64) []byte {
	b = append(append(b, ", "...), name...)
	return strconv.AppendUint(append(b, '='), v, 10)
}

// network appends ", name=htons(value)", or htonl and the like.
func network(b []byte, name, function string, v uint64) []byte {
	b = append(append(b, ", "...), name...)
	b = append(append(b, '='), function...)
	return append(strconv.AppendUint(append(b, '('), v, 10), ')')
}

func appendInet(b []byte, s *Sockaddr) []byte {
	b = network(b, "sin_port", "htons", uint64(s.Port))
	b = append(b, `, sin_addr=inet_addr("`...)
	return append(s.IP.AppendTo(b), `")`...)
}

func appendInet6(b []byte, s *Sockaddr) []byte {
	b = network(b, "sin6_port", "htons", uint64(s.Port))
	b = network(b, "sin6_flowinfo", "htonl", uint64(s.FlowInfo))
	b = append(b, `, inet_pton(AF_INET6, "`...)
	b = append(s.IP.AppendTo(b), `", &sin6_addr)`...)
	if s.HasScope {
		b = named(b, "sin6_scope_id", uint64(s.ScopeID))
	}
	return b
}

// appendNetlink: the groups are a bit mask, in eight columns.
func appendNetlink(b []byte, s *Sockaddr) []byte {
	b = append(named(b, "nl_pid", uint64(s.PID)), ", nl_groups="...)
	if s.Groups != 0 {
		return appendPadded(append(b, "0x"...), uint64(s.Groups), 6)
	}
	return appendPadded(b, 0, 8)
}

// Names of a few numbers in addresses: include/uapi/linux/vm_sockets.h.
var (
	cidNames = []numberName{{0, "VMADDR_CID_HYPERVISOR"}, {1, "VMADDR_CID_LOCAL"}, {2, "VMADDR_CID_HOST"},
		{1<<32 - 1, "VMADDR_CID_ANY"}}
	vportNames = []numberName{{1<<32 - 1, "VMADDR_PORT_ANY"}}
)

type numberName struct {
	n    uint64
	name string
}

// appendNamed appends a number's name, or the number in hexadecimal.
func appendNamed(b []byte, list []numberName, n uint64) []byte {
	for i := range list {
		if list[i].n == n {
			return append(b, list[i].name...)
		}
	}
	return appendNumberHex(b, n)
}

func (t *text) packet(b []byte, s *Sockaddr) []byte {
	b = t.constant(append(b, ", sll_protocol=htons("...), "ethertype", uint64(s.Protocol))
	b = strconv.AppendInt(append(b, "), sll_ifindex="...), int64(s.Ifindex), 10)
	b = t.constant(append(b, ", sll_hatype="...), "arphrd", uint64(s.HWType))
	b = t.constant(append(b, ", sll_pkttype="...), "pkttype", uint64(s.PktType))
	b = named(b, "sll_halen", uint64(len(s.HWAddr)))
	if len(s.HWAddr) == 0 {
		return b
	}
	b = append(b, ", sll_addr=["...)
	for i, c := range s.HWAddr {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendHex(b, uint64(c))
	}
	return append(b, ']')
}

func appendBluetooth(b []byte, s *Sockaddr) []byte {
	switch len(s.Data) + 2 {
	case sizeHCI:
		b = network(b, "hci_dev", "htobs", uint64(s.Device))
		return named(b, "hci_channel", uint64(s.Channel))
	case sizeSCO:
		return appendMAC(append(b, ", sco_bdaddr="...), s.HWAddr)
	case sizeRFCOMM:
		b = appendMAC(append(b, ", rc_bdaddr="...), s.HWAddr)
		return named(b, "rc_channel", uint64(s.Channel))
	}
	b = network(b, "l2_psm", "htobs", uint64(s.PSM))
	b = appendMAC(append(b, ", l2_bdaddr="...), s.HWAddr)
	b = network(b, "l2_cid", "htobs", uint64(s.LinkCID))
	return named(b, "l2_bdaddr_type", uint64(s.AddrType))
}

func appendMAC(b, mac []byte) []byte {
	for i, c := range mac {
		if i > 0 {
			b = append(b, ':')
		}
		b = append(b, hexDigits[c>>4], hexDigits[c&15])
	}
	return b
}

func appendALG(b []byte, s *Sockaddr) []byte {
	b = appendQuoted(append(b, ", salg_type="...), s.Type)
	b = appendCrypto(append(b, ", salg_feat="...), s.Feat)
	b = appendCrypto(append(b, ", salg_mask="...), s.Mask)
	return appendQuoted(append(b, ", salg_name="...), s.Name)
}

// appendCrypto appends flags whose names (CRYPTO_ALG_) are the kernel's own, in no public header.
func appendCrypto(b []byte, flags uint32) []byte {
	b = appendNumberHex(b, uint64(flags))
	if flags == 0 {
		return b
	}
	return append(b, " /* CRYPTO_ALG_??? */"...)
}

func appendVSOCK(b []byte, s *Sockaddr) []byte {
	b = appendNamed(append(b, ", svm_cid="...), cidNames, uint64(s.CID))
	b = appendNamed(append(b, ", svm_port="...), vportNames, uint64(s.VSockPort))
	return named(b, "svm_flags", uint64(s.VSockFlags))
}
