/* Makes the calls that standard input lists, a line each (a letter, an address and a port), and prints each with its errno. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static union {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
} to;

static socklen_t address(const char *text, int port)
{
	memset(&to, 0, sizeof to);
	if (strchr(text, ':')) {
		to.in6.sin6_family = AF_INET6;
		to.in6.sin6_port = htons(port);
		inet_pton(AF_INET6, text, &to.in6.sin6_addr);
		return sizeof to.in6;
	}
	to.in.sin_family = AF_INET;
	to.in.sin_port = htons(port);
	inet_pton(AF_INET, text, &to.in.sin_addr);
	return sizeof to.in;
}

static int call(char op, const char *text, int port)
{
	socklen_t len = address(text, port);
	int one = 1, r = -1;
	int fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	switch (op) {
	case 'c': r = connect(fd, &to.any, len); break;
	case 'b': r = bind(fd, &to.any, len); break;
	case 'l': r = bind(fd, &to.any, len) < 0 ? -1 : listen(fd, 1); break;
	case 'B': /* twice */
		r = bind(fd, &to.any, len) < 0 ? -1 : bind(fd, &to.any, len);
		break;
	}
	int error = errno;
	close(fd);
	errno = error;
	return r;
}

int main(void)
{
	char line[256], op, text[100];
	int port;
	while (fgets(line, sizeof line, stdin) && sscanf(line, "%c %99s %d", &op, text, &port) == 3) {
		errno = 0;
		int r = call(op, text, port);
		printf("%c %s %d: %s\n", op, text, port, r < 0 ? strerrorname_np(errno) : "ok");
	}
	return 0;
}
