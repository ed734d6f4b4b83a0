//go:build ignore

/*
 * floor PROGRAM [ARGS...]: runs PROGRAM and performs its mount and umount2 for it, under the least supervisor that can be written in C: no
 * policy, no record, no look at what a path leads to or who is told of the mount. The first call starts a helper that joins the caller's
 * user and mount namespace and stays; the calls are handed to it through shared memory, by a futex.
 *
 * The build constraint above keeps the go command from taking this file for part of a Go package.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>

#include "../listener.h"

enum { IDLE, CALL };

static struct shared {
	unsigned state;
	int nr, result;
	unsigned long flags;
	char text[4][4096]; /* source, target, type, data */
} *box;

static pid_t helper;

static void wait_while(unsigned state)
{
	while (__atomic_load_n(&box->state, __ATOMIC_ACQUIRE) == state)
		syscall(SYS_futex, &box->state, FUTEX_WAIT, state, NULL, NULL, 0);
}

static void become(unsigned state)
{
	__atomic_store_n(&box->state, state, __ATOMIC_RELEASE);
	syscall(SYS_futex, &box->state, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void join(pid_t pid, const char *name, int kind)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, kind))
		die(path);
	close(fd);
}

/* The ids of the caller, whom root of the machine owns: who joins its user namespace has all rights there. */
static void help(pid_t pid)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	join(pid, "user", CLONE_NEWUSER);
	join(pid, "mnt", CLONE_NEWNS);
	for (;;) {
		wait_while(IDLE);
		long r = box->nr == SYS_mount ? mount(box->text[0], box->text[1], box->text[2], box->flags, box->text[3])
					      : umount2(box->text[1], box->flags);
		box->result = r ? -errno : 0;
		become(IDLE);
	}
}

static void start_helper(pid_t pid)
{
	helper = fork();
	if (helper < 0)
		die("fork");
	if (helper == 0)
		help(pid);
}

static int copy(pid_t tid, __u64 from, char *to)
{
	size_t rest = 4096 - from % 4096;
	struct iovec local = {to, 4096}, remote[2] = {{(void *)from, rest}, {(void *)(from + rest), 4096 - rest}};

	return process_vm_readv(tid, &local, 1, remote, 2, 0) > 0 && memchr(to, 0, 4096) ? 0 : -EFAULT;
}

static int take(const struct seccomp_notif *n)
{
	static const int where[] = {0, 1, 2, 4};
	int failed = 0;

	box->nr = n->data.nr;
	box->flags = n->data.args[n->data.nr == SYS_mount ? 3 : 1];
	if (n->data.nr != SYS_mount)
		return copy(n->pid, n->data.args[0], box->text[1]);
	for (int i = 0; i < 4 && !failed; i++)
		failed = copy(n->pid, n->data.args[where[i]], box->text[i]);
	return failed;
}

static void answer(int listener, const struct seccomp_notif *n)
{
	__u64 id = n->id;
	struct seccomp_notif_resp r = {.id = id};

	if (!helper)
		start_helper(n->pid);
	r.error = take(n);
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id))
		return;
	if (!r.error) {
		become(CALL);
		wait_while(CALL);
		r.error = box->result;
	}
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r) && errno != ENOENT)
		die("send");
}

int main(int argc, char **argv)
{
	static const int calls[] = {SYS_mount, SYS_umount2};

	if (argc < 2) {
		fprintf(stderr, "usage: floor PROGRAM [ARGS...]\n");
		return 2;
	}
	box = mmap(NULL, sizeof *box, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (box == MAP_FAILED)
		die("mmap");
	int status = supervise(calls, 2, argv + 1, answer);
	if (helper)
		kill(helper, SIGKILL);
	return status;
}
