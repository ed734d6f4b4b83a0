package checks

import (
	"strings"

	"golang.org/x/sys/unix"
)

func adminChecks() []Check {
	return []Check{
		{Name: "admin/acct", Run: adminAcct},
		{Name: "admin/swap", Run: adminSwap},
		{Name: "admin/quota", Run: adminQuota},
		{Name: "admin/mount-errors", Run: adminMount},
		{Name: "exec/errors", Run: execErrors},
		{Name: "exec/at", Run: execAt},
		{Name: "memory/shared-by-calls", Run: memoryOverlap},
	}
}

// Only arguments that the kernel refuses: what would succeed changes the machine.
func adminAcct(p *P) {
	p.kit("k")
	for _, name := range []any{"missing", "d", "secret/new", "dangling", "", wild(1), tail("x"), strings.Repeat("n", 256), "/dev/null"} {
		p.call("acct", name)
	}
}

func adminSwap(p *P) {
	p.kit("k")
	for _, name := range []any{"missing", "f", "d", "p", "dangling", "secret/x", "", nil, wild(1), "/dev/null", "/proc/self/status"} {
		p.call("swapon", name, 0)
		p.call("swapon", name, hex(0x7ff00000))
		p.call("swapoff", name)
	}
}

func adminQuota(p *P) {
	p.kit("k")
	for _, cmd := range []hex{0x80000700, 0x80000500, 0x80000100, 0, 0xffffffff} {
		for _, name := range []any{"missing", "f", "d", nil, wild(1), "", "/dev/null"} {
			p.call("quotactl", cmd, name, p.uid(), p.room(128))
		}
		p.call("quotactl_fd", p.open("f", unix.O_RDONLY), cmd, p.uid(), p.room(128))
		p.call("quotactl_fd", 999, cmd, p.uid(), p.room(128))
	}
}

func adminMount(p *P) {
	p.kit("k")
	for _, name := range []any{"missing", "f", "d", nil, wild(1), "", "secret/x"} {
		p.call("umount2", name, 0)
		p.call("umount2", name, 0x100)
		p.call("pivot_root", name, name)
		p.call("mount", "none", name, "no-such-type", 0, nil)
	}
}

func execErrors(p *P) {
	p.kit("k")
	p.file("x", 0o755, "not a program")
	p.file("script", 0o755, "#!/no/such/interpreter\n")
	p.file("short", 0o755, "")
	for _, name := range []any{"f", "d", "missing", "x", "script", "short", "dangling", "loop", "", nil, wild(1), tail("x"), "secret/x", "x/", "f/x", "p", "/dev/null",
		strings.Repeat("n", 256), strings.Repeat("n/", 2200), "/proc/self/fd/999", "/proc/self/cwd/f"} {
		p.call("execve", name, nil, nil)
		p.call("execve", name, wild(1), nil)
		p.call("execveat", unix.AT_FDCWD, name, nil, nil, 0)
	}
}

func execAt(p *P) {
	p.kit("k")
	p.file("x", 0o755, "not a program")
	p.symlink("x", "to_x")
	for _, fd := range []int{p.open("x", unix.O_PATH), p.open("f", unix.O_RDONLY), p.open("d", unix.O_RDONLY), 999, unix.AT_FDCWD} {
		for _, name := range []any{"", nil, "e", "/none", "x"} {
			for _, flags := range []int{0, unix.AT_EMPTY_PATH, unix.AT_SYMLINK_NOFOLLOW, 1, 0x10000} {
				p.call("execveat", fd, name, nil, nil, flags)
			}
		}
	}
	p.call("execveat", unix.AT_FDCWD, "to_x", nil, nil, unix.AT_SYMLINK_NOFOLLOW)
}

// Results go where they are wanted, also where that is the path's own place or memory that can only be read.
func memoryOverlap(p *P) {
	p.symlink("a-longer-target", "s")
	both := p.put(append([]byte("s"), make([]byte, 63)...))
	p.call("readlink", wild(address(both)), wild(address(both)), 64)
	p.printf("%q", both)
	m, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		p.broken("mmap: %v", err)
		return
	}
	defer unix.Munmap(m)
	p.call("readlink", "s", wild(address(m)), 64)
	p.call("stat", "s", wild(address(m)))
	p.call("newfstatat", unix.AT_FDCWD, ".", wild(address(m)), 0)
	p.call("statx", unix.AT_FDCWD, ".", 0, unix.STATX_BASIC_STATS, wild(address(m)))
	p.call("listxattr", ".", wild(address(m)), 64)
	p.call("statfs", ".", wild(address(m)))
}
