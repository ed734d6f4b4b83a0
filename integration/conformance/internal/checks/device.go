package checks

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

func deviceChecks() []Check {
	return []Check{
		{Name: "device/null-zero-full", Run: devicesPlain},
		{Name: "device/standard-streams", Run: deviceStreams},
		{Name: "device/no-terminal", Run: deviceNoTerminal, Alone: true},
		{Name: "device/terminal", Run: deviceTerminal, Alone: true},
		{Name: "device/terminal-noctty", Run: deviceNoctty, Alone: true},
	}
}

func devicesPlain(p *P) {
	for _, name := range []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/urandom", "/dev/nothing"} {
		fd := p.fd("open", name, unix.O_RDWR|unix.O_CLOEXEC, 0)
		n, err := unix.Read(fd, make([]byte, 4))
		m, werr := unix.Write(fd, []byte("x"))
		p.printf("read %d %v, write %d %v", n, err, m, werr)
		p.fd("open", name, unix.O_DIRECTORY, 0)
		p.fd("open", name+"/", unix.O_RDONLY, 0)
		p.call("access", name, unix.W_OK|unix.X_OK)
		p.call("newfstatat", unix.AT_FDCWD, name, p.statRoom("newfstatat"), 0)
	}
}

// Standard input is /dev/null, standard output a pipe.
func deviceStreams(p *P) {
	for _, name := range []string{"/dev/stdin", "/dev/fd/0", "/proc/self/fd/0", "/dev/fd/1", "/dev/stdout", "/dev/fd/1/", "/dev/fd/999", "/dev/fd/", "/dev/fd/x"} {
		p.fd("open", name, unix.O_WRONLY|unix.O_NONBLOCK, 0)
		p.fd("open", name, unix.O_PATH, 0)
		p.fd("open", name, unix.O_NOFOLLOW, 0)
		p.call("newfstatat", unix.AT_FDCWD, name, p.statRoom("newfstatat"), 0)
	}
}

func deviceNoTerminal(p *P) {
	_, err := unix.Setsid()
	p.printf("setsid %v", err)
	p.fd("open", "/dev/tty", unix.O_RDWR, 0)
	p.fd("open", "/dev/tty", unix.O_PATH, 0)
	p.call("access", "/dev/tty", unix.R_OK)
	p.fd("open", "/dev/console", unix.O_PATH, 0)
}

// terminal makes a pseudo-terminal; it returns the name of its other side, or "".
func (p *P) terminal() string {
	r, text := p.raw("open", "/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY, 0)
	if !r.ok() {
		p.printf("%s = %s", text, r)
		return ""
	}
	p.fds = append(p.fds, r.val)
	n, err := unix.IoctlGetInt(r.val, unix.TIOCGPTN)
	p.printf("terminal %v, unlocked %v", err, unix.IoctlSetPointerInt(r.val, unix.TIOCSPTLCK, 0))
	name := "/dev/pts/" + strconv.Itoa(n)
	p.names = append([]string{name, "TERMINAL"}, p.names...)
	return name
}

// A session leader that opens a terminal gets it as its own: tty_open in the kernel, setsid(2).
func deviceTerminal(p *P) {
	pid, err := unix.Setsid()
	p.printf("setsid %t %v", pid > 0, err)
	name := p.terminal()
	if name == "" {
		return
	}
	p.fd("open", "/dev/tty", unix.O_RDWR, 0)
	t := p.fd("open", name, unix.O_RDWR, 0)
	group, err := unix.IoctlGetInt(t, unix.TIOCGPGRP)
	p.printf("its group is mine: %t %v", group == pid, err)
	p.fd("open", "/dev/tty", unix.O_RDWR, 0)
	p.fd("open", fmt.Sprintf("/proc/self/fd/%d", t), unix.O_RDWR|unix.O_NOCTTY, 0)
	p.call("newfstatat", unix.AT_FDCWD, name, p.statRoom("newfstatat"), 0)
}

func deviceNoctty(p *P) {
	if _, err := unix.Setsid(); err != nil {
		p.broken("setsid: %v", err)
	}
	name := p.terminal()
	if name == "" {
		return
	}
	t := p.fd("open", name, unix.O_RDWR|unix.O_NOCTTY, 0)
	_, err := unix.IoctlGetInt(t, unix.TIOCGPGRP)
	p.printf("group %v", err)
	p.fd("open", "/dev/tty", unix.O_RDWR, 0)
}
