package perform

import (
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// admittedNetlink lets messages through that are known to hold numbers, names and addresses only. Others may hold descriptors and
// process ids (IFLA_NET_NS_FD, L2TP_ATTR_FD, NBD_SOCK_FD), which the kernel would look up for the supervisor.
func (o *op) admittedNetlink() syscall.Errno {
	s := o.sock
	protocol, err := unix.GetsockoptInt(s.sock.fd, unix.SOL_SOCKET, unix.SO_PROTOCOL)
	if err != nil {
		return errnoOf(err)
	}
	for i := range s.msgs {
		if s.msgs[i].harmless(s, protocol) {
			continue
		}
		o.f.log.Warn("a netlink message is refused: it may hold descriptors, which cannot be performed", "tid", o.env.TID, "protocol", protocol)
		return unix.EPERM
	}
	return 0
}

// harmless looks at every message in the data (netlink(7)).
func (m *message) harmless(s *socketCall, protocol int) bool {
	var data []byte
	for i := range m.pieces {
		data = append(data, m.pieces[i].p...)
	}
	if m.cut {
		return false
	}
	for len(data) >= unix.SizeofNlMsghdr {
		size, kind := s.order().Uint32(data), s.order().Uint16(data[4:])
		if size < unix.SizeofNlMsghdr || uint64(size) > uint64(len(data)) {
			return true // the kernel stops here
		}
		if !plain(protocol, kind, data[unix.SizeofNlMsghdr:size], s.order()) {
			return false
		}
		data = data[min(align(int(size), 4), len(data)):]
	}
	return true
}

// plain says whether a message's attributes are known.
func plain(protocol int, kind uint16, body []byte, order byteOrder) bool {
	switch {
	case kind < unix.NLMSG_MIN_TYPE:
		return true
	case protocol == unix.NETLINK_SOCK_DIAG:
		return kind == 20 // SOCK_DIAG_BY_FAMILY of include/uapi/linux/sock_diag.h
	case protocol != unix.NETLINK_ROUTE:
		return false
	}
	switch kind &^ 3 { // a group of NEW, DEL, GET and SET
	case unix.RTM_NEWADDR, unix.RTM_NEWNEIGH, unix.RTM_NEWRULE:
		return true
	case unix.RTM_NEWLINK:
		return kind == unix.RTM_GETLINK || only(body, unix.SizeofIfInfomsg, order, unix.IFLA_ADDRESS, unix.IFLA_BROADCAST, unix.IFLA_IFNAME,
			unix.IFLA_MTU, unix.IFLA_TXQLEN, unix.IFLA_OPERSTATE, unix.IFLA_LINKMODE, unix.IFLA_IFALIAS, unix.IFLA_GROUP, unix.IFLA_EXT_MASK)
	case unix.RTM_NEWROUTE:
		return kind == unix.RTM_GETROUTE || only(body, unix.SizeofRtMsg, order, unix.RTA_DST, unix.RTA_SRC, unix.RTA_IIF, unix.RTA_OIF,
			unix.RTA_GATEWAY, unix.RTA_PRIORITY, unix.RTA_PREFSRC, unix.RTA_METRICS, unix.RTA_FLOW, unix.RTA_TABLE, unix.RTA_MARK, unix.RTA_PREF)
	}
	return kind == unix.RTM_GETQDISC
}

// only says whether a message has no attributes but these after its header (struct rtattr of rtnetlink(7)).
func only(body []byte, header int, order byteOrder, list ...uint16) bool {
	const flags = 0xc000 // NLA_F_NESTED, NLA_F_NET_BYTEORDER of include/uapi/linux/netlink.h
	body = body[min(header, len(body)):]
	for len(body) >= unix.SizeofRtAttr {
		size, kind := int(order.Uint16(body)), order.Uint16(body[2:])&^flags
		if size < unix.SizeofRtAttr || size > len(body) {
			return true // the kernel stops here
		}
		if !slices.Contains(list, kind) {
			return false
		}
		body = body[min(align(size, 4), len(body)):]
	}
	return true
}
