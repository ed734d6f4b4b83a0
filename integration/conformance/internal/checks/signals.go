package checks

import (
	"encoding/binary"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func signalChecks() []Check {
	return []Check{
		{Name: "signal/interrupted", Run: signalInterrupted, Alone: true},
		{Name: "signal/restarted", Run: signalRestarted, Alone: true},
		{Name: "signal/ended-while-waiting", Run: signalEnded, Alone: true},
		{Name: "signal/stopped-while-waiting", Run: signalStopped, Alone: true},
		{Name: "signal/broken-pipe", Run: signalPipe, Alone: true},
		{Name: "signal/storm", Run: signalStorm, Alone: true},
		{Name: "signal/ignored-while-waiting", Run: signalIgnored, Alone: true},
	}
}

const (
	sigDefault = 0
	sigIgnore  = 1
	saRestart  = 0x10000000
)

// signal sets what a signal does, past the Go runtime, which has a handler for each.
func (p *P) signal(s syscall.Signal, handler int64) {
	p.must("rt_sigaction", int(s), append(longs(handler, 0, 0), make([]byte, 8)...), nil, 8)
}

// withoutRestart takes SA_RESTART from the Go runtime's handler of a signal: sigaction(2).
func (p *P) withoutRestart(s syscall.Signal) {
	b := p.room(3*wordSize + 8)
	p.must("rt_sigaction", int(s), nil, b, 8)
	flags := b.b[wordSize:]
	binary.LittleEndian.PutUint32(flags, binary.LittleEndian.Uint32(flags)&^saRestart)
	p.must("rt_sigaction", int(s), b, nil, 8)
}

// toMe sends a signal to the calling thread, a little later.
func toMe(s syscall.Signal) chan struct{} {
	pid, tid := os.Getpid(), unix.Gettid()
	return later(func() { unix.Tgkill(pid, tid, s) })
}

func signalInterrupted(p *P) {
	p.fifo("p")
	signal.Notify(make(chan os.Signal, 9), unix.SIGUSR1)
	p.withoutRestart(unix.SIGUSR1)
	for _, flags := range []int{unix.O_RDONLY, unix.O_WRONLY, unix.O_WRONLY | unix.O_CREAT | unix.O_TRUNC} {
		done := toMe(unix.SIGUSR1)
		giveUp := time.AfterFunc(time.Second, func() { p.openRaw(p.dir+"/p", unix.O_RDWR) })
		p.fd("open", "p", flags, 0)
		<-done
		giveUp.Stop()
	}
	// Nobody may have stayed behind as a reader.
	p.fd("open", "p", unix.O_WRONLY|unix.O_NONBLOCK, 0)
}

func signalRestarted(p *P) {
	p.fifo("p")
	signal.Notify(make(chan os.Signal, 9), unix.SIGUSR1)
	pid, tid, other := os.Getpid(), unix.Gettid(), -1
	done := later(func() {
		unix.Tgkill(pid, tid, unix.SIGUSR1)
		time.Sleep(30 * time.Millisecond)
		other = p.openRaw(p.dir+"/p", unix.O_WRONLY)
	})
	r, text := p.raw("open", "p", unix.O_RDONLY, 0)
	<-done
	p.printf("%s ok=%t %s other=%t", text, r.ok(), r.errno, other >= 0)
}

func signalEnded(p *P) {
	p.fifo("p")
	p.signal(unix.SIGTERM, sigDefault)
	p.flush()
	later(func() { unix.Kill(os.Getpid(), unix.SIGTERM) })
	time.AfterFunc(time.Second, func() { p.openRaw(p.dir+"/p", unix.O_RDWR) })
	p.fd("open", "p", unix.O_RDONLY, 0)
}

func signalStopped(p *P) {
	p.fifo("p")
	other := -1
	done := later(func() { other = p.openRaw(p.dir+"/p", unix.O_WRONLY) })
	tid := unix.Gettid()
	go func() {
		time.Sleep(10 * time.Millisecond)
		unix.Tgkill(os.Getpid(), tid, unix.SIGCONT)
	}()
	r, text := p.raw("open", "p", unix.O_RDONLY, 0)
	<-done
	p.printf("%s ok=%t other=%t", text, r.ok(), other >= 0)
}

func signalPipe(p *P) {
	p.fifo("p")
	r := p.fd("open", "p", unix.O_RDONLY|unix.O_NONBLOCK, 0)
	w := p.fd("open", "p", unix.O_WRONLY, 0)
	p.close(r)
	p.signal(unix.SIGPIPE, sigDefault)
	p.flush()
	_, err := unix.Write(w, []byte("x"))
	p.printf("still alive: %v", err)
}

// Signals while many calls are made: none may be made twice or lost.
func signalStorm(p *P) {
	signal.Notify(make(chan os.Signal, 9), unix.SIGUSR1)
	pid, tid := os.Getpid(), unix.Gettid()
	stop := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Microsecond):
				unix.Tgkill(pid, tid, unix.SIGUSR1)
			}
		}
	}()
	failed := 0
	for range 1000 {
		for _, call := range []string{"mkdir", "rmdir"} {
			if r, _ := p.raw(call, "d", oct(0o755)); !r.ok() {
				failed++
			}
		}
	}
	close(stop)
	<-stopped
	p.printf("%d failed", failed)
}

func signalIgnored(p *P) {
	p.fifo("p")
	p.signal(unix.SIGUSR1, sigIgnore)
	other := -1
	toMe(unix.SIGUSR1)
	done := later(func() {
		time.Sleep(20 * time.Millisecond)
		other = p.openRaw(p.dir+"/p", unix.O_WRONLY)
	})
	r, text := p.raw("open", "p", unix.O_RDONLY, 0)
	<-done
	p.printf("%s ok=%t %s other=%t", text, r.ok(), r.errno, other >= 0)
}
