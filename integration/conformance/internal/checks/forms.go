package checks

import (
	"golang.org/x/sys/unix"
)

// rooms for what a form's call writes.
func statOf(call string) func(*P) any { return func(p *P) any { return p.statRoom(call) } }
func statxOut(p *P) any               { return p.statxRoom() }
func statfsOut(p *P) any              { return p.statfsRoom() }
func textOut(n int) func(*P) any      { return func(p *P) any { return p.textRoom(n) } }
func roomOut(n int) func(*P) any      { return func(p *P) any { return p.room(n) } }

func handleOut(p *P) any { return p.handleRoom(128) }

// how is struct open_how.
func how(flags, mode, resolve uint64) data { return words(flags, mode, resolve) }

// xattrArgs is struct xattr_args over a new buffer of n bytes.
func xattrArgs(n int, content string) func(*P) any {
	return func(p *P) any {
		b := p.put(append([]byte(content), make([]byte, n-len(content))...))
		return words(uint64(address(b)), uint64(n))
	}
}

// pureForms are the calls that change nothing.
func pureForms() []form {
	const quick = unix.O_NONBLOCK
	path, at, flags := pathArg{"f"}, dirArg{}, flagsArg{}
	return []form{
		{"open:read", []any{path, unix.O_RDONLY | quick, 0}, pure | descriptor},
		{"open:write", []any{path, unix.O_RDWR | quick, 0}, pure | descriptor},
		{"open:directory", []any{path, unix.O_DIRECTORY | quick, 0}, pure | descriptor},
		{"open:nofollow", []any{path, unix.O_NOFOLLOW | quick, 0}, pure | descriptor},
		{"open:path", []any{path, unix.O_PATH, 0}, pure | descriptor},
		{"open:pathnofollow", []any{path, unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC, 0}, pure | descriptor},
		{"openat:read", []any{at, path, flagsArg{quick}, 0}, pure | descriptor | waits},
		{"openat2:read", []any{at, path, how(quick, 0, 0), 24}, pure | descriptor},
		{"openat2:beneath", []any{at, path, how(quick, 0, unix.RESOLVE_BENEATH), 24}, pure | descriptor},
		{"openat2:inroot", []any{at, path, how(quick, 0, unix.RESOLVE_IN_ROOT), 24}, pure | descriptor},
		{"openat2:nosymlinks", []any{at, path, how(quick, 0, unix.RESOLVE_NO_SYMLINKS), 24}, pure | descriptor},
		{"openat2:nomagic", []any{at, path, how(quick, 0, unix.RESOLVE_NO_MAGICLINKS), 24}, pure | descriptor},
		{"openat2:noxdev", []any{at, path, how(quick, 0, unix.RESOLVE_NO_XDEV), 24}, pure | descriptor},
		{"readlink", []any{path, textOut(64), 64}, pure},
		{"readlink:short", []any{pathArg{"to_f"}, textOut(64), 1}, pure},
		{"readlinkat", []any{at, path, textOut(64), 64}, pure},
		{"stat", []any{path, statOf("stat")}, pure},
		{"lstat", []any{path, statOf("lstat")}, pure},
		{"newfstatat", []any{at, path, statOf("newfstatat"), flags}, pure},
		{"stat64", []any{path, statOf("stat64")}, pure},
		{"lstat64", []any{path, statOf("lstat64")}, pure},
		{"fstatat64", []any{at, path, statOf("fstatat64"), flags}, pure},
		{"oldstat", []any{path, statOf("oldstat")}, pure},
		{"oldlstat", []any{path, statOf("oldlstat")}, pure},
		{"statx", []any{at, path, flags, unix.STATX_BASIC_STATS, statxOut}, pure},
		{"access", []any{path, flagsArg{unix.R_OK}}, pure},
		{"faccessat", []any{at, path, unix.X_OK}, pure},
		{"faccessat2", []any{at, path, unix.W_OK, flags}, pure},
		{"statfs", []any{path, statfsOut}, pure},
		{"statfs64", []any{path, 84, roomOut(120)}, pure},
		{"getxattr", []any{path, "user.none", textOut(64), 64}, pure},
		{"lgetxattr", []any{path, "user.none", textOut(64), 64}, pure},
		{"listxattr", []any{path, textOut(64), 64}, pure},
		{"llistxattr", []any{path, textOut(64), 64}, pure},
		{"getxattrat", []any{at, path, flags, "user.none", xattrArgs(64, ""), 16}, pure},
		{"listxattrat", []any{at, path, flags, textOut(64), 64}, pure},
		{"name_to_handle_at", []any{at, path, handleOut, roomOut(8), flags}, pure},
		{"file_getattr", []any{at, path, roomOut(64), 24, flags}, pure},
	}
}

// changingForms are those that change files.
func changingForms() []form {
	path, at, flags := pathArg{"f"}, dirArg{}, flagsArg{}
	me := func(p *P) any { return p.uid() }
	mine := func(p *P) any { return p.gid() }
	times := longs(100, 5000, 200, 6000)
	return []form{
		{"open:creat", []any{path, unix.O_CREAT | unix.O_WRONLY | unix.O_NONBLOCK, oct(0o666)}, descriptor},
		{"open:excl", []any{path, unix.O_CREAT | unix.O_EXCL | unix.O_WRONLY, oct(0o666)}, descriptor},
		{"open:trunc", []any{path, unix.O_TRUNC | unix.O_WRONLY | unix.O_NONBLOCK, 0}, descriptor},
		{"open:tmpfile", []any{path, unix.O_TMPFILE | unix.O_RDWR, oct(0o600)}, descriptor},
		{"openat:creat", []any{at, path, flagsArg{unix.O_CREAT | unix.O_WRONLY | unix.O_NONBLOCK}, oct(0o666)}, descriptor | waits},
		{"openat2:creat", []any{at, path, how(unix.O_CREAT|unix.O_WRONLY|unix.O_NONBLOCK, 0o640, 0), 24}, descriptor},
		{"creat", []any{path, oct(0o666)}, descriptor | waits},
		{"mkdir", []any{path, oct(0o777)}, changes},
		{"mkdirat", []any{at, pathArg{"made"}, oct(0o777)}, changes},
		{"mknod", []any{path, oct(unix.S_IFREG | 0o666), 0}, changes},
		{"mknodat", []any{at, pathArg{"made"}, oct(unix.S_IFIFO | 0o666), 0}, changes},
		{"unlink", []any{path}, changes},
		{"unlinkat", []any{at, path, flags}, changes},
		{"unlinkat:dir", []any{at, path, unix.AT_REMOVEDIR}, changes},
		{"rmdir", []any{path}, changes},
		{"rename:from", []any{path, "new"}, changes},
		{"rename:to", []any{"f", path}, changes},
		{"rename:dirto", []any{"d", path}, changes},
		{"renameat:from", []any{at, path, unix.AT_FDCWD, "new"}, changes},
		{"renameat:to", []any{unix.AT_FDCWD, "f", at, pathArg{"new"}}, changes},
		{"renameat2", []any{at, path, unix.AT_FDCWD, "new", flags}, changes},
		{"renameat2:exchange", []any{unix.AT_FDCWD, "f", unix.AT_FDCWD, path, unix.RENAME_EXCHANGE}, changes},
		{"renameat2:noreplace", []any{unix.AT_FDCWD, "f", unix.AT_FDCWD, path, unix.RENAME_NOREPLACE}, changes},
		{"link:from", []any{path, "new"}, changes},
		{"link:to", []any{"f", path}, changes},
		{"linkat:from", []any{at, path, unix.AT_FDCWD, "new", flags}, changes},
		{"linkat:follow", []any{unix.AT_FDCWD, path, unix.AT_FDCWD, "new", unix.AT_SYMLINK_FOLLOW}, changes},
		{"linkat:to", []any{unix.AT_FDCWD, "f", at, pathArg{"new"}, flags}, changes},
		{"symlink:to", []any{"f", path}, changes},
		{"symlink:target", []any{path, "new"}, changes},
		{"symlinkat", []any{"f", at, pathArg{"new"}}, changes},
		{"chmod", []any{path, oct(0o4751)}, touches},
		{"fchmodat", []any{at, path, oct(0o751)}, touches},
		{"fchmodat2", []any{at, path, oct(0o751), flags}, touches},
		{"chown", []any{path, me, mine}, touches},
		{"lchown", []any{path, me, -1}, touches},
		{"fchownat", []any{at, path, -1, mine, flags}, touches},
		{"chown32", []any{path, me, mine}, touches},
		{"lchown32", []any{path, -1, -1}, touches},
		{"truncate", []any{path, 3}, changes},
		{"truncate64", []any{path, off(3)}, changes},
		{"utime", []any{path, longs(100, 200)}, touches},
		{"utimes", []any{path, times}, touches},
		{"futimesat", []any{at, path, times}, touches},
		{"utimensat", []any{at, path, times, flags}, touches},
		{"utimensat_time64", []any{at, path, words(100, 5000, 200, 6000), flags}, touches},
		{"setxattr", []any{path, "user.a", data("value"), 5, flags}, touches},
		{"lsetxattr", []any{path, "user.a", data("value"), 5, 0}, touches},
		{"setxattrat", []any{at, path, flags, "user.a", xattrArgs(5, "value"), 16}, touches},
		{"removexattr", []any{path, "user.none"}, touches},
		{"lremovexattr", []any{path, "user.none"}, touches},
		{"removexattrat", []any{at, path, flags, "user.none"}, touches},
		{"file_setattr", []any{at, path, data(make([]byte, 24)), 24, flags}, touches},
		{"chdir", []any{path}, changes},
	}
}
