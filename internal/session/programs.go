package session

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/emulate/container"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/unotify"
)

// programs are those that the supervisor starts for the supervised ones. They are under the same filter, each with a listener of its own,
// and like everything else that the session has started they are waited for.
type programs struct {
	ctx     context.Context // the session's
	targets *unotify.Targets
	o       Options // complete before anything is started
	all     sync.WaitGroup
}

func (p *programs) confinement(o *Options) *container.Confinement {
	return &container.Confinement{
		Filter:   func() ([]unix.SockFilter, error) { return p.o.Filter, nil },
		Landlock: o.Landlock, LandlockFlags: o.LandlockFlags,
		Serve: p.serve,
	}
}

func (p *programs) serve(l *unotify.Listener, around func(policy.Decider) policy.Decider, ended func()) {
	o := p.o.Server
	if p.o.Decider != nil {
		o.Decider = p.o.Decider(NewAsker(p.targets, l))
	}
	o.Decider = around(o.Decider)
	p.all.Go(func() {
		defer ended()
		defer l.Close() // nobody answers any more: the targets must not wait
		server := emulate.New(emulate.FromListener(l), o)
		if err := server.Serve(p.ctx); err != nil && !errors.Is(err, context.Canceled) {
			p.o.Logger.Error("a program that serves a file system is no longer supervised", "error", err)
		}
	})
}

func (p *programs) wait() { p.all.Wait() }
