/* The calls, each made by its number: what the C library would make of them does not matter here. */
#include "attack.h"
#include <sys/inotify.h>
#include <sys/statfs.h>
#include <sys/time.h>
#include <utime.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef SYS_setxattrat
#define SYS_setxattrat 463
#define SYS_getxattrat 464
#define SYS_listxattrat 465
#define SYS_removexattrat 466
#endif
#ifndef SYS_file_getattr
#define SYS_file_getattr 468
#endif

/* i386 has them in forms with wide fields. */
#ifdef __i386__
#define SYS_newfstatat SYS_fstatat64
#undef SYS_stat
#define SYS_stat SYS_stat64
#undef SYS_lstat
#define SYS_lstat SYS_lstat64
#undef SYS_chown
#define SYS_chown SYS_chown32
#undef SYS_lchown
#define SYS_lchown SYS_lchown32
#endif

struct how { uint64_t flags, mode, resolve; };
struct attribute { uint64_t value; uint32_t size, flags; };

#define NAMED(n) "user.secret", n
static char value[64];

/* marked says whether a value that was read is the forbidden one. */
static long marked(long r)
{
	if (r < 0)
		return -errno;
	long won = r >= 6 && memmem(value, r, "SECRET", 6) ? WON : 0;
	memset(value, 0, sizeof value);
	return won;
}

/* there is for what exists in the forbidden directory only. */
static long there(long r) { return r < 0 ? -errno : WON; }

static long seen(long r, const struct stat *st)
{
	struct stat s;
	if (r < 0)
		return -errno;
	look(SECRET, &s);
	return st->st_ino == s.st_ino && st->st_dev == s.st_dev ? WON : 0;
}

static long c_openat(int d, const char *p) { return opened(syscall(SYS_openat, d, p, O_RDONLY)); }
static long c_openat_path(int d, const char *p) { return opened(syscall(SYS_openat, d, p, O_PATH)); }
static long c_openat_rdwr(int d, const char *p) { return opened(syscall(SYS_openat, d, p, O_RDWR)); }
static long c_openat_dir(int d, const char *p) { return opened(syscall(SYS_openat, d, p, O_RDONLY | O_DIRECTORY)); }
static long c_openat_trunc(int d, const char *p) { return opened(syscall(SYS_openat, d, p, O_WRONLY | O_TRUNC)); }
static long c_openat_new(int d, const char *p) { return opened(syscall(SYS_openat, d, p, O_WRONLY | O_CREAT, 0600)); }
static long c_openat_excl(int d, const char *p) { return opened(syscall(SYS_openat, d, p, O_RDWR | O_CREAT | O_EXCL, 0600)); }
static long c_openat2(int d, const char *p)
{
	struct how h = {O_RDONLY | O_CLOEXEC, 0, 0};
	return opened(syscall(SYS_openat2, d, p, &h, sizeof h));
}
static long c_openat2_new(int d, const char *p)
{
	struct how h = {O_WRONLY | O_CREAT, 0600, 0};
	return opened(syscall(SYS_openat2, d, p, &h, sizeof h));
}
static long c_newfstatat(int d, const char *p)
{
	struct stat st;
	return seen(syscall(SYS_newfstatat, d, p, &st, 0), &st);
}
static long c_statx(int d, const char *p)
{
	struct statx x;
	struct stat s;
	if (syscall(SYS_statx, d, p, 0, STATX_BASIC_STATS, &x) < 0)
		return -errno;
	look(SECRET, &s);
	return x.stx_ino == s.st_ino ? WON : 0;
}
static long c_faccessat(int d, const char *p) { return there(syscall(SYS_faccessat, d, p, F_OK)); }
static long c_faccessat2(int d, const char *p) { return there(syscall(SYS_faccessat2, d, p, R_OK, 0)); }
static long c_readlinkat(int d, const char *p) { return marked(syscall(SYS_readlinkat, d, p, value, sizeof value)); }
static long c_unlinkat(int d, const char *p) { return outcome(syscall(SYS_unlinkat, d, p, 0)); }
static long c_unlinkat_dir(int d, const char *p) { return outcome(syscall(SYS_unlinkat, d, p, AT_REMOVEDIR)); }
static long c_renameat_from(int d, const char *p) { return outcome(syscall(SYS_renameat2, d, p, AT_FDCWD, at("loot"), 0)); }
static long c_renameat_to(int d, const char *p)
{
	syscall(SYS_mknodat, AT_FDCWD, at("loot"), S_IFREG | 0600, 0);
	return outcome(syscall(SYS_renameat2, AT_FDCWD, at("loot"), d, p, 0));
}
static long c_renameat2_exchange(int d, const char *p) { return outcome(syscall(SYS_renameat2, d, p, AT_FDCWD, at("spare"), 2)); }
static long loot(long r)
{
	long result = outcome(r);
	if (r == 0 || errno == EEXIST)
		syscall(SYS_unlinkat, AT_FDCWD, at("loot"), 0);
	return result;
}
static long c_linkat_from(int d, const char *p) { return loot(syscall(SYS_linkat, d, p, AT_FDCWD, at("loot"), 0)); }
static long c_linkat_follow(int d, const char *p) { return loot(syscall(SYS_linkat, d, p, AT_FDCWD, at("loot"), AT_SYMLINK_FOLLOW)); }
static long c_linkat_to(int d, const char *p) { return outcome(syscall(SYS_linkat, AT_FDCWD, at("spare"), d, p, 0)); }
static long c_symlinkat(int d, const char *p) { return outcome(syscall(SYS_symlinkat, "x", d, p)); }
static long c_mkdirat(int d, const char *p) { return outcome(syscall(SYS_mkdirat, d, p, 0700)); }
static long c_mknodat(int d, const char *p) { return outcome(syscall(SYS_mknodat, d, p, S_IFIFO | 0600, 0)); }
static long c_fchmodat(int d, const char *p) { return outcome(syscall(SYS_fchmodat, d, p, 0666)); }
static long c_fchmodat2(int d, const char *p) { return outcome(syscall(SYS_fchmodat2, d, p, 0666, 0)); }
static long c_fchownat(int d, const char *p) { return outcome(syscall(SYS_fchownat, d, p, getuid(), getgid(), 0)); }
static long c_fchownat_link(int d, const char *p) { return outcome(syscall(SYS_fchownat, d, p, getuid(), getgid(), AT_SYMLINK_NOFOLLOW)); }
static long c_utimensat(int d, const char *p) { return outcome(syscall(SYS_utimensat, d, p, NULL, 0)); }
static long c_truncate(int d, const char *p) { return outcome(syscall(SYS_truncate, p, 3)); }
static long c_statfs(int d, const char *p)
{
	struct statfs s;
	return there(syscall(SYS_statfs, p, &s));
}
static long c_setxattr(int d, const char *p) { return outcome(syscall(SYS_setxattr, p, NAMED("x"), 1, 0)); }
static long c_lsetxattr(int d, const char *p) { return outcome(syscall(SYS_lsetxattr, p, NAMED("x"), 1, 0)); }
static long c_getxattr(int d, const char *p) { return marked(syscall(SYS_getxattr, p, NAMED(value), sizeof value)); }
static long c_lgetxattr(int d, const char *p) { return marked(syscall(SYS_lgetxattr, p, NAMED(value), sizeof value)); }
static long c_listxattr(int d, const char *p) { return there(syscall(SYS_listxattr, p, value, sizeof value)); }
static long c_llistxattr(int d, const char *p) { return there(syscall(SYS_llistxattr, p, value, sizeof value)); }
static long removed(const char *p, long r)
{
	if (r == 0)
		syscall(SYS_setxattr, at("permit/secret"), NAMED("public"), 6, 0);
	return outcome(r);
}
static long c_removexattr(int d, const char *p) { return removed(p, syscall(SYS_removexattr, p, "user.secret")); }
static long c_lremovexattr(int d, const char *p) { return removed(p, syscall(SYS_lremovexattr, p, "user.secret")); }
static long c_getxattrat(int d, const char *p)
{
	struct attribute a = {(uint64_t)(uintptr_t)value, sizeof value, 0};
	return marked(syscall(SYS_getxattrat, d, p, 0, "user.secret", &a, sizeof a));
}
static long c_setxattrat(int d, const char *p)
{
	struct attribute a = {(uint64_t)(uintptr_t) "x", 1, 0};
	return outcome(syscall(SYS_setxattrat, d, p, 0, "user.secret", &a, sizeof a));
}
static long c_listxattrat(int d, const char *p) { return there(syscall(SYS_listxattrat, d, p, 0, value, sizeof value)); }
static long c_removexattrat(int d, const char *p) { return removed(p, syscall(SYS_removexattrat, d, p, 0, "user.secret")); }
static long c_inotify(int d, const char *p)
{
	int fd = inotify_init1(IN_CLOEXEC);
	long r = there(syscall(SYS_inotify_add_watch, fd, p, IN_ACCESS));
	close(fd);
	return r;
}
static long c_name_to_handle(int d, const char *p)
{
	struct { struct file_handle h; char bytes[128]; } handle = {.h.handle_bytes = 128};
	int mount;
	return there(syscall(SYS_name_to_handle_at, d, p, &handle, &mount, 0));
}
static long c_file_getattr(int d, const char *p)
{
	char attributes[24];
	return there(syscall(SYS_file_getattr, d, p, attributes, sizeof attributes, 0));
}
#ifdef SYS_open
static long c_open(int d, const char *p) { return opened(syscall(SYS_open, p, O_RDONLY)); }
static long c_open_write(int d, const char *p) { return opened(syscall(SYS_open, p, O_WRONLY)); }
static long c_open_new(int d, const char *p) { return opened(syscall(SYS_open, p, O_WRONLY | O_CREAT, 0600)); }
static long c_creat(int d, const char *p) { return opened(syscall(SYS_creat, p, 0600)); }
static long c_stat(int d, const char *p)
{
	struct stat st;
	return seen(syscall(SYS_stat, p, &st), &st);
}
static long c_lstat(int d, const char *p)
{
	struct stat st;
	return seen(syscall(SYS_lstat, p, &st), &st);
}
static long c_access(int d, const char *p) { return there(syscall(SYS_access, p, F_OK)); }
static long c_readlink(int d, const char *p) { return marked(syscall(SYS_readlink, p, value, sizeof value)); }
static long c_unlink(int d, const char *p) { return outcome(syscall(SYS_unlink, p)); }
static long c_rmdir(int d, const char *p) { return outcome(syscall(SYS_rmdir, p)); }
static long c_rename_from(int d, const char *p) { return outcome(syscall(SYS_rename, p, at("loot"))); }
static long c_rename_to(int d, const char *p)
{
	syscall(SYS_mknodat, AT_FDCWD, at("loot"), S_IFREG | 0600, 0);
	return outcome(syscall(SYS_rename, at("loot"), p));
}
static long c_link_from(int d, const char *p) { return loot(syscall(SYS_link, p, at("loot"))); }
static long c_link_to(int d, const char *p) { return outcome(syscall(SYS_link, at("spare"), p)); }
static long c_symlink(int d, const char *p) { return outcome(syscall(SYS_symlink, "x", p)); }
static long c_mkdir(int d, const char *p) { return outcome(syscall(SYS_mkdir, p, 0700)); }
static long c_mknod(int d, const char *p) { return outcome(syscall(SYS_mknod, p, S_IFREG | 0600, 0)); }
static long c_chmod(int d, const char *p) { return outcome(syscall(SYS_chmod, p, 0666)); }
static long c_chown(int d, const char *p) { return outcome(syscall(SYS_chown, p, getuid(), getgid())); }
static long c_lchown(int d, const char *p) { return outcome(syscall(SYS_lchown, p, getuid(), getgid())); }
static long c_utime(int d, const char *p) { return outcome(syscall(SYS_utime, p, NULL)); }
static long c_utimes(int d, const char *p) { return outcome(syscall(SYS_utimes, p, NULL)); }
static long c_futimesat(int d, const char *p) { return outcome(syscall(SYS_futimesat, d, p, NULL)); }
#endif

const struct call calls[] = {
#ifdef SYS_open
	{"open", "secret", FOLLOW | BASIC, c_open},
	{"open-write", "secret", FOLLOW, c_open_write},
	{"open-create", "new", FOLLOW | CREATES, c_open_new},
	{"creat", "secret", FOLLOW, c_creat},
	{"creat-new", "new", FOLLOW | CREATES, c_creat},
	{"stat", "secret", FOLLOW | BASIC, c_stat},
	{"lstat", "secret", 0, c_lstat},
	{"access", "only", FOLLOW | HOLE, c_access},
	{"readlink", "link", 0, c_readlink},
	{"unlink", "secret", REMOVES | BASIC, c_unlink},
	{"rmdir", "empty", REMOVES, c_rmdir},
	{"rename-from", "secret", REMOVES | BASIC, c_rename_from},
	{"rename-to", "new", CREATES, c_rename_to},
	{"link-from", "secret", 0, c_link_from},
	{"link-to", "new", CREATES, c_link_to},
	{"symlink", "new", CREATES, c_symlink},
	{"mkdir", "new", CREATES | BASIC, c_mkdir},
	{"mknod", "new", CREATES, c_mknod},
	{"chmod", "secret", FOLLOW | BASIC, c_chmod},
	{"chown", "secret", FOLLOW, c_chown},
	{"lchown", "secret", 0, c_lchown},
	{"utime", "secret", FOLLOW, c_utime},
	{"utimes", "secret", FOLLOW, c_utimes},
	{"futimesat", "secret", AT | FOLLOW, c_futimesat},
#endif
	{"openat", "secret", AT | FOLLOW | BASIC, c_openat},
	{"openat-rdwr", "secret", AT | FOLLOW, c_openat_rdwr},
	{"openat-path", "secret", AT | FOLLOW | HANDLE, c_openat_path},
	{"openat-dir", "empty", AT | FOLLOW, c_openat_dir},
	{"openat-truncate", "secret", AT | FOLLOW, c_openat_trunc},
	{"openat-create", "new", AT | FOLLOW | CREATES | BASIC, c_openat_new},
	{"openat-exclusive", "new", AT | CREATES, c_openat_excl},
	{"openat2", "secret", AT | FOLLOW | BASIC, c_openat2},
	{"openat2-create", "new", AT | FOLLOW | CREATES, c_openat2_new},
	{"newfstatat", "secret", AT | FOLLOW, c_newfstatat},
	{"statx", "secret", AT | FOLLOW, c_statx},
	{"faccessat", "only", AT | FOLLOW | HOLE, c_faccessat},
	{"faccessat2", "only", AT | FOLLOW | HOLE, c_faccessat2},
	{"readlinkat", "link", AT, c_readlinkat},
	{"unlinkat", "secret", AT | REMOVES, c_unlinkat},
	{"unlinkat-dir", "empty", AT | REMOVES, c_unlinkat_dir},
	{"renameat2-from", "secret", AT | REMOVES, c_renameat_from},
	{"renameat2-to", "new", AT | CREATES, c_renameat_to},
	{"renameat2-exchange", "secret", AT, c_renameat2_exchange},
	{"linkat-from", "secret", AT | BASIC, c_linkat_from},
	{"linkat-follow", "secret", AT | FOLLOW, c_linkat_follow},
	{"linkat-to", "new", AT | CREATES, c_linkat_to},
	{"symlinkat", "new", AT | CREATES, c_symlinkat},
	{"mkdirat", "new", AT | CREATES, c_mkdirat},
	{"mknodat", "new", AT | CREATES, c_mknodat},
	{"fchmodat", "secret", AT | FOLLOW, c_fchmodat},
	{"fchmodat2", "secret", AT | FOLLOW, c_fchmodat2},
	{"fchownat", "secret", AT | FOLLOW, c_fchownat},
	{"fchownat-link", "link", AT, c_fchownat_link},
	{"utimensat", "secret", AT | FOLLOW, c_utimensat},
	{"truncate", "secret", FOLLOW, c_truncate},
	{"statfs", "only", FOLLOW | HOLE, c_statfs},
	{"setxattr", "secret", FOLLOW, c_setxattr},
	{"lsetxattr", "secret", 0, c_lsetxattr},
	{"getxattr", "secret", FOLLOW | BASIC, c_getxattr},
	{"lgetxattr", "secret", 0, c_lgetxattr},
	{"listxattr", "only", FOLLOW | HOLE, c_listxattr},
	{"llistxattr", "only", HOLE, c_llistxattr},
	{"removexattr", "secret", FOLLOW, c_removexattr},
	{"lremovexattr", "secret", 0, c_lremovexattr},
	{"setxattrat", "secret", AT | FOLLOW, c_setxattrat},
	{"getxattrat", "secret", AT | FOLLOW, c_getxattrat},
	{"listxattrat", "only", AT | FOLLOW | HOLE, c_listxattrat},
	{"removexattrat", "secret", AT | FOLLOW, c_removexattrat},
	{"inotify_add_watch", "only", FOLLOW | HOLE, c_inotify},
	{"name_to_handle_at", "only", AT | HOLE, c_name_to_handle},
	{"file_getattr", "only", AT | FOLLOW | HOLE, c_file_getattr},
};
const int ncalls = sizeof calls / sizeof *calls;
