package arch

import (
	"net/netip"
	"strconv"
)

// appendJSONPointee appends what a pointer points to, as far as it was read.
func appendJSONPointee(b []byte, v *Value, abi ABI) []byte {
	switch v.Param.Kind {
	case KindPath, KindString:
		return appendJSONBytes(b, v.Bytes)
	case KindBytes:
		return appendJSONBuffer(b, v)
	case KindStruct:
		return appendJSONStruct(b, v, abi)
	case KindPtr:
		if e := v.Elem(); e != nil {
			return e.AppendJSON(b, abi)
		}
	case KindStrings, KindArray:
		return appendJSONList(b, v, abi)
	case KindSockaddr:
		if v.Addr != nil { // else the call's bound left no room for it
			return appendJSONSockaddr(b, v.Addr, abi)
		}
	case KindSigset:
		return appendJSONSigset(b, v.Bytes, abi)
	case KindFDSet:
		return appendJSONFDSet(b, v.Bytes, abi)
	}
	return appendJSONAddress(b, v.Raw)
}

// appendJSONBuffer appends a buffer; one that holds an address appends as the address's usual form.
func appendJSONBuffer(b []byte, v *Value) []byte {
	switch v.Param.Style {
	case StyleIPv4, StyleIPv6:
		if addr, ok := netip.AddrFromSlice(v.Bytes); ok {
			return append(addr.AppendTo(append(b, '"')), '"')
		}
	case StyleMAC:
		return append(appendMAC(append(b, '"'), v.Bytes), '"')
	}
	return appendJSONBytes(b, v.Bytes)
}

func appendJSONList(b []byte, v *Value, abi ABI) []byte {
	b = append(b, '[')
	for i := range v.List {
		if i > 0 {
			b = append(b, ',')
		}
		b = v.List[i].AppendJSON(b, abi)
	}
	return append(b, ']')
}

func appendJSONStruct(b []byte, v *Value, abi ABI) []byte {
	b = append(b, '{')
	return append(appendJSONFields(b, len(b), v, abi), '}')
}

// appendJSONFields appends a struct's fields; those of a nameless struct or union within it as if they were its own.
func appendJSONFields(b []byte, start int, v *Value, abi ABI) []byte {
	for i := range v.List {
		f := &v.List[i]
		switch {
		case f.Param == nil:
		case f.Param.Kind == KindStruct && f.Param.Name == "":
			b = appendJSONFields(b, start, f, abi)
		default:
			b = appendJSONValue(appendKey(b, start, f.Param.Name), f, abi)
		}
	}
	return b
}

func appendJSONSigset(b, set []byte, abi ABI) []byte {
	b = append(b, '[')
	start := len(b)
	for i := range 8 * len(set) {
		if !bitIn(set, i, abi) {
			continue
		}
		if len(b) > start {
			b = append(b, ',')
		}
		b = appendJSONSignal(b, int64(i)+1, abi)
	}
	return append(b, ']')
}

func appendJSONFDSet(b, set []byte, abi ABI) []byte {
	b = append(b, '[')
	start := len(b)
	for fd := range 8 * len(set) {
		if !bitIn(set, fd, abi) {
			continue
		}
		if len(b) > start {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(fd), 10)
	}
	return append(b, ']')
}

func appendJSONSockaddr(b []byte, s *Sockaddr, abi ABI) []byte {
	b = append(b, `{"family":`...)
	b = appendJSONFamily(b, s.Family, abi)
	switch {
	case !s.Known:
		b = appendJSONData(b, s)
	case s.Family == afUnix:
		b = appendJSONUnix(b, s)
	case s.Family == afInet || s.Family == afInet6:
		b = appendJSONInet(b, s)
	case s.Family == afNetlink:
		b = member(member(b, "pid", uint64(s.PID)), "groups", uint64(s.Groups))
	case s.Family == afVSOCK:
		b = member(member(b, "cid", uint64(s.CID)), "port", uint64(s.VSockPort))
		b = member(b, "flags", uint64(s.VSockFlags))
	case s.Family == afPacket:
		b = appendJSONPacket(b, s)
	case s.Family == afALG:
		b = appendJSONALG(b, s)
	case s.Family == afCAN:
		b = strconv.AppendInt(append(b, `,"ifindex":`...), int64(s.Ifindex), 10)
	case s.Family == afBluetooth:
		b = appendJSONBluetooth(b, s)
	}
	return append(b, '}')
}

func appendJSONFamily(b []byte, family uint16, abi ABI) []byte {
	if s := LookupSet("af"); s != nil {
		return appendJSONEnum(b, s, uint64(family), abi)
	}
	return appendJSONUint(b, uint64(family))
}

func appendJSONData(b []byte, s *Sockaddr) []byte {
	if len(s.Data) == 0 {
		return b
	}
	return appendJSONBytes(append(b, `,"data":`...), s.Data)
}

func appendJSONUnix(b []byte, s *Sockaddr) []byte {
	switch {
	case s.Abstract:
		return appendJSONBytes(append(b, `,"abstract":`...), s.Path)
	case len(s.Data) == 0:
		return b
	}
	return appendJSONBytes(append(b, `,"path":`...), s.Path)
}

// member appends ,"name":value.
func member(b []byte, name string, v uint64) []byte {
	b = append(append(b, ',', '"'), name...)
	return appendJSONUint(append(b, '"', ':'), v)
}

func appendJSONInet(b []byte, s *Sockaddr) []byte {
	b = s.IP.AppendTo(append(b, `,"addr":"`...))
	b = member(append(b, '"'), "port", uint64(s.Port))
	if s.FlowInfo != 0 {
		b = member(b, "flowinfo", uint64(s.FlowInfo))
	}
	if s.ScopeID != 0 {
		b = member(b, "scope_id", uint64(s.ScopeID))
	}
	return b
}

func appendJSONPacket(b []byte, s *Sockaddr) []byte {
	b = member(b, "protocol", uint64(s.Protocol))
	b = strconv.AppendInt(append(b, `,"ifindex":`...), int64(s.Ifindex), 10)
	b = member(member(b, "hatype", uint64(s.HWType)), "pkttype", uint64(s.PktType))
	return appendJSONMAC(b, s.HWAddr)
}

func appendJSONMAC(b, mac []byte) []byte {
	if len(mac) == 0 {
		return b
	}
	return append(appendMAC(append(b, `,"hwaddr":"`...), mac), '"')
}

func appendJSONALG(b []byte, s *Sockaddr) []byte {
	b = appendJSONBytes(append(b, `,"type":`...), s.Type)
	b = appendJSONBytes(append(b, `,"name":`...), s.Name)
	return member(member(b, "feat", uint64(s.Feat)), "mask", uint64(s.Mask))
}

func appendJSONBluetooth(b []byte, s *Sockaddr) []byte {
	b = appendJSONMAC(b, s.HWAddr)
	switch len(s.Data) + 2 {
	case sizeHCI:
		return member(member(b, "dev", uint64(s.Device)), "channel", uint64(s.Channel))
	case sizeRFCOMM:
		return member(b, "channel", uint64(s.Channel))
	case sizeL2CAP:
		b = member(member(b, "psm", uint64(s.PSM)), "cid", uint64(s.LinkCID))
		return member(b, "bdaddr_type", uint64(s.AddrType))
	}
	return b
}
