package arch

// Kind says how one parameter, or one field of a struct, is to be read and printed.
type Kind uint8

// The kinds. "Word" is the ABI's long: 4 bytes on 32-bit ABIs, 8 on the others.
const (
	KindNone     Kind = iota
	KindInt           // signed number of Width bytes (0: a word)
	KindUint          // unsigned number of Width bytes (0: a word), printed in decimal
	KindHex           // the same, printed in hexadecimal
	KindAddr          // an address that is never followed (mmap's addr)
	KindFD            // file descriptor
	KindDirFD         // file descriptor that a path is relative to, or AT_FDCWD
	KindMode          // file mode bits, octal
	KindDev           // device number
	KindPID           // process or thread id
	KindUID           // user or group id (-1: unchanged)
	KindSignal        // signal number
	KindFlags         // bits of Set
	KindEnum          // one value of Set
	KindString        // pointer to a NUL-terminated string
	KindPath          // pointer to a NUL-terminated path
	KindStrings       // pointer to a NULL-terminated array of strings (argv, envp)
	KindBytes         // pointer to Len bytes; as a field: Count bytes in place
	KindChars         // field only: Count bytes in place, a string that ends at the first NUL
	KindStruct        // pointer to a Struct; as a field: a Struct in place
	KindPtr           // pointer to one Elem
	KindArray         // pointer to Len elements Elem; as a field: Count elements in place
	KindSockaddr      // pointer to a socket address of Len bytes
	KindSigset        // pointer to a signal set of Len bytes (no Len: 8); as a field: 8 bytes in place
	KindFDSet         // pointer to an fd_set with Len descriptors
)

// Dir says who writes what a pointer points to.
type Dir uint8

// Directions. What the kernel only writes (Out) is never read before the call: it prints as an address.
const (
	In Dir = iota
	Out
	InOut
)

// Style refines how a Kind is read and printed. The zero Style adds nothing.
type Style uint8

// The styles, with the kinds that have them.
const (
	StylePlain     Style = iota
	StyleFileType        // KindMode: the names of the file's type and special bits (mknod's mode)
	StyleNetwork         // KindUint, KindEnum: memory and registers hold network order; Raw is in the reader's
	StyleIPv4            // KindBytes of 4: an address of AF_INET
	StyleIPv6            // KindBytes of 16: an address of AF_INET6
	StyleMAC             // KindBytes: a hardware address
	StyleHexBytes        // KindBytes: every byte prints as \x and two digits
	StyleControl         // KindBytes: control messages, cmsg(3)
	StyleLimit           // KindUint: a resource limit, all ones is "infinity"
	StyleWide            // KindHex: at least six digits
	StyleBits            // KindUint: a bit field; Count is 256 times the first bit plus the number of bits
	StylePages           // KindHex: the register counts units of 4096 bytes, Raw counts bytes
	StyleHighFirst       // KindInt of 8 bytes: two registers, the upper half first whatever the byte order
	StyleWords           // KindFDSet: prints as the words that it consists of (set_mempolicy's nodes)
	StyleJoined          // KindFlags: two numbers of 4 bytes, the upper one 12 bytes after the lower (capset's)
	StyleByteLen         // KindFDSet: Len counts bytes, not members (sched_setaffinity's CPUs)
)

// A Param describes one parameter of a call or one field of a struct.
type Param struct {
	Name   string  // the manual page's name
	Kind   Kind    //
	Style  Style   //
	Width  uint8   // bytes of a number: 1, 2, 4, 8; 0 is a word. Of a pointer in a struct: 8 whatever the ABI, or 0
	Dir    Dir     //
	Set    *Set    // KindFlags, KindEnum
	Struct *Struct // KindStruct
	Elem   *Param  // KindPtr, KindArray
	Len    string  // name of the sibling that holds the length or count; "*name" where that is a pointer to it
	Count  uint16  // fixed number of elements or bytes, for fields in place and constant-length arrays; of a string: at most
	When   *Cond   // nil: always there; else present (printed, read) only where it holds

	// Generated from the above, so that nothing compares names while decoding.
	LenRef  Ref  // where Len's sibling is; without meaning while Len is ""
	InPlace bool // KindArray, KindBytes with Len, as a field: what has the length follows in place, not behind a pointer

	// Of the text form only.
	Sparse bool // a field that is left out where it is zero, null or empty
	Brief  bool // a pointer that prints as an address unless everything is wanted
}

// CallLevel as a Ref's Up means the parameters of the call, from whatever depth of structs.
const CallLevel = 255

// A Ref finds a sibling by position.
type Ref struct {
	Up    uint8 // 0: in the same list; n: in the nth list around it (from a union block 1); CallLevel: the call's
	Idx   int8  // position in that list; -1: it differs between calls, look the name up (Signature.Index)
	Deref bool  // the sibling is a pointer to the number
}

// A Cond holds when a sibling's value, masked, is one of a few.
type Cond struct {
	Param  string    // name of the sibling
	Mask   uint64    // 0: compare the whole value
	Any    bool      // true: holds when value&Mask != 0
	Values []uint64  // else: value&Mask is one of these
	Ref    Ref       // where the sibling is
	PerABI []CondABI // where constants differ; Holds knows
	And    *Cond     // this one has to hold as well; Holds does not look at it
}

// A CondABI replaces the numbers of a Cond on some ABIs.
type CondABI struct {
	ABIs   ABISet
	Mask   uint64
	Values []uint64
}

// A Signature is a call under its manual-page names.
type Signature struct {
	Name     string      // the call's name, as in its ABI's table
	Params   []Param     //
	Return   Kind        // KindFD, KindAddr, KindNone (does not return), else KindInt
	Variants []Signature // the first one whose When holds replaces this one; each has the same Name
	When     *Cond       // of a variant
}

// A Struct is a struct's layout, independent of the ABI: offsets follow from the ABI's word, alignment and byte order.
type Struct struct {
	Name    string
	Packed  bool //
	Fields  []Param
	Overlap bool    // a union: all fields at offset 0, the first whose When holds is decoded and stands for it
	View    bool    // with Overlap: every field is decoded, they show the same bytes in different ways
	SizedBy string  // name of the call's parameter, or of the own field, that gives the size (clone_args, open_how); "" if fixed
	ABIs    ABISet  // the ABIs that have this layout; zero: every one
	Alt     *Struct // the layout of other ABIs; For follows it

	// Of the text form only.
	Order []uint8 // positions in Fields in the order of printing; nil: as they lie in memory
	Shown uint8   // how many of the fields print unless everything is wanted; 0: all
	Alone uint8   // position plus 1 of a field whose name, where its value has one, stands for the whole (UTIME_NOW); 0: none
}

// A Set is a named set of constants: flags or alternatives.
type Set struct {
	Name   string
	Prefix string // printed before an unknown number in a comment, as strace does: "MAP_???"
	Zero   string // how 0 prints in a flag set, "" for 0
	Consts []Const

	// Of the text form only.
	Unknown  string // the comment, where it is not Prefix and "???"
	Base     Base   // of numbers without a name
	Separate bool   // bits without a name get the comment too where all names are of values under a mask
	Requests bool   // of ioctl: all names of a number print, and one without a name is taken apart
	Remark   bool   // the number prints, its name is a comment
	Call     string // the macro that composes the number of Parts: "QCMD"
	Parts    []Part // its arguments
}

// A Part is one argument of the macro that composes a number.
type Part struct {
	Mask    uint64
	Unknown string // the comment on a number that no Const under this mask has; "": the part is a plain number
}

// Base is how a number without a name prints.
type Base uint8

// The bases.
const (
	BaseHex Base = iota
	BaseOctal
	BaseDecimal  // signed, in the parameter's width
	BaseUnsigned // in decimal
)

// A Const is one name of a Set. Order matters for flag sets: earlier names claim their bits first.
type Const struct {
	Name  string
	Value uint64
	Mask  uint64 // flag sets: bits that must equal Value; 0 means Value itself (O_ACCMODE's members have 3)

	PerABI []ConstABI // where the number differs or the name is missing; In knows
	Bits   uint64     // flag sets: the bits of Value on all ABIs; a number without any of them does not have the name. 0: unknown
	Digits Digits     // the bits of Mask print as a number, followed by Name ("21<<MAP_HUGE_SHIFT")
}

// Digits says how bits that hold a number print.
type Digits uint8

// The forms.
const (
	NoDigits      Digits = iota
	NonzeroDigits        // in decimal, nothing for 0
	HexDigits            // in hexadecimal, 0 too
)

// A ConstABI replaces the numbers of a Const on some ABIs.
type ConstABI struct {
	ABIs   ABISet
	Value  uint64
	Mask   uint64
	Absent bool // the name does not exist there
}

// State says how the reading of a Value went.
type State uint8

// States of a value. None of them is an error of the reader.
const (
	OK           State = iota
	Null               // a null pointer
	Unread             // not read: an out parameter, or nobody asked
	Unreadable         // the memory could not be read (the kernel will say EFAULT)
	Unterminated       // a string without a NUL within its bound
	Truncated          // longer than the reader's bound; what is there is a prefix
)

// A Value is one decoded argument, field or element.
type Value struct {
	Param *Param    // what it is
	Raw   uint64    // the number, narrowed (and sign-extended for KindInt) to its width; for pointers the address
	State State     //
	Bytes []byte    // strings, paths, bytes: a copy
	List  []Value   // fields, elements, strings
	Addr  *Sockaddr // KindSockaddr
}
