//go:build ignore

/*
 * floor MODE PROGRAM [ARGS...]: runs PROGRAM with mkdirat notified, under the least supervisor that can be written in C:
 * one thread, SYNC_WAKE_UP, no tables, no record. What Stead costs is judged against it.
 *
 *   errno      answers ENOTDIR, looks at nothing
 *   read       reads the path (process_vm_readv, then ID_VALID) and answers ENOTDIR
 *   continue   reads the path in the same way and lets the kernel run the call
 *
 * The build constraint above keeps the go command from taking this file for part of a Go package.
 * Sources of the rules: seccomp_unotify(2), and the kernel's Documentation/userspace-api/seccomp_filter.rst.
 */
#define _GNU_SOURCE
#include <errno.h>

#include "listener.h"

enum mode { MODE_ERRNO, MODE_READ, MODE_CONTINUE };

static enum mode mode;

/* The path as any supervisor has to read it; the byte count keeps the compiler from leaving the read out. */
static ssize_t read_path(int listener, const struct seccomp_notif *n)
{
	char buffer[256];
	struct iovec local = {buffer, sizeof buffer};
	struct iovec remote = {(void *)n->data.args[1], sizeof buffer};
	ssize_t got = process_vm_readv(n->pid, &local, 1, &remote, 1, 0);
	__u64 id = n->id;

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id))
		return -1;
	return got;
}

static void answer(int listener, const struct seccomp_notif *n)
{
	struct seccomp_notif_resp r = {.id = n->id, .error = -ENOTDIR};

	if (mode != MODE_ERRNO && read_path(listener, n) < 0)
		return;
	if (mode == MODE_CONTINUE) {
		r.error = 0;
		r.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	}
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r) && errno != ENOENT)
		die("send");
}

static enum mode parse(const char *name)
{
	static const char *const names[] = {"errno", "read", "continue"};

	for (int i = 0; i < 3; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	fprintf(stderr, "floor: unknown mode: %s\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	static const int calls[] = {SYS_mkdirat};

	if (argc < 3) {
		fprintf(stderr, "usage: floor errno|read|continue PROGRAM [ARGS...]\n");
		return 2;
	}
	mode = parse(argv[1]);
	return supervise(calls, 1, argv + 2, answer);
}
