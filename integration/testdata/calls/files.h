/* Opening, naming and changing files. */
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/xattr.h>

static void files(void)
{
	struct open_how how = {.flags = O_RDWR | O_CREAT | O_CLOEXEC, .mode = 0644, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
	struct { struct open_how how; long more; } longer = {how, 7};
	struct { struct file_handle h; unsigned char room[16]; } handle = {.h = {.handle_bytes = 8, .handle_type = 1}, .room = "abcdefg"};
	static const struct { unsigned bytes; int type; unsigned char handle[8]; } fixed = {8, 1, {1, 0x20, 0xff}};
	int id, pair[2], fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0644);

	call(open, "file", O_RDONLY);
	call(open, "file", O_WRONLY | O_APPEND | O_NOATIME | O_NOFOLLOW);
	call(open, "other", O_RDWR | O_CREAT | O_EXCL | O_SYNC, 04755);
	call(open, ".", O_RDONLY | O_DIRECTORY | O_PATH);
	call(open, ".", O_RDWR | __O_TMPFILE | O_DIRECTORY, 0600);
	call(open, "file", O_ACCMODE | O_DSYNC | O_DIRECT | 0x40000000);
	call(open, NULL, O_RDWR | O_NONBLOCK);
	call(open, BAD, O_RDONLY | O_NOCTTY);
	call(open, "", 0);
	call(openat, HERE, "file", O_RDONLY | O_ASYNC);
	call(openat, fd, "a\tb\n\"c\"\\\001\0021\377", O_RDONLY);
	call(openat, -1, "relative", O_RDWR | O_CREAT, 01777);
	call(openat2, HERE, "file", &how, sizeof how);
	call(openat2, HERE, "file", &longer, sizeof longer);
	call(openat2, HERE, "file", &how, 5);
	call(openat2, HERE, "file", BAD, sizeof how);
	how = (struct open_how){.flags = O_PATH, .resolve = 0x100};
	call(openat2, HERE, "file", &how, sizeof how);
	call(creat, "created", 0604);
	call(creat, "created", 0100744);
	call(close_range, 1000, 1001, 0);
	call(close_range, 1000, -1, CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC | 8);
	call(name_to_handle_at, HERE, "file", &handle, &id, AT_SYMLINK_FOLLOW | AT_EMPTY_PATH);
	call(name_to_handle_at, HERE, "file", BAD, &id, 0);
	call(open_by_handle_at, -1, &fixed, O_RDONLY);
	call(open_by_handle_at, -1, BAD, O_RDWR);
	call(memfd_create, "memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	call(memfd_create, "huge", MFD_HUGETLB | (21U << 26));
	call(memfd_create, BAD, 0x4000);
	call(memfd_secret, 0);
	call(userfaultfd, O_CLOEXEC | O_NONBLOCK | 1);
	call(dup, fd);
	call(dup, -1);
	call(dup2, fd, 50);
	call(dup3, fd, 51, O_CLOEXEC);
	call(dup3, fd, 51, O_CLOEXEC | 1);
	call(pipe, pair);
	call(pipe2, pair, O_CLOEXEC | O_NONBLOCK | O_DIRECT);
	call(pipe2, BAD, 0);
	call(flock, fd, LOCK_EX | LOCK_NB);
	call(flock, fd, LOCK_UN);
	call(flock, fd, 0x100);
	call(umask, 01777);
	call(umask, 022);
	call(truncate, "file", 100L);
	call(truncate, "file", -1L);
	call(ftruncate, fd, 0x7fffL);
	call(fallocate, fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, wide(4096), wide(0x100000000LL));
	call(fallocate, fd, 0, wide(-1), wide(-4096));
	call(fallocate, fd, 0x80, wide(0), wide(1));
	call(access, "file", R_OK | W_OK);
	call(access, "file", F_OK);
	call(access, "file", 0x18);
	call(faccessat, HERE, "file", X_OK);
	call(faccessat2, HERE, "file", R_OK, AT_EACCESS | AT_SYMLINK_NOFOLLOW);
	call(faccessat2, HERE, BAD, X_OK, 0);
	call(statx, HERE, "file", AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, 0x7ff, BAD);
	call(statx, HERE, "", AT_EMPTY_PATH, 0x801, BAD);
	call(statx, HERE, "file", AT_STATX_SYNC_AS_STAT, 0x1000003, BAD);
}

static void file_modes(int fd)
{
	call(chmod, "file", 0644);
	call(chmod, "file", 0);
	call(chmod, "file", 0100744);
	call(fchmod, fd, 04755);
	call(fchmodat, HERE, "file", 0177777);
	call(mknod, "regular", S_IFREG | 0744, 0L);
	call(mknod, "fifo", S_IFIFO | 0600, 0L);
	call(mknod, "zero", 0644, 0L);
	call(mknodat, -1, "device", S_IFCHR | 0666, 0x10203L);
	call(mknodat, -1, "block", S_IFBLK | S_ISVTX | 0660, 0x801L);
	call(mknodat, -1, "socket", S_IFSOCK | 0777, 0L);
	call(mknodat, -1, "none", 0170000 | 04711, 0x12345678L);
	call(mkdir, "dir", 0755);
	call(mkdir, "dir2", 02711);
	call(mkdirat, -1, "dir3", 0777);
}

static void owners(int fd)
{
	call(chown, "file", 0, 0);
	call(chown, "file", -1, 1);
	call(fchown, fd, 1, -1);
	call(lchown, BAD, 12345, 54321);
	call(fchownat, HERE, "missing", 1000, 65534, AT_SYMLINK_NOFOLLOW);
	call(fchownat, HERE, "missing", -1, -1, AT_EMPTY_PATH | 0x8000);
}

static void stamps(void)
{
	struct timespec now[] = {{0, UTIME_NOW}, {5, UTIME_OMIT}}, both[] = {{1600000000, 1}, {-1, 999999999}};
	struct timespec wrong[] = {{1, 1000000000}, {2, -5}};
	struct timeval old[] = {{1, 2}, {3, 4}};
	struct { long a, m; } times = {5, 6};

	call(utimensat, HERE, "missing", now, AT_SYMLINK_NOFOLLOW);
	call(utimensat, HERE, "missing", both, 0);
	call(utimensat, HERE, "missing", wrong, 0x1000);
	call(utimensat, 0, NULL, NULL, 0x8000);
	call(utimensat, HERE, "missing", BAD, 0);
	call(futimesat, HERE, "missing", old);
	call(utimes, "missing", old);
	call(utimes, "missing", NULL);
	call(utime, "missing", &times);
	call(utime, "missing", BAD);
}

static void attributes(int fd)
{
	char value[] = "val\0ue";

	call(setxattr, "file", "user.a", value, 6L, XATTR_CREATE);
	call(lsetxattr, "missing", "user.a", value, 0L, XATTR_REPLACE | XATTR_CREATE);
	call(fsetxattr, fd, "user.b", NULL, 5L, 8);
	call(fsetxattr, -1, BAD, value, 3L, 0);
	call(getxattr, "missing", "user.a", BAD, 6L);
	call(lgetxattr, "missing", "user.a", NULL, 0L);
	call(fgetxattr, -1, "user.a", BAD, 1L);
	call(listxattr, "missing", BAD, 10L);
	call(llistxattr, "missing", NULL, 0L);
	call(flistxattr, -1, BAD, 3L);
	call(removexattr, "missing", "user.a");
	call(lremovexattr, "missing", "user.b");
	call(fremovexattr, -1, "user.c");
}

static void names(void)
{
	int fd = open("file", O_RDONLY);

	file_modes(fd);
	owners(fd);
	stamps();
	attributes(fd);
	call(link, "file", "hard");
	call(linkat, HERE, "missing", -1, "hard2", AT_SYMLINK_FOLLOW | AT_EMPTY_PATH);
	call(symlink, "target", "sym");
	call(symlinkat, "target", -1, "sym2");
	call(readlink, "sym", BAD, 100);
	call(readlinkat, HERE, "sym", BAD, -1);
	call(unlink, "hard");
	call(unlinkat, -1, "x", AT_REMOVEDIR);
	call(unlinkat, -1, "x", 0x300);
	call(rename, "missing", "other");
	call(renameat, HERE, "missing", -1, "other");
	call(renameat2, HERE, "missing", HERE, "other", RENAME_NOREPLACE | RENAME_WHITEOUT);
	call(renameat2, HERE, "missing", HERE, "other", RENAME_EXCHANGE | 8);
	call(rmdir, "dir");
	call(chdir, ".");
	call(chdir, BAD);
	call(fchdir, -1);
	call(chroot, "missing");
	call(getcwd, BAD, 10L);
	call(getdents64, -1, BAD, 100);
	call(lseek, fd, 5L, SEEK_SET);
	call(lseek, fd, -5L, SEEK_END);
	call(lseek, fd, 0L, SEEK_HOLE);
	call(lseek, fd, 1L, 17);
}
