package main

// A kindInfo says how package arch knows a type of the data files.
type kindInfo struct {
	kind  string
	width int  // bytes; 0 is a word
	num   bool // a number: "/width" may change the width
	set   bool // needs ":SET"
	len   lenRule
	style string // arch.Style
	count int    // bytes in place, of a type that has no "[LEN]"
}

type lenRule int

const (
	lenNone   lenRule = iota // no "[LEN]"
	lenMust                  // "[LEN]" is needed
	lenMay                   // "[LEN]" may be there
	lenNumber                // "[N]" is needed, a number, and the type is a field
	lenMost                  // "[N]" may be there, a number: the most that is read
	lenBits                  // "[N]" is needed: 256 times the first bit plus the number of bits
)

var kinds = map[string]kindInfo{
	"int":   {kind: "KindInt", width: 4, num: true},
	"uint":  {kind: "KindUint", width: 4, num: true},
	"long":  {kind: "KindInt", num: true},
	"ulong": {kind: "KindUint", num: true},
	"s8":    {kind: "KindInt", width: 1, num: true},
	"s16":   {kind: "KindInt", width: 2, num: true},
	"s32":   {kind: "KindInt", width: 4, num: true},
	"s64":   {kind: "KindInt", width: 8, num: true},
	"u8":    {kind: "KindUint", width: 1, num: true},
	"u16":   {kind: "KindUint", width: 2, num: true},
	"u32":   {kind: "KindUint", width: 4, num: true},
	"u64":   {kind: "KindUint", width: 8, num: true},
	"size":  {kind: "KindUint", num: true},
	"ssize": {kind: "KindInt", num: true},
	"off":   {kind: "KindInt", width: 8, num: true},
	"hex":   {kind: "KindHex", num: true},
	"hex8":  {kind: "KindHex", width: 1, num: true},
	"hex16": {kind: "KindHex", width: 2, num: true},
	"hex32": {kind: "KindHex", width: 4, num: true},
	"hex64": {kind: "KindHex", width: 8, num: true},
	"addr":  {kind: "KindAddr"},
	"be16":  {kind: "KindUint", width: 2, style: "StyleNetwork"},
	"be32":  {kind: "KindUint", width: 4, style: "StyleNetwork"},
	"limit": {kind: "KindUint", num: true, style: "StyleLimit"},
	"wide":  {kind: "KindHex", width: 4, style: "StyleWide"},
	"pages": {kind: "KindHex", style: "StylePages"},
	"hilo":  {kind: "KindInt", width: 8, style: "StyleHighFirst"},
	"bits":  {kind: "KindUint", width: 4, len: lenBits, style: "StyleBits"},

	"fd":       {kind: "KindFD", width: 4, num: true},
	"dirfd":    {kind: "KindDirFD", width: 4, num: true},
	"mode":     {kind: "KindMode", width: 4, num: true},
	"filemode": {kind: "KindMode", width: 4, num: true, style: "StyleFileType"},
	"mode16":   {kind: "KindMode", width: 2, num: true},
	"dev":      {kind: "KindDev", width: 4, num: true},
	"dev64":    {kind: "KindDev", width: 8, num: true},
	"pid":      {kind: "KindPID", width: 4, num: true},
	"uid":      {kind: "KindUID", width: 4, num: true},
	"uid16":    {kind: "KindUID", width: 2, num: true},
	"signal":   {kind: "KindSignal", width: 4, num: true},
	"flags":    {kind: "KindFlags", width: 4, num: true, set: true},
	"enum":     {kind: "KindEnum", width: 4, num: true, set: true},

	"string":   {kind: "KindString", len: lenMost},
	"path":     {kind: "KindPath"},
	"strings":  {kind: "KindStrings"},
	"bytes":    {kind: "KindBytes", len: lenMust},
	"chars":    {kind: "KindChars", len: lenNumber},
	"sockaddr": {kind: "KindSockaddr", len: lenMust},
	"sigset":   {kind: "KindSigset", len: lenMay},
	"fdset":    {kind: "KindFDSet", len: lenMust},
	"nodeset":  {kind: "KindFDSet", len: lenMust, style: "StyleWords"},
	"cpuset":   {kind: "KindFDSet", len: lenMust, style: "StyleByteLen"},
	"hexbytes": {kind: "KindBytes", len: lenMust, style: "StyleHexBytes"},
	"control":  {kind: "KindBytes", len: lenMust, style: "StyleControl"},
	"mac":      {kind: "KindBytes", len: lenMust, style: "StyleMAC"},
	"ipv4":     {kind: "KindBytes", count: 4, style: "StyleIPv4"},
	"ipv6":     {kind: "KindBytes", count: 16, style: "StyleIPv6"},
}

// widths lists what may follow a "/" in a type.
var widths = map[string]int{
	"int": 4, "uint": 4, "long": 0, "ulong": 0, "hex": 0, "size": 0,
	"s8": 1, "u8": 1, "hex8": 1,
	"s16": 2, "u16": 2, "hex16": 2,
	"s32": 4, "u32": 4, "hex32": 4,
	"s64": 8, "u64": 8, "hex64": 8,
	"be16": 2, "be32": 4, "joined": 8,
}

var results = map[string]string{"": "KindInt", "int": "KindInt", "fd": "KindFD", "addr": "KindAddr", "noreturn": "KindNone"}

var dirs = map[string]string{"out": "Out", "inout": "InOut"}

// marks are the words before a type that are about the text form, or about where the value lies.
var marks = map[string]string{"brief": "Brief: true", "inplace": "InPlace: true", "nonzero": "Sparse: true"}

// bases are the words of a set's head that say how numbers without a name print.
var bases = map[string]string{"octal": "BaseOctal", "decimal": "BaseDecimal", "unsigned": "BaseUnsigned"}

// setWords are the other words of a set's head that take no value.
var setWords = map[string]string{"remark": "Remark", "separate": "Separate", "requests": "Requests"}

// digits are the characters that a member begins with if its bits are a number.
var digits = map[byte]string{'%': "NonzeroDigits", '#': "HexDigits"}
