package oci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/audit"
	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/unotify"
)

// A hold is a listener in the agent's hands, as the next agent would find it.
type hold struct {
	key  uint64
	c    *supervision
	src  source
	book *ledger // nil: of an LXC monitor that has not been handed over
}

// hold writes down what the next agent has to know of a listener, and gives a copy to the service manager's store.
func (a *Agent) hold(c *supervision, src source) error {
	h, err := a.enroll(c, src)
	if err != nil || h.book == nil {
		return err
	}
	if err := a.deposit(h); err != nil {
		c.log.Warn("the service manager does not keep a listener: if the agent dies, its calls fail with ENOSYS", "error", err)
	}
	return nil
}

func (a *Agent) enroll(c *supervision, src source) (*hold, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped.Load() {
		return nil, errors.New("the agent is being stopped")
	}
	a.keys++
	h := &hold{key: a.keys, c: c, src: src}
	a.holds[src] = h
	l, ok := src.(*listenerSource)
	if !ok {
		return h, nil
	}
	if err := c.describe(l.book); err != nil {
		c.log.Warn("a listener cannot be handed to another agent: if this one ends, its calls fail with ENOSYS", "error", err)
		return h, nil
	}
	h.book = l.book
	return h, nil
}

func (a *Agent) deposit(h *hold) error {
	if a.store == "" {
		return nil
	}
	fds, err := h.duplicate()
	if err != nil {
		return err
	}
	defer closeAll(fds)
	return a.store.put(h.key, fds...)
}

// describe writes the deed again, when the container's policy is known.
func (a *Agent) describe(c *supervision, src source) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if h := a.holds[src]; h != nil && h.book != nil {
		c.describe(h.book) //nolint:errcheck // without it the next agent chooses the policy
	}
}

// describe writes a container's deed into a ledger, and what its families keep.
func (c *supervision) describe(book *ledger) error {
	d := deed{State: c.origin, UID: c.uid, LXC: c.lxc, Since: c.since}
	if c.known() { // else the next agent chooses
		d.Policy, d.Print, d.Began = c.choice.policy, c.choice.print, c.began
	}
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	if err := book.write(text, deedAt, maxDeed, headDeed); err != nil {
		return err
	}
	book.keep(c.kept)
	return nil
}

// keep is what the container's families want the next agent's to know. Nothing of a call is done before it is written down.
func (c *supervision) keep(p []byte) {
	c.a.mu.Lock()
	defer c.a.mu.Unlock()
	c.kept = p
	for _, h := range c.a.holds {
		if h.c == c && h.book != nil {
			h.book.keep(p)
		}
	}
}

func (l *ledger) keep(p []byte) {
	if err := l.write(p, keptAt, maxKept, headKept); err != nil {
		l.put(headKept, keptLost)
	}
}

// drop is the end of a hold. What the agent's own end has interrupted stays in the store for the next.
func (a *Agent) drop(ctx context.Context, src source) {
	a.mu.Lock()
	h := a.holds[src]
	over := h != nil && !a.stopped.Load() && ctx.Err() == nil
	if over {
		delete(a.holds, src)
	}
	a.mu.Unlock()
	if over && h.book != nil {
		a.forget(h.key)
	}
}

// forget has the store let go of a listener: who makes calls there must not wait for somebody.
func (a *Agent) forget(key uint64) {
	if err := a.store.remove(storeName(key)); err != nil {
		a.log.Error("a listener that nobody serves stays with the service manager", "error", err)
	}
}

// duplicate makes the descriptors for another agent.
func (h *hold) duplicate() ([]int, error) {
	if h.book == nil {
		h.book = newLedger()
		defer h.book.close() // what is counted is still written
		if err := h.c.describe(h.book); err != nil {
			return nil, err
		}
	}
	at, err := h.book.duplicate()
	if err != nil {
		return nil, err
	}
	fd, err := h.src.duplicate()
	if err != nil {
		unix.Close(at)
		return nil, err
	}
	return []int{fd, at}, nil
}

// saveCounts writes down how often the containers called.
func (a *Agent) saveCounts() {
	a.mu.Lock()
	defer a.mu.Unlock()
	seen := map[*supervision]bool{}
	for _, h := range a.holds {
		if h.book == nil {
			continue
		}
		if seen[h.c] {
			h.book.count(emulate.Statistics{})
			continue
		}
		seen[h.c] = true
		h.book.count(h.c.counts()) // of all its listeners
	}
}

// noteCounts saves them from time to time, where they may be wanted after the agent's death.
func (a *Agent) noteCounts(ctx context.Context) {
	if a.store == "" {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
			a.saveCounts()
		}
	}
}

// Resume takes over what another agent has left, before Serve. What is not what it should be is closed.
func (a *Agent) Resume(e *Estate) {
	a.generation = e.generation + 1
	maps.Copy(a.ended, e.ended)
	for _, h := range e.heirs {
		a.keys = max(a.keys, h.key)
	}
	for _, h := range e.heirs {
		err := a.take(h)
		if errors.Is(err, unotify.ErrHangup) {
			a.log.Info("a container ended while no agent was there", "key", h.key)
		} else if err != nil {
			a.log.Error("what another agent has left cannot be used, and was closed", "key", h.key, "error", err)
		}
		if err != nil {
			closeAll(h.fds)
			a.forget(h.key)
		}
	}
	e.heirs = nil
	var setups sync.WaitGroup
	for _, c := range a.containers {
		setups.Go(func() { c.setup(&c.origin) })
	}
	setups.Wait()
}

// take makes one listener the agent's. It takes the descriptors over if it succeeds.
func (a *Agent) take(h heir) error {
	if len(h.fds) != 2 {
		return fmt.Errorf("%d descriptors came, where a listener and its ledger are wanted", len(h.fds))
	}
	fd, at := h.fds[0], h.fds[1]
	if checkMemfd(fd, ledgerSize) == nil {
		fd, at = at, fd
	}
	book, err := openLedger(at)
	if err != nil {
		return fmt.Errorf("the ledger: %w", err)
	}
	d, kept, err := book.deed()
	if err != nil {
		return fmt.Errorf("the ledger: %w", err)
	}
	src, err := a.source(d, fd, book)
	if err != nil {
		return err
	}
	c := a.place(d, kept, book.counted())
	a.mu.Lock()
	a.holds[src] = &hold{key: h.key, c: c, src: src, book: book}
	if d.LXC {
		a.holds[src].book = nil // another one when it is handed over again
		book.close()
	}
	a.mu.Unlock()
	a.resumed = append(a.resumed, func(ctx context.Context) { a.goOn(ctx, c, src, book) })
	return nil
}

// deed reads what is written of the container, and of its families' memories.
func (l *ledger) deed() (d *deed, kept []byte, err error) {
	text, err := l.read(deedAt, maxDeed, headDeed)
	if err != nil {
		return nil, nil, err
	}
	d = &deed{}
	if err := json.Unmarshal(text, d); err != nil {
		return nil, nil, err
	}
	if d.LXC { // which says no version
		d.State.Version = "1.0"
	}
	if err := d.State.check(); err != nil {
		return nil, nil, err
	}
	if d.Policy != "" && !validName(d.Policy) {
		return nil, nil, fmt.Errorf("%.64q is no policy's name", d.Policy)
	}
	if l.get(headKept) == keptLost {
		return d, unreadable(), nil
	}
	kept, err = l.read(keptAt, maxKept, headKept)
	return d, kept, err
}

// unreadable is for families whose memory is lost: it is no JSON, and they make the worst of that.
func unreadable() []byte { return []byte{0} }

// source takes the descriptor over if it succeeds.
func (a *Agent) source(d *deed, fd int, book *ledger) (source, error) {
	if d.LXC {
		return lxcFromFD(fd, a.log.With("container", d.State.Container.ID))
	}
	l, err := unotify.FromFD(fd)
	if err != nil {
		return nil, fmt.Errorf("the listener: %w", err)
	}
	if l.Hangup() {
		return nil, unotify.ErrHangup
	}
	sizes, err := unotify.NotifSizes()
	if err != nil {
		return nil, err
	}
	return &listenerSource{l: l, book: book, size: max(notifSize, int(sizes.Notification))}, nil
}

// place finds the container that a listener is of, or makes it one that is there again.
func (a *Agent) place(d *deed, kept []byte, count emulate.Statistics) *supervision {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.listeners++
	a.serving.Add(1)
	for _, c := range a.containers {
		if c.same(&d.State.Container, d.UID, d.LXC) {
			c.users++
			c.ended = sum(c.ended, count)
			return c
		}
	}
	c := a.begin(&d.State, d.UID, d.LXC)
	c.resumed, c.since, c.kept, c.began, c.ended = true, d.Since, kept, d.Began, count
	c.choice = choice{d.Policy, d.Print}
	return c
}

// goOn serves a listener that another agent has served.
func (a *Agent) goOn(ctx context.Context, c *supervision, src source, book *ledger) {
	defer a.recovered()
	defer src.close()
	defer a.drop(ctx, src)
	if l, ok := src.(*listenerSource); ok {
		c.answerLost(l, book)
	}
	a.serve(ctx, c, src, nil)
	a.drop(ctx, src)
	src.close()
	a.leave(c)
}

// lostReason is in the records of calls that an agent had received, and has not answered.
const lostReason = "the agent ended before it answered; whether the call was performed is not known"

// answerLost answers the calls that the agent before had received: the kernel delivers none twice, so they would wait for ever. Calls that nobody
// has received are neither valid nor to be answered (seccomp_notify_id_valid and seccomp_notify_send in kernel/seccomp.c).
func (c *supervision) answerLost(src *listenerSource, book *ledger) {
	var lost uint64
	for _, n := range book.left() {
		if src.with(n.ID, func(l *unotify.Listener) error { return l.Valid(n.ID) }) != nil {
			continue
		}
		ev := lostEvent(n)
		err := src.with(n.ID, func(l *unotify.Listener) error { return l.Respond(n.ID, unotify.Response{Errno: unix.ENOSYS}) })
		if err != nil {
			continue // it has gone
		}
		lost++
		c.sink.Record(&ev)
	}
	book.forget()
	if lost > 0 {
		c.log.Warn("calls under way when the agent ended fail with ENOSYS", "calls", lost)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = sum(c.ended, emulate.Statistics{Denied: lost, Failed: lost})
}

func lostEvent(n unotify.Notification) audit.Event {
	ev := audit.Event{Time: time.Now(), Caller: policy.Caller{ID: n.ID, TID: int(n.TID)}, Decision: policy.Denial(unix.ENOSYS, lostReason),
		Outcome: audit.Answered, Errno: unix.ENOSYS}
	raw := arch.Data{Nr: n.Data.NR, IP: n.Data.IP, Args: n.Data.Args}
	abi, ok := arch.Identify(n.Data.Arch, n.Data.NR)
	ev.Call = &arch.Call{Nr: raw.Nr, Raw: raw}
	if ok {
		raw.ABI = abi
		(&arch.Decoder{}).Decode(ev.Call, raw, nil)
	}
	return ev
}

// lxcFromFD takes the connection of a monitor over if it succeeds.
func lxcFromFD(fd int, log hclog.Logger) (source, error) {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || kind != unix.SOCK_SEQPACKET {
		return nil, errors.New("it is no connection of an LXC monitor")
	}
	copied, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, firstActivated)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(copied), "lxc")
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	u, ok := conn.(*net.UnixConn)
	if !ok {
		conn.Close()
		return nil, errors.New("it is no connection of an LXC monitor")
	}
	unix.Close(fd)
	return newLXCSource(u, log), nil
}
