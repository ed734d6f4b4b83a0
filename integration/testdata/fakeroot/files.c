/* Random sequences of calls on owners, modes, devices and attributes, by root and by root that has put on other ids. What each call gives
   and what the file is afterwards is printed. On i386 the calls come in two widths, and stat in three forms. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static uint64_t state;

static uint32_t next(uint32_t below) {
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33) % below;
}

#define PICK(list) ((list)[next(sizeof(list) / sizeof *(list))])

static const char *const names[] = {"a", "b", "c", "d", "e", "./f", "a/", "none/x"};
static const uint32_t ids[] = {0, 1, 1, 2, 2, 1000, 70000, 65535, 0xffffffff, 0xffffffff};
static const uint32_t modes[] = {0, 0644, 0755, 0400, 04755, 02755, 02644, 06711, 01777, 0111, 07777, 02070};

static const char *name(void) { return names[next(10) || geteuid() ? next(6) : 6 + next(2)]; }

static void said(const char *what, const char *on, long r) { printf("%s %s %ld %d", what, on, r, r < 0 ? errno : 0); }

static void show(const char *path) {
	struct stat st;
	struct statx x;
	int how = next(4), r, fd = -1;
	memset(&st, 0, sizeof st);
	switch (how) {
	case 0:
		r = lstat(path, &st);
		break;
	case 1:
		fd = open(path, O_PATH | O_NOFOLLOW);
		r = fd < 0 ? fd : fstat(fd, &st);
		break;
	case 2:
		r = fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT);
		break;
	default:
		r = statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &x);
		if (r == 0) {
			st.st_mode = x.stx_mode;
			st.st_uid = x.stx_uid;
			st.st_gid = x.stx_gid;
			st.st_nlink = x.stx_nlink;
			st.st_rdev = makedev(x.stx_rdev_major, x.stx_rdev_minor);
		}
	}
	printf(" -> %d %o %u:%u %x links %d", r, st.st_mode, st.st_uid, st.st_gid, (unsigned)st.st_rdev, S_ISDIR(st.st_mode) ? 0 : (int)st.st_nlink);
#ifdef __i386__
	uint16_t old[64];
	memset(old, 0, sizeof old);
	long o = fd >= 0 ? syscall(SYS_oldfstat, fd, old) : syscall(SYS_oldlstat, path, old);
	printf(" old %ld %o %u:%u", o, old[2], old[4], old[5]);
	uint8_t mid[64];
	memset(mid, 0, sizeof mid);
	o = fd >= 0 ? syscall(SYS_fstat, fd, mid) : syscall(SYS_lstat, path, mid);
	printf(" mid %ld %o %u:%u", o, *(uint16_t *)(mid + 8), *(uint16_t *)(mid + 12), *(uint16_t *)(mid + 14));
#endif
	if (fd >= 0)
		close(fd);
	printf("\n");
}

/* Of what nobody has given an owner, everybody who is taken for somebody is taken for the owner. */
static void keep(const char *n) { printf(" keep %d", lchown(n, -1, -1)); }

static const char *create(void) {
	const char *n = name();
	int fd = open(n, O_CREAT | O_EXCL | O_RDWR, 0644);
	said("create", n, fd < 0 ? fd : 0);
	if (fd >= 0) {
		printf(" %d", fchown(fd, PICK(ids), PICK(ids)));
		printf(" %d", fchmod(fd, PICK(modes)));
		struct stat st;
		printf(" %d %o %u", fstat(fd, &st), st.st_mode, st.st_uid);
		close(fd);
	}
	return n;
}

static const char *make(void) {
	static const mode_t kinds[] = {S_IFCHR, S_IFBLK, S_IFIFO, S_IFREG, 0, S_IFDIR, S_IFSOCK};
	const char *n = name();
	mode_t mode = PICK(kinds) | PICK(modes);
	umask(next(2) ? 022 : 0);
	if (next(3))
		said("mknod", n, mknod(n, mode, makedev(next(3), next(300))));
	else
		said("mkdir", n, mkdir(n, PICK(modes)));
	umask(022);
	keep(n);
	return n;
}

static const char *move(void) {
	const char *from = name(), *to = name();
	switch (next(4)) {
	case 0:
		said("link", to, link(from, to));
		break;
	case 1:
		said("symlink", to, symlink("a", to));
		keep(to);
		break;
	case 2:
		said("exchange", to, syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, next(3)));
		break;
	default:
		said("rename", to, rename(from, to));
	}
	return to;
}

static const char *drop(void) {
	const char *n = name();
	said("unlink", n, next(2) ? unlink(n) : next(2) ? rmdir(n) : unlinkat(AT_FDCWD, n, 0));
	return n;
}

static const char *own(void) {
	const char *n = name();
	uint32_t u = PICK(ids), g = PICK(ids);
	printf("(%x %x) ", u, g);
	switch (next(4)) {
	case 0:
		said("chown", n, syscall(SYS_chown, n, u, g));
		break;
	case 1:
		said("lchown", n, lchown(n, u, g));
		break;
	case 2:
		said("fchownat", n, fchownat(AT_FDCWD, n, u, g, next(2) ? AT_SYMLINK_NOFOLLOW : next(4) ? 0 : 1));
		break;
	default: {
		struct stat st;
		int plain = lstat(n, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)); /* a device that is none opens otherwise */
		int fd = open(n, plain && next(2) && geteuid() == 0 ? O_RDONLY | O_NOFOLLOW : O_PATH | O_NOFOLLOW);
		said("fchown", n, syscall(SYS_fchown, fd, u, g));
		if (fd >= 0)
			close(fd);
	}
	}
	return n;
}

static const char *mode(void) {
	const char *n = name();
	mode_t m = PICK(modes);
	printf("(%o) ", m);
	said("chmod", n, next(2) ? chmod(n, m) : syscall(SYS_fchmodat, AT_FDCWD, n, m));
	return n;
}

/* The names that are about what only root may set: what others a file has is its file system's. */
static void list(const char *n) {
	char buf[4096];
	long size = llistxattr(n, buf, sizeof buf);
	int known = 0;
	for (char *p = buf; p < buf + size; p += strlen(p) + 1)
		known += !strcmp(p, "trusted.a") ? 1 : !strcmp(p, "trusted.b") ? 2 : !strcmp(p, "security.capability") ? 4 : 0;
	printf(" list %d", known);
}

static const char *attribute(void) {
	static const char *const keys[] = {"trusted.a", "trusted.b", "security.capability", "security.capability"};
	static const char caps[24] = {1, 0, 0, 2, 0, 4};
	static const int sizes[] = {20, 20, 20, 24, 3, 70000};
	const char *n = name(), *key = PICK(keys);
	char buf[64];
	int size = PICK(sizes);
	switch (next(4)) {
	case 0:
	case 1:
		said("setxattr", key, lsetxattr(n, key, size > 24 || next(12) ? caps : (char *)8, size, next(4) ? 0 : next(5)));
		break;
	case 2:
		said("getxattr", key, lgetxattr(n, key, buf, next(2) ? 64 : next(2) ? 0 : 3));
		break;
	default:
		said("removexattr", key, lremovexattr(n, key));
	}
	list(n);
	return n;
}

static void step(void) {
	static const char *(*const made[])(void) = {create, create, make, make, move, drop};
	static const char *(*const changes[])(void) = {own, own, mode, mode, attribute};
	const char *n;
	if (next(5) < 2) {
		n = PICK(made)();
	} else {
		int other = next(3) == 0;
		gid_t groups[] = {2, 1000};
		uint32_t g = PICK(ids), u = PICK(ids);
		if (other && (setgroups(next(3), groups) || setresgid(-1, g, -1) || setresuid(-1, u, -1)))
			printf("cannot change: %d ", errno);
		if (other)
			printf("[as %u:%u] ", geteuid(), getegid());
		n = PICK(changes)();
		if (other && (setresuid(-1, 0, -1) || setresgid(-1, 0, -1)))
			printf("cannot change back: %d ", errno);
	}
	show(n);
}

static void clear(void) {
	for (int i = 0; i < 6; i++) {
		unlink(names[i]);
		rmdir(names[i]);
	}
}

int main(int argc, char **argv) {
	int sequences = atoi(argv[1]), steps = atoi(argv[2]);
	chmod(".", 0777); /* who has put on other ids finds its way */
	for (int i = 0; i < sequences; i++) {
		state = 1234567891u + i;
		printf("sequence %d\n", i);
		for (int j = 0; j < steps; j++)
			step();
		clear();
	}
	return 0;
}
