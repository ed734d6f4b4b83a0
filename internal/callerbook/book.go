// Package callerbook remembers what the callers of performed calls are, until a call of theirs changes it.
//
// Calls that change it are notified before the kernel runs them (Watch), and a caller whose call is under way makes no other: so a change is
// over when its caller is heard of again, or has gone. Until then nothing that it may reach is remembered.
package callerbook

import (
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/unotify"
)

// A reach says whom a call changes besides its caller.
type reach uint8

const (
	nobody reach = iota // nor its caller
	caller
	process  // execve(2) ends the other threads, and gives one's number to its caller
	everyone // root and umask are shared (clone(2), CLONE_FS); pivot_root(2) moves the roots of other processes
)

// reaches are the calls that change what a caller is: its ids, rights, root, namespaces or umask. Ids and capabilities belong to a thread
// (credentials(7)); unshare(2) and setns(2) give the calling thread a root of its own. Unmounting changes nothing, but is hindered, as
// executing is, by a descriptor that the supervisor has not closed yet: notified, it comes after that.
func reaches() map[reach]string {
	return map[reach]string{
		nobody: "umount,umount2",
		caller: "setuid,setgid,setreuid,setregid,setresuid,setresgid,setfsuid,setfsgid,setgroups,setuid32,setgid32,setreuid32,setregid32," +
			"setresuid32,setresgid32,setfsuid32,setfsgid32,setgroups32,capset,unshare,setns",
		process:  "execve,execveat",
		everyone: "umask,chroot,pivot_root",
	}
}

func selection(list string) arch.Selection {
	s, err := arch.ParseSelection(list, arch.Selection{})
	if err != nil {
		panic(err) // a test covers the lists
	}
	return s
}

// Watch lists the calls that change what is remembered of a caller.
func Watch() (all arch.Selection) {
	for _, list := range reaches() {
		all = all.Union(selection(list))
	}
	return all
}

// Who is a thread: two that are the same are of one thread that has not ended in between.
type Who struct {
	unotify.Identity
	Serial uint64 // see [unotify.Targets.Recognize]
}

// most bounds how much is remembered; then everything is forgotten.
const most = 4096

// A Book has what is known of callers. Its methods may be called from any goroutine.
type Book[V any] struct {
	identify func(tid int) (unotify.Identity, error)
	reach    [arch.NumIDs]reach

	mu        sync.Mutex
	closed    bool   // nothing is remembered any more
	epoch     uint64 // counts changes
	known     map[int]page[V]
	changing  map[int]change // by thread
	executing map[int][]int  // threads by process
	shared    map[int]bool   // threads that may change everyone
}

type page[V any] struct {
	who  Who
	view *V
}

type change struct {
	reach reach
	tgid  int
}

// New makes a book. identify tells which process a thread belongs to.
func New[V any](identify func(tid int) (unotify.Identity, error)) *Book[V] {
	b := &Book[V]{identify: identify, known: map[int]page[V]{}, changing: map[int]change{}, executing: map[int][]int{}, shared: map[int]bool{}}
	for reach, list := range reaches() {
		s := selection(list)
		for id := range b.reach {
			if s.Has(arch.ID(id)) {
				b.reach[id] = reach
			}
		}
	}
	return b
}

// A Ticket is the moment at which a caller was not known: what is found out after it can be kept, if nothing has changed meanwhile.
type Ticket struct {
	epoch   uint64
	settled bool
}

// Recall gives what is known of a thread that has been found to be the caller; nil where nothing is.
func (b *Book[V]) Recall(who Who) (*V, Ticket) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.settled(who) {
		return nil, Ticket{}
	}
	if p, ok := b.known[who.TID]; ok && p.who == who {
		return p.view, Ticket{}
	}
	return nil, Ticket{b.epoch, true}
}

// Keep remembers what was read of a thread after Recall. Nobody changes it any more.
func (b *Book[V]) Keep(who Who, t Ticket, view *V) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !t.settled || t.epoch != b.epoch || !b.settled(who) {
		return
	}
	if len(b.known) >= most {
		clear(b.known)
	}
	b.known[who.TID] = page[V]{who, view}
}

// Forget drops what is known of a thread, which has turned out to be wrong.
func (b *Book[V]) Forget(tid int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.known, tid)
	b.epoch++
}

// Calling is told of every call before anything else is done with it.
func (b *Book[V]) Calling(tid int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over(tid)
}

// Changing is told of a call of Watch that the kernel is about to run.
func (b *Book[V]) Changing(tid int, id arch.ID) {
	c := change{reach: b.reach[id]}
	if c.reach == nobody {
		return
	}
	if c.reach == process {
		c = b.of(tid)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.epoch++
	b.drop(tid, c)
	if c.reach == caller {
		return // its next call comes after it
	}
	if len(b.changing) >= most && !b.bury() {
		b.closed = true
		return
	}
	b.begin(tid, c)
}

// of is an execution's change. Where the process cannot be told, it may be anyone's.
func (b *Book[V]) of(tid int) change {
	who, err := b.identify(tid)
	if err != nil {
		return change{reach: everyone}
	}
	return change{process, who.TGID}
}

func (b *Book[V]) drop(tid int, c change) {
	switch c.reach {
	case caller:
		delete(b.known, tid)
	case process:
		for t, p := range b.known {
			if p.who.TGID == c.tgid {
				delete(b.known, t)
			}
		}
	case everyone:
		clear(b.known)
	}
}

func (b *Book[V]) begin(tid int, c change) {
	b.over(tid)
	b.changing[tid] = c
	if c.reach == process {
		b.executing[c.tgid] = append(b.executing[c.tgid], tid)
		return
	}
	b.shared[tid] = true
}

// over ends a thread's change.
func (b *Book[V]) over(tid int) {
	c, ok := b.changing[tid]
	if !ok {
		return
	}
	delete(b.changing, tid)
	delete(b.shared, tid)
	if rest := slices.DeleteFunc(b.executing[c.tgid], func(t int) bool { return t == tid }); len(rest) > 0 {
		b.executing[c.tgid] = rest
	} else {
		delete(b.executing, c.tgid)
	}
}

// settled says that nobody is changing what a thread is.
func (b *Book[V]) settled(who Who) bool {
	if b.closed {
		return false
	}
	for tid := range b.shared {
		if !b.ended(tid) {
			return false
		}
	}
	for _, tid := range slices.Clone(b.executing[who.TGID]) {
		if !b.ended(tid) {
			return false
		}
	}
	return true
}

// ended: a thread that has ended, or that was another when its process executed a program, changes nothing more.
func (b *Book[V]) ended(tid int) bool {
	if unix.Kill(tid, 0) != unix.ESRCH { //nolint:errorlint // a bare errno
		return false
	}
	b.over(tid)
	return true
}

// bury lets go of the changes of threads that have ended, and says whether there were any.
func (b *Book[V]) bury() bool {
	before := len(b.changing)
	for tid := range b.changing {
		b.ended(tid)
	}
	return len(b.changing) < before
}
