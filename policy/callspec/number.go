package callspec

import (
	"math/bits"
	"strconv"
	"strings"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/internal/nearest"
)

// numberOf is the number that was written for a parameter.
func (e *encoder) numberOf(p *arch.Param, n *node) (v uint64, err *Error) {
	switch {
	case n.kind == nodeExpr:
		v, err = e.expression(p, n)
	case n.kind == nodeNull && !e.json:
		return 0, nil
	case n.kind == nodeBroken:
		return 0, e.failf(p, n, "%s", n.bytes)
	case n.kind == nodeUnknown:
		return 0, e.failf(p, n, "the trace did not know it: write %s, like %s", forms[p.Kind].form, e.example(p))
	case n.kind == nodeString && e.json:
		v, err = e.jsonString(p, n)
	case n.kind == nodeList && e.json && p.Kind == arch.KindFlags:
		v, err = e.jsonFlags(p, n)
	default:
		return 0, e.wrongForm(p, n)
	}
	if err != nil {
		return 0, err
	}
	return v, e.fits(p, n, v)
}

// fits checks a number against its width: the kernel would see another one.
func (e *encoder) fits(p *arch.Param, n *node, v uint64) *Error {
	size := 8 * e.widthOf(p)
	if p.Style == arch.StyleBits {
		size = int(p.Count & 0xff)
	}
	if size >= 64 || p.Style == arch.StylePages || v>>size == 0 || int64(v) < 0 && int64(v) >= -1<<(size-1) {
		return nil
	}
	return e.failf(p, n, "%s does not fit in its %d bits", n.what(), size)
}

func (e *encoder) expression(p *arch.Param, n *node) (v uint64, err *Error) {
	for i := range n.terms {
		t := &n.terms[i]
		x := t.num
		switch {
		case t.times != 0:
			x *= t.times
		case t.function:
			x, err = e.function(p, n, t)
		case t.word != "":
			x, err = e.constant(p, n, t.word)
		}
		if err != nil {
			return 0, err
		}
		v |= x
	}
	return v, nil
}

// function evaluates the functions that traces print numbers in.
func (e *encoder) function(p *arch.Param, n *node, t *term) (uint64, *Error) {
	switch {
	case t.word == "makedev" && len(t.args) == 2:
		return e.device(p, t)
	case t.word == "_IOC" && len(t.args) == 4:
		return e.ioctl(p, t)
	case p.Set != nil && p.Set.Call == t.word && len(t.args) == len(p.Set.Parts):
		return e.composed(p, t)
	case len(t.args) == 1 && (t.word == "htons" || t.word == "htonl" || t.word == "htobs"):
		return e.numberOf(p, &t.args[0])
	}
	return 0, e.failf(p, n, "%s(…) with %s means nothing here: write %s, like %s", shorten(t.word),
		counted(len(t.args), "argument"), forms[p.Kind].form, e.example(p))
}

// composed is a number as the macro that composes it: arch.Set.Call.
func (e *encoder) composed(p *arch.Param, t *term) (v uint64, err *Error) {
	for i := range t.args {
		n, part := &t.args[i], &p.Set.Parts[i]
		x, ok := e.partName(p.Set, part, n)
		if !ok {
			one := arch.Param{Name: p.Name, Kind: arch.KindUint, Width: 4}
			if x, err = e.numberOf(&one, n); err != nil {
				return 0, err
			}
			x = x << bits.TrailingZeros64(part.Mask)
		}
		v |= x & part.Mask
	}
	return v, nil
}

// partName finds a name under the part's mask; in the set it may have a shift after it.
func (e *encoder) partName(s *arch.Set, part *arch.Part, n *node) (uint64, bool) {
	if n.kind != nodeExpr || len(n.terms) != 1 || n.terms[0].word == "" {
		return 0, false
	}
	for i := range s.Consts {
		name, _, _ := strings.Cut(s.Consts[i].Name, "<<")
		if v, mask, ok := s.Consts[i].In(e.abi); ok && mask == part.Mask && name == n.terms[0].word {
			return v, true
		}
	}
	return 0, false
}

// makedev: new_encode_dev and huge_encode_dev in include/linux/kdev_t.h.
func makedev(major, minor uint64) uint64 {
	return major&0xfff<<8 | major&^0xfff<<32 | minor&0xff | minor&^0xff<<12
}

func (e *encoder) device(p *arch.Param, t *term) (uint64, *Error) {
	part := arch.Param{Name: p.Name, Kind: arch.KindUint, Width: 4}
	major, err := e.numberOf(&part, &t.args[0])
	if err != nil {
		return 0, err
	}
	minor, err := e.numberOf(&part, &t.args[1])
	return makedev(major, minor), err
}

// ioctl is the request that a trace takes apart: include/uapi/asm-generic/ioctl.h.
func (e *encoder) ioctl(p *arch.Param, t *term) (uint64, *Error) {
	_, shift, _ := e.abi.IoctlDir("")
	var v uint64
	for i, at := range [...]uint{shift, 8, 0, 16} {
		part := arch.Param{Name: p.Name, Kind: arch.KindUint, Width: 8}
		x, err := e.numberOf(&part, &t.args[i])
		if err != nil {
			return 0, err
		}
		v |= x << at
	}
	return v, nil
}

// constant is what a name stands for.
func (e *encoder) constant(p *arch.Param, n *node, name string) (uint64, *Error) {
	if p.Set != nil {
		if v, ok := p.Set.Value(name, e.abi); ok {
			return v, nil
		}
		if name == p.Set.Zero {
			return 0, nil
		}
		if v, ok := e.digits(p.Set, name); ok {
			return v, nil
		}
		return 0, e.unknownConstant(p, n, name)
	}
	if v, ok := limits(p, name); ok {
		return v, nil
	}
	if v, ok := e.wellKnown(p.Kind, name); ok {
		return v, nil
	}
	return 0, e.failf(p, n, "%q is not what it takes: write %s, like %s", shorten(name), forms[p.Kind].form, e.example(p))
}

// digits takes bits that print as a number and a name apart: 21<<MAP_HUGE_SHIFT.
func (e *encoder) digits(s *arch.Set, word string) (uint64, bool) {
	for i := range s.Consts {
		c := &s.Consts[i]
		number, ok := strings.CutSuffix(word, c.Name)
		if c.Digits == arch.NoDigits || !ok {
			continue
		}
		v, err := strconv.ParseUint(number, 0, 64)
		_, mask, has := c.In(e.abi)
		shift := bits.TrailingZeros64(mask)
		if err == nil && has && v<<shift&^mask == 0 && v<<shift>>shift == v {
			return v << shift, true
		}
	}
	return 0, false
}

// wellKnown names have no set of their own.
func (e *encoder) wellKnown(k arch.Kind, name string) (uint64, bool) {
	switch k {
	case arch.KindDirFD, arch.KindFD:
		return uint64(1<<64 - 100), name == "AT_FDCWD"
	case arch.KindSignal:
		return signalNumber(name, e.abi)
	case arch.KindMode:
		return lookup(modeNames[:], name)
	case arch.KindInt, arch.KindUint, arch.KindHex:
		if bits, _, ok := e.abi.IoctlDir(name); ok {
			return bits, true
		}
		return arch.LookupConst(name, e.abi)
	}
	return 0, false
}

// limits are the names of a resource limit's largest value: getrlimit(2).
func limits(p *arch.Param, name string) (uint64, bool) {
	switch {
	case p.Style != arch.StyleLimit:
		return 0, false
	case p.Width == 0 && name == "RLIM_INFINITY", name == "RLIM64_INFINITY":
		return 1<<64 - 1, true
	}
	return 1<<32 - 1, name == "RLIM_INFINITY"
}

func (e *encoder) unknownConstant(p *arch.Param, n *node, name string) *Error {
	what := "one of its constants"
	if p.Kind == arch.KindFlags {
		what = "one of its flags"
	}
	names := firstNames(p.Set, e.abi, len(p.Set.Consts))
	return e.failf(p, n, "%q is not %s on %s%s", shorten(name), what, e.abi, nearest.DidYouMean(name, names))
}

type namedNumber struct {
	name string
	n    uint64
}

func lookup(list []namedNumber, name string) (uint64, bool) {
	for i := range list {
		if list[i].name == name {
			return list[i].n, true
		}
	}
	return 0, false
}

// modeNames: include/uapi/linux/stat.h.
var modeNames = [...]namedNumber{
	{"S_IFSOCK", 0o140000}, {"S_IFLNK", 0o120000}, {"S_IFREG", 0o100000}, {"S_IFBLK", 0o060000}, {"S_IFDIR", 0o040000},
	{"S_IFCHR", 0o020000}, {"S_IFIFO", 0o010000}, {"S_ISUID", 0o4000}, {"S_ISGID", 0o2000}, {"S_ISVTX", 0o1000},
	{"S_IRWXU", 0o700}, {"S_IRUSR", 0o400}, {"S_IWUSR", 0o200}, {"S_IXUSR", 0o100},
	{"S_IRWXG", 0o070}, {"S_IRGRP", 0o040}, {"S_IWGRP", 0o020}, {"S_IXGRP", 0o010},
	{"S_IRWXO", 0o007}, {"S_IROTH", 0o004}, {"S_IWOTH", 0o002}, {"S_IXOTH", 0o001},
}

// Real-time signals as traces number them: from the kernel's SIGRTMIN.
const (
	firstRealtime = 32
	maxSignal     = 128 // MIPS has that many
)

// signalNumber takes names with and without SIG.
func signalNumber(name string, abi arch.ABI) (uint64, bool) {
	name = strings.TrimPrefix(name, "SIG")
	if name == "RTMIN" {
		return firstRealtime, true
	}
	if text, ok := strings.CutPrefix(name, "RT_"); ok {
		n, err := strconv.ParseUint(text, 10, 8)
		return n + firstRealtime, err == nil && n+firstRealtime <= maxSignal
	}
	return arch.LookupConst("SIG"+name, abi)
}

// jsonString is the number that a record writes in a string: docs/json.md.
func (e *encoder) jsonString(p *arch.Param, n *node) (uint64, *Error) {
	s := string(n.bytes)
	switch p.Kind {
	case arch.KindMode:
		if v, err := strconv.ParseUint(s, 8, 64); err == nil {
			return v, nil
		}
	case arch.KindDev:
		if v, ok := jsonDevice(s); ok {
			return v, nil
		}
	case arch.KindAddr:
		if v, ok := jsonAddress(n); ok {
			return v, nil
		}
	}
	if v, err := strconv.ParseUint(s, 10, 64); err == nil {
		return v, nil
	}
	if v, err := strconv.ParseInt(s, 10, 64); err == nil {
		return uint64(v), nil
	}
	return e.constant(p, n, s)
}

func jsonDevice(s string) (uint64, bool) {
	major, minor, ok := strings.Cut(s, ":")
	a, err1 := strconv.ParseUint(major, 10, 32)
	b, err2 := strconv.ParseUint(minor, 10, 32)
	return makedev(a, b), ok && err1 == nil && err2 == nil
}

// jsonAddress is the number of "0x…".
func jsonAddress(n *node) (uint64, bool) {
	const most = len("0x") + 16
	if n.kind != nodeString || len(n.bytes) < 3 || len(n.bytes) > most || n.bytes[0] != '0' || n.bytes[1] != 'x' {
		return 0, false
	}
	v, err := strconv.ParseUint(string(n.bytes[2:]), 16, 64)
	return v, err == nil
}

func (e *encoder) jsonFlags(p *arch.Param, n *node) (v uint64, err *Error) {
	for i := range n.list {
		x, err := e.numberOf(p, &n.list[i])
		if err != nil {
			return 0, err
		}
		v |= x
	}
	return v, nil
}
