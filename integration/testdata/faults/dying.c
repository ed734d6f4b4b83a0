/* Threads and processes that die while a call of theirs may be pending. */
#include "faults.h"

static void *busy(void *unused)
{
	for (;;)
		access("/nowhere/at/all", F_OK);
	return unused;
}

/* A sibling kills the process from outside. */
static int killed(int delay)
{
	int status;
	pid_t pid = must("fork", fork());

	if (pid == 0)
		busy(0);
	usleep(delay);
	kill(pid, SIGKILL);
	must("waitpid", waitpid(pid, &status, 0));
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

/* One thread ends the process while others are in calls. */
static int ended(int delay)
{
	int status;
	pthread_t t;
	pid_t pid = must("fork", fork());

	if (pid == 0) {
		for (int i = 0; i < 4; i++)
			pthread_create(&t, 0, busy, 0);
		usleep(delay);
		_exit(5);
	}
	must("waitpid", waitpid(pid, &status, 0));
	return WIFEXITED(status) && WEXITSTATUS(status) == 5;
}

int main(void)
{
	int a = 0, b = 0;

	for (int i = 0; i < 100; i++)
		a += killed(i * 20);
	for (int i = 0; i < 50; i++)
		b += ended(i * 20);
	printf("killed %d, ended %d\n", a, b);
	return 0;
}
