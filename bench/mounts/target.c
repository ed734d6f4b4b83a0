//go:build ignore

/*
 * target WAY COUNT DIRECTORY: mounts a tmpfs on DIRECTORY and unmounts it, COUNT times, and prints what one pair took, in nanoseconds.
 *
 *	native     as whoever runs it, in a mount namespace of its own
 *	contained  in a user namespace and a mount namespace of its own, without the right to mount: under a supervisor that performs it
 *	nsenter    in such namespaces of another process, by two programs: nsenter with mount, nsenter with umount
 *
 * With a fourth argument it says on standard output when it is done, and waits for the end of standard input.
 *
 * The build constraint above keeps the go command from taking this file for part of a Go package.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static const char *dir;
static char holder[32]; /* process id, as nsenter wants it */

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

/* One id is mapped, which anybody may do for himself (user_namespaces(7)). */
static void contain(void)
{
	char uids[32], gids[32];

	snprintf(uids, sizeof uids, "0 %d 1", getuid());
	snprintf(gids, sizeof gids, "0 %d 1", getgid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		die("unshare");
	put("/proc/self/setgroups", "deny");
	put("/proc/self/uid_map", uids);
	put("/proc/self/gid_map", gids);
}

static void give_up_mounting(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};

	if (prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0) || syscall(SYS_capget, &header, data))
		die("capget");
	data[0].effective &= ~(1U << CAP_SYS_ADMIN);
	data[0].permitted &= ~(1U << CAP_SYS_ADMIN);
	data[0].inheritable &= ~(1U << CAP_SYS_ADMIN);
	if (syscall(SYS_capset, &header, data))
		die("capset");
}

static void mount_pair(void)
{
	if (mount("bench", dir, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=755") || umount2(dir, 0))
		die("mount and umount");
}

static void run(char **argv)
{
	pid_t pid;
	int status;

	if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) || waitpid(pid, &status, 0) < 0 || status)
		die(argv[0]);
}

static void nsenter_pair(void)
{
	char *mount[] = {"nsenter", "-t", holder, "-U", "-m", "mount", "-t", "tmpfs", "-o", "nosuid,nodev,size=1m,mode=755", "bench", (char *)dir, NULL};
	char *umount[] = {"nsenter", "-t", holder, "-U", "-m", "umount", (char *)dir, NULL};

	run(mount);
	run(umount);
}

/* The process whose namespaces nsenter joins. It ends with this one. */
static void hold(void)
{
	int ready[2];
	char byte;

	if (pipe2(ready, O_CLOEXEC))
		die("pipe");
	pid_t pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		contain();
		close(ready[0]);
		close(ready[1]);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 0)
		die("read");
	snprintf(holder, sizeof holder, "%d", pid);
}

static void prepare_native(void)
{
	if (unshare(CLONE_NEWNS) || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		die("unshare");
}

static void prepare_contained(void)
{
	contain();
	give_up_mounting();
}

static const struct way {
	const char *name;
	void (*prepare)(void), (*pair)(void);
} ways[] = {
	{"native", prepare_native, mount_pair},
	{"contained", prepare_contained, mount_pair},
	{"nsenter", hold, nsenter_pair},
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static void measure(const struct way *w, long count)
{
	w->prepare();
	for (long i = 0; i < count / 20 + 1; i++)
		w->pair();
	double begin = now();
	for (long i = 0; i < count; i++)
		w->pair();
	printf("%.1f\n", (now() - begin) / count);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	long count = argc >= 4 ? atol(argv[2]) : 0;

	for (size_t i = 0; count > 0 && i < sizeof ways / sizeof *ways; i++) {
		if (strcmp(argv[1], ways[i].name))
			continue;
		dir = argv[3];
		measure(&ways[i], count);
		if (argc > 4)
			while (getchar() != EOF)
				;
		return 0;
	}
	fprintf(stderr, "usage: target native|contained|nsenter COUNT DIRECTORY [wait]\n");
	return 2;
}
