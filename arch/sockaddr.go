package arch

import "net/netip"

// Address families that Sockaddr takes apart (include/linux/socket.h).
const (
	afUnspec    = 0
	afUnix      = 1
	afInet      = 2
	afInet6     = 10
	afNetlink   = 16
	afPacket    = 17
	afCAN       = 29
	afBluetooth = 31
	afALG       = 38
	afVSOCK     = 40
)

// maxSockaddr is sizeof(struct sockaddr_storage): the kernel refuses longer addresses.
const maxSockaddr = 128

// A Sockaddr is a socket address as the target wrote it. Which fields mean something depends on Family; of an address too
// short for its family, or of a family that is not listed here, only Family and Data do.
type Sockaddr struct {
	Family uint16
	Known  bool   // the fields below are filled for the family
	Data   []byte // what follows the family

	IP       netip.Addr // AF_INET, AF_INET6; without a zone, see ScopeID
	Port     uint16     // AF_INET, AF_INET6
	FlowInfo uint32     // AF_INET6
	ScopeID  uint32     // AF_INET6, if HasScope: the old form of the address ends before it
	HasScope bool

	Path     []byte // AF_UNIX: a path, or a name if Abstract; neither, and empty, for an unnamed one
	Abstract bool   // AF_UNIX: Path is without the NUL that it begins with, and may hold NULs

	PID    uint32 // AF_NETLINK
	Groups uint32 // AF_NETLINK

	CID        uint32 // AF_VSOCK
	VSockPort  uint32 // AF_VSOCK
	VSockFlags uint8  // AF_VSOCK

	Protocol uint16 // AF_PACKET: an ETH_P_ number
	Ifindex  int32  // AF_PACKET, AF_CAN
	HWType   uint16 // AF_PACKET: an ARPHRD_ number
	PktType  uint8  // AF_PACKET
	HWAddr   []byte // AF_PACKET; AF_BLUETOOTH, in memory order

	Type []byte // AF_ALG
	Name []byte // AF_ALG
	Feat uint32 // AF_ALG
	Mask uint32 // AF_ALG

	PSM      uint16 // AF_BLUETOOTH, L2CAP
	LinkCID  uint16 // AF_BLUETOOTH, L2CAP
	AddrType uint8  // AF_BLUETOOTH, L2CAP
	Channel  uint16 // AF_BLUETOOTH, RFCOMM and HCI
	Device   uint16 // AF_BLUETOOTH, HCI
}

// AddrPort returns an internet address; ok is false for other families.
func (s *Sockaddr) AddrPort() (ap netip.AddrPort, ok bool) {
	if s == nil || !s.IP.IsValid() {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(s.IP, s.Port), true
}

// ParseSockaddr takes a socket address of an ABI's byte order apart; ok is false if b is too short for a family. The result
// keeps slices of b.
func ParseSockaddr(b []byte, abi ABI) (s Sockaddr, ok bool) {
	ok = s.parse(b, abi.BigEndian())
	return s, ok
}

func (s *Sockaddr) parse(b []byte, big bool) bool {
	if len(b) < 2 {
		return false
	}
	*s = Sockaddr{Family: uint16(number(b[:2], big)), Data: b[2:]}
	switch s.Family {
	case afUnix:
		s.Known = s.unix(b)
	case afInet:
		s.Known = s.inet(b)
	case afInet6:
		s.Known = s.inet6(b, big)
	case afNetlink:
		s.Known = s.netlink(b, big)
	case afPacket:
		s.Known = s.packet(b, big)
	case afCAN:
		s.Known = s.can(b, big)
	case afBluetooth:
		s.Known = s.bluetooth(b, big)
	case afALG:
		s.Known = s.alg(b, big)
	case afVSOCK:
		s.Known = s.vsock(b, big)
	}
	return true
}

// unix: unix(7), "Address format". A path need not end in NUL; an abstract name is as long as the address says.
func (s *Sockaddr) unix(b []byte) bool {
	name := b[2:min(len(b), 2+108)]
	if len(name) > 0 && name[0] == 0 {
		s.Abstract, s.Path = true, name[1:]
		return true
	}
	s.Path, _ = untilNUL(name)
	return true
}

func (s *Sockaddr) inet(b []byte) bool {
	if len(b) < 16 {
		return false
	}
	s.Port = uint16(number(b[2:4], true))
	s.IP = netip.AddrFrom4([4]byte(b[4:8]))
	return true
}

// inet6: include/uapi/linux/in6.h; net/ipv6 takes an address without its scope id as well (SIN6_LEN_RFC2133).
func (s *Sockaddr) inet6(b []byte, big bool) bool {
	if len(b) < 24 {
		return false
	}
	s.Port = uint16(number(b[2:4], true))
	s.FlowInfo = uint32(number(b[4:8], true))
	s.IP = netip.AddrFrom16([16]byte(b[8:24]))
	if len(b) >= 28 {
		s.HasScope, s.ScopeID = true, uint32(number(b[24:28], big))
	}
	return true
}

func (s *Sockaddr) netlink(b []byte, big bool) bool {
	if len(b) < 12 {
		return false
	}
	s.PID = uint32(number(b[4:8], big))
	s.Groups = uint32(number(b[8:12], big))
	return true
}

func (s *Sockaddr) packet(b []byte, big bool) bool {
	if len(b) < 20 {
		return false
	}
	s.Protocol = uint16(number(b[2:4], true))
	s.Ifindex = int32(number(b[4:8], big))
	s.HWType = uint16(number(b[8:10], big))
	s.PktType = b[10]
	s.HWAddr = b[12 : 12+min(int(b[11]), 8, len(b)-12)]
	return true
}

func (s *Sockaddr) can(b []byte, big bool) bool {
	if len(b) < 8 {
		return false
	}
	s.Ifindex = int32(number(b[4:8], big))
	return true
}

func (s *Sockaddr) vsock(b []byte, big bool) bool {
	if len(b) < 16 {
		return false
	}
	s.VSockPort = uint32(number(b[4:8], big))
	s.CID = uint32(number(b[8:12], big))
	s.VSockFlags = b[12]
	return true
}

// alg: struct sockaddr_alg, whose name may be longer than 64 bytes (sockaddr_alg_new).
func (s *Sockaddr) alg(b []byte, big bool) bool {
	if len(b) < 88 {
		return false
	}
	s.Type, _ = untilNUL(b[2:16])
	s.Feat = uint32(number(b[16:20], big))
	s.Mask = uint32(number(b[20:24], big))
	s.Name, _ = untilNUL(b[24:])
	return true
}

// Lengths by which the protocols of AF_BLUETOOTH are told apart; the protocol itself is not in the address.
const (
	sizeHCI    = 6
	sizeSCO    = 8
	sizeRFCOMM = 10
	sizeL2CAP  = 14
)

// bluetooth numbers are little-endian on every machine (include/net/bluetooth), except HCI's, which are the target's.
func (s *Sockaddr) bluetooth(b []byte, big bool) bool {
	switch len(b) {
	case sizeHCI:
		s.Device, s.Channel = uint16(number(b[2:4], big)), uint16(number(b[4:6], big))
	case sizeSCO:
		s.HWAddr = b[2:8]
	case sizeRFCOMM:
		s.HWAddr, s.Channel = b[2:8], uint16(b[8])
	case sizeL2CAP:
		s.PSM, s.HWAddr = uint16(number(b[2:4], false)), b[4:10]
		s.LinkCID, s.AddrType = uint16(number(b[10:12], false)), b[12]
	default:
		return false
	}
	return true
}

// followSockaddr reads an address; of one longer than any the kernel takes, only the part that could be valid.
func (d *Decoder) followSockaddr(v *Value, f *frame, depth int) {
	n, ok := d.length(v.Param, f, depth)
	if !ok || n < 2 {
		v.State = Unread
		return
	}
	v.Bytes, v.State = d.block(d.address(v.Raw), int(min(n, maxSockaddr)))
	if v.State != OK {
		return
	}
	d.parseAddr(v)
	if n > maxSockaddr {
		v.State = Truncated
	}
}

func (d *Decoder) parseAddr(v *Value) {
	v.Addr = &d.addrs.take(1)[0]
	if !v.Addr.parse(v.Bytes, d.big) {
		*v.Addr = Sockaddr{}
	}
}
