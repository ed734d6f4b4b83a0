// Makes an internet socket through the multiplexer and directly, and a local one, and says what came of each.
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void say(const char *what, long fd)
{
	if (fd < 0)
		printf("%s refused %d\n", what, errno);
	else
		printf("%s made\n", what);
}

int main(void)
{
	long args[3] = {AF_INET, SOCK_STREAM, 0};

	say("carried", syscall(SYS_socketcall, 1, args));
	say("direct", syscall(SYS_socket, AF_INET, SOCK_STREAM, 0));
	say("direct unix", syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0));
	return 0;
}
