/*
 * A storm of SIGALRM during calls. A call may be interrupted before a supervisor has received it (EINTR, if the
 * handler does not restart calls), but it may never take effect twice, nor fail and take effect.
 */
#include "faults.h"
#include <poll.h>

static volatile long alarms;

static void handler(int signal)
{
	alarms++;
	(void)signal;
}

/* set: a signal can end any notified call that no supervisor has received yet (docs/threat-model.md, 3), this one too. */
static void set(const struct itimerval *timer)
{
	int r;
	while ((r = setitimer(ITIMER_REAL, timer, 0)) < 0 && errno == EINTR)
		;
	must("setitimer", r);
}

static void storm(int flags, long micros)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
	struct itimerval timer = {{0, micros}, {0, micros}};

	must("sigaction", sigaction(SIGALRM, &action, 0));
	set(&timer);
}

static void calm(void)
{
	struct itimerval off = {{0, 0}, {0, 0}};
	set(&off);
}

/* exclusive does what can be done only once, and looks whether it was done exactly if it said so. */
static long exclusive(int interrupts)
{
	long wrong = 0;
	for (int i = 0; i < 3000; i++) {
		int done = mkdir("once", 0755), error = errno;
		int there;
		while ((there = access("once", F_OK)) < 0 && errno == EINTR)
			;
		if (done < 0 && !(interrupts && error == EINTR && there < 0))
			wrong++;
		if (done == 0 && there < 0)
			wrong++;
		while (rmdir("once") < 0 && errno == EINTR)
			;
	}
	return wrong;
}

static long blocking(int interrupts)
{
	int pair[2];
	long wrong = 0;
	char c;

	must("pipe", pipe(pair));
	pid_t pid = must("fork", fork());
	if (pid == 0) {
		usleep(50000);
		must("write", write(pair[1], "x", 1));
		_exit(0);
	}
	long n = read(pair[0], &c, 1);
	if (n < 0 && !(interrupts && errno == EINTR))
		wrong++;
	if (n >= 0 && interrupts)
		wrong++;
	n = poll(0, 0, 200);
	if (n >= 0 || errno != EINTR)
		wrong++;
	while (waitpid(pid, 0, 0) < 0 && errno == EINTR)
		;
	close(pair[0]);
	close(pair[1]);
	return wrong;
}

int main(void)
{
	for (int restart = 0; restart < 2; restart++) {
		storm(restart ? SA_RESTART : 0, 200);
		long wrong = exclusive(!restart);
		storm(restart ? SA_RESTART : 0, 10000);
		long odd = blocking(!restart);
		calm();
		printf("restart %d: %ld wrong, %ld odd, alarms %s\n", restart, wrong, odd, alarms > 10 ? "many" : "few");
	}
	return 0;
}
