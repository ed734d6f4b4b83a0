package checks

import (
	"golang.org/x/sys/unix"
)

func renameChecks() []Check {
	return []Check{
		{Name: "rename/onto", Run: renameOnto},
		{Name: "rename/flags", Run: renameFlags},
		{Name: "rename/into-itself", Run: renameInto},
		{Name: "rename/same-file", Run: renameSame},
		{Name: "rename/dirfds", Run: renameDirfds},
		{Name: "rename/slashes", Run: renameSlashes},
		{Name: "rename/across", Run: renameAcross},
		{Name: "rename/keeps", Run: renameKeeps},
	}
}

func renameKinds() []string {
	return []string{"f", "d", "empty", "to_f", "to_d", "dangling", "p", "missing", "secret"}
}

// renameOnto renames each kind to each kind.
func renameOnto(p *P) {
	n := 0
	p.kit(kitName(n))
	for _, from := range renameKinds() {
		for _, to := range renameKinds() {
			if p.call("rename", from, to).ok() {
				p.state(from)
				p.state(to)
				n++
				p.must("chdir", p.dir)
				p.kit(kitName(n))
			}
		}
	}
}

func renameFlags(p *P) {
	n := 0
	p.kit(kitName(n))
	for _, flags := range []int{unix.RENAME_NOREPLACE, unix.RENAME_EXCHANGE, unix.RENAME_WHITEOUT, unix.RENAME_NOREPLACE | unix.RENAME_EXCHANGE,
		unix.RENAME_WHITEOUT | unix.RENAME_EXCHANGE, unix.RENAME_WHITEOUT | unix.RENAME_NOREPLACE, 8, -1} {
		for _, pair := range [][2]string{{"f", "new"}, {"f", "d"}, {"f", "dangling"}, {"d", "f"}, {"d", "d/x"}, {"missing", "f"}, {"f", "missing"}, {"f", "f"},
			{"to_d", "d"}, {"d", "d/e"}, {"d/e", "d"}, {"f", "."}, {".", "f"}, {"f/", "new"}, {"d/", "new/"}} {
			if p.call("renameat2", unix.AT_FDCWD, pair[0], unix.AT_FDCWD, pair[1], flags).ok() {
				p.state(pair[0])
				p.state(pair[1])
				n++
				p.must("chdir", p.dir)
				p.kit(kitName(n))
			}
		}
	}
}

func renameInto(p *P) {
	p.must("mkdir", "a", oct(0o755))
	p.must("mkdir", "a/b", oct(0o755))
	p.must("mkdir", "a/b/c", oct(0o755))
	p.symlink("a/b", "s")
	for _, pair := range [][2]string{{"a", "a/b"}, {"a", "a/b/c/d"}, {"a", "s/x"}, {"a/b", "a"}, {"a/b/c", "a"}, {"a", "a"}, {"a/.", "x"}, {"a/..", "x"},
		{"a", "x/."}, {"a", "x/.."}, {".", "x"}, {"..", "x"}, {"a", ".."}, {"a", "."}, {"/", "x"}, {"a", "/"}, {"", "x"}, {"a", ""}} {
		p.call("rename", pair[0], pair[1])
	}
}

// Names of one file: nothing happens, and both stay.
func renameSame(p *P) {
	p.file("f", 0o644, "")
	p.must("link", "f", "g")
	p.call("rename", "f", "g")
	p.call("renameat2", unix.AT_FDCWD, "f", unix.AT_FDCWD, "g", unix.RENAME_NOREPLACE)
	p.call("renameat2", unix.AT_FDCWD, "f", unix.AT_FDCWD, "g", unix.RENAME_EXCHANGE)
	p.state("f")
	p.state("g")
}

func renameDirfds(p *P) {
	p.kit("k")
	d, e := p.open("d", unix.O_RDONLY), p.open("empty", unix.O_PATH)
	p.call("renameat", d, "e", e, "e2")
	p.call("renameat", e, "e2", unix.AT_FDCWD, "top")
	p.call("renameat", d, "../top", e, "../d/e")
	p.call("renameat", unix.AT_FDCWD, "d/e", hex(0xffffff9c), "last")
	p.call("renameat", 999, "last", d, "x")
	p.call("renameat", 999, p.dir+"/k/last", 998, p.dir+"/k/d/x")
	p.call("renameat", p.open("f", unix.O_RDONLY), "x", d, "y")
	p.listing(".")
	p.listing("d")
}

func renameSlashes(p *P) {
	n := 0
	p.kit(kitName(n))
	for _, from := range []string{"f/", "d/", "to_d/", "to_f/", "missing/", "dangling/"} {
		for _, to := range []string{"new", "new/", "empty/", "f/", "to_d/"} {
			if p.call("rename", from, to).ok() {
				p.listing(".")
				n++
				p.must("chdir", p.dir)
				p.kit(kitName(n))
			}
		}
	}
}

func renameAcross(p *P) {
	p.file("f", 0o644, "content")
	for _, to := range []string{"/proc/self/x", "/dev/shm/x", "/proc/x"} {
		p.call("rename", "f", to)
		p.call("link", "f", to)
		p.call("rename", to, "g")
	}
}

func renameKeeps(p *P) {
	p.file("f", 0o640, "content")
	p.must("utimensat", unix.AT_FDCWD, "f", longs(10, 20, 30, 40), 0)
	p.must("setxattr", "f", "user.a", data("1"), 1, 0)
	fd := p.open("f", unix.O_RDONLY)
	p.call("rename", "f", "g")
	p.state("g")
	p.call("readlink", procFD(fd), p.textRoom(200), 200)
}
