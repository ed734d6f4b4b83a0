/* Makes the calls that standard input lists, a line each (a letter and one or two paths), and prints each with its errno. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int opened(const char *path, int flags)
{
	int fd = open(path, flags | O_NONBLOCK, 0644);
	if (fd >= 0)
		close(fd);
	return fd;
}

/* executed gives what execve of a copy of this program gave, which does nothing then. */
static int executed(const char *path)
{
	int p[2], error = 0;
	pipe2(p, O_CLOEXEC);
	if (fork() == 0) {
		char *argv[] = {"x", "nothing", NULL}, *envp[] = {NULL};
		execve(path, argv, envp);
		error = errno;
		write(p[1], &error, sizeof error);
		_exit(0);
	}
	close(p[1]);
	read(p[0], &error, sizeof error);
	close(p[0]);
	wait(NULL);
	errno = error;
	return error ? -1 : 0;
}

static int call(char op, const char *a, const char *b)
{
	struct stat st;
	char text[256];
	switch (op) {
	case 'r': return opened(a, O_RDONLY);
	case 'l': return opened(a, O_RDONLY | O_DIRECTORY);
	case 'w': return opened(a, O_WRONLY);
	case 'b': return opened(a, O_RDWR);
	case 'T': return opened(a, O_WRONLY | O_TRUNC);
	case 'p': return opened(a, O_PATH | O_NOFOLLOW);
	case 'c': return opened(a, O_WRONLY | O_CREAT | O_EXCL);
	case 'C': return opened(a, O_WRONLY | O_CREAT);
	case 't': return truncate(a, 0);
	case 'k': return mkdir(a, 0755);
	case 'd': return rmdir(a);
	case 'u': return unlink(a);
	case 'y': return symlink("f", a);
	case 'f': return mkfifo(a, 0644);
	case 'n': return rename(a, b);
	case 'X': return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
	case 'h': return link(a, b);
	case 's': return lstat(a, &st);
	case 'S': return stat(a, &st);
	case 'a': return access(a, R_OK);
	case 'e': return readlink(a, text, sizeof text);
	case 'm': return chmod(a, 0755);
	case 'x': return executed(a);
	}
	errno = ENOTSUP;
	return -1;
}

int main(int argc, char **argv)
{
	char line[2048], op, a[1024], b[1024];
	(void)argv;
	if (argc > 1)
		return 0;
	while (fgets(line, sizeof line, stdin)) {
		b[0] = 0;
		sscanf(line, "%c %1023s %1023s", &op, a, b);
		errno = 0;
		int r = call(op, a, b);
		printf("%c %s %s: %s\n", op, a, b, r < 0 ? strerrorname_np(errno) : "ok");
	}
	return 0;
}
