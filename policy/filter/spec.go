package filter

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
)

// An Action is what a filter answers a call with, in the kernel's form (SECCOMP_RET_*, with its data). The zero value kills the
// thread, so that nothing forgotten can let a call through.
type Action uint32

// The actions without data. Errno makes the one that has some.
const (
	KillThread  Action = unix.SECCOMP_RET_KILL_THREAD
	KillProcess Action = unix.SECCOMP_RET_KILL_PROCESS
	Trap        Action = unix.SECCOMP_RET_TRAP
	Notify      Action = unix.SECCOMP_RET_USER_NOTIF
	Log         Action = unix.SECCOMP_RET_LOG
	Allow       Action = unix.SECCOMP_RET_ALLOW
)

// maxErrno is the kernel's MAX_ERRNO (include/linux/err.h): a filter's larger number becomes this one.
const maxErrno = 4095

// Errno is the action that fails a call; 0 makes it succeed with 0, doing nothing. Numbers above 4095 are 4095.
func Errno(n syscall.Errno) Action {
	return unix.SECCOMP_RET_ERRNO | Action(min(n, maxErrno))
}

// MorePermissive says whether a lets a program do more than b. It is the kernel's own order, by which the strictest of several
// filters wins (seccomp_run_filters in kernel/seccomp.c): kill, trap, errno, notify, log, allow. Notify is below log and allow
// because a supervisor that is absent, or in doubt, denies.
func (a Action) MorePermissive(b Action) bool { return a.rank() > b.rank() }

func (a Action) rank() int32 { return int32(a &^ unix.SECCOMP_RET_DATA) }

// actionNames has the words of the policy language where it has one.
var actionNames = [...]struct {
	action Action
	name   string
}{
	{Allow, "allow"}, {Log, "log"}, {Notify, "notify"}, {Trap, "trap"}, {KillProcess, "kill process"}, {KillThread, "kill thread"},
}

// String is for people: "allow", "errno EPERM".
func (a Action) String() string {
	for _, n := range actionNames {
		if n.action == a {
			return n.name
		}
	}
	data := a & unix.SECCOMP_RET_DATA
	if a&^unix.SECCOMP_RET_DATA != unix.SECCOMP_RET_ERRNO {
		return fmt.Sprintf("action %#x", uint32(a))
	}
	if name := unix.ErrnoName(syscall.Errno(data)); name != "" {
		return "errno " + name
	}
	return fmt.Sprintf("errno %d", data)
}

// valid says whether the action is one of those above.
func (a Action) valid() bool {
	if a&^unix.SECCOMP_RET_DATA == unix.SECCOMP_RET_ERRNO {
		return a&unix.SECCOMP_RET_DATA <= maxErrno
	}
	for _, n := range actionNames {
		if n.action == a {
			return true
		}
	}
	return false
}

// An Op compares a register with a constant. Numbers are unsigned.
type Op uint8

// The comparisons. The zero value is none.
const (
	_ Op = iota
	EQ
	NE
	LT
	LE
	GT
	GE
	MaskedEQ // register & Mask == Value
	MaskedNE // register & Mask != Value

	numOps
)

var opNames = [numOps]string{"?", "==", "!=", "<", "<=", ">", ">=", "==", "!="}

// String is C's operator, of what the mask leaves.
func (o Op) String() string {
	if o < numOps {
		return opNames[o]
	}
	return opNames[0]
}

// A Compare is a test of one register. On ABIs with registers of 32 bits (all whose word is 4 bytes but x32 and MIPS n32) the
// register's upper half is 0, whatever the kernel reports there.
type Compare struct {
	Arg    int // 0 to 5
	Op     Op
	Narrow bool   // compare the lower 32 bits only, of the register, Mask and Value alike: what the kernel does with an int
	Mask   uint64 // of MaskedEQ and MaskedNE
	Value  uint64
}

// String is a C expression.
func (c Compare) String() string {
	cast := ""
	if c.Narrow {
		cast = "(u32)"
	}
	if c.Op == MaskedEQ || c.Op == MaskedNE {
		return fmt.Sprintf("%sargs[%d] & %#x %s %#x", cast, c.Arg, c.Mask, c.Op, c.Value)
	}
	return fmt.Sprintf("%sargs[%d] %s %#x", cast, c.Arg, c.Op, c.Value)
}

// Holds says whether the comparison is true of a register's 64 bits.
func (c Compare) Holds(register uint64) bool {
	mask, value := c.Mask, c.Value
	if c.Narrow {
		register, mask, value = uint64(uint32(register)), uint64(uint32(mask)), uint64(uint32(value))
	}
	switch c.Op {
	case EQ:
		return register == value
	case NE:
		return register != value
	case LT:
		return register < value
	case LE:
		return register <= value
	case GT:
		return register > value
	case GE:
		return register >= value
	case MaskedEQ:
		return register&mask == value
	case MaskedNE:
		return register&mask != value
	}
	return false
}

// A Clause gives an action to the calls of which all comparisons hold; without any, to every call.
type Clause struct {
	When []Compare
	Then Action
}

// Decisions are what one ABI's calls get. The first clause of a call that holds decides it; the Default decides where none
// does, where a call has no list, and for numbers without a name.
//
// The carriers of other calls, socketcall(2) and ipc(2), may have lists of their own. Without one, each carried call gets what
// its own list says if that needs no registers. Otherwise it is notified, since its registers are not there to be seen; with
// RefuseCarried, it fails with the one errno that its list has for what it does not allow, if that is all that the list does.
type Decisions struct {
	ABI     arch.ABI
	Default Action
	Calls   map[arch.ID][]Clause

	RefuseCarried bool
}

// Lists are what a filter is built from: decisions per ABI, and the action for calls of any ABI that is not among them.
type Lists struct {
	ABIs   []Decisions
	BadABI Action
}

// Bounds of the input. A filter has room for 4096 instructions (BPF_MAXINSNS), so nothing that fits is refused.
const (
	maxClauses  = 4096 // of one call
	maxCompares = 64   // of one clause
)

// Decide is the action that the lists give to a call. It reads the registers alone; IP is ignored.
func (l Lists) Decide(d arch.Data) Action {
	for i := range l.ABIs {
		if l.ABIs[i].ABI == d.ABI {
			return l.ABIs[i].decide(d)
		}
	}
	return l.BadABI
}

func (d *Decisions) decide(data arch.Data) Action {
	id := d.ABI.ID(data.Nr)
	clauses, ok := d.clauses(id)
	if !ok {
		return d.Default
	}
	if !wideRegisters(d.ABI) {
		for i := range data.Args {
			data.Args[i] = uint64(uint32(data.Args[i]))
		}
	}
	for i := range clauses {
		if clauses[i].holds(&data.Args) {
			return clauses[i].Then
		}
	}
	return d.Default
}

func (c *Clause) holds(args *[6]uint64) bool {
	for _, w := range c.When {
		if !w.Holds(args[w.Arg]) {
			return false
		}
	}
	return true
}

// wideRegisters says whether the ABI's registers have 64 bits. The kernel reports all of them to a filter, for x32 and n32 too.
func wideRegisters(a arch.ABI) bool {
	return a.Word() == 8 || a == arch.X32 || a == arch.MIPS64N32 || a == arch.MIPSEL64N32
}

// validate finds what no compiler may hand in.
func (l Lists) validate() error {
	if len(l.ABIs) == 0 {
		return fmt.Errorf("build filter: no ABI; name at least the native one")
	}
	if !l.BadABI.valid() {
		return fmt.Errorf("build filter: unknown action %#x for other ABIs", uint32(l.BadABI))
	}
	var seen arch.ABISet
	for _, d := range l.ABIs {
		if seen.Has(d.ABI) {
			return fmt.Errorf("build filter: two lists for the ABI %s; merge them", d.ABI)
		}
		seen |= 1 << d.ABI
		if err := d.validate(); err != nil {
			return fmt.Errorf("build filter for %s: %w", d.ABI, err)
		}
	}
	return nil
}

func (d *Decisions) validate() error {
	if !d.Default.valid() {
		return fmt.Errorf("unknown default action %#x", uint32(d.Default))
	}
	for id, clauses := range d.Calls {
		if id.Name() == "" {
			return fmt.Errorf("a list for no call (ID %d)", id)
		}
		if len(clauses) > maxClauses {
			return fmt.Errorf("%s: %d clauses, at most %d; merge some", id, len(clauses), maxClauses)
		}
		for i := range clauses {
			if err := clauses[i].validate(); err != nil {
				return fmt.Errorf("%s, clause %d: %w", id, i+1, err)
			}
		}
	}
	return nil
}

func (c *Clause) validate() error {
	if !c.Then.valid() {
		return fmt.Errorf("unknown action %#x", uint32(c.Then))
	}
	if len(c.When) > maxCompares {
		return fmt.Errorf("%d comparisons, at most %d; split the clause", len(c.When), maxCompares)
	}
	for _, w := range c.When {
		if w.Arg < 0 || w.Arg > 5 {
			return fmt.Errorf("argument %d does not exist; calls have 0 to 5", w.Arg)
		}
		if w.Op == 0 || w.Op >= numOps {
			return fmt.Errorf("unknown comparison %d of argument %d", w.Op, w.Arg)
		}
	}
	return nil
}
