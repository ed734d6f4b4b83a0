package container

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"sync"
)

// initialMounts are those that a container began with: all that were in its mount namespace when the first call came from there.
type initialMounts struct {
	mu      sync.Mutex
	space   string // the mount namespace
	ids     map[uint64]bool
	trees   map[string]bool
	unknown bool // what they were was forgotten: all count as initial
}

// A memory is what another supervisor has to know of them: it would take what the container has mounted since for initial, or, if the first
// call that it sees comes from a mount namespace of the container's own making, what is initial for the container's.
type memory struct {
	Space string          `json:"space"`
	IDs   map[uint64]bool `json:"ids"`
	Trees map[string]bool `json:"trees"`
}

// remember makes them what another supervisor has learnt; nothing: it has not learnt any.
func (i *initialMounts) remember(kept []byte) {
	if len(kept) == 0 {
		return
	}
	var m memory
	if err := json.Unmarshal(kept, &m); err != nil || m.Space == "" {
		i.unknown = true
		return
	}
	i.space, i.ids, i.trees = m.Space, m.IDs, m.Trees
}

// keep hands them to who keeps them for another supervisor.
func (i *initialMounts) keep(keep func([]byte)) {
	if keep == nil {
		return
	}
	text, err := json.Marshal(memory{i.space, i.ids, i.trees})
	if err != nil {
		text = []byte("?") // which nobody can read: see remember
	}
	keep(text)
}

// maxMounts bounds what is remembered of a container; the kernel has 100,000 in a mount namespace (fs.mount-max of proc_sys_fs(5)).
const maxMounts = 100_000

// learn takes down the mounts of the first of the container's threads that calls. Others come later, and find it done.
func (i *initialMounts) learn(o *op) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.space != "" || i.unknown || !o.foreign(nsMount) {
		return
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", o.env.TID))
	if err != nil || o.env.Valid() != nil {
		return
	}
	i.space, i.ids, i.trees = o.view.ns[nsMount], map[uint64]bool{}, map[string]bool{}
	for line := range bytes.Lines(text) {
		f := bytes.Fields(line)
		if len(f) < 5 || len(i.ids) >= maxMounts {
			continue
		}
		if id, err := strconv.ParseUint(string(f[0]), 10, 64); err == nil {
			i.ids[id] = true
			i.trees[treeOf(f)] = true
		}
	}
	i.keep(o.f.o.Keep)
}

// treeOf is what a mount shows: a device, and a directory on it (proc_pid_mountinfo(5)).
func treeOf(f [][]byte) string { return string(f[2]) + " " + string(f[3]) }

// has says whether a mount is one of them. In a mount namespace that was made of the first one the mounts are copies with other ids: what
// they show is the same.
func (i *initialMounts) has(space string, mount [][]byte) bool {
	if i.isOf(space) {
		id, err := strconv.ParseUint(string(mount[0]), 10, 64)
		return err != nil || i.hasID(id)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.unknown || i.trees[treeOf(mount)]
}

// isOf says whether a mount namespace is the first one.
func (i *initialMounts) isOf(space string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.space == space
}

// hasID is has in the first namespace, by the id that mountinfo shows.
func (i *initialMounts) hasID(id uint64) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.unknown || i.ids[id]
}

// FSType implements policy.Mounts; "" where nothing is, or what is attached nowhere.
func (o *op) FSType(arg int) (string, bool) {
	i := o.pathIndex(arg)
	if i < 0 || o.look() != 0 {
		return "", false
	}
	o.hold(i)
	if o.pins[i].state != held {
		return "", true
	}
	mount := o.mountOf(o.pins[i].fd)
	for n := 6; n+1 < len(mount); n++ {
		if string(mount[n]) == "-" {
			return string(mount[n+1]), true
		}
	}
	return "", mount == nil
}

// Initial implements policy.Mounts. For what changes a mount, its whole is meant: a place inside one is none.
func (o *op) Initial(arg int) (initial, known bool) {
	i := o.pathIndex(arg)
	if i < 0 || o.look() != 0 {
		return false, false
	}
	o.hold(i)
	p := &o.pins[i]
	if p.state != held {
		return false, true // there is nothing
	}
	space := o.view.ns[nsMount]
	if m, errno := o.mount(p.fd); errno == 0 && o.f.initial.isOf(space) {
		return o.f.initial.hasID(uint64(m.id)), true
	}
	mount := o.mountOf(p.fd)
	if mount == nil {
		id, _ := mountAt(p.fd, "")
		return false, o.f.given.has(id) // attached nowhere, and so the container's own
	}
	return o.f.initial.has(space, mount), true
}
