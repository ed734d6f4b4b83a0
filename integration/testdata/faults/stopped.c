/* A child that is stopped and continued while it calls. */
#include "faults.h"

int main(void)
{
	int status, stops = 0, continues = 0;
	pid_t pid = must("fork", fork());

	if (pid == 0) {
		int wrong = 0;
		for (int i = 0; i < 20000; i++)
			wrong += !(access("/nowhere/at/all", F_OK) == -1 && errno == ENOENT);
		for (int i = 0; i < 20; i++)
			usleep(10000);
		_exit(wrong ? 1 : 6);
	}
	for (int i = 0; i < 50; i++) {
		usleep(500);
		must("kill", kill(pid, SIGSTOP));
		must("waitpid", waitpid(pid, &status, WUNTRACED));
		stops += WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP;
		must("kill", kill(pid, SIGCONT));
		must("waitpid", waitpid(pid, &status, WCONTINUED));
		continues += WIFCONTINUED(status);
	}
	must("waitpid", waitpid(pid, &status, 0));
	printf("stopped %d, continued %d, ended %d\n", stops, continues, WEXITSTATUS(status));
	return 0;
}
