/* The bytes of every structure that calls on files fill, as they are in memory afterwards. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static unsigned char buf[512];

static void dump(const char *call, const char *path, long r)
{
	printf("%s %s %ld %d", call, path, r, r < 0 ? errno : 0);
	for (unsigned i = 0; i < 300; i++)
		printf("%s%02x", i % 16 ? "" : " ", buf[i]);
	printf("\n");
	memset(buf, 0, sizeof buf);
}

#define DUMP(path, nr, ...) (memset(buf, 0, sizeof buf), dump(#nr, path, syscall(nr, __VA_ARGS__)))

int main(void)
{
	static const char *const paths[] = {"/", "/etc/passwd", "/dev/null", "/proc/version", "/dev/pts", "/none", "large", "owned", "old", "node"};

	truncate("large", 1);
	close(open("large", O_CREAT | O_WRONLY, 0600));
	truncate("large", 1l << 30);
	syscall(SYS_truncate, "large", 0x7fffffff);
	close(open("owned", O_CREAT | O_WRONLY, 0600));
	chown("owned", 70000, 65535);
	close(open("old", O_CREAT | O_WRONLY, 0600));
	utimensat(AT_FDCWD, "old", (struct timespec[]){{-5, 7}, {0x7fffffff, 999999999}}, 0);
	mknod("node", S_IFCHR, (300 << 8) | 0x12345);
	for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++) {
		const char *p = paths[i];
		if (i > 5) /* their inode numbers and times differ from run to run */
			utimensat(AT_FDCWD, p, (struct timespec[]){{1, 2}, {3, 4}}, 0);
		if (i <= 5) {
#ifdef SYS_stat
			DUMP(p, SYS_stat, p, buf);
			DUMP(p, SYS_lstat, p, buf);
#endif
#ifdef SYS_stat64
			DUMP(p, SYS_stat64, p, buf);
			DUMP(p, SYS_lstat64, p, buf);
			DUMP(p, SYS_fstatat64, AT_FDCWD, p, buf, AT_SYMLINK_NOFOLLOW);
			DUMP(p, SYS_oldstat, p, buf);
			DUMP(p, SYS_oldlstat, p, buf);
#else
			DUMP(p, SYS_newfstatat, AT_FDCWD, p, buf, AT_SYMLINK_NOFOLLOW);
#endif
			DUMP(p, SYS_statx, AT_FDCWD, p, 0, STATX_BASIC_STATS, buf);
		}
#ifdef SYS_statfs64
		if (strncmp(p, "/proc", 5) == 0 || strcmp(p, "/dev/pts") == 0)
			DUMP(p, SYS_statfs64, p, 84, buf);
#endif
		if (strncmp(p, "/proc", 5) == 0 || strcmp(p, "/dev/pts") == 0)
			DUMP(p, SYS_statfs, p, buf);
		if (i > 5) {
			struct stat st;
			memset(&st, 0, sizeof st);
			int r = stat(p, &st);
			printf("%s %d %d %lo %ld %ld %ld %ld %lx\n", p, r, r ? errno : 0, (long)st.st_mode, (long)st.st_uid, (long)st.st_gid, (long)st.st_size,
				(long)st.st_mtime, (long)st.st_rdev);
		}
	}
	return 0;
}
