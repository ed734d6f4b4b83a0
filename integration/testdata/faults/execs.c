/* Ways to run another program: vfork, a thread that is not the leader, a thousand in a row. */
#include "faults.h"
#include <spawn.h>

static int wait_for(pid_t pid)
{
	int status;
	must("waitpid", waitpid(pid, &status, 0));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void by_vfork(void)
{
	pid_t pid = vfork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "echo from a vfork child; exit 3", (char *)0);
		_exit(127);
	}
	printf("vfork %d\n", wait_for(must("vfork", pid)));
	pid = vfork();
	if (pid == 0) {
		execl("/nowhere", "nowhere", (char *)0);
		_exit(errno == ENOENT ? 44 : 45);
	}
	printf("vfork, missing %d\n", wait_for(must("vfork", pid)));
}

static void *replace(void *unused)
{
	execl("/bin/sh", "sh", "-c", "echo $$ | grep -q . && echo from a thread; exit 4", (char *)0);
	_exit(127);
	return unused;
}

static void by_thread(void)
{
	pthread_t t;
	pid_t pid = must("fork", fork());
	if (pid == 0) {
		pthread_create(&t, 0, replace, 0);
		for (;;)
			access("/nowhere", F_OK);
	}
	printf("thread %d\n", wait_for(pid));
}

static void many(void)
{
	char *argv[] = {"true", 0}, *envp[] = {0};
	int good = 0;
	for (int i = 0; i < 1000; i++) {
		pid_t pid;
		if (posix_spawn(&pid, "/bin/true", 0, 0, argv, envp) == 0)
			good += wait_for(pid) == 0;
	}
	printf("spawned %d\n", good);
}

int main(void)
{
	setbuf(stdout, 0);
	by_vfork();
	by_thread();
	many();
	return 0;
}
