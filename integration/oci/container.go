package oci

import (
	"cmp"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/audit"
	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/emulate/container"
	"github.com/stead-project/stead/emulate/perform"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/unotify"
)

// A supervision is one container with all its listeners: one for its first process, and one for every exec.
type supervision struct {
	a      *Agent
	state  Container
	origin State  // that it began with
	uid    uint32 // of who sent it
	lxc    bool
	since  time.Time
	log    hclog.Logger

	users int    // listeners, running or about to; guarded by Agent.mu
	kept  []byte // what the families want the next agent's to know; guarded by Agent.mu

	resumed bool   // another agent has supervised it before
	began   string // fingerprint of the policy when the container began; "": it had none

	ready    chan struct{} // closed when the rest is set
	choice   choice
	policy   *entry    // nil: fault
	start    *revision // of the policy when the container began
	fault    string    // why every call is denied
	targets  *unotify.Targets
	families *families
	sink     audit.Sink

	mu      sync.Mutex
	running map[*server]struct{}
	ended   emulate.Statistics
}

// A server is one listener being served.
type server struct {
	*emulate.Server
	src source
}

// setup gets what the container's listeners share. What cannot be had is a fault, and denies.
func (c *supervision) setup(s *State) {
	defer close(c.ready)
	c.sink = audit.Discard{}
	if err := c.prepare(s); err != nil {
		c.fault = err.Error()
		c.log.Error("every call of a container is denied", "error", err)
		return
	}
	if c.start.err != nil {
		c.log.Error("every call of a container is denied until its policy is there", "error", c.start.err)
		return
	}
	c.log.Info("container supervised", "policy", c.policy.name, "version", c.start.number(), "pid", c.state.PID)
	if c.choice.print != "" && c.choice.print != c.start.print {
		c.log.Warn("the container's kernel filter was made from another version of its policy: export the policy again, and start the container again",
			"policy", c.policy.name, "filter", c.choice.print, "policy_filter", c.start.print)
	}
}

func (c *supervision) prepare(s *State) error {
	sink, err := c.a.records.sink(c.state.ID)
	if err != nil {
		return err
	}
	c.sink = sink
	if c.targets, err = unotify.NewTargets(unotify.TargetsOptions{}); err != nil {
		return err
	}
	if c.choice.policy == "" { // a container that goes on has chosen
		if c.choice, err = choose(s, c.a.o); err != nil {
			return err
		}
	}
	c.policy = c.a.policies.take(c.choice.policy)
	c.start = c.policy.present.Load()
	c.began = cmp.Or(c.began, c.start.print)
	c.families, err = makeFamilies(c.a.o.Families, Room{Targets: c.targets, Proc: &c.a.proc, Watched: c.watched(), Logger: c.log,
		Kept: c.kept, Keep: c.keep, Programs: c.confinement()})
	return err
}

// watched says whether the kernel filter is known to notify all calls that change what a caller is. Of a container that another agent has
// supervised it is not known which of them are under way: they may have been left to the kernel, and end at any time.
func (c *supervision) watched() bool {
	v := c.start
	return !c.resumed && v.err == nil && c.choice.print == v.print && notifiesAll(v.prog.Lists, perform.Watch())
}

// confinement is what programs are under that are started for the container: the filter of the policy that it began with, which its own was
// exported from, whatever the runtime made of that. A later version may notify less of what changes a caller.
func (c *supervision) confinement() *container.Confinement {
	return &container.Confinement{
		Filter: func() ([]unix.SockFilter, error) { return c.start.filter() },
		Serve: func(l *unotify.Listener, around func(policy.Decider) policy.Decider, ended func()) {
			c.a.adopt(c.a.programs, c, l, around, ended)
		},
	}
}

// serve makes a server of a listener. around changes the container's decider; nil: nothing does.
func (c *supervision) serve(src source, around func(policy.Decider) policy.Decider) *server {
	s := &server{src: src}
	d := c.decider(s.src)
	if around != nil {
		d = around(d)
	}
	o := emulate.Options{Decider: d, Sink: c.a.metrics.sink(c.sink), Logger: c.log, Deadline: c.a.o.Deadline,
		Workers: c.a.o.Workers}
	if c.targets != nil {
		o.Targets = emulate.FromTargets(c.targets)
	}
	if c.families != nil {
		o.Table, o.As = c.families.table, c.policy.as
	}
	s.Server = emulate.New(s.src, o)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running[s] = struct{}{}
	return s
}

func (c *supervision) decider(v unotify.Validator) policy.Decider {
	if c.fault != "" {
		return policy.Always(policy.Denial(0, c.fault))
	}
	return newDecider(c.policy, c.targets, v)
}

// leave takes a server's counts over.
func (c *supervision) leave(s *server) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.running, s)
	c.ended = sum(c.ended, s.Statistics())
}

// close frees what the listeners shared.
func (c *supervision) close() {
	if err := c.sink.Close(); err != nil {
		c.log.Error("records are lost", "records", c.sink.Dropped(), "error", err)
	}
	c.a.metrics.dropped(c.sink.Dropped())
	if c.families != nil {
		c.families.close() //nolint:errcheck // nothing is written
	}
	if c.policy != nil {
		c.a.policies.leave(c.policy)
	}
	if c.targets != nil {
		c.targets.Close() //nolint:errcheck // nothing is written
	}
}

// counts are those of all of the container's listeners.
func (c *supervision) counts() emulate.Statistics {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.ended
	for r := range c.running {
		s = sum(s, r.Statistics())
	}
	return s
}

// statistics are the counts of all of the container's listeners, and the calls that are pending.
func (c *supervision) statistics() (s emulate.Statistics, listeners, pending int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s = c.ended
	for r := range c.running {
		s = sum(s, r.Statistics())
		pending += len(r.src.pending())
	}
	return s, len(c.running), pending
}

func sum(a, b emulate.Statistics) emulate.Statistics {
	a.Received += b.Received
	a.Gone += b.Gone
	a.Denied += b.Denied
	a.Failed += b.Failed
	a.Panics += b.Panics
	a.Timeouts += b.Timeouts
	a.Stalls += b.Stalls
	return a
}

// same says whether a state is of this container. The runtimes' ids are theirs: two of them may have a container of one name, and
// then their first processes differ. crun does not say the first process in an exec's state.
func (c *supervision) same(s *Container, uid uint32, lxc bool) bool {
	return c.state.ID == s.ID && c.uid == uid && c.lxc == lxc && (s.PID == 0 || c.state.PID == 0 || s.PID == c.state.PID)
}

// known says whether the container has been set up.
func (c *supervision) known() bool {
	select {
	case <-c.ready:
		return true
	default:
		return false
	}
}

// label is the policy's name if there is such a policy: others may be somebody's invention.
func (c *supervision) label() string {
	if !c.known() || c.policy == nil || c.start.err != nil {
		return ""
	}
	return c.policy.name
}

// name is the container's for people.
func (c *supervision) name() string { return cmp.Or(podName(c.state.Annotations), c.state.ID) }
