/* blocked MODE N: threads that wait in open(2) of a FIFO, and what ends their waiting. Prints the same with a supervisor and without. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int results[4096];
static volatile int handled;

static void pause_ms(int ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000l};
	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

static void *reader(void *arg)
{
	int f = open("fifo", O_RDONLY);
	results[(long)arg] = f < 0 ? -errno : 0;
	if (f >= 0)
		close(f);
	return 0;
}

static void handler(int sig)
{
	(void)sig;
	handled++;
}

static void start(pthread_t *t, int n)
{
	pthread_attr_t a;
	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 65536);
	for (long i = 0; i < n; i++)
		if (pthread_create(&t[i], &a, reader, (void *)i))
			exit(3);
	pause_ms(300);
}

static void summary(const char *what, int n)
{
	int opened = 0, interrupted = 0;
	for (int i = 0; i < n; i++) {
		opened += results[i] == 0;
		interrupted += results[i] == -EINTR;
	}
	printf("%s: %d opened, %d interrupted, %d otherwise\n", what, opened, interrupted, n - opened - interrupted);
	fflush(stdout);
}

static void release(int n)
{
	pthread_t t[4096];
	start(t, n);
	int f = open("fifo", O_WRONLY);
	for (int i = 0; i < n; i++)
		pthread_join(t[i], 0);
	close(f);
	summary("released", n);
}

static void killed(int n)
{
	pthread_t t[4096];
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		start(t, n);
		pause();
	}
	pause_ms(600);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	printf("killed: signal %d\n", WTERMSIG(status));
}

/* signalled: without SA_RESTART the call ends, with it the call goes on until there is a writer. */
static void signalled(int n, int flags)
{
	pthread_t t[4096];
	struct sigaction sa = {.sa_handler = handler, .sa_flags = flags};
	sigaction(SIGUSR1, &sa, 0);
	handled = 0;
	start(t, n);
	for (int i = 0; i < n; i++)
		pthread_kill(t[i], SIGUSR1);
	pause_ms(2000);
	int ran = handled;
	int f = open("fifo", O_WRONLY | O_NONBLOCK);
	printf("writer: %s\n", f < 0 ? strerror(errno) : "opened");
	for (int i = 0; i < n; i++)
		pthread_join(t[i], 0);
	if (f >= 0)
		close(f);
	printf("handler ran %s\n", ran == n ? "everywhere in time" : "late or not at all");
	summary(flags & SA_RESTART ? "restarting" : "not restarting", n);
}

int main(int argc, char **argv)
{
	int n = argc > 2 ? atoi(argv[2]) : 1;
	struct stat st;
	mkfifo("fifo", 0600);
	switch (argc > 1 ? argv[1][0] : 0) {
	case 'r':
		release(n);
		break;
	case 'k':
		killed(n);
		break;
	case 's':
		signalled(n, 0);
		signalled(n, SA_RESTART);
		break;
	}
	printf("stat %d\n", stat("fifo", &st));
	return 0;
}
