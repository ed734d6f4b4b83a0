package audit

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"github.com/stead-project/stead/arch"
)

// NewCount makes a sink that counts calls and writes a table of them when it is closed.
func NewCount(w io.Writer) Sink {
	return &countSink{w: w, counts: map[countKey]count{}}
}

type countSink struct {
	w      io.Writer
	mu     sync.Mutex
	counts map[countKey]count
	lost   uint64 // calls of a table that could not be written
}

type countKey struct {
	abi arch.ABI
	id  arch.ID
	nr  int32 // of a call without a name
}

type count struct{ all, denied, gone uint64 }

func (s *countSink) Needs() Needs { return Needs{} }

func (s *countSink) Dropped() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost
}

func (s *countSink) Record(e *Event) {
	key := countKey{abi: e.Call.ABI, id: e.Call.ID}
	if key.id == 0 {
		key.nr = e.Call.Nr
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counts[key]
	c.all++
	if e.Outcome == Answered && e.Errno != 0 {
		c.denied++
	}
	if e.Outcome == Gone {
		c.gone++
	}
	s.counts[key] = c
}

// Close writes the table, in one piece: the most frequent calls first.
func (s *countSink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var total count
	for _, c := range s.counts {
		total.all, total.denied, total.gone = total.all+c.all, total.denied+c.denied, total.gone+c.gone
	}
	if _, err := s.w.Write(s.table(total)); err != nil {
		s.lost = total.all
		return fmt.Errorf("write counts: %w", err)
	}
	return nil
}

func (s *countSink) table(total count) []byte {
	b := fmt.Appendf(nil, "%7s %10s %8s %8s %-11s %s\n", "% calls", "calls", "denied", "gone", "abi", "syscall")
	for _, k := range s.sorted() {
		b = appendRow(b, s.counts[k], total.all, k.abi.String(), k.name())
	}
	return appendRow(b, total, total.all, "", "total")
}

func (s *countSink) sorted() []countKey {
	return slices.SortedFunc(maps.Keys(s.counts), func(a, b countKey) int {
		return cmp.Or(cmp.Compare(s.counts[b].all, s.counts[a].all), cmp.Compare(a.name(), b.name()), cmp.Compare(a.abi, b.abi))
	})
}

func appendRow(b []byte, c count, total uint64, abi, name string) []byte {
	percent := 100.0
	if total > 0 {
		percent = 100 * float64(c.all) / float64(total)
	}
	return fmt.Appendf(b, "%7.2f %10d %8d %8d %-11s %s\n", percent, c.all, c.denied, c.gone, abi, name)
}

func (k countKey) name() string {
	if k.id != 0 {
		return k.id.Name()
	}
	return fmt.Sprintf("syscall_%#x", uint32(k.nr))
}
