package audit

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// writes keeps each write by itself.
type writes struct {
	mu  sync.Mutex
	all []string
}

func (w *writes) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, string(p))
	return len(p), nil
}

func (w *writes) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.all)
}

func line(l *lineWriter, text string) {
	l.add(func(b []byte) []byte { return append(b, text+"\n"...) })
}

func TestUnbufferedLines(t *testing.T) {
	w := &writes{}
	l := newLineWriter(w, false)
	line(l, "a")
	line(l, "b")
	if got := strings.Join(w.all, "|"); got != "a\n|b\n" {
		t.Errorf("written %q", got)
	}
}

// TestDelay runs on a clock of its own: lines wait for others, but not for long, time and again.
func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &writes{}
		l := newLineWriter(w, true)
		for round := range 3 {
			line(l, "a")
			time.Sleep(bufferDelay - time.Millisecond)
			line(l, "b")
			synctest.Wait()
			if w.count() != round {
				t.Fatalf("round %d: written too early: %q", round, w.all)
			}
			time.Sleep(time.Millisecond)
			synctest.Wait()
			if w.count() != round+1 || w.all[round] != "a\nb\n" {
				t.Fatalf("round %d: written %q", round, w.all)
			}
			time.Sleep(time.Second)
		}
		if err := l.close(); err != nil || w.count() != 3 {
			t.Errorf("closed with %v, %d writes", err, w.count())
		}
	})
}

func TestBufferLimit(t *testing.T) {
	w := &writes{}
	l := newLineWriter(w, true)
	text := strings.Repeat("x", 1023)
	for range bufferLimit/1024 + 1 {
		line(l, text)
	}
	if w.count() != 1 || len(w.all[0]) != bufferLimit {
		t.Errorf("%d writes, want one of %d bytes", w.count(), bufferLimit)
	}
	l.close()
	if w.count() != 2 || len(w.all[1]) != 1024 {
		t.Errorf("%d writes after closing", w.count())
	}
}

func TestWriteErrors(t *testing.T) {
	l := newLineWriter(fault{after: 5, err: unix.ENOSPC}, true)
	for range 4 {
		line(l, "abc") // the first of the four is written, and a part of the second
	}
	l.flush()
	if l.droppedLines() != 3 {
		t.Errorf("%d lines lost, want 3", l.droppedLines())
	}
	line(l, "abc")
	l.flush()
	if err := l.close(); !errors.Is(err, unix.ENOSPC) || l.droppedLines() != 3 {
		t.Errorf("closed with %v, %d lines lost", err, l.droppedLines())
	}
	if err := l.close(); err == nil {
		t.Error("the error is forgotten")
	}
}

// TestSinksReportLoss goes through the sinks.
func TestSinksReportLoss(t *testing.T) {
	broken := fault{err: unix.EIO}
	for _, sink := range []Sink{NewJSON(broken, JSONOptions{Buffered: true}), NewText(broken, TextOptions{}), NewText(broken, TextOptions{Buffered: true})} {
		sink.Record(opening(t, 1))
		sink.Record(opening(t, 1))
		if err := sink.Close(); !errors.Is(err, unix.EIO) || sink.Dropped() != 2 {
			t.Errorf("%T: error %v, %d lost", sink, err, sink.Dropped())
		}
	}
}

// TestNothingLost writes from many sides while the timer does, and counts after closing.
func TestNothingLost(t *testing.T) {
	const writers, each = 8, 2000
	for _, buffered := range []bool{false, true} {
		var out bytes.Buffer
		sink := NewText(&out, TextOptions{Buffered: buffered, TIDs: true})
		sink.(*textSink).delay = time.Millisecond
		var all sync.WaitGroup
		for i := range writers {
			event := opening(t, 100+i)
			all.Go(func() {
				for range each {
					sink.Record(event)
				}
			})
		}
		all.Wait()
		if err := sink.Close(); err != nil {
			t.Fatal(err)
		}
		seen := map[string]int{}
		for _, l := range strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n") {
			tid, rest, _ := strings.Cut(l, " ")
			if rest != openingText {
				t.Fatalf("a line was taken apart: %q", l)
			}
			seen[tid]++
		}
		for tid, n := range seen {
			if n != each {
				t.Errorf("%d lines of %s, want %d", n, tid, each)
			}
		}
		if len(seen) != writers {
			t.Errorf("lines of %d threads, want %d", len(seen), writers)
		}
	}
}

// A line that cannot be formatted is counted, and the next one is written.
func TestFormatPanics(t *testing.T) {
	w := &writes{}
	l := newLineWriter(w, true)
	line(l, "a")
	l.add(func(b []byte) []byte { _ = append(b, "half of"...); panic("a fault") })
	line(l, "b")
	err := l.close()
	if err == nil || !strings.Contains(err.Error(), "a fault") || l.droppedLines() != 1 || strings.Join(w.all, "") != "a\nb\n" {
		t.Errorf("error %v, %d lines lost, written %q", err, l.droppedLines(), w.all)
	}
}

func TestDiscard(t *testing.T) {
	var d Discard
	d.Record(opening(t, 1))
	if d.Needs() != (Needs{}) || d.Dropped() != 0 || d.Close() != nil {
		t.Error("discarding is more than nothing")
	}
}
