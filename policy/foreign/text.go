package foreign

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/stead-project/stead/arch"
)

// Why a comparison has no words.
var (
	errNoSignature = errors.New("the call's parameters are not described")
	errNoParameter = errors.New("the call has no such parameter")
	errHalf        = errors.New("the register is half of a 64-bit parameter")
	errPointer     = errors.New("the parameter is a pointer, of which only null can be told")
	errTooLarge    = errors.New("the number does not fit the parameter")
)

// Text is the condition in CEL, for a call on an ABI. Registers are named after the parameters that they hold; of a parameter that
// is narrower than its register only its own bits count, since the kernel looks at no others. The error says which comparison has
// no words.
func (d DNF) Text(abi arch.ABI, id arch.ID) (string, error) {
	var terms []string
	for _, list := range d {
		text, err := conjunction(list, abi, id)
		switch {
		case err != nil:
			return "", err
		case text == "":
			return "", nil // one term that always holds
		case text != never:
			terms = append(terms, text)
		}
	}
	if len(terms) == 0 {
		return never, nil
	}
	return join(terms, " || "), nil
}

func conjunction(list []Cmp, abi arch.ABI, id arch.ID) (string, error) {
	var parts []string
	for _, c := range list {
		text, err := c.text(abi, id)
		switch {
		case err != nil:
			return "", fmt.Errorf("argument %d: %w", c.Arg, err)
		case text == never:
			return never, nil
		case text != "":
			parts = append(parts, text)
		}
	}
	return join(parts, " && "), nil
}

func (c Cmp) text(abi arch.ABI, id arch.ID) (string, error) {
	p, err := paramAt(abi, id, c.Arg)
	if err != nil {
		return "", err
	}
	if pointer(p.Kind) {
		return c.address(p)
	}
	n := number{p: p, abi: abi, bits: width(p, abi)}
	switch c.Op {
	case Masked:
		return n.masked(c.Mask, c.Value&c.Mask)
	case AnyBit:
		return n.anyBit(c.Mask)
	}
	v, ok := n.fit(c.Value)
	if !ok {
		return "", fmt.Errorf("%s: %w: %#x", p.Name, errTooLarge, c.Value)
	}
	return n.compare(c.Op, v), nil
}

// address says whether a pointer is null, all that can be said of one.
func (c Cmp) address(p *arch.Param) (string, error) {
	switch {
	case c.Value == 0 && c.Op == EQ:
		return p.Name + " == null", nil
	case c.Value == 0 && (c.Op == NE || c.Op == GT):
		return p.Name + " != null", nil
	}
	return "", fmt.Errorf("%s: %w", p.Name, errPointer)
}

// paramAt finds the parameter that a register holds. See syscall(2), "Architecture calling conventions": 32-bit ABIs pass 64-bit
// numbers in two registers, some of them only from an even one on.
func paramAt(abi arch.ABI, id arch.ID, arg int) (*arch.Param, error) {
	sig := abi.Signature(id)
	if sig == nil {
		return nil, errNoSignature
	}
	slot := 0
	for i := range sig.Params {
		p := &sig.Params[i]
		size := 1
		if p.Width == 8 && pairs(abi) && !pointer(p.Kind) {
			size = 2
			slot += slot & 1 * boolInt(evenPairs(abi))
		}
		switch {
		case arg < slot || arg >= slot+size:
			slot += size
		case size == 2:
			return nil, errHalf
		case p.Name == "_":
			return nil, errNoParameter
		default:
			return p, nil
		}
	}
	return nil, errNoParameter
}

// pairs: registers have 32 bits. Those of x32 and MIPS n32 have 64.
func pairs(abi arch.ABI) bool {
	return abi.Word() == 4 && abi != arch.X32 && abi != arch.MIPS64N32 && abi != arch.MIPSEL64N32
}

func evenPairs(abi arch.ABI) bool {
	return abi == arch.ARM || abi == arch.PPC || abi == arch.MIPS || abi == arch.MIPSEL
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func pointer(k arch.Kind) bool { return k >= arch.KindString && k <= arch.KindFDSet }

// width is a parameter's width in bits, at most its register's.
func width(p *arch.Param, abi arch.ABI) int {
	if p.Width != 0 {
		return 8 * int(p.Width)
	}
	if pairs(abi) {
		return 32
	}
	return 64
}

// A number is how a parameter's values are written.
type number struct {
	p    *arch.Param
	abi  arch.ABI
	bits int
}

func (n number) max() uint64 { return 1<<n.bits - 1 }

// signed as the arguments of the language are: what counts, names or identifies in both directions.
func (n number) signed() bool {
	switch n.p.Kind {
	case arch.KindInt, arch.KindFD, arch.KindDirFD, arch.KindPID, arch.KindSignal:
		return true
	}
	return false
}

func (n number) negative(v uint64) bool { return n.signed() && v>>(n.bits-1)&1 != 0 }

// fit cuts a register's value to the parameter's width, if that loses nothing but the extension of the sign.
func (n number) fit(v uint64) (uint64, bool) {
	if v <= n.max() {
		return v, true
	}
	extended := uint64(int64(v<<(64-n.bits)) >> (64 - n.bits))
	return v & n.max(), extended == v
}

// compare says an unsigned comparison, "" if it always holds. Of a signed parameter the negative values are the largest ones.
func (n number) compare(op Op, v uint64) string {
	switch op {
	case EQ:
		return n.p.Name + " == " + n.literal(v, true)
	case NE:
		return n.p.Name + " != " + n.literal(v, true)
	}
	lo, hi, ok := n.interval(op, v)
	if !ok {
		return never
	}
	if !n.signed() {
		return n.between(lo, hi, 0, n.max())
	}
	half := n.max() >> 1
	if lo == 0 && hi == n.max() {
		return ""
	}
	var parts []string
	if lo <= half {
		parts = append(parts, n.half(lo, min(hi, half), 0, half))
	}
	if hi > half {
		parts = append(parts, n.half(max(lo, half+1), hi, half+1, n.max()))
	}
	return join(parts, " || ")
}

// interval is the values of an ordered comparison; ok is false if there are none.
func (n number) interval(op Op, v uint64) (lo, hi uint64, ok bool) {
	switch op {
	case LT:
		return 0, v - 1, v > 0
	case LE:
		return 0, v, true
	case GT:
		return v + 1, n.max(), v < n.max()
	}
	return v, n.max(), true
}

// half is a part of the negative values, or of the others.
func (n number) half(lo, hi, first, last uint64) string {
	sign := n.p.Name + " >= 0"
	if first > 0 {
		sign = n.p.Name + " < 0"
	}
	text := n.between(lo, hi, first, last)
	if text == "" || (first > 0) == (hi == last) {
		text = strings.TrimPrefix(sign+" && "+text, " && ")
	}
	return strings.TrimSuffix(text, " && ")
}

// between is what has to hold besides being between first and last.
func (n number) between(lo, hi, first, last uint64) string {
	var parts []string
	if lo == hi {
		return n.p.Name + " == " + n.literal(lo, true)
	}
	if lo > first {
		parts = append(parts, n.p.Name+" >= "+n.literal(lo, false))
	}
	if hi < last {
		parts = append(parts, n.p.Name+" <= "+n.literal(hi, false))
	}
	return strings.Join(parts, " && ")
}

// literal is the header's name of a value, or the number.
func (n number) literal(v uint64, named bool) string {
	if named && n.p.Set != nil && n.p.Kind == arch.KindEnum {
		if name := n.p.Set.NameOf(v, n.abi); name != "" && distinct(name, v, n.abi) {
			return name
		}
	}
	if n.negative(v) {
		return strconv.FormatInt(int64(v<<(64-n.bits))>>(64-n.bits), 10)
	}
	if n.signed() || n.p.Kind == arch.KindUint || v < 10 {
		return strconv.FormatUint(v, 10) + suffix(v)
	}
	return hex(v)
}

func hex(v uint64) string { return "0x" + strconv.FormatUint(v, 16) + suffix(v) }

// suffix marks what is too large for CEL's signed numbers.
func suffix(v uint64) string {
	if v > math.MaxInt64 {
		return "u"
	}
	return ""
}

// distinct says whether a name stands for the value in whatever set it is looked up.
func distinct(name string, v uint64, abi arch.ABI) bool {
	got, ok := arch.LookupConst(name, abi)
	return ok && got == v
}

// masked says that the bits of mask are those of v: all of v's are set, and none of the others.
func (n number) masked(mask, v uint64) (string, error) {
	if v > n.max() {
		return "", fmt.Errorf("%s: %w: %#x", n.p.Name, errTooLarge, v)
	}
	mask &= n.max()
	if mask == 0 {
		return "", nil
	}
	if mask == n.max() {
		return n.compare(EQ, v), nil
	}
	var parts []string
	if v != 0 {
		parts = append(parts, n.test("has", v))
	}
	if rest := mask &^ v; rest != 0 {
		parts = append(parts, n.none(rest))
	}
	return strings.Join(parts, " && "), nil
}

// none: in the language, any looks at each named flag, but at a number as one flag; only takes the bits as they are.
func (n number) none(mask uint64) string {
	if n.names(mask) != "" {
		return "!" + n.test("any", mask)
	}
	return n.test("only", n.max()&^mask)
}

func (n number) anyBit(mask uint64) (string, error) {
	mask &= n.max()
	switch {
	case mask == 0:
		return never, nil
	case mask == n.max():
		return n.compare(NE, 0), nil
	case n.names(mask) != "":
		return n.test("any", mask), nil
	}
	return "!" + n.test("only", n.max()&^mask), nil
}

func (n number) test(name string, bits uint64) string {
	if names := n.names(bits); names != "" {
		return fmt.Sprintf("%s.%s(%q)", n.p.Name, name, names)
	}
	return fmt.Sprintf("%s.%s(%s)", n.p.Name, name, hex(bits))
}

// names are those of a flag set's single bits, "" unless each bit has one of its own.
func (n number) names(v uint64) string {
	if n.p.Kind != arch.KindFlags || n.p.Set == nil {
		return ""
	}
	var names []string
	for rest := v; rest != 0; rest &= rest - 1 {
		name := n.bitName(rest & -rest)
		if name == "" {
			return ""
		}
		names = append(names, name)
	}
	return strings.Join(names, "|")
}

func (n number) bitName(bit uint64) string {
	for i := range n.p.Set.Consts {
		c := &n.p.Set.Consts[i]
		if v, mask, ok := c.In(n.abi); ok && v == bit && mask == bit {
			return c.Name
		}
	}
	return ""
}
