/* Says "ready" and then the number of each signal that it gets; SIGUSR2 ends it with status 9. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	static const int list[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGALRM, SIGWINCH, SIGUSR2};
	sigset_t set;
	int sig;
	sigemptyset(&set);
	for (unsigned i = 0; i < sizeof list / sizeof *list; i++)
		sigaddset(&set, list[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("ready %d\n", getpid());
	while (sigwait(&set, &sig) == 0 && sig != SIGUSR2)
		printf("got %d\n", sig);
	return 9;
}
