package cond

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stead-project/stead/arch"
	likeness "github.com/stead-project/stead/internal/nearest"
)

// oldNames are names of one parameter in manual pages old and new, in the kernel's source, and in strace.
func oldNames() [][]string {
	return [][]string{
		{"pathname", "path", "filename", "file", "name", "fname", "dir", "dirname", "special_file"},
		{"dirfd", "dfd", "dir_fd", "at_fd"},
		{"oldpath", "oldname", "from", "old", "existing"},
		{"newpath", "newname", "to", "new"},
		{"olddirfd", "olddfd"}, {"newdirfd", "newdfd"},
		{"linkpath", "newname", "newpath"},
		{"source", "dev_name", "special", "device", "src"},
		{"target", "dir_name", "mountpoint", "dst", "pathname", "path", "oldpath"},
		{"filesystemtype", "type", "fstype", "fs_type"},
		{"mountflags", "flags", "rwflag"},
		{"op", "cmd", "request", "option", "operation"},
		{"op", "flags"},
		{"how.flags", "flags"}, {"how.mode", "mode"}, {"how.resolve", "resolve"},
		{"arg", "argp", "argument"},
		{"domain", "family", "af"},
		{"addr", "uservaddr", "umyaddr", "sockaddr", "my_addr", "serv_addr", "dest_addr"},
		{"dest_addr", "addr", "to"},
		{"addrlen", "len", "namelen"},
		{"sockfd", "fd", "s", "socket"},
		{"fd", "sockfd", "fildes"},
		{"optname", "name"}, {"level", "lvl"},
		{"sig", "signum", "signal", "signo"},
		{"prot", "protection"},
		{"mode", "perm"},
		{"owner", "uid", "user"}, {"group", "gid"},
		{"argv", "args"}, {"envp", "env", "environ"},
		{"buf", "buffer", "data"}, {"count", "len", "size", "length", "nbytes"},
	}
}

// nearestParam is the parameter, or field, that a name was probably meant to be; "" if there is none.
func nearestParam(sig *arch.Signature, name string) string {
	for _, group := range oldNames() {
		first, _, _ := strings.Cut(group[0], ".")
		if sig.Index(first) >= 0 && slices.Contains(group[1:], name) {
			return group[0]
		}
	}
	for _, group := range oldNames() {
		i := slices.IndexFunc(group, func(n string) bool { return sig.Index(n) >= 0 })
		if i >= 0 && slices.Contains(group, name) {
			return group[i]
		}
	}
	return nearest(name, paramNames(sig))
}

func paramNames(sig *arch.Signature) (names []string) {
	for i := range sig.Params {
		if n := sig.Params[i].Name; n != "" && n != "_" {
			names = append(names, n)
		}
	}
	return names
}

func didYouMean(near string) string {
	if near == "" {
		return ""
	}
	return "did you mean " + near + "?"
}

// meantOr is didYouMean, or the list of what there is.
func meantOr(near, what string, names []string) string {
	if near != "" {
		return didYouMean(near)
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("%s are %s", what, strings.Join(names, ", "))
}

// maxName bounds the names that are looked for by their likeness.
const maxName = 64

// nearest returns the name with the fewest edits from want; "" if all have too many to be what was meant.
func nearest(want string, names []string) string {
	if len(want) > maxName {
		return ""
	}
	best, least := "", max(1, len(want)/3)+1
	for _, n := range names {
		d := likeness.Edits(strings.ToLower(want), strings.ToLower(n))
		if d < least {
			best, least = n, d
		}
	}
	return best
}

// A number is a constant. A header's is a pattern of bits, another one has a sign.
type number struct {
	v      uint64
	minus  bool // v is int64 and below 0
	header bool
	absent bool // the name exists, but not on this ABI
}

// moreConstants are constants of no set of package arch: include/uapi/linux/{fcntl,stat}.h.
func moreConstants() []arch.Const {
	return []arch.Const{
		{Name: "AT_FDCWD", Value: 1<<64 - 100},
		{Name: "S_IFMT", Value: 0o170000}, {Name: "S_IFSOCK", Value: 0o140000}, {Name: "S_IFLNK", Value: 0o120000},
		{Name: "S_IFREG", Value: 0o100000}, {Name: "S_IFBLK", Value: 0o060000}, {Name: "S_IFDIR", Value: 0o040000},
		{Name: "S_IFCHR", Value: 0o020000}, {Name: "S_IFIFO", Value: 0o010000}, {Name: "S_ISUID", Value: 0o4000},
		{Name: "S_ISGID", Value: 0o2000}, {Name: "S_ISVTX", Value: 0o1000},
	}
}

// lookup finds a constant of a header. set, that of the parameter it stands beside, comes first.
func lookup(name string, set *arch.Set, abi arch.ABI) (n number, ok bool) {
	if set != nil {
		if v, ok := set.Value(name, abi); ok {
			return number{v: v, header: true}, true
		}
	}
	if v, ok := arch.LookupConst(name, abi); ok {
		return number{v: v, header: true}, true
	}
	for _, c := range moreConstants() {
		if c.Name == name {
			return number{v: c.Value, header: true}, true
		}
	}
	return number{header: true, absent: true}, existsElsewhere(name, set)
}

func existsElsewhere(name string, set *arch.Set) bool {
	return slices.ContainsFunc(arch.ABIs(), func(a arch.ABI) bool {
		if set != nil {
			if _, ok := set.Value(name, a); ok {
				return true
			}
		}
		_, ok := arch.LookupConst(name, a)
		return ok
	})
}

func constNames(set *arch.Set) (names []string) {
	if set == nil {
		return nil
	}
	for i := range set.Consts {
		names = append(names, set.Consts[i].Name)
	}
	return names
}

// someOf shortens a list for a message.
func someOf(names []string) []string {
	const most = 12
	if len(names) <= most {
		return names
	}
	return append(slices.Clone(names[:most]), "…")
}
