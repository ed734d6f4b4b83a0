package audit

import (
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

// begin locks the writer and gives the buffer to append one line to; end takes it back.
func (l *lineWriter) begin() []byte {
	l.mu.Lock()
	return l.buf
}

func (l *lineWriter) end(buf []byte) {
	defer l.mu.Unlock()
	l.buf = buf
	l.lines++
	if len(buf) >= l.limit {
		l.flushLocked()
		return
	}
	if l.lines == 1 {
		l.arm()
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
	if _, err := l.w.Write(l.buf); err != nil {
		l.dropped += l.lines
		if l.err == nil {
			l.err = fmt.Errorf("write records: %w", err)
		}
	}
	l.buf, l.lines = l.buf[:0], 0
}

func (l *lineWriter) droppedLines() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dropped
}

func (l *lineWriter) close() error {
	l.flush()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}
