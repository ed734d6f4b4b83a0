package emulate

import (
	"runtime"
)

// hands are what one of the supervisor's threads needs for performing the families' calls. They are made when they are first
// needed.
type hands struct {
	table   *Table
	threads []Thread
	works   []Work
}

func newHands(t *Table) hands {
	return hands{table: t, threads: make([]Thread, len(t.families)), works: make([]Work, len(t.families))}
}

// work is room for a call of a family.
func (h *hands) work(family int) Work {
	if h.works[family] == nil {
		h.works[family] = h.table.families[family].Work()
	}
	return h.works[family]
}

// give hands over the room for a call, with the call in it.
func (h *hands) give(family int) { h.works[family] = nil }

// thread makes the calling thread one that performs a family's calls. The goroutine stays locked to it, so that it ends with it and
// serves nothing else.
func (h *hands) thread(family int) (Thread, error) {
	if h.threads[family] != nil {
		return h.threads[family], nil
	}
	runtime.LockOSThread()
	t, err := h.table.families[family].Thread()
	if err != nil {
		return nil, err
	}
	h.threads[family] = t
	return t, nil
}

// close gives up what the threads hold.
func (h *hands) close() {
	for _, t := range h.threads {
		if t != nil {
			t.Close()
		}
	}
}
