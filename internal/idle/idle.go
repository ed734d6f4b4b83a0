// Package idle keeps things that wait to be used again, by what they can be used for.
package idle

import (
	"sync"
	"time"
)

// A List has the things that wait, the longest unused first. The zero value is empty; its methods may be called from any goroutine.
type List[T any] struct {
	mu    sync.Mutex
	items []item[T]
}

type item[T any] struct {
	key   string
	since time.Time
	value T
}

// Take takes out what was given last with a key; false where nothing was.
func (l *List[T]) Take(key string) (value T, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := len(l.items) - 1; i >= 0; i-- {
		if v := &l.items[i]; v.key == key {
			value = v.value
			l.items = append(l.items[:i], l.items[i+1:]...)
			return value, true
		}
	}
	return value, false
}

// Give lets a value wait. Where more than most wait then, the longest unused one leaves and is returned.
func (l *List[T]) Give(key string, value T, most int) (old T, full bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.items = append(l.items, item[T]{key, time.Now(), value})
	if len(l.items) <= most {
		return old, false
	}
	old = l.items[0].value
	l.items = l.items[1:]
	return old, true
}

// Expire takes out what was given before a moment, and says how many are left.
func (l *List[T]) Expire(before time.Time) (old []T, left int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.items) > 0 && l.items[0].since.Before(before) {
		old = append(old, l.items[0].value)
		l.items = l.items[1:]
	}
	return old, len(l.items)
}

// Drain takes out everything.
func (l *List[T]) Drain() (all []T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.items {
		all = append(all, l.items[i].value)
	}
	l.items = nil
	return all
}
