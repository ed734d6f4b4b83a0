package callspec

import (
	"encoding/binary"
	"errors"
	"strconv"
	"strings"

	"github.com/stead-project/stead/arch"
)

// An encoder lays a call's arguments out as a program of the ABI would have them: it is the inverse of arch.Decoder and follows
// the same tables.
type encoder struct {
	abi   arch.ABI
	order binary.ByteOrder
	json  bool // the nodes are a record's
	nodes []node

	args  *frame // of the call
	used  int    // how many of the nodes are some parameter's
	image []byte
	base  uint64 // where the image lies in the target's memory
	short int    // length of the shortest buffer that was printed in part
	long  int    // length of the longest string or buffer
	items int    // most elements of a list
	split bool   // a buffer was printed in part

	single bool // the call has no variants
	full   bool // the image has reached its bound
}

// The image lies where no written number points, so that an address stays what it is: nothing that can be read.
const (
	firstBase = 0x40000000
	baseStep  = 0x02000000 // more than any image: a text has at most MaxRecord bytes, and a list's element at most a few
	bases     = 32         // within 31 bits: s390 has no more
)

func newEncoder(abi arch.ABI, nodes []node, json bool) *encoder {
	return &encoder{abi: abi, order: abi.ByteOrder(), json: json, nodes: nodes, base: freeBase(nodes)}
}

func freeBase(nodes []node) uint64 {
	var taken uint32
	numbers(nodes, func(v uint64) {
		if i := (v&(1<<32-1) - firstBase) / baseStep; i < bases {
			taken |= 1 << i
		}
	})
	for i := range uint64(bases) {
		if taken>>i&1 == 0 {
			return firstBase + i*baseStep
		}
	}
	return firstBase
}

var errFault = errors.New("read target memory: bad address")

// ReadMem implements arch.Memory over the image.
func (e *encoder) ReadMem(p []byte, addr uint64) (int, error) {
	off := addr - e.base
	if off >= uint64(len(e.image)) {
		return 0, errFault
	}
	n := copy(p, e.image[off:])
	if n < len(p) {
		return n, errFault
	}
	return n, nil
}

// maxImage is more than a program passes to any call: execve takes at most a quarter of the stack's limit.
const maxImage = 16 << 20

// alloc puts bytes into the image and returns their address. Beyond the bound it only notes that there was more.
func (e *encoder) alloc(b []byte) uint64 {
	if len(e.image)+len(b) > maxImage {
		e.full = true
		return 0
	}
	for len(e.image)%16 != 0 {
		e.image = append(e.image, 0)
	}
	addr := e.base + uint64(len(e.image))
	e.image = append(e.image, b...)
	if len(b) == 0 {
		e.image = append(e.image, 0) // an address of its own
	}
	return addr
}

// put writes a number into all of b.
func (e *encoder) put(b []byte, v uint64) {
	for i := range b {
		at := i
		if e.abi.BigEndian() {
			at = len(b) - 1 - i
		}
		b[at] = byte(v >> (8 * i))
	}
}

// build makes the call. nr is the number in a record, nil to find it by name.
func (e *encoder) build(name string, nr *int32) (*arch.Call, error) {
	data := arch.Data{ABI: e.abi}
	id, known := arch.LookupID(name)
	if number, ok := unknownCall(name); ok {
		data.Nr, id, known = number, 0, true
	}
	if !known {
		return nil, unknownName(name)
	}
	if !e.abi.Valid() {
		return nil, failf(0, "no ABI: name one, like x86_64")
	}
	sig := e.abi.Signature(id)
	var err *Error
	if sig == nil {
		data.Args, err = e.plainRegisters(name)
	} else {
		e.single = e.plain(id, nr)
		data.Args, err = e.registers(sig)
	}
	if err != nil {
		return nil, err
	}
	if e.full {
		return nil, e.place(failf(0, "its arguments take more than %d bytes of memory: write fewer", maxImage))
	}
	if id != 0 && !e.number(&data, id, nr) {
		return nil, failf(0, "%s has no call %s: name another ABI%s", e.abi, name, otherABI(e.abi, name))
	}
	return e.decode(data)
}

// unknownCall takes the name apart that a call without a name has in traces.
func unknownCall(name string) (int32, bool) {
	hex, ok := strings.CutPrefix(name, "syscall_0x")
	if !ok {
		return 0, false
	}
	v, err := strconv.ParseUint(hex, 16, 32)
	return int32(uint32(v)), err == nil
}

func otherABI(abi arch.ABI, name string) string {
	var has []string
	for _, a := range arch.ABIs() {
		if _, ok := a.Number(name); ok && a != abi && len(has) < 3 {
			has = append(has, a.String())
		}
	}
	if has == nil {
		return ""
	}
	return ", like " + strings.Join(has, " or ") + ", or another call"
}

// number fills in the call's number, through a multiplexer where the ABI has the call only there or the record says so.
func (e *encoder) number(data *arch.Data, id arch.ID, nr *int32) bool {
	own, direct := e.abi.NumberOf(id)
	if direct && (nr == nil || *nr == own) {
		data.Nr = own
		if n := e.abi.ArgumentBlock(id, data.Args[0]); n > 0 {
			data.Args = [6]uint64{e.alloc(e.words(data.Args[:n]))}
		}
		return true
	}
	m, ok := e.abi.Multiplex(id, data.Args)
	if !ok || nr != nil && *nr != m.Nr {
		data.Nr = own
		return direct && nr == nil
	}
	data.Nr, data.Args = m.Nr, m.Args
	if len(m.Words) > 0 {
		data.Args[m.Slot] = e.alloc(e.words(m.Words))
	}
	return true
}

// plain reports whether the call is recorded in a form that has no variants: see arch.Multiplexed.OldControl.
func (e *encoder) plain(id arch.ID, nr *int32) bool {
	own, direct := e.abi.NumberOf(id)
	if direct && (nr == nil || *nr == own) {
		return false
	}
	sig := e.abi.Signature(id)
	e.assign(sig)
	regs, _ := e.abi.Registers(sig.Params, e.args.raws())
	m, ok := e.abi.Multiplex(id, regs)
	return ok && m.OldControl(id)
}

// words is an array of longs.
func (e *encoder) words(list []uint64) []byte {
	w := e.abi.Word()
	b := make([]byte, w*len(list))
	for i, v := range list {
		e.put(b[i*w:][:w], v)
	}
	return b
}

// plainRegisters takes numbers for a call whose parameters are not described.
func (e *encoder) plainRegisters(name string) (regs [6]uint64, err *Error) {
	if len(e.nodes) > len(regs) {
		return regs, failf(e.nodes[len(regs)].at, "a call has at most %d arguments", len(regs))
	}
	for i := range e.nodes {
		p := arch.Param{Name: "arg" + strconv.Itoa(i+1), Kind: arch.KindAddr, Width: 8}
		if regs[i], err = e.numberOf(&p, &e.nodes[i]); err != nil {
			err.Msg += ": the parameters of " + name + " are not known here, so its arguments are plain numbers"
			return regs, e.about(err, &field{p: &p, n: &e.nodes[i]})
		}
	}
	return regs, nil
}

// about says which argument an error is about.
func (e *encoder) about(err *Error, v *field) *Error {
	for i := range e.nodes {
		if &e.nodes[i] == v.n {
			err.Arg, err.Name = i+1, v.p.Name
		}
	}
	return e.place(err)
}

// place takes the column away from an error about a record.
func (e *encoder) place(err *Error) *Error {
	if e.json {
		err.Column = 0
	}
	return err
}

// decode reads the registers and the image as those of a target, with bounds that fit what was written.
func (e *encoder) decode(data arch.Data) (*arch.Call, error) {
	d := arch.Decoder{MaxBytes: 2*len(e.image) + arch.DefaultMaxBytes, MaxString: max(arch.DefaultMaxString, e.long+1),
		MaxData: max(arch.DefaultMaxData, e.long), MaxItems: max(arch.DefaultMaxItems, e.items), MaxDepth: 2 * MaxDepth}
	if e.split {
		d.MaxData = max(1, e.short)
	}
	var c arch.Call
	d.Decode(&c, data, e)
	for i := range c.Args {
		if err := e.check(&c.Args[i], i); err != nil {
			return nil, err
		}
	}
	return c.Clone(), nil
}

// check makes sure that an argument's contents, where they were written, are what a policy will see.
func (e *encoder) check(v *arch.Value, i int) *Error {
	if e.args == nil || i >= len(e.args.vals) || e.args.vals[i].n == nil || v.Param == nil {
		return nil
	}
	n := e.args.vals[i].n
	_, address := n.literal()
	if (n.elided || address && v.Param.Brief) && v.State == arch.Unreadable {
		v.State = arch.Unread // what a trace leaves out could be read by the kernel
	}
	if address || n.kind == nodeString && n.more || hasAddress(n) || v.Complete() {
		return nil
	}
	err := e.failf(v.Param, n, "it cannot be read back as it was written: a length beside it does not fit, or it is too large")
	return e.about(err, &e.args.vals[i])
}

// hasAddress says whether a part of the node is a number, which may be an address that cannot be read.
func hasAddress(n *node) (has bool) {
	if _, ok := jsonAddress(n); ok {
		return true
	}
	for i := range n.list {
		_, number := n.list[i].literal()
		has = has || number || n.list[i].more || hasAddress(&n.list[i])
	}
	return has
}
