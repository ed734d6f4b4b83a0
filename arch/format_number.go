package arch

import (
	"math/bits"
	"strconv"
	"strings"
)

const atFDCWD = -100

func appendDirFD(b []byte, fd int64) []byte {
	if fd == atFDCWD {
		return append(b, "AT_FDCWD"...)
	}
	return strconv.AppendInt(b, fd, 10)
}

// userID is a user or group id, -1 for the one that means "unchanged" in its width.
func userID(v *Value) int64 {
	switch {
	case v.Param.Width == 2 && v.Raw == 1<<16-1, v.Raw == 1<<32-1:
		return -1
	}
	return int64(v.Raw)
}

// Bits of a file mode: include/uapi/linux/stat.h.
const modeType = 0o170000

// modeTypes is indexed by the type's four bits.
var modeTypes = [16]string{
	0o14: "S_IFSOCK", 0o12: "S_IFLNK", 0o10: "S_IFREG", 0o6: "S_IFBLK", 0o4: "S_IFDIR", 0o2: "S_IFCHR", 0o1: "S_IFIFO",
}

var modeBits = [...]struct {
	name string
	bit  uint64
}{{"S_ISUID|", 0o4000}, {"S_ISGID|", 0o2000}, {"S_ISVTX|", 0o1000}}

// appendFileMode appends a mode in octal, after the names of its file type and special bits if it has a type.
func appendFileMode(b []byte, mode uint64) []byte {
	name := ""
	if mode <= 0o177777 {
		name = modeTypes[mode>>12]
	}
	if name == "" {
		return appendOctalMode(b, mode)
	}
	b = append(append(b, name...), '|')
	mode &^= modeType
	for _, m := range modeBits {
		if mode&m.bit != 0 {
			b = append(b, m.name...)
			mode &^= m.bit
		}
	}
	return appendOctalMode(b, mode)
}

// appendOctalMode appends a leading 0 and at least two digits more.
func appendOctalMode(b []byte, mode uint64) []byte {
	b = append(b, '0')
	if mode < 0o10 {
		b = append(b, '0')
	}
	return strconv.AppendUint(b, mode, 8)
}

// devMajor and devMinor: new_encode_dev and huge_encode_dev in include/linux/kdev_t.h, of which the first is the low half.
func devMajor(dev uint64) uint64 { return dev>>8&0xfff | dev>>32&^0xfff }

func devMinor(dev uint64) uint64 { return dev&0xff | dev>>12&0xffffff00 }

func appendDev(b []byte, dev uint64) []byte {
	b = appendNumberHex(append(b, "makedev("...), devMajor(dev))
	b = appendNumberHex(append(b, ", "...), devMinor(dev))
	return append(b, ')')
}

func appendFlags(b []byte, s *Set, v uint64, abi ABI) []byte {
	if s == nil {
		return appendNumberHex(b, v)
	}
	return s.AppendFlags(b, v, abi)
}

// appendEnum is AppendEnum, but takes an ioctl request without a name apart.
func appendEnum(b []byte, s *Set, v uint64, abi ABI) []byte {
	if s == nil {
		return strconv.AppendInt(b, int64(v), 10)
	}
	if s.Requests && s.NameOf(v, abi) == "" {
		return appendIOC(b, v, abi)
	}
	return s.AppendEnum(b, v, abi)
}

// appendComposed appends a number as the macro that composes it: "QCMD(Q_SYNC, USRQUOTA)".
func appendComposed(b []byte, s *Set, v uint64, abi ABI) []byte {
	b = append(append(b, s.Call...), '(')
	start := len(b)
	for i := range s.Parts {
		b = s.appendPart(appendComma(b, start), &s.Parts[i], v, abi)
	}
	return append(b, ')')
}

// appendPart appends the name of the constant under the part's mask, without a shift that the name ends in.
func (s *Set) appendPart(b []byte, p *Part, v uint64, abi ABI) []byte {
	for i := range s.Consts {
		c := &s.Consts[i]
		if value, mask, ok := c.In(abi); ok && mask == p.Mask && v&mask == value {
			name, _, _ := strings.Cut(c.Name, "<<")
			return append(b, name...)
		}
	}
	n := v & p.Mask >> bits.TrailingZeros64(p.Mask)
	if p.Unknown == "" {
		return strconv.AppendUint(b, n, 10)
	}
	b = append(appendNumberHex(b, n), " /* "...)
	return append(append(b, p.Unknown...), " */"...)
}

// iocDirs is indexed by the direction bits of a request. MIPS, PowerPC, SPARC and Alpha have three of them and fewer for the
// size (include/uapi/asm-generic/ioctl.h and those architectures' asm/ioctl.h).
var (
	iocDirs  = [8]string{"_IOC_NONE", "_IOC_WRITE", "_IOC_READ", "_IOC_READ|_IOC_WRITE"}
	ioc3Dirs = [8]string{0: "0", 1: "_IOC_NONE", 2: "_IOC_READ", 4: "_IOC_WRITE", 6: "_IOC_READ|_IOC_WRITE"}
)

func appendIOC(b []byte, v uint64, abi ABI) []byte {
	size, dirs := uint(14), &iocDirs
	if threeDirBits(abi) {
		size, dirs = 13, &ioc3Dirs
	}
	dir := v & (1<<32 - 1) >> (16 + size)
	b = append(b, "_IOC("...)
	if name := dirs[dir&7]; name != "" {
		b = append(b, name...)
	} else {
		b = appendHex(b, dir)
	}
	b = appendNumberHex(append(b, ", "...), v>>8&0xff)
	b = appendNumberHex(append(b, ", "...), v&0xff)
	b = appendNumberHex(append(b, ", "...), v>>16&(1<<size-1))
	return append(b, ')')
}

func threeDirBits(abi ABI) bool {
	switch abi {
	case PPC, PPC64, PPC64LE, MIPS, MIPSEL, MIPS64, MIPSEL64, MIPS64N32, MIPSEL64N32, SPARC, SPARC64, Alpha:
		return true
	}
	return false
}

// appendFDSet appends the members of an fd_set.
func appendFDSet(b, set []byte, abi ABI) []byte {
	b = append(b, '[')
	start := len(b)
	for fd := range 8 * len(set) {
		if !bitIn(set, fd, abi) {
			continue
		}
		if len(b) > start {
			b = append(b, ' ')
		}
		b = strconv.AppendInt(b, int64(fd), 10)
	}
	return append(b, ']')
}

// bitIn reports whether bit i is in an array of longs.
func bitIn(set []byte, i int, abi ABI) bool {
	at := i / 8
	if abi.BigEndian() {
		word := abi.Word()
		at = at/word*word + word - 1 - at%word
	}
	return at < len(set) && set[at]>>(i%8)&1 != 0
}
