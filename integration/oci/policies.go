package oci

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/compiler"
	"github.com/stead-project/stead/policy/filter"
)

// A Loader loads and compiles a policy file for containers.
type Loader func(file string) (*compiler.Program, error)

// policies are those of a directory: NAME is the file NAME.yaml in it.
type policies struct {
	dir  string
	load Loader
	log  hclog.Logger

	mu     sync.Mutex
	byName map[string]*entry   // for containers that start
	live   map[*entry]struct{} // those, and what running containers have kept of policies that broke
}

// An entry is a policy by its name. Every container that has it decides by its present version; a reload replaces that for all of them at
// once.
type entry struct {
	name    string
	users   int // containers; guarded by policies.mu
	once    sync.Once
	present atomic.Pointer[revision]
	failure atomic.Pointer[string] // why the last reload was not taken; nil: it was
}

// A revision is a version of a policy; err says why there is none.
type revision struct {
	prog  *compiler.Program
	print string
	err   error
}

// as says who performs a call under the present version.
func (e *entry) as(id arch.ID) policy.As {
	if v := e.present.Load(); v.prog != nil {
		return v.prog.As(id)
	}
	return policy.AsTarget
}

// number is the version in records.
func (v *revision) number() uint64 {
	if v.prog == nil {
		return 0
	}
	return v.prog.Version
}

// filter is the kernel's part.
func (v *revision) filter() ([]unix.SockFilter, error) {
	if v.err != nil {
		return nil, v.err
	}
	built, err := filter.BuildLists(v.prog.Lists)
	if err != nil {
		return nil, err
	}
	return built.Program, nil
}

func newPolicies(dir string, load Loader, log hclog.Logger) *policies {
	return &policies{dir: dir, load: load, log: log, byName: map[string]*entry{}, live: map[*entry]struct{}{}}
}

// take gives a container its policy, which may be one that could not be loaded.
func (p *policies) take(name string) *entry {
	p.mu.Lock()
	e := p.byName[name]
	if e == nil {
		e = &entry{name: name}
		p.byName[name], p.live[e] = e, struct{}{}
	}
	e.users++
	p.mu.Unlock()
	e.once.Do(func() { e.present.Store(p.read(name)) })
	return e
}

// leave takes it back. What could not be loaded is forgotten with its last container, so that invented names take no room.
func (p *policies) leave(e *entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e.users--
	if e.users == 0 && (e.present.Load().err != nil || p.byName[e.name] != e) {
		p.forget(e)
		delete(p.live, e)
	}
}

// forget lets the next container load the policy anew.
func (p *policies) forget(e *entry) {
	if p.byName[e.name] == e {
		delete(p.byName, e.name)
	}
}

func (p *policies) read(name string) *revision {
	if p.load == nil {
		return &revision{err: errors.New("the agent has no way to load policies")}
	}
	prog, err := p.load(filepath.Join(p.dir, name+".yaml"))
	if err != nil {
		return &revision{err: fmt.Errorf("policy %s: %w", name, err)}
	}
	return &revision{prog: prog, print: fingerprint(prog.Lists)}
}

// A reloaded is a policy whose version has changed.
type reloaded struct {
	entry    *entry
	old, new *revision
}

// reload reads every known policy again. A running container keeps what it has when its policy breaks.
func (p *policies) reload() (list []reloaded, failed int) {
	for _, e := range p.all() {
		e.once.Do(func() { e.present.Store(p.read(e.name)) })
		old, now := e.present.Load(), p.read(e.name)
		if now.err != nil {
			failed++
			p.keep(e, old, now.err)
			continue
		}
		e.failure.Store(nil)
		if old.err != nil || old.prog.Version != now.prog.Version {
			e.present.Store(now)
			list = append(list, reloaded{e, old, now})
		}
	}
	return list, failed
}

// keep leaves the old version in force for those who have it. Containers that start from now on load the policy themselves, and are
// refused as long as it is broken.
func (p *policies) keep(e *entry, old *revision, err error) {
	text := err.Error()
	e.failure.Store(&text)
	if old.err != nil {
		e.present.Store(&revision{err: err})
		return
	}
	p.log.Error("a policy could not be reloaded: running containers keep the version they have, others are refused", "policy", e.name, "error", err)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(e)
	if e.users == 0 {
		delete(p.live, e)
	}
}

func (p *policies) all() (list []*entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for e := range p.live {
		list = append(list, e)
	}
	return list
}
