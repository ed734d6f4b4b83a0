package oci

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ErrUpgrade is what Serve gives when it has stopped for the next program: see Estate.
var ErrUpgrade = errors.New("another program is to go on")

// checkFlag asks a program, with the arguments of this one, whether it would go on with what this one hands over.
const checkFlag = "check-handover"

// check has a program say that it could go on.
func (p Program) check(ctx context.Context) error {
	const patience = 8 * time.Second // the control socket waits 10 s
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.Path, append(p.Args[1:len(p.Args):len(p.Args)], "--"+checkFlag+"="+HandoverFormat())...)
	cmd.Env = environment()
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		const most = 500
		return fmt.Errorf("%s cannot go on in this one's place: %w: %.*s", p.Path, err, most, strings.TrimSpace(string(out)))
	}
	return nil
}

// Upgrade has the program on disk go on in the place of this one, with all containers: Serve ends with ErrUpgrade. An error says why it
// cannot; then nothing has changed.
func (a *Agent) Upgrade(ctx context.Context) error {
	if a.o.Program.Path == "" {
		return errors.New("the agent does not know which program it is")
	}
	if err := a.o.Program.check(ctx); err != nil {
		a.log.Error("no upgrade: this program goes on", "error", err)
		return err
	}
	select {
	case a.upgrading <- struct{}{}:
	default: // somebody has asked for it already
	}
	return nil
}

// Estate is what is left after ErrUpgrade.
func (a *Agent) Estate() *Estate { return a.estate }

// list names the sockets that are served.
func (s *Sockets) list() map[string]net.Listener {
	all := map[string]net.Listener{}
	for name, l := range map[string]*net.UnixListener{SocketOCI: s.OCI, SocketLXC: s.LXC} {
		if l != nil {
			all[name] = l
		}
	}
	for name, l := range map[string]net.Listener{SocketControl: s.Control, SocketMetrics: s.Metrics} {
		if l != nil {
			all[name] = l
		}
	}
	return all
}

// keep makes descriptors of the sockets that outlive the agent's own. Connections to them wait.
func (s *Sockets) keep() (map[string]socket, error) {
	kept := map[string]socket{}
	for name, l := range s.list() {
		fd, err := -1, error(nil)
		if c, ok := l.(syscall.Conn); ok {
			fd, err = duplicate(c)
		}
		if fd < 0 || err != nil {
			for _, k := range kept {
				unix.Close(k.fd)
			}
			return nil, fmt.Errorf("hand socket %s over: %w", name, err)
		}
		kept[name] = socket{fd, !s.Given[name]}
	}
	for _, l := range s.list() {
		if u, ok := l.(*net.UnixListener); ok {
			u.SetUnlinkOnClose(false)
		}
	}
	return kept, nil
}

// settle gives what is under way time to end, while everything else is served as before: connections whose states have not come, and calls
// that have been received by now.
func (a *Agent) settle(ctx context.Context) (stuck calls) {
	old := a.underWay()
	for end := time.Now().Add(a.o.Grace); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(look) {
		if old.strike(); a.shaking.Load() == 0 && len(old) == 0 {
			break
		}
	}
	return old
}

// look is how often it is looked whether something has ended.
const look = 5 * time.Millisecond

// calls are some that are under way.
type calls map[source][]uint64

func (a *Agent) underWay() calls {
	a.mu.Lock()
	list := slices.Collect(maps.Keys(a.holds))
	a.mu.Unlock()
	all := calls{}
	for _, src := range list {
		if ids := src.pending(); len(ids) > 0 {
			all[src] = ids
		}
	}
	return all
}

// strike takes out what has ended.
func (c calls) strike() {
	for src, ids := range c {
		now := src.pending()
		c[src] = slices.DeleteFunc(ids, func(id uint64) bool { return !slices.Contains(now, id) })
		if len(c[src]) == 0 {
			delete(c, src)
		}
	}
}

// only says whether nothing else is under way, and nothing more can come.
func (c calls) only(a *Agent) bool {
	a.mu.Lock()
	list := slices.Collect(maps.Keys(a.holds))
	a.mu.Unlock()
	for _, src := range list {
		if src.receiving() || slices.ContainsFunc(src.pending(), func(id uint64) bool { return !slices.Contains(c[src], id) }) {
			return false
		}
	}
	return true
}

// atLast is how long calls may take that came while the older ones were waited for. Meanwhile others wait.
const atLast = 1500 * time.Millisecond

// handOver stops the agent for the next one; false: it goes on, or has been told to stop for good.
func (a *Agent) handOver(ctx context.Context, s *Sockets, takeNoMore, cancel func(), loops *sync.WaitGroup) bool {
	kept, err := s.keep()
	if err != nil {
		a.log.Error("no upgrade: this program goes on", "error", err)
		return false
	}
	a.estate = &Estate{generation: a.generation, sockets: kept}
	takeNoMore()
	a.log.Info("another program goes on: calls under way are finished, later ones wait for it", "program", a.o.Program.Path)
	stuck := a.settle(ctx)
	if ctx.Err() != nil {
		a.estate.discard()
		return false
	}
	a.bequeath()
	cancel()
	a.await(loops, atLast, func() bool { return len(stuck) > 0 && stuck.only(a) })
	a.mu.Lock()
	defer a.mu.Unlock()
	for src := range a.holds {
		if l, ok := src.(*lxcSource); ok {
			l.abandon()
		}
	}
	a.estate.ended = a.ended
	return true
}

// bequeath duplicates what the next agent gets. After it no container is taken.
func (a *Agent) bequeath() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stopped.Store(true)
	a.handing = true
	for _, h := range a.holds {
		fds, err := h.duplicate()
		if err != nil {
			h.c.log.Error("a listener cannot be handed over: its calls fail with ENOSYS", "error", err)
			continue
		}
		a.estate.heirs = append(a.estate.heirs, heir{h.key, fds})
	}
}
