// Package emulate is the pipeline of a supervisor: it receives notifications, decodes them, has them decided, acts on the
// decision, replies and records.
//
//	receive -> identify -> decode (the only step that reads target memory) -> decide -> act -> reply -> record
//
// Decoding copies every argument into Go values; what comes after it holds copies and cannot read the target again. Whatever
// goes wrong on the way (an unknown ABI, a panic, a time-out, a failed injection) denies the call, with a reason in the record.
package emulate

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/audit"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/unotify"
)

// Options of a Server. Every zero value is a sensible default.
type Options struct {
	Decider  policy.Decider          // nil: deny everything
	Sink     audit.Sink              // nil: nothing is recorded
	Table    *Table                  // calls that can be performed; nil: none
	As       func(arch.ID) policy.As // who performs a call; nil: its target
	Logger   hclog.Logger            // nil: silent
	Targets  Targets                 // what is known of the callers; nil: nothing, calls are decoded from their registers
	Decoder  arch.Decoder            // its bounds are used
	Workers  int                     // calls performed by functions, or waited in, at once; 0: 64
	Deadline time.Duration           // for one call, from reception to answer; 0: 30 s
	Stall    time.Duration           // after which a leader is replaced; 0: 20 ms
	Leaders  int                     // leaders that may be stalled at once; 0: 64
	Killable bool                    // waiting targets are woken by their end only (unotify.FlagWaitKillableRecv)
}

// Statistics count what a server has done.
type Statistics struct {
	Received uint64 // notifications
	Gone     uint64 // of them over before they were answered: normal
	Denied   uint64 // failed by the policy or because of an error
	Failed   uint64 // not answered because of an error: should be 0
	Panics   uint64
	Timeouts uint64
	Stalls   uint64 // leaders replaced
}

type statistics struct {
	received, gone, denied, failed, panics, timeouts, stalls atomic.Uint64
}

// A Server supervises one source.
type Server struct {
	src     Source
	o       Options
	needs   audit.Needs
	watch   arch.Selection         // calls that a family wants to be told of
	byReg   policy.RegisterDecider // nil: every call is decoded
	log     hclog.Logger
	stats   statistics
	work    *workers
	ended   chan error // of the leader that met the end
	mu      sync.Mutex // guards leader and stuck
	leader  *leader
	dozing  atomic.Bool   // the monitor waits for wake
	wake    chan struct{} //
	stalled atomic.Int64  // leaders that were replaced and have not come back
	stuck   []*leader     // them; guarded by mu
	repeats *repeats      // nil: no call is made again after it was received
}

// New makes a server of a source.
func New(src Source, o Options) *Server {
	o = withDefaults(o)
	s := &Server{src: src, o: o, needs: o.Sink.Needs(), log: o.Logger, ended: make(chan error, 1), wake: make(chan struct{}, 1)}
	if d, ok := o.Decider.(policy.RegisterDecider); ok && !s.needs.Args {
		s.byReg = d
	}
	if !o.Killable {
		s.repeats = newRepeats()
	}
	s.watch = o.Table.watch()
	s.work = newWorkers(s, o.Workers)
	return s
}

func withDefaults(o Options) Options {
	if o.Decider == nil {
		o.Decider = policy.Always(policy.Denial(0, "no policy"))
	}
	if o.Sink == nil {
		o.Sink = audit.Discard{}
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.Table == nil {
		o.Table = &Table{}
	}
	o.Workers = positive(o.Workers, 64)
	o.Leaders = positive(o.Leaders, 64)
	o.Deadline = positive(o.Deadline, 30*time.Second)
	o.Stall = positive(o.Stall, 20*time.Millisecond)
	return o
}

func positive[T int | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// Serve supervises until every target is gone (nil) or ctx is done (its error). Calls being performed are finished first.
func (s *Server) Serve(ctx context.Context) error {
	if err := s.src.SetFlags(unotify.SyncWakeUp); err != nil {
		s.log.Debug("supervisor and target cannot be kept on one CPU; a call costs two to three times as much", "error", err)
	}
	if err := s.lead(); err != nil {
		return err
	}
	stop := make(chan struct{})
	go s.monitor(stop)
	var err error
	select {
	case err = <-s.ended:
	case <-ctx.Done():
		err = ctx.Err()
	}
	close(stop)
	s.close()
	return err
}

// abandon is how long the end of supervision waits for a leader that is stuck in a call that nothing can end, such as a look-up on a
// file system whose server hangs.
const abandon = time.Second

// close ends leaders and workers. A leader that is stalled in a target's memory is left behind: it holds no lock and ends when
// the read does. One that has been slow only is waited for: it may be using what the caller of Serve is about to close.
func (s *Server) close() {
	s.mu.Lock()
	l := s.leader
	s.mu.Unlock()
	l.recv.Interrupt()
	select {
	case <-l.done:
	case <-time.After(abandon):
	}
	for over := time.Now().Add(abandon); s.stalled.Load() > 0 && time.Now().Before(over); {
		time.Sleep(abandon / 1000)
	}
	s.work.close()
	s.repeats.close()
}

// as says who performs a call.
func (s *Server) as(id arch.ID) policy.As {
	if s.o.As == nil {
		return policy.AsTarget
	}
	return s.o.As(id)
}

// Statistics reads the counters.
func (s *Server) Statistics() Statistics {
	return Statistics{
		Received: s.stats.received.Load(), Gone: s.stats.gone.Load(), Denied: s.stats.denied.Load(),
		Failed: s.stats.failed.Load(), Panics: s.stats.panics.Load(), Timeouts: s.stats.timeouts.Load(),
		Stalls: s.stats.stalls.Load(),
	}
}

// end reports how receiving ended, once.
func (s *Server) end(err error) {
	if errors.Is(err, unotify.ErrHangup) {
		err = nil
	}
	select {
	case s.ended <- err:
	default:
	}
}
