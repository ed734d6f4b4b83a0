package checks

import (
	"time"

	"golang.org/x/sys/unix"
)

func fifoChecks() []Check {
	return []Check{
		{Name: "fifo/nonblocking", Run: fifoNonblocking},
		{Name: "fifo/reader-waits", Run: fifoReaderWaits},
		{Name: "fifo/writer-waits", Run: fifoWriterWaits},
		{Name: "fifo/many-wait", Run: fifoMany},
		{Name: "fifo/creat-waits", Run: fifoCreat},
		{Name: "fifo/through-proc", Run: fifoThroughProc},
		{Name: "fifo/writes-to-nobody", Run: fifoBroken},
		{Name: "fifo/socket-file", Run: socketFile},
	}
}

func fifoNonblocking(p *P) {
	p.fifo("p")
	p.fd("open", "p", unix.O_WRONLY|unix.O_NONBLOCK, 0)
	p.fd("openat2", unix.AT_FDCWD, "p", how(unix.O_WRONLY|unix.O_NONBLOCK, 0, 0), 24)
	r := p.fd("open", "p", unix.O_RDONLY|unix.O_NONBLOCK, 0)
	w := p.fd("open", "p", unix.O_WRONLY|unix.O_NONBLOCK, 0)
	n, err := unix.Write(w, []byte("hello"))
	p.printf("write %d %v", n, err)
	n, err = unix.Read(r, make([]byte, 9))
	p.printf("read %d %v", n, err)
	n, err = unix.Read(r, make([]byte, 9))
	p.printf("read %d %v", n, err)
	p.fd("open", "p", unix.O_RDWR, 0)
	p.fd("open", "p", unix.O_RDWR|unix.O_TRUNC|unix.O_CREAT, oct(0o600))
	p.fd("open", "p", unix.O_CREAT|unix.O_EXCL, oct(0o600))
	p.fd("open", "p", unix.O_DIRECTORY, 0)
	p.fd("open", "p", unix.O_PATH, 0)
	p.state("p")
}

// later does something from another thread after the calling one has come to wait.
func later(do func()) chan struct{} {
	done := make(chan struct{})
	go func() {
		time.Sleep(30 * time.Millisecond)
		do()
		close(done)
	}()
	return done
}

// openRaw opens on another thread. It returns the descriptor or -1.
func (p *P) openRaw(name string, flags int) int {
	fd, err := unix.Open(name, flags, 0)
	if err != nil {
		return -1
	}
	return fd
}

func fifoReaderWaits(p *P) {
	p.fifo("p")
	other := -1
	start := time.Now()
	done := later(func() { other = p.openRaw(p.dir+"/p", unix.O_WRONLY) })
	r, text := p.raw("open", "p", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	<-done
	p.printf("%s ok=%t waited=%t other=%t", text, r.ok(), time.Since(start) > 20*time.Millisecond, other >= 0)
	n, err := unix.Write(other, []byte("x"))
	p.printf("write %d %v", n, err)
	if n == 1 {
		n, err = unix.Read(r.val, make([]byte, 2))
		p.printf("read %d %v%s", n, err, p.fdFlags(r.val))
	}
	p.fds = append(p.fds, r.val, other)
}

func fifoWriterWaits(p *P) {
	p.fifo("p")
	other := -1
	done := later(func() { other = p.openRaw(p.dir+"/p", unix.O_RDONLY) })
	r, text := p.raw("openat", unix.AT_FDCWD, "p", unix.O_WRONLY, 0)
	<-done
	p.printf("%s ok=%t other=%t%s", text, r.ok(), other >= 0, p.fdFlags(r.val))
	p.fds = append(p.fds, r.val, other)
}

// Many threads wait at once, which must not keep other calls from being made.
func fifoMany(p *P) {
	const many = 40
	p.fifo("p")
	got := make(chan int)
	for range many {
		go func() { got <- p.openRaw(p.dir+"/p", unix.O_RDONLY) }()
	}
	time.Sleep(50 * time.Millisecond)
	p.call("access", "p", unix.R_OK)
	w := p.openRaw("p", unix.O_WRONLY)
	p.fds = append(p.fds, w)
	opened := 0
	for range many {
		if fd := <-got; fd >= 0 {
			opened++
			unix.Close(fd)
		}
	}
	p.printf("%d of %d opened", opened, many)
}

func fifoCreat(p *P) {
	p.fifo("p")
	other := -1
	done := later(func() { other = p.openRaw(p.dir+"/p", unix.O_RDONLY) })
	r, text := p.raw("creat", "p", oct(0o600))
	<-done
	p.printf("%s ok=%t other=%t%s", text, r.ok(), other >= 0, p.fdFlags(r.val))
	p.fds = append(p.fds, r.val, other)
	p.state("p")
}

// A pipe without a name is opened anew by its link in /proc.
func fifoThroughProc(p *P) {
	var ends [2]int
	if err := unix.Pipe(ends[:]); err != nil {
		p.broken("pipe: %v", err)
		return
	}
	p.fds = append(p.fds, ends[0], ends[1])
	if w := p.fd("open", procFD(ends[0]), unix.O_WRONLY, 0); w >= 0 {
		n, err := unix.Write(w, []byte("hello"))
		p.printf("write %d %v", n, err)
		n, err = unix.Read(ends[0], make([]byte, 9))
		p.printf("read %d %v", n, err)
	}
	p.fd("open", procFD(ends[1]), unix.O_RDONLY|unix.O_NONBLOCK, 0)
	p.fd("open", procFD(ends[1]), unix.O_DIRECTORY, 0)
	p.call("newfstatat", unix.AT_FDCWD, procFD(ends[0]), p.statRoom("newfstatat"), 0)
	p.call("chmod", procFD(ends[0]), oct(0o640))
	p.call("truncate", procFD(ends[0]), 0)
}

func fifoBroken(p *P) {
	p.fifo("p")
	r := p.fd("open", "p", unix.O_RDONLY|unix.O_NONBLOCK, 0)
	w := p.fd("open", "p", unix.O_WRONLY, 0)
	p.close(r)
	n, err := unix.Write(w, []byte("x"))
	p.printf("write %d %v", n, err)
	p.fd("open", "p", unix.O_WRONLY|unix.O_NONBLOCK, 0)
}

// A socket's name cannot be opened, but everything else can be done with it.
func socketFile(p *P) {
	p.must("mknodat", unix.AT_FDCWD, "s", oct(unix.S_IFSOCK|0o644), 0)
	p.fd("open", "s", unix.O_RDWR, 0)
	p.fd("open", "s", unix.O_RDONLY|unix.O_NONBLOCK, 0)
	p.fd("open", "s", unix.O_PATH, 0)
	p.call("chmod", "s", oct(0o600))
	p.call("truncate", "s", 0)
	p.call("access", "s", unix.X_OK)
	p.call("utimensat", unix.AT_FDCWD, "s", nil, 0)
	p.state("s")
	p.call("unlink", "s")
}
