//go:build ignore

/*
 * target CALL COUNT DIRECTORY: makes a system call, or the two that undo one another, COUNT times in DIRECTORY, which it is to have
 * for itself, and prints what one round took, in nanoseconds. Paths are absolute. A call that fails ends the program.
 * The build constraint above keeps the go command from taking this file for part of a Go package.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static char file[PATH_MAX], made[PATH_MAX], moved[PATH_MAX];
static struct stat result;

static long call_open(void)
{
	int fd = syscall(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC);

	return fd < 0 || close(fd);
}

static long call_stat(void)
{
	result.st_mode = 0;
	return syscall(SYS_newfstatat, AT_FDCWD, file, &result, 0) || !S_ISREG(result.st_mode);
}

static long call_mkdir(void)
{
	return syscall(SYS_mkdirat, AT_FDCWD, made, 0755) || syscall(SYS_unlinkat, AT_FDCWD, made, AT_REMOVEDIR);
}

static long call_rename(void)
{
	return syscall(SYS_renameat2, AT_FDCWD, file, AT_FDCWD, moved, 0) || syscall(SYS_renameat2, AT_FDCWD, moved, AT_FDCWD, file, 0);
}

static const struct call {
	const char *name;
	long (*make)(void);
} calls[] = {
	{"open", call_open},
	{"stat", call_stat},
	{"mkdir", call_mkdir},
	{"rename", call_rename},
};

static const struct call *find(const char *name)
{
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		if (strcmp(calls[i].name, name) == 0)
			return &calls[i];
	return NULL;
}

static void repeat(const struct call *c, long count)
{
	for (long i = 0; i < count; i++)
		if (c->make()) {
			perror(c->name);
			exit(1);
		}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static void prepare(const char *dir)
{
	char sub[PATH_MAX - 64];

	/* Of usual length, as the paths of programs are. */
	snprintf(sub, sizeof sub, "%s/a-directory-of-usual-length", dir);
	mkdir(sub, 0755);
	snprintf(file, sizeof file, "%s/file", sub);
	snprintf(made, sizeof made, "%s/made", sub);
	snprintf(moved, sizeof moved, "%s/moved", sub);
	/* Not by a call that the floor performs: it makes no files. */
	if (mknod(file, S_IFREG | 0644, 0) && errno != EEXIST) {
		perror(file);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	const struct call *c = argc == 4 ? find(argv[1]) : NULL;
	long count = argc == 4 ? atol(argv[2]) : 0;

	if (!c || count <= 0) {
		fprintf(stderr, "usage: target open|stat|mkdir|rename COUNT DIRECTORY\n");
		return 2;
	}
	prepare(argv[3]);
	repeat(c, count / 20 + 1);
	double begin = now();
	repeat(c, count);
	printf("%.1f\n", (now() - begin) / count);
	return 0;
}
