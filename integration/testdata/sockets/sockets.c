/* Every call that takes a socket address, in ways that are right and wrong; prints what came of each. argv[1] is an empty directory. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/net.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* A call by its own number, or (MUX) in socketcall(2). */
static long in(long nr, int mux, long a, long b, long c, long d, long e, long f)
{
#ifdef MUX
	long args[6] = {a, b, c, d, e, f};
	return syscall(SYS_socketcall, mux, args);
#else
	return syscall(nr, a, b, c, d, e, f);
#endif
}
#define CONNECT(fd, p, n) in(SYS_connect, SYS_CONNECT, fd, (long)(p), n, 0, 0, 0)
#define BIND(fd, p, n) in(SYS_bind, SYS_BIND, fd, (long)(p), n, 0, 0, 0)
#define SENDTO(fd, p, n, f, a, l) in(SYS_sendto, SYS_SENDTO, fd, (long)(p), (long)(n), f, (long)(a), l)
#define SENDMSG(fd, m, f) in(SYS_sendmsg, SYS_SENDMSG, fd, (long)(m), f, 0, 0, 0)
#define SENDMMSG(fd, m, n, f) in(SYS_sendmmsg, SYS_SENDMMSG, fd, (long)(m), n, f, 0, 0)

static int pipes;
static pid_t pipes_in;

static void on_pipe(int sig)
{
	pipes++;
	pipes_in = syscall(SYS_gettid);
}
static volatile int alarms;
static void on_alarm(int sig) { alarms++; }

#define SAY(expr)                                                                                                     \
	do {                                                                                                          \
		errno = 0;                                                                                            \
		long r_ = (expr);                                                                                     \
		printf("%d %s = %ld", __LINE__, #expr, r_);                                                           \
		if (r_ < 0)                                                                                           \
			printf(" %s", strerrorname_np(errno));                                                        \
		if (pipes)                                                                                            \
			printf(" SIGPIPE %d %s", pipes, pipes_in == syscall(SYS_gettid) ? "here" : "elsewhere");      \
		pipes = 0;                                                                                            \
		printf("\n");                                                                                         \
	} while (0)

static char *hole; /* 4096 bytes that can be read, and then none */

static struct sockaddr_un un(const char *path, socklen_t *len)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	memcpy(a.sun_path, path, strnlen(path, sizeof a.sun_path));
	*len = offsetof(struct sockaddr_un, sun_path) + strnlen(path, sizeof a.sun_path);
	return a;
}
static int unix_socket(int type) { return socket(AF_UNIX, type, 0); }
static long bind_path(int fd, const char *path)
{
	socklen_t len;
	struct sockaddr_un a = un(path, &len);
	return BIND(fd, &a, len);
}
static long connect_path(int fd, const char *path)
{
	socklen_t len;
	struct sockaddr_un a = un(path, &len);
	return CONNECT(fd, &a, len);
}
static long send_path(int fd, const char *path, const char *text)
{
	socklen_t len;
	struct sockaddr_un a = un(path, &len);
	return SENDTO(fd, text, strlen(text), 0, &a, len);
}
static void name_of(const char *what, int fd, int peer)
{
	struct sockaddr_un a;
	socklen_t len = sizeof a;
	memset(&a, 0, sizeof a);
	int r = (peer ? getpeername : getsockname)(fd, (void *)&a, &len);
	printf("%s: %d, %d bytes, family %d, \"%s\"\n", what, r, (int)len, a.sun_family, a.sun_path[0] ? a.sun_path : a.sun_path + 1);
}
static void mode_of(const char *path)
{
	struct stat st;
	if (stat(path, &st) == 0)
		printf("%s is %o of %d:%d\n", path, st.st_mode, st.st_uid, st.st_gid);
}

static struct sockaddr_in inet(uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	return a;
}
static uint16_t port_of(int fd)
{
	struct sockaddr_in6 a;
	socklen_t len = sizeof a;
	getsockname(fd, (void *)&a, &len);
	return ntohs(a.sin6_port);
}
static int listener(uint16_t *port, int backlog)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in a = inet(0);
	BIND(fd, &a, sizeof a);
	listen(fd, backlog);
	*port = port_of(fd);
	return fd;
}
static void tcp_pair(int fd[2])
{
	uint16_t port;
	int l = listener(&port, 5);
	struct sockaddr_in a = inet(port);
	fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	CONNECT(fd[0], &a, sizeof a);
	fd[1] = accept(l, NULL, NULL);
	close(l);
}

static void addresses(int call)
{
	struct sockaddr_storage big[2];
	struct sockaddr_in a = inet(9);
	int tcp = socket(AF_INET, SOCK_STREAM, 0), pipefd[2];
	pipe(pipefd);
	memset(big, 0, sizeof big);
	printf("addresses of %s\n", call ? "bind" : "connect");
#define EITHER(fd, p, n) (call ? BIND(fd, p, n) : CONNECT(fd, p, n))
	SAY(EITHER(-1, &a, sizeof a));
	SAY(EITHER(99, NULL, 500));
	SAY(EITHER(pipefd[0], &a, sizeof a));
	SAY(EITHER(pipefd[0], &a, 500));
	SAY(EITHER(tcp, &a, 0));
	SAY(EITHER(tcp, &a, 1));
	SAY(EITHER(tcp, &a, 15));
	SAY(EITHER(tcp, &a, -1));
	SAY(EITHER(tcp, big, 128));
	SAY(EITHER(tcp, big, 129));
	SAY(EITHER(tcp, NULL, 16));
	SAY(EITHER(tcp, NULL, 0));
	SAY(EITHER(tcp, 1, 16));
	SAY(EITHER(tcp, -4096L, 16));
	SAY(EITHER(tcp, hole + 4090, 16));
	a.sin_family = 77;
	SAY(EITHER(tcp, &a, sizeof a));
	int u = unix_socket(SOCK_STREAM);
	SAY(EITHER(u, &a, sizeof a));
	SAY(EITHER(u, big, 2));
	struct sockaddr_un n = {.sun_family = AF_UNIX};
	SAY(EITHER(u, &n, 1));
	SAY(EITHER(u, &n, 111));
	memset(n.sun_path, 'y', sizeof n.sun_path);
	SAY(EITHER(u, &n, sizeof n));
	strcpy(n.sun_path, "nosuch/x");
	SAY(EITHER(u, &n, sizeof n));
	SAY(EITHER(u, &n, 128));
	strcpy(n.sun_path, "file/x");
	SAY(EITHER(u, &n, sizeof n));
	strcpy(n.sun_path, "closed/x");
	SAY(EITHER(u, &n, sizeof n));
	strcpy(n.sun_path, "file");
	SAY(EITHER(u, &n, sizeof n));
	strcpy(n.sun_path, "file/");
	SAY(EITHER(u, &n, sizeof n));
	strcpy(n.sun_path, "loop");
	SAY(EITHER(u, &n, sizeof n));
	strcpy(n.sun_path, "loop/x");
	SAY(EITHER(u, &n, sizeof n));
	strcpy(n.sun_path, "/");
	SAY(EITHER(u, &n, sizeof n));
	strcpy(n.sun_path, ".");
	SAY(EITHER(u, &n, sizeof n));
	strcpy(n.sun_path, "new/");
	SAY(EITHER(u, &n, sizeof n));
	SAY(EITHER(tcp, &n, sizeof n));
	SAY(EITHER(tcp, &n, 4));
	close(tcp), close(u), close(pipefd[0]), close(pipefd[1]);
}

static void paths(const char *top)
{
	char longpath[300];
	snprintf(longpath, sizeof longpath, "%s/./link/../dir/abs.sock", top);
	const char *list[] = {"plain.sock", "./dot.sock", "dir/in.sock", "dir/../link/up.sock", "link/via.sock", "dir//two.sock", longpath};
	for (unsigned i = 0; i < sizeof list / sizeof *list; i++) {
		int l = unix_socket(SOCK_STREAM), c = unix_socket(SOCK_STREAM), wrong = unix_socket(SOCK_DGRAM);
		umask(i % 2 ? 077 : 0);
		if (i == 2)
			fchmod(l, 0741);
		SAY(bind_path(l, list[i]));
		name_of("bound", l, 0);
		mode_of(list[i]);
		SAY(bind_path(l, "again.sock"));
		SAY(access("again.sock", F_OK));
		SAY(connect_path(c, list[i]));
		SAY(listen(l, 3));
		SAY(connect_path(wrong, list[i]));
		SAY(connect_path(c, list[i]));
		SAY(connect_path(c, list[i]));
		name_of("peer", c, 1);
		name_of("own", c, 0);
		int a = accept(l, NULL, NULL);
		char buf[64] = "";
		SAY(send(c, "hello", 5, 0));
		SAY(recv(a, buf, sizeof buf, 0));
		struct ucred cred;
		socklen_t len = sizeof cred;
		getsockopt(a, SOL_SOCKET, SO_PEERCRED, &cred, &len);
		printf("%s from %d:%d\n", buf, cred.uid, cred.gid);
		len = sizeof cred;
		getsockopt(c, SOL_SOCKET, SO_PEERCRED, &cred, &len);
		printf("listens %d:%d %d\n", cred.uid, cred.gid, cred.pid == getpid());
		close(l), close(c), close(a);
		SAY(connect_path(wrong, list[i]));
		SAY(bind_path(wrong, list[i]));
		close(wrong);
	}
	umask(022);
}

static void abstract(void)
{
	struct sockaddr_un n = {.sun_family = AF_UNIX, .sun_path = "\0stead test\0more"};
	int l = unix_socket(SOCK_SEQPACKET), c = unix_socket(SOCK_SEQPACKET), d = unix_socket(SOCK_DGRAM);
	n.sun_path[20] = getpid();
	SAY(BIND(l, &n, 25));
	SAY(BIND(c, &n, 25));
	SAY(listen(l, 1));
	SAY(CONNECT(c, &n, 24));
	SAY(CONNECT(c, &n, 25));
	SAY(SENDTO(c, "abc", 3, 0, NULL, 0));
	int a = accept(l, NULL, NULL);
	char b[9];
	SAY(recv(a, b, 9, 0));
	SAY(shutdown(a, SHUT_RD));
	SAY(SENDTO(c, "abc", 3, 0, NULL, 0));
	struct sockaddr_un self = {.sun_family = AF_UNIX};
	socklen_t len = sizeof self;
	SAY(BIND(d, &self, 2));
	SAY(getsockname(d, (void *)&self, &len));
	printf("autobind %d %d\n", (int)len, self.sun_path[0]);
	close(l), close(c), close(a), close(d);
}

static void datagrams(const char *top)
{
	char abs[200], buf[200];
	snprintf(abs, sizeof abs, "%s/dir/server.sock", top);
	int s = unix_socket(SOCK_DGRAM), c = unix_socket(SOCK_DGRAM), e = unix_socket(SOCK_DGRAM);
	struct sockaddr_un from, none = {.sun_family = AF_UNSPEC};
	socklen_t len = sizeof from;
	SAY(bind_path(s, abs));
	SAY(send_path(c, abs, "anonymous"));
	SAY(bind_path(c, "link/client.sock"));
	SAY(send_path(c, abs, "named"));
	SAY(send_path(c, "dir/server.sock", "again"));
	SAY(send_path(c, "dir/nosuch.sock", "x"));
	SAY(send_path(c, "closed/nosuch.sock", "x"));
	SAY(send_path(c, "file", "x"));
	SAY(SENDTO(c, "x", 1, 0, NULL, 0));
	SAY(SENDTO(c, "x", 1, MSG_OOB, NULL, 0));
	for (int i = 0; i < 3; i++) {
		len = sizeof from;
		memset(&from, 0, sizeof from);
		memset(buf, 0, sizeof buf);
		SAY(recvfrom(s, buf, sizeof buf, MSG_DONTWAIT, (void *)&from, &len));
		printf("%s from \"%s\" %d\n", buf, from.sun_path, (int)len);
	}
	SAY(SENDTO(s, "reply", 5, 0, &from, len));
	SAY(recv(c, buf, sizeof buf, MSG_DONTWAIT));
	SAY(connect_path(c, abs));
	SAY(SENDTO(c, "", 0, 0, NULL, 0));
	SAY(recv(s, buf, sizeof buf, MSG_DONTWAIT));
	SAY(SENDTO(c, "z", 1, 0, &none, 0));
	SAY(SENDTO(c, hole + 4090, 16, 0, NULL, 0));
	SAY(SENDTO(c, hole, 1 << 22, 0, NULL, 0));
	SAY(recv(s, buf, sizeof buf, MSG_DONTWAIT));
	SAY(recv(s, buf, sizeof buf, MSG_DONTWAIT));
	SAY(CONNECT(c, &none, sizeof none));
	SAY(SENDTO(c, "x", 1, 0, NULL, 0));
	SAY(connect_path(c, abs));
	SAY(bind_path(e, "e.sock"));
	SAY(connect_path(s, "e.sock"));
	SAY(SENDTO(c, "x", 1, 0, NULL, 0));
	SAY(shutdown(s, SHUT_RD));
	SAY(SENDTO(c, "x", 1, 0, NULL, 0));
	close(s);
	SAY(SENDTO(c, "x", 1, 0, NULL, 0));
	close(c), close(e);
}

static void udp(void)
{
	int s = socket(AF_INET, SOCK_DGRAM, 0), c = socket(AF_INET, SOCK_DGRAM, 0), six = socket(AF_INET6, SOCK_DGRAM, 0);
	struct sockaddr_in a = inet(0), none = {.sin_family = AF_UNSPEC};
	static char data[70000];
	SAY(BIND(s, &a, sizeof a));
	a = inet(port_of(s));
	SAY(SENDTO(c, "abc", 3, 0, &a, sizeof a));
	SAY(recv(s, data, sizeof data, 0));
	SAY(SENDTO(c, "abc", 3, 0, NULL, 0));
	SAY(SENDTO(c, "abc", 3, 0, NULL, 16));
	SAY(SENDTO(c, "abc", 3, 0, &a, 0));
	SAY(SENDTO(c, "abc", 3, 0, &a, 200));
	SAY(SENDTO(c, "abc", 3, 0, &a, -1));
	SAY(SENDTO(c, "abc", 3, 0, 1, 16));
	SAY(SENDTO(c, 1, 3, 0, &a, sizeof a));
	SAY(SENDTO(c, -4096L, 3, 0, &a, sizeof a));
	SAY(SENDTO(c, hole, 4097, 0, &a, sizeof a));
	SAY(SENDTO(c, hole, 65535, 0, &a, sizeof a));
	SAY(SENDTO(c, hole, 1L << 30, 0, &a, sizeof a));
	SAY(SENDTO(c, hole, -1L, 0, &a, sizeof a));
	SAY(SENDTO(c, data, 65508, 0, &a, sizeof a));
	SAY(SENDTO(c, data, 60000, 0, &a, sizeof a));
	SAY(recv(s, data, sizeof data, 0));
	SAY(SENDTO(c, data, 0, 0, &a, sizeof a));
	SAY(recv(s, data, sizeof data, 0));
	SAY(CONNECT(c, &a, sizeof a));
	SAY(SENDTO(c, "abc", 3, MSG_CONFIRM | MSG_DONTROUTE, NULL, 0));
	SAY(SENDTO(c, "abc", 3, 0x80000000, NULL, 0));
	SAY(CONNECT(c, &none, sizeof none));
	SAY(SENDTO(c, "abc", 3, 0, NULL, 0));
	struct sockaddr_in6 mapped = {.sin6_family = AF_INET6, .sin6_port = a.sin_port};
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr);
	SAY(SENDTO(six, "mapped", 6, 0, &mapped, sizeof mapped));
	SAY(CONNECT(six, &mapped, sizeof mapped));
	SAY(CONNECT(six, &mapped, 24));
	SAY(CONNECT(six, &mapped, 23));
	mapped.sin6_scope_id = 4711;
	inet_pton(AF_INET6, "fe80::1", &mapped.sin6_addr);
	SAY(CONNECT(six, &mapped, sizeof mapped));
	close(s), close(c), close(six);
}

static void tcp(void)
{
	uint16_t port, dead;
	struct sockaddr_in a, none = {.sin_family = AF_UNSPEC};
	int gone = listener(&dead, 1);
	close(gone);
	int l = listener(&port, 3), c = socket(AF_INET, SOCK_STREAM, 0);
	a = inet(dead);
	SAY(SENDTO(c, "x", 1, 0, NULL, 0));
	SAY(CONNECT(c, &a, sizeof a));
	a = inet(port);
	SAY(CONNECT(c, &a, sizeof a));
	SAY(CONNECT(c, &a, sizeof a));
	SAY(BIND(c, &a, sizeof a));
	SAY(SENDTO(c, "x", 1, 0, &a, sizeof a));
	SAY(SENDTO(c, "yy", 2, MSG_OOB | MSG_MORE, NULL, 0));
	SAY(SENDTO(c, hole + 4090, 100, 0, NULL, 0));
	SAY(SENDTO(c, hole + 4096, 100, 0, NULL, 0));
	SAY(fcntl(c, F_GETFL));
	int s = accept(l, NULL, NULL);
	char buf[100];
	usleep(10000);
	SAY(recv(s, buf, sizeof buf, 0));
	SAY(CONNECT(c, &none, sizeof none));
	SAY(SENDTO(c, "x", 1, 0, NULL, 0));
	SAY(SENDTO(c, "x", 1, MSG_NOSIGNAL, NULL, 0));
	close(c), close(s);
	int fd[2];
	tcp_pair(fd);
	SAY(shutdown(fd[0], SHUT_WR));
	SAY(SENDTO(fd[0], "x", 1, 0, NULL, 0));
	SAY(SENDTO(fd[0], "x", 1, MSG_NOSIGNAL, NULL, 0));
	struct linger reset = {1, 0};
	setsockopt(fd[0], SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	close(fd[0]);
	usleep(10000);
	SAY(SENDTO(fd[1], "x", 1, 0, NULL, 0));
	SAY(SENDTO(fd[1], "x", 1, 0, NULL, 0));
	close(fd[1]), close(l);
	c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	l = listener(&port, 0);
	a = inet(port);
	CONNECT(c, &a, sizeof a);
	int waiting[4], last = 0;
	for (int i = 0; i < 4; i++) { /* the queue is full after some; then nobody answers */
		waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		CONNECT(waiting[i], &a, sizeof a);
		usleep(1000);
		last = i;
	}
	SAY(CONNECT(waiting[last], &a, sizeof a));
	SAY(SENDTO(waiting[last], "x", 1, 0, NULL, 0));
	int slow = socket(AF_INET, SOCK_STREAM, 0);
	struct timeval t = {0, 50000};
	setsockopt(slow, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
	SAY(CONNECT(slow, &a, sizeof a));
	SAY(CONNECT(slow, &a, sizeof a));
	for (int i = 0; i < 4; i++)
		close(waiting[i]);
	close(slow), close(c), close(l);
	c = socket(AF_INET, SOCK_STREAM, 0), l = listener(&port, 1), a = inet(port);
	SAY(SENDTO(c, "fast", 4, MSG_FASTOPEN, &a, sizeof a));
	s = accept(l, NULL, NULL);
	SAY(recv(s, buf, sizeof buf, 0));
	close(c), close(l), close(s);
	SAY(SENDTO(-1, "x", 1, 0, NULL, 0));
	SAY(SENDTO(1, "x", 1, 0, NULL, 0));
}

#include "messages.h"
#include "waiting.h"

int main(int argc, char **argv)
{
	struct sigaction act = {.sa_handler = on_pipe};
	sigaction(SIGPIPE, &act, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	hole = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(hole + 4096, 4096, PROT_NONE);
	if (argc < 2 || chdir(argv[1]) != 0)
		return 2;
	mkdir("dir", 0755), symlink("dir", "link"), symlink("loop", "loop");
	close(open("file", O_CREAT | O_WRONLY, 0644));
	mkdir("closed", 0000);
	addresses(0), addresses(1);
	paths(argv[1]);
	abstract();
	datagrams(argv[1]);
	udp();
	tcp();
	messages();
	many();
	streams();
	broken();
	return 0;
}
