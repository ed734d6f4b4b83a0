package filter

import (
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
)

// A carrier is a call that carries others, told apart by the part of its first argument under mask.
type carrier struct {
	name    string
	mask    uint64
	carried []string // by that part
}

// carriers are socketcall (include/uapi/linux/net.h, net/socket.c) and ipc (include/uapi/linux/ipc.h, ipc/syscall.c: the upper
// half of the first argument is a version).
func carriers() [2]carrier {
	return [2]carrier{
		{"socketcall", 0xffffffff, []string{1: "socket", "bind", "connect", "listen", "accept", "getsockname", "getpeername",
			"socketpair", "send", "recv", "sendto", "recvfrom", "shutdown", "setsockopt", "getsockopt", "sendmsg", "recvmsg",
			"accept4", "recvmmsg", "sendmmsg"}},
		{"ipc", 0xffff, []string{1: "semop", 2: "semget", 3: "semctl", 4: "semtimedop", 11: "msgsnd", 12: "msgrcv", 13: "msgget",
			14: "msgctl", 21: "shmat", 22: "shmdt", 23: "shmget", 24: "shmctl"}},
	}
}

// clauses is the list of a call; false if the Default decides it.
func (d *Decisions) clauses(id arch.ID) ([]Clause, bool) {
	if list, ok := d.Calls[id]; ok {
		return list, true
	}
	if name := id.Name(); name != "socketcall" && name != "ipc" {
		return nil, false
	}
	for _, c := range carriers() {
		if id.Name() == c.name {
			return d.derive(c), true
		}
	}
	return nil, false
}

// derive makes a carrier's list from those of the calls that it carries.
func (d *Decisions) derive(c carrier) (list []Clause) {
	for part, name := range c.carried {
		id, ok := arch.LookupID(name)
		if !ok {
			continue
		}
		when := Compare{Op: MaskedEQ, Narrow: true, Mask: c.mask, Value: uint64(part)}
		if then := d.withoutRegisters(id); then != d.Default {
			list = append(list, Clause{When: []Compare{when}, Then: then})
		}
	}
	return list
}

// withoutRegisters is what a call gets if its registers cannot be seen.
func (d *Decisions) withoutRegisters(id arch.ID) Action {
	list, ok := d.Calls[id]
	if !ok {
		return d.Default
	}
	l := newList(d.ABI, list, d.Default)
	if len(l.clauses) == 0 {
		return l.rest
	}
	if then, ok := l.refusal(); ok && d.RefuseCarried {
		return then
	}
	return Notify
}

// refusal is the one action beside Allow that the list has, if it fails the call.
func (l *list) refusal() (then Action, ok bool) {
	then = Allow
	for i := range len(l.clauses) + 1 {
		a := l.rest
		if i < len(l.clauses) {
			a = l.clauses[i].then
		}
		if a == Allow {
			continue
		}
		if then != Allow && a != then {
			return then, false
		}
		then = a
	}
	return then, then&^unix.SECCOMP_RET_DATA == unix.SECCOMP_RET_ERRNO && then != Errno(0)
}

// calls are the carried ones.
func (c *carrier) calls() (s arch.Selection) {
	for _, name := range c.carried {
		if id, ok := arch.LookupID(name); ok {
			s.Add(id)
		}
	}
	return s
}
