package oci

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/unotify"
)

// A ledger is what the next agent has to know of a listener: which notifications have been received and not answered, what the container
// is, how its calls were counted. It is a file in memory, so that it outlives the agent as the listener does, and lies nowhere where anybody
// else could write.
//
// Notifications are received right into it, each into a slot of its own: the kernel copies a notification out in the same system call in which
// it counts it as received (seccomp_notify_recv in kernel/seccomp.c), so no moment is left in which an id could be lost with the agent. Ids
// are not used again as long as there is the listener; those of answered calls may therefore stay where they are.
type ledger struct {
	fd  int    // -1: memory of this process, which nobody can be handed
	mem []byte // the head and the slots, mapped

	mu    sync.Mutex
	slots []slot
	used  int
	low   int // no slot below is free
	last  int // that was taken last
	limit int // of used, at which calls are looked for that have ended without an answer
}

type slot struct {
	id    uint64
	state slotState
}

type slotState uint8

const (
	slotFree    slotState = iota
	slotClaimed           // somebody receives into it
	slotPending
)

// The file: a head, the slots, the deed, and what the families keep. Pages that nothing was written to take no memory.
const (
	ledgerMagic = "STEAD\x00\x00\x01"
	headSize    = 4096
	slotSize    = 128  // room for the kernel's notification, 80 bytes in Linux 6.18
	maxSlots    = 8192 // calls of one listener; what is pending beyond them waits until its target ends, if the agent dies
	mappedSize  = headSize + maxSlots*slotSize
	deedAt      = mappedSize
	maxDeed     = 2 << 20
	keptAt      = deedAt + maxDeed
	maxKept     = 1 << 20
	ledgerSize  = keptAt + maxKept
)

// Positions in the head.
const (
	headDeed  = 8  // bytes
	headKept  = 12 // bytes, or keptLost
	headHigh  = 16 // slots that were ever used
	headCount = 64
)

// keptLost says that the families had something to keep, and that there was no room for it.
const keptLost = math.MaxUint32

// seals keep the mapping from losing its file's end (memfd_create(2)).
const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL

// manyPending is how many calls are pending before those are looked for that ended without an answer, because their targets died.
const manyPending = 1024

// newLedger makes one. Where there is no room for a file it ends with the agent.
func newLedger() *ledger {
	fd, err := memfd("stead ledger", ledgerSize)
	if err != nil {
		return privateLedger()
	}
	l, err := mapLedger(fd)
	if err != nil {
		unix.Close(fd)
		return privateLedger()
	}
	copy(l.mem, ledgerMagic)
	return l
}

func privateLedger() *ledger {
	return &ledger{fd: -1, mem: make([]byte, mappedSize), limit: manyPending}
}

// memfd makes a file in memory of a size that nobody changes any more.
func memfd(name string, size int64) (int, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return -1, err
	}
	if err = unix.Ftruncate(fd, size); err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// mapLedger takes fd over if it succeeds. The mapping lasts as long as anybody has the ledger: a call may be answered after its server's
// end.
func mapLedger(fd int) (*ledger, error) {
	mem, err := unix.Mmap(fd, 0, mappedSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	l := &ledger{fd: fd, mem: mem, limit: manyPending}
	runtime.AddCleanup(l, func(mem []byte) { unix.Munmap(mem) }, mem) //nolint:errcheck // it was mapped
	return l, nil
}

// openLedger takes over, if it succeeds, what another agent has written.
func openLedger(fd int) (*ledger, error) {
	if err := checkMemfd(fd, ledgerSize); err != nil {
		return nil, err
	}
	l, err := mapLedger(fd)
	if err != nil {
		return nil, err
	}
	if string(l.mem[:len(ledgerMagic)]) != ledgerMagic {
		return nil, errors.New("it is no ledger of this version")
	}
	return l, nil
}

// checkMemfd makes sure that a descriptor is what memfd makes, and ours: nothing else has these seals, and whoever could have made it
// otherwise could do all that this process can.
func checkMemfd(fd int, size int64) error {
	got, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil || got&seals != seals {
		return errors.New("it is no sealed file in memory")
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Uid != uint32(os.Geteuid()) || st.Size != size && size >= 0 {
		return fmt.Errorf("it has %d bytes and belongs to user %d", st.Size, st.Uid)
	}
	return nil
}

// close closes the file. Calls may still be noted in the mapping.
func (l *ledger) close() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fd >= 0 {
		unix.Close(l.fd)
		l.fd = -1
	}
}

// duplicate is the file for somebody else.
func (l *ledger) duplicate() (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fd < 0 {
		return -1, unix.EBADF
	}
	return unix.FcntlInt(uintptr(l.fd), unix.F_DUPFD_CLOEXEC, 3)
}

func (l *ledger) get(at int) uint32    { return binary.NativeEndian.Uint32(l.mem[at:]) }
func (l *ledger) put(at int, v uint32) { binary.NativeEndian.PutUint32(l.mem[at:], v) }

// claim gives a slot to receive into; -1: there is none.
func (l *ledger) claim() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := l.low
	for i < len(l.slots) && l.slots[i].state != slotFree {
		i++
	}
	if i == maxSlots {
		return -1
	}
	if i == len(l.slots) {
		l.slots = append(l.slots, slot{})
		l.put(headHigh, max(l.get(headHigh), uint32(i)+1))
	}
	l.slots[i].state, l.low = slotClaimed, i+1
	l.used++
	return i
}

// room is a slot's.
func (l *ledger) room(i int) []byte { return l.mem[headSize+i*slotSize:][:slotSize] }

// took says which notification came into a slot.
func (l *ledger) took(i int, id uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slots[i], l.last = slot{id, slotPending}, i
}

// end says that a notification was answered, or has gone.
func (l *ledger) end(id uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := l.find(id); i >= 0 {
		l.release(i)
	}
}

// unclaim gives back a slot that nothing came into.
func (l *ledger) unclaim(i int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.release(i)
}

func (l *ledger) release(i int) {
	l.slots[i].state = slotFree
	l.low = min(l.low, i)
	l.used--
}

func (l *ledger) find(id uint64) int {
	if l.last < len(l.slots) && l.slots[l.last] == (slot{id, slotPending}) {
		return l.last
	}
	for i := range l.slots {
		if l.slots[i] == (slot{id, slotPending}) {
			return i
		}
	}
	return -1
}

// pending lists what was received and not answered.
func (l *ledger) pending() (ids []uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.slots {
		if s.state == slotPending {
			ids = append(ids, s.id)
		}
	}
	return ids
}

// crowded says that it is time to look for calls that ended without an answer.
func (l *ledger) crowded() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.used < l.limit {
		return false
	}
	l.limit = max(manyPending, 2*l.used)
	return true
}

// left are the notifications that another agent has received. Some of them were answered.
func (l *ledger) left() (list []unotify.Notification) {
	for i := range min(int(l.get(headHigh)), maxSlots) {
		if n := parseNotification(l.room(i)); n != (unotify.Notification{}) {
			list = append(list, n)
		}
	}
	runtime.KeepAlive(l)
	return list
}

// forget makes the slots what they were in the beginning.
func (l *ledger) forget() {
	for i := range min(int(l.get(headHigh)), maxSlots) {
		clear(l.room(i))
	}
	l.put(headHigh, 0)
}

// counters are the fields of Statistics in their order in the head.
func counters(s *emulate.Statistics) []*uint64 {
	return []*uint64{&s.Received, &s.Gone, &s.Denied, &s.Failed, &s.Panics, &s.Timeouts, &s.Stalls}
}

func (l *ledger) count(s emulate.Statistics) {
	for i, v := range counters(&s) {
		binary.NativeEndian.PutUint64(l.mem[headCount+8*i:], *v)
	}
	runtime.KeepAlive(l)
}

func (l *ledger) counted() (s emulate.Statistics) {
	for i, v := range counters(&s) {
		*v = binary.NativeEndian.Uint64(l.mem[headCount+8*i:])
	}
	runtime.KeepAlive(l)
	return s
}

// write puts a part in its place, and then its size: what is half written counts as absent.
func (l *ledger) write(p []byte, at, most, size int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fd < 0 {
		return unix.EBADF
	}
	if len(p) > most {
		return fmt.Errorf("%d bytes, and room for %d", len(p), most)
	}
	if _, err := unix.Pwrite(l.fd, p, int64(at)); err != nil {
		return err
	}
	l.put(size, uint32(len(p)))
	return nil
}

func (l *ledger) read(at, most, size int) ([]byte, error) {
	n := int(l.get(size))
	if n > most {
		return nil, fmt.Errorf("it has %d bytes, and room for %d", n, most)
	}
	p := make([]byte, n)
	if got, err := unix.Pread(l.fd, p, int64(at)); err != nil || got != n {
		return nil, fmt.Errorf("read a ledger: %d of %d bytes, %w", got, n, err)
	}
	return p, nil
}
