/*
 * Races for a forbidden address: argv[1] is the kind, argv[2] how often. A thread exchanges the address while the call is under way. Prints
 * how many connections or messages came where they are allowed, and where they are forbidden.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/net.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define ALLOWED 47001
#define FORBIDDEN 47002

static volatile int done;
static struct sockaddr_in in = {.sin_family = AF_INET};
static struct sockaddr_un un = {.sun_family = AF_UNIX};
static struct sockaddr_in *aliased;
static volatile uint16_t *port = &in.sin_port;
static int links;

static void *flip(void *unused)
{
	for (unsigned i = 0; !done; i++) {
		if (links) {
			unlink("swap/next");
			symlink(i & 1 ? "../good" : "../evil", "swap/next");
			rename("swap/next", "swap/dir");
		}
		*port = htons(i & 1 ? ALLOWED : FORBIDDEN);
		if (!links)
			memcpy(un.sun_path, i & 1 ? "good/s" : "evil/s", 7);
		for (volatile int wait = i % 97; wait > 0; wait--)
			;
	}
	return NULL;
}

static int server(int type, uint16_t p, const char *path)
{
	int fd = socket(path ? AF_UNIX : AF_INET, type | SOCK_NONBLOCK, 0), on = 1;
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(p), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_un u = {.sun_family = AF_UNIX};
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (path)
		strcpy(u.sun_path, path);
	if (bind(fd, path ? (void *)&u : (void *)&a, path ? sizeof u : sizeof a) != 0 || (type == SOCK_STREAM && listen(fd, 4096) != 0)) {
		perror("server");
		exit(2);
	}
	return fd;
}

static int arrived(int fd, int type)
{
	int n = 0, c;
	char b[64];
	if (type == SOCK_STREAM)
		for (; (c = accept(fd, NULL, NULL)) >= 0; n++)
			close(c);
	else
		while (recv(fd, b, sizeof b, 0) >= 0)
			n++;
	return n;
}

static long message(int fd, int many, void *name, socklen_t len)
{
	struct iovec v = {"x", 1};
	struct mmsghdr m[2] = {{.msg_hdr = {.msg_name = name, .msg_namelen = len, .msg_iov = &v, .msg_iovlen = 1}}};
	m[1] = m[0];
	return many ? sendmmsg(fd, m, 2, 0) : sendmsg(fd, &m[0].msg_hdr, 0);
}

static void attempt(const char *kind, int fd)
{
	void *name = strncmp(kind, "unix", 4) ? (void *)&in : (void *)&un;
	socklen_t len = name == &in ? sizeof in : sizeof un;
	if (!strcmp(kind, "tcp") || !strncmp(kind, "unix", 4))
		connect(fd, name, len);
	else if (!strcmp(kind, "sendto"))
		sendto(fd, "x", 1, 0, name, len);
	else if (!strcmp(kind, "overlap")) { /* data and address are the same memory */
		struct iovec v[2] = {{aliased, sizeof *aliased}, {aliased, sizeof *aliased}};
		struct msghdr m = {.msg_name = aliased, .msg_namelen = sizeof *aliased, .msg_iov = v, .msg_iovlen = 2};
		sendmsg(fd, &m, 0);
#ifdef __i386__
	} else if (!strcmp(kind, "carried")) {
		static long args[6];
		args[0] = fd, args[1] = (long)"x", args[2] = 1, args[4] = (long)&in, args[5] = sizeof in;
		syscall(SYS_socketcall, SYS_SENDTO, args);
#endif
	} else
		message(fd, !strcmp(kind, "sendmmsg"), name, len);
}

int main(int argc, char **argv)
{
	const char *kind = argv[1];
	long times = atol(argv[2]);
	int un_kind = !strncmp(kind, "unix", 4), type = !strcmp(kind, "tcp") || un_kind ? SOCK_STREAM : SOCK_DGRAM;
	int good = server(type, ALLOWED, un_kind ? "good/s" : NULL), bad = server(type, FORBIDDEN, un_kind ? "evil/s" : NULL);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	aliased = &in;
	links = !strcmp(kind, "unixlink");
	strcpy(un.sun_path, links ? "swap/dir/s" : "good/s");
	pthread_t t;
	if (times > 0)
		pthread_create(&t, NULL, flip, NULL);
	long came[2] = {0, 0}, denied = 0;
	int fd = socket(un_kind ? AF_UNIX : AF_INET, type, 0);
	for (long i = 0; i < times; i++) {
		errno = 0;
		attempt(kind, fd);
		denied += errno == EACCES;
		if (type == SOCK_STREAM)
			close(fd), fd = socket(un_kind ? AF_UNIX : AF_INET, type, 0);
		if (i % 64 == 0 || i + 1 == times)
			came[0] += arrived(good, type), came[1] += arrived(bad, type);
	}
	done = 1;
	usleep(20000);
	came[0] += arrived(good, type), came[1] += arrived(bad, type);
	printf("allowed %ld, forbidden %ld, denied %ld\n", came[0], came[1], denied);
	return 0;
}
