package audit

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

// A lineWriter collects whole lines and writes them in few, large writes. It is safe for use by several goroutines.
type lineWriter struct {
	mu      sync.Mutex
	w       io.Writer
	buf     []byte
	lines   uint64 // in buf
	limit   int    // bytes after which buf is written; 0: each line at once
	delay   time.Duration
	timer   *time.Timer // armed while buf waits
	err     error       // the first one
	dropped uint64
}

const (
	bufferLimit = 32 << 10
	bufferDelay = 200 * time.Millisecond
)

func newLineWriter(w io.Writer, buffered bool) *lineWriter {
	l := &lineWriter{w: w}
	if buffered {
		l.limit, l.delay = bufferLimit, bufferDelay
	}
	return l
}

// add lets format append one line. A line consists of what a target chose: a fault in its formatting costs that line, not the
// supervision.
func (l *lineWriter) add(format func([]byte) []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.recovered()
	l.buf = format(l.buf)
	l.lines++
	if len(l.buf) >= l.limit {
		l.flushLocked()
		return
	}
	if l.lines == 1 {
		l.arm()
	}
}

func (l *lineWriter) recovered() {
	if p := recover(); p != nil {
		l.drop(1, fmt.Errorf("format record: %v", p))
	}
}

func (l *lineWriter) drop(lines uint64, err error) {
	l.dropped += lines
	if l.err == nil {
		l.err = err
	}
}

// arm makes sure that what is buffered does not wait for long.
func (l *lineWriter) arm() {
	if l.timer == nil {
		l.timer = time.AfterFunc(l.delay, l.flush)
		return
	}
	l.timer.Reset(l.delay)
}

func (l *lineWriter) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flushLocked()
}

func (l *lineWriter) flushLocked() {
	if len(l.buf) == 0 {
		return
	}
	if n, err := l.w.Write(l.buf); err != nil {
		l.drop(l.lines-uint64(bytes.Count(l.buf[:n], []byte{'\n'})), fmt.Errorf("write records: %w", err))
	}
	l.buf, l.lines = l.buf[:0], 0
}

func (l *lineWriter) droppedLines() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dropped
}

func (l *lineWriter) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer != nil {
		l.timer.Stop()
	}
	l.flushLocked()
	return l.err
}
