package container

import (
	"os"
	"strings"
	"sync"
	"time"
)

// A speech is what a program says on its standard output and error. The end of it is kept; it is listened to as long as anybody may speak,
// so that a program that stays in the foreground meets no closed pipe.
type speech struct {
	over chan struct{} // closed when nobody can say anything any more
	mu   sync.Mutex
	text []byte
}

// maxSpeech is how much of it is kept.
const maxSpeech = 1 << 10

// listen makes a speech, and what its speaker writes to.
func listen() (*speech, *os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	s := &speech{over: make(chan struct{})}
	go s.hear(r)
	return s, w, nil
}

func (s *speech) hear(r *os.File) {
	defer close(s.over)
	defer r.Close()
	buf := make([]byte, maxSpeech)
	for {
		n, err := r.Read(buf)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.text = append(s.text, buf[:n]...)
		s.text = s.text[max(0, len(s.text)-maxSpeech):]
		s.mu.Unlock()
	}
}

// words are a program's last, for a message; "" if it said nothing. What it has just said may take a moment to be heard.
func (p *program) words() string {
	const moment = 50 * time.Millisecond
	select {
	case <-p.said.over:
	case <-time.After(moment):
	}
	p.said.mu.Lock()
	defer p.said.mu.Unlock()
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(p.said.text), "?")), " ")
	if text == "" {
		return ""
	}
	return ": " + text
}
