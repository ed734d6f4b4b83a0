//go:build ignore

/*
 * target CALL COUNT: makes a system call COUNT times and prints what one took, in nanoseconds, on standard output.
 * The build constraint above keeps the go command from taking this file for part of a Go package.
 *
 * What is timed is inside the program, so that starting it and its supervisor is left out.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Below a file that is no directory: the kernel fails fast (ENOTDIR), and what is measured is the way there. */
static const char path[] = "/dev/null/stead-bench/a-path-of-usual-length";

static int file = -1;
static char block[64 * 1024];

static void call_mkdir(void) { syscall(SYS_mkdirat, AT_FDCWD, path, 0755); }
static void call_getppid(void) { syscall(SYS_getppid); }
static void call_read(void) { syscall(SYS_pread64, file, block, sizeof block, 0); }

static const struct call {
	const char *name;
	void (*make)(void);
} calls[] = {
	{"mkdirat", call_mkdir},
	{"getppid", call_getppid},
	{"read", call_read},
};

static const struct call *find(const char *name)
{
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		if (strcmp(calls[i].name, name) == 0)
			return &calls[i];
	return NULL;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static double measure(const struct call *c, long count)
{
	for (long i = 0; i < count / 20 + 1; i++)
		c->make();
	double start = now();
	for (long i = 0; i < count; i++)
		c->make();
	return (now() - start) / count;
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: target mkdirat|getppid|read COUNT\n");
		return 2;
	}
	const struct call *c = find(argv[1]);
	long count = atol(argv[2]);
	if (!c || count <= 0) {
		fprintf(stderr, "target: unknown call or count: %s %s\n", argv[1], argv[2]);
		return 2;
	}
	/* A statically linked program is long enough, and in the page cache. */
	file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (file < 0 || pread(file, block, sizeof block, 0) != sizeof block) {
		perror("target: read own program");
		return 1;
	}
	printf("%.1f\n", measure(c, count));
	return 0;
}
