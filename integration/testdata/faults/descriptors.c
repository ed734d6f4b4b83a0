/* Descriptors: which ones a program is given, and what happens when it has no more. */
#include "faults.h"

static void list(void)
{
	for (int fd = 0; fd < 64; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf("open %d\n", fd);
}

static void exhaust(void)
{
	struct rlimit few = {16, 16};
	int pair[2], first = -1, fd;

	must("setrlimit", setrlimit(RLIMIT_NOFILE, &few));
	while ((fd = open("/dev/null", O_RDONLY)) >= 0)
		first = fd;
	printf("last %d\n", first);
	say("open", fd);
	say("openat creating", openat(AT_FDCWD, "created", O_CREAT | O_WRONLY, 0600));
	say("created", access("created", F_OK));
	say("socket", socket(AF_UNIX, SOCK_STREAM, 0));
	say("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	say("pipe", pipe(pair));
	say("dup", dup(0));
	say("memfd_create", memfd_create("x", 0));
	say("mkdir", mkdir("still-works", 0755));
	say("stat", access("still-works", F_OK));
	close(first);
	fd = open("/dev/null", O_RDONLY);
	printf("again %d\n", fd == first);
}

int main(void)
{
	list();
	exhaust();
	return 0;
}
