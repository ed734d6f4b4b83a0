/* What the fault programs share. Each prints its observations; the test compares them with a native run. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* say prints a call's outcome: "ok" or the name of its error. */
static inline void say(const char *what, long result)
{
	printf("%s: %s\n", what, result < 0 ? strerrorname_np(errno) : "ok");
}

/* must ends the program if a step of the preparation fails. */
static inline long must(const char *what, long result)
{
	if (result < 0) {
		perror(what);
		exit(99);
	}
	return result;
}
