package arch

// Data is what the kernel reports of a pending call: struct seccomp_data with its architecture already identified.
type Data struct {
	ABI  ABI
	Nr   int32
	IP   uint64    // instruction pointer
	Args [6]uint64 // registers as they are; a 32-bit ABI's upper halves are ignored
}

// Memory reads a target's memory.
//
// ReadMem fills p from addr and returns how many bytes it got. Fewer than len(p) means that the byte after them cannot be
// read. A Decoder asks only once for what it uses, so that what was decoded cannot change afterwards.
type Memory interface {
	ReadMem(p []byte, addr uint64) (n int, err error)
}

// Defaults of a Decoder's bounds.
const (
	DefaultMaxBytes  = 256 << 10
	DefaultMaxString = 4096
	DefaultMaxData   = 32
	DefaultMaxItems  = 1024
	DefaultMaxDepth  = 8

	// MaxPath is the kernel's PATH_MAX (include/uapi/linux/limits.h): bytes of a path with its NUL.
	MaxPath = 4096

	// maxValues bounds all fields and elements of one call together.
	maxValues = 1 << 14
)

// A Decoder turns registers and memory into Calls. The zero value is ready, with the default bounds. It keeps its scratch
// between calls, so one Decoder serves one goroutine, and a Call is good until the next Decode (Call.Clone lasts).
type Decoder struct {
	MaxBytes  int // bytes of target memory read for one call, less what follows a NUL
	MaxString int // bytes of a string that is not a path, with its NUL
	MaxData   int // bytes read of a buffer (write's buf, an iovec's data); negative: none
	MaxItems  int // elements of an array, strings of argv
	MaxDepth  int // pointers followed from a parameter

	call   *Call
	mem    Memory
	facts  registerFacts
	word   uint64 // bytes of a long in memory
	big    bool
	left   int // bytes that may still be kept
	values int // values that may still be made

	missing    uint8 // arguments that a multiplexer has behind its pointer and that cannot be read, one bit each
	oldControl bool  // the call is ipc's semctl, msgctl or shmctl without IPC_64

	bytes    arena[byte]
	vals     arena[Value]
	addrs    arena[Sockaddr]
	frames   arena[frame]
	pointers []uint64
}

// Decode fills c from the registers raw and from what they point to. It never fails: what could not be read says so in its
// State. Without mem only the registers are decoded.
func (d *Decoder) Decode(c *Call, raw Data, mem Memory) {
	d.begin(c, raw, mem)
	args := raw.Args
	readable := d.demux(&args)
	switch {
	case c.Sig == nil:
		return
	case !readable:
		d.unreadable(args[0])
		return
	}
	d.choose(&args)
	d.markMissing()
	d.follow(d.newFrame(c.Sig.Params, c.Args, nil), d.maxDepth())
}

func (d *Decoder) markMissing() {
	for i := range d.call.Args {
		if d.missing>>i&1 != 0 {
			d.call.Args[i].State = Unreadable
			if d.call.Args[i].Raw == 0 {
				d.call.Args[i].State = Null
			}
		}
	}
}

// DecodeAs is Decode with a signature of the caller's choice instead of the tables'.
func (d *Decoder) DecodeAs(c *Call, sig *Signature, raw Data, mem Memory) {
	d.begin(c, raw, mem)
	c.Sig, c.Name = sig, sig.Name
	d.choose(&raw.Args)
	d.follow(d.newFrame(c.Sig.Params, c.Args, nil), d.maxDepth())
}

func (d *Decoder) begin(c *Call, raw Data, mem Memory) {
	d.bytes.reset()
	d.vals.reset()
	d.addrs.reset()
	d.frames.reset()
	d.call, d.mem = c, mem
	d.missing, d.oldControl = 0, false
	d.facts = factsOf(raw.ABI)
	d.word, d.big = uint64(raw.ABI.Word()), raw.ABI.BigEndian()
	d.left = orDefault(d.MaxBytes, DefaultMaxBytes)
	d.values = maxValues
	id := raw.ABI.ID(raw.Nr)
	*c = Call{ABI: raw.ABI, Nr: raw.Nr, ID: id, Raw: raw}
	if id != 0 {
		c.Name, c.Sig = id.Name(), raw.ABI.Signature(id)
	}
}

func orDefault(v, def int) int {
	if v <= 0 {
		return def
	}
	return v
}

func (d *Decoder) maxString() int { return orDefault(d.MaxString, DefaultMaxString) }
func (d *Decoder) maxItems() int  { return orDefault(d.MaxItems, DefaultMaxItems) }
func (d *Decoder) maxDepth() int  { return orDefault(d.MaxDepth, DefaultMaxDepth) }

func (d *Decoder) maxData() int {
	if d.MaxData < 0 {
		return 0
	}
	return orDefault(d.MaxData, DefaultMaxData)
}

// maxVariants bounds how often a variant may be refined by its own variants.
const maxVariants = 4

// choose decodes the registers and replaces the signature by the variant that applies.
func (d *Decoder) choose(args *[6]uint64) {
	c := d.call
	for range maxVariants {
		if d.oldControl {
			break
		}
		c.Args = d.newValues(len(c.Sig.Params))
		f := d.newFrame(c.Sig.Params, c.Args, nil)
		d.registers(f, args)
		v := d.variant(c.Sig.Variants, f)
		if v == nil {
			return
		}
		c.Sig = v
	}
	c.Args = d.newValues(len(c.Sig.Params))
	d.registers(d.newFrame(c.Sig.Params, c.Args, nil), args)
}

func (d *Decoder) variant(list []Signature, f *frame) *Signature {
	for i := range list {
		if d.holds(list[i].When, f) {
			return &list[i]
		}
	}
	return nil
}

// unreadable is for a call whose arguments are themselves in memory, at addr, that cannot be read.
func (d *Decoder) unreadable(addr uint64) {
	params := d.call.Sig.Params
	d.call.Args = d.newValues(len(params))
	for i := range d.call.Args {
		d.call.Args[i] = Value{Param: &params[i], Raw: addr, State: Unreadable}
	}
}
