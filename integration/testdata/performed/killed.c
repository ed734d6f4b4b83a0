/* killed DIR [UID]: for every number read, so many processes and threads that are killed while their calls are being performed, at any
 * moment. Then prints the number, and what is left that should not be. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

/* calls never ends. Every name is made, renamed and removed again, so that whatever it is killed in, one name is left or none. */
static void calls(int i)
{
	char a[32], b[32], link[64];
	struct stat st;
	int d = open("d", O_RDONLY | O_DIRECTORY);

	snprintf(a, sizeof a, "a%d", i);
	snprintf(b, sizeof b, "b%d", i);
	for (;;) {
		close(openat(d, a, O_CREAT | O_RDWR | O_EXCL, 0600));
		fstatat(d, a, &st, 0);
		renameat(d, a, d, b);
		syscall(SYS_chmod, "d", 0755);
		symlinkat("x", d, a);
		readlinkat(d, a, link, sizeof link);
		unlinkat(d, a, 0);
		unlinkat(d, b, 0);
		stat("/proc/self/cwd/d", &st);
		setxattr("d", "user.k", "v", 1, 0);
		close(open("tmp", O_TMPFILE | O_RDWR, 0600));
		if (i % 4 == 0)
			close(open("fifo", O_RDONLY)); /* waits */
		if (chdir("d") == 0)
			chdir("..");
	}
}

static int left(void)
{
	int n = 0;
	DIR *d = opendir("d");
	for (struct dirent *e; (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		n++;
		unlinkat(dirfd(d), e->d_name, 0);
	}
	closedir(d);
	return n;
}

int main(int argc, char **argv)
{
	char line[32];
	unsigned seed = 1;

	if (argc < 2 || chdir(argv[1]))
		return 1;
	mkdir("d", 0777);
	mkdir("tmp", 0777);
	chmod("d", 0777);
	chmod("tmp", 0777);
	mkfifo("fifo", 0666);
	while (fgets(line, sizeof line, stdin)) {
		int n = atoi(line), most = 0;
		for (int i = 0; i < n; i++) {
			int status;
			pid_t pid = fork();
			if (pid == 0) {
				if (argc > 2 && (chroot(".") || setgid(atoi(argv[2])) || setuid(atoi(argv[2]))))
					_exit(1);
				calls(i);
			}
			struct timespec t = {0, rand_r(&seed) % 3000000};
			nanosleep(&t, 0);
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			if (!WIFSIGNALED(status))
				printf("child ended by itself: %d\n", status);
			int l = left();
			most = l > most ? l : most;
		}
		printf("%d, at most %s\n", n, most > 2 ? "too many" : "two names left");
		fflush(stdout);
	}
	return 0;
}
