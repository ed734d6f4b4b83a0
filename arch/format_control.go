package arch

import "strconv"

// Levels and types of the control messages that are taken apart (include/linux/socket.h).
const (
	solIP          = 0
	solSocket      = 1
	scmRights      = 1
	scmCredentials = 2
	sizeUcred      = 12
)

// A controlMessage is one message of cmsg(3).
type controlMessage struct {
	size        uint64 // cmsg_len: header and data
	level, kind uint64
	data        []byte
}

// nextControl takes the first message off b; ok is false where its header does not fit. A message whose size is wrong has no
// data and no successor.
func nextControl(b []byte, abi ABI) (m controlMessage, rest []byte, ok bool) {
	word, big := abi.Word(), abi.BigEndian()
	header := word + 8
	if len(b) < header {
		return m, nil, false
	}
	m.size = number(b[:word], big)
	m.level, m.kind = number(b[word:word+4], big), number(b[word+4:header], big)
	if m.size < uint64(header) || m.size > uint64(len(b)) {
		return m, nil, true
	}
	m.data = b[header:m.size]
	return m, b[min(len(b), roundUp(int(m.size), word)):], true
}

// control appends msghdr's control messages.
func (t *text) control(b []byte, v *Value) []byte {
	if len(v.Bytes) < t.abi.Word()+8 {
		return appendAddress(b, v.Raw)
	}
	b = append(b, '[')
	start, left := len(b), v.Bytes
	for {
		m, rest, ok := nextControl(left, t.abi)
		if !ok {
			break
		}
		b = t.message(appendComma(b, start), &m)
		if rest == nil {
			at := v.Raw + uint64(len(v.Bytes)-len(left)+t.abi.Word()+8)
			return append(appendHex(append(b, ", ... /* "...), at), " */]"...)
		}
		left = rest
	}
	return append(b, ']')
}

func (t *text) message(b []byte, m *controlMessage) []byte {
	b = strconv.AppendUint(append(b, "{cmsg_len="...), m.size, 10)
	b = t.level(append(b, ", cmsg_level="...), m.level)
	b = append(b, ", cmsg_type="...)
	switch m.level {
	case solSocket:
		b = t.constant(b, "scm", m.kind)
	case solIP:
		b = t.constant(b, "ip", m.kind)
	default:
		b = appendNumberHex(b, m.kind)
	}
	return append(t.messageData(b, m), '}')
}

// level appends a level by name. The comment on an unknown one has a question mark more than setsockopt's.
func (t *text) level(b []byte, level uint64) []byte {
	s := LookupSet("sol")
	if s == nil || s.NameOf(level, t.abi) == "" {
		return append(appendNumberHex(b, level), " /* SOL_??? */"...)
	}
	return s.AppendEnum(b, level, t.abi)
}

func (t *text) constant(b []byte, set string, v uint64) []byte {
	if s := LookupSet(set); s != nil {
		return s.AppendEnum(b, v, t.abi)
	}
	return appendNumberHex(b, v)
}

func (t *text) messageData(b []byte, m *controlMessage) []byte {
	switch {
	case m.level == solSocket && m.kind == scmRights:
		return t.ints(append(b, ", cmsg_data="...), m.data, true)
	case m.level == solSocket && m.kind == scmCredentials && len(m.data) >= sizeUcred:
		return t.credentials(append(b, ", cmsg_data="...), m.data)
	case m.level == solIP && len(m.data) == 4:
		return t.ints(append(b, ", cmsg_data="...), m.data, false)
	}
	return b
}

func (t *text) ints(b, data []byte, fds bool) []byte {
	b = append(b, '[')
	start := len(b)
	for ; len(data) >= 4; data = data[4:] {
		n := int64(int32(number(data[:4], t.abi.BigEndian())))
		b = strconv.AppendInt(appendComma(b, start), n, 10)
		if fds {
			b = t.withPath(b, n)
		}
	}
	return append(b, ']')
}

func (t *text) credentials(b, data []byte) []byte {
	for i, name := range [...]string{"{pid=", ", uid=", ", gid="} {
		n := int32(number(data[4*i:][:4], t.abi.BigEndian()))
		b = strconv.AppendInt(append(b, name...), int64(n), 10)
	}
	return append(b, '}')
}
