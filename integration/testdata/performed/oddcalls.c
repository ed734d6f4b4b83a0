/* oddcalls SEED COUNT [UID]: calls from the table of those that are performed, with arguments that are mostly wrong in some way. Prints
 * what each gave and, at the end, the tree that they left. The same seed gives the same calls, so two runs print the same. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define PAGE 4096
#define COUNT(a) (sizeof(a) / sizeof *(a))

static uint64_t seed;

static unsigned rnd(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

static char *unmapped, *readonly, *edge; /* edge: 32 bytes before an unmapped page */
static char buf[PAGE * 20], buf2[PAGE], longpath[PATH_MAX + 8], longer[PATH_MAX + 8], name255[300], name256[300];

static const char *const plain[] = {
	"", ".", "..", "/", "//", "a", "b", "c", "d", "d/a", "d/b", "d/c", "d/", "d/.", "d/..", "d/../a", "a/", "a/.", "a/b", "s", "s/", "s/a",
	"dangling", "dangling/", "dangling2", "loop", "loop/x", "no", "no/", "no/no", "d/e", "d/e/f", "d/e/f/", "d/e/g", "/d/a", "//d//a", "/no",
	"./a", "././a", "p", "e", "e/", "new1", "new2", "new3", "d/new", "d/new2/", "sf", "sf/", "\xff\xfe", "d/\xc3\x28", "sticky/x", "sticky/y",
	"sticky/s", "closed/x", "closed", "abs", "abs/a", "/proc/self/cwd", "/proc/self/cwd/a", "/proc/self/root/d/a", "/proc/self/fd/40",
	"/proc/self/fd/40/a", "/proc/self/fd/41", "/proc/self/fd/49", "/proc/thread-self/cwd/d", "/proc/self", "/proc/thread-self", "/proc/self/none",
	"/proc/self/fd/41/", "/proc/self/exe", "/proc/nothing", "/proc/self/../self/cwd", "fdlink", "fdlink/a", "cwdlink/d", "selflink/cwd/a",
};

/* path is a pointer; text is for the print. */
static const char *path(char *text)
{
	static const struct {
		const char *name;
		char *const *p;
	} odd[] = {
		{"unmapped", &unmapped}, {"readonly", &readonly},
	};
	unsigned k = rnd(12);

	if (k > 0) {
		const char *p = plain[rnd(COUNT(plain))];
		snprintf(text, 80, "\"%s\"", p);
		return p;
	}
	k = rnd(9);
	if (k < COUNT(odd)) {
		strcpy(text, odd[k].name);
		return *odd[k].p;
	}
	strcpy(text, (char *[]){"null", "one", "edge", "long", "longer", "255", "256"}[k - 2]);
	memset(edge, 'a', 32);
	return ((const char *[]){0, (char *)1, edge, longpath, longer, name255, name256})[k - 2];
}

static long fd(char *text)
{
	static const long fds[] = {AT_FDCWD, AT_FDCWD, AT_FDCWD, (long)0xffffff9cu, 40, 40, 41, 42, 43, 44, 45, 46, 99, -1, 1 << 30};
	long v = fds[rnd(COUNT(fds))];
	snprintf(text, 80, "%ld", v);
	return v;
}

static unsigned long flags(char *text, const unsigned *set, unsigned n)
{
	unsigned long v = 0;
	for (unsigned i = rnd(4); i > 0; i--)
		v |= set[rnd(n)];
	if (rnd(15) == 0)
		v |= 1u << rnd(32);
	snprintf(text, 80, "%#lx", v);
	return v;
}

static const unsigned open_flags[] = {O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_CREAT, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_NOFOLLOW, O_DIRECTORY,
	O_CLOEXEC, O_NOATIME, __O_TMPFILE, O_TMPFILE, O_SYNC, O_DSYNC, O_DIRECT, 3};
static const unsigned at_flags[] = {AT_SYMLINK_NOFOLLOW, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, AT_EMPTY_PATH, AT_SYMLINK_FOLLOW, AT_REMOVEDIR,
	AT_NO_AUTOMOUNT, AT_EACCESS, 0x2000, 0x4000, 1, 2};
static const unsigned rename_flags[] = {1, 2, 4};
static const unsigned resolve_flags[] = {1, 2, 4, 8, 16, 0x20};
static const unsigned inotify_flags[] = {IN_MODIFY, IN_CREATE, IN_DONT_FOLLOW, IN_ONLYDIR, IN_MASK_ADD, IN_MASK_CREATE, IN_EXCL_UNLINK, IN_ONESHOT};
static const unsigned fan_flags[] = {FAN_MARK_ADD, FAN_MARK_ADD, FAN_MARK_REMOVE, FAN_MARK_FLUSH, FAN_MARK_DONT_FOLLOW, FAN_MARK_ONLYDIR,
	FAN_MARK_MOUNT, FAN_MARK_FILESYSTEM, FAN_MARK_IGNORED_MASK};

static unsigned long mode(char *text)
{
	static const unsigned modes[] = {0644, 0755, 0600, 0, 07777, 02755, 01777, 0777, 0200, 0100000, 0xffff, 0xffffffff, 0500};
	unsigned long v = modes[rnd(COUNT(modes))];
	snprintf(text, 80, "%#lo", v);
	return v;
}

static unsigned long nodemode(char *text)
{
	static const unsigned types[] = {0, S_IFREG, S_IFIFO, S_IFSOCK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFBLK};
	unsigned long v = mode(text);
	v = (v & ~0xf000ul) | types[rnd(COUNT(types))];
	snprintf(text, 80, "%#lo", v);
	return v;
}

static unsigned long size(char *text)
{
	static const unsigned long sizes[] = {0, 1, 2, 7, 8, 23, 24, 25, 32, 48, 64, 128, 4095, 4096, 4097, 65535, 65536, 65537, 1ul << 31, ~0ul, 100, 100, 100, 24};
	unsigned long v = sizes[rnd(COUNT(sizes))];
	snprintf(text, 80, "%lu", v);
	return v;
}

static unsigned long room; /* that there is in the last memory */

/* memory for a result. */
static char *memory(char *text, char *own)
{
	unsigned k = rnd(10);
	room = PAGE * 20;
	memset(buf, 0xa5, sizeof buf);
	memset(buf2, 0xa5, sizeof buf2);
	memset(edge, 0xa5, 32);
	if (k > 4) {
		strcpy(text, "buf");
		return own;
	}
	strcpy(text, (char *[]){"null", "one", "unmapped", "readonly", "edge"}[k]);
	return ((char *[]){0, (char *)1, unmapped, readonly, edge})[k];
}

static unsigned long id(char *text)
{
	static const unsigned ids[] = {0, 1000, 1001, 65534, 65535, 65536, 0xffffffff, 0xfffffffe, 4242};
	unsigned long v = ids[rnd(COUNT(ids))];
	snprintf(text, 80, "%lu", v);
	return v;
}

static unsigned long accmode(char *text)
{
	unsigned long v = rnd(12) == 0 ? 8u << rnd(20) : rnd(8);
	snprintf(text, 80, "%lu", v);
	return v;
}

static unsigned long length(char *text)
{
	static const long lengths[] = {0, 1, 10, 4096, 5000, -1, LONG_MIN, 100};
	unsigned long v = lengths[rnd(COUNT(lengths))];
	snprintf(text, 80, "%ld", v);
	return v;
}

static char *xname(char *text)
{
	static char too[300];
	static const char *const names[] = {"user.a", "user.b", "user.", "trusted.a", "nothing.a", "", "user.\xff", "security.capability", "system.posix_acl_access"};
	unsigned k = rnd(COUNT(names) + 4);
	memset(too, 'u', sizeof too - 1);
	memcpy(too, "user.", 5);
	if (k < COUNT(names)) {
		snprintf(text, 80, "\"%s\"", names[k]);
		return (char *)names[k];
	}
	k -= COUNT(names);
	strcpy(text, (char *[]){"unmapped", "null", "long", "user.a"}[k]);
	return ((char *[]){unmapped, 0, too, "user.a"})[k];
}

static unsigned long numbers64[16];

/* times of n numbers of w bytes; parts are after the seconds. */
static char *times(char *text, unsigned w, int nanoseconds)
{
	static const long parts[] = {0, 1, 999999, 1000000, 999999999, 1000000000, -1, (1l << 30) - 1, (1l << 30) - 2};
	static const long secs[] = {0, 1, 1000000, 123456789, -1};
	long v[4];
	unsigned k = rnd(12);

	(void)nanoseconds;
	for (int i = 0; i < 4; i++)
		v[i] = i % 2 ? parts[rnd(rnd(2) ? 2 : COUNT(parts))] : secs[rnd(COUNT(secs))];
	if (k < 4) {
		strcpy(text, (char *[]){"null", "null", "unmapped", "one"}[k]);
		return ((char *[]){0, 0, unmapped, (char *)1})[k];
	}
	for (int i = 0; i < 4; i++)
		memcpy((char *)numbers64 + i * w, &v[i], w < sizeof(long) ? w : sizeof(long));
	snprintf(text, 80, "{%ld %ld %ld %ld}", v[0], v[1], v[2], v[3]);
	if (k == 4) {
		memcpy(edge + 32 - 8, numbers64, 8);
		strcpy(text, "half");
		return edge + 32 - 8;
	}
	return (char *)numbers64;
}

static char *setvalue(char *text)
{
	unsigned k = rnd(6);
	memset(buf, 'v', sizeof buf);
	strcpy(text, (char *[]){"null", "unmapped", "buf", "buf", "buf", "edge"}[k]);
	return ((char *[]){0, unmapped, buf, buf, buf, edge})[k];
}

static struct open_how hows[200];

static void *how(char *text)
{
	char f[80], m[80], r[80];
	struct open_how *h = hows;
	memset(hows, 0, sizeof hows);
	h->flags = flags(f, open_flags, COUNT(open_flags)) & ~(unsigned long)O_PATH;
	h->flags |= O_NONBLOCK;
	if (h->flags & (O_CREAT | __O_TMPFILE) || rnd(10) == 0)
		h->mode = mode(m);
	h->resolve = rnd(2) ? 0 : flags(r, resolve_flags, COUNT(resolve_flags) - 1);
	if (rnd(20) == 0)
		hows[1].flags = 1;
	snprintf(text, 80, "{%#llx %#llo %#llx}", (unsigned long long)h->flags, (unsigned long long)h->mode, (unsigned long long)h->resolve);
	if (rnd(15) == 0) {
		strcpy(text, "unmapped");
		return unmapped;
	}
	return hows;
}

struct xattr_args_ {
	uint64_t value;
	uint32_t size, flags;
};
static struct xattr_args_ xargs[300];

static void *xattrargs(char *text, char *value, unsigned sz)
{
	memset(xargs, 0, sizeof xargs);
	xargs[0].value = (uintptr_t)value;
	xargs[0].size = sz;
	xargs[0].flags = rnd(4) ? 0 : rnd(8);
	if (rnd(30) == 0)
		xargs[1].size = 1;
	sprintf(text, "{%u %u}", xargs[0].size, xargs[0].flags);
	return rnd(15) ? (void *)xargs : (void *)unmapped;
}

enum { SHOW_NOTHING, SHOW_FD, SHOW_STAT, SHOW_STATX, SHOW_BYTES, SHOW_LAST, SHOW_HANDLE };

static long r;
static int err;
static char a[6][200];

#define CALL(nr, ...) (errno = 0, r = syscall(nr, __VA_ARGS__), err = r < 0 ? errno : 0)

/* touched is the end of what was written to memory. */
static unsigned touched(const char *p, unsigned n)
{
	while (n > 0 && (unsigned char)p[n - 1] == 0xa5)
		n--;
	return n;
}

static void show(int what, const char *to)
{
	struct stat st = {0};
	if (to != buf && to != buf2 && to != edge && what != SHOW_FD)
		return;
	unsigned most = to == edge ? 32 : sizeof buf2;
	switch (what) {
	case SHOW_FD:
		if (r < 0)
			return;
		fstat(r, &st);
		printf(" fd %d fl %#x mode %#o size %ld", fcntl(r, F_GETFD), fcntl(r, F_GETFL) & ~(0100000 | O_NOFOLLOW), st.st_mode,
			S_ISREG(st.st_mode) ? (long)st.st_size : 0l);
		close(r);
		break;
	case SHOW_STAT:
		if (err == 0) {
			memcpy(&st, to, sizeof st);
#ifdef __x86_64__
			printf(" %#o %lu %u %u %ld", st.st_mode, (long)st.st_nlink, st.st_uid, st.st_gid, S_ISDIR(st.st_mode) ? 0l : (long)st.st_size);
#endif
		}
		/* fall through */
	case SHOW_LAST:
		if (err != EFAULT) /* then the kernel may have written a part */
			printf(" touched %u", touched(to, most));
		break;
	case SHOW_STATX:
		if (err == 0) {
			const struct statx *x = (const void *)to;
			printf(" %#x %#o %u %u %u", x->stx_mask, x->stx_mode, x->stx_nlink, x->stx_uid, x->stx_gid);
		}
		printf(" touched %u", touched(to, most));
		break;
	case SHOW_BYTES: {
		unsigned n = to == buf ? touched(to, sizeof buf) : touched(to, most), sum = 0;
		for (unsigned i = 0; i < n; i++)
			sum = sum * 31 + (unsigned char)to[i];
		printf(" bytes %u %#x", n, sum);
		break;
	}
	case SHOW_HANDLE:
		printf(" bytes %u type touched %d", *(unsigned *)to, touched(to + 4, 4) > 0);
	}
}

static unsigned long shortflags(char *t, const unsigned *s, unsigned n) { return flags(t, s, n); }

#define AT(i) shortflags(a[i], at_flags, COUNT(at_flags))
#define OPENFLAGS(i) (flags(a[i], open_flags, COUNT(open_flags)) & ~(unsigned long)O_PATH) | O_NONBLOCK
#define P(i) path(a[i])
#define FD(i) fd(a[i])

#define ROWS                                                                                                                               \
	ROW(open, 3, const char *p = P(0); long f = OPENFLAGS(1); long m = mode(a[2]); CALL(NR, p, f, m); show(SHOW_FD, 0))                   \
	ROW(openat, 4, long d = FD(0); const char *p = P(1); long f = OPENFLAGS(2); long m = mode(a[3]); CALL(NR, d, p, f, m); show(SHOW_FD, 0)) \
	ROW(openat2, 4, long d = FD(0); const char *p = P(1); void *h = how(a[2]); long s = rnd(3) ? 24 : size(a[3]); sprintf(a[3], "%lu", s);   \
		CALL(NR, d, p, h, s); show(SHOW_FD, 0))                                                                                        \
	ROW(creat, 2, const char *p = P(0); long m = mode(a[1]); \
		creat_fifo(p, m); show(SHOW_FD, 0))                                                                                            \
	ROW(mkdir, 2, const char *p = P(0); long m = mode(a[1]); CALL(NR, p, m))                                                               \
	ROW(mkdirat, 3, long d = FD(0); const char *p = P(1); long m = mode(a[2]); CALL(NR, d, p, m))                                          \
	ROW(mknod, 3, const char *p = P(0); long m = nodemode(a[1]); long v = device(a[2]); CALL(NR, p, m, v))                                 \
	ROW(mknodat, 4, long d = FD(0); const char *p = P(1); long m = nodemode(a[2]); long v = device(a[3]); CALL(NR, d, p, m, v))            \
	ROW(unlink, 1, const char *p = P(0); CALL(NR, p))                                                                                      \
	ROW(rmdir, 1, const char *p = P(0); CALL(NR, p))                                                                                       \
	ROW(unlinkat, 3, long d = FD(0); const char *p = P(1); long f = AT(2); CALL(NR, d, p, f))                                              \
	ROW(rename, 2, const char *p = P(0); const char *q = P(1); CALL(NR, p, q))                                                             \
	ROW(renameat, 4, long d = FD(0); const char *p = P(1); long e = FD(2); const char *q = P(3); CALL(NR, d, p, e, q))                     \
	ROW(renameat2, 5, long d = FD(0); const char *p = P(1); long e = FD(2); const char *q = P(3);                                          \
		long f = flags(a[4], rename_flags, 3); CALL(NR, d, p, e, q, f))                                                                \
	ROW(link, 2, const char *p = P(0); const char *q = P(1); CALL(NR, p, q))                                                               \
	ROW(linkat, 5, long d = FD(0); const char *p = P(1); long e = FD(2); const char *q = P(3); long f = AT(4); CALL(NR, d, p, e, q, f))    \
	ROW(symlink, 2, const char *p = P(0); const char *q = P(1); CALL(NR, p, q))                                                            \
	ROW(symlinkat, 3, const char *p = P(0); long e = FD(1); const char *q = P(2); CALL(NR, p, e, q))                                       \
	ROW(readlink, 3, const char *p = P(0); char *b = memory(a[1], buf); long s = size(a[2]); CALL(NR, p, b, s); showlink(b))             \
	ROW(readlinkat, 4, long d = FD(0); const char *p = P(1); char *b = memory(a[2], buf); long s = size(a[3]); CALL(NR, d, p, b, s);      \
		showlink(b))                                                                                                               \
	ROW(chmod, 2, const char *p = P(0); long m = mode(a[1]); CALL(NR, p, m))                                                               \
	ROW(fchmodat, 3, long d = FD(0); const char *p = P(1); long m = mode(a[2]); CALL(NR, d, p, m))                                         \
	ROW(fchmodat2, 4, long d = FD(0); const char *p = P(1); long m = mode(a[2]); long f = AT(3); CALL(NR, d, p, m, f))                     \
	ROW(chown, 3, const char *p = P(0); long u = id(a[1]); long g = id(a[2]); CALL(NR, p, u, g))                                           \
	ROW(lchown, 3, const char *p = P(0); long u = id(a[1]); long g = id(a[2]); CALL(NR, p, u, g))                                          \
	ROW(chown32, 3, const char *p = P(0); long u = id(a[1]); long g = id(a[2]); CALL(NR, p, u, g))                                         \
	ROW(lchown32, 3, const char *p = P(0); long u = id(a[1]); long g = id(a[2]); CALL(NR, p, u, g))                                        \
	ROW(fchownat, 5, long d = FD(0); const char *p = P(1); long u = id(a[2]); long g = id(a[3]); long f = AT(4); CALL(NR, d, p, u, g, f))  \
	ROW(truncate, 2, const char *p = P(0); long l = length(a[1]); CALL(NR, p, l))                                                          \
	ROW(truncate64, 2, const char *p = P(0); long l = length(a[1]); CALL(NR, p, l, l < 0 ? -1 : 0))                                        \
	ROW(utime, 2, const char *p = P(0); char *t = times(a[1], sizeof(long), 0); CALL(NR, p, t))                                            \
	ROW(utimes, 2, const char *p = P(0); char *t = times(a[1], sizeof(long), 0); CALL(NR, p, t))                                           \
	ROW(futimesat, 3, long d = FD(0); const char *p = P(1); char *t = times(a[2], sizeof(long), 0); CALL(NR, d, p, t))                     \
	ROW(utimensat, 4, long d = FD(0); const char *p = P(1); char *t = times(a[2], sizeof(long), 1); long f = AT(3); CALL(NR, d, p, t, f))  \
	ROW(utimensat_time64, 4, long d = FD(0); const char *p = P(1); char *t = times(a[2], 8, 1); long f = AT(3); CALL(NR, d, p, t, f))      \
	ROW(stat, 2, const char *p = P(0); char *b = memory(a[1], buf2); CALL(NR, p, b); show(SHOW_STAT, b))                                   \
	ROW(lstat, 2, const char *p = P(0); char *b = memory(a[1], buf2); CALL(NR, p, b); show(SHOW_STAT, b))                                  \
	ROW(newfstatat, 4, long d = FD(0); const char *p = P(1); char *b = memory(a[2], buf2); long f = AT(3); CALL(NR, d, p, b, f);           \
		show(SHOW_STAT, b))                                                                                                            \
	ROW(stat64, 2, const char *p = P(0); char *b = memory(a[1], buf2); CALL(NR, p, b); show(SHOW_LAST, b))                                 \
	ROW(lstat64, 2, const char *p = P(0); char *b = memory(a[1], buf2); CALL(NR, p, b); show(SHOW_LAST, b))                                \
	ROW(fstatat64, 4, long d = FD(0); const char *p = P(1); char *b = memory(a[2], buf2); long f = AT(3); CALL(NR, d, p, b, f);            \
		show(SHOW_LAST, b))                                                                                                            \
	ROW(oldstat, 2, const char *p = P(0); char *b = memory(a[1], buf2); CALL(NR, p, b); show(SHOW_LAST, b))                                \
	ROW(oldlstat, 2, const char *p = P(0); char *b = memory(a[1], buf2); CALL(NR, p, b); show(SHOW_LAST, b))                               \
	ROW(statx, 5, long d = FD(0); const char *p = P(1); long f = AT(2); long m = rnd(9) ? (long)rnd(0x1000) : (long)0x80000000;             \
		sprintf(a[3], "%#lx", m); char *b = memory(a[4], buf2); CALL(NR, d, p, f, m, b); show(SHOW_STATX, b))                           \
	ROW(access, 2, const char *p = P(0); long m = accmode(a[1]); CALL(NR, p, m))                                                           \
	ROW(faccessat, 3, long d = FD(0); const char *p = P(1); long m = accmode(a[2]); CALL(NR, d, p, m))                                     \
	ROW(faccessat2, 4, long d = FD(0); const char *p = P(1); long m = accmode(a[2]); long f = AT(3); CALL(NR, d, p, m, f))                 \
	ROW(statfs, 2, const char *p = P(0); char *b = memory(a[1], buf2); CALL(NR, p, b); show(SHOW_LAST, b))                                 \
	ROW(statfs64, 3, const char *p = P(0); long s = rnd(2) ? 84 : size(a[1]); sprintf(a[1], "%ld", s); char *b = memory(a[2], buf2);       \
		CALL(NR, p, s, b); show(SHOW_LAST, b))                                                                                         \
	ROW(file_getattr, 5, long d = FD(0); const char *p = P(1); char *b = memory(a[2], buf2); long s = size(a[3]); long f = AT(4);          \
		CALL(NR, d, p, b, s, f); show(SHOW_LAST, b))                                                                                   \
	ROW(file_setattr, 5, long d = FD(0); const char *p = P(1); memset(buf2, 0, sizeof buf2); char *b = rnd(5) ? buf2 : unmapped;           \
		sprintf(a[2], b == buf2 ? "zero" : "unmapped"); long s = size(a[3]); long f = AT(4); CALL(NR, d, p, b, s, f))                  \
	ROW(setxattr, 5, const char *p = P(0); char *n = xname(a[1]); char *v = setvalue(a[2]); unsigned long s = size(a[3]);                  \
		long f = accmode(a[4]); CALL(NR, p, n, v, s, f))                                                                               \
	ROW(lsetxattr, 5, const char *p = P(0); char *n = xname(a[1]); char *v = setvalue(a[2]); unsigned long s = size(a[3]);                 \
		long f = accmode(a[4]); CALL(NR, p, n, v, s, f))                                                                               \
	ROW(getxattr, 4, const char *p = P(0); char *n = xname(a[1]); char *b = memory(a[2], buf); long s = size(a[3]); CALL(NR, p, n, b, s);  \
		show(SHOW_BYTES, b))                                                                                                           \
	ROW(lgetxattr, 4, const char *p = P(0); char *n = xname(a[1]); char *b = memory(a[2], buf); long s = size(a[3]); CALL(NR, p, n, b, s); \
		show(SHOW_BYTES, b))                                                                                                           \
	ROW(listxattr, 3, const char *p = P(0); char *b = memory(a[1], buf); long s = size(a[2]); CALL(NR, p, b, s); show(SHOW_BYTES, b))      \
	ROW(llistxattr, 3, const char *p = P(0); char *b = memory(a[1], buf); long s = size(a[2]); CALL(NR, p, b, s); show(SHOW_BYTES, b))     \
	ROW(removexattr, 2, const char *p = P(0); char *n = xname(a[1]); CALL(NR, p, n))                                                       \
	ROW(lremovexattr, 2, const char *p = P(0); char *n = xname(a[1]); CALL(NR, p, n))                                                      \
	ROW(setxattrat, 6, long d = FD(0); const char *p = P(1); long f = AT(2); char *n = xname(a[3]); char v[80]; char *b = setvalue(v);      \
		void *x = xattrargs(a[4], b, size(v)); long s = rnd(3) ? 16 : size(a[5]); CALL(NR, d, p, f, n, x, s))                          \
	ROW(getxattrat, 6, long d = FD(0); const char *p = P(1); long f = AT(2); char *n = xname(a[3]); char v[80]; char *b = memory(v, buf);   \
		void *x = xattrargs(a[4], b, size(v)); if (rnd(3)) xargs[0].flags = 0; long s = rnd(3) ? 16 : size(a[5]);                      \
		sprintf(a[5], "%lu", s); CALL(NR, d, p, f, n, x, s); show(SHOW_BYTES, b))                                                      \
	ROW(listxattrat, 5, long d = FD(0); const char *p = P(1); long f = AT(2); char *b = memory(a[3], buf); long s = size(a[4]);            \
		CALL(NR, d, p, f, b, s); show(SHOW_BYTES, b))                                                                                  \
	ROW(removexattrat, 4, long d = FD(0); const char *p = P(1); long f = AT(2); char *n = xname(a[3]); CALL(NR, d, p, f, n))               \
	ROW(inotify_add_watch, 3, long d = rnd(3) ? 47 : FD(0); sprintf(a[0], "%ld", d); const char *p = P(1);                                 \
		long f = flags(a[2], inotify_flags, COUNT(inotify_flags)); CALL(NR, d, p, f))                                                  \
	ROW(name_to_handle_at, 5, long d = FD(0); const char *p = P(1); char *b = memory(a[2], buf2); unsigned hb = (unsigned[]){0, 8, 128, 129, ~0u}[rnd(5)]; \
		if (b == buf2 || b == edge) memcpy(b, &hb, 4); sprintf(a[2] + strlen(a[2]), " %u", hb); char *m = memory2(a[3]); long f = AT(4); \
		if (b == buf2 || b == edge) memcpy(b, &hb, 4); CALL(NR, d, p, b, m, f); show(SHOW_HANDLE, b); if (m == buf) printf(" id touched %u", touched(m, 64))) \
	ROW(chdir, 1, const char *p = P(0); CALL(NR, p))                                                                                       \
	ROW(umask, 1, static const int masks[] = {022, 077, 0, 0777, 0177}; int m = masks[rnd(5)]; sprintf(a[0], "%o", m); CALL(SYS_umask, m))

#ifdef __i386__
#define OLD(x) SYS_##x
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#define SYS_setxattrat 463
#define SYS_getxattrat 464
#define SYS_listxattrat 465
#define SYS_removexattrat 466
#define SYS_file_getattr 468
#define SYS_file_setattr 469
#ifdef __i386__
#define SYS_newfstatat -1
#ifdef SYS_futimesat
#endif
#else
#define SYS_chown32 -1
#define SYS_lchown32 -1
#define SYS_truncate64 -1
#define SYS_utimensat_time64 -1
#define SYS_stat64 -1
#define SYS_lstat64 -1
#define SYS_fstatat64 -1
#define SYS_statfs64 -1
#define SYS_oldstat -1
#define SYS_oldlstat -1
#endif
#ifdef __i386__
#undef SYS_utimensat_time64
#define SYS_utimensat_time64 412
#endif

static long device(char *text)
{
	static const long devices[] = {0, 0x103, 0xfff0100, 0x105};
	long v = devices[rnd(COUNT(devices))];
	sprintf(text, "%#lx", v);
	return v;
}

static char *memory2(char *text)
{
	if (rnd(5) == 0) {
		strcpy(text, "unmapped");
		return unmapped;
	}
	strcpy(text, "buf");
	return buf;
}

static void creat_fifo(const char *p, long m)
{
	struct stat st;
	if (p == unmapped || p == 0 || p == (char *)1 || p == edge || (stat(p, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
		p = unmapped;
	CALL(SYS_creat, p, m);
}

static void showlink(const char *b)
{
	/* Numbers of processes differ. */
	if (r > 0 && (b == buf || b == edge) && b[0] >= '0' && b[0] <= '9') {
		printf(" number");
		r = 0;
		return;
	}
	show(SHOW_BYTES, b);
}

#define ROW(name, n, ...) \
	static void do_##name(void) \
	{ \
		const long NR __attribute__((unused)) = SYS_##name; \
		__VA_ARGS__; \
	}
ROWS
#undef ROW

static const struct row {
	const char *name;
	long nr;
	unsigned n;
	void (*run)(void);
} rows[] = {
#define ROW(name, n, ...) {#name, SYS_##name, n, do_##name},
	ROWS
#undef ROW
};

static void one(unsigned i)
{
	const struct row *w = &rows[rnd(COUNT(rows))];

	if (w->nr == -1)
		return;
	for (unsigned k = 0; k < 6; k++)
		a[k][0] = 0;
	printf("%u %s", i, w->name);
	err = r = 0;
	w->run();
	printf(" (");
	for (unsigned k = 0; k < w->n; k++)
		printf("%s%s", k ? ", " : "", a[k]);
	printf(") = %ld %d\n", r, err);
}

static void tree(int dir, const char *where, int depth)
{
	struct dirent **list;
	int n = scandirat(dir, ".", &list, 0, alphasort);

	for (int i = 0; i < n && depth < 12; i++) {
		const char *e = list[i]->d_name;
		char to[300], sub[2000], at[64], names[500];
		struct stat st;
		if (!strcmp(e, ".") || !strcmp(e, "..") || !strcmp(e, "proc") || !strcmp(e, "oddcalls"))
			continue;
		fstatat(dir, e, &st, AT_SYMLINK_NOFOLLOW);
		snprintf(sub, sizeof sub, "%s/%s", where, e);
		printf("tree %s %#o %u:%u links %lu size %ld", sub, st.st_mode, st.st_uid, st.st_gid, (long)st.st_nlink, S_ISDIR(st.st_mode) ? 0l : (long)st.st_size);
		if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
			printf(" dev %#lx", (long)st.st_rdev);
		if (st.st_mtim.tv_sec < 1000000000)
			printf(" m %ld.%09ld", (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
		if (st.st_atim.tv_sec < 1000000000)
			printf(" a %ld.%09ld", (long)st.st_atim.tv_sec, st.st_atim.tv_nsec);
		if (S_ISLNK(st.st_mode)) {
			int l = readlinkat(dir, e, to, sizeof to - 1);
			to[l < 0 ? 0 : l] = 0;
			printf(" -> %s", to);
		}
		int f = openat(dir, e, O_PATH | O_NOFOLLOW);
		sprintf(at, "/proc/self/fd/%d", f);
		if (!S_ISLNK(st.st_mode)) {
			int l = listxattr(at, names, sizeof names);
			for (int k = 0; k < l; k += strlen(names + k) + 1)
				printf(" %s=%d", names + k, (int)getxattr(at, names + k, 0, 0));
		}
		printf("\n");
		if (S_ISDIR(st.st_mode)) {
			int d = openat(dir, e, O_RDONLY | O_DIRECTORY);
			tree(d, sub, depth + 1);
			close(d);
		}
		close(f);
	}
}

static void prepare(void)
{
	static const char *const dirs[] = {"d", "d/e", "d/e/f", "e", "sticky", "closed"};
	static const char *const files[] = {"a", "b", "d/a", "d/b", "d/e/g", "sticky/x", "sticky/y", "closed/x"};
	static const char *const links[][2] = {{"d", "s"}, {"nowhere", "dangling"}, {"dangling", "dangling2"}, {"loop", "loop"}, {"a", "sf"}, {"/d", "abs"},
		{"../a", "sticky/s"}, {"/proc/self/fd/40", "fdlink"}, {"/proc/self/cwd", "cwdlink"}, {"/proc/self", "selflink"}};
	for (unsigned i = 0; i < COUNT(dirs); i++)
		mkdir(dirs[i], 0755);
	for (unsigned i = 0; i < COUNT(files); i++) {
		int f = open(files[i], O_CREAT | O_WRONLY, 0644);
		write(f, "0123456789", i);
		close(f);
	}
	for (unsigned i = 0; i < COUNT(links); i++)
		symlink(links[i][0], links[i][1]);
	mkfifo("p", 0644);
	chown("sticky/y", 1001, 1001);
	chown("d/b", 1000, 1000);
	chown("b", 1000, 1001);
	chmod("sticky", 01777);
	chmod("closed", 0700);
	chmod("/", 0777);
	chmod("d", 0777);
}

static void descriptors(void)
{
	static const struct {
		const char *path;
		int flags, fd;
	} all[] = {{"d", O_RDONLY, 40}, {"a", O_RDONLY, 41}, {"d/e", O_PATH, 42}, {"sf", O_PATH | O_NOFOLLOW, 43}, {"b", O_PATH, 44}, {"e", O_RDONLY, 45}, {"p", O_RDWR, 46}};
	for (unsigned i = 0; i < COUNT(all); i++) {
		int f = open(all[i].path, all[i].flags);
		dup2(f, all[i].fd);
		close(f);
	}
	int f = inotify_init();
	dup2(f, 47);
	close(f);
}

int main(int argc, char **argv)
{
	unsigned n = argc > 2 ? atoi(argv[2]) : 100, uid = argc > 3 ? atoi(argv[3]) : 0;

	seed = argc > 1 ? strtoull(argv[1], 0, 10) : 1;
	for (int i = 3; i < 40; i++)
		close(i);
	umask(022);
	setvbuf(stdout, malloc(1 << 16), _IOFBF, 1 << 16);
	unmapped = mmap(0, PAGE * 3, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	edge = unmapped + PAGE - 32;
	readonly = unmapped + 2 * PAGE;
	strcpy(readonly, "d/a");
	mprotect(readonly, PAGE, PROT_READ);
	unmapped += PAGE;
	munmap(unmapped, PAGE);
	for (int i = 0; i < PATH_MAX - 1; i++)
		longpath[i] = i % 2 ? '.' : '/';
	longpath[PATH_MAX - 2] = 'a';
	memset(longer, '/', PATH_MAX);
	memset(name255, 'n', 255);
	memset(name256, 'n', 256);
	prepare();
	descriptors();
	int root = open("/", O_RDONLY | O_DIRECTORY);
	dup2(root, 48);
	close(root);
	if (uid && (setgroups(1, (gid_t[]){4242}) || setresgid(uid, uid, uid) || setresuid(uid, uid, argc > 4 ? 0 : uid)))
		return 1;
	if (uid && argc <= 4) /* a change of ids takes it away until the next execve */
		prctl(PR_SET_DUMPABLE, 1);
	for (unsigned i = 0; i < n; i++) {
		one(i);
		if (rnd(10) == 0)
			fchdir(48);
	}
	if (uid && seteuid(0) == 0)
		printf("root again\n");
	tree(48, "", 0);
	return 0;
}
