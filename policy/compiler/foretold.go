package compiler

import (
	"syscall"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/cond"
)

// unlisted refuses what no list has. which are the paths, by their place, that none has.
func (a *fileArea) unlisted(ctx *cond.Context, which uint) policy.Decision {
	d := a.eacces
	if a.linkCall.Has(ctx.Call.ID) && which == 1 {
		d.Errno = exdev // what is listed is where the other name would be; Landlock says so, too, and programs copy then
	}
	return a.foretell(ctx, d)
}

// foretell refuses. The kernel asks Landlock only after it has looked the paths up, and programs tell what is missing, or there already,
// from what is refused: so a call that fails for that anyway fails for that here, too.
func (a *fileArea) foretell(ctx *cond.Context, d policy.Decision) policy.Decision {
	id := ctx.Call.ID
	uses, f := a.uses[id], a.foretold[id]
	if ctx.Paths == nil {
		return d
	}
	for _, u := range uses {
		if at, err := ctx.PathOf(u.param); err == nil && len(at) > 0 && !ctx.Paths.Held(u.param) && !ctx.Paths.New(u.param) {
			return a.allowed // it leads nowhere, so nothing is done
		}
	}
	names, ok := ctx.Paths.(policy.Names)
	if !ok || f == nil {
		return d
	}
	if errno := f(ctx.Call, names.Mode(uses[0].param), names.Mode(uses[len(uses)-1].param)); errno != 0 {
		d.Errno, d.Quiet, d.Reason = errno, true, "it would fail anyway"
	}
	return d
}

// A foreteller says what a call fails with before the kernel asks whether it may be made. It is told the types (S_IFMT) of what the
// call's first and last paths name; 0: nothing is there.
type foreteller func(c *arch.Call, first, last uint32) syscall.Errno

// foretellers are those of the calls that need one (filename_create(), do_renameat2(), do_open() and may_open() of fs/namei.c, vfs_truncate()
// of fs/open.c).
func foretellers() map[arch.ID]foreteller {
	m := map[arch.ID]foreteller{}
	for _, f := range []struct {
		calls string
		f     foreteller
	}{
		{"mkdir,mkdirat,mknod,mknodat,symlink,symlinkat,link,linkat", makes},
		{"unlink,unlinkat,rmdir,rename,renameat", removes},
		{"renameat2", renamesWith},
		{"truncate,truncate64", truncates},
		{openUses, opens},
	} {
		for _, id := range selectCalls(f.calls).IDs() {
			m[id] = f.f
		}
	}
	return m
}

// Errors of include/uapi/asm-generic/errno-base.h.
const (
	enoent  = syscall.Errno(2)
	eexist  = syscall.Errno(17)
	exdev   = syscall.Errno(18)
	enotdir = syscall.Errno(20)
	eisdir  = syscall.Errno(21)
	einval  = syscall.Errno(22)
)

// Types of include/uapi/linux/stat.h.
const (
	typeDir  = 0o040000
	typeFile = 0o100000
)

func makes(_ *arch.Call, _, last uint32) syscall.Errno {
	if last != 0 {
		return eexist
	}
	return 0
}

func removes(_ *arch.Call, first, _ uint32) syscall.Errno {
	if first == 0 {
		return enoent
	}
	return 0
}

func renamesWith(c *arch.Call, first, last uint32) syscall.Errno {
	switch {
	case first == 0, last == 0 && exchanges(c):
		return enoent
	case last != 0 && c.Arg("flags").Raw&constant(c.ABI, "RENAME_NOREPLACE") != 0:
		return eexist
	}
	return 0
}

func truncates(_ *arch.Call, first, _ uint32) syscall.Errno {
	switch first {
	case typeFile:
		return 0
	case typeDir:
		return eisdir
	}
	return einval
}

func opens(c *arch.Call, first, _ uint32) syscall.Errno {
	switch {
	case first == 0:
		return 0
	case opensWith(c, "O_CREAT") && opensWith(c, "O_EXCL"):
		return eexist
	case first == typeDir && (opensToWrite(c) && !opensWith(c, "O_TMPFILE") || opensWith(c, "O_CREAT")):
		return eisdir
	case first != typeDir && opensWith(c, "O_DIRECTORY"):
		return enotdir
	}
	return 0
}
