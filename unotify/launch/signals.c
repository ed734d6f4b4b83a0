/*
 * A signal handler that keeps what os/signal drops: who sent the signal. A signal from the terminal reaches the supervised
 * program by itself; one that somebody sent to the supervisor has to be passed on.
 */
#define _GNU_SOURCE
#include "child.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static int signal_pipe = -1; /* set once, before the first handler */

static void on_signal(int sig, siginfo_t *info, void *context)
{
	int saved = errno;
	int message[2] = {sig, info->si_code};
	(void)context;
	if (write(signal_pipe, message, sizeof message) < 0) {
		/* The pipe does not block: thousands of unread signals say nothing more than the first ones. */
	}
	errno = saved;
}

int stead_catch(int fd, const int *signals, int n)
{
	struct sigaction act;
	memset(&act, 0, sizeof act);
	act.sa_sigaction = on_signal;
	act.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK; /* Go's threads need the alternate stack */
	sigfillset(&act.sa_mask);
	signal_pipe = fd;
	for (int i = 0; i < n; i++)
		if (sigaction(signals[i], &act, NULL) < 0)
			return errno;
	return 0;
}

int stead_default(int sig)
{
	return signal(sig, SIG_DFL) == SIG_ERR ? errno : 0;
}
