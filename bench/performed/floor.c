//go:build ignore

/*
 * floor PROGRAM [ARGS...]: runs PROGRAM and performs its openat, newfstatat, mkdirat, unlinkat and renameat2 for it, under the least
 * supervisor that can be written in C and does nothing wrong in it: one thread, SYNC_WAKE_UP, no policy, no record, no tables. What
 * Stead costs is judged against it.
 *
 * What is necessary, and nothing else: the thread is alive that was known before (its pidfd), the path is copied, the notification
 * is still pending; what the path leads to, or the directory that its last component is in, is held and told from procfs; the
 * call is made on what is held; the result is written and sent. The program is taken to be what the floor is (ids, root, namespaces),
 * and to use absolute paths and only flags that mean nothing special.
 *
 * The build constraint above keeps the go command from taking this file for part of a Go package.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "../listener.h"

/* A held path: the object, or a directory and the name in it. */
struct held {
	int fd;
	char *name;
	struct statx st;
	char path[PATH_MAX];
};

static int known = -1;  /* pidfd of the thread that calls */
static int descriptors; /* /proc/thread-self/fd */

static int alive(pid_t tid)
{
	if (known >= 0 && syscall(SYS_pidfd_send_signal, known, 0, NULL, 0) == 0)
		return 1;
	if (known >= 0)
		close(known);
	known = syscall(SYS_pidfd_open, tid, 0);
	return known >= 0;
}

static int pending(int listener, const struct seccomp_notif *n)
{
	__u64 id = n->id;

	return ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

/* Copies a path; up to the end of its page, since what follows may not be there, and on from there if it has no end. */
static int copy_path(pid_t tid, __u64 from, struct held *h)
{
	size_t done = 0;

	while (done < sizeof h->path) {
		size_t page = 4096 - (from + done) % 4096, rest = sizeof h->path - done;
		struct iovec local = {h->path + done, page < rest ? page : rest};
		struct iovec remote = {(void *)(from + done), local.iov_len};
		ssize_t got = process_vm_readv(tid, &local, 1, &remote, 1, 0);

		if (got <= 0)
			return -EFAULT;
		if (memchr(h->path + done, 0, got))
			return 0;
		done += got;
	}
	return -ENAMETOOLONG;
}

static int hold(struct held *h, const char *path, __u64 flags)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC | flags, .resolve = RESOLVE_NO_MAGICLINKS};
	struct statfs fs;

	h->fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
	if (h->fd < 0)
		return -errno;
	if (statx(h->fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &h->st))
		return -errno;
	if (h->st.stx_dev_major == 0 && (fstatfs(h->fd, &fs) || fs.f_type == PROC_SUPER_MAGIC))
		return -EACCES;
	return 0;
}

/* Holds the directory that a name is in. */
static int hold_parent(struct held *h)
{
	char *slash = strrchr(h->path, '/');

	if (!slash || !slash[1])
		return -EINVAL;
	h->name = slash + 1;
	char first = *h->name;
	*h->name = 0;
	int failed = hold(h, h->path, O_DIRECTORY);
	*h->name = first;
	return failed;
}

static int checked(long r) { return r < 0 ? -errno : r; }

static int do_open(int listener, const struct seccomp_notif *n, struct held *h)
{
	char number[16];
	struct open_how how = {.flags = (n->data.args[2] & ~O_CREAT) | O_CLOEXEC};

	snprintf(number, sizeof number, "%d", h->fd);
	int fd = checked(syscall(SYS_openat2, descriptors, number, &how, sizeof how));
	if (fd < 0)
		return fd;
	struct seccomp_notif_addfd add = {.id = n->id, .srcfd = fd, .newfd_flags = n->data.args[2] & O_CLOEXEC,
					  .flags = SECCOMP_ADDFD_FLAG_SEND};
	int result = checked(ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add));
	close(fd);
	return result;
}

/* What stat says is known already: the kernel makes both forms of one structure (fs/stat.c). */
static struct stat convert(const struct statx *x)
{
	struct stat st = {
		.st_dev = makedev(x->stx_dev_major, x->stx_dev_minor), .st_rdev = makedev(x->stx_rdev_major, x->stx_rdev_minor),
		.st_ino = x->stx_ino, .st_mode = x->stx_mode, .st_nlink = x->stx_nlink, .st_uid = x->stx_uid, .st_gid = x->stx_gid,
		.st_size = x->stx_size, .st_blksize = x->stx_blksize, .st_blocks = x->stx_blocks,
		.st_atim = {x->stx_atime.tv_sec, x->stx_atime.tv_nsec}, .st_mtim = {x->stx_mtime.tv_sec, x->stx_mtime.tv_nsec},
		.st_ctim = {x->stx_ctime.tv_sec, x->stx_ctime.tv_nsec},
	};
	return st;
}

/* Before another's memory is written, it must be the target's. */
static int do_stat(int listener, const struct seccomp_notif *n, const struct held *h)
{
	struct stat st = convert(&h->st);
	struct iovec local = {&st, sizeof st}, remote = {(void *)n->data.args[2], sizeof st};

	if (!pending(listener, n) || process_vm_writev(n->pid, &local, 1, &remote, 1, 0) != sizeof st)
		return -EFAULT;
	return 0;
}

static void respond(int listener, const struct seccomp_notif *n, int result)
{
	struct seccomp_notif_resp r = {.id = n->id, .error = result < 0 ? result : 0, .val = result < 0 ? 0 : result};

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r) && errno != ENOENT)
		die("send");
}

/* Performs a call. That of openat, if it is none below 0, has been sent with the descriptor. */
static int perform(int listener, const struct seccomp_notif *n, struct held h[2])
{
	int failed = 0;

	switch (n->data.nr) {
	case SYS_openat:
		failed = hold(&h[0], h[0].path, 0);
		return failed ? failed : do_open(listener, n, &h[0]);
	case SYS_newfstatat:
		failed = hold(&h[0], h[0].path, 0);
		return failed ? failed : do_stat(listener, n, &h[0]);
	case SYS_mkdirat:
		failed = hold_parent(&h[0]);
		return failed ? failed : checked(syscall(SYS_mkdirat, h[0].fd, h[0].name, (mode_t)n->data.args[2]));
	case SYS_unlinkat:
		failed = hold_parent(&h[0]);
		return failed ? failed : checked(syscall(SYS_unlinkat, h[0].fd, h[0].name, (int)n->data.args[2]));
	}
	if ((failed = hold_parent(&h[0])) || (failed = hold_parent(&h[1])))
		return failed;
	return checked(syscall(SYS_renameat2, h[0].fd, h[0].name, h[1].fd, h[1].name, (unsigned)n->data.args[4]));
}

static void answer(int listener, const struct seccomp_notif *n)
{
	static struct held h[2];
	int result = 0;

	h[0].fd = h[1].fd = -1;
	if (!alive(n->pid))
		return;
	if (n->data.args[0] != (__u64)AT_FDCWD && (int)n->data.args[0] != AT_FDCWD)
		result = -EOPNOTSUPP;
	if (!result)
		result = copy_path(n->pid, n->data.args[1], &h[0]);
	if (!result && n->data.nr == SYS_renameat2)
		result = copy_path(n->pid, n->data.args[3], &h[1]);
	if (!pending(listener, n))
		return;
	if (!result)
		result = perform(listener, n, h);
	for (int i = 0; i < 2; i++)
		if (h[i].fd >= 0)
			close(h[i].fd);
	if (n->data.nr != SYS_openat || result < 0)
		respond(listener, n, result);
}

int main(int argc, char **argv)
{
	static const int calls[] = {SYS_openat, SYS_newfstatat, SYS_mkdirat, SYS_unlinkat, SYS_renameat2};

	if (argc < 2) {
		fprintf(stderr, "usage: floor PROGRAM [ARGS...]\n");
		return 2;
	}
	descriptors = open("/proc/thread-self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (descriptors < 0)
		die("/proc/thread-self/fd");
	return supervise(calls, 5, argv + 1, answer);
}
