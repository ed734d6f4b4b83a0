package oci

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/internal/procself"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/unotify"
)

// Options of an Agent. Only Policies and Load are needed.
type Options struct {
	Policies      string // directory: policy NAME is the file NAME.yaml in it
	Load          Loader
	Default       string // policy of containers that name none; "": their calls are denied
	NoAnnotations bool   // only listenerMetadata names policies

	Records      string // file, or directory with a file for each container; "": nothing is recorded
	RecordsLimit int64  // bytes that one container may record; 0: 1 GiB

	Families     []Maker       // nil: Families()
	MaxListeners int           // served at once; 0: 4096
	MaxWaiting   int           // connections whose state has not come; the oldest gives way. 0: 256
	Patience     time.Duration // with a state that does not come; 0: 5 s
	Grace        time.Duration // for calls under way when the agent is stopped; 0: 10 s
	Deadline     time.Duration // of one call; 0: 30 s
	Workers      int           // calls of one listener that may block at once; 0: 64
	Program      Program       // that Upgrade executes; its zero value: none
	Logger       hclog.Logger  // nil: silent
}

// An Agent supervises containers that are handed to it.
type Agent struct {
	o        Options
	log      hclog.Logger
	policies *policies
	records  *records
	metrics  *metrics
	waiting  waiting
	serving  sync.WaitGroup // servers
	monitors atomic.Int64   // of LXC, connected
	stopped  atomic.Bool
	reloads  sync.Mutex
	proc     procself.Proc // for all containers, as long as the process lives

	programs    context.Context // of what is started for containers: the agent serves
	endPrograms func()
	shaking     atomic.Int64 // connections of runtimes whose containers are not known yet

	store      store
	generation int                     // of agents in this process
	resumed    []func(context.Context) // serve what an agent before has served
	upgrading  chan struct{}           // another program is to go on
	estate     *Estate                 // for it

	mu         sync.Mutex
	containers []*supervision
	listeners  int
	holds      map[source]*hold
	keys       uint64                        // the last one given to a hold
	handing    bool                          // the containers over
	ended      map[string]emulate.Statistics // of containers that have ended, by policy
}

// New makes an agent. It makes the process undumpable, for the sake of the calls that are performed (package standin).
func New(o Options) (*Agent, error) {
	o = withDefaults(o)
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("protect the agent's memory: %w", err)
	}
	if o.Default != "" && !validName(o.Default) {
		return nil, fmt.Errorf("default policy %q: a name, without directory and .yaml, is wanted", o.Default)
	}
	records, err := openRecords(o.Records, o.RecordsLimit)
	if err != nil {
		return nil, err
	}
	proc, err := procself.OpenOr(nil)
	if err != nil {
		return nil, err
	}
	programs, endPrograms := context.WithCancel(context.Background())
	a := &Agent{o: o, proc: proc, programs: programs, endPrograms: endPrograms, log: o.Logger, records: records, policies: newPolicies(o.Policies, o.Load, o.Logger),
		waiting: waiting{max: o.MaxWaiting}, ended: map[string]emulate.Statistics{}, holds: map[source]*hold{},
		store: serviceStore(), upgrading: make(chan struct{}, 1)}
	a.metrics = newMetrics(a)
	a.tryDefault()
	return a, nil
}

// tryDefault loads the default policy, so that a mistake in it is known before a container starts.
func (a *Agent) tryDefault() {
	if a.o.Default == "" {
		return
	}
	e := a.policies.take(a.o.Default)
	if err := e.present.Load().err; err != nil {
		a.log.Error("the default policy cannot be used: calls of containers that name none are denied", "error", err)
	}
	a.policies.leave(e)
}

func withDefaults(o Options) Options {
	if o.Families == nil {
		o.Families = Families()
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	o.RecordsLimit = positive(o.RecordsLimit, 1<<30)
	o.MaxListeners = positive(o.MaxListeners, 4096)
	o.MaxWaiting = positive(o.MaxWaiting, 256)
	o.Patience = positive(o.Patience, 5*time.Second)
	o.Grace = positive(o.Grace, 10*time.Second)
	return o
}

func positive[T int | int64 | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// Sockets are what an agent serves; nil ones are not. They are closed when it ends.
type Sockets struct {
	OCI     *net.UnixListener // stream: states from container runtimes
	LXC     *net.UnixListener // seqpacket: notifications from LXC's monitors
	Control net.Listener      // HTTP: /containers, /metrics, /healthz
	Metrics net.Listener      // HTTP: /metrics, /healthz
	Given   map[string]bool   // by name: a service manager's, that are not removed in the end
}

// Serve serves until ctx is done: then it takes no more containers, finishes the calls under way, within Options.Grace, and closes the
// listeners, so that later calls fail with ENOSYS, unless a service manager keeps them for the next agent. The error is nil, or says why
// it could not go on; ErrUpgrade: everything is ready for another program.
func (a *Agent) Serve(ctx context.Context, s Sockets) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, a.endPrograms)()
	taking, takeNoMore := context.WithCancel(ctx)
	defer takeNoMore()
	watch, err := watchDir(a.o.Policies)
	if err != nil {
		return err
	}
	var loops sync.WaitGroup
	failed := make(chan error, 4)
	run := func(f func() error) {
		loops.Go(func() {
			if err := f(); err != nil && ctx.Err() == nil {
				failed <- err
				cancel()
			}
		})
	}
	loops.Go(func() { follow(ctx, watch, a.Reload) })
	run(func() error { return a.accept(taking, s.OCI, func(c *net.UnixConn) { a.handshake(ctx, c) }) })
	run(func() error { return a.accept(taking, s.LXC, func(c *net.UnixConn) { a.handshakeLXC(ctx, c) }) })
	run(func() error { return serveHTTP(ctx, s.Control, a.controlHandler()) })
	run(func() error { return serveHTTP(ctx, s.Metrics, a.metricsHandler()) })
	for _, goOn := range a.resumed {
		go goOn(ctx)
	}
	go a.noteCounts(ctx)
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-a.upgrading:
			if a.handOver(ctx, &s, takeNoMore, cancel, &loops) {
				return ErrUpgrade
			}
		}
	}
	a.stop(&loops)
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// stop waits for what is under way.
func (a *Agent) stop(loops *sync.WaitGroup) {
	a.mu.Lock()
	a.stopped.Store(true)
	a.mu.Unlock()
	a.waiting.closeAll()
	if a.store == "" {
		a.log.Info("stopping: calls under way are finished, later ones fail with ENOSYS")
	} else {
		a.log.Info("stopping: calls under way are finished, later ones wait for the next agent, if the service manager keeps their listeners")
	}
	a.await(loops, a.o.Grace, func() bool { return false })
}

// await waits for the servers' end, or until it is enough, and closes what they wrote to.
func (a *Agent) await(loops *sync.WaitGroup, grace time.Duration, enough func() bool) {
	done := make(chan struct{})
	go func() {
		loops.Wait()
		a.serving.Wait()
		close(done)
	}()
	end := time.Now().Add(grace)
	for over := false; !over; {
		select {
		case <-done:
			over = true
		case <-time.After(look):
			over = time.Now().After(end) || enough()
			if over {
				a.log.Warn("calls under way did not end in time", "grace", a.o.Grace)
			}
		}
	}
	a.saveCounts()
	a.records.close() //nolint:errcheck // what was written was reported
}

// accept takes connections until ctx is done. Each is a goroutine's, so that none holds up another.
func (a *Agent) accept(ctx context.Context, l *net.UnixListener, handle func(*net.UnixConn)) error {
	if l == nil {
		return nil
	}
	defer context.AfterFunc(ctx, func() { l.Close() })()
	for {
		conn, err := l.AcceptUnix()
		switch {
		case err == nil:
			a.shaking.Add(1)
			go handle(conn)
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		default: // EMFILE, say: it passes
			a.log.Error("cannot accept a connection", "error", err)
			time.Sleep(100 * time.Millisecond)
		}
	}
}

// handshake takes one container, or one process more of one.
func (a *Agent) handshake(ctx context.Context, conn *net.UnixConn) {
	defer a.recovered()
	defer conn.Close()
	who := peer(conn)
	leave := a.enter(conn)
	defer leave()
	state, listener, err := receive(conn, a.o.Patience)
	if errors.Is(err, errNothing) || a.stopped.Load() && err != nil {
		return
	}
	if err != nil {
		a.metrics.refuse()
		a.log.Warn("a state was refused", "from_pid", who.Pid, "from_uid", who.Uid, "error", err)
		return
	}
	src, err := fromListener(listener)
	if err != nil {
		a.log.Error("a container was refused", "error", err)
		return
	}
	defer src.close() // nobody answers any more: the targets must not wait
	c, err := a.join(state, who.Uid, false, src)
	if err != nil {
		a.metrics.refuse()
		a.log.Error("a container was refused: its notified calls fail with ENOSYS", "container", state.Container.ID, "error", err)
		return
	}
	defer a.drop(ctx, src)
	conn.Close() // runtimes that wait for it go on
	leave()
	a.serve(ctx, c, src, nil)
	a.drop(ctx, src)
	src.close()
	a.leave(c)
}

// enter counts a connection among those that wait.
func (a *Agent) enter(conn *net.UnixConn) (leave func()) {
	out := a.waiting.enter(conn)
	return sync.OnceFunc(func() {
		out()
		a.shaking.Add(-1)
	})
}

// recovered keeps a fault that one client has found from ending the others' supervision.
func (a *Agent) recovered() {
	if p := recover(); p != nil {
		a.log.Error("panic while serving a client", "panic", p, "stack", string(debug.Stack()))
	}
}

// peer is who is at the other end.
func peer(conn *net.UnixConn) unix.Ucred {
	who := &unix.Ucred{Uid: ^uint32(0)}
	raw, err := conn.SyscallConn()
	if err != nil {
		return *who
	}
	err = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			who = cred
		}
	})
	if err != nil {
		return unix.Ucred{Uid: ^uint32(0)}
	}
	return *who
}

// join finds the container that a state is of, or begins one. What the next agent needs is kept before anything that takes time.
func (a *Agent) join(s *State, uid uint32, lxc bool, src source) (*supervision, error) {
	c, found, err := a.find(s, uid, lxc)
	if err != nil {
		return nil, err
	}
	err = a.hold(c, src)
	if !found {
		c.setup(s)
	}
	<-c.ready
	if err != nil {
		a.leave(c)
		return nil, err
	}
	a.describe(c, src)
	return c, nil
}

func (a *Agent) find(s *State, uid uint32, lxc bool) (c *supervision, found bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.room(); err != nil {
		return nil, false, err
	}
	a.listeners++
	a.serving.Add(1)
	i := slices.IndexFunc(a.containers, func(c *supervision) bool { return c.same(&s.Container, uid, lxc) })
	if i >= 0 {
		a.containers[i].users++
		return a.containers[i], true, nil
	}
	return a.begin(s, uid, lxc), false, nil
}

// begin makes a container of which nothing is known but its state. It needs the lock.
func (a *Agent) begin(s *State, uid uint32, lxc bool) *supervision {
	c := &supervision{a: a, state: s.Container, origin: *s, uid: uid, lxc: lxc, since: time.Now(), users: 1, ready: make(chan struct{}),
		log: a.log.With("container", s.Container.ID), running: map[*server]struct{}{}}
	a.containers = append(a.containers, c)
	return c
}

// serve serves one listener to its end.
func (a *Agent) serve(ctx context.Context, c *supervision, src source, around func(policy.Decider) policy.Decider) {
	s := c.serve(src, around)
	if err := s.Serve(ctx); err != nil && ctx.Err() == nil {
		c.log.Error("a listener is no longer served: its calls fail with ENOSYS", "error", err)
	}
	c.leave(s)
}

// adopt serves the listener of a program that was started for a container, as one of the container's.
func (a *Agent) adopt(ctx context.Context, c *supervision, l *unotify.Listener, around func(policy.Decider) policy.Decider, ended func()) {
	src, err := fromListener(l)
	if err == nil {
		err = a.another(c)
	}
	if err != nil {
		if src != nil {
			src.close()
		}
		ended()
		c.log.Error("a program that was started is not supervised: its notified calls fail with ENOSYS", "error", err)
		return
	}
	go func() {
		defer a.recovered()
		defer src.close()
		a.serve(ctx, c, src, around)
		src.close()
		ended()
		a.leave(c)
	}()
}

// another makes room for one listener more of a container that is there.
func (a *Agent) another(c *supervision) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.room(); err != nil {
		return err
	}
	a.listeners++
	a.serving.Add(1)
	c.users++
	return nil
}

// room says whether another listener can be served. It needs the lock.
func (a *Agent) room() error {
	if a.stopped.Load() {
		return errors.New("the agent is being stopped")
	}
	if a.listeners >= a.o.MaxListeners {
		return fmt.Errorf("there are %d listeners, the most that are served (--max-listeners)", a.listeners)
	}
	return nil
}

// leave lets go of a container with its last listener.
func (a *Agent) leave(c *supervision) {
	a.mu.Lock()
	a.listeners--
	c.users--
	last := c.users == 0
	if last {
		a.containers = slices.DeleteFunc(a.containers, func(o *supervision) bool { return o == c })
		if name := c.label(); !a.handing {
			a.ended[name] = sum(a.ended[name], c.ended)
		}
	}
	handing := a.handing
	a.mu.Unlock()
	if last {
		c.close()
	}
	if last && !handing {
		c.log.Info("container ended")
	}
	a.serving.Done()
}

// Reload reads all policies again; running containers get the new versions. Calls do not wait for it.
func (a *Agent) Reload() {
	a.reloads.Lock()
	defer a.reloads.Unlock()
	list, failed := a.policies.reload()
	a.metrics.reloaded(len(list), failed)
	for _, r := range list {
		a.log.Info("policy reloaded", "policy", r.entry.name, "old", r.old.number(), "new", r.new.number())
		for _, c := range a.snapshot() {
			c.explain(r)
		}
	}
}

// Reopen opens the files of records again, after they have been moved away.
func (a *Agent) Reopen() {
	if err := a.records.reopen(); err != nil {
		a.log.Error("records still go to the old file", "error", err)
	}
}

func (a *Agent) snapshot() []*supervision {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.containers)
}
