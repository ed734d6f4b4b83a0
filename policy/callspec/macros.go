package callspec

import (
	"github.com/stead-project/stead/arch"
)

// bpfNames are the parts of a classic BPF instruction's code: include/uapi/linux/bpf_common.h and filter.h.
var bpfNames = [...]namedNumber{
	{"BPF_LD", 0}, {"BPF_LDX", 1}, {"BPF_ST", 2}, {"BPF_STX", 3}, {"BPF_ALU", 4}, {"BPF_JMP", 5}, {"BPF_RET", 6}, {"BPF_MISC", 7},
	{"BPF_W", 0}, {"BPF_H", 8}, {"BPF_B", 0x10},
	{"BPF_IMM", 0}, {"BPF_ABS", 0x20}, {"BPF_IND", 0x40}, {"BPF_MEM", 0x60}, {"BPF_LEN", 0x80}, {"BPF_MSH", 0xa0},
	{"BPF_ADD", 0}, {"BPF_SUB", 0x10}, {"BPF_MUL", 0x20}, {"BPF_DIV", 0x30}, {"BPF_OR", 0x40}, {"BPF_AND", 0x50}, {"BPF_LSH", 0x60},
	{"BPF_RSH", 0x70}, {"BPF_NEG", 0x80}, {"BPF_MOD", 0x90}, {"BPF_XOR", 0xa0},
	{"BPF_JA", 0}, {"BPF_JEQ", 0x10}, {"BPF_JGT", 0x20}, {"BPF_JGE", 0x30}, {"BPF_JSET", 0x40},
	{"BPF_K", 0}, {"BPF_X", 8}, {"BPF_A", 0x10}, {"BPF_TAX", 0}, {"BPF_TXA", 0x80},
}

// bpf takes BPF_STMT(code, k) and BPF_JUMP(code, k, jt, jf) apart into the fields of struct sock_filter: code, jt, jf, k.
func (e *encoder) bpf(p *arch.Param, s *arch.Struct, n *node) (*pool, *Error) {
	t := &n.terms[0]
	order := [...]int{0, 3, 1, 2}
	fits := t.word == "BPF_STMT" && len(t.args) == 2 || t.word == "BPF_JUMP" && len(t.args) == 4
	if !fits || len(s.Fields) != len(order) {
		return nil, e.wrongForm(p, n)
	}
	fields := make([]node, len(t.args))
	for i := range t.args {
		fields[i] = t.args[i]
		for j := range fields[i].terms {
			e.bpfTerm(&fields[i].terms[j], i == 0)
		}
		fields[i].name = s.Fields[order[i]].Name
	}
	return newPool(fields), nil
}

// bpfTerm replaces a name of an instruction's code, or of a seccomp filter's action, by its number.
func (e *encoder) bpfTerm(t *term, code bool) {
	v, ok := lookup(bpfNames[:], t.word)
	if !code {
		v, ok = arch.LookupConst(t.word, e.abi)
	}
	if ok && !t.function {
		t.word, t.num = "", v
	}
}

// Levels and types of control messages: include/linux/socket.h.
const (
	solSocket = 1
)

// control lays out control messages, cmsg(3), as traces print them.
func (e *encoder) control(p *arch.Param, n *node) (b []byte, err *Error) {
	if n.more {
		return nil, e.failf(p, n, "only a part of it was recorded: write the control messages as a string")
	}
	for i := range n.list {
		for len(b)%e.abi.Word() != 0 {
			b = append(b, 0)
		}
		if b, err = e.message(p, &n.list[i], b); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// message appends a struct cmsghdr and its data. What no data was printed of is zeros.
func (e *encoder) message(p *arch.Param, n *node, b []byte) ([]byte, *Error) {
	if n.kind != nodeStruct {
		return nil, e.failf(p, n, "%s is no control message: write {cmsg_len=20, cmsg_level=SOL_SOCKET, "+
			"cmsg_type=SCM_RIGHTS, cmsg_data=[3]}", n.what())
	}
	q := newPool(n.list)
	nums, err := e.messageHeader(p, n, q)
	if err != nil {
		return nil, err
	}
	data, err := e.messageData(p, q.take("cmsg_data"))
	if err != nil {
		return nil, err
	}
	if rest := q.rest(); rest != nil {
		return nil, e.failf(p, rest, "a control message has no field %q: it has cmsg_len, cmsg_level, cmsg_type and cmsg_data",
			shorten(rest.name))
	}
	header := e.words(nums[:1])
	for _, v := range nums[1:] {
		var word [4]byte
		e.put(word[:], v)
		header = append(header, word[:]...)
	}
	all := append(header, data...)
	if size := nums[0]; size > uint64(len(all)) && size <= maxSized {
		all = append(all, make([]byte, size-uint64(len(all)))...)
	}
	return append(b, all...), nil
}

// messageHeader is a struct cmsghdr's length, level and type.
func (e *encoder) messageHeader(p *arch.Param, n *node, q *pool) (nums [3]uint64, err *Error) {
	for i, name := range [...]string{"cmsg_len", "cmsg_level", "cmsg_type"} {
		v := q.take(name)
		if v == nil {
			return nums, e.failf(p, n, "the control message has no %s: add it", name)
		}
		if nums[i], err = e.numberOf(e.messageParam(name, nums[1]), v); err != nil {
			return nums, err
		}
	}
	return nums, nil
}

func (e *encoder) messageParam(name string, level uint64) *arch.Param {
	p := &arch.Param{Name: name, Kind: arch.KindEnum, Width: 4}
	switch {
	case name == "cmsg_len":
		p.Kind, p.Width = arch.KindUint, 0
	case name == "cmsg_level":
		p.Set = arch.LookupSet("sol")
	case level == solSocket:
		p.Set = arch.LookupSet("scm")
	default:
		p.Set = arch.LookupSet("ip")
	}
	return p
}

// messageData is descriptors or numbers, or {pid=, uid=, gid=}.
func (e *encoder) messageData(p *arch.Param, n *node) ([]byte, *Error) {
	switch {
	case n == nil:
		return nil, nil
	case n.kind == nodeString:
		return n.bytes, nil
	case n.kind != nodeList && n.kind != nodeStruct:
		return nil, e.wrongForm(p, n)
	}
	return e.elements(&arch.Param{Name: "cmsg_data", Kind: arch.KindInt, Width: 4}, n, nil)
}
